//! What a source of accounts is, and in which order they are asked.

use std::path::Path;

use wharf_ipc::auth::{Attempt, Reason, Verdict};
use wharf_os::login_record::LoginRecord;
use wharf_os::pam::OpenSession;

use crate::ftpusers::Ftpusers;
use crate::pam::Pam;
use crate::shared::Shared;
use crate::users::VirtualUsers;
use crate::{name, refused};

/// What a source says, and what its process keeps alive for the session.
#[derive(Debug)]
pub struct Judgement {
    /// For the monitor.
    pub verdict: Verdict,
    /// What ends with the session.
    pub session: Option<Kept>,
}

/// Closed in this order when dropped: the login record first, as PAM's modules may end the process's rights.
#[derive(Debug)]
pub struct Kept {
    /// utmp and wtmp.
    pub record: LoginRecord,
    /// PAM's session.
    pub pam: OpenSession,
}

impl From<Verdict> for Judgement {
    fn from(verdict: Verdict) -> Self {
        Self { verdict, session: None }
    }
}

/// A place that knows accounts, or forbids some.
///
/// An implementation is done when it passes the conformance suite.
pub trait Source {
    /// Judges an attempt; `None` leaves it to the next source.
    ///
    /// It may block. It never panics on any name or password, and never puts either into a detail unescaped.
    fn verify(&self, attempt: &Attempt) -> Option<Judgement>;
}

/// The sources of this server, in the order they are asked: rules before passwords.
///
/// The shared account comes first. It exists only where somebody shares a folder from a terminal, and has no rights of
/// the account of the same name. Virtual users come before the list of refused accounts, which is about other people.
#[must_use]
pub fn sources(is_root: bool) -> Vec<Box<dyn Source>> {
    vec![
        Box::new(Shared),
        Box::new(SystemAccounts { is_root }),
        Box::new(VirtualUsers),
        Box::new(Ftpusers::at(Path::new("/etc/ftpusers"))),
        Box::new(Pam),
    ]
}

/// Asks one source after the other; an attempt that none of them judges is refused.
#[must_use]
pub fn verify(attempt: &Attempt, sources: &[Box<dyn Source>]) -> Judgement {
    if let Err(fault) = name::check(&attempt.name, attempt.password.expose()) {
        return refused(Reason::Credentials, fault);
    }
    sources
        .iter()
        .find_map(|source| source.verify(attempt))
        .unwrap_or_else(|| refused(Reason::Credentials, "no source of accounts knows this name"))
}

/// Whether accounts of the system may log in at all.
#[derive(Debug)]
struct SystemAccounts {
    is_root: bool,
}

impl Source for SystemAccounts {
    fn verify(&self, attempt: &Attempt) -> Option<Judgement> {
        if !attempt.system_accounts {
            return Some(refused(Reason::Credentials, "accounts of this system may not log in here"));
        }
        // Security: without root, PAM could prove the name but nobody could become it.
        (!self.is_root).then(|| {
            refused(
                Reason::Broken,
                "accounts of this system can log in only when the server was started as root",
            )
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::conformance::{attempt, conforms, shared, verdict};

    #[test]
    fn the_switch_for_system_accounts_conforms_and_refuses() {
        conforms(&SystemAccounts { is_root: true });
        let off = Attempt { system_accounts: false, ..attempt("ann", "x") };
        let told = |is_root, attempt: &Attempt| verdict(&SystemAccounts { is_root }, attempt);
        assert!(matches!(told(true, &off), Some(Verdict::Refused { .. })));
        let verdict = told(false, &attempt("ann", "x"));
        assert!(matches!(verdict, Some(Verdict::Refused { reason: Reason::Broken, .. })));
    }

    #[test]
    fn whom_no_source_knows_is_refused() {
        assert!(matches!(
            verify(&attempt("ann", "x"), &[]).verdict,
            Verdict::Refused { reason: Reason::Credentials, .. }
        ));
    }

    #[test]
    fn an_odd_name_is_refused_before_any_source_is_asked() {
        let odd = Attempt { shared: Some(shared("-ann", "x")), ..attempt("-ann", "x") };
        let verdict = verify(&odd, &[Box::new(Shared)]).verdict;
        assert!(matches!(verdict, Verdict::Refused { reason: Reason::Credentials, .. }));
    }

    #[test]
    fn a_server_that_is_not_root_still_has_its_shared_account() {
        let ann = Attempt { shared: Some(shared("ann", "x")), ..attempt("ann", "x") };
        assert_eq!(verify(&ann, &sources(false)).verdict, Verdict::Shared);
    }
}
