//! The reference: ourselves, in the role of a server that does the least work. See [`crate::bare`].

use std::io;

use super::{Launch, Site};

/// How the page calls it.
pub(super) const WHAT: &str = "bare: the reference of this benchmark; a thread for each connection, splice through a \
     pipe of 1 MiB, TLS with 16 records sealed or opened in place for each call, no access checks, no logs, no limits, no protocol beyond the commands that are measured";

pub(super) fn launch(site: &Site) -> io::Result<Launch> {
    let (first, last) = site.passive;
    let arguments = [
        crate::bare::WORD.to_owned(),
        format!("127.0.0.1:{}", site.port),
        site.public.display().to_string(),
        first.to_string(),
        last.to_string(),
    ];
    let tls = site.certificate.iter().flat_map(|files| [&files.chain, &files.key]);
    let tls = tls.map(|file| file.display().to_string());
    Ok(Launch::new(std::env::current_exe()?, arguments.into_iter().chain(tls)))
}
