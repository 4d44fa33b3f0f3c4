//! Who comes in: anonymous logins are decided here, others by one auth process for each attempt.
//!
//! Whom a proven name is then served as, and where, is in `served.rs`.

use std::collections::HashMap;
use std::io;
use std::net::IpAddr;
use std::os::fd::{AsFd, OwnedFd};
use std::sync::Arc;
use std::time::Duration;

use serde_bytes::ByteBuf;
use wharf_config::Config;
use wharf_ipc::SessionId;
use wharf_ipc::auth::{Attempt, Question, Reason, Verdict as AuthVerdict};
use wharf_ipc::link::Link;
use wharf_ipc::monitor::{Terms, ToListener, ToWorker, Verdict};
use wharf_os::epoll::Interest;
use wharf_os::spawn::{Child, Launch};
use wharf_proto::ftp::server::policy::{Class, UserList};
use wharf_proto::secret::Secret;

use super::certified::Claim;
use super::site::Site;
use super::workers::{end, end_within};
use super::{Due, Monitor, files, key};

/// How long PAM may take. Its modules have delays of their own (pam_unix about two seconds after a failure).
const AUTH_TIME: Duration = Duration::from_secs(30);

/// How long PAM's modules may take to close a session.
const LEAVE_TIME: Duration = Duration::from_secs(10);

/// How long the listener may take to learn the rules of one user.
const LISTENER_TIME: Duration = Duration::from_secs(5);

/// How many auth processes run at once; more attempts are refused rather than queued without a bound.
const AT_ONCE: usize = 64;

/// The longest name and password that are looked at; vsftpd's number.
const LONGEST: usize = 128;

/// Attempts under way, verdicts whose delay is not over, and processes that hold a PAM session.
#[derive(Default)]
pub(super) struct Attempts {
    running: HashMap<u64, Running>,
    delayed: HashMap<u64, Delayed>,
    keepers: HashMap<u64, Keeper>,
    last_number: u64,
}

struct Running {
    child: Child,
    link: Link<Question, AuthVerdict>,
    waiting: Waiting,
    then: Then,
}

/// A verdict that is not told yet.
struct Delayed {
    waiting: Waiting,
    verdict: Verdict,
    channel: Option<OwnedFd>,
    /// The listener knows what it has to know.
    agreed: bool,
}

/// A process that holds the PAM session of one login.
struct Keeper {
    child: Child,
    link: Link<Question, AuthVerdict>,
}

/// What the answer of an auth process is for.
pub(super) enum Then {
    /// The login itself.
    ComeIn,
    /// The account that a proven guest is served as.
    ServeGuest(Box<super::served::Guest>),
}

/// A session that waits for a verdict, and what it will be told besides.
#[derive(Debug, Clone)]
pub(super) struct Waiting {
    pub(super) worker: u32,
    pub(super) session: SessionId,
    pub(super) user: Vec<u8>,
    pub(super) class: Class,
    pub(super) overlay: Vec<u8>,
    /// What the listener has to know before this user's first transfer, when it differs from the site's.
    pub(super) terms: Option<Terms>,
    /// The configuration that holds for this client.
    pub(super) config: Arc<Config>,
    /// There is no password yet: whether the certificate will do without one.
    pub(super) is_question: bool,
}

impl Attempts {
    pub(super) fn children(&mut self) -> impl Iterator<Item = &mut Child> {
        self.running.values_mut().map(|running| &mut running.child)
    }

    /// Lets every PAM session be closed by its modules, all at once and for a bounded time.
    pub(super) fn end_keepers(&mut self) {
        let mut leaving: Vec<Child> = self.keepers.drain().map(|(_, keeper)| keeper.child).collect();
        let until = std::time::Instant::now() + LEAVE_TIME;
        leaving.iter_mut().for_each(|child| end_within(child, until));
    }
}

impl Monitor {
    /// Decides one attempt, at once or later.
    pub(super) fn attempt(&mut self, worker: u32, session: SessionId, name: Vec<u8>, claim: Claim) {
        let known = self.workers.known(worker, session);
        let failures = known.as_ref().map_or(0, |known| known.failures);
        let config = known.and_then(|known| known.config.clone());
        let config = config.unwrap_or_else(|| Arc::clone(&self.settings.config));
        let mut waiting = Waiting {
            worker,
            session,
            user: name,
            class: Class::Local,
            overlay: Vec::new(),
            terms: None,
            config: Arc::clone(&config),
            is_question: claim.password.is_none(),
        };
        if failures >= config.limits.max_login_fails.max(1) {
            return self.settle_attempt(waiting, refused("too many failures"), None);
        }
        let is_anonymous = config.anonymous.anonymous_enable && is_anonymous(&waiting.user);
        if let Some(refusal) = refused_at_once(&config, &waiting.user, claim.password.as_ref(), is_anonymous)
        {
            return self.settle_attempt(waiting, refused(refusal), None);
        }
        if is_anonymous {
            let Some(password) = &claim.password else {
                return self.settle_attempt(waiting, Verdict::NeedsPassword, None);
            };
            waiting.class = Class::Anonymous;
            return self.attempt_anonymously(waiting, password);
        }
        self.attempt_with_account(waiting, claim);
    }

    pub(super) fn attempt_for_auth(
        &self,
        config: &Config,
        name: Vec<u8>,
        password: Secret,
        peer: IpAddr,
    ) -> Attempt {
        let access = &config.access;
        Attempt {
            service: access.pam_service_name.as_ref().map(ToString::to_string).unwrap_or_default(),
            name,
            password,
            is_proven: false,
            peer,
            reverse_lookup: access.reverse_lookup_enable,
            open_session: access.session_support,
            users_file: config.wharf.virtual_users_file.as_ref().map(|file| ByteBuf::from(file.to_vec())),
            system_accounts: !self.site.is_share(),
            shared: match &self.site {
                Site::Share(share) => share.login.clone(),
                Site::Classic(_) => None,
            },
        }
    }

    fn attempt_anonymously(&mut self, mut waiting: Waiting, password: &Secret) {
        match is_welcome(&waiting.config, password) {
            Ok(true) => {}
            Ok(false) => return self.settle_attempt(waiting, refused("the e-mail lists say no"), None),
            // A list that cannot be read lets nobody in: it was meant to keep somebody out.
            Err(text) => return self.settle_attempt(waiting, Verdict::Oops { text }, None),
        }
        let Some(account) = self.settings.anonymous.clone() else {
            return self.settle_attempt(waiting, refused("there is no account for anonymous sessions"), None);
        };
        waiting.user.clone_from(&account.name);
        self.serve_anonymous(waiting, &account);
    }

    /// Starts a process that answers one question about the session that waits.
    pub(super) fn ask_auth(&mut self, question: &Question, waiting: Waiting, then: Then) {
        if self.attempts.running.len() >= AT_ONCE {
            wharf_os::say!(
                "wharfd: monitor: {AT_ONCE} logins are being checked already; one more is refused"
            );
            return self.settle_attempt(waiting, refused("too many attempts at once"), None);
        }
        match self.start_auth(question) {
            Ok((child, link, number)) => {
                self.attempts.running.insert(number, Running { child, link, waiting, then });
                self.in_time(AUTH_TIME, number, Due::AttemptOver);
            }
            Err(error) => {
                wharf_os::say!("wharfd: monitor: cannot check a password: {error}");
                self.settle_attempt(waiting, refused("no auth process"), None);
            }
        }
    }

    fn start_auth(&mut self, question: &Question) -> io::Result<(Child, Link<Question, AuthVerdict>, u64)> {
        let (ours, theirs) = Link::<Question, AuthVerdict>::pair()?;
        let child = Launch::new("auth").descriptor("monitor", theirs.as_fd()).start()?;
        drop(theirs);
        ours.send(question)?;
        ours.set_nonblocking(true)?;
        self.attempts.last_number += 1;
        let number = self.attempts.last_number;
        self.poller.add(&ours, key::ATTEMPT | number, Interest::Read)?;
        Ok((child, ours, number))
    }

    pub(super) fn hear_attempt(&mut self, number: u64) {
        if self.attempts.keepers.contains_key(&number) {
            return self.keeper_ended(number);
        }
        let Some(running) = self.attempts.running.get(&number) else { return };
        let verdict = match running.link.receive(&mut self.scratch) {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => return,
            Ok(Some(received)) => received.message,
            Ok(None) | Err(_) => {
                wharf_os::say!("wharfd: monitor: an auth process ended without a verdict");
                refused_by_auth("the auth process ended without a verdict")
            }
        };
        self.auth_has_spoken(number, verdict);
    }

    /// The time of an attempt, or of a process that was told to leave, is over.
    pub(super) fn attempt_over(&mut self, number: u64) {
        if self.attempts.running.contains_key(&number) {
            wharf_os::say!(
                "wharfd: monitor: checking a password took longer than {} s; refused",
                AUTH_TIME.as_secs()
            );
            self.auth_has_spoken(number, refused_by_auth("the check took too long"));
        }
    }

    fn auth_has_spoken(&mut self, number: u64, verdict: AuthVerdict) {
        let Some(mut running) = self.attempts.running.remove(&number) else { return };
        let waiting = running.waiting;
        if let AuthVerdict::Proven { has_session: true, .. } = &verdict {
            self.keep(number, Keeper { child: running.child, link: running.link }, &waiting);
        } else {
            let _ = self.poller.remove(&running.link);
            end(&mut running.child);
        }
        match (running.then, verdict) {
            (Then::ComeIn, AuthVerdict::Proven { name, account, .. }) => {
                self.serve_proven(waiting, name, account);
            }
            (Then::ComeIn, AuthVerdict::Virtual(account)) => self.serve_virtual(waiting, &account),
            (Then::ComeIn, AuthVerdict::Shared) => self.serve_shared(waiting),
            (Then::ServeGuest(guest), AuthVerdict::Account(account)) => {
                self.serve_guest(waiting, &guest, account.as_ref());
            }
            (_, AuthVerdict::Refused { reason, detail }) => self.refuse(waiting, reason, &detail),
            _ => self.refuse(waiting, Reason::Broken, "the auth process answered another question"),
        }
    }

    pub(super) fn refuse(&mut self, waiting: Waiting, reason: Reason, detail: &str) {
        let user = waiting.user.escape_ascii();
        // The same will be said when the password has come.
        if !waiting.is_question {
            wharf_os::say!("wharfd: login of {user} refused ({reason:?}): {detail}");
        }
        self.settle_attempt(waiting, refused(detail), None);
    }

    /// Remembers the process that holds a PAM session; a session that has gone meanwhile leaves at once.
    fn keep(&mut self, number: u64, keeper: Keeper, waiting: &Waiting) {
        self.attempts.keepers.insert(number, keeper);
        match self.workers.known(waiting.worker, waiting.session) {
            Some(known) => known.keeper = Some(number),
            None => self.leave_pam(number),
        }
    }

    /// Tells the process that holds a PAM session that the login is over.
    pub(super) fn leave_pam(&mut self, number: u64) {
        let Some(keeper) = self.attempts.keepers.get(&number) else { return };
        let _ = keeper.link.send(&Question::Leave);
        self.in_time(LEAVE_TIME, number, Due::KeeperOver);
    }

    /// A process with a PAM session has closed its channel, or has had the time to.
    pub(super) fn keeper_ended(&mut self, number: u64) {
        let Some(mut keeper) = self.attempts.keepers.remove(&number) else { return };
        let _ = self.poller.remove(&keeper.link);
        // It closes the channel as its last act, so there is nothing left to wait for.
        end(&mut keeper.child);
    }

    /// Tells the session its verdict, after the delay that the configuration wants.
    pub(super) fn settle_attempt(&mut self, waiting: Waiting, verdict: Verdict, channel: Option<OwnedFd>) {
        // A certificate that will not do is no failed login yet.
        let verdict = match verdict {
            Verdict::Refused { .. } if waiting.is_question => Verdict::NeedsPassword,
            verdict => verdict,
        };
        let limits = &waiting.config.limits;
        let delay = match &verdict {
            Verdict::Granted(_) => limits.delay_successful_login,
            Verdict::Refused { .. } => limits.delay_failed_login,
            Verdict::Oops { .. } | Verdict::NeedsPassword => 0,
        };
        if let Verdict::Oops { text } = &verdict {
            self.die(text, &waiting);
        }
        self.attempts.last_number += 1;
        let number = self.attempts.last_number;
        let wait = Duration::from_secs(u64::from(delay));
        // A session that knew its verdict sooner than the listener its rules could have its first transfer by the
        // site's.
        let terms = waiting.terms.clone().filter(|_| matches!(verdict, Verdict::Granted(_)));
        let session = waiting.session;
        let agreed = terms.is_none();
        self.attempts.delayed.insert(number, Delayed { waiting, verdict, channel, agreed });
        match terms {
            Some(terms) => {
                self.tell_listener(ToListener::Agree { session, number, terms });
                self.in_time(LISTENER_TIME, number, Due::Verdict);
            }
            None => self.tell_verdict_in(wait, number),
        }
    }

    fn tell_verdict_in(&mut self, wait: Duration, number: u64) {
        if wait.is_zero() {
            self.tell_verdict(number);
        } else {
            self.in_time(wait, number, Due::Verdict);
        }
    }

    /// The listener knows the rules of a user who waits.
    pub(super) fn agreed(&mut self, number: u64) {
        let Some(delayed) = self.attempts.delayed.get_mut(&number) else { return };
        delayed.agreed = true;
        let seconds = delayed.waiting.config.limits.delay_successful_login;
        self.tell_verdict_in(Duration::from_secs(u64::from(seconds)), number);
    }

    /// Says a login's fatal error where the administrator looks: `log_die` adds the system's log.
    fn die(&self, text: &[u8], waiting: &Waiting) {
        let text = String::from_utf8_lossy(text).escape_debug().to_string();
        let user = waiting.user.escape_ascii();
        wharf_os::say!("wharfd: login of {user} ended: 500 OOPS: {text}");
        if waiting.config.log.log_die {
            super::logs::to_system_log(&text);
        }
    }

    pub(super) fn tell_verdict(&mut self, number: u64) {
        let Some(Delayed { waiting, mut verdict, channel, agreed }) = self.attempts.delayed.remove(&number)
        else {
            return;
        };
        if !agreed {
            // Security: the user's rules may be the stricter ones.
            wharf_os::say!("wharfd: monitor: the listener does not take the rules of a user's file; refused");
            verdict = refused("the listener does not take the rules of the user's file");
        }
        let Some(known) = self.workers.known(waiting.worker, waiting.session) else { return };
        known.asking = false;
        if matches!(verdict, Verdict::Refused { .. }) {
            known.failures += 1;
        }
        let keeper = if matches!(verdict, Verdict::Granted(_)) { None } else { known.keeper.take() };
        let message = ToWorker::Verdict { session: waiting.session, verdict };
        self.tell_worker(waiting.worker, message, channel.into_iter().collect());
        if let Some(keeper) = keeper {
            self.leave_pam(keeper);
        }
    }
}

fn is_anonymous(name: &[u8]) -> bool {
    name.eq_ignore_ascii_case(b"ftp") || name.eq_ignore_ascii_case(b"anonymous")
}

/// What needs no password to be refused, and why.
fn refused_at_once(
    config: &Config,
    name: &[u8],
    password: Option<&Secret>,
    is_anonymous: bool,
) -> Option<&'static str> {
    if !config.access.local_enable && !is_anonymous {
        return Some("local_enable is off");
    }
    if name.len() > LONGEST || password.is_some_and(|password| password.expose().len() > LONGEST) {
        return Some("name or password too long");
    }
    is_listed_out(config, name).then_some("the user list says no")
}

fn is_listed_out(config: &Config, name: &[u8]) -> bool {
    let access = &config.access;
    if !access.userlist_enable {
        return false;
    }
    let Some(names) = access.userlist_file.as_ref().map(|file| files::lines(file)) else { return false };
    match names {
        Ok(names) => UserList { names, deny: access.userlist_deny }.refuses(name),
        Err(error) => {
            // It was meant to keep somebody out.
            let file = access.userlist_file.as_ref().map(|file| file.escape_ascii().to_string());
            wharf_os::say!(
                "wharfd: monitor: cannot read user list file:{} ({error}); nobody with an account is let in",
                file.unwrap_or_default()
            );
            true
        }
    }
}

/// What the e-mail lists say to an anonymous password. The error is vsftpd's words for the list that cannot be read.
fn is_welcome(config: &Config, password: &Secret) -> Result<bool, Vec<u8>> {
    let anonymous = &config.anonymous;
    let listed = |wanted: bool, file: Option<&bstr::BString>, words: &str| match file.filter(|_| wanted) {
        None => Ok(Vec::new()),
        Some(file) => files::lines(file).map_err(|_| [words.as_bytes(), file.as_slice()].concat()),
    };
    let banned = listed(
        anonymous.deny_email_enable,
        anonymous.banned_email_file.as_ref(),
        "cannot read anon e-mail list file:",
    )?;
    let known = listed(
        anonymous.secure_email_list_enable,
        anonymous.email_password_file.as_ref(),
        "cannot read email passwords file:",
    )?;
    let stands_in = |list: &[Vec<u8>]| list.iter().any(|line| line == password.expose());
    // Compat: an empty list admits everybody, as in vsftpd.
    Ok(!stands_in(&banned) && (known.is_empty() || stands_in(&known)))
}

fn refused(detail: &str) -> Verdict {
    Verdict::Refused { detail: detail.to_owned() }
}

fn refused_by_auth(detail: &str) -> AuthVerdict {
    AuthVerdict::Refused { reason: Reason::Broken, detail: detail.to_owned() }
}
