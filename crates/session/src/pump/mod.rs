//! The data transfer process: octets between a file or listing and the data connection.
//!
//! | small files | [`small`]: sent whole, without waiting |
//! | octets that nothing changes | [`image`] out, [`receive`] in: spliced through a pooled pipe, never copied by us |
//! | lines that change, and sources that cannot be spliced | [`copy`] |
//! | what TLS changes | [`secure`] |
//! | what MODE Z compresses | [`deflate`] |
//! | names in other charsets | [`charset`] |
//! | not faster than | [`rate`] |
//! | not at the cost of others | [`turns`] |
//!
//! A transfer is a future; dropping it ends it. What it moved so far stands in its progress.

mod buffers;
mod charset;
mod copy;
mod deflate;
mod image;
mod line_ends;
mod pipes;
mod rate;
mod receive;
mod secure;
mod small;
mod turns;

use std::cell::Cell;
use std::io;
use std::os::fd::OwnedFd;
use std::sync::Arc;
use std::time::Duration;

use rustix::io::Errno;
use tokio::io::unix::AsyncFd;
use wharf_proto::failure::Failure;
use wharf_proto::ftp::server::ask::{Direction, Move, Outcome};

pub(crate) use buffers::Buffers;
pub(crate) use charset::translated;
pub(crate) use deflate::run_deflated;
pub(crate) use pipes::Pipes;
pub(crate) use secure::{Secure, send_small_secure};
pub(crate) use small::{Attempt, send_small};
pub(crate) use turns::Turns;

use crate::pool::Pool;
use crate::watch::watch;
use rate::Rate;
use turns::Turn;

/// What a transfer reads from or writes to.
#[derive(Debug, Clone)]
pub(crate) enum Source {
    /// A regular file.
    File(Arc<OwnedFd>),
    /// The reading end of a pipe that a broker fills.
    Listing(Arc<OwnedFd>),
}

/// The data connection.
pub(crate) enum Connection {
    /// As TCP has it.
    Clear(OwnedFd),
    /// In TLS.
    Secure(Box<Secure>),
}

/// What a worker lends to its transfers.
pub(crate) struct Tools {
    /// Whose turn it is.
    pub(crate) turns: Turns,
    /// Pipes that are empty and ready.
    pub(crate) pipes: Pipes,
    /// Rooms for records of TLS.
    pub(crate) buffers: Buffers,
    /// Threads that may wait for a disk.
    pub(crate) pool: Pool,
}

/// How much more an octet costs that is copied, converted or encrypted than one that is only passed on.
const COPIED: usize = 4;

/// Moves octets until the source ends or something breaks; `progress` counts the file's octets as they go.
pub(crate) async fn run(
    tools: &Tools,
    wish: Move,
    source: Source,
    connection: Connection,
    stall: Option<Duration>,
    progress: &Cell<u64>,
) -> Outcome {
    let is_passed_on =
        wish.direction == Direction::Download && !wish.ascii && matches!(connection, Connection::Clear(_));
    let turn = tools.turns.begin(if is_passed_on { 1 } else { COPIED });
    let transfer = Transfer { tools, stall, progress, rate: Rate::new(wish.rate), turn };
    let moved = match connection {
        Connection::Clear(connection) => transfer.move_clear(source, wish, connection).await,
        Connection::Secure(secure) => Box::pin(transfer.move_secure(source, wish, *secure)).await,
    };
    match moved {
        Ok(()) => Outcome::Complete,
        Err(outcome) => outcome,
    }
}

/// One transfer under way.
struct Transfer<'a> {
    tools: &'a Tools,
    stall: Option<Duration>,
    progress: &'a Cell<u64>,
    rate: Rate,
    turn: Turn<'a>,
}

type Result<T> = std::result::Result<T, Outcome>;

impl Transfer<'_> {
    async fn move_clear(&self, source: Source, wish: Move, connection: OwnedFd) -> Result<()> {
        match (wish.direction, source) {
            (Direction::Download, Source::Listing(pipe)) => self.send_pipe(&pipe, connection).await,
            (Direction::Download, Source::File(file)) if wish.ascii => {
                self.send_lines(file, wish.at, connection).await
            }
            (Direction::Download, Source::File(file)) => self.send_file(file, wish.at, connection).await,
            (Direction::Upload, Source::File(file)) => self.receive(file, wish, connection).await,
            // No machine asks for this: a listing is never written to.
            (Direction::Upload, Source::Listing(_)) => Err(Outcome::FileFailed(Failure::WrongKind)),
        }
    }

    fn count(&self, octets: usize) {
        self.progress.set(self.progress.get() + octets as u64);
    }

    /// Waits until this transfer may go on, and tells with how much: others have their turns, and there may be a limit.
    async fn grant(&self, most: usize) -> usize {
        let permitted = self.rate.grant(most).await;
        self.turn.next(permitted).await
    }

    /// Waits for a step of the data connection, but not longer than `data_connection_timeout`.
    async fn in_time<T>(&self, step: impl Future<Output = io::Result<T>>) -> Result<T> {
        let done = match self.stall {
            None => step.await,
            Some(limit) => tokio::time::timeout(limit, step).await.map_err(|_| Outcome::Stalled)?,
        };
        done.map_err(|_| Outcome::NetworkFailed)
    }

    async fn receive(&self, file: Arc<OwnedFd>, wish: Move, connection: OwnedFd) -> Result<()> {
        if let Some(length) = wish.truncate {
            rustix::fs::ftruncate(&*file, length).map_err(file_failed)?;
        }
        let connection = readable(connection)?;
        if wish.ascii {
            self.receive_lines(&file, wish.at, &connection).await
        } else {
            self.receive_file(&file, wish.at, &connection).await
        }
    }
}

fn readable(connection: OwnedFd) -> Result<AsyncFd<OwnedFd>> {
    watch(connection, tokio::io::Interest::READABLE).map_err(|_| Outcome::NetworkFailed)
}

fn writable(connection: OwnedFd) -> Result<AsyncFd<OwnedFd>> {
    watch(connection, tokio::io::Interest::WRITABLE).map_err(|_| Outcome::NetworkFailed)
}

fn file_failed(errno: Errno) -> Outcome {
    Outcome::FileFailed(match errno {
        Errno::NOSPC | Errno::DQUOT | Errno::FBIG => Failure::NoSpace,
        Errno::ACCESS | Errno::PERM | Errno::ROFS => Failure::Denied,
        _ => Failure::Broken,
    })
}

fn file_error(error: &io::Error) -> Outcome {
    file_failed(Errno::from_io_error(error).unwrap_or(Errno::IO))
}

#[cfg(test)]
mod tests;
