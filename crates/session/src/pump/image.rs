//! Octets that nothing changes on their way out: file → pipe → socket, all inside the kernel.
//!
//! A pipe is borrowed for one piece: what the connection has room for is put into it and goes on at once.

use std::io;
use std::os::fd::OwnedFd;
use std::sync::Arc;

use rustix::io::Errno;
use tokio::io::Interest;
use tokio::io::unix::AsyncFd;
use wharf_os::pump::{
    Drained, Medium, Moved, Pipe, all_cached, drain, is_writable, room, sendfile, splice_in, splice_out,
};
use wharf_proto::ftp::server::ask::Outcome;

use super::turns::PIECE;
use super::{Result, Transfer, file_error, file_failed, writable};
use crate::watch::watch;

/// Files up to this size are tried with one `sendfile` before the event loop hears of the connection: the socket's
/// buffer takes them whole, and most files are small.
const AT_ONCE: usize = 64 * 1024;

/// What one `sendfile` is asked for where there is no pipe of ours: enough calls to be fair to other sessions.
const HIDDEN_PIPE: usize = 256 * 1024;

/// A connection that has room for so much is not waited for; one with less is left until the kernel calls it writable,
/// when a third of its buffer is free, so that pieces are few and large.
const WORTH_A_TRIP: usize = 512 * 1024;

/// A page, which pieces of files are whole numbers of.
const PAGE: usize = 4096;

/// Where reading had to wait for a disk it is left to threads that may, for so much of the file without asking again.
///
/// Not for more: what has been read ahead meanwhile would wait behind others' reads for nothing.
const NEIGHBOURHOOD: u64 = 2 * 1024 * 1024;

/// A file being sent.
struct Reading<'a> {
    file: &'a Arc<OwnedFd>,
    /// Where its next octet is.
    position: u64,
    medium: Medium,
    /// Up to here it is taken for granted that a read waits.
    slow_until: u64,
}

impl<'a> Reading<'a> {
    fn new(file: &'a Arc<OwnedFd>, position: u64) -> Self {
        Self { file, position, medium: Medium::of(file), slow_until: 0 }
    }

    /// Tells whether the next octets can be had without waiting.
    ///
    /// Asking makes the kernel fetch them, and when its queue is full that waits too: so it is not asked often.
    fn is_quick(&mut self, wanted: usize) -> bool {
        if self.medium == Medium::Memory {
            return true;
        }
        if self.position < self.slow_until {
            return false;
        }
        let is_quick = all_cached(self.file, self.position, wanted);
        if !is_quick {
            self.slow_until = self.position.saturating_add(NEIGHBOURHOOD);
        }
        is_quick
    }
}

/// What came of one piece of a file.
enum Sent {
    /// So many octets went.
    Octets(usize),
    /// The file has ended.
    End,
    /// The file system cannot splice; /proc is the one people meet.
    Unspliceable,
}

impl Transfer<'_> {
    /// Sends a file from `position` to its end.
    pub(super) async fn send_file(
        &self,
        file: Arc<OwnedFd>,
        position: u64,
        connection: OwnedFd,
    ) -> Result<()> {
        let mut reading = Reading::new(&file, position);
        if self.rate.is_free() && self.send_at_once(&mut reading, &connection)? {
            return Ok(());
        }
        let connection = writable(connection)?;
        loop {
            // Few may each keep a pipe that is full when the connection has room again: it saves them a wait.
            let room = if self.turn.are_few() { PIECE } else { self.room(&connection).await? };
            let wanted = self.grant(room).await;
            match self.send_piece(&mut reading, &connection, wanted).await? {
                Sent::Octets(octets) => self.rate.spend(octets),
                Sent::End => return Ok(()),
                Sent::Unspliceable => return self.send_copied(&file, reading.position, &connection).await,
            }
        }
    }

    /// Waits until the connection has room, and tells how much.
    ///
    /// What is put into a pipe then goes out at once, so that one pipe serves all transfers of a worker.
    pub(super) async fn room(&self, connection: &AsyncFd<OwnedFd>) -> Result<usize> {
        if let Some(room) = room(connection).filter(|room| *room >= WORTH_A_TRIP) {
            return Ok(room & !(PAGE - 1));
        }
        let step = connection.async_io(Interest::WRITABLE, |connection| {
            if is_writable(connection)? { Ok(()) } else { Err(io::ErrorKind::WouldBlock.into()) }
        });
        self.in_time(step).await?;
        Ok(room(connection).unwrap_or(HIDDEN_PIPE).max(PAGE) & !(PAGE - 1))
    }

    /// Sends up to `wanted` octets.
    async fn send_piece(
        &self,
        reading: &mut Reading<'_>,
        connection: &AsyncFd<OwnedFd>,
        wanted: usize,
    ) -> Result<Sent> {
        let is_quick = reading.is_quick(wanted);
        let (filled, pipe) = match self.tools.pipes.borrow() {
            Ok(pipe) if is_quick => {
                let wanted = wanted.min(pipe.capacity);
                (splice_in(reading.file, Some(&mut reading.position), &pipe, wanted), pipe)
            }
            Ok(pipe) => self.fill_slowly(reading, pipe, wanted).await?,
            Err(_) if is_quick => return self.send_without_pipe(reading, connection, wanted).await,
            Err(_) => return self.send_copy(reading, connection, wanted).await,
        };
        let sent = match filled {
            Ok(Moved::Octets(octets)) => {
                self.empty_into(&pipe, connection, octets).await?;
                Sent::Octets(octets)
            }
            Ok(Moved::End) => Sent::End,
            // An empty pipe takes something: that nothing came says nothing about the file's end.
            Ok(Moved::WouldBlock) => return Err(file_failed(Errno::AGAIN)),
            Err(error) if cannot_splice(&error) => Sent::Unspliceable,
            Err(error) => return Err(file_error(&error)),
        };
        self.tools.pipes.give_back(pipe);
        Ok(sent)
    }

    /// Sends what a broker writes into a pipe; its pages go on as they are.
    pub(super) async fn send_pipe(&self, pipe: &Arc<OwnedFd>, connection: OwnedFd) -> Result<()> {
        let connection = writable(connection)?;
        let pipe = watch(Arc::clone(pipe), Interest::READABLE)
            .map_err(|_| Outcome::FileFailed(wharf_proto::failure::Failure::TooMany))?;
        loop {
            let wanted = self.grant(HIDDEN_PIPE).await;
            let step = pipe.async_io(Interest::READABLE, |pipe| match drain(pipe, &connection, wanted)? {
                Drained::Empty => Err(io::ErrorKind::WouldBlock.into()),
                drained => Ok(drained),
            });
            // How long the broker takes is the broker's matter; a peer that takes nothing has a time limit.
            let octets = match step.await.map_err(|_| Outcome::NetworkFailed)? {
                Drained::Octets(octets) => octets,
                Drained::End => return Ok(()),
                Drained::Full | Drained::Empty => {
                    let room = connection.async_io(Interest::WRITABLE, |connection| {
                        match drain(pipe.get_ref(), connection, wanted)? {
                            Drained::Octets(octets) => Ok(octets),
                            Drained::Full => Err(io::ErrorKind::WouldBlock.into()),
                            Drained::End | Drained::Empty => Ok(0),
                        }
                    });
                    self.in_time(room).await?
                }
            };
            self.count(octets);
            self.rate.spend(octets);
        }
    }

    /// Sends a piece when no pipe is to be had: the kernel's own hidden one is smaller, and always there.
    async fn send_without_pipe(
        &self,
        reading: &mut Reading<'_>,
        connection: &AsyncFd<OwnedFd>,
        wanted: usize,
    ) -> Result<Sent> {
        let wanted = wanted.min(HIDDEN_PIPE);
        let step = connection.async_io(Interest::WRITABLE, |connection| {
            ready(sendfile(connection, reading.file, &mut reading.position, wanted))
        });
        let sent = self.in_time(step).await?;
        self.count(sent);
        Ok(if sent == 0 { Sent::End } else { Sent::Octets(sent) })
    }

    /// Sends a piece that waits for the disk when no pipe is to be had.
    async fn send_copy(
        &self,
        reading: &mut Reading<'_>,
        connection: &AsyncFd<OwnedFd>,
        wanted: usize,
    ) -> Result<Sent> {
        let piece = self.read_slowly(reading.file, reading.position, wanted.min(HIDDEN_PIPE)).await?;
        if piece.is_empty() {
            return Ok(Sent::End);
        }
        self.write_all(connection, &piece).await?;
        reading.position += piece.len() as u64;
        self.count(piece.len());
        Ok(Sent::Octets(piece.len()))
    }

    /// Tries to send a small file in one call; true when all of it went.
    fn send_at_once(&self, reading: &mut Reading<'_>, connection: &OwnedFd) -> Result<bool> {
        if !reading.is_quick(AT_ONCE) {
            return Ok(false);
        }
        let mut sent = 0;
        while sent < AT_ONCE {
            match sendfile(connection, reading.file, &mut reading.position, AT_ONCE - sent) {
                Ok(Moved::Octets(octets)) => {
                    sent += octets;
                    self.count(octets);
                }
                Ok(Moved::End) => return Ok(true),
                Ok(Moved::WouldBlock) => return Ok(false),
                Err(error) if cannot_splice(&error) => return Ok(false),
                Err(error) if is_file_error(&error) => return Err(file_error(&error)),
                Err(_) => return Err(Outcome::NetworkFailed),
            }
        }
        Ok(false)
    }

    /// Fills an empty pipe from a file, on a thread that may wait for the disk.
    async fn fill_slowly(
        &self,
        reading: &mut Reading<'_>,
        pipe: Pipe,
        wanted: usize,
    ) -> Result<(io::Result<Moved>, Pipe)> {
        let (file, mut at) = (Arc::clone(reading.file), reading.position);
        let work = move || {
            let filled = splice_in(&file, Some(&mut at), &pipe, wanted.min(pipe.capacity));
            (filled, pipe, at)
        };
        let done = self.tools.pool.run(work).await;
        let (filled, pipe, at) = done.ok_or(Outcome::FileFailed(wharf_proto::failure::Failure::TooMany))?;
        reading.position = at;
        Ok((filled, pipe))
    }

    /// Moves all `octets` of the pipe into the connection.
    async fn empty_into(&self, pipe: &Pipe, connection: &AsyncFd<OwnedFd>, octets: usize) -> Result<()> {
        let mut left = octets;
        while left > 0 {
            let step = connection.async_io(Interest::WRITABLE, |connection| {
                ready(splice_out(pipe, connection, None, left, false))
            });
            let moved = self.in_time(step).await?;
            if moved == 0 {
                return Err(Outcome::NetworkFailed);
            }
            left -= moved.min(left);
            self.count(moved);
        }
        Ok(())
    }
}

/// Turns the pump's words into those of the event loop; the end is zero octets.
pub(super) fn ready(moved: io::Result<Moved>) -> io::Result<usize> {
    match moved? {
        Moved::Octets(octets) => Ok(octets),
        Moved::End => Ok(0),
        Moved::WouldBlock => Err(io::ErrorKind::WouldBlock.into()),
    }
}

pub(super) fn cannot_splice(error: &io::Error) -> bool {
    matches!(Errno::from_io_error(error), Some(Errno::INVAL | Errno::OPNOTSUPP | Errno::NOSYS))
}

/// `sendfile` does not say whose fault it was; these are never the network's.
fn is_file_error(error: &io::Error) -> bool {
    matches!(Errno::from_io_error(error), Some(Errno::IO | Errno::ISDIR | Errno::BADF | Errno::STALE))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn near_a_place_that_waits_nobody_asks_again_and_memory_never_waits() {
        let open = |path| Arc::new(OwnedFd::from(std::fs::File::open(path).unwrap()));
        // A file system that cannot tell.
        let file = open("/proc/version");
        let mut reading = Reading::new(&file, 5);
        assert!(!reading.is_quick(1));
        assert_eq!(reading.slow_until, 5 + NEIGHBOURHOOD);
        let memory = rustix::fs::memfd_create("x", rustix::fs::MemfdFlags::CLOEXEC).unwrap();
        let memory = Arc::new(memory);
        let mut reading = Reading::new(&memory, 1 << 40);
        assert!(reading.is_quick(1 << 20));
        assert_eq!(reading.slow_until, 0);
    }
}
