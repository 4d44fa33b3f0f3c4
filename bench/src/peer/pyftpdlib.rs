//! pyftpdlib: its own event loop, `sendfile` on (as it is by itself), one process for each core.

use std::io;
use std::process::Command;

use super::{Launch, Site, first_line};

/// The server itself.
const SCRIPT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/peers/serve_pyftpdlib.py");

pub(super) fn launch(site: &Site) -> io::Result<Launch> {
    let (first, last) = site.passive;
    let (user, group) = site.owner;
    let workers = std::thread::available_parallelism()?.get();
    let rate = site.rate.unwrap_or(0);
    let numbers = [first.into(), last.into(), user.into(), group.into(), workers as u64, rate];
    let numbers = numbers.iter().map(u64::to_string);
    let head = ["-OO".into(), SCRIPT.into(), site.port.to_string(), site.public.display().to_string()];
    let tls = site.certificate.iter().map(|files| files.both.display().to_string());
    Ok(Launch::new(&site.program, head.into_iter().chain(numbers).chain(tls)))
}

pub(super) fn version(site: &Site) -> io::Result<String> {
    let script = "import pyftpdlib, OpenSSL, sys; print('pyftpdlib', pyftpdlib.__ver__, 'with pyOpenSSL', OpenSSL.__version__, 'on Python', sys.version.split()[0])";
    first_line(Command::new(&site.program).args(["-c", script]))
}
