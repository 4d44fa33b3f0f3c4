//! The account of the system that belongs to a proven name.

use wharf_ipc::auth::Account;
use wharf_os::identity;

/// The most supplementary groups; Linux's own limit is 65,536, and a message must hold them.
const MOST_GROUPS: usize = 8192;

/// Looks a name up; `None` when the system has no such account.
///
/// # Errors
/// A sentence for the log, when the data base cannot be asked or the account has too many groups.
pub fn identify(name: &[u8]) -> Result<Option<Account>, String> {
    let Some(account) = identity::lookup(name).map_err(|error| error.to_string())? else { return Ok(None) };
    if account.groups.len() > MOST_GROUPS {
        return Err(format!("the account is in more than {MOST_GROUPS} groups"));
    }
    Ok(Some(account.into()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn root_is_found_whole() {
        let account = identify(b"root").unwrap().expect("every system has root");
        assert_eq!((account.name.as_slice(), account.uid, account.gid), (&b"root"[..], 0, 0));
        assert!(account.groups.contains(&0));
        assert!(account.home.starts_with(b"/"));
    }

    #[test]
    fn a_name_without_account_is_told_as_that() {
        for name in [&b"no-such-user-here"[..], b"", b"a\0b", b"\xff"] {
            assert_eq!(identify(name), Ok(None), "{name:?}");
        }
    }
}
