//! Starts the verifier: a process for one question about clients' certificates and the files they are held against.
//!
//! The monitor opens these files and never reads them.

use std::io;
use std::os::fd::{AsFd, BorrowedFd};
use std::time::Duration;

use rustix::net::sockopt::{self, Timeout};
use wharf_config::{Config, Problem, Severity};
use wharf_ipc::link::{Link, scratch};
use wharf_ipc::verifier::{Answer, Proof, Question};
use wharf_os::spawn::{Child, Launch};

use super::files::Files;
use super::site::report;
use super::workers::end;

/// How long a look at the files may take; everything else waits meanwhile. Reading them takes milliseconds.
const PATIENCE: Duration = Duration::from_secs(5);

/// The files that client certificates are held against, open, with their names.
#[derive(Debug, Clone, Copy)]
pub(super) struct Against<'a> {
    /// `ca_certs_file`.
    pub(super) authorities: (&'a str, BorrowedFd<'a>),
    /// `ca_crl_file`.
    pub(super) revoked: Option<(&'a str, BorrowedFd<'a>)>,
}

/// A verifier that has its question.
pub(super) struct Asked {
    pub(super) child: Child,
    pub(super) link: Link<Question, Answer>,
}

/// Starts a verifier and asks it.
pub(super) fn ask(against: Against<'_>, proof: Option<Box<Proof>>) -> io::Result<Asked> {
    let (ours, theirs) = Link::<Question, Answer>::pair()?;
    let child = Launch::new("verifier").descriptor("monitor", theirs.as_fd()).start()?;
    drop(theirs);
    let (authorities, file) = against.authorities;
    let revoked = against.revoked.map(|(name, _)| name.to_owned());
    let question = Question { authorities: authorities.to_owned(), revoked, proof };
    let files: Vec<_> = [Some(file), against.revoked.map(|(_, file)| file)].into_iter().flatten().collect();
    let mut asked = Asked { child, link: ours };
    match asked.link.send_with(&question, &files) {
        Ok(()) => Ok(asked),
        Err(error) => {
            end(&mut asked.child);
            Err(error)
        }
    }
}

/// Has the files themselves judged, and waits for it: what should be known of them although they can be used.
///
/// # Errors
/// What is wrong with which, for the administrator.
pub(super) fn judge(against: Against<'_>) -> Result<Option<String>, String> {
    let failed = |error: io::Error| format!("the file cannot be checked: {}: {error}", against.authorities.0);
    let mut asked = ask(against, None).map_err(failed)?;
    let answer = sockopt::set_socket_timeout(&asked.link, Timeout::Recv, Some(PATIENCE))
        .map_err(io::Error::from)
        .and_then(|()| asked.link.receive(&mut scratch()));
    end(&mut asked.child);
    match answer.map(|received| received.map(|received| received.message)) {
        Ok(Some(Answer::Usable { remark })) => Ok(remark),
        Ok(Some(Answer::Refused(reason))) => Err(reason),
        Ok(Some(Answer::Verified { .. }) | None) => Err(failed(io::Error::other("no answer came"))),
        Err(error) => Err(failed(error)),
    }
}

/// Looks what stands in the files that client certificates are held against, for `wharfd check`.
#[must_use]
pub fn check(config: &Config) -> Option<Problem> {
    if !config.tls.ssl_enable || config.tls.ca_certs_file.is_none() {
        return None;
    }
    // A file that is missing was told already.
    let files = Files::open(config).ok()?;
    match files.judge() {
        Ok(remark) => remark.map(|remark| warning(config, &remark)),
        Err(reason) => Some(problem(config, &reason)),
    }
}

/// Looks what stands in the files of a configuration that is about to be in force, and tells what should be known.
pub(super) fn look(config: &Config, files: &Files) -> Result<(), Problem> {
    let remark = files.judge().map_err(|reason| problem(config, &reason))?;
    report(remark.map(|remark| warning(config, &remark)).iter());
    Ok(())
}

/// What can be used, and will not do what it is for.
pub(super) fn warning(config: &Config, remark: &str) -> Problem {
    Problem {
        severity: Severity::Warning,
        suggestion: Some("get a new list from the authority: until then its clients are refused".into()),
        message: format!("SSL: {remark}"),
        ..problem(config, remark)
    }
}

/// What is wrong, in vsftpd's words, and which option names the file.
pub(super) fn problem(config: &Config, reason: &str) -> Problem {
    let named = |option: &str, file: Option<&bstr::BString>| {
        let file = file.map(ToString::to_string)?;
        reason.starts_with(&format!("{file}:")).then(|| format!("{option}={file}"))
    };
    let line = named("ca_crl_file", config.wharf.ca_crl_file.as_ref());
    let line = line.or_else(|| named("ca_certs_file", config.tls.ca_certs_file.as_ref())).unwrap_or_default();
    let what = if line.starts_with("ca_crl") { "revocation lists" } else { "verify file" };
    Problem {
        text: line.into(),
        suggestion: Some("mend the file, or name another; every file has PEM text from BEGIN to END".into()),
        ..Problem::error(format!("SSL: could not load {what}: {reason}"))
    }
}
