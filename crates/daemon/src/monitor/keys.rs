//! The keyholder: started before the workers, given the keys, replaced when it dies; its links and the certificates
//! are handed to every worker.
//!
//! Which files there are and how they are opened is in `pairs.rs`. No key is read here. A set that is not taken changes
//! nothing: the one before stays in force.

use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::Arc;
use std::time::{Duration, Instant};

use rustix::net::sockopt::{self, Timeout};
use wharf_config::{Config, Problem};
use wharf_ipc::acme::{Done, Task};
use wharf_ipc::keyholder::{self, Answer, FromKeyholder, Public, Question, ToKeyholder};
use wharf_ipc::link::Link;
use wharf_ipc::monitor::ToWorker;
use wharf_os::epoll::{Interest, Poller};
use wharf_os::identity;
use wharf_os::spawn::{Child, Launch};

use super::acme;
use super::pairs::{self, Pair, Versions};
use super::site::report;
use super::workers::{TOO_SOON, end};
use super::{Due, Monitor, key};

/// How long the keyholder may take over a set. The monitor waits with everything else meanwhile; reading a few files
/// takes milliseconds.
const PATIENCE: Duration = Duration::from_secs(5);

/// The keys of a site. Without `ssl_enable` there are none, and no process for them.
#[derive(Default)]
pub(super) struct Keys {
    keyholder: Option<Keyholder>,
    /// How many keyholders there were, this one included.
    started: u64,
    /// The number of the last set that a keyholder was given, taken or not.
    last_set: u32,
    /// The files in force; they stay open, so that another keyholder can have them even when their names are gone.
    pairs: Vec<Pair>,
    /// What the keyholder said of them.
    certificates: Vec<Public>,
    /// How the files looked when they were last taken, or told to be bad.
    seen: Versions,
    /// How they looked when they were found bad for the first time: perhaps somebody was writing them.
    doubted: Option<Versions>,
}

struct Keyholder {
    child: Child,
    link: Link<ToKeyholder, FromKeyholder>,
    began: Instant,
    number: u64,
    /// The workers have links to it.
    is_known: bool,
}

/// Messages to a worker with what comes along.
type Words = Vec<(ToWorker, Vec<OwnedFd>)>;

impl Keys {
    /// Begins with the keys of a configuration.
    ///
    /// # Errors
    /// vsftpd's words for what cannot be loaded; the administrator has been told more.
    pub(super) fn start(poller: &Poller, config: &Config) -> io::Result<Self> {
        let mut keys = Self::default();
        if let Err(problem) = keys.renew(poller, config) {
            report([&problem]);
            keys.keyholder.iter_mut().for_each(|keyholder| drop(end(&mut keyholder.child)));
            return Err(io::Error::other(problem.message));
        }
        Ok(keys)
    }

    /// Puts the keys that a configuration names in force, as they are now.
    ///
    /// # Errors
    /// What is wrong with them; then those before stay in force.
    pub(super) fn renew(&mut self, poller: &Poller, config: &Config) -> Result<(), Problem> {
        if !config.tls.ssl_enable {
            return Ok(());
        }
        let ordered = config.acme_order();
        // What it needs may have to be made first.
        let early = if ordered.is_none() { Some(pairs::open(config)?) } else { None };
        if self.keyholder.is_none() {
            self.start_keyholder(poller, config)
                .map_err(|error| Problem::error(format!("cannot start the keyholder: {error}")))?;
        }
        if let Some(order) = &ordered {
            acme::prepare(self, order)?;
        }
        self.load(early.map_or_else(|| pairs::open(config), Ok)?)?;
        report(&self.pairs.iter().filter_map(Pair::exposed).collect::<Vec<_>>());
        Ok(())
    }

    fn start_keyholder(&mut self, poller: &Poller, config: &Config) -> io::Result<()> {
        let user = user(config)?;
        let (ours, theirs) = Link::<ToKeyholder, FromKeyholder>::pair()?;
        let child = Launch::new("keyholder").descriptor("monitor", theirs.as_fd()).start()?;
        drop(theirs);
        sockopt::set_socket_timeout(&ours, Timeout::Send, Some(PATIENCE))?;
        ours.send(&ToKeyholder::Start(user))?;
        self.started += 1;
        poller.add(&ours, key::KEYHOLDER | self.started, Interest::Read)?;
        self.keyholder = Some(Keyholder {
            child,
            link: ours,
            began: Instant::now(),
            number: self.started,
            is_known: false,
        });
        Ok(())
    }

    /// Has a set judged, and puts it in force when it is good.
    fn load(&mut self, pairs: Vec<Pair>) -> Result<(), Problem> {
        let Some(keyholder) = &self.keyholder else {
            return Err(Problem::error("there is no keyholder to load the keys; one is being started"));
        };
        self.last_set += 1;
        let files: Vec<_> = pairs.iter().map(Pair::files).collect();
        match keyholder::load(&keyholder.link, self.last_set, &files, PATIENCE) {
            Ok(Ok(certificates)) => {
                self.seen = pairs.iter().flat_map(Pair::versions).collect();
                self.doubted = None;
                (self.pairs, self.certificates) = (pairs, certificates);
                Ok(())
            }
            Ok(Err(refused)) => Err(pairs::refused(&pairs, &refused)),
            Err(error) => {
                // Its death is noticed by its channel, and then it is replaced.
                let _ = keyholder.child.kill(rustix::process::Signal::KILL);
                Err(Problem::error(format!("the keyholder failed while it loaded the keys: {error}")))
            }
        }
    }

    /// The certificates in force for a worker, after a link to the keyholder when it has none to this one.
    fn words(&self, with_link: bool) -> io::Result<Words> {
        let mut words = Words::new();
        if with_link {
            words.push((ToWorker::Keyholder, vec![self.link()?]));
        }
        let last = self.certificates.len();
        words.extend(self.certificates.iter().enumerate().map(|(place, public)| {
            (ToWorker::Certificate { public: public.clone(), is_last: place + 1 == last }, Vec::new())
        }));
        Ok(words)
    }

    /// A worker's link. With no keyholder, one that is closed at its other end: the worker hears of the next.
    fn link(&self) -> io::Result<OwnedFd> {
        let (for_worker, for_keyholder) = Link::<Question, Answer>::pair()?;
        if let Some(keyholder) = &self.keyholder {
            // Its death is noticed by its channel.
            let _ = keyholder.link.send_with(&ToKeyholder::Worker, &[for_keyholder.as_fd()]);
        }
        Ok(for_worker.into())
    }

    /// Gives the keyholder a task that concerns an ordered certificate.
    ///
    /// # Errors
    /// When there is no keyholder that answers.
    pub(super) fn carry_out(&self, task: Task, descriptors: &[BorrowedFd<'_>]) -> Result<Done, String> {
        let keyholder = self.keyholder.as_ref().ok_or("there is no keyholder; one is being started")?;
        wharf_ipc::acme::carry_out(&keyholder.link, task, descriptors, PATIENCE).map_err(|error| {
            // Its death is noticed by its channel, and then it is replaced.
            let _ = keyholder.child.kill(rustix::process::Signal::KILL);
            format!("the keyholder failed: {error}")
        })
    }

    /// Tells the keyholder that an order is over; one that is gone knows of none.
    pub(super) fn end_order(&self) {
        if let Some(keyholder) = &self.keyholder {
            let _ = keyholder.link.send(&ToKeyholder::Acme(Task::End));
        }
    }

    pub(super) fn child(&mut self) -> Option<&mut Child> {
        self.keyholder.as_mut().map(|keyholder| &mut keyholder.child)
    }
}

/// As whom the keyholder runs; `None` for the starting user.
pub(super) fn user(config: &Config) -> io::Result<Option<(u32, u32)>> {
    if !identity::is_root() || config.process.run_as_launching_user {
        return Ok(None);
    }
    let name = config.process.nopriv_user.as_ref().map_or(&b"nobody"[..], |name| name);
    match identity::lookup(name)? {
        Some(account) => Ok(Some((account.uid, account.gid))),
        None => Err(io::Error::other(format!(
            "cannot locate user entry:{} (nopriv_user)",
            String::from_utf8_lossy(name)
        ))),
    }
}

impl Monitor {
    /// Everything about keys that a new worker is told before its configuration.
    pub(super) fn first_keys(&self) -> io::Result<Words> {
        if self.settings.config.tls.ssl_enable { self.keys.words(true) } else { Ok(Words::new()) }
    }

    /// Hands the certificates in force to every worker, and links to a keyholder that they do not know.
    pub(super) fn hand_out_keys(&mut self) {
        if !self.settings.config.tls.ssl_enable {
            // Workers that are started while it is off have no link.
            self.keys.keyholder.iter_mut().for_each(|keyholder| keyholder.is_known = false);
            return;
        }
        let is_known = self.keys.keyholder.as_ref().is_none_or(|keyholder| keyholder.is_known);
        for number in self.workers.numbers() {
            match self.keys.words(!is_known) {
                Ok(words) => words
                    .into_iter()
                    .for_each(|(message, descriptors)| self.tell_worker(number, message, descriptors)),
                Err(error) => {
                    wharf_os::say!("wharfd: monitor: a worker could not be told of the keys: {error}");
                }
            }
        }
        if let Some(keyholder) = &mut self.keys.keyholder {
            keyholder.is_known = true;
        }
    }

    /// Puts renewed files in force. Bad ones are told once, and only when they are still bad at the next look: who
    /// renews a certificate and its key writes one after the other.
    pub(super) fn follow_keys(&mut self) {
        let config = Arc::clone(&self.settings.config);
        if !config.tls.ssl_enable || self.keys.keyholder.is_none() {
            return;
        }
        let there = pairs::versions(&config);
        if there == self.keys.seen {
            return;
        }
        match self.keys.renew(&self.poller, &config) {
            Ok(()) => {
                let names: Vec<_> = self.keys.pairs.iter().map(Pair::name).collect();
                wharf_os::say!("wharfd: monitor: renewed certificates are in force: {}", names.join(", "));
                self.hand_out_keys();
                // An ordered one that somebody removed is to be ordered again.
                self.plan_order();
            }
            Err(problem) if self.keys.doubted.as_ref() == Some(&there) => {
                report([&problem]);
                wharf_os::say!(
                    "wharfd: monitor: the files of the certificates have changed and cannot be used; those before \
                     stay in force"
                );
                self.keys.seen = there;
            }
            Err(_) => self.keys.doubted = Some(there),
        }
    }

    /// It never speaks unasked, so anything that is to be heard is its end.
    pub(super) fn hear_keyholder(&mut self, number: u64) {
        let Some(keyholder) = self.keys.keyholder.as_ref().filter(|it| it.number == number) else { return };
        let why = match keyholder.link.receive(&mut self.scratch) {
            Ok(None) => "ended",
            Ok(Some(_)) => "spoke out of turn",
            Err(_) => "said something that is no message",
        };
        self.keyholder_ended(why);
    }

    fn keyholder_ended(&mut self, why: &str) {
        let Some(mut keyholder) = self.keys.keyholder.take() else { return };
        // It can fail only when the link is not watched, which is what is wanted.
        let _ = self.poller.remove(&keyholder.link);
        let status = end(&mut keyholder.child);
        if self.end.is_some() || !self.settings.config.tls.ssl_enable {
            return;
        }
        wharf_os::say!(
            "wharfd: monitor: the keyholder {why} ({status}); nobody new gets TLS until the next one has the keys"
        );
        if keyholder.began.elapsed() < TOO_SOON {
            self.in_time(TOO_SOON, 0, Due::Keyholder);
        } else {
            self.replace_keyholder();
        }
    }

    /// Starts a keyholder in the place of one that died, with the same keys.
    pub(super) fn replace_keyholder(&mut self) {
        let config = Arc::clone(&self.settings.config);
        if self.end.is_some() || !config.tls.ssl_enable || self.keys.keyholder.is_some() {
            return;
        }
        if let Err(error) = self.keys.start_keyholder(&self.poller, &config) {
            wharf_os::say!("wharfd: monitor: cannot start a new keyholder: {error}");
            return self.in_time(TOO_SOON, 0, Due::Keyholder);
        }
        let pairs = std::mem::take(&mut self.keys.pairs);
        // Files that were overwritten rather than replaced may be bad by now, and new ones good.
        let again = if pairs.is_empty() { Err(()) } else { self.keys.load(pairs).map_err(drop) };
        match again.or_else(|()| self.keys.renew(&self.poller, &config)) {
            Ok(()) => wharf_os::say!("wharfd: monitor: a new keyholder has the keys"),
            Err(problem) => {
                report([&problem]);
                wharf_os::say!("wharfd: monitor: nobody gets TLS before these files are mended");
                self.keys.seen = pairs::versions(&config);
            }
        }
        self.hand_out_keys();
    }
}
