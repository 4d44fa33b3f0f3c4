//! The auth role: proves, once, that somebody is who they say, and ends.
//!
//! One process for each question, because PAM modules are other people's code and run as root: whatever one of them
//! leaves behind ends with the process. The monitor decides who is asked about, how often, and how long it may take; it
//! kills a process that takes too long. A process that opened a PAM session (`session_support`) stays until that session
//! is over, and closes it. Nothing here knows FTP.
//!
//! A source of accounts is one file that implements [`source::Source`] and one line in [`source::verify`].
#![forbid(unsafe_code)]

pub mod account;
pub mod ftpusers;
pub mod name;
pub mod pam;
pub mod shared;
pub mod source;
pub mod users;
pub mod verifier;

#[cfg(test)]
mod conformance;

use std::io;
use std::os::fd::OwnedFd;
use std::process::ExitCode;

use wharf_ipc::auth::{Question, Reason, Verdict};
use wharf_ipc::link::{Link, scratch};
use wharf_os::identity::is_root;
use wharf_os::process;
use wharf_os::sandbox::{Role, Sandbox};
use wharf_proto::secret::Secret;

use source::Judgement;

/// Answers one question and ends; with an open PAM session, when that is over.
///
/// Fails when the process cannot be shut in, or when the monitor says something else than one question; then nobody is
/// let in, because nothing is answered.
#[must_use]
pub fn run(monitor: OwnedFd) -> ExitCode {
    let link = Link::from(monitor);
    match shut_in().and_then(|()| answer_one(&link)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            wharf_os::say!("wharfd: auth: {error}");
            ExitCode::FAILURE
        }
    }
}

fn shut_in() -> io::Result<()> {
    // Compat: log readers look for lines of PAM's modules under this name.
    wharf_os::voice::name_in_system_log(c"vsftpd");
    process::die_with_parent()?;
    process::no_core()?;
    process::not_dumpable()?;
    let report = Sandbox::for_role(Role::Auth, &[]).enter()?;
    if !report.is_complete() {
        // The system may be too old for a wall, which is no reason to refuse everybody.
        wharf_os::say!("wharfd: {report}");
    }
    Ok(())
}

fn answer_one(link: &Link<Verdict, Question>) -> io::Result<()> {
    let mut buffer = scratch();
    let received = link.receive(&mut buffer);
    // Security: the message holds the password; the copy in the attempt wipes itself.
    drop(Secret::new(buffer));
    let judgement = match received?.map(|received| received.message) {
        Some(Question::Prove(attempt)) => source::verify(&attempt, &source::sources(is_root())),
        Some(Question::Identify(name)) => match account::identify(&name) {
            Ok(account) => Verdict::Account(account).into(),
            Err(fault) => refused(Reason::Broken, fault),
        },
        Some(Question::Leave) | None => return Ok(()),
    };
    link.send(&judgement.verdict)?;
    match judgement.session {
        Some(session) => stay(link, session),
        None => Ok(()),
    }
}

/// Holds the PAM session until the monitor says that the login is over, or is gone itself.
fn stay(link: &Link<Verdict, Question>, session: source::Kept) -> io::Result<()> {
    // A monitor that was killed must not keep the session from being closed.
    process::outlive_parent()?;
    // Anything it may say means the end; so does its own.
    let _ = link.receive(&mut scratch());
    drop(session);
    Ok(())
}

/// Says no, with a sentence for the log.
fn refused(reason: Reason, detail: impl Into<String>) -> Judgement {
    Verdict::Refused { reason, detail: detail.into() }.into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::conformance::{attempt, shared};
    use wharf_ipc::auth::Attempt;

    #[test]
    fn one_attempt_gets_one_verdict() {
        let (monitor, ours) = Link::<Question, Verdict>::pair().unwrap();
        let ann = Attempt { shared: Some(shared("ann", "right")), ..attempt("ann", "right") };
        monitor.send(&Question::Prove(ann)).unwrap();
        answer_one(&ours).unwrap();
        drop(ours);
        let mut buffer = scratch();
        assert_eq!(monitor.receive(&mut buffer).unwrap().unwrap().message, Verdict::Shared);
        assert!(monitor.receive(&mut buffer).unwrap().is_none());
    }

    #[test]
    fn an_account_is_looked_up_without_a_password() {
        let (monitor, ours) = Link::<Question, Verdict>::pair().unwrap();
        monitor.send(&Question::Identify(b"root".to_vec())).unwrap();
        answer_one(&ours).unwrap();
        let answer = monitor.receive(&mut scratch()).unwrap().unwrap().message;
        assert!(matches!(answer, Verdict::Account(Some(account)) if account.uid == 0));
    }

    #[test]
    fn a_monitor_that_left_is_no_error_and_nonsense_is() {
        let (monitor, ours) = Link::<Question, Verdict>::pair().unwrap();
        drop(monitor);
        answer_one(&ours).unwrap();
        let (monitor, ours) = Link::<u8, Verdict>::pair().unwrap();
        monitor.send(&200).unwrap();
        let ours = Link::<Verdict, Question>::from(OwnedFd::from(ours));
        assert!(answer_one(&ours).is_err());
    }
}
