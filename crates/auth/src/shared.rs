//! The one account of a folder shared from a terminal.
//!
//! Its password came from the command line or was made up there; nothing of it is in any file. It brings no identity:
//! everything runs as whoever shares the folder.

use std::hint::black_box;

use wharf_ipc::auth::{Attempt, Reason, Verdict};

use crate::refused;
use crate::source::{Judgement, Source};

/// The account of `wharfd share`.
#[derive(Debug)]
pub struct Shared;

impl Source for Shared {
    fn verify(&self, attempt: &Attempt) -> Option<Judgement> {
        // Nobody has a certificate for a shared folder.
        let account = attempt.shared.as_ref().filter(|_| !attempt.is_proven)?;
        // Both are compared always, so that a wrong name takes as long as a wrong password.
        let is_name = is_equal(&account.name, &attempt.name);
        let is_password = is_equal(account.password.expose(), attempt.password.expose());
        if is_name & is_password {
            return Some(Verdict::Shared.into());
        }
        // A server that has accounts of the system as well may know this name there.
        let is_judged = is_name || !attempt.system_accounts;
        is_judged.then(|| refused(Reason::Credentials, "not the name and password of the shared folder"))
    }
}

/// Compares in a time that depends on the length of what was typed only.
///
/// An expected value that is empty equals nothing: an account without a password is a mistake, not an invitation.
fn is_equal(expected: &[u8], typed: &[u8]) -> bool {
    let mut difference = u8::from(expected.len() != typed.len()) | u8::from(expected.is_empty());
    for (at, octet) in typed.iter().enumerate() {
        let other = expected.get(at.checked_rem(expected.len()).unwrap_or(0)).copied().unwrap_or(!octet);
        // The optimiser must not learn that the answer is settled early.
        difference = black_box(difference | (octet ^ other));
    }
    black_box(difference) == 0
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::conformance::{self, attempt, conforms, shared};

    fn verdict(name: &str, password: &str, system_accounts: bool) -> Option<Verdict> {
        let shared = Some(shared("ann", "right"));
        conformance::verdict(&Shared, &Attempt { shared, system_accounts, ..attempt(name, password) })
    }

    #[test]
    fn the_shared_account_conforms() {
        conforms(&Shared);
    }

    #[test]
    fn only_the_whole_name_and_password_come_in() {
        assert_eq!(verdict("ann", "right", false), Some(Verdict::Shared));
        for (name, password) in [
            ("ann", "wrong"),
            ("ann", ""),
            ("ann", "righ"),
            ("ann", "rightright"),
            ("bob", "right"),
            ("an", "right"),
        ] {
            assert!(
                matches!(verdict(name, password, false), Some(Verdict::Refused { .. })),
                "{name} {password}"
            );
        }
    }

    #[test]
    fn other_names_are_left_to_the_system_where_it_has_accounts() {
        assert_eq!(verdict("bob", "x", true), None);
        assert!(matches!(verdict("ann", "x", true), Some(Verdict::Refused { .. })));
    }

    #[test]
    fn an_empty_password_is_never_right() {
        let attempt = Attempt { shared: Some(shared("ann", "")), ..attempt("ann", "") };
        assert!(matches!(conformance::verdict(&Shared, &attempt), Some(Verdict::Refused { .. })));
        assert!(!is_equal(b"", b""));
        assert!(!is_equal(b"", b"x"));
    }
}
