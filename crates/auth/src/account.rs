//! The account of the system that belongs to a proven name.

use std::os::unix::ffi::OsStringExt;

use wharf_ipc::auth::{Account, Reason, Verdict};
use wharf_os::identity;

use crate::refused;

/// The most supplementary groups; Linux's own limit is 65,536, and a message must hold them.
const MOST_GROUPS: usize = 8192;

/// Looks a name up after its password was accepted.
///
/// A name that PAM accepts and the system does not know comes from a data base of virtual users; the monitor decides
/// what to make of it.
#[must_use]
pub fn identify(name: &[u8]) -> Verdict {
    match identity::lookup(name) {
        Ok(Some(account)) if account.groups.len() > MOST_GROUPS => {
            refused(Reason::Broken, format!("the account is in more than {MOST_GROUPS} groups"))
        }
        Ok(Some(account)) => Verdict::Identity(Account {
            name: account.name,
            uid: account.uid,
            gid: account.gid,
            groups: account.groups,
            home: account.home.into_os_string().into_vec(),
            shell: account.shell.into_os_string().into_vec(),
        }),
        Ok(None) => refused(
            Reason::NoAccount,
            format!("PAM accepts '{}', but this system has no such account: create it", name.escape_ascii()),
        ),
        Err(error) => refused(Reason::Broken, error.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn root_is_found_whole() {
        let Verdict::Identity(account) = identify(b"root") else { panic!("every system has root") };
        assert_eq!((account.name.as_slice(), account.uid, account.gid), (&b"root"[..], 0, 0));
        assert!(account.groups.contains(&0));
        assert!(account.home.starts_with(b"/"));
    }

    #[test]
    fn a_name_without_account_is_told_as_that() {
        for name in [&b"no-such-user-here"[..], b"", b"a\0b", b"\xff"] {
            assert!(matches!(identify(name), Verdict::Refused { reason: Reason::NoAccount, .. }), "{name:?}");
        }
    }
}
