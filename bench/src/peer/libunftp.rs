//! A server on libunftp in its usual form: a tokio worker for each core, files through its file system backend.

use std::fs;
use std::io;
use std::os::unix::fs::PermissionsExt;

use super::{Launch, Site};

/// Says which versions were built.
const LOCK: &str = include_str!("../../peers/libunftp/Cargo.lock");

pub(super) fn launch(site: &Site) -> io::Result<Launch> {
    // It does not change its identity by itself, and the target directory may be closed to others.
    let program = site.place.join("libunftp");
    fs::copy(&site.program, &program)?;
    fs::set_permissions(&program, fs::Permissions::from_mode(0o755))?;
    let ((first, last), (user, group)) = (site.passive, site.owner);
    let arguments = vec![
        format!("--reuid={user}"),
        format!("--regid={group}"),
        "--clear-groups".into(),
        program.display().to_string(),
        format!("127.0.0.1:{}", site.port),
        site.public.display().to_string(),
        first.to_string(),
        last.to_string(),
    ];
    let tls = site.certificate.iter().flat_map(|files| [&files.chain, &files.key]);
    Ok(Launch::new("setpriv", arguments.into_iter().chain(tls.map(|file| file.display().to_string()))))
}

pub(super) fn version() -> String {
    let of = |name: &str| {
        let mut lines = LOCK.lines().skip_while(|line| *line != format!("name = \"{name}\""));
        let version = lines.nth(1).and_then(|line| line.split('"').nth(1));
        version.unwrap_or("unknown").to_owned()
    };
    format!("libunftp {}, unftp-sbe-fs {}", of("libunftp"), of("unftp-sbe-fs"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_versions_are_those_of_the_lock_file() {
        assert!(version().starts_with("libunftp 0."), "{}", version());
        assert!(!version().contains("unknown"));
    }
}
