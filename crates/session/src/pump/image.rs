//! Octets that nothing changes: file → pipe → socket, and socket → pipe → file, all inside the kernel.

use std::io;
use std::os::fd::OwnedFd;
use std::sync::Arc;

use rustix::io::Errno;
use tokio::io::Interest;
use tokio::io::unix::AsyncFd;
use wharf_os::pump::{Cached, Drained, Moved, Pipe, cached, drain, sendfile, splice_in, splice_out};
use wharf_proto::ftp::server::ask::Outcome;

use super::{Result, Transfer, file_error, writable};
use crate::watch::watch;

/// Files up to this size are tried with one `sendfile` before the event loop hears of the connection: the socket's
/// buffer takes them whole, and most files are small.
const AT_ONCE: usize = 64 * 1024;

/// What one `sendfile` is asked for where there is no pipe of ours: enough calls to be fair to other sessions.
const HIDDEN_PIPE: usize = 256 * 1024;

/// Pieces of this size or more are written to the file by a thread that may wait for the disk.
const MAY_SLEEP: usize = 512 * 1024;

impl Transfer<'_> {
    /// Sends a file from `position` to its end.
    pub(super) async fn send_file(
        &self,
        file: Arc<OwnedFd>,
        mut position: u64,
        connection: OwnedFd,
    ) -> Result<()> {
        if self.rate.is_free() && self.send_at_once(&file, &mut position, &connection)? {
            return Ok(());
        }
        let connection = writable(connection)?;
        let Ok(mut pipe) = self.tools.pipes.borrow(self.turn.fair()) else {
            return self.send_without_pipe(&file, position, &connection).await;
        };
        loop {
            let wanted = self.grant(pipe.capacity).await;
            let (filled, returned) = self.fill(&file, &mut position, pipe, wanted).await;
            pipe = returned.ok_or(Outcome::FileFailed(wharf_proto::failure::Failure::TooMany))?;
            match filled {
                Ok(Moved::Octets(octets)) => {
                    self.empty_into(&pipe, &connection, octets).await?;
                    self.rate.spend(octets);
                }
                Ok(Moved::End | Moved::WouldBlock) => break,
                // Some file systems cannot splice; /proc is the one people meet.
                Err(error) if cannot_splice(&error) => {
                    self.tools.pipes.give_back(pipe);
                    return self.send_copied(&file, position, &connection).await;
                }
                Err(error) => return Err(file_error(&error)),
            }
        }
        self.tools.pipes.give_back(pipe);
        Ok(())
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

    /// Sends a file when no pipe is to be had: the kernel's own hidden one is smaller, and always there.
    async fn send_without_pipe(
        &self,
        file: &OwnedFd,
        mut position: u64,
        connection: &AsyncFd<OwnedFd>,
    ) -> Result<()> {
        loop {
            let wanted = self.grant(HIDDEN_PIPE).await;
            let step = connection.async_io(Interest::WRITABLE, |connection| {
                ready(sendfile(connection, file, &mut position, wanted))
            });
            let sent = self.in_time(step).await?;
            if sent == 0 {
                return Ok(());
            }
            self.count(sent);
            self.rate.spend(sent);
        }
    }

    /// Tries to send a small file in one call; true when all of it went.
    fn send_at_once(&self, file: &OwnedFd, position: &mut u64, connection: &OwnedFd) -> Result<bool> {
        if cached(file, *position) != Cached::Yes {
            return Ok(false);
        }
        let mut sent = 0;
        while sent < AT_ONCE {
            match sendfile(connection, file, position, AT_ONCE - sent) {
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

    /// Fills an empty pipe from the file, on a thread of its own when that would wait for the disk.
    async fn fill(
        &self,
        file: &Arc<OwnedFd>,
        position: &mut u64,
        pipe: Pipe,
        wanted: usize,
    ) -> (io::Result<Moved>, Option<Pipe>) {
        if cached(file, *position) == Cached::Yes {
            return (splice_in(file, Some(position), &pipe, wanted), Some(pipe));
        }
        let (file, mut at) = (Arc::clone(file), *position);
        let work = move || {
            let filled = splice_in(&file, Some(&mut at), &pipe, wanted);
            (filled, pipe, at)
        };
        match self.tools.pool.run(work).await {
            Some((filled, pipe, at)) => {
                *position = at;
                (filled, Some(pipe))
            }
            None => (Ok(Moved::End), None),
        }
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

    /// Receives octets into a file from `position` on, until the peer ends.
    pub(super) async fn receive_file(
        &self,
        file: &Arc<OwnedFd>,
        mut position: u64,
        connection: &AsyncFd<OwnedFd>,
    ) -> Result<()> {
        let Ok(mut pipe) = self.tools.pipes.borrow(self.turn.fair()) else {
            return self.receive_copied(file, position, connection).await;
        };
        loop {
            let wanted = self.grant(pipe.capacity).await;
            let step = connection
                .async_io(Interest::READABLE, |connection| ready(splice_in(connection, None, &pipe, wanted)));
            let octets = self.in_time(step).await?;
            if octets == 0 {
                break;
            }
            pipe = self.store(file, &mut position, pipe, octets).await?;
            self.count(octets);
            self.rate.spend(octets);
        }
        self.tools.pipes.give_back(pipe);
        Ok(())
    }

    /// Moves all `octets` of the pipe into the file.
    async fn store(
        &self,
        file: &Arc<OwnedFd>,
        position: &mut u64,
        pipe: Pipe,
        octets: usize,
    ) -> Result<Pipe> {
        if octets < MAY_SLEEP {
            empty_into_file(&pipe, file, position, octets).map_err(|error| file_error(&error))?;
            return Ok(pipe);
        }
        let (file, mut at) = (Arc::clone(file), *position);
        let work = move || {
            let stored = empty_into_file(&pipe, &file, &mut at, octets);
            (stored, pipe, at)
        };
        let Some((stored, pipe, at)) = self.tools.pool.run(work).await else {
            return Err(Outcome::FileFailed(wharf_proto::failure::Failure::TooMany));
        };
        stored.map_err(|error| file_error(&error))?;
        *position = at;
        Ok(pipe)
    }
}

fn empty_into_file(pipe: &Pipe, file: &OwnedFd, position: &mut u64, octets: usize) -> io::Result<()> {
    let mut left = octets;
    while left > 0 {
        match splice_out(pipe, file, Some(position), left, false) {
            Ok(Moved::Octets(moved)) => left -= moved.min(left),
            Ok(Moved::End | Moved::WouldBlock) => return Err(io::ErrorKind::WriteZero.into()),
            Err(error) if cannot_splice(&error) => return copy_into_file(pipe, file, position, left),
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

/// As [`empty_into_file`] where the file system cannot splice.
fn copy_into_file(pipe: &Pipe, file: &OwnedFd, position: &mut u64, octets: usize) -> io::Result<()> {
    let mut buffer = [0; 16 * 1024];
    let mut left = octets;
    while left > 0 {
        let wanted = left.min(buffer.len());
        let read = rustix::io::read(&pipe.read, buffer.get_mut(..wanted).unwrap_or_default())?;
        let mut piece = buffer.get(..read).unwrap_or_default();
        left -= read.min(left);
        while !piece.is_empty() {
            let written = rustix::io::pwrite(file, piece, *position)?;
            if written == 0 {
                return Err(io::ErrorKind::WriteZero.into());
            }
            *position += written as u64;
            piece = piece.get(written..).unwrap_or_default();
        }
    }
    Ok(())
}

/// Turns the pump's words into those of the event loop; the end is zero octets.
fn ready(moved: io::Result<Moved>) -> io::Result<usize> {
    match moved? {
        Moved::Octets(octets) => Ok(octets),
        Moved::End => Ok(0),
        Moved::WouldBlock => Err(io::ErrorKind::WouldBlock.into()),
    }
}

fn cannot_splice(error: &io::Error) -> bool {
    matches!(Errno::from_io_error(error), Some(Errno::INVAL | Errno::OPNOTSUPP | Errno::NOSYS))
}

/// `sendfile` does not say whose fault it was; these are never the network's.
fn is_file_error(error: &io::Error) -> bool {
    matches!(Errno::from_io_error(error), Some(Errno::IO | Errno::ISDIR | Errno::BADF | Errno::STALE))
}
