//! From records into a file.

use std::io::IoSlice;
use std::os::fd::OwnedFd;
use std::sync::Arc;

use rustix::io::retry_on_intr;
use rustix::net::{RecvFlags, SendFlags};
use tokio::io::unix::AsyncFdReadyGuard;
use wharf_proto::ftp::server::ask::{Move, Outcome};
use wharf_transport::Frame;

use super::Secure;
use crate::pump::buffers::PIECE;
use crate::pump::copy::write_at;
use crate::pump::line_ends::Inward;
use crate::pump::{Result, Transfer, file_failed};
use crate::tls::Stream;

impl Transfer<'_> {
    pub(super) async fn receive_secure(
        &self,
        file: &Arc<OwnedFd>,
        wish: Move,
        secure: &mut Secure,
    ) -> Result<()> {
        if let Some(length) = wish.truncate {
            rustix::fs::ftruncate(&**file, length).map_err(file_failed)?;
        }
        let mut store = Store { file, position: wish.at, conversion: wish.ascii.then(Inward::default) };
        let received = self.receive_records(&mut store, secure).await;
        // What a peer that broke off has sent is kept as far as it was whole.
        store.end()?;
        // Clients wait for our end mark before they look for 226; one that broke the rules hears its alert. Who has gone
        // already has sent everything all the same.
        secure.stream.close();
        let mark = secure.stream.output();
        if received.is_ok() {
            let _ = self.write_all(&secure.socket, &mark).await;
        } else {
            let _ =
                rustix::net::send(secure.socket.get_ref(), &mark, SendFlags::NOSIGNAL | SendFlags::DONTWAIT);
        }
        received
    }

    /// Receives until the peer has said that this is all.
    async fn receive_records(&self, store: &mut Store<'_>, secure: &mut Secure) -> Result<()> {
        // What came with the handshake; later, the beginning of a record.
        let mut held = secure.stream.take_pending();
        let taken = self.open_into(store, &mut secure.stream, &mut held)?;
        held.drain(..taken);
        while !secure.stream.is_closed_cleanly() {
            // A transfer that waits for its peer holds no room of records.
            let mut ready = self.in_time(secure.socket.readable()).await?;
            let mut room = self.tools.buffers.borrow();
            let mut filled = held.len();
            room.get_mut(..filled).ok_or(Outcome::NetworkFailed)?.copy_from_slice(&held);
            let received =
                self.receive_while_there(store, &mut secure.stream, &mut ready, &mut room, &mut filled).await;
            held = room.get(..filled).unwrap_or_default().to_vec();
            self.tools.buffers.give_back(room);
            received?;
            // Answers of the protocol itself.
            let output = secure.stream.output();
            self.write_all(&secure.socket, &output).await?;
        }
        Ok(())
    }

    /// Receives and stores until there is nothing more at the moment, or the peer has said that this is all.
    async fn receive_while_there(
        &self,
        store: &mut Store<'_>,
        stream: &mut Stream,
        ready: &mut AsyncFdReadyGuard<'_, OwnedFd>,
        room: &mut [u8],
        filled: &mut usize,
    ) -> Result<()> {
        loop {
            let wanted = self.grant(PIECE).await;
            let end = room.len().min(*filled + wanted);
            let free = room.get_mut(*filled..end).unwrap_or_default();
            let asked = free.len();
            let received = ready.try_io(|socket| {
                Ok(retry_on_intr(|| rustix::net::recv(socket.get_ref(), &mut *free, RecvFlags::empty()))?.0)
            });
            let read = match received {
                Ok(read) => read.map_err(|_| Outcome::NetworkFailed)?,
                Err(_would_block) => return Ok(()),
            };
            if read == 0 {
                stream.end();
                return Err(Outcome::NoEndMark);
            }
            *filled += read;
            let taken = self.open_into(store, stream, room.get_mut(..*filled).unwrap_or_default())?;
            room.copy_within(taken..*filled, 0);
            *filled -= taken;
            // A read that leaves room has taken everything.
            if read < asked {
                ready.clear_ready();
            }
            if read < asked || stream.is_closed_cleanly() {
                return Ok(());
            }
        }
    }

    /// Opens and stores the whole records that are here, and tells how many octets they were.
    fn open_into(&self, store: &mut Store<'_>, stream: &mut Stream, octets: &mut [u8]) -> Result<usize> {
        let (taken, stored) = store.take(stream, octets)?;
        self.count(stored);
        self.rate.spend(stored);
        Ok(taken)
    }
}

/// Where an upload goes.
struct Store<'a> {
    file: &'a Arc<OwnedFd>,
    position: u64,
    conversion: Option<Inward>,
}

impl Store<'_> {
    /// Opens the whole records in `octets` and writes what they hold; tells how many octets were taken, and stored.
    fn take(&mut self, stream: &mut Stream, octets: &mut [u8]) -> Result<(usize, usize)> {
        let mut pieces = Vec::with_capacity(octets.len() / Frame::RECORD + 1);
        let opened = stream.open(octets, |plaintext| pieces.push(IoSlice::new(plaintext)));
        let begin = self.position;
        match &mut self.conversion {
            None => write_all_at(self.file, &mut self.position, &mut pieces)?,
            Some(conversion) => {
                let mut lines = Vec::new();
                for piece in &pieces {
                    conversion.convert(piece, &mut lines);
                }
                write_at(self.file, &mut self.position, &lines)?;
            }
        }
        let stored = usize::try_from(self.position - begin).unwrap_or(usize::MAX);
        Ok((opened.map_err(|_| Outcome::NetworkFailed)?, stored))
    }

    /// Nothing more will come.
    fn end(&mut self) -> Result<()> {
        let mut lines = Vec::new();
        if let Some(conversion) = &mut self.conversion {
            conversion.end(&mut lines);
        }
        write_at(self.file, &mut self.position, &lines)
    }
}

fn write_all_at(file: &OwnedFd, position: &mut u64, pieces: &mut [IoSlice<'_>]) -> Result<()> {
    let mut left = pieces;
    while !left.is_empty() {
        let written = retry_on_intr(|| rustix::io::pwritev(file, left, *position)).map_err(file_failed)?;
        if written == 0 {
            return Err(file_failed(rustix::io::Errno::IO));
        }
        *position += written as u64;
        IoSlice::advance_slices(&mut left, written);
    }
    Ok(())
}
