//! From a file or a listing into records.

use std::io::{self, IoSliceMut};
use std::os::fd::OwnedFd;
use std::sync::Arc;

use rustix::io::retry_on_intr;
use rustix::net::SendFlags;
use tokio::io::Interest;
use wharf_os::pump::{Medium, all_cached};
use wharf_proto::failure::Failure;
use wharf_proto::ftp::server::ask::{Move, Outcome};
use wharf_transport::Frame;

use super::Secure;
use crate::pump::buffers::PIECE;
use crate::pump::line_ends::Outward;
use crate::pump::{Result, Transfer, file_error};
use crate::watch::watch;

/// What is asked of a listing's pipe at once: as much as such a pipe holds.
const LISTING_PIECE: usize = 64 * 1024;

/// A batch of records on its way out.
struct Batch {
    room: Vec<u8>,
    /// How its records lie in the room.
    frame: Frame,
}

impl Transfer<'_> {
    pub(super) async fn send_file_secure(
        &self,
        file: &Arc<OwnedFd>,
        wish: Move,
        secure: &mut Secure,
    ) -> Result<()> {
        let frame = secure.stream.frame().ok_or(Outcome::NetworkFailed)?;
        let mut position = wish.at;
        loop {
            // As much as the connection takes: a transfer that waits for its peer holds no room of records.
            let taken = self.room(&secure.socket).await?;
            let wanted = whole_records(self.grant(taken.min(PIECE)).await);
            let mut batch = Batch { room: self.tools.buffers.borrow(), frame };
            let read = self.fill_places(file, position, wanted, &mut batch).await?;
            position += read as u64;
            // A short read is the end nearly always; then the end mark travels with the last octets.
            let is_last = read < wanted && is_end(file, position);
            if read > 0 {
                self.send_batch(secure, &mut batch, read, is_last).await?;
            }
            self.tools.buffers.give_back(batch.room);
            self.count(read);
            self.rate.spend(read);
            if is_last {
                return Ok(());
            }
        }
    }

    /// Reads from a file into the places of a batch, on a thread of its own when that would wait for the disk.
    async fn fill_places(
        &self,
        file: &Arc<OwnedFd>,
        position: u64,
        wanted: usize,
        batch: &mut Batch,
    ) -> Result<usize> {
        let frame = batch.frame;
        if Medium::of(file) == Medium::Memory || all_cached(file, position, wanted) {
            let read = read_places(file, position, wanted, frame, &mut batch.room);
            return read.map_err(|error| file_error(&error));
        }
        let (file, mut room) = (Arc::clone(file), std::mem::take(&mut batch.room));
        let work = move || {
            let read = read_places(&file, position, wanted, frame, &mut room);
            (read, room)
        };
        let done = self.tools.pool.run(work).await;
        let (read, room) = done.ok_or(Outcome::FileFailed(Failure::TooMany))?;
        batch.room = room;
        read.map_err(|error| file_error(&error))
    }

    pub(super) async fn send_lines_secure(
        &self,
        file: &Arc<OwnedFd>,
        wish: Move,
        secure: &mut Secure,
    ) -> Result<()> {
        let (mut position, mut conversion, mut wire) = (wish.at, Outward::default(), Vec::new());
        loop {
            let wanted = self.grant(PIECE).await;
            let piece = self.read_piece(file, position, wanted).await?;
            if piece.is_empty() {
                return Ok(());
            }
            position += piece.len() as u64;
            wire.clear();
            conversion.convert(&piece, &mut wire);
            self.write_secure(secure, &wire).await?;
            self.count(piece.len());
            self.rate.spend(piece.len());
        }
    }

    pub(super) async fn send_pipe_secure(&self, pipe: &Arc<OwnedFd>, secure: &mut Secure) -> Result<()> {
        let frame = secure.stream.frame().ok_or(Outcome::NetworkFailed)?;
        let mut batch = Batch { room: self.tools.buffers.borrow(), frame };
        let pipe =
            watch(Arc::clone(pipe), Interest::READABLE).map_err(|_| Outcome::FileFailed(Failure::TooMany))?;
        loop {
            let wanted = self.grant(LISTING_PIECE).await;
            let room = &mut batch.room;
            let step = pipe.async_io(Interest::READABLE, |pipe| {
                let mut places = places(frame, room, wanted);
                Ok(rustix::io::readv(pipe, &mut places)?)
            });
            let read = step.await.map_err(|error| file_error(&error))?;
            if read == 0 {
                self.tools.buffers.give_back(batch.room);
                return Ok(());
            }
            self.send_batch(secure, &mut batch, read, false).await?;
            self.count(read);
            self.rate.spend(read);
        }
    }

    /// Seals so much plaintext in its places and sends it; with the last of it goes the end mark.
    async fn send_batch(
        &self,
        secure: &mut Secure,
        batch: &mut Batch,
        plaintext: usize,
        is_last: bool,
    ) -> Result<()> {
        let sealed = secure.stream.seal(&mut batch.room, plaintext).map_err(|_| Outcome::NetworkFailed)?;
        // Tickets, and what else the protocol has to say.
        let first = secure.stream.output();
        let mut end = sealed;
        let mut flags = SendFlags::NOSIGNAL;
        if is_last {
            secure.stream.close();
            let mark = secure.stream.output();
            if let Some(room) = batch.room.get_mut(sealed..sealed + mark.len()) {
                room.copy_from_slice(&mark);
                end += mark.len();
            }
            // The last segment is held back for a moment, to take the end of the connection along.
            flags |= SendFlags::MORE;
        }
        let records = batch.room.get(..end).unwrap_or_default();
        self.send_both(&secure.socket, &first, records, flags).await
    }

    pub(in crate::pump) async fn write_secure(&self, secure: &mut Secure, plaintext: &[u8]) -> Result<()> {
        let mut left = plaintext;
        while !left.is_empty() {
            let taken = secure.stream.write(left);
            left = left.get(taken..).unwrap_or_default();
            let output = secure.stream.output();
            if taken == 0 && output.is_empty() {
                // Nothing can be written any more: the channel is over.
                return Err(Outcome::NetworkFailed);
            }
            self.write_all(&secure.socket, &output).await?;
        }
        Ok(())
    }
}

/// Records are full but for the last; less than one is granted where a limit leaves no more.
fn whole_records(granted: usize) -> usize {
    if granted < Frame::RECORD { granted } else { granted - granted % Frame::RECORD }
}

fn places(frame: Frame, room: &mut [u8], wanted: usize) -> Vec<IoSliceMut<'_>> {
    frame.places(room, wanted).map(IoSliceMut::new).collect()
}

fn read_places(
    file: &OwnedFd,
    position: u64,
    wanted: usize,
    frame: Frame,
    room: &mut [u8],
) -> io::Result<usize> {
    let mut places = places(frame, room, wanted);
    Ok(retry_on_intr(|| rustix::io::preadv(file, &mut places, position))?)
}

/// Tells whether a file ends here.
fn is_end(file: &OwnedFd, position: u64) -> bool {
    retry_on_intr(|| rustix::io::pread(file, &mut [0; 1], position)) == Ok(0)
}
