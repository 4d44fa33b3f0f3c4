//! Logins by certificate (`cert_user_file`): who needs one, whether the one that was shown is theirs, and that what a
//! client proved is good for one session.
//!
//! The session is the one that saw the handshake, and it is not believed: it forwards what the client signed, the verifier
//! judges that again, and the account is the monitor's decision by a file that only the administrator writes.

use std::collections::{HashMap, VecDeque};
use std::fs::File;
use std::hash::{BuildHasher, RandomState};
use std::io::{self, Read};
use std::net::IpAddr;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use wharf_config::{CertUsers, Config};
use wharf_ipc::SessionId;
use wharf_ipc::auth::{Attempt, Question, Reason};
use wharf_ipc::monitor::Verdict;
use wharf_ipc::verifier::{Answer, Proof};
use wharf_os::epoll::Interest;
use wharf_os::spawn::Child;
use wharf_proto::secret::Secret;

use super::files::Files;
use super::login::{Then, Waiting};
use super::verifier::{self, Asked};
use super::workers::end;
use super::{Due, Monitor, key};

/// How long a verifier may take; it reads two files and checks a few signatures.
const VERIFIER_TIME: Duration = Duration::from_secs(5);

/// How many verifiers run at once; more attempts are refused rather than queued without a bound.
const AT_ONCE: usize = 64;

/// How often one session may have its certificate looked at.
const MOST_LOOKS: u32 = 8;

/// How many proofs are remembered as used.
const REMEMBERED: usize = 100_000;

/// The longest file of rules that is read.
const LONGEST_FILE: u64 = 1 << 20;

/// What comes beside a name.
pub(super) struct Claim {
    pub(super) peer: IpAddr,
    pub(super) password: Option<Secret>,
    pub(super) proof: Option<Box<Proof>>,
}

/// Certificates that are being looked at, and those that have been used.
#[derive(Default)]
pub(super) struct Certified {
    running: HashMap<u64, Running>,
    used: Used,
    last_number: u64,
}

struct Running {
    asked: Asked,
    waiting: Waiting,
    claim: Claim,
    mark: u64,
}

/// Which session a proof was used by. Security: a process that keeps what a client proved cannot log in with it again.
#[derive(Default)]
struct Used {
    by: HashMap<u64, SessionId>,
    order: VecDeque<u64>,
    /// Its key is nobody's, so that nobody can make two proofs that look alike.
    hasher: RandomState,
}

impl Used {
    /// What was signed is the mark: the same octets can have many signatures.
    fn mark(&self, proof: &Proof) -> u64 {
        self.hasher.hash_one(proof.message.as_slice())
    }

    fn is_anothers(&self, mark: u64, session: SessionId) -> bool {
        self.by.get(&mark).is_some_and(|by| *by != session)
    }

    fn note(&mut self, mark: u64, session: SessionId) {
        if self.by.insert(mark, session).is_none() {
            self.order.push_back(mark);
        }
        if self.order.len() > REMEMBERED
            && let Some(oldest) = self.order.pop_front()
        {
            self.by.remove(&oldest);
        }
    }
}

impl Certified {
    pub(super) fn children(&mut self) -> impl Iterator<Item = &mut Child> {
        self.running.values_mut().map(|running| &mut running.asked.child)
    }
}

/// The rules of a configuration; `None` where nobody logs in by certificate.
pub(super) fn rules(config: &Config) -> io::Result<Option<CertUsers>> {
    let Some(file) = config.wharf.cert_user_file.as_ref().filter(|_| config.tls.ssl_enable) else {
        return Ok(None);
    };
    let path = Path::new(std::ffi::OsStr::from_bytes(file));
    let named = |error: io::Error| io::Error::new(error.kind(), format!("{}: {error}", path.display()));
    let mut text = Vec::new();
    let file = File::open(path).map_err(named)?;
    let it = file.metadata().map_err(named)?;
    // Security: who can write here can log in as anybody.
    if it.mode() & 0o022 != 0 || ![0, wharf_os::identity::current().0].contains(&it.uid()) {
        let mode = it.mode() & 0o7777;
        return Err(named(io::Error::other(format!(
            "others can change this file (mode {mode:04o}, uid {})",
            it.uid()
        ))));
    }
    file.take(LONGEST_FILE + 1).read_to_end(&mut text).map_err(named)?;
    if text.len() as u64 > LONGEST_FILE {
        return Err(io::Error::other(format!("{}: longer than {LONGEST_FILE} octets", path.display())));
    }
    CertUsers::read(&text)
        .map(Some)
        .map_err(|bad| io::Error::other(format!("{}: line {}: {}", path.display(), bad.line, bad.reason)))
}

impl Monitor {
    /// Decides about somebody with an account: by password, or by certificate where a rule names the account.
    pub(super) fn attempt_with_account(&mut self, waiting: Waiting, claim: Claim) {
        match rules(&waiting.config) {
            Ok(Some(users)) if users.knows(&waiting.user) => self.attempt_by_certificate(waiting, claim),
            Ok(_) => self.attempt_by_password(waiting, claim, false),
            // Security: it may have demanded a certificate of this account.
            Err(error) => {
                wharf_os::say!("wharfd: monitor: {error}; nobody with an account is let in (cert_user_file)");
                self.refuse(waiting, Reason::Broken, "cert_user_file cannot be read");
            }
        }
    }

    /// `is_proven` says that the certificate does without the password.
    fn attempt_by_password(&mut self, waiting: Waiting, claim: Claim, is_proven: bool) {
        let password = match (claim.password, is_proven) {
            (_, true) => Secret::new(Vec::new()),
            (Some(password), false) => password,
            (None, false) => return self.settle_attempt(waiting, Verdict::NeedsPassword, None),
        };
        let name = waiting.user.clone();
        let attempt = self.attempt_for_auth(&waiting.config, name, password, claim.peer);
        self.ask_auth(&Question::Prove(Attempt { is_proven, ..attempt }), waiting, Then::ComeIn);
    }

    fn attempt_by_certificate(&mut self, waiting: Waiting, mut claim: Claim) {
        let Some(proof) = claim.proof.take().filter(|proof| proof.is_bounded()) else {
            return self.refuse(
                waiting,
                Reason::Rule,
                "the account logs in by certificate, and none was shown",
            );
        };
        let mark = self.certified.used.mark(&proof);
        let looks = self.workers.known(waiting.worker, waiting.session).map_or(MOST_LOOKS, |known| {
            known.looks += 1;
            known.looks
        });
        let refusal = if self.certified.used.is_anothers(mark, waiting.session) {
            Some("what the certificate proved was used by another session")
        } else if looks > MOST_LOOKS {
            Some("the certificate was looked at often enough")
        } else if self.certified.running.len() >= AT_ONCE {
            Some("too many certificates are being looked at")
        } else {
            None
        };
        if let Some(refusal) = refusal {
            return self.refuse(waiting, Reason::Rule, refusal);
        }
        match self.ask_verifier(&waiting.config, proof) {
            Ok((asked, number)) => {
                self.certified.running.insert(number, Running { asked, waiting, claim, mark });
                self.in_time(VERIFIER_TIME, number, Due::VerifierOver);
            }
            Err(error) => {
                wharf_os::say!("wharfd: monitor: a certificate cannot be verified: {error}");
                self.refuse(waiting, Reason::Broken, "no verifier");
            }
        }
    }

    fn ask_verifier(&mut self, config: &Arc<Config>, proof: Box<Proof>) -> io::Result<(Asked, u64)> {
        let own;
        let files = if Arc::ptr_eq(config, &self.settings.config) {
            &self.files
        } else {
            own = Files::open(config).map_err(io::Error::other)?;
            &own
        };
        let against = files.against().ok_or_else(|| io::Error::other("there is no ca_certs_file"))?;
        let asked = verifier::ask(against, Some(proof))?;
        asked.link.set_nonblocking(true)?;
        self.certified.last_number += 1;
        let number = self.certified.last_number;
        self.poller.add(&asked.link, key::VERIFIER | number, Interest::Read)?;
        Ok((asked, number))
    }

    /// A verifier has spoken, or is gone.
    pub(super) fn hear_verifier(&mut self, number: u64) {
        let Some(running) = self.certified.running.get(&number) else { return };
        let answer = match running.asked.link.receive(&mut self.scratch) {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => return,
            Ok(Some(received)) => received.message,
            Ok(None) | Err(_) => Answer::Refused("the verifier ended without an answer".to_owned()),
        };
        self.verifier_has_spoken(number, answer);
    }

    /// The time of a verifier is over.
    pub(super) fn verifier_over(&mut self, number: u64) {
        self.verifier_has_spoken(number, Answer::Refused("the verifier took too long".to_owned()));
    }

    fn verifier_has_spoken(&mut self, number: u64, answer: Answer) {
        let Some(mut running) = self.certified.running.remove(&number) else { return };
        let _ = self.poller.remove(&running.asked.link);
        end(&mut running.asked.child);
        let Running { waiting, claim, mark, .. } = running;
        let names = match answer {
            Answer::Verified { names } => names,
            Answer::Refused(reason) => return self.refuse(waiting, Reason::Credentials, &reason),
            Answer::Usable { .. } => {
                return self.refuse(waiting, Reason::Broken, "the verifier answered another question");
            }
        };
        let admits = matches!(rules(&waiting.config), Ok(Some(users)) if users.admits(&waiting.user, &names));
        if !admits {
            let detail =
                format!("no rule gives the account to this certificate, which says {}", shown(&names));
            return self.refuse(waiting, Reason::Credentials, &detail);
        }
        // Another session may have come first with the same.
        if self.certified.used.is_anothers(mark, waiting.session) {
            return self.refuse(
                waiting,
                Reason::Rule,
                "what the certificate proved was used by another session",
            );
        }
        self.certified.used.note(mark, waiting.session);
        let is_proven = !waiting.config.wharf.cert_user_password;
        self.attempt_by_password(waiting, claim, is_proven);
    }
}

/// For the log: what was written by whoever made the certificate.
fn shown(names: &[String]) -> String {
    names.iter().map(|name| name.escape_debug().to_string()).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use serde_bytes::ByteBuf;

    use super::*;

    fn proof(message: &[u8], signature: u8) -> Proof {
        let signature = ByteBuf::from(vec![signature]);
        Proof { chain: Vec::new(), is_tls13: true, scheme: 0, message: ByteBuf::from(message), signature }
    }

    #[test]
    fn a_proof_is_good_for_the_session_that_used_it_first() {
        let mut used = Used::default();
        let (first, second) = (SessionId(7), SessionId(8));
        let mark = used.mark(&proof(b"one", 1));
        assert!(!used.is_anothers(mark, first));
        used.note(mark, first);
        used.note(mark, first);
        assert!(!used.is_anothers(mark, first) && used.is_anothers(mark, second));
        assert_eq!(used.mark(&proof(b"one", 2)), mark, "another signature of the same is the same");
        assert!(!used.is_anothers(used.mark(&proof(b"two", 1)), second));
    }

    #[test]
    fn what_is_remembered_is_bounded() {
        let mut used = Used::default();
        for mark in 0..=REMEMBERED as u64 {
            used.note(mark, SessionId(1));
        }
        assert_eq!((used.by.len(), used.order.len()), (REMEMBERED, REMEMBERED));
        assert!(!used.is_anothers(0, SessionId(2)) && used.is_anothers(1, SessionId(2)));
    }

    #[test]
    fn a_file_of_rules_that_cannot_be_read_is_an_error_with_its_name() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let config = |lines: &str| {
            let text = format!("{lines}cert_user_file={}\n", file.path().display());
            wharf_config::parse(text.as_bytes(), None, &Config::default()).unwrap().config
        };
        std::fs::write(file.path(), "anna cn:Anna\n").unwrap();
        assert!(rules(&config("ssl_enable=YES\n")).unwrap().unwrap().knows(b"anna"));
        assert!(rules(&config("ssl_enable=NO\n")).unwrap().is_none());
        let mode =
            |mode| std::fs::set_permissions(file.path(), std::fs::Permissions::from_mode(mode)).unwrap();
        mode(0o620);
        assert!(rules(&config("ssl_enable=YES\n")).unwrap_err().to_string().contains("others can change"));
        mode(0o644);
        std::fs::write(file.path(), "anna cn:Anna\nbob\n").unwrap();
        assert!(rules(&config("ssl_enable=YES\n")).unwrap_err().to_string().contains(": line 2: "));
        let gone = config("ssl_enable=YES\n");
        drop(file);
        assert_eq!(rules(&gone).unwrap_err().kind(), io::ErrorKind::NotFound);
    }
}
