//! Who comes in: anonymous logins are decided here, others by one auth process for each attempt.

use std::collections::HashMap;
use std::io;
use std::net::IpAddr;
use std::os::fd::{AsFd, OwnedFd};
use std::time::Duration;

use wharf_ipc::SessionId;
use wharf_ipc::auth::{Account, Attempt, Verdict as AuthVerdict};
use wharf_ipc::link::Link;
use wharf_ipc::monitor::{ToWorker, Verdict};
use wharf_os::epoll::Interest;
use wharf_os::spawn::{Child, Launch};
use wharf_proto::ftp::server::policy::{Class, UserList};
use wharf_proto::secret::Secret;

use super::site::Site;
use super::workers::end;
use super::{Due, Monitor, files, key, rules};

/// How long PAM may take. Its modules have delays of their own (pam_unix about two seconds after a failure).
const AUTH_TIME: Duration = Duration::from_secs(30);

/// How many auth processes run at once; more attempts are refused rather than queued without a bound.
const AT_ONCE: usize = 64;

/// The longest name and password that are looked at; vsftpd's number.
const LONGEST: usize = 128;

/// Attempts under way, and verdicts whose delay is not over.
#[derive(Default)]
pub(super) struct Attempts {
    running: HashMap<u64, Running>,
    delayed: HashMap<u64, (Waiting, Verdict, Option<OwnedFd>)>,
    last_number: u64,
}

struct Running {
    child: Child,
    link: Link<Attempt, AuthVerdict>,
    waiting: Waiting,
}

/// A session that waits for a verdict, and what it will be told besides.
#[derive(Debug, Clone)]
pub(super) struct Waiting {
    pub(super) worker: u32,
    pub(super) session: SessionId,
    pub(super) user: Vec<u8>,
    pub(super) class: Class,
    pub(super) overlay: Vec<u8>,
}

impl Attempts {
    pub(super) fn children(&mut self) -> impl Iterator<Item = &mut Child> {
        self.running.values_mut().map(|running| &mut running.child)
    }
}

impl Monitor {
    /// Decides one attempt, at once or later.
    pub(super) fn attempt(
        &mut self,
        worker: u32,
        session: SessionId,
        peer: IpAddr,
        name: Vec<u8>,
        password: Secret,
    ) {
        let mut waiting =
            Waiting { worker, session, user: name.clone(), class: Class::Local, overlay: Vec::new() };
        let failures = self.workers.known(worker, session).map_or(0, |known| known.failures);
        if failures >= self.settings.config.limits.max_login_fails.max(1) {
            return self.settle_attempt(waiting, refused("too many failures"), None);
        }
        let config = &self.settings.config;
        if config.anonymous.anonymous_enable && is_anonymous(&name) {
            waiting.class = Class::Anonymous;
            return self.attempt_anonymously(waiting, &password);
        }
        if !config.access.local_enable {
            return self.settle_attempt(waiting, refused("local_enable is off"), None);
        }
        if name.len() > LONGEST || password.expose().len() > LONGEST {
            return self.settle_attempt(waiting, refused("name or password too long"), None);
        }
        if self.is_listed_out(&name) {
            return self.settle_attempt(waiting, refused("the user list says no"), None);
        }
        if self.attempts.running.len() >= AT_ONCE {
            eprintln!("wharfd: monitor: {AT_ONCE} logins are being checked already; one more is refused");
            return self.settle_attempt(waiting, refused("too many attempts at once"), None);
        }
        let attempt = Attempt {
            service: config.access.pam_service_name.as_ref().map(ToString::to_string).unwrap_or_default(),
            name,
            password,
            peer: peer.to_string(),
            system_accounts: !self.site.is_share(),
            shared: match &self.site {
                Site::Share(share) => share.login.clone(),
                Site::Classic(_) => None,
            },
        };
        if let Err(error) = self.start_auth(&attempt, waiting.clone()) {
            eprintln!("wharfd: monitor: cannot check a password: {error}");
            self.settle_attempt(waiting, refused("no auth process"), None);
        }
    }

    fn attempt_anonymously(&mut self, mut waiting: Waiting, password: &Secret) {
        let listed =
            |name: Option<&bstr::BString>| name.map(|name| files::lines(name)).unwrap_or(Ok(Vec::new()));
        let anonymous = &self.settings.config.anonymous;
        let mut welcome = true;
        if anonymous.deny_email_enable {
            // A list that cannot be read lets nobody in: it was meant to keep somebody out.
            welcome &= listed(anonymous.banned_email_file.as_ref())
                .is_ok_and(|banned| !banned.iter().any(|line| line == password.expose()));
        }
        if anonymous.secure_email_list_enable {
            // Compat: an empty list admits everybody, as in vsftpd.
            welcome &= listed(anonymous.email_password_file.as_ref())
                .is_ok_and(|known| known.is_empty() || known.iter().any(|line| line == password.expose()));
        }
        let Some(account) = self.settings.anonymous.clone().filter(|_| welcome) else {
            return self.settle_attempt(waiting, refused("the e-mail lists say no"), None);
        };
        waiting.user.clone_from(&account.name);
        match self.user_config(&mut waiting) {
            Ok(config) => {
                let become_it = wharf_os::identity::is_root();
                let start =
                    rules::anonymous(config.as_ref().unwrap_or(&self.settings.config), &account, become_it);
                self.enter(&start, waiting);
            }
            Err(text) => self.settle_attempt(waiting, Verdict::Oops { text }, None),
        }
    }

    fn is_listed_out(&self, name: &[u8]) -> bool {
        let access = &self.settings.config.access;
        if !access.userlist_enable {
            return false;
        }
        let Some(names) = access.userlist_file.as_ref().map(|file| files::lines(file)) else { return false };
        // A list that cannot be read refuses everybody: it was meant to keep somebody out.
        names.map_or(true, |names| UserList { names, deny: access.userlist_deny }.refuses(name))
    }

    fn start_auth(&mut self, attempt: &Attempt, waiting: Waiting) -> io::Result<()> {
        let (ours, theirs) = Link::<Attempt, AuthVerdict>::pair()?;
        let child = Launch::new("auth").descriptor("monitor", theirs.as_fd()).start()?;
        drop(theirs);
        ours.send(attempt)?;
        ours.set_nonblocking(true)?;
        self.attempts.last_number += 1;
        let number = self.attempts.last_number;
        self.poller.add(&ours, key::ATTEMPT | number, Interest::Read)?;
        self.attempts.running.insert(number, Running { child, link: ours, waiting });
        self.in_time(AUTH_TIME, number, Due::AttemptOver);
        Ok(())
    }

    pub(super) fn hear_attempt(&mut self, number: u64) {
        let Some(running) = self.attempts.running.get(&number) else { return };
        let verdict = match running.link.receive(&mut self.scratch) {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => return,
            Ok(Some(received)) => received.message,
            Ok(None) | Err(_) => {
                eprintln!("wharfd: monitor: an auth process ended without a verdict");
                refused_by_auth("the auth process ended without a verdict")
            }
        };
        self.auth_has_spoken(number, verdict);
    }

    pub(super) fn attempt_over(&mut self, number: u64) {
        if self.attempts.running.contains_key(&number) {
            eprintln!(
                "wharfd: monitor: checking a password took longer than {} s; refused",
                AUTH_TIME.as_secs()
            );
            self.auth_has_spoken(number, refused_by_auth("the check took too long"));
        }
    }

    fn auth_has_spoken(&mut self, number: u64, verdict: AuthVerdict) {
        let Some(mut running) = self.attempts.running.remove(&number) else { return };
        let _ = self.poller.remove(&running.link);
        end(&mut running.child);
        let waiting = running.waiting;
        match verdict {
            AuthVerdict::Identity(account) => self.come_in(waiting, &account),
            AuthVerdict::Shared => self.come_in_shared(waiting),
            AuthVerdict::Refused { reason, detail } => {
                let user = String::from_utf8_lossy(&waiting.user).escape_debug().to_string();
                eprintln!("wharfd: login of {user} refused ({reason:?}): {detail}");
                if reason == wharf_ipc::auth::Reason::NoAccount {
                    let text = [b"cannot locate user entry:", waiting.user.as_slice()].concat();
                    return self.settle_attempt(waiting, Verdict::Oops { text }, None);
                }
                self.settle_attempt(waiting, refused(&detail), None);
            }
        }
    }

    fn come_in(&mut self, mut waiting: Waiting, account: &Account) {
        waiting.user.clone_from(&account.name);
        let main = &self.settings.config;
        let listed = match (main.jail.chroot_list_enable, &main.jail.chroot_list_file) {
            (true, Some(file)) => match files::lines(file) {
                Ok(names) => names.contains(&waiting.user),
                Err(_) => {
                    let text = [b"could not read chroot() list file:", file.as_slice()].concat();
                    return self.settle_attempt(waiting, Verdict::Oops { text }, None);
                }
            },
            _ => false,
        };
        let jailed = rules::is_jailed(main, listed);
        match self.user_config(&mut waiting) {
            Ok(config) => {
                let start = rules::local(config.as_ref().unwrap_or(&self.settings.config), account, jailed);
                self.enter(&start, waiting);
            }
            Err(text) => self.settle_attempt(waiting, Verdict::Oops { text }, None),
        }
    }

    /// The one account of a shared folder sees the folder, as the process that shares it does.
    fn come_in_shared(&mut self, waiting: Waiting) {
        let Some(account) = self.settings.anonymous.clone() else { return };
        let become_it = wharf_os::identity::is_root();
        let mut start = rules::anonymous(&self.settings.config, &account, become_it);
        start.rules = rules::rules(&self.settings.config, Class::Local);
        start.user.clone_from(&waiting.user);
        self.enter(&start, waiting);
    }

    /// Reads the user's own configuration; the session gets it whole.
    fn user_config(&self, waiting: &mut Waiting) -> Result<Option<wharf_config::Config>, Vec<u8>> {
        match self.settings.config.load_user(&waiting.user) {
            Ok(None) => Ok(None),
            Ok(Some(loaded)) => {
                for option in rules::of_the_listener(&self.settings.config, &loaded.config) {
                    let user = String::from_utf8_lossy(&waiting.user);
                    eprintln!(
                        "wharfd: the file of user {user}: {option} is not carried out for single users yet"
                    );
                }
                waiting.overlay = loaded.config.to_text();
                Ok(Some(loaded.config))
            }
            Err(problems) => {
                super::site::report(&problems);
                Err(problems
                    .first()
                    .map_or_else(|| b"bad user file".to_vec(), |first| first.message.clone().into_bytes()))
            }
        }
    }

    /// Tells the session its verdict, after the delay that the configuration wants.
    pub(super) fn settle_attempt(&mut self, waiting: Waiting, verdict: Verdict, channel: Option<OwnedFd>) {
        let limits = &self.settings.config.limits;
        let delay = match &verdict {
            Verdict::Granted(_) => limits.delay_successful_login,
            Verdict::Refused { .. } => limits.delay_failed_login,
            Verdict::Oops { .. } => 0,
        };
        self.attempts.last_number += 1;
        let number = self.attempts.last_number;
        self.attempts.delayed.insert(number, (waiting, verdict, channel));
        if delay == 0 {
            self.tell_verdict(number);
        } else {
            self.in_time(Duration::from_secs(u64::from(delay)), number, Due::Verdict);
        }
    }

    pub(super) fn tell_verdict(&mut self, number: u64) {
        let Some((waiting, verdict, channel)) = self.attempts.delayed.remove(&number) else { return };
        let Some(known) = self.workers.known(waiting.worker, waiting.session) else { return };
        known.asking = false;
        if matches!(verdict, Verdict::Refused { .. }) {
            known.failures += 1;
        }
        let message = ToWorker::Verdict { session: waiting.session, verdict };
        self.tell_worker(waiting.worker, message, channel.into_iter().collect());
    }
}

fn is_anonymous(name: &[u8]) -> bool {
    name.eq_ignore_ascii_case(b"ftp") || name.eq_ignore_ascii_case(b"anonymous")
}

fn refused(detail: &str) -> Verdict {
    Verdict::Refused { detail: detail.to_owned() }
}

fn refused_by_auth(detail: &str) -> AuthVerdict {
    AuthVerdict::Refused { reason: wharf_ipc::auth::Reason::Broken, detail: detail.to_owned() }
}
