//! Octets through TLS: they are ours for a moment, since they are sealed and opened here.
//!
//! | downloads: files are read into the places of their records, sealed there and sent with one call | [`send`] |
//! | small files | [`small`] |
//! | uploads: records are opened where they were received, and written to the file from there | [`receive`] |
//!
//! No octet is copied in between but those of converted lines.

mod receive;
mod send;
mod small;

use std::io::IoSlice;
use std::os::fd::OwnedFd;

use rustix::net::{RecvFlags, SendAncillaryBuffer, SendFlags, Shutdown};
use tokio::io::Interest;
use tokio::io::unix::AsyncFd;
use wharf_proto::failure::Failure;
use wharf_proto::ftp::server::ask::{Direction, Move, Outcome};

use super::{Result, Source, Transfer};
use crate::tls::Stream;
pub(crate) use small::send_small_secure;

/// A data connection in TLS.
pub(crate) struct Secure {
    /// Watched both ways.
    pub(crate) socket: AsyncFd<OwnedFd>,
    pub(crate) stream: Stream,
    /// Whether a download waits for the peer's end mark (`strict_ssl_write_shutdown`).
    pub(crate) waits_for_mark: bool,
}

impl Transfer<'_> {
    /// Carries a whole transfer out.
    pub(super) async fn move_secure(&self, source: Source, wish: Move, mut secure: Secure) -> Result<()> {
        match (wish.direction, source) {
            (Direction::Upload, Source::File(file)) => self.receive_secure(&file, wish, &mut secure).await,
            (Direction::Upload, Source::Listing(_)) => Err(Outcome::FileFailed(Failure::WrongKind)),
            (Direction::Download, source) => {
                match source {
                    Source::File(file) if wish.ascii => {
                        self.send_lines_secure(&file, wish, &mut secure).await
                    }
                    Source::File(file) => self.send_file_secure(&file, wish, &mut secure).await,
                    Source::Listing(pipe) => self.send_pipe_secure(&pipe, &mut secure).await,
                }?;
                self.end_secure(&mut secure).await
            }
        }
    }

    /// Says that this is all, and hears the same from the peer where the site wants it.
    pub(super) async fn end_secure(&self, secure: &mut Secure) -> Result<()> {
        secure.stream.close();
        let mark = secure.stream.output();
        self.send_both(&secure.socket, &mark, &[], SendFlags::NOSIGNAL | SendFlags::MORE).await?;
        // What is held back goes out with the end.
        let ended = rustix::net::shutdown(secure.socket.get_ref(), Shutdown::Write);
        if !secure.waits_for_mark {
            return ended.map_err(|_| Outcome::NetworkFailed);
        }
        let mut room = vec![0; 4 * 1024];
        while !secure.stream.is_closed_cleanly() {
            let step = secure.socket.async_io(Interest::READABLE, |socket| {
                Ok(rustix::net::recv(socket, &mut room[..], RecvFlags::empty())?.0)
            });
            let read = self.in_time(step).await?;
            if read == 0 {
                return Err(Outcome::NoEndMark);
            }
            let heard = room.get_mut(..read).unwrap_or_default();
            secure.stream.take_in(heard, |_| {}).map_err(|_| Outcome::NetworkFailed)?;
        }
        Ok(())
    }

    /// Sends one after the other, in one call where the connection takes that.
    async fn send_both(
        &self,
        socket: &AsyncFd<OwnedFd>,
        first: &[u8],
        second: &[u8],
        flags: SendFlags,
    ) -> Result<()> {
        let (mut first, mut second) = (first, second);
        while !(first.is_empty() && second.is_empty()) {
            let step = socket.async_io(Interest::WRITABLE, |socket| {
                let both = [IoSlice::new(first), IoSlice::new(second)];
                let mut nothing = SendAncillaryBuffer::default();
                Ok(rustix::net::sendmsg(socket, &both, &mut nothing, flags)?)
            });
            let sent = self.in_time(step).await?;
            let of_first = sent.min(first.len());
            first = first.get(of_first..).unwrap_or_default();
            second = second.get(sent - of_first..).unwrap_or_default();
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
