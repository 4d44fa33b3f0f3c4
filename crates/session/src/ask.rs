//! Carries out what the machine asks: one arm per kind of [`Ask`]. What monitor and listener are asked is in `mailed`.
//!
//! What arrives here and is no answer the machine can use (a broker that died, a verdict without a channel) becomes
//! a failure the machine knows, never a panic.

mod mailed;

use std::cell::Cell;
use std::os::fd::OwnedFd;
use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use tokio::io::Interest;
use tokio::time::Instant;
use wharf_ipc::SessionId;
use wharf_ipc::broker::decode_finished;
use wharf_ipc::link::Link;
use wharf_ipc::monitor::{Granted, Verdict as MonitorVerdict};
use wharf_proto::failure::Failure;
use wharf_proto::ftp::server::ask::{
    Ask, Attempt, Direction, Grant, Handshake, Move, Moved, NoConnection, NoHandshake, Outcome, Route,
    Secured, Step, Then, Verdict,
};
use wharf_proto::ftp::server::policy::{Policy, Reuse};
use wharf_proto::ftp::server::session::Session;
use wharf_proto::store::{Answer, Fate, Finished, Request};
use wharf_transport::{Flow, ServerSide};

use crate::link::{AsyncLink, Scratch};
use crate::log::Whose;
use crate::pump::{self, Connection, Secure, Source};
use crate::tls::{self, Stream, shake};
use crate::watch::watch;
use crate::worker::Worker;

/// How often a file that somebody else has locked is asked for again. The lock's end sends no signal.
const LOCK_INTERVAL: Duration = Duration::from_millis(200);

/// The most that tells how a task ended.
const MOST_OF_AN_END: usize = 4096;

/// How much longer than the listener's own limit we wait for its word about a dialled connection.
const SLACK: Duration = Duration::from_secs(5);

/// The moment at which all transfers must be over, once the server is told to stop.
type Drain = tokio::sync::watch::Sender<Option<Instant>>;

/// What a session holds of the world.
pub(crate) struct Hands {
    session: SessionId,
    /// Holding this is being logged in.
    broker: Option<Broker>,
    /// The file or listing that was opened last.
    source: Option<Source>,
    /// The data connection.
    connection: Option<Connection>,
    /// TLS of this session, once its control connection speaks it: data connections are told by it.
    pub(crate) tls: Option<Rc<ServerSide>>,
    /// Whether the last data connection resumed the TLS session of this one, so that the next will be recognised by that.
    resumes: bool,
    /// Whether any data connection did: its client can, and with `require_ssl_reuse=AUTO` must from then on.
    has_resumed: bool,
    /// Whether the data connection comes through a shared port.
    is_shared: bool,
    /// Nobody has been recognised there yet.
    is_missed: bool,
    /// What of the coming transfer was sent before it was waited for.
    ahead: u64,
    /// The login or its broker is gone: nothing can be done for this session any more.
    pub(crate) lost: bool,
}

type Broker = AsyncLink<Request, Answer>;

impl Hands {
    pub(crate) fn new(session: SessionId) -> Self {
        Self {
            session,
            broker: None,
            source: None,
            connection: None,
            tls: None,
            resumes: false,
            has_resumed: false,
            is_shared: false,
            is_missed: false,
            ahead: 0,
            lost: false,
        }
    }

    /// Lets go of what a command opened and did not use up: with the file goes its lock.
    pub(crate) fn let_go(&mut self) {
        self.source = None;
        self.connection = None;
        self.ahead = 0;
    }

    /// Answers what needs no waiting, and gives back what does.
    pub(crate) fn at_once(&mut self, worker: &Worker, machine: &mut Session, ask: Ask) -> Result<Step, Ask> {
        match ask {
            Ask::Connect(Route::Passive, then) => {
                let Some(connection) = worker.arrived(self.session) else {
                    return Err(Ask::Connect(Route::Passive, then));
                };
                self.connection = Some(Connection::Clear(connection));
                Ok(then(machine, Ok(())))
            }
            // What is compressed is never done without waiting.
            Ask::Move(wish, then) if machine.deflates().is_some() => Err(Ask::Move(wish, then)),
            Ask::Move(wish, then) => match self.move_at_once(worker, &wish) {
                Some(moved) => Ok(then(machine, moved)),
                None => Err(Ask::Move(wish, then)),
            },
            ask => Err(ask),
        }
    }

    fn move_at_once(&mut self, worker: &Worker, wish: &Move) -> Option<Moved> {
        let Some(Source::File(file)) = &self.source else { return None };
        let begin = Instant::now();
        let attempt = match &mut self.connection {
            Some(Connection::Clear(connection)) => pump::send_small(&worker.scratch, wish, file, connection),
            Some(Connection::Secure(secure)) => pump::send_small_secure(&worker.scratch, wish, file, secure),
            None => return None,
        };
        match attempt {
            pump::Attempt::Over(octets, outcome) => {
                // The data connection is closed before the peer reads how it ended.
                self.let_go();
                Some(moved(octets, begin.elapsed(), outcome))
            }
            pump::Attempt::GoOn(ahead) => {
                self.ahead = ahead;
                None
            }
        }
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
                let policy = Arc::clone(machine.policy());
                let verdict = self.login(worker, attempt, whose, policy).await;
                then(machine, verdict)
            }
            Ask::Store(request, then) => {
                let patience = machine.policy().data_timeout;
                let answer = self.store(&worker.scratch, &worker.drain, request, patience);
                let answer = Box::pin(answer).await;
                then(machine, answer)
            }
            Ask::Pause(time, then) => {
                tokio::time::sleep(time).await;
                then(machine, ())
            }
            Ask::Expect(then) => {
                self.connection = None;
                let anyone = machine.policy().passive_from_anyone;
                // A client that asks again was not recognised, perhaps because it did not resume this time.
                self.resumes &= !self.is_missed;
                let may_share = self.resumes && machine.protects_data();
                let expected = worker.expect(self.session, anyone, may_share).await;
                self.is_shared = expected.is_some_and(|expected| expected.is_shared);
                self.is_missed = self.is_shared;
                then(machine, expected)
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
            // `Control` has the connection that these two are about, and listens to the peer during the others.
            Ask::Secure(then) => then(machine, Secured { dropped: 0, handshake: Err(NoHandshake::Aborted) }),
            Ask::Clear(then) => then(machine, false),
            Ask::Protect(_, then) => then(machine, Err(NoHandshake::Aborted)),
            Ask::Attend(then) => then(machine, None),
            Ask::Host(_, then) => then(machine, None),
            Ask::Connect(_, then) => then(machine, Err(NoConnection::Failed)),
            Ask::Move(_, then) => then(machine, moved(0, Duration::ZERO, Outcome::NetworkFailed)),
        }
    }

    async fn login(
        &mut self,
        worker: &Rc<Worker>,
        attempt: Attempt,
        whose: &Whose,
        policy: Arc<Policy>,
    ) -> Verdict {
        let counts = policy.tls.is_some_and(|tls| tls.certificate_logins);
        let proof = self.tls.as_ref().filter(|_| counts).and_then(|tls| tls.proof());
        let (verdict, channel) = worker.login(self.session, whose, attempt, proof).await;
        self.take_in(verdict, channel, |overlay| worker.policy_of(overlay, policy))
    }

    /// Takes what the monitor grants, all of it or nothing.
    ///
    /// The monitor counts whoever was granted something as logged in and ends a worker that asks for them again. So a
    /// grant that cannot be used, because its channel or its rules are no good, ends the session.
    fn take_in(
        &mut self,
        verdict: MonitorVerdict,
        channel: Option<OwnedFd>,
        policy: impl FnOnce(&[u8]) -> Option<Arc<Policy>>,
    ) -> Verdict {
        let granted = match verdict {
            MonitorVerdict::Granted(granted) => granted,
            MonitorVerdict::Oops { text } => return Verdict::Oops(text),
            MonitorVerdict::Refused { .. } => return Verdict::Refused,
            MonitorVerdict::NeedsPassword => return Verdict::NeedsPassword,
        };
        let broker = channel.and_then(|channel| Broker::new(Link::from(channel)).ok());
        let (Some(broker), Some(policy)) = (broker, policy(&granted.overlay)) else {
            wharf_os::say!(
                "wharfd: session: a login cannot be used: its channel or its rules did not arrive whole"
            );
            self.lost = true;
            return Verdict::Refused;
        };
        self.broker = Some(broker);
        let Granted { user, class, start, .. } = granted;
        Verdict::Granted(Grant { user, class, start, policy })
    }

    async fn store(
        &mut self,
        scratch: &Scratch,
        drain: &Drain,
        request: Request,
        patience: Option<Duration>,
    ) -> Answer {
        // Every question to the broker is about something else than what was opened last; its lock must not stay.
        self.source = None;
        let begin = Instant::now();
        let mut drain = drain.subscribe();
        loop {
            let answer = self.store_once(scratch, &request).await;
            let waited = begin.elapsed();
            match answer {
                // vsftpd waits for the lock without a limit; we wait as long as a silent transfer may take.
                Answer::Refused(Failure::Locked) if patience.is_none_or(|patience| waited < patience) => {
                    tokio::select! {
                        () = tokio::time::sleep(LOCK_INTERVAL) => {}
                        // Nothing begins any more when the server is told to stop.
                        _ = drain.wait_for(Option::is_some) => return answer,
                    }
                }
                answer => return answer,
            }
        }
    }

    async fn store_once(&mut self, scratch: &Scratch, request: &Request) -> Answer {
        let broken = Answer::Refused(Failure::Broken);
        let Some(broker) = &self.broker else { return broken };
        if broker.send(request).await.is_err() {
            self.lost = true;
            return broken;
        }
        if matches!(request, Request::Finish(Fate::Kept)) {
            // The broker says nothing to it, for nothing can fail.
            return Answer::Done;
        }
        let Ok(Some(mut received)) = broker.answer(scratch).await else {
            self.lost = true;
            return broken;
        };
        let descriptor = received.descriptor();
        match (&received.message, descriptor) {
            // A part of a file comes through a pipe, as a listing does, and so does the end of a task.
            (Answer::Opened { .. }, Some(pipe)) if matches!(request, Request::OpenPart(..)) => {
                self.source = Some(Source::Listing(Arc::new(pipe)));
            }
            (Answer::Opened { .. } | Answer::OpenedForWriting(_), Some(file)) => {
                self.source = Some(Source::File(Arc::new(file)));
            }
            (Answer::Listing { .. } | Answer::Begun, Some(pipe)) => {
                self.source = Some(Source::Listing(Arc::new(pipe)));
            }
            (
                Answer::Opened { .. } | Answer::OpenedForWriting(_) | Answer::Listing { .. } | Answer::Begun,
                None,
            ) => return broken,
            _ => {}
        }
        received.message
    }

    async fn collect(&mut self, most: usize) -> Vec<u8> {
        let Some(Source::Listing(pipe)) = self.source.take() else { return Vec::new() };
        read_pipe(pipe, most).await
    }
}

/// Reads what comes through a pipe, at most so many octets.
async fn read_pipe(pipe: Arc<OwnedFd>, most: usize) -> Vec<u8> {
    let mut octets = Vec::new();
    let Ok(pipe) = watch(pipe, Interest::READABLE) else { return octets };
    let mut piece = vec![0; most.min(64 * 1024)];
    while octets.len() < most {
        let read = pipe.async_io(Interest::READABLE, |pipe| Ok(rustix::io::read(pipe, &mut *piece)?)).await;
        match read {
            Ok(read @ 1..) => octets.extend_from_slice(piece.get(..read).unwrap_or_default()),
            _ => break,
        }
    }
    octets.truncate(most);
    octets
}

/// Something that may take long and can be broken off: a connect, a transfer, a task of the broker.
pub(crate) enum Work<'a> {
    Connect {
        wait: Pin<Box<dyn Future<Output = Result<OwnedFd, NoConnection>> + 'a>>,
        found: Result<OwnedFd, NoConnection>,
        then: Option<Then<Result<(), NoConnection>>>,
    },
    Protect {
        run: Pin<Box<dyn Future<Output = Protected> + 'a>>,
        direction: Direction,
        outcome: Option<Protected>,
        then: Option<Then<Result<Handshake, NoHandshake>>>,
    },
    Attend {
        /// Reads the task's pipe; dropping it closes that, and the broker ends the task.
        run: Pin<Box<dyn Future<Output = Vec<u8>> + 'a>>,
        ended: Vec<u8>,
        then: Option<Then<Option<Finished>>>,
    },
    Move {
        run: Pin<Box<dyn Future<Output = Outcome> + 'a>>,
        progress: Rc<Cell<u64>>,
        begin: Instant,
        outcome: Outcome,
        then: Option<Then<Moved>>,
    },
}

/// What came of a data connection's handshake.
type Protected = Result<(Box<Secure>, Handshake), NoHandshake>;

impl<'a> Work<'a> {
    pub(crate) fn begin(worker: &'a Rc<Worker>, machine: &Session, hands: &mut Hands, ask: Ask) -> Self {
        let session = hands.session;
        match ask {
            Ask::Move(wish, then) => {
                let ahead = std::mem::take(&mut hands.ahead);
                let wish = Move { at: wish.at + ahead, ..wish };
                let progress = Rc::new(Cell::new(ahead));
                let stall = machine.policy().data_timeout;
                let run = transfer(worker, (wish, machine.deflates()), hands, stall, Rc::clone(&progress));
                Self::Move {
                    run,
                    progress,
                    begin: Instant::now(),
                    outcome: Outcome::Aborted,
                    then: Some(then),
                }
            }
            Ask::Connect(route, then) => {
                // One who was expected need not be the one who comes.
                hands.is_shared &= route == Route::Shared;
                let (accept, connect) = (machine.policy().accept_timeout, machine.policy().connect_timeout);
                let wait: Pin<Box<dyn Future<Output = _>>> = match route {
                    Route::Passive | Route::Shared => Box::pin(worker.arrival(session, accept)),
                    Route::Active(to) if machine.is_anonymous() => {
                        Box::pin(worker.dial_stranger(session, to, connect))
                    }
                    Route::Active(to) => {
                        Box::pin(worker.dial(session, to, connect.map(|connect| connect + SLACK)))
                    }
                };
                Self::Connect { wait, found: Err(NoConnection::Failed), then: Some(then) }
            }
            Ask::Protect(direction, then) => {
                let run = protect(machine, hands, direction);
                Self::Protect { run, direction, outcome: None, then: Some(then) }
            }
            Ask::Attend(then) => {
                let pipe = hands.source.take();
                let run = Box::pin(async {
                    match pipe {
                        Some(Source::Listing(pipe)) => read_pipe(pipe, MOST_OF_AN_END).await,
                        _ => Vec::new(),
                    }
                });
                Self::Attend { run, ended: Vec::new(), then: Some(then) }
            }
            // `Control` brings only those above.
            _ => {
                let found = Err(NoConnection::Failed);
                Self::Connect {
                    wait: Box::pin(async move { found }),
                    found: Err(NoConnection::Failed),
                    then: None,
                }
            }
        }
    }

    /// Waits for its end; may be called again after being dropped.
    pub(crate) async fn done(&mut self) {
        match self {
            Self::Connect { wait, found, .. } => *found = wait.await,
            Self::Protect { run, outcome, .. } => *outcome = Some(run.await),
            Self::Attend { run, ended, .. } => *ended = run.await,
            Self::Move { run, outcome, .. } => *outcome = run.await,
        }
    }

    /// How many octets have been moved so far.
    pub(crate) fn octets(&self) -> u64 {
        match self {
            Self::Connect { .. } | Self::Protect { .. } | Self::Attend { .. } => 0,
            Self::Move { progress, .. } => progress.get(),
        }
    }

    /// For how long they have been moving.
    pub(crate) fn took(&self) -> Duration {
        match self {
            Self::Connect { .. } | Self::Protect { .. } | Self::Attend { .. } => Duration::ZERO,
            Self::Move { begin, .. } => begin.elapsed(),
        }
    }

    /// Gives the machine the answer.
    pub(crate) fn answer(&mut self, machine: &mut Session, hands: &mut Hands) -> Step {
        match self {
            Self::Connect { found, then, .. } => {
                let connected = std::mem::replace(found, Err(NoConnection::Failed));
                hands.is_missed &= connected.is_err();
                let answer =
                    connected.map(|connection| hands.connection = Some(Connection::Clear(connection)));
                then.take().map_or(Step::End, |then| then(machine, answer))
            }
            Self::Protect { outcome, direction, then, .. } => {
                let answer = match outcome.take().unwrap_or(Err(NoHandshake::Aborted)) {
                    Ok((secure, handshake)) => {
                        // Some clients use a ticket of TLS 1.3 once, and an upload brings no fresh one.
                        let is_renewed = *direction == Direction::Download || handshake.version != "TLSv1.3";
                        hands.resumes = handshake.resumed && is_renewed;
                        hands.has_resumed |= handshake.resumed;
                        hands.connection = Some(Connection::Secure(secure));
                        Ok(handshake)
                    }
                    Err(failure) => {
                        hands.resumes = false;
                        Err(failure)
                    }
                };
                then.take().map_or(Step::End, |then| then(machine, answer))
            }
            Self::Attend { ended, then, .. } => {
                // A pipe that ends without a word: the broker is gone.
                let answer = decode_finished(ended).unwrap_or(Finished::Failed(Failure::Broken));
                then.take().map_or(Step::End, |then| then(machine, Some(answer)))
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
            Self::Protect { run, outcome, .. } => {
                *run = Box::pin(std::future::pending());
                *outcome = Some(Err(NoHandshake::Aborted));
                self.answer(machine, hands)
            }
            Self::Attend { run, then, .. } => {
                *run = Box::pin(std::future::pending());
                then.take().map_or(Step::End, |then| then(machine, None))
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
    (wish, level): (Move, Option<u8>),
    hands: &mut Hands,
    stall: Option<Duration>,
    progress: Rc<Cell<u64>>,
) -> Pin<Box<dyn Future<Output = Outcome> + 'a>> {
    let (source, connection) = (hands.source.take(), hands.connection.take());
    Box::pin(async move {
        let (Some(source), Some(connection)) = (source, connection) else { return Outcome::NetworkFailed };
        let source = match source {
            Source::Listing(pipe) if !wish.names.is_none() => match pump::translated(pipe, wish.names) {
                Ok(pipe) => Source::Listing(pipe),
                Err(_) => return Outcome::FileFailed(Failure::TooMany),
            },
            source => source,
        };
        match level {
            None => pump::run(&worker.tools, wish, source, connection, stall, &progress).await,
            Some(level) => {
                let wish = (wish, level);
                pump::run_deflated(&worker.tools, wish, source, connection, stall, &progress).await
            }
        }
    })
}

/// The handshake of the data connection, which must continue that of the control connection where the site says so.
fn protect<'a>(
    machine: &Session,
    hands: &mut Hands,
    direction: Direction,
) -> Pin<Box<dyn Future<Output = Protected> + 'a>> {
    let (tls, connection) = (hands.tls.clone(), hands.connection.take());
    let is_shared = hands.is_shared;
    let has_resumed = hands.has_resumed;
    let rules = machine.policy().tls;
    Box::pin(async move {
        let (Some(tls), Some(Connection::Clear(connection)), Some(rules)) = (tls, connection, rules) else {
            return Err(NoHandshake::Failed("there is no TLS to continue".to_owned()));
        };
        let flow = match direction {
            Direction::Download => Flow::ToClient,
            Direction::Upload => Flow::FromClient,
        };
        let socket = watch(connection, tls::DATA).map_err(|error| NoHandshake::Failed(error.to_string()))?;
        let mut stream = Stream::new(tls.accept_data(flow), Vec::new());
        let handshake = shake(&socket, &mut stream).await?;
        // Security: at a shared port nothing else tells whose connection it is.
        if is_shared && !handshake.resumed {
            return Err(NoHandshake::Failed("the session that was to be resumed cannot be".to_owned()));
        }
        let must_resume = match rules.reuse {
            Reuse::NotRequired => false,
            Reuse::OnceShown => has_resumed,
            Reuse::Required => true,
        };
        if must_resume && !handshake.resumed {
            // The client takes the handshake for done; with the end mark it goes on to read the 522.
            stream.close();
            let _ = rustix::net::send(&socket, &stream.output(), rustix::net::SendFlags::NOSIGNAL);
            return Err(NoHandshake::NotResumed);
        }
        let secure = Secure { socket, stream, waits_for_mark: rules.strict_write_shutdown };
        Ok((Box::new(secure), handshake))
    })
}

fn moved(octets: u64, took: Duration, outcome: Outcome) -> Moved {
    Moved { octets, took, outcome }
}

#[cfg(test)]
mod tests;
