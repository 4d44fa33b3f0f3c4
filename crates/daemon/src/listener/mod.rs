//! The listener: owns every listening socket, accepts and dials, and hands connections to the session workers.
//!
//! It never reads from a connection: the octets of strangers are the sessions' business, in processes that own
//! nothing. It knows no FTP beyond the rules about addresses and ports. It is a plain loop that never waits for
//! anybody but the poller: slow readers have a queue (`crate::outbox`), connects run by themselves (`dial.rs`).
//!
//! | | |
//! |---|---|
//! | what clients call | `control.rs` |
//! | admission and the choice of a worker | `clients.rs`, `counts.rs`, `proxied.rs` |
//! | data connections | `transfers.rs`, `passive.rs`, `queue.rs`, `undecided.rs`, `dial.rs` |
//! | giving up rights | `confine.rs` |

mod clients;
mod confine;
mod control;
mod counts;
mod dial;
mod key;
mod passive;
mod proxied;
mod queue;
#[cfg(test)]
mod tests;
mod transfers;
mod undecided;

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::io;
use std::net::SocketAddr;
use std::os::fd::OwnedFd;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use wharf_config::{Config, Network};
use wharf_ipc::SessionId;
use wharf_ipc::link::{Link, Received};
use wharf_ipc::monitor::{FromListener, Terms, ToListener};
use wharf_os::epoll::{Interest, Poller, Ready};
use wharf_os::socket;
use wharf_os::title::{Pace, Title};

use crate::outbox::Outbox;
use crate::terms::terms;

use clients::{Arrival, Session, Worker};
use control::{Controls, Place, places};
use counts::Counts;
use dial::Dials;
use key::Key;
use passive::{House, Passive};
use queue::Queue;
use undecided::Undecided;

/// The most connections, or messages of one worker, that are handled before others have their turn.
const TURN: usize = 64;

/// How long a socket rests when there is no descriptor left for its next connection.
const REST: Duration = Duration::from_millis(100);

/// Serves as the listener until the monitor closes its channel.
#[must_use]
pub fn run(monitor: OwnedFd) -> ExitCode {
    let title = Title::prepare();
    let served = confine::begin().and_then(|()| {
        let mut listener = Listener::new(Link::from(monitor))?;
        listener.title = Some(title);
        listener.serve()
    });
    match served {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            say(&format!("ends: {error}"));
            ExitCode::FAILURE
        }
    }
}

/// Tells the administrator.
fn say(sentence: &str) {
    wharf_os::say!("wharfd: listener: {sentence}");
}

/// Whether new clients are let in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Service {
    /// Yes.
    Open,
    /// No; the last session's end is to be told.
    Draining,
    /// No, and it has been told.
    Drained,
}

/// Everything the listener knows.
struct Listener {
    poller: Poller,
    monitor: Outbox<FromListener, ToListener>,
    config: Config,
    /// Who tells us the addresses of others.
    proxies: Vec<Network>,
    /// Whether any configuration was carried out.
    is_configured: bool,
    controls: Controls,
    /// By number, so that equal loads are shared out in a fixed order.
    workers: BTreeMap<u32, Worker>,
    sessions: HashMap<SessionId, Session>,
    /// The rules about data connections, and those of users who have others.
    terms: Terms,
    own_terms: HashMap<SessionId, Terms>,
    counts: Counts,
    passive: Passive,
    /// Who waits for a passive port.
    queue: Queue,
    /// Connections to shared ports that are being looked at.
    undecided: Undecided,
    dials: Dials,
    /// `isolate_sessions`: connections whose worker is being started.
    held: VecDeque<Arrival>,
    /// The number of the first session of its own, and of the next.
    first: SessionId,
    next: SessionId,
    service: Service,
    /// Sockets that are not watched until there may be descriptors again.
    resting: Vec<Key>,
    rested: Option<Instant>,
    /// `None` in tests, which run inside a process that is not ours to rename or confine.
    title: Option<Title>,
    /// The number of clients in the title, and when it may be changed.
    shown: Option<u32>,
    pace: Pace,
    has_noted_port: bool,
    scratch: Vec<u8>,
}

impl Listener {
    fn new(monitor: Link<FromListener, ToListener>) -> io::Result<Self> {
        let poller = Poller::new()?;
        let monitor = Outbox::watch(&poller, monitor, Key::Monitor.number())?;
        Ok(Self {
            poller,
            monitor,
            config: Config::default(),
            proxies: Vec::new(),
            is_configured: false,
            controls: Controls::default(),
            workers: BTreeMap::new(),
            sessions: HashMap::new(),
            terms: terms(&Config::default()),
            own_terms: HashMap::new(),
            counts: Counts::default(),
            passive: Passive::default(),
            queue: Queue::default(),
            undecided: Undecided::default(),
            dials: Dials::default(),
            held: VecDeque::new(),
            first: SessionId::FIRST,
            next: SessionId::FIRST,
            service: Service::Open,
            resting: Vec::new(),
            rested: None,
            title: None,
            shown: None,
            pace: Pace::default(),
            has_noted_port: false,
            scratch: wharf_ipc::link::scratch(),
        })
    }

    /// Runs until the monitor is gone; an error says that going on is impossible or unsafe.
    fn serve(&mut self) -> io::Result<()> {
        let mut ready = Vec::new();
        loop {
            self.poller.wait(&mut ready, self.patience())?;
            ready.sort_unstable_by_key(|event: &Ready| event.key);
            for event in &ready {
                if self.handle(*event)? == Step::Leave {
                    return Ok(());
                }
            }
            self.keep_time(Instant::now());
            self.serve_queue();
            self.tell_drained()?;
            self.show_title();
        }
    }

    fn handle(&mut self, event: Ready) -> io::Result<Step> {
        match Key::from_number(event.key) {
            Some(Key::Monitor) => return self.hear_monitor(event),
            Some(Key::Worker(worker)) => self.hear_worker(worker, event),
            Some(Key::Control(number)) => self.accept_client(number),
            Some(Key::Passive(number)) => self.accept_data(number),
            Some(Key::Dial(session)) => self.finish_dial(session),
            None => {}
        }
        Ok(Step::Stay)
    }

    fn hear_monitor(&mut self, event: Ready) -> io::Result<Step> {
        if event.writable {
            self.monitor.flush(&self.poller)?;
        }
        if !event.readable {
            return Ok(Step::Stay);
        }
        for _ in 0..TURN {
            let received = self.monitor.receive(&mut self.scratch);
            match received {
                Ok(Some(received)) => self.obey(received)?,
                Ok(None) => break,
                Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return Ok(Step::Leave),
                Err(error) => return Err(error),
            }
        }
        Ok(Step::Stay)
    }

    fn obey(&mut self, mut received: Received<ToListener>) -> io::Result<()> {
        match received.message {
            ToListener::Configure { ref text, first } => {
                if !self.is_configured {
                    (self.first, self.next) = (first, first);
                }
                let answer = match self.configure(text) {
                    Ok(addresses) => FromListener::Listening(addresses),
                    Err(text) => FromListener::CannotListen { text },
                };
                let is_first = !self.is_configured && matches!(answer, FromListener::Listening(_));
                if is_first {
                    self.is_configured = true;
                    // Answered afterwards: whoever hears that we listen may rely on the walls.
                    self.confine()?;
                }
                self.report(answer)
            }
            ToListener::Worker { worker } => {
                let channel = received.descriptor().ok_or_else(|| {
                    io::Error::new(
                        io::ErrorKind::InvalidData,
                        "the monitor sent a worker without its channel",
                    )
                })?;
                self.welcome_worker(worker, Link::from(channel));
                Ok(())
            }
            ToListener::Given { is_data } => {
                if let Some(socket) = received.descriptor() {
                    self.take_given(socket, is_data)?;
                }
                Ok(())
            }
            ToListener::Adopt => {
                if let Some(connection) = received.descriptor() {
                    self.adopt(connection);
                }
                Ok(())
            }
            ToListener::WorkerGone { worker } => {
                self.lose_worker(worker);
                Ok(())
            }
            ToListener::Agree { session, number, terms } => {
                if self.sessions.contains_key(&session) {
                    self.own_terms.insert(session, terms);
                }
                self.report(FromListener::Agreed { number })
            }
            ToListener::Drain => {
                self.controls.close_all(&self.poller);
                self.held.drain(..).for_each(|arrival| self.counts.leave_if_welcome(&arrival));
                if self.service == Service::Open {
                    self.service = Service::Draining;
                }
                Ok(())
            }
        }
    }

    /// Listens by a configuration's text. The error is for the administrator, and nothing has changed then.
    fn configure(&mut self, text: &[u8]) -> Result<Vec<SocketAddr>, String> {
        let config = wharf_config::parse(text, None, &Config::default())
            .map_err(|problems| problems.first().map_or_else(String::new, ToString::to_string))?
            .config;
        let proxies = config.proxies().map_err(|bad| format!("bad proxy_protocol_from: {bad}"))?;
        if self.service != Service::Open {
            self.config = config;
            return Ok(Vec::new());
        }
        // An interface's number cannot be looked up from an empty root: what has not changed is not asked again.
        let addresses = if self.is_configured && config.listen == self.config.listen {
            self.controls.addresses()
        } else {
            let addresses = config.listen_addresses().map_err(|bad| bad.to_string())?;
            self.controls.listen_on(&self.poller, &places(&addresses))?
        };
        self.config = config;
        self.proxies = proxies;
        self.terms = terms(&self.config);
        self.controls.probe_silence(self.config.nat.keepalive_interval);
        let houses: Vec<House> = self.controls.bound().map(House::from).collect();
        self.passive.tidy(&self.poller, &houses, &self.rules());
        Ok(addresses)
    }

    /// Takes a socket that somebody else has opened.
    fn take_given(&mut self, socket: OwnedFd, is_data: bool) -> io::Result<()> {
        let place = Place::of(&socket)?;
        // Connections inherit these.
        socket::control_options(&socket)?;
        if is_data {
            socket::ask_for_throughput(&socket);
            self.passive.take_given(&self.poller, place, socket)
        } else {
            self.controls.take_given(&self.poller, place, socket)
        }
    }

    fn terms_of(&self, session: SessionId) -> &Terms {
        self.own_terms.get(&session).unwrap_or(&self.terms)
    }

    fn rules_of(&self, session: SessionId) -> passive::Rules {
        passive::Rules::of(self.terms_of(session), self.config.wharf.passive_sockets)
    }

    /// The site's rules, by which sockets are kept.
    fn rules(&self) -> passive::Rules {
        passive::Rules::of(&self.terms, self.config.wharf.passive_sockets)
    }

    fn confine(&mut self) -> io::Result<()> {
        // Only a process of our own has a title.
        if self.title.is_some() { confine::finish(&self.config) } else { Ok(()) }
    }

    fn report(&mut self, message: FromListener) -> io::Result<()> {
        self.monitor.send(&self.poller, message, Vec::new())
    }

    /// How long nothing has to be done by itself.
    fn patience(&self) -> Option<Duration> {
        // Only while there is something to show: clients may have come and gone within the pause.
        let title = self.pace.due().filter(|_| self.shown != Some(self.counts.total()));
        let (passive, dials) = (self.passive.deadline(), self.dials.deadline());
        let next = [passive, self.queue.deadline(), dials, self.rested, title].into_iter().flatten().min()?;
        // A millisecond more, so that the time is over when we wake.
        Some(next.saturating_duration_since(Instant::now()) + Duration::from_millis(1))
    }

    fn keep_time(&mut self, now: Instant) {
        self.passive.expire(&self.poller, now, &self.rules());
        self.expire_dials(now);
        self.expire_queue(now);
        if self.rested.is_some_and(|until| until <= now) {
            self.rested = None;
            for key in std::mem::take(&mut self.resting) {
                self.watch_again(key);
            }
        }
    }

    /// Leaves a socket alone for a moment, because there is no descriptor for its next connection.
    ///
    /// The poller would report it again at once, and we would do nothing else.
    fn rest(&mut self, key: Key, error: &io::Error) {
        let Some(socket) = self.listening_socket(key) else { return };
        let _ = self.poller.remove(socket);
        if self.rested.is_none() {
            say(&format!("cannot accept a connection: {error}; raise the limit of open files (LimitNOFILE)"));
            self.rested = Some(Instant::now() + REST);
        }
        self.resting.push(key);
    }

    fn watch_again(&self, key: Key) {
        if let Some(socket) = self.listening_socket(key) {
            let _ = self.poller.add(socket, key.number(), Interest::Read);
        }
    }

    fn listening_socket(&self, key: Key) -> Option<&OwnedFd> {
        match key {
            Key::Control(number) => self.controls.find(number).map(|control| &control.socket),
            Key::Passive(number) => self.passive.socket(number),
            _ => None,
        }
    }

    fn tell_drained(&mut self) -> io::Result<()> {
        if self.service == Service::Draining && self.sessions.is_empty() {
            self.service = Service::Drained;
            self.report(FromListener::Drained)?;
        }
        Ok(())
    }

    fn show_title(&mut self) {
        let clients = self.counts.total();
        let is_stale = self.title.is_some() && self.shown != Some(clients);
        let Some(title) = self.title.as_mut().filter(|_| is_stale && self.pace.permits(Instant::now()))
        else {
            return;
        };
        let plural = if clients == 1 { "" } else { "s" };
        title.set(&format!("wharfd: listener, {clients} client{plural}"));
        self.shown = Some(clients);
    }
}

/// Whether the loop goes on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Step {
    /// It does.
    Stay,
    /// The monitor is gone.
    Leave,
}
