//! The certificate of `wharfd share`: made by the keymaker at the first start, kept where the user keeps such things.

use std::ffi::OsString;
use std::io;
use std::os::fd::AsFd;
use std::path::PathBuf;

use wharf_ipc::link::{Link, scratch};
use wharf_ipc::own::{Answer, Own};
use wharf_os::spawn::Launch;

/// Finds the certificate of this user, or has it made.
///
/// # Errors
/// What is wrong with which file, and what to try.
pub fn certificate() -> Result<Own, String> {
    let directory = directory(|name| std::env::var_os(name), wharf_os::identity::is_root())?;
    let failed = |error: io::Error| format!("no certificate can be made: {error}");
    let (ours, theirs) = Link::<(), Answer>::pair().map_err(failed)?;
    let mut keymaker = Launch::new("keymaker").descriptor("monitor", theirs.as_fd()).argument(directory);
    for host in hosts() {
        keymaker = keymaker.argument(host);
    }
    let mut child = keymaker.start().map_err(failed)?;
    drop(theirs);
    // It writes two small files and is gone.
    let answer = ours.receive(&mut scratch());
    child.wait().map_err(failed)?;
    match answer.map_err(failed)? {
        Some(received) => received.message,
        None => Err(failed(io::Error::other("the process that makes it has failed"))),
    }
}

/// Where programs of this user keep what they must not lose (XDG Base Directory Specification); a daemon's place for root
/// without a home.
fn directory(variable: impl Fn(&str) -> Option<OsString>, is_root: bool) -> Result<PathBuf, String> {
    let absolute = |name: &str| variable(name).map(PathBuf::from).filter(|path| path.is_absolute());
    let state = absolute("XDG_STATE_HOME").or_else(|| absolute("HOME").map(|home| home.join(".local/state")));
    match state {
        Some(state) => Ok(state.join("wharf")),
        None if is_root => Ok(PathBuf::from("/var/lib/wharf")),
        None => Err("there is no place for a certificate: set HOME or XDG_STATE_HOME".to_owned()),
    }
}

/// What this machine is called; people reach it by other names, too, and compare the fingerprint.
fn hosts() -> Vec<String> {
    let name = rustix::system::uname().nodename().to_string_lossy().into_owned();
    let is_name = |name: &String| {
        !name.is_empty() && name.chars().all(|it| it.is_ascii_alphanumeric() || "-.".contains(it))
    };
    let mut hosts: Vec<String> = Some(name).filter(is_name).into_iter().collect();
    hosts.extend(["localhost", "127.0.0.1", "::1"].map(str::to_owned));
    hosts.dedup();
    hosts
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_certificate_is_kept_where_the_user_keeps_such_things() {
        let place = |variables: &[(&str, &str)], is_root| {
            let variables: Vec<_> =
                variables.iter().map(|&(name, value)| (name.to_owned(), value.to_owned())).collect();
            directory(
                |name| variables.iter().find(|(it, _)| it == name).map(|(_, value)| value.into()),
                is_root,
            )
        };
        assert_eq!(
            place(&[("HOME", "/h"), ("XDG_STATE_HOME", "/s")], false).unwrap(),
            PathBuf::from("/s/wharf")
        );
        assert_eq!(
            place(&[("HOME", "/h"), ("XDG_STATE_HOME", "s")], true).unwrap(),
            PathBuf::from("/h/.local/state/wharf")
        );
        assert_eq!(place(&[], true).unwrap(), PathBuf::from("/var/lib/wharf"));
        assert!(place(&[("HOME", "")], false).unwrap_err().contains("XDG_STATE_HOME"));
    }

    #[test]
    fn a_machine_has_a_name_that_a_certificate_can_bear() {
        assert!(hosts().contains(&"localhost".to_owned()));
    }
}
