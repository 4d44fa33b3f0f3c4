//! The worker process: takes descriptors in, puts the sandbox on, and runs the event loop.

use std::cell::{Cell, RefCell};
use std::collections::{HashMap, HashSet};
use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::os::fd::{AsFd, OwnedFd};
use std::process::ExitCode;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use jiff::tz::TimeZone;
use tokio::io::unix::AsyncFd;
use tokio::sync::{oneshot, watch};
use tokio::time::Instant;
use wharf_config::Config;
use wharf_ipc::link::Link;
use wharf_ipc::{SessionId, listener, monitor};
use wharf_os::sandbox::{Role, Sandbox};
use wharf_os::spawn::Inherited;
use wharf_os::title::{Pace, Title};
use wharf_os::{identity, process};
use wharf_proto::ftp::server::ask::{Expected, NoConnection, Step};
use wharf_proto::ftp::server::policy::Policy;
use wharf_proto::ftp::server::record::Record;
use wharf_proto::ftp::server::session::{Session, Welcome};
use wharf_transport::{Offer, ServerSide, Site};

use crate::control::Control;
use crate::link::{AsyncLink, Scratch};
use crate::log::{Logs, Whose};
use crate::policy::{self, Files};
use crate::pool::Pool;
use crate::proxy::{self, Header};
use crate::pump::{Buffers, Pipes, Tools, Turns};
use crate::tls::Keys;

/// How much of a banner or user list is read; vsftpd's number.
const FILE_LIMIT: usize = 100_000;

/// How much of `ca_certs_file` is read: the bundles of distributions have a quarter of a megabyte.
const AUTHORITIES_LIMIT: usize = 4 << 20;

/// How many addresses are remembered as told in vain; a machine has few.
const MOST_MISLED: usize = 64;

/// Runs the session role until the monitor goes away or the drain is over.
///
/// Descriptors: `monitor` and `listener`. The first message of the monitor is the configuration.
pub fn run(inherited: &mut Inherited) -> ExitCode {
    match start(inherited) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            wharf_os::say!("wharfd: session: {error}");
            ExitCode::FAILURE
        }
    }
}

fn start(inherited: &mut Inherited) -> io::Result<()> {
    process::die_with_parent()?;
    process::no_core()?;
    process::raise_descriptor_limit()?;
    wharf_os::signals::ignore_sigpipe()?;
    let title = Title::prepare();
    let monitor = MonitorLink::from(inherited.require("monitor")?);
    let listener = ListenerLink::from(inherited.require("listener")?);
    let mut scratch = wharf_ipc::link::scratch();
    let mut keys = Keys::default();
    let mut outside = None;
    let settings = first_settings(&monitor, &mut scratch, &mut keys, &mut outside)?;
    let zone = TimeZone::system();
    shut_in(&settings.config)?;
    // From here on: no new descriptor but those that are handed over. The threads come between the two walls:
    // they inherit the first, and the second forbids starting any.
    let sandbox = Sandbox::for_role(Role::Session, &[]).begin()?;
    let pool = Pool::start()?;
    let report = sandbox.finish()?;
    if !report.is_complete() {
        wharf_os::say!("wharfd: {report}");
    }
    let runtime = tokio::runtime::Builder::new_current_thread().enable_io().enable_time().build()?;
    let tasks = tokio::task::LocalSet::new();
    runtime.block_on(tasks.run_until(async move {
        let worker = Rc::new(Worker {
            monitor: AsyncLink::new(monitor)?,
            listener: RefCell::new(Rc::new(AsyncLink::new(listener)?)),
            listener_changed: tokio::sync::Notify::new(),
            scratch: RefCell::new(scratch),
            settings: RefCell::new(settings),
            outside: Cell::new(outside),
            misled: RefCell::default(),
            keys: RefCell::new(keys),
            mailboxes: RefCell::default(),
            logs: RefCell::default(),
            zone,
            title: RefCell::new(title),
            pace: RefCell::default(),
            doing: RefCell::default(),
            transfers: Cell::new(0),
            tools: Tools {
                turns: Turns::default(),
                pipes: Pipes::default(),
                buffers: Buffers::default(),
                pool,
            },
            drain: watch::Sender::new(None),
        });
        worker.show();
        tokio::select! {
            ended = listen_to_monitor(&worker) => ended,
            ended = listen_to_listener(&worker) => ended,
            () = drained(&worker) => Ok(()),
        }
    }))
}

/// Waits for the configuration; before it come the keyholder's link, the certificates and our address outside.
fn first_settings(
    monitor: &MonitorLink,
    scratch: &mut [u8],
    keys: &mut Keys,
    outside: &mut Option<Ipv4Addr>,
) -> io::Result<Settings> {
    loop {
        let Some(mut received) = monitor.receive(scratch)? else {
            return Err(io::Error::new(io::ErrorKind::UnexpectedEof, "no configuration came"));
        };
        match received.message {
            monitor::ToWorker::Configure { text, banner, user_list, authorities } => {
                let wanted = Wanted { banner, user_list, authorities };
                return Settings::read(&text, wanted, received.descriptors, keys);
            }
            monitor::ToWorker::Keyholder => {
                received.descriptor().map_or(Ok(()), |link| keys.reach(link))?;
            }
            monitor::ToWorker::Outside { address } => *outside = address,
            monitor::ToWorker::Certificate { public, is_last } => keys.take(public, is_last)?,
            _ => return Err(io::Error::new(io::ErrorKind::InvalidData, "no configuration came first")),
        }
    }
}

/// Gives up identity and file system. Threads come after this, so that they have none either.
fn shut_in(config: &Config) -> io::Result<()> {
    if identity::is_root() && !config.process.run_as_launching_user {
        let name = config.process.nopriv_user.as_ref().map_or(&b"nobody"[..], |name| name);
        let account = identity::lookup(name)?.ok_or_else(|| {
            io::Error::other(format!(
                "cannot locate user entry:{} (nopriv_user)",
                String::from_utf8_lossy(name)
            ))
        })?;
        let empty = process::vanished_directory()?;
        process::enter_root(&empty)?;
        identity::become_user(account.uid, account.gid, &[])?;
        process::die_with_parent()?;
    }
    process::not_dumpable()
}

type MonitorLink = Link<monitor::FromWorker, monitor::ToWorker>;
pub(crate) type ToListener = AsyncLink<listener::FromWorker, listener::ToWorker>;
type ListenerLink = Link<listener::FromWorker, listener::ToWorker>;

/// Somebody whom the listener has let in.
struct Guest {
    session: SessionId,
    peer: SocketAddr,
    local: SocketAddr,
    welcome: Welcome,
    clients: u32,
    /// A proxy says first for whom it came.
    is_proxied: bool,
}

/// What all sessions of this process share.
pub(crate) struct Worker {
    pub(crate) monitor: AsyncLink<monitor::FromWorker, monitor::ToWorker>,
    /// Exchanged for another when the listener dies.
    listener: RefCell<Rc<ToListener>>,
    listener_changed: tokio::sync::Notify,
    pub(crate) scratch: Scratch,
    settings: RefCell<Settings>,
    /// Our address outside, as the monitor told it last.
    pub(crate) outside: Cell<Option<Ipv4Addr>>,
    /// The private addresses that public clients were told; the monitor has heard of them.
    misled: RefCell<HashSet<Ipv4Addr>>,
    keys: RefCell<Keys>,
    mailboxes: RefCell<HashMap<SessionId, Mail>>,
    logs: RefCell<Logs>,
    zone: TimeZone,
    title: RefCell<Title>,
    pace: RefCell<Pace>,
    /// What the one session of an isolated worker does.
    doing: RefCell<Option<String>>,
    /// How many transfers run.
    transfers: Cell<usize>,
    pub(crate) tools: Tools,
    /// Set once, to the end of all transfers, when the server is told to stop.
    pub(crate) drain: watch::Sender<Option<Instant>>,
}

/// The configuration that new sessions begin with; running ones keep theirs.
struct Settings {
    config: Config,
    files: Files,
    policy: Arc<Policy>,
    /// What TLS sessions are begun with.
    tls: Option<Arc<Site>>,
}

/// What one session begins with: the site's rules, or those that hosts.allow gives to its client.
struct Rules {
    policy: Arc<Policy>,
    tls: Option<Arc<Site>>,
}

/// What came along with a configuration.
#[derive(Clone, Copy)]
struct Wanted {
    banner: bool,
    user_list: bool,
    authorities: bool,
}

impl Settings {
    fn read(text: &[u8], wanted: Wanted, descriptors: Vec<OwnedFd>, keys: &Keys) -> io::Result<Self> {
        let loaded = wharf_config::parse(text, None, &Config::default()).map_err(|_| {
            io::Error::new(io::ErrorKind::InvalidData, "the configuration cannot be read again")
        })?;
        let mut descriptors = descriptors.into_iter();
        let banner = read_file(wanted.banner, &mut descriptors, FILE_LIMIT)?;
        let user_list = read_file(wanted.user_list, &mut descriptors, FILE_LIMIT)?;
        let authorities = read_file(wanted.authorities, &mut descriptors, AUTHORITIES_LIMIT)?;
        let has_lists = wanted.authorities && loaded.config.wharf.ca_crl_file.is_some();
        let revoked = read_file(has_lists, &mut descriptors, AUTHORITIES_LIMIT)?;
        let tls = keys.site(&loaded.config, authorities.as_deref(), revoked.as_deref())?;
        let files = Files { banner, user_list, has_certificate: tls.is_some() };
        let policy = Arc::new(policy::policy(&loaded.config, &files));
        Ok(Self { config: loaded.config, files, policy, tls })
    }
}

/// Reads a file from its beginning, whatever others with the same descriptor have read of it.
fn read_file(
    wanted: bool,
    descriptors: &mut impl Iterator<Item = OwnedFd>,
    limit: usize,
) -> io::Result<Option<Vec<u8>>> {
    if !wanted {
        return Ok(None);
    }
    let file = descriptors
        .next()
        .ok_or_else(|| io::Error::new(io::ErrorKind::InvalidData, "a file was announced and did not come"))?;
    let mut content = vec![0; limit];
    let mut read = 0;
    while let Some(room) = content.get_mut(read..).filter(|room| !room.is_empty()) {
        match rustix::io::pread(&file, room, read as u64)? {
            0 => break,
            more => read += more,
        }
    }
    content.truncate(read);
    content.shrink_to_fit();
    Ok(Some(content))
}

/// Answers on their way to one session.
#[derive(Default)]
pub(crate) struct Mail {
    pub(crate) verdict: Slot<(monitor::Verdict, Option<OwnedFd>)>,
    pub(crate) port: Slot<Option<Expected>>,
    pub(crate) arrival: Slot<Result<OwnedFd, NoConnection>>,
    pub(crate) owner: Slot<bool>,
    /// TLS of the session, by which its data connections are recognised at a shared port.
    pub(crate) tls: Option<Rc<ServerSide>>,
    /// Whether a data connection is expected at a shared port.
    pub(crate) is_sharing: bool,
    /// The control connection, to be shown to a new listener.
    pub(crate) control: Option<Rc<AsyncFd<OwnedFd>>>,
    admission: Slot<(monitor::Admission, Vec<OwnedFd>)>,
    /// Who the peer is behind a proxy.
    proxied: Option<SocketAddr>,
    judged: Slot<(listener::Admission, u32)>,
    /// How many data connections were wished for; the latest is the one that counts.
    pub(crate) wishes: u32,
    /// A port that the listener reserved for the next one unasked, and when.
    pub(crate) promised: Option<(u16, Instant)>,
}

impl Mail {
    /// What was asked of a listener that died is answered: no.
    fn listener_is_gone(&mut self) {
        self.promised = None;
        self.port.answer_waiting(None);
        self.arrival.answer_waiting(Err(NoConnection::Failed));
        self.judged.clear();
    }
}

/// A place for one answer, which may come before or after somebody waits for it.
#[derive(Default)]
pub(crate) enum Slot<T> {
    #[default]
    Empty,
    Waiting(oneshot::Sender<T>),
    Here(T),
}

impl<T> Slot<T> {
    /// Waits for the answer, or takes the one that is here.
    pub(crate) fn wait(&mut self) -> oneshot::Receiver<T> {
        let (sender, receiver) = oneshot::channel();
        *self = match std::mem::take(self) {
            Self::Here(answer) => {
                let _ = sender.send(answer);
                Self::Empty
            }
            _ => Self::Waiting(sender),
        };
        receiver
    }

    /// Takes the answer if it is here.
    pub(crate) fn take(&mut self) -> Option<T> {
        match std::mem::take(self) {
            Self::Here(answer) => Some(answer),
            other => {
                *self = other;
                None
            }
        }
    }

    /// Forgets an answer nobody fetched.
    pub(crate) fn clear(&mut self) {
        *self = Self::Empty;
    }

    /// Delivers to who waits, and leaves nothing for who may ask later.
    fn answer_waiting(&mut self, answer: T) {
        if matches!(self, Self::Waiting(_)) {
            self.deliver(answer);
        }
    }

    /// Delivers to who waits; who waits no longer gets nothing, and what came is dropped.
    fn deliver(&mut self, answer: T) {
        *self = match std::mem::take(self) {
            Self::Waiting(sender) => {
                let _ = sender.send(answer);
                Self::Empty
            }
            _ => Self::Here(answer),
        };
    }
}

impl Worker {
    /// The channel to the listener of the moment.
    pub(crate) fn listener(&self) -> Rc<ToListener> {
        Rc::clone(&self.listener.borrow())
    }

    fn rules(&self) -> Rules {
        let settings = self.settings.borrow();
        Rules { policy: Arc::clone(&settings.policy), tls: settings.tls.clone() }
    }

    /// Begins TLS for one session by the rules that hold for its client; `None` when there is no certificate.
    pub(crate) fn begin_tls(site: Option<&Arc<Site>>) -> Option<ServerSide> {
        match site?.session() {
            Ok(side) => Some(side),
            Err(fault) => {
                wharf_os::say!("wharfd: session: TLS cannot be begun: {fault}");
                None
            }
        }
    }

    pub(crate) fn files(&self) -> Files {
        self.settings.borrow().files.clone()
    }

    pub(crate) fn log(&self, whose: &Whose, record: &Record) {
        self.logs.borrow().write(&self.zone, whose, record);
    }

    /// Reaches into a session's mailbox; `None` when the session has ended.
    pub(crate) fn mail<T>(&self, session: SessionId, reach: impl FnOnce(&mut Mail) -> T) -> Option<T> {
        self.mailboxes.borrow_mut().get_mut(&session).map(reach)
    }

    /// Finds the session that a client means to go on with, of those that share a port.
    pub(crate) fn whose(&self, offer: &Offer) -> Option<SessionId> {
        let is_meant = |mail: &Mail| mail.is_sharing && mail.tls.as_ref().is_some_and(|tls| tls.knows(offer));
        let mailboxes = self.mailboxes.borrow();
        mailboxes.iter().find(|(_, mail)| is_meant(mail)).map(|(session, _)| *session)
    }

    /// Brings the title up to date, now or, when it was changed a moment ago, a little later.
    fn show(self: &Rc<Self>) {
        let mut pace = self.pace.borrow_mut();
        let is_planned = pace.due().is_some();
        if pace.permits(std::time::Instant::now()) {
            self.title.borrow_mut().set(&self.caption());
        } else if let Some(due) = pace.due().filter(|_| !is_planned) {
            let worker = Rc::clone(self);
            tokio::task::spawn_local(async move {
                tokio::time::sleep_until(due.into()).await;
                worker.show();
            });
        }
    }

    fn caption(&self) -> String {
        if let Some(doing) = &*self.doing.borrow() {
            return format!("wharfd: session {doing}");
        }
        let clients = self.mailboxes.borrow().len();
        let noun = if clients == 1 { "client" } else { "clients" };
        let transfers = self.transfers.get();
        let busy = if transfers == 0 { String::new() } else { format!(", {transfers} transferring") };
        format!("wharfd: session, {clients} {noun}{busy}")
    }

    /// Shows that a transfer begins (1) or ends (-1).
    pub(crate) fn show_transfer(self: &Rc<Self>, change: isize) {
        self.transfers.set(self.transfers.get().saturating_add_signed(change));
        self.show();
    }

    /// Shows what the one session of an isolated worker does now, as vsftpd's titles do.
    pub(crate) fn show_session(self: &Rc<Self>, whose: &Whose, machine: &Session) {
        if !self.is_isolated() {
            return;
        }
        let user =
            machine.user().map(|user| format!("/{}", String::from_utf8_lossy(user))).unwrap_or_default();
        self.doing.replace(Some(format!("{}{user}: {}", whose.address, machine.doing())));
        self.show();
    }

    fn is_isolated(&self) -> bool {
        self.settings.borrow().config.wharf.isolate_sessions
    }

    fn welcome(self: &Rc<Self>, guest: Guest, socket: OwnedFd) {
        let session = guest.session;
        self.mailboxes.borrow_mut().insert(session, Mail::default());
        self.show();
        let worker = Rc::clone(self);
        tokio::task::spawn_local(async move {
            // What a session needs at its beginning only is not kept for as long as it rests.
            if let Some((mut control, first)) = Box::pin(worker.introduce(guest, socket)).await {
                Box::pin(control.serve(first)).await;
            }
            worker.farewell(session).await;
        });
    }

    /// Learns who has come and by which rules, and greets; `None` when the connection is of no use.
    async fn introduce(self: &Rc<Self>, guest: Guest, socket: OwnedFd) -> Option<(Box<Control>, Step)> {
        let session = guest.session;
        let (guest, socket) = self.unwrap_guest(guest, socket).await?;
        let Guest { peer, local, welcome, clients, .. } = guest;
        let whose = Whose::new(session, peer, self.shows_mapped_addresses());
        let (welcome, rules) = match welcome {
            Welcome::Ok => self.knock(session, peer, local).await,
            full => (full, self.rules()),
        };
        let Rules { policy, tls } = rules;
        let offset = i64::from(self.zone.to_offset(jiff::Timestamp::now()).seconds());
        let mut machine = Session::new(policy, peer, local, clients).with_clock_offset(offset);
        let first = machine.greet(welcome);
        let control = Control::new(Rc::clone(self), whose, socket, machine, tls).ok()?;
        Some((Box::new(control), first))
    }

    fn shows_mapped_addresses(&self) -> bool {
        let config = &self.settings.borrow().config;
        config.wharf.log_mapped_addresses && config.listen.listen_ipv6
    }

    /// Learns from a proxy who its client is, and from the listener whether there is room for that one; `None` when the
    /// proxy does not say.
    async fn unwrap_guest(&self, guest: Guest, socket: OwnedFd) -> Option<(Guest, OwnedFd)> {
        if !guest.is_proxied {
            return Some((guest, socket));
        }
        let (header, socket) = match proxy::unwrap(socket).await {
            Ok(unwrapped) => unwrapped,
            Err(error) => {
                wharf_os::say!(
                    "wharfd: session: {} is in proxy_protocol_from and its connection is closed: {error}",
                    guest.peer.ip()
                );
                return None;
            }
        };
        let (named, peer, local) = match header {
            Header::Client { peer, local } => (Some(peer), peer, local),
            Header::Itself => (None, guest.peer, guest.local),
        };
        let judged = self.mail(guest.session, |mail| {
            mail.proxied = named;
            mail.judged.wait()
        })?;
        let message = listener::FromWorker::Proxied { session: guest.session, peer: named };
        self.listener().send(&message).await.ok()?;
        // A listener that did not accept the session has nothing to say about it.
        let (admission, clients) = tokio::time::timeout(proxy::PATIENCE, judged).await.ok()?.ok()?;
        Some((Guest { peer, local, welcome: welcome_of(admission), clients, ..guest }, socket))
    }

    /// Asks whether hosts.allow and hosts.deny let a client in, and by which rules (`tcp_wrappers`).
    async fn knock(&self, session: SessionId, peer: SocketAddr, local: SocketAddr) -> (Welcome, Rules) {
        let rules = self.rules();
        if !self.settings.borrow().config.access.tcp_wrappers {
            return (Welcome::Ok, rules);
        }
        let knock = monitor::FromWorker::Knock { session, peer, local };
        let Some(answer) = self.mail(session, |mail| mail.admission.wait()) else {
            return (Welcome::NotAdmitted, rules);
        };
        // The monitor answers within its own time for names; when it is gone, so are we.
        let answer = match self.monitor.send(&knock).await {
            Ok(()) => answer.await,
            Err(_) => return (Welcome::NotAdmitted, rules),
        };
        match answer {
            Ok((monitor::Admission::Welcome, _)) => (Welcome::Ok, rules),
            Ok((monitor::Admission::Oops { text }, _)) => (Welcome::Oops(text), rules),
            Ok((monitor::Admission::WelcomeBy { text, banner, user_list, authorities }, descriptors)) => {
                let wanted = Wanted { banner, user_list, authorities };
                let read = Settings::read(&text, wanted, descriptors, &self.keys.borrow());
                match read {
                    Ok(settings) => (Welcome::Ok, Rules { policy: settings.policy, tls: settings.tls }),
                    Err(error) => {
                        wharf_os::say!("wharfd: session: the rules for one client cannot be used: {error}");
                        (Welcome::NotAdmitted, rules)
                    }
                }
            }
            Ok((monitor::Admission::Refused, _)) | Err(_) => (Welcome::NotAdmitted, rules),
        }
    }

    /// Asks by which rules a host is served that the client named; `None` when there is none of the name, or its rules
    /// cannot be used.
    pub(crate) async fn host(
        &self,
        session: SessionId,
        name: String,
    ) -> Option<(Arc<Policy>, Option<Arc<Site>>)> {
        let answer = self.mail(session, |mail| {
            mail.admission.clear();
            mail.admission.wait()
        })?;
        self.monitor.send(&monitor::FromWorker::Host { session, name }).await.ok()?;
        let (admission, descriptors) = answer.await.ok()?;
        let monitor::Admission::WelcomeBy { text, banner, user_list, authorities } = admission else {
            return None;
        };
        let wanted = Wanted { banner, user_list, authorities };
        match Settings::read(&text, wanted, descriptors, &self.keys.borrow()) {
            Ok(settings) => Some((settings.policy, settings.tls)),
            Err(error) => {
                wharf_os::say!("wharfd: session: the rules of a host cannot be used: {error}");
                None
            }
        }
    }

    /// Lets the monitor know that a public client was told an address it cannot reach; once for each address.
    pub(crate) async fn misled(&self, peer: IpAddr, announced: Ipv4Addr) {
        if self.misled.borrow().len() < MOST_MISLED && self.misled.borrow_mut().insert(announced) {
            // When it is gone, so are we.
            let _ = self.monitor.send(&monitor::FromWorker::Misled { peer, announced }).await;
        }
    }

    async fn farewell(self: &Rc<Self>, session: SessionId) {
        self.mailboxes.borrow_mut().remove(&session);
        self.show();
        let _ = self.listener().send(&listener::FromWorker::Ended { session }).await;
        let _ = self.monitor.send(&monitor::FromWorker::Gone { session }).await;
        if !self.mailboxes.borrow().is_empty() {
            return;
        }
        if self.is_isolated() {
            // This process was for that one session.
            self.drain.send_replace(Some(Instant::now()));
        } else if self.drain.borrow().is_some() {
            self.drain.send_modify(|_| {});
        }
    }
}

/// Ends when the server drains and the last session is gone.
async fn drained(worker: &Rc<Worker>) {
    let mut drain = worker.drain.subscribe();
    loop {
        if drain.borrow_and_update().is_some() && worker.mailboxes.borrow().is_empty() {
            return;
        }
        if drain.changed().await.is_err() {
            return;
        }
    }
}

async fn listen_to_monitor(worker: &Rc<Worker>) -> io::Result<()> {
    while let Some(mut received) = worker.monitor.receive(&worker.scratch).await? {
        match received.message {
            monitor::ToWorker::Keyholder => {
                let reached =
                    received.descriptor().map_or(Ok(()), |link| worker.keys.borrow_mut().reach(link));
                if let Err(error) = reached {
                    wharf_os::say!("wharfd: session: cannot reach the keyholder: {error}");
                }
            }
            monitor::ToWorker::Outside { address } => worker.outside.set(address),
            monitor::ToWorker::Certificate { public, is_last } => {
                if let Err(error) = worker.keys.borrow_mut().take(public, is_last) {
                    wharf_os::say!("wharfd: session: a certificate cannot be used: {error}");
                }
            }
            monitor::ToWorker::Configure { text, banner, user_list, authorities } => {
                let wanted = Wanted { banner, user_list, authorities };
                let read = Settings::read(&text, wanted, received.descriptors, &worker.keys.borrow());
                match read {
                    Ok(settings) => *worker.settings.borrow_mut() = settings,
                    Err(error) => wharf_os::say!("wharfd: session: keeps its configuration: {error}"),
                }
            }
            monitor::ToWorker::Logs(which) => {
                let mut descriptors = received.descriptors.into_iter();
                let mut take = |wanted: bool| if wanted { descriptors.next() } else { None };
                *worker.logs.borrow_mut() = Logs {
                    vsftpd: take(which.vsftpd),
                    xferlog: take(which.xferlog),
                    syslog: take(which.syslog),
                    live: take(which.live),
                };
            }
            monitor::ToWorker::Verdict { session, ref verdict } => {
                let verdict = verdict.clone();
                let channel = received.descriptor();
                worker.mail(session, |mail| mail.verdict.deliver((verdict, channel)));
            }
            monitor::ToWorker::Admitted { session, admission } => {
                let descriptors = received.descriptors;
                worker.mail(session, |mail| mail.admission.deliver((admission, descriptors)));
            }
            monitor::ToWorker::OwnerChanged { session, done } => {
                worker.mail(session, |mail| mail.owner.deliver(done));
            }
            monitor::ToWorker::NewListener => {
                if let Some(channel) = received.descriptor() {
                    let link = ListenerLink::from(channel);
                    *worker.listener.borrow_mut() = Rc::new(AsyncLink::new(link)?);
                    worker.listener_changed.notify_one();
                }
            }
            monitor::ToWorker::Drain { seconds } => {
                let end = Instant::now() + Duration::from_secs(u64::from(seconds));
                worker.drain.send_replace(Some(end));
            }
        }
    }
    Ok(())
}

/// Hears one listener after the other.
async fn listen_to_listener(worker: &Rc<Worker>) -> io::Result<()> {
    loop {
        let link = worker.listener();
        // However it ended, there is nothing more to hear from it.
        let _ = hear_listener(worker, &link).await;
        worker.mailboxes.borrow_mut().values_mut().for_each(Mail::listener_is_gone);
        worker.listener_changed.notified().await;
        introduce_all(worker).await;
    }
}

/// Shows every session to a new listener, which counts it and makes its data connections from now on.
async fn introduce_all(worker: &Rc<Worker>) {
    let link = worker.listener();
    let sessions: Vec<_> = worker
        .mailboxes
        .borrow()
        .iter()
        .filter_map(|(session, mail)| Some((*session, mail.proxied, Rc::clone(mail.control.as_ref()?))))
        .collect();
    for (session, proxied, control) in sessions {
        // One that has ended meanwhile has said so, perhaps before it was introduced: the listener must not keep it.
        if !worker.mailboxes.borrow().contains_key(&session) {
            continue;
        }
        let introduction = listener::FromWorker::Introduce { session, proxied };
        if link.send_with(&introduction, &[control.get_ref().as_fd()]).await.is_err() {
            return;
        }
    }
}

fn welcome_of(admission: listener::Admission) -> Welcome {
    match admission {
        listener::Admission::Welcome => Welcome::Ok,
        listener::Admission::TooManyClients => Welcome::TooManyClients,
        listener::Admission::TooManyFromAddress => Welcome::TooManyFromAddress,
    }
}

/// How an active connect ended.
fn dialled(outcome: listener::DialOutcome, socket: Option<OwnedFd>) -> Result<OwnedFd, NoConnection> {
    use listener::DialOutcome;
    match outcome {
        // Without a socket our table of descriptors is full.
        DialOutcome::Connected => socket.ok_or(NoConnection::Failed),
        DialOutcome::Failed | DialOutcome::Forbidden => Err(NoConnection::Failed),
        DialOutcome::Refused => Err(NoConnection::Refused),
        DialOutcome::Unreachable => Err(NoConnection::Unreachable),
        DialOutcome::NoAnswer => Err(NoConnection::NoAnswer),
    }
}

async fn hear_listener(worker: &Rc<Worker>, link: &Rc<ToListener>) -> io::Result<()> {
    while let Some(mut received) = link.receive(&worker.scratch).await? {
        let descriptor = received.descriptor();
        match received.message {
            listener::ToWorker::Accepted { session, peer, local, admission, clients, is_proxied } => {
                let welcome = welcome_of(admission);
                match descriptor {
                    Some(socket) => {
                        worker.welcome(Guest { session, peer, local, welcome, clients, is_proxied }, socket);
                    }
                    // Our table of descriptors is full, and the connection is closed already.
                    None => link.send(&listener::FromWorker::Ended { session }).await?,
                }
            }
            listener::ToWorker::Expecting { session, port, is_shared } => {
                worker.mail(session, |mail| {
                    mail.is_sharing = is_shared;
                    mail.port.deliver(port.map(|port| Expected { port, is_shared }));
                });
            }
            listener::ToWorker::Judged { session, admission, clients } => {
                worker.mail(session, |mail| mail.judged.deliver((admission, clients)));
            }
            listener::ToWorker::Unwrap { connection } => {
                let link = Rc::clone(link);
                tokio::task::spawn_local(async move {
                    let header = match descriptor {
                        Some(socket) => proxy::unwrap(socket).await.ok().map(|(header, _)| header),
                        None => None,
                    };
                    let peer = match header {
                        Some(Header::Client { peer, .. }) => Some(peer.ip()),
                        _ => None,
                    };
                    let _ = link.send(&listener::FromWorker::Unwrapped { connection, peer }).await;
                });
            }
            listener::ToWorker::Recognise { connection, seconds } => {
                let limit = Duration::from_secs(seconds.into());
                worker.recognise(link, connection, descriptor, limit);
            }
            listener::ToWorker::Arrived { session, number, next } => {
                worker.mail(session, |mail| {
                    let Some(socket) = descriptor.filter(|_| mail.wishes == number) else { return };
                    mail.is_sharing = false;
                    mail.arrival.deliver(Ok(socket));
                    if let Some(port) = next {
                        mail.wishes = mail.wishes.wrapping_add(1);
                        mail.promised = Some((port, Instant::now()));
                    }
                });
            }
            listener::ToWorker::Dialled { session, number, outcome } => {
                worker.mail(session, |mail| {
                    if mail.wishes == number {
                        mail.arrival.deliver(dialled(outcome, descriptor));
                    }
                });
            }
        }
    }
    Ok(())
}
