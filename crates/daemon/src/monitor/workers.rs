//! The listener and the session workers: started, fed, replaced when they die.

use std::collections::{BTreeMap, HashMap};
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::rc::Rc;
use std::sync::Arc;
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::process::Signal;
use wharf_config::Config;
use wharf_ipc::link::Link;
use wharf_ipc::monitor::{FromListener, FromWorker, ToListener, ToWorker};
use wharf_ipc::{SessionId, listener};
use wharf_os::activation::Given;
use wharf_os::epoll::{Poller, Ready};
use wharf_os::spawn::{Child, Launch};

use super::certified::Claim;
use super::{Due, Monitor, key};
use crate::outbox::Outbox;

/// A role that dies sooner than this after its start is started again only after as long: something is wrong with
/// it, and trying faster would not mend it.
pub(super) const TOO_SOON: Duration = Duration::from_secs(1);

/// The listener process.
pub(super) struct Listener {
    child: Child,
    link: Outbox<ToListener, FromListener>,
    began: Instant,
    addresses: Vec<std::net::SocketAddr>,
    /// How many listeners there were before it.
    predecessors: u64,
    /// Sockets that somebody else has opened; its successor gets them too.
    given: Rc<[Given]>,
}

/// The `FileDescriptorName` of sockets for data connections; all others are for control connections.
const FOR_DATA: &str = "data";

pub(super) fn is_for_data(given: &Given) -> bool {
    given.name == FOR_DATA
}

/// What a socket of `listen_fds` is called.
pub(super) fn name_of(is_data: bool) -> &'static str {
    if is_data { FOR_DATA } else { "control" }
}

/// How far apart the session numbers of one listener and the next begin: more than any has connections in its life.
const GENERATION: u64 = 1_000_000_000;

impl Listener {
    pub(super) fn start(
        poller: &Poller,
        text: &[u8],
        predecessors: u64,
        given: Rc<[Given]>,
    ) -> io::Result<Self> {
        let (ours, theirs) = Link::<ToListener, FromListener>::pair()?;
        let child = Launch::new("listener").descriptor("monitor", theirs.as_fd()).start()?;
        let link = Outbox::watch(poller, ours, key::LISTENER)?;
        let (began, addresses) = (Instant::now(), Vec::new());
        let mut listener = Self { child, link, began, addresses, predecessors, given };
        for (socket, is_data) in listener.copies()? {
            listener.tell(poller, ToListener::Given { is_data }, vec![socket]);
        }
        listener.configure(poller, text);
        Ok(listener)
    }

    fn copies(&self) -> io::Result<Vec<(OwnedFd, bool)>> {
        self.given.iter().map(|given| Ok((given.socket.try_clone()?, is_for_data(given)))).collect()
    }

    pub(super) fn child(&mut self) -> &mut Child {
        &mut self.child
    }

    pub(super) fn configure(&mut self, poller: &Poller, text: &[u8]) {
        let first = SessionId(SessionId::FIRST.0 + self.predecessors * GENERATION);
        self.tell(poller, ToListener::Configure { text: text.to_vec(), first }, Vec::new());
    }

    pub(super) fn drain(&mut self, poller: &Poller) {
        self.tell(poller, ToListener::Drain, Vec::new());
    }

    /// A listener that is gone is noticed by its channel; what it was to be told is told to the next one.
    fn tell(&mut self, poller: &Poller, message: ToListener, descriptors: Vec<OwnedFd>) {
        let _ = self.link.send(poller, message, descriptors);
    }
}

/// The session workers, by number.
#[derive(Default)]
pub(super) struct Workers {
    running: BTreeMap<u32, Worker>,
    last_number: u32,
}

/// One session worker.
pub(super) struct Worker {
    child: Child,
    link: Outbox<ToWorker, FromWorker>,
    began: Instant,
    /// The sessions that have said anything to us.
    pub(super) sessions: HashMap<SessionId, Known>,
}

/// What the monitor knows of a session: what it may ask next follows from it.
#[derive(Debug, Default)]
pub(super) struct Known {
    /// Failed attempts.
    pub(super) failures: u32,
    /// An attempt is under way.
    pub(super) asking: bool,
    /// How often its certificate was looked at.
    pub(super) looks: u32,
    /// The broker it is logged in to, and the user number its uploads belong to.
    pub(super) broker: Option<u64>,
    /// The process that holds its PAM session.
    pub(super) keeper: Option<u64>,
    /// The site's configuration with what hosts.allow adds for this client (`VSFTPD_LOAD_CONF`).
    pub(super) config: Option<Arc<Config>>,
    /// How many hosts its client has named.
    pub(super) hosts: u32,
    /// What held before the first of them.
    pub(super) before_hosts: Option<Arc<Config>>,
}

/// How many hosts a client may name; the session's own limit is lower.
const MOST_HOSTS: u32 = 32;

impl Workers {
    pub(super) fn is_empty(&self) -> bool {
        self.running.is_empty()
    }

    pub(super) fn numbers(&self) -> Vec<u32> {
        self.running.keys().copied().collect()
    }

    pub(super) fn children(&mut self) -> impl Iterator<Item = &mut Child> {
        self.running.values_mut().map(|worker| &mut worker.child)
    }

    pub(super) fn anybody_here(&self) -> bool {
        self.running.values().any(|worker| !worker.sessions.is_empty())
    }

    pub(super) fn known(&mut self, worker: u32, session: SessionId) -> Option<&mut Known> {
        self.running.get_mut(&worker)?.sessions.get_mut(&session)
    }
}

impl Monitor {
    /// Waits for the listener's first word; without sockets there is nothing to serve.
    pub(super) fn await_listening(&mut self) -> io::Result<()> {
        let mut ready = Vec::new();
        loop {
            match self.listener.link.receive(&mut self.scratch)? {
                Some(received) => match received.message {
                    FromListener::Listening(addresses) => {
                        self.listener.addresses = addresses;
                        return Ok(());
                    }
                    FromListener::CannotListen { text } => return Err(io::Error::other(text)),
                    FromListener::WantWorker | FromListener::Drained | FromListener::Agreed { .. } => {}
                },
                None => self.poller.wait(&mut ready, None)?,
            }
            if let Some(status) = self.listener.child.reap()? {
                return Err(io::Error::other(format!("the listener ended at once ({status})")));
            }
        }
    }

    pub(super) fn start_workers(&mut self) -> io::Result<()> {
        if self.serves_one {
            return self.start_worker();
        }
        if self.settings.config.wharf.isolate_sessions {
            return Ok(());
        }
        let wanted = match self.settings.config.wharf.session_workers {
            0 => std::thread::available_parallelism()
                .map_or(1, |cores| u32::try_from(cores.get()).unwrap_or(1)),
            wanted => wanted.min(1024),
        };
        for _ in 0..wanted {
            self.start_worker()?;
        }
        Ok(())
    }

    /// Starts a worker now; says so when it cannot.
    pub(super) fn replace_worker(&mut self) {
        if let Err(error) = self.start_worker() {
            wharf_os::say!("wharfd: monitor: cannot start a session worker: {error}");
        }
    }

    fn start_worker(&mut self) -> io::Result<()> {
        self.workers.last_number += 1;
        let number = self.workers.last_number;
        let (ours, theirs) = Link::<ToWorker, FromWorker>::pair()?;
        let (for_listener, for_worker) = Link::<listener::ToWorker, listener::FromWorker>::pair()?;
        let child = Launch::new("session")
            .descriptor("monitor", theirs.as_fd())
            .descriptor("listener", for_worker.as_fd())
            .start()?;
        let mut link = Outbox::watch(&self.poller, ours, key::WORKER | u64::from(number))?;
        for (message, descriptors) in self.first_keys()? {
            link.send(&self.poller, message, descriptors)?;
        }
        link.send(&self.poller, self.outside.word(), Vec::new())?;
        let (configure, descriptors) = self.configuration()?;
        link.send(&self.poller, configure, descriptors)?;
        let (logs, descriptors) = self.logs.hand_over()?;
        link.send(&self.poller, logs, descriptors)?;
        self.workers
            .running
            .insert(number, Worker { child, link, began: Instant::now(), sessions: HashMap::new() });
        self.listener.tell(&self.poller, ToListener::Worker { worker: number }, vec![for_listener.into()]);
        Ok(())
    }

    fn configuration(&self) -> io::Result<(ToWorker, Vec<OwnedFd>)> {
        let message = ToWorker::Configure {
            text: self.settings.text.clone(),
            banner: self.files.banner.is_some(),
            user_list: self.files.user_list.is_some(),
            authorities: self.files.authorities.is_some(),
        };
        Ok((message, self.files.descriptors()?))
    }

    pub(super) fn configure_workers(&mut self) {
        self.tell_all(Self::configuration);
    }

    pub(super) fn hand_out_address(&mut self) {
        self.tell_all(|monitor| Ok((monitor.outside.word(), Vec::new())));
    }

    pub(super) fn hand_out_logs(&mut self) {
        self.tell_all(|monitor| monitor.logs.hand_over());
    }

    pub(super) fn drain_workers(&mut self, seconds: u32) {
        self.tell_all(|_| Ok((ToWorker::Drain { seconds }, Vec::new())));
    }

    fn tell_all(&mut self, words: impl Fn(&Self) -> io::Result<(ToWorker, Vec<OwnedFd>)>) {
        for number in self.workers.numbers() {
            match words(self) {
                Ok((message, descriptors)) => self.tell_worker(number, message, descriptors),
                Err(error) => wharf_os::say!("wharfd: monitor: a worker could not be told: {error}"),
            }
        }
    }

    /// Tells a worker something. One that does not read any more is ended: others must not wait for it.
    pub(super) fn tell_worker(&mut self, number: u32, message: ToWorker, descriptors: Vec<OwnedFd>) {
        let Some(worker) = self.workers.running.get_mut(&number) else { return };
        let sent = worker.link.send(&self.poller, message, descriptors);
        if sent.is_err() || worker.link.is_stuck() {
            self.worker_ended(number, "does not read what it is told");
        }
    }

    pub(super) fn hear_worker(&mut self, number: u64, event: Ready) {
        let Ok(number) = u32::try_from(number) else { return };
        if event.writable {
            let Some(worker) = self.workers.running.get_mut(&number) else { return };
            if worker.link.flush(&self.poller).is_err() {
                return self.worker_ended(number, "closed its channel");
            }
        }
        // A turn: one worker's messages do not keep the others waiting.
        for _ in 0..64 {
            let Some(worker) = self.workers.running.get_mut(&number) else { return };
            match worker.link.receive(&mut self.scratch) {
                Ok(Some(received)) => {
                    if let Err(why) = self.answer_worker(number, received) {
                        return self.worker_ended(number, why);
                    }
                }
                Ok(None) => return,
                Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => {
                    return self.worker_ended(number, "ended");
                }
                Err(_) => return self.worker_ended(number, "said something that is no message"),
            }
        }
    }

    /// What a worker asks is checked against what the monitor knows of the session.
    fn answer_worker(
        &mut self,
        number: u32,
        mut received: wharf_ipc::link::Received<FromWorker>,
    ) -> Result<(), &'static str> {
        let Some(worker) = self.workers.running.get_mut(&number) else { return Ok(()) };
        match received.message {
            FromWorker::Knock { session, peer, local } => {
                worker.sessions.entry(session).or_default();
                self.knocked(number, session, peer, local);
            }
            FromWorker::Host { session, name } => {
                let known = worker.sessions.entry(session).or_default();
                if known.asking || known.broker.is_some() {
                    return Err("asked for a host that is not its turn");
                }
                known.hosts += 1;
                if known.hosts > MOST_HOSTS {
                    return Err("asked for more hosts than any client may");
                }
                self.host_named(number, session, &name);
            }
            FromWorker::Login { session, peer, name, password, proof } => {
                let known = worker.sessions.entry(session).or_default();
                if known.asking || known.broker.is_some() {
                    return Err("asked for a login that is not its turn");
                }
                known.asking = true;
                self.attempt(number, session, name, Claim { peer, password, proof });
            }
            FromWorker::ChangeOwner { session } => {
                let broker = worker.sessions.get(&session).and_then(|known| known.broker);
                let Some(broker) = broker else { return Err("wanted an owner changed without a login") };
                let file = received.descriptor().ok_or("wanted an owner changed of nothing")?;
                let done = self.change_owner(broker, &file);
                self.tell_worker(number, ToWorker::OwnerChanged { session, done }, Vec::new());
            }
            FromWorker::Misled { peer, announced } => self.misled(peer, announced),
            FromWorker::Gone { session } => {
                let known = worker.sessions.remove(&session);
                known.into_iter().for_each(|known| self.left(&known));
                if self.serves_one {
                    self.drain();
                }
            }
        }
        Ok(())
    }

    /// A session is gone: so is what was kept for it.
    fn left(&mut self, known: &Known) {
        known.broker.into_iter().for_each(|broker| self.left_broker(broker));
        known.keeper.into_iter().for_each(|keeper| self.leave_pam(keeper));
    }

    fn worker_ended(&mut self, number: u32, why: &str) {
        let Some(mut worker) = self.workers.running.remove(&number) else { return };
        worker.link.unwatch(&self.poller);
        let status = end(&mut worker.child);
        worker.sessions.values().for_each(|known| self.left(known));
        self.listener.tell(&self.poller, ToListener::WorkerGone { worker: number }, Vec::new());
        if self.serves_one {
            self.end.get_or_insert_with(Instant::now);
        }
        if self.end.is_some() || self.settings.config.wharf.isolate_sessions {
            return;
        }
        wharf_os::say!(
            "wharfd: monitor: session worker {number} {why} ({status}); its sessions are lost, others go on"
        );
        if worker.began.elapsed() < TOO_SOON {
            self.in_time(TOO_SOON, u64::from(number), Due::Worker);
        } else {
            self.replace_worker();
        }
    }

    pub(super) fn hear_listener(&mut self, event: Ready) {
        if event.writable {
            let _ = self.listener.link.flush(&self.poller);
        }
        loop {
            match self.listener.link.receive(&mut self.scratch) {
                Ok(Some(received)) => match received.message {
                    FromListener::Listening(addresses) => self.listener.addresses = addresses,
                    FromListener::CannotListen { text } => {
                        wharf_os::say!("wharfd: listener: {text}; it keeps the sockets it had");
                    }
                    FromListener::WantWorker => self.replace_worker(),
                    FromListener::Agreed { number } => self.agreed(number),
                    FromListener::Drained => {}
                },
                Ok(None) => return,
                Err(_) => return self.listener_ended(),
            }
        }
    }

    /// Gives the one connection of inetd to the listener, as if it had accepted it.
    pub(super) fn hand_on(&mut self, connection: OwnedFd) {
        self.listener.tell(&self.poller, ToListener::Adopt, vec![connection]);
    }

    pub(super) fn tell_listener(&mut self, message: ToListener) {
        self.listener.tell(&self.poller, message, Vec::new());
    }

    /// A new listener opens the same sockets. Sessions go on meanwhile, but for new data connections.
    fn listener_ended(&mut self) {
        self.listener.link.unwatch(&self.poller);
        let status = end(&mut self.listener.child);
        if self.end.is_some() {
            return;
        }
        wharf_os::say!("wharfd: monitor: the listener ended ({status}); starting a new one");
        if self.serves_one {
            self.end = Some(Instant::now());
        } else if self.listener.began.elapsed() < TOO_SOON {
            self.in_time(TOO_SOON, 0, Due::Listener);
        } else {
            self.replace_listener();
        }
    }

    /// Starts a listener in the place of one that died, and brings the workers together with it.
    pub(super) fn replace_listener(&mut self) {
        if self.end.is_some() {
            return;
        }
        let (before, given) = (self.listener.predecessors, Rc::clone(&self.listener.given));
        match Listener::start(&self.poller, &self.settings.text, before + 1, given) {
            Ok(listener) => self.listener = listener,
            Err(error) => {
                wharf_os::say!("wharfd: monitor: cannot start a new listener: {error}");
                return self.in_time(TOO_SOON, 0, Due::Listener);
            }
        }
        for number in self.workers.numbers() {
            if let Err(error) = self.introduce(number) {
                wharf_os::say!("wharfd: monitor: a worker cannot be brought to the listener: {error}");
            }
        }
    }

    /// Gives a worker and the listener a channel to each other.
    fn introduce(&mut self, number: u32) -> io::Result<()> {
        let (for_listener, for_worker) = Link::<listener::ToWorker, listener::FromWorker>::pair()?;
        self.tell_worker(number, ToWorker::NewListener, vec![for_worker.into()]);
        self.listener.tell(&self.poller, ToListener::Worker { worker: number }, vec![for_listener.into()]);
        Ok(())
    }

    /// Where control connections are taken.
    pub(super) fn addresses(&self) -> &[std::net::SocketAddr] {
        &self.listener.addresses
    }

    /// Tells the person at the terminal, or the journal, what is served where.
    pub(super) fn announce(&self) {
        match &self.site {
            super::Site::Share(share) => share.announce(&self.listener.addresses),
            super::Site::Classic(_) => {
                for address in &self.listener.addresses {
                    wharf_os::say!("wharfd: listening on {address}");
                }
            }
        }
    }
}

/// Ends a process that has closed its channel, and learns how it ended.
pub(super) fn end(child: &mut Child) -> String {
    // It may still be writing its last words; a process that closed its channel has nothing else to do.
    let _ = child.kill(Signal::KILL);
    match child.wait() {
        Ok(status) => status.to_string(),
        Err(error) => error.to_string(),
    }
}

/// Waits for a process that was told to end, and ends it when its time is over.
pub(super) fn end_within(child: &mut Child, until: Instant) {
    let left = until.saturating_duration_since(Instant::now());
    if let Ok(left) = Timespec::try_from(left) {
        let _ = poll(&mut [PollFd::new(&child.pidfd, PollFlags::IN)], Some(&left));
    }
    end(child);
}
