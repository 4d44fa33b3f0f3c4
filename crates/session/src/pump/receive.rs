//! Octets that nothing changes on their way in: socket → pipe → file, all inside the kernel.
//!
//! As on the way out, a pipe is borrowed for one piece. A file in memory is written at once, one on a disk by a thread
//! that may wait for it.

use std::io;
use std::os::fd::OwnedFd;
use std::sync::Arc;

use tokio::io::Interest;
use tokio::io::unix::AsyncFd;
use wharf_os::pump::{Medium, Moved, Pipe, splice_in, splice_out};
use wharf_proto::ftp::server::ask::Outcome;

use super::image::{cannot_splice, ready};
use super::turns::PIECE;
use super::{Result, Transfer, file_error};

/// Pieces of this size or more are written to a disk by a thread that may wait for it.
const MAY_SLEEP: usize = 512 * 1024;

impl Transfer<'_> {
    /// Receives octets into a file from `position` on, until the peer ends.
    pub(super) async fn receive_file(
        &self,
        file: &Arc<OwnedFd>,
        mut position: u64,
        connection: &AsyncFd<OwnedFd>,
    ) -> Result<()> {
        let medium = Medium::of(file);
        loop {
            // Neither a turn nor a pipe is taken before there is something to move.
            self.in_time(async { connection.readable().await.map(drop) }).await?;
            let granted = self.grant(PIECE).await;
            let Ok(pipe) = self.tools.pipes.borrow() else {
                return self.receive_copied(file, position, connection).await;
            };
            let wanted = granted.min(pipe.capacity);
            let attempt = connection
                .try_io(Interest::READABLE, |connection| ready(splice_in(connection, None, &pipe, wanted)));
            let moved = attempt.as_ref().map_or(0, |moved| *moved);
            self.turn.give_back(granted.saturating_sub(moved));
            let pipe = match attempt {
                Ok(0) => {
                    self.tools.pipes.give_back(pipe);
                    return Ok(());
                }
                Ok(octets) => {
                    let pipe = self.store(file, medium, &mut position, pipe, octets).await?;
                    self.count(octets);
                    self.rate.spend(octets);
                    pipe
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => pipe,
                Err(_) => return Err(Outcome::NetworkFailed),
            };
            self.tools.pipes.give_back(pipe);
        }
    }

    /// Moves all `octets` of the pipe into the file.
    async fn store(
        &self,
        file: &Arc<OwnedFd>,
        medium: Medium,
        position: &mut u64,
        pipe: Pipe,
        octets: usize,
    ) -> Result<Pipe> {
        if medium == Medium::Memory || octets < MAY_SLEEP {
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
