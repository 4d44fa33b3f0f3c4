//! Octets that we carry ourselves: converted lines, and files that cannot be spliced.

use std::io;
use std::os::fd::OwnedFd;
use std::sync::Arc;

use rustix::io::Errno;
use tokio::io::Interest;
use tokio::io::unix::AsyncFd;
use wharf_os::pump::{Medium, all_cached};
use wharf_proto::failure::Failure;
use wharf_proto::ftp::server::ask::Outcome;

use super::line_ends::{Inward, Outward};
use super::{Result, Transfer, file_error, file_failed, writable};

/// One piece: large enough that the calls do not count, small enough to hold for every transfer of this kind.
const PIECE: usize = 64 * 1024;

impl Transfer<'_> {
    /// Sends a file with its line ends converted.
    pub(super) async fn send_lines(
        &self,
        file: Arc<OwnedFd>,
        mut position: u64,
        connection: OwnedFd,
    ) -> Result<()> {
        let connection = writable(connection)?;
        let mut conversion = Outward::default();
        let mut wire = Vec::with_capacity(2 * PIECE);
        loop {
            let wanted = self.grant(PIECE).await;
            let piece = self.read_piece(&file, position, wanted).await?;
            if piece.is_empty() {
                return Ok(());
            }
            position += piece.len() as u64;
            wire.clear();
            conversion.convert(&piece, &mut wire);
            self.write_all(&connection, &wire).await?;
            self.count(piece.len());
            self.rate.spend(piece.len());
        }
    }

    /// Sends a file that cannot be spliced.
    pub(super) async fn send_copied(
        &self,
        file: &Arc<OwnedFd>,
        mut position: u64,
        connection: &AsyncFd<OwnedFd>,
    ) -> Result<()> {
        loop {
            let wanted = self.grant(PIECE).await;
            let piece = self.read_piece(file, position, wanted).await?;
            if piece.is_empty() {
                return Ok(());
            }
            position += piece.len() as u64;
            self.write_all(connection, &piece).await?;
            self.count(piece.len());
            self.rate.spend(piece.len());
        }
    }

    /// Receives lines into a file from `position` on.
    pub(super) async fn receive_lines(
        &self,
        file: &Arc<OwnedFd>,
        mut position: u64,
        connection: &AsyncFd<OwnedFd>,
    ) -> Result<()> {
        let mut conversion = Inward::default();
        let mut piece = vec![0; PIECE];
        let mut lines = Vec::with_capacity(PIECE);
        loop {
            let wanted = self.grant(PIECE).await;
            let room = piece.get_mut(..wanted).unwrap_or_default();
            let step = connection
                .async_io(Interest::READABLE, |connection| Ok(rustix::io::read(connection, &mut *room)?));
            let read = self.in_time(step).await?;
            lines.clear();
            if read == 0 {
                conversion.end(&mut lines);
            } else {
                conversion.convert(piece.get(..read).unwrap_or_default(), &mut lines);
            }
            write_at(file, &mut position, &lines)?;
            self.count(lines.len());
            self.rate.spend(read);
            if read == 0 {
                return Ok(());
            }
        }
    }

    /// Receives octets as they are when no pipe is to be had.
    pub(super) async fn receive_copied(
        &self,
        file: &Arc<OwnedFd>,
        mut position: u64,
        connection: &AsyncFd<OwnedFd>,
    ) -> Result<()> {
        let mut piece = vec![0; PIECE];
        loop {
            let wanted = self.grant(PIECE).await;
            let room = piece.get_mut(..wanted).unwrap_or_default();
            let step = connection
                .async_io(Interest::READABLE, |connection| Ok(rustix::io::read(connection, &mut *room)?));
            let read = self.in_time(step).await?;
            if read == 0 {
                return Ok(());
            }
            write_at(file, &mut position, piece.get(..read).unwrap_or_default())?;
            self.count(read);
            self.rate.spend(read);
        }
    }

    pub(super) async fn write_all(&self, connection: &AsyncFd<OwnedFd>, octets: &[u8]) -> Result<()> {
        let mut left = octets;
        while !left.is_empty() {
            let step = connection.async_io(Interest::WRITABLE, |connection| {
                Ok(rustix::net::send(connection, left, rustix::net::SendFlags::NOSIGNAL)?)
            });
            let written = self.in_time(step).await?;
            left = left.get(written..).unwrap_or_default();
        }
        Ok(())
    }

    /// Reads a piece of a file, on a thread of its own when that would wait for the disk; empty at the end.
    pub(super) async fn read_piece(
        &self,
        file: &Arc<OwnedFd>,
        position: u64,
        wanted: usize,
    ) -> Result<Vec<u8>> {
        if Medium::of(file) == Medium::Memory || all_cached(file, position, wanted) {
            return read_at(file, position, wanted).map_err(|error| file_error(&error));
        }
        self.read_slowly(file, position, wanted).await
    }

    /// As [`Self::read_piece`] where it is known that it waits.
    pub(super) async fn read_slowly(
        &self,
        file: &Arc<OwnedFd>,
        position: u64,
        wanted: usize,
    ) -> Result<Vec<u8>> {
        let file = Arc::clone(file);
        let read = self.tools.pool.run(move || read_at(&file, position, wanted)).await;
        read.ok_or(Outcome::FileFailed(Failure::TooMany))?.map_err(|error| file_error(&error))
    }
}

fn read_at(file: &OwnedFd, position: u64, wanted: usize) -> io::Result<Vec<u8>> {
    let mut piece = vec![0; wanted];
    let read = rustix::io::retry_on_intr(|| rustix::io::pread(file, &mut *piece, position))?;
    piece.truncate(read);
    Ok(piece)
}

pub(super) fn write_at(file: &OwnedFd, position: &mut u64, octets: &[u8]) -> Result<()> {
    let mut left = octets;
    while !left.is_empty() {
        let written =
            rustix::io::retry_on_intr(|| rustix::io::pwrite(file, left, *position)).map_err(file_failed)?;
        if written == 0 {
            return Err(file_failed(Errno::IO));
        }
        *position += written as u64;
        left = left.get(written..).unwrap_or_default();
    }
    Ok(())
}
