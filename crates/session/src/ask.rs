//! Carries out what the machine asks: one arm per kind of [`Ask`].
//!
//! What arrives here and is no answer the machine can use (a broker that died, a verdict without a channel) becomes
//! a failure the machine knows, never a panic.

use std::cell::Cell;
use std::os::fd::OwnedFd;
use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use tokio::io::Interest;
use tokio::time::Instant;
use wharf_ipc::link::Link;
use wharf_ipc::monitor::Verdict as MonitorVerdict;
use wharf_ipc::{SessionId, listener, monitor};
use wharf_proto::failure::Failure;
use wharf_proto::ftp::server::ask::{
    Ask, Attempt, Grant, Move, Moved, NoConnection, Outcome, Route, Step, Then, Verdict,
};
use wharf_proto::ftp::server::session::Session;
use wharf_proto::store::{Answer, Request};

use crate::link::AsyncLink;
use crate::log::Whose;
use crate::policy;
use crate::pump::{self, Source};
use crate::watch::watch;
use crate::worker::Worker;

/// How often a file that somebody else has locked is asked for again. The lock's end sends no signal.
const LOCK_INTERVAL: Duration = Duration::from_millis(200);

/// How much longer than the listener's own limit we wait for its word about a dialled connection.
const SLACK: Duration = Duration::from_secs(5);

/// What a session holds of the world.
pub(crate) struct Hands {
    session: SessionId,
    /// Holding this is being logged in.
    broker: Option<Broker>,
    /// The file or listing that was opened last.
    source: Option<Source>,
    /// The data connection.
    connection: Option<OwnedFd>,
    /// The broker is gone: nothing can be done for this login any more.
    pub(crate) lost: bool,
}

type Broker = AsyncLink<Request, Answer>;

impl Hands {
    pub(crate) fn new(session: SessionId) -> Self {
        Self { session, broker: None, source: None, connection: None, lost: false }
    }

    /// Lets go of what a command opened and did not use up: with the file goes its lock.
    pub(crate) fn let_go(&mut self) {
        self.source = None;
        self.connection = None;
    }

    /// Answers everything that takes no long time.
    pub(crate) async fn ask(
        &mut self,
        worker: &Rc<Worker>,
        machine: &mut Session,
        whose: &Whose,
        ask: Ask,
    ) -> Step {
        match ask {
            Ask::Login(attempt, then) => {
                let verdict = self.login(worker, attempt, whose).await;
                then(machine, verdict)
            }
            Ask::Store(request, then) => {
                let patience = machine.policy().data_timeout;
                let answer = Box::pin(self.store(worker, request, patience)).await;
                then(machine, answer)
            }
            Ask::Pause(time, then) => {
                tokio::time::sleep(time).await;
                then(machine, ())
            }
            Ask::Expect(then) => {
                self.connection = None;
                let anyone = machine.policy().passive_from_anyone;
                let port = worker.expect(self.session, anyone).await;
                then(machine, port)
            }
            Ask::ChangeOwner(then) => {
                let done = match &self.source {
                    Some(Source::File(file)) => worker.change_owner(self.session, file).await,
                    _ => false,
                };
                then(machine, done)
            }
            Ask::Collect(most, then) => {
                let octets = Box::pin(self.collect(most)).await;
                then(machine, octets)
            }
            // `Control` listens to the peer meanwhile and does not bring these here.
            Ask::Connect(_, then) => then(machine, Err(NoConnection::Failed)),
            Ask::Move(_, then) => then(machine, moved(0, Duration::ZERO, Outcome::NetworkFailed)),
        }
    }

    async fn login(&mut self, worker: &Rc<Worker>, attempt: Attempt, whose: &Whose) -> Verdict {
        let (verdict, channel) = worker.login(self.session, whose, attempt).await;
        match (verdict, channel) {
            (MonitorVerdict::Granted(granted), Some(channel)) => {
                let Ok(broker) = Broker::new(Link::from(channel)) else { return Verdict::Refused };
                self.broker = Some(broker);
                Verdict::Granted(grant(worker, granted))
            }
            (MonitorVerdict::Oops { text }, _) => Verdict::Oops(text),
            _ => Verdict::Refused,
        }
    }

    async fn store(&mut self, worker: &Rc<Worker>, request: Request, patience: Option<Duration>) -> Answer {
        // Every question to the broker is about something else than what was opened last; its lock must not stay.
        self.source = None;
        let begin = Instant::now();
        loop {
            let answer = self.store_once(worker, &request).await;
            let waited = begin.elapsed();
            match answer {
                // vsftpd waits for the lock without a limit; we wait as long as a silent transfer may take.
                Answer::Refused(Failure::Busy) if patience.is_none_or(|patience| waited < patience) => {
                    tokio::time::sleep(LOCK_INTERVAL).await;
                }
                answer => return answer,
            }
        }
    }

    async fn store_once(&mut self, worker: &Rc<Worker>, request: &Request) -> Answer {
        let broken = Answer::Refused(Failure::Broken);
        let Some(broker) = &self.broker else { return broken };
        if broker.send(request).await.is_err() {
            self.lost = true;
            return broken;
        }
        let Ok(Some(mut received)) = broker.receive(&worker.scratch).await else {
            self.lost = true;
            return broken;
        };
        let descriptor = received.descriptor();
        match (&received.message, descriptor) {
            (Answer::Opened { .. } | Answer::OpenedForWriting(_), Some(file)) => {
                self.source = Some(Source::File(Arc::new(file)));
            }
            (Answer::Listing { .. }, Some(pipe)) => self.source = Some(Source::Listing(Arc::new(pipe))),
            (Answer::Opened { .. } | Answer::OpenedForWriting(_) | Answer::Listing { .. }, None) => {
                return broken;
            }
            _ => {}
        }
        received.message
    }

    async fn collect(&mut self, most: usize) -> Vec<u8> {
        let mut octets = Vec::new();
        let Some(Source::Listing(pipe)) = self.source.take() else { return octets };
        let Ok(pipe) = watch(pipe, Interest::READABLE) else { return octets };
        let mut piece = vec![0; 64 * 1024];
        while octets.len() < most {
            let read =
                pipe.async_io(Interest::READABLE, |pipe| Ok(rustix::io::read(pipe, &mut *piece)?)).await;
            match read {
                Ok(read @ 1..) => octets.extend_from_slice(piece.get(..read).unwrap_or_default()),
                _ => break,
            }
        }
        octets.truncate(most);
        octets
    }
}

fn grant(worker: &Worker, granted: monitor::Granted) -> Grant {
    let policy = if granted.overlay.is_empty() {
        worker.policy()
    } else {
        // The monitor has read and checked this text; were it unreadable now, the main rules hold.
        match wharf_config::parse(&granted.overlay, None, &wharf_config::Config::default()) {
            Ok(loaded) => Arc::new(policy::policy(&loaded.config, &worker.files())),
            Err(_) => worker.policy(),
        }
    };
    Grant { user: granted.user, class: granted.class, start: granted.start, policy }
}

/// Something that may take long and can be broken off: a connect or a transfer.
pub(crate) enum Work<'a> {
    Connect {
        wait: Pin<Box<dyn Future<Output = Option<OwnedFd>> + 'a>>,
        found: Option<OwnedFd>,
        then: Option<Then<Result<(), NoConnection>>>,
    },
    Move {
        run: Pin<Box<dyn Future<Output = Outcome> + 'a>>,
        progress: Rc<Cell<u64>>,
        begin: Instant,
        outcome: Outcome,
        then: Option<Then<Moved>>,
    },
}

impl<'a> Work<'a> {
    pub(crate) fn begin(worker: &'a Rc<Worker>, machine: &Session, hands: &mut Hands, ask: Ask) -> Self {
        let session = hands.session;
        match ask {
            Ask::Move(wish, then) => {
                let progress = Rc::new(Cell::new(0));
                let stall = machine.policy().data_timeout;
                let run = transfer(worker, wish, hands, stall, Rc::clone(&progress));
                Self::Move {
                    run,
                    progress,
                    begin: Instant::now(),
                    outcome: Outcome::Aborted,
                    then: Some(then),
                }
            }
            Ask::Connect(route, then) => {
                let (accept, connect) = (machine.policy().accept_timeout, machine.policy().connect_timeout);
                let wait: Pin<Box<dyn Future<Output = _>>> = match route {
                    Route::Passive => Box::pin(worker.arrival(session, accept)),
                    Route::Active(to) => Box::pin(worker.dial(session, to, connect + SLACK)),
                };
                Self::Connect { wait, found: None, then: Some(then) }
            }
            // `Control` brings only the two above.
            _ => Self::Connect { wait: Box::pin(async { None }), found: None, then: None },
        }
    }

    /// Waits for its end; may be called again after being dropped.
    pub(crate) async fn done(&mut self) {
        match self {
            Self::Connect { wait, found, .. } => *found = wait.await,
            Self::Move { run, outcome, .. } => *outcome = run.await,
        }
    }

    /// How many octets have been moved so far.
    pub(crate) fn octets(&self) -> u64 {
        match self {
            Self::Connect { .. } => 0,
            Self::Move { progress, .. } => progress.get(),
        }
    }

    /// Gives the machine the answer.
    pub(crate) fn answer(&mut self, machine: &mut Session, hands: &mut Hands) -> Step {
        match self {
            Self::Connect { found, then, .. } => {
                let connected = found.take();
                let answer = if connected.is_some() { Ok(()) } else { Err(NoConnection::Failed) };
                hands.connection = connected;
                then.take().map_or(Step::End, |then| then(machine, answer))
            }
            Self::Move { progress, begin, outcome, then, .. } => {
                let answer = moved(progress.get(), begin.elapsed(), *outcome);
                then.take().map_or(Step::End, |then| then(machine, answer))
            }
        }
    }

    /// Breaks it off and tells the machine so.
    pub(crate) fn abort(&mut self, machine: &mut Session, hands: &mut Hands) -> Step {
        match self {
            Self::Connect { then, .. } => {
                hands.connection = None;
                then.take().map_or(Step::End, |then| then(machine, Err(NoConnection::Aborted)))
            }
            Self::Move { run, outcome, .. } => {
                // Dropping the transfer closes the data connection before the peer reads 426.
                *run = Box::pin(std::future::pending());
                *outcome = Outcome::Aborted;
                self.answer(machine, hands)
            }
        }
    }
}

fn transfer<'a>(
    worker: &'a Rc<Worker>,
    wish: Move,
    hands: &mut Hands,
    stall: Option<Duration>,
    progress: Rc<Cell<u64>>,
) -> Pin<Box<dyn Future<Output = Outcome> + 'a>> {
    let (source, connection) = (hands.source.take(), hands.connection.take());
    Box::pin(async move {
        let (Some(source), Some(connection)) = (source, connection) else { return Outcome::NetworkFailed };
        pump::run(&worker.tools, wish, source, connection, stall, &progress).await
    })
}

fn moved(octets: u64, took: Duration, outcome: Outcome) -> Moved {
    Moved { octets, took, outcome }
}

impl Worker {
    /// Asks the monitor who somebody is.
    async fn login(
        &self,
        session: SessionId,
        whose: &Whose,
        attempt: Attempt,
    ) -> (MonitorVerdict, Option<OwnedFd>) {
        let refused = |detail: &str| (MonitorVerdict::Refused { detail: detail.to_owned() }, None);
        let answer = self.mail(session, |mail| mail.verdict.wait());
        let peer = whose.address.parse().unwrap_or(std::net::Ipv4Addr::UNSPECIFIED.into());
        let question =
            monitor::FromWorker::Login { session, peer, name: attempt.name, password: attempt.password };
        match answer {
            Some(answer) if self.monitor.send(&question).await.is_ok() => {
                answer.await.unwrap_or_else(|_| refused("the monitor is gone"))
            }
            _ => refused("the monitor is gone"),
        }
    }

    async fn expect(&self, session: SessionId, anyone: bool) -> Option<u16> {
        let promised = self.mail(session, |mail| {
            let (port, at) = mail.promised.take()?;
            let holds = !anyone && at.elapsed() < Duration::from_secs(listener::PROMISE);
            holds.then(|| mail.arrival.clear())?;
            Some(port)
        })?;
        if promised.is_some() {
            return promised;
        }
        let (number, port) = self.mail(session, |mail| {
            mail.arrival.clear();
            mail.wishes = mail.wishes.wrapping_add(1);
            (mail.wishes, mail.port.wait())
        })?;
        self.listener.send(&listener::FromWorker::Expect { session, number, anyone }).await.ok()?;
        port.await.ok().flatten()
    }

    async fn change_owner(&self, session: SessionId, file: &Arc<OwnedFd>) -> bool {
        use std::os::fd::AsFd;
        let Some(done) = self.mail(session, |mail| mail.owner.wait()) else { return false };
        let question = monitor::FromWorker::ChangeOwner { session };
        self.monitor.send_with(&question, &[file.as_fd()]).await.is_ok() && done.await.unwrap_or(false)
    }

    /// The data connection that the peer makes to the expected port; it may have come already.
    async fn arrival(&self, session: SessionId, limit: Duration) -> Option<OwnedFd> {
        let arrival = self.mail(session, |mail| mail.arrival.wait())?;
        let found = tokio::time::timeout(limit, arrival).await.ok().and_then(Result::ok).flatten();
        if found.is_none() {
            let _ = self.listener.send(&listener::FromWorker::Forget { session }).await;
        }
        found
    }

    /// The data connection that we make to the peer.
    async fn dial(&self, session: SessionId, to: std::net::SocketAddr, limit: Duration) -> Option<OwnedFd> {
        let arrival = self.mail(session, |mail| {
            mail.arrival.clear();
            mail.promised = None;
            // What was expected before is too late from here on.
            mail.wishes = mail.wishes.wrapping_add(1);
            mail.arrival.wait()
        })?;
        self.listener.send(&listener::FromWorker::Dial { session, to }).await.ok()?;
        tokio::time::timeout(limit, arrival).await.ok().and_then(Result::ok).flatten()
    }
}
