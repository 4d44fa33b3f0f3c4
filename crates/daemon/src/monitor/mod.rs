//! The monitor: starts every other process, watches them, decides who comes in, and ends them.
//!
//! It reads no byte of the network, only typed messages. It is a plain loop over channels, signals and a few
//! times; nothing in it waits for anybody.
//!
//! | | |
//! |---|---|
//! | what is served | `site.rs`, `files.rs`, `logs.rs` |
//! | who may knock | `door.rs` |
//! | who comes in, and as whom | `login.rs`, `certified.rs`, `verifier.rs`, `served.rs` |
//! | identities and their brokers | `brokers.rs`, `rules.rs` |
//! | workers and listener | `workers.rs` |
//! | keys, and the keyholder | `keys.rs`, `pairs.rs` |
//! | ordered certificates | `acme/` |
//! | the address outside, and the router | `outside.rs`, `mapper.rs` |
//! | what `wharfd status` shows | `status.rs` |

mod acme;
mod brokers;
mod certified;
mod door;
mod files;
mod keys;
mod login;
mod logs;
pub(crate) mod mapper;
mod outside;
mod pairs;
mod powers;
pub mod resolver;
mod rules;
mod served;
mod site;
pub mod status;
pub mod verifier;
mod workers;

use std::collections::BinaryHeap;
use std::io;
use std::os::fd::OwnedFd;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use wharf_os::activation::Given;
use wharf_os::epoll::{Interest, Poller, Ready};
use wharf_os::process::Background;
use wharf_os::signals::{Signal, Signals};
use wharf_os::title::Title;

pub use site::{Share, Site};

use brokers::Brokers;
use keys::Keys;
use login::Attempts;
use site::{Settings, report};
use workers::{Listener, Workers};

/// How often rotated logs and changed lists are looked for while somebody is connected, and renewed certificates while
/// there are any.
const LOOK_AROUND: Duration = Duration::from_secs(2);

/// How much longer than its drain the server waits before it ends what is left.
const LAST_MOMENTS: Duration = Duration::from_secs(3);

/// vsftpd's exit status for every fatal error.
const OOPS: u8 = 2;

/// Takes the sockets that `listen_fds` names.
fn handed_over(config: &wharf_config::Config) -> io::Result<Vec<Given>> {
    let all = config.listen_fds().map_err(io::Error::other)?;
    wharf_os::activation::take_these(all.iter().map(|one| (one.number, workers::name_of(one.is_data))))
}

/// Serves a site until a signal ends it, or one connection until that ends (inetd).
#[must_use]
pub fn run(site: Site) -> ExitCode {
    // Before anything is said: what we say must not go to the client.
    let connection = wharf_os::process::take_connection().unwrap_or_default();
    let given = match wharf_os::activation::take() {
        Ok(given) => given,
        Err(error) => {
            oops(&error.to_string(), None);
            return ExitCode::from(OOPS);
        }
    };
    let settings = match site.settings() {
        Ok(settings) => settings,
        Err(problems) => {
            report(&problems);
            // Scripts look for vsftpd's form; people have read the better one above.
            let first = problems.iter().find(|problem| problem.severity == wharf_config::Severity::Error);
            first.into_iter().for_each(|first| oops(&first.message, connection.as_ref()));
            wharf_os::say!("wharfd: does not start: the configuration has errors (try `wharfd check FILE`)");
            return ExitCode::from(OOPS);
        }
    };
    if !site.is_share() && !wharf_os::identity::is_root() && !settings.config.process.run_as_launching_user {
        oops("vsftpd: must be started as root (see run_as_launching_user option)", connection.as_ref());
        wharf_os::say!("  = help: to share a folder without root, try `wharfd share DIR`");
        return ExitCode::from(OOPS);
    }
    let given = match handed_over(&settings.config) {
        Ok(handed) if handed.is_empty() => given,
        Ok(handed) => handed,
        Err(error) => {
            oops(&error.to_string(), connection.as_ref());
            return ExitCode::from(OOPS);
        }
    };
    let is_activated = given.iter().any(|socket| !workers::is_for_data(socket));
    let listens = settings.config.listen.listen || settings.config.listen.listen_ipv6 || is_activated;
    let connection = match (listens, connection) {
        (true, _) => None,
        (false, Some(connection)) => Some(connection),
        (false, None) => {
            oops("vsftpd: not configured for standalone, must be started from inetd", None);
            wharf_os::say!("  = help: set listen=YES or listen_ipv6=YES to serve without inetd");
            return ExitCode::from(OOPS);
        }
    };
    let background = match settings.config.listen.background && listens {
        true => match Background::start() {
            Ok(background) => Some(background),
            Err(error) => {
                oops(&format!("cannot go to the background: {error}"), None);
                return ExitCode::from(OOPS);
            }
        },
        false => None,
    };
    let word = connection.as_ref().and_then(|connection| connection.try_clone().ok());
    let started = Monitor::start(site, settings, connection, given);
    let served = match (started, background) {
        (Ok(mut monitor), background) => {
            monitor.announce();
            background.into_iter().for_each(Background::ready);
            // Security: from here on the client may be inside TLS, where nothing is said in clear.
            monitor.serve().map_err(|error| (error, None))
        }
        (Err(error), background) => {
            background.into_iter().for_each(|background| background.fail(&format!("500 OOPS: {error}")));
            Err((error, word))
        }
    };
    match served {
        Ok(()) => ExitCode::SUCCESS,
        Err((error, word)) => {
            oops(&error.to_string(), word.as_ref());
            ExitCode::from(OOPS)
        }
    }
}

/// A fatal error in vsftpd's form, where people and systemd see it; a client of inetd hears it too.
fn oops(text: &str, client: Option<&OwnedFd>) {
    wharf_os::say!("500 OOPS: {text}");
    if let Some(client) = client {
        logs::to_system_log(text);
        let line = format!("500 OOPS: {}\r\n", text.lines().next().unwrap_or_default());
        let flags = rustix::net::SendFlags::NOSIGNAL | rustix::net::SendFlags::DONTWAIT;
        let _ = rustix::net::send(client, line.as_bytes(), flags);
    }
}

/// What a key of the poller stands for: the kind in the top octet, a number below.
mod key {
    pub(super) const SIGNALS: u64 = 0;
    pub(super) const LISTENER: u64 = 1 << 56;
    pub(super) const WORKER: u64 = 2 << 56;
    pub(super) const BROKER: u64 = 3 << 56;
    pub(super) const ATTEMPT: u64 = 4 << 56;
    pub(super) const DOOR: u64 = 5 << 56;
    pub(super) const KEYHOLDER: u64 = 6 << 56;
    pub(super) const ACME: u64 = 7 << 56;
    pub(super) const MAPPER: u64 = 16 << 56;
    pub(super) const ADDRESS: u64 = 17 << 56;
    pub(super) const VERIFIER: u64 = 24 << 56;
    pub(super) const NUMBER: u64 = (1 << 56) - 1;
}

struct Monitor {
    site: Site,
    settings: Settings,
    files: files::Files,
    logs: logs::Logs,
    poller: Poller,
    signals: Signals,
    keys: Keys,
    orders: acme::Orders,
    listener: Listener,
    workers: Workers,
    brokers: Brokers,
    door: door::Door,
    outside: outside::Outside,
    attempts: Attempts,
    certified: certified::Certified,
    later: BinaryHeap<Later>,
    looked_around: Instant,
    /// When everything ends, once a signal has said so.
    end: Option<Instant>,
    scratch: Vec<u8>,
    title: Title,
    /// Started by inetd: everything ends with the one connection.
    serves_one: bool,
}

/// Something that is due at a time; the earliest comes first.
#[derive(Debug, PartialEq, Eq)]
struct Later {
    at: Instant,
    number: u64,
    due: Due,
}

#[derive(Debug, PartialEq, Eq)]
enum Due {
    /// Tell a worker the verdict on the attempt with this number.
    Verdict,
    /// The auth process with this number has had its time.
    AttemptOver,
    /// The process with this PAM session has had the time to close it.
    KeeperOver,
    /// The name that the door asked for under this number has not come.
    NameOver,
    /// The broker with this number may be idle.
    BrokerIdle,
    /// The verifier with this number has had its time.
    VerifierOver,
    /// The successor of the mapper, which died at once, is to be started.
    Mapper,
    /// Names that lead to the address outside are to be looked up again, if this number still counts.
    Address,
    /// The name that was asked for under this number has not come.
    AddressOver,
    /// A certificate is to be ordered, if this plan still counts.
    Order,
    /// The process with this number, started for an order, has had its time.
    OrderOver,
    /// The successor of the keyholder, which died at once, is to be started.
    Keyholder,
    /// The successor of the listener, which died at once, is to be started.
    Listener,
    /// The successor of the worker with this number, which died at once, is to be started.
    Worker,
}

impl Ord for Later {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        other.at.cmp(&self.at).then(other.number.cmp(&self.number))
    }
}

impl PartialOrd for Later {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Monitor {
    /// Starts everything; with a connection, one worker and nothing that listens.
    fn start(
        site: Site,
        settings: Settings,
        connection: Option<OwnedFd>,
        given: Vec<Given>,
    ) -> io::Result<Self> {
        let signals = Signals::new()?;
        wharf_os::spawn::remember_self()?;
        wharf_os::process::raise_descriptor_limit()?;
        wharf_os::process::not_dumpable()?;
        wharf_os::process::no_core()?;
        let mut title = Title::prepare();
        title.set("wharfd: monitor");
        let logs = logs::Logs::open(&settings.config, site.is_share()).map_err(io::Error::other)?;
        let files = files::Files::open(&settings.config).map_err(io::Error::other)?;
        verifier::look(&settings.config, &files).map_err(|problem| {
            report([&problem]);
            io::Error::other(problem.message)
        })?;
        let poller = Poller::new()?;
        poller.add(&signals, key::SIGNALS, Interest::Read)?;
        powers::give_up_the_rest()?;
        let mut keys = Keys::start(&poller, &settings.config)?;
        let listener = Listener::start(&poller, &settings.text, 0, given.into())
            .inspect_err(|_| keys.child().into_iter().for_each(|child| drop(workers::end(child))))?;
        let mut monitor = Self {
            keys,
            orders: acme::Orders::default(),
            listener,
            site,
            settings,
            files,
            logs,
            poller,
            signals,
            workers: Workers::default(),
            brokers: Brokers::default(),
            door: door::Door::default(),
            outside: outside::Outside::default(),
            attempts: Attempts::default(),
            certified: certified::Certified::default(),
            later: BinaryHeap::new(),
            looked_around: Instant::now(),
            end: None,
            scratch: wharf_ipc::link::scratch(),
            title,
            serves_one: connection.is_some(),
        };
        monitor.await_listening()?;
        monitor.renew_outside();
        monitor.start_workers()?;
        if let Some(connection) = connection {
            monitor.hand_on(connection);
        }
        monitor.begin_orders();
        Ok(monitor)
    }

    fn serve(&mut self) -> io::Result<()> {
        let mut ready = Vec::new();
        loop {
            let timeout = self.next_time();
            self.poller.wait(&mut ready, timeout)?;
            for event in std::mem::take(&mut ready) {
                self.dispatch(event);
            }
            self.what_is_due();
            self.look_around();
            if self.is_over() {
                self.end_everyone();
                return Ok(());
            }
        }
    }

    /// Leaves no process behind: what has not ended by itself is ended, and every one is waited for.
    fn end_everyone(&mut self) {
        self.attempts.end_keepers();
        self.end_mapper();
        self.outside.children().for_each(|child| drop(workers::end(child)));
        self.remove_status();
        let attempts = self.attempts.children().chain(self.door.children()).chain(self.certified.children());
        self.orders.child().into_iter().for_each(|child| drop(workers::end(child)));
        let brokers = self.brokers.children();
        let (listener, workers) = (self.listener.child(), self.workers.children());
        for child in attempts.chain(brokers).chain(workers).chain([listener]).chain(self.keys.child()) {
            workers::end(child);
        }
    }

    fn dispatch(&mut self, event: Ready) {
        let number = event.key & key::NUMBER;
        match event.key & !key::NUMBER {
            key::SIGNALS => self.read_signals(),
            key::LISTENER => self.hear_listener(event),
            key::WORKER => self.hear_worker(number, event),
            key::BROKER => self.hear_broker(number, event),
            key::ATTEMPT => self.hear_attempt(number),
            key::DOOR => self.hear_door(number),
            key::KEYHOLDER => self.hear_keyholder(number),
            key::ACME => self.hear_acme(number),
            key::VERIFIER => self.hear_verifier(number),
            key::MAPPER => self.hear_mapper(),
            key::ADDRESS => self.hear_address(number),
            _ => {}
        }
    }

    fn read_signals(&mut self) {
        while let Ok(Some(signal)) = self.signals.next() {
            match signal {
                Signal::Terminate | Signal::Interrupt if self.end.is_some() => {
                    self.end = Some(Instant::now());
                }
                Signal::Terminate | Signal::Interrupt => self.drain(),
                Signal::HangUp => self.reload(),
                // Children are noticed by their channels, which close with them.
                Signal::Child | Signal::User1 => {}
            }
        }
    }

    /// Reads the configuration again; a bad one changes nothing.
    fn reload(&mut self) {
        match self.read_again() {
            Ok((settings, logs, files)) => (self.settings, self.logs, self.files) = (settings, logs, files),
            Err(problems) => {
                report(&problems);
                wharf_os::say!(
                    "wharfd: reload: the new configuration has errors; the old one stays in force"
                );
                return;
            }
        }
        self.listener.configure(&self.poller, &self.settings.text);
        self.hand_out_keys();
        self.configure_workers();
        self.hand_out_logs();
        self.reconsider_order();
        self.renew_outside();
        wharf_os::say!("wharfd: reload: the new configuration is in force for new sessions");
    }

    fn read_again(&mut self) -> Result<(Settings, logs::Logs, files::Files), Vec<wharf_config::Problem>> {
        let problem = |text: String| vec![wharf_config::Problem::error(text)];
        let settings = self.site.settings()?;
        let logs = logs::Logs::open(&settings.config, self.site.is_share()).map_err(problem)?;
        let files = files::Files::open(&settings.config).map_err(problem)?;
        verifier::look(&settings.config, &files).map_err(|problem| vec![problem])?;
        // The last, for it acts at once.
        self.keys.renew(&self.poller, &settings.config).map_err(|problem| vec![problem])?;
        Ok((settings, logs, files))
    }

    /// Stops accepting, lets transfers finish within `drain_timeout`.
    fn drain(&mut self) {
        let seconds = self.settings.config.wharf.drain_timeout;
        self.end = Some(Instant::now() + Duration::from_secs(u64::from(seconds)) + LAST_MOMENTS);
        self.title.set("wharfd: monitor, draining");
        self.listener.drain(&self.poller);
        self.drain_workers(seconds);
    }

    fn is_over(&self) -> bool {
        self.end.is_some_and(|end| self.workers.is_empty() || Instant::now() >= end)
    }

    fn next_time(&self) -> Option<Duration> {
        let due = self.later.peek().map(|later| later.at);
        // A client is shown a certificate before it says anything to us.
        let looks = self.workers.anybody_here() || self.settings.config.tls.ssl_enable;
        let look = looks.then(|| self.looked_around + LOOK_AROUND);
        let next = [due, look, self.end].into_iter().flatten().min()?;
        Some(next.saturating_duration_since(Instant::now()))
    }

    fn what_is_due(&mut self) {
        let now = Instant::now();
        while self.later.peek().is_some_and(|later| later.at <= now) {
            let Some(later) = self.later.pop() else { return };
            match later.due {
                Due::Verdict => self.tell_verdict(later.number),
                Due::AttemptOver => self.attempt_over(later.number),
                Due::NameOver => self.name_over(later.number),
                Due::KeeperOver => self.keeper_ended(later.number),
                Due::VerifierOver => self.verifier_over(later.number),
                Due::BrokerIdle => self.broker_idle(later.number),
                Due::Order => self.order_is_due(later.number),
                Due::OrderOver => self.order_time_over(later.number),
                Due::Keyholder => self.replace_keyholder(),
                Due::Listener => self.replace_listener(),
                Due::Worker => self.replace_worker(),
                Due::Mapper if self.outside.mapper.is_none() => self.renew_mapper(),
                Due::Mapper => {}
                Due::Address => self.address_due(later.number),
                Due::AddressOver => self.address_found(later.number, None),
            }
        }
    }

    fn in_time(&mut self, wait: Duration, number: u64, due: Due) {
        self.later.push(Later { at: Instant::now() + wait, number, due });
    }

    /// Notices rotated logs, changed lists and renewed certificates.
    fn look_around(&mut self) {
        if self.looked_around.elapsed() < LOOK_AROUND {
            return;
        }
        self.looked_around = Instant::now();
        if self.logs.follow_rotation() {
            self.hand_out_logs();
        }
        if self.files.follow_changes(&self.settings.config) {
            self.configure_workers();
        }
        self.follow_keys();
    }
}
