//! What the machine wants of the world, and how it goes on with the answer.
//!
//! A [`Step`] is what a command's code returns. An [`Ask`] carries the function that takes its answer, so a
//! command reads from top to bottom; the driver (`session/src/ask.rs`) has one arm per kind.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use wharf_names::Translation;

use super::policy::{Class, Policy};
use super::session::Session;
use crate::failure::Failure;
use crate::ftp::reply::Reply;
use crate::path::VirtualPath;
use crate::secret::Secret;
use crate::store::{
    Answer, Change, Entered, Fate, Finished, List, Looked, OpenedForWriting, Part, Request, Task, Writing,
};

/// Takes an answer and says what comes next. A plain `fn` costs no allocation.
pub type Then<T> = Box<dyn FnOnce(&mut Session, T) -> Step>;

/// What happens next in a session.
pub enum Step {
    /// The command is over; everything it says stands in the outbox.
    Done,
    /// The command is over with this reply.
    Reply(Reply),
    /// Ask the world, and go on with its answer.
    Ask(Ask),
    /// Send this reply and close the control connection.
    Close(Reply),
    /// Close the control connection when the outbox is sent.
    End,
}

/// A question to the world.
pub enum Ask {
    /// Who is this? (monitor)
    Login(Attempt, Then<Verdict>),
    /// Files and directories. (broker)
    Store(Request, Then<Answer>),
    /// Which rules hold for this of our hosts (HOST)? `None` when there is none of the name. (monitor)
    Host(String, Then<Option<Arc<Policy>>>),
    /// Time to pass: what a refusal costs who guesses. (clock)
    Pause(Duration, Then<()>),
    /// A port for the peer to connect to; `None` when all are taken and none came free in time. (listener)
    Expect(Then<Option<Expected>>),
    /// The data connection: accept what was expected, or dial the address. (listener)
    Connect(Route, Then<Result<(), NoConnection>>),
    /// Put the control connection into TLS, as its server. (TLS)
    ///
    /// All that was said is sent before, in clear. Octets that have arrived by then, read or not yet read out of the
    /// decoder, are no part of the session: the driver drops them, empties its decoder, and tells how many there
    /// were. What does not begin a handshake is no command either.
    Secure(Then<Secured>),
    /// Put the data connection into TLS, as its server; 150 is sent before. (TLS)
    ///
    /// The direction is told because a peer that only sends must not be given session tickets: it would close with
    /// them unread, and the reset takes the end of its upload along. ABOR may end it, as it may end a Move.
    Protect(Direction, Then<Result<Handshake, NoHandshake>>),
    /// End TLS on the control connection with the end mark of both sides, after all that was said is sent; `false`
    /// when the peer's mark did not come. (TLS)
    Clear(Then<bool>),
    /// Give the file that was opened last its configured owner. (monitor)
    ChangeOwner(Then<bool>),
    /// Move octets between the file that was opened last and the data connection. (pump)
    Move(Move, Then<Moved>),
    /// Read the listing that was opened last into memory, at most this many octets. (pump)
    Collect(usize, Then<Vec<u8>>),
    /// Wait for the end of the task that was begun last; `None` when ABOR, or the peer's going, broke it off. (broker)
    Attend(Then<Option<Finished>>),
}

/// Why a task did not end well.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Trouble {
    /// It could not be begun, or not be done whole.
    Failed(Failure),
    /// ABOR came first, or the control connection went away.
    Aborted,
}

/// A login attempt.
pub struct Attempt {
    /// The name as typed.
    pub name: Vec<u8>,
    /// The password as typed; `None` asks whether the certificate that the peer has shown will do without one.
    pub password: Option<Secret>,
}

/// The answer to a login attempt.
pub enum Verdict {
    /// Come in.
    Granted(Grant),
    /// No.
    Refused,
    /// Not without a password.
    NeedsPassword,
    /// The site is broken for this user; `500 OOPS:` with this text, then the end.
    Oops(Vec<u8>),
}

/// What a login brings.
pub struct Grant {
    /// The name for logs and STAT.
    pub user: Vec<u8>,
    /// Which rights hold.
    pub class: Class,
    /// Where the session begins.
    pub start: VirtualPath,
    /// The rules with the user's own configuration over them.
    pub policy: Arc<Policy>,
}

/// Where the peer may connect to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Expected {
    /// The port.
    pub port: u16,
    /// Other sessions of the same peer expect connections there too: see [`Route::Shared`].
    pub is_shared: bool,
}

/// How the data connection comes about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Route {
    /// The peer connects to the expected port.
    Passive,
    /// The peer connects to a port that others of its address share, and is known by the TLS session it resumes. Clients
    /// begin TLS when they have read 150, so that goes before the connection is there.
    Shared,
    /// We connect to the peer.
    Active(SocketAddr),
}

/// Why there is no data connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NoConnection {
    /// Nobody came in time, or for a reason that says nothing to anybody.
    Failed,
    /// The peer's own side refused the connection.
    Refused,
    /// No way leads to the address.
    Unreachable,
    /// The peer's own side did not answer in time.
    NoAnswer,
    /// ABOR came first.
    Aborted,
}

/// How the control connection came into TLS, or did not.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Secured {
    /// How many octets stood in clear behind AUTH and were dropped.
    pub dropped: usize,
    /// What came of the handshake.
    pub handshake: Result<Handshake, NoHandshake>,
}

/// What was agreed on in a handshake.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Handshake {
    /// As the logs write it: `TLSv1.3`.
    pub version: &'static str,
    /// The suite's name.
    pub suite: &'static str,
    /// Whether it continues an earlier TLS session.
    pub resumed: bool,
    /// The subject of the peer's certificate, if it showed one.
    pub subject: Option<Vec<u8>>,
}

/// Why there is no TLS.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum NoHandshake {
    /// The peer offers no version that the site permits.
    OldVersions,
    /// The data connection does not continue the control connection's TLS session, as `require_ssl_reuse` demands.
    NotResumed,
    /// Anything else, in words for the log: a certificate that is missing or another's, an alert, no TLS at all.
    Failed(String),
    /// ABOR came first, or the control connection went away.
    Aborted,
}

/// A transfer over the data connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Move {
    /// How the names of a listing are told; no other octets are changed by it.
    pub names: Translation,
    /// Which way.
    pub direction: Direction,
    /// Whether line ends are converted (RFC 959 §3.1.1.1).
    pub ascii: bool,
    /// Where in the file it begins (RFC 3659 §5).
    pub at: u64,
    /// The file is cut here before octets arrive (STOR without REST: 0).
    pub truncate: Option<u64>,
    /// Octets per second, 0 for no limit.
    pub rate: u64,
    /// How many octets the file has, when known: how far along is told by STAT.
    pub size: Option<u64>,
}

/// Which way octets go, seen from the server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Direction {
    /// From a file or listing to the peer.
    Download,
    /// From the peer to a file.
    Upload,
}

/// How a transfer ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Moved {
    /// File octets moved, whether it ended well or not.
    pub octets: u64,
    /// How long it took.
    pub took: Duration,
    /// How it ended.
    pub outcome: Outcome,
}

/// The ways a transfer can end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// Every octet arrived.
    Complete,
    /// The data connection broke.
    NetworkFailed,
    /// All went well until the data connection ended without TLS's end mark (close_notify), so that nobody knows
    /// whether it is all. The machine judges by the site's rules whether that matters.
    NoEndMark,
    /// Reading or writing the file failed.
    FileFailed(Failure),
    /// No octet moved for `data_connection_timeout`.
    Stalled,
    /// ABOR, or the control connection went away.
    Aborted,
}

impl Ask {
    /// Asks whether a directory can be entered.
    pub fn enter(
        path: VirtualPath,
        then: impl FnOnce(&mut Session, Result<Entered, Failure>) -> Step + 'static,
    ) -> Step {
        Self::store(
            Request::Enter(path),
            |answer| match answer {
                Answer::Entered(entered) => Some(entered),
                _ => None,
            },
            then,
        )
    }

    /// Asks what something is; links are followed.
    pub fn look(
        path: VirtualPath,
        then: impl FnOnce(&mut Session, Result<Looked, Failure>) -> Step + 'static,
    ) -> Step {
        Self::store(
            Request::Look { path, follow: true },
            |answer| match answer {
                Answer::Looked(looked) => Some(looked),
                _ => None,
            },
            then,
        )
    }

    /// Asks for a file to read; its size is the answer.
    pub fn open_read(
        path: VirtualPath,
        then: impl FnOnce(&mut Session, Result<u64, Failure>) -> Step + 'static,
    ) -> Step {
        Self::store(
            Request::OpenRead(path),
            |answer| match answer {
                Answer::Opened { size } => Some(size),
                _ => None,
            },
            then,
        )
    }

    /// Asks for a file to write.
    pub fn open_write(
        path: VirtualPath,
        writing: Writing,
        umask: u32,
        then: impl FnOnce(&mut Session, Result<OpenedForWriting, Failure>) -> Step + 'static,
    ) -> Step {
        Self::store(
            Request::OpenWrite { path, writing, umask },
            |answer| match answer {
                Answer::OpenedForWriting(opened) => Some(opened),
                _ => None,
            },
            then,
        )
    }

    /// Tells how an upload ended.
    pub fn finish(
        fate: Fate,
        then: impl FnOnce(&mut Session, Result<(), Failure>) -> Step + 'static,
    ) -> Step {
        Self::store(Request::Finish(fate), done, then)
    }

    /// Asks for a listing; whether the directory could be opened is the answer.
    pub fn list(
        list: List,
        then: impl FnOnce(&mut Session, Result<bool, Failure>) -> Step + 'static,
    ) -> Step {
        Self::store(
            Request::List(list),
            |answer| match answer {
                Answer::Listing { opened } => Some(opened),
                _ => None,
            },
            then,
        )
    }

    /// Asks where a user's home directory is; `None` when the session's storage knows no such user.
    pub fn home(
        name: Vec<u8>,
        then: impl FnOnce(&mut Session, Result<Option<VirtualPath>, Failure>) -> Step + 'static,
    ) -> Step {
        Self::store(
            Request::Home { name },
            |answer| match answer {
                Answer::Home(home) => Some(home),
                _ => None,
            },
            then,
        )
    }

    /// Asks how much may still be stored at a path.
    pub fn room(
        path: VirtualPath,
        then: impl FnOnce(&mut Session, Result<u64, Failure>) -> Step + 'static,
    ) -> Step {
        Self::store(
            Request::Room(path),
            |answer| match answer {
                Answer::Room(octets) => Some(octets),
                _ => None,
            },
            then,
        )
    }

    /// Asks for a part of a file to read; the part's size is the answer.
    pub fn open_part(
        path: VirtualPath,
        part: Part,
        then: impl FnOnce(&mut Session, Result<u64, Failure>) -> Step + 'static,
    ) -> Step {
        Self::store(
            Request::OpenPart(path, part),
            |answer| match answer {
                Answer::Opened { size } => Some(size),
                _ => None,
            },
            then,
        )
    }

    /// Has a task done, and goes on when it is over. Meanwhile ABOR ends it.
    pub fn work(
        task: Task,
        then: impl FnOnce(&mut Session, Result<Finished, Trouble>) -> Step + 'static,
    ) -> Step {
        let begun = |answer| matches!(answer, Answer::Begun).then_some(());
        Self::store(Request::Begin(task), begun, |session, begun| {
            if let Err(failure) = begun {
                return then(session, Err(Trouble::Failed(failure)));
            }
            Step::Ask(Self::Attend(Box::new(|session, finished| {
                let ended = match finished {
                    Some(Finished::Failed(failure)) => Err(Trouble::Failed(failure)),
                    Some(finished) => Ok(finished),
                    None => Err(Trouble::Aborted),
                };
                then(session, ended)
            })))
        })
    }

    /// Asks for a change to the tree.
    pub fn change(
        change: Change,
        then: impl FnOnce(&mut Session, Result<(), Failure>) -> Step + 'static,
    ) -> Step {
        Self::store(Request::Change(change), done, then)
    }

    fn store<T: 'static>(
        request: Request,
        expected: fn(Answer) -> Option<T>,
        then: impl FnOnce(&mut Session, Result<T, Failure>) -> Step + 'static,
    ) -> Step {
        Step::Ask(Self::Store(
            request,
            Box::new(move |session, answer| {
                match answer {
                    // The verb records what it has to; the reply is that of a forbidden name that was typed.
                    Answer::Refused(Failure::Forbidden) => match then(session, Err(Failure::Forbidden)) {
                        Step::Reply(_) => Step::Reply(Reply::PermissionDenied),
                        step => step,
                    },
                    Answer::Refused(failure) => then(session, Err(failure)),
                    // A broker that answers something else is broken, and that is what the peer is told.
                    other => {
                        let answer = expected(other).ok_or(Failure::Broken);
                        then(session, answer)
                    }
                }
            }),
        ))
    }
}

#[expect(clippy::needless_pass_by_value, reason = "it stands beside functions that take the answer apart")]
fn done(answer: Answer) -> Option<()> {
    matches!(answer, Answer::Done).then_some(())
}
