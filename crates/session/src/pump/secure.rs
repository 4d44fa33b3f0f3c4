//! Octets through TLS: they are ours for a moment, since they are encrypted here.

use std::os::fd::OwnedFd;
use std::sync::Arc;

use tokio::io::Interest;
use tokio::io::unix::AsyncFd;
use wharf_proto::ftp::server::ask::{Direction, Move, Outcome};

use super::copy::write_at;
use super::line_ends::{Inward, Outward};
use super::{Result, Source, Transfer, file_error};
use crate::tls::Stream;
use crate::watch::watch;

/// One piece: sixteen records for each call of the socket.
const PIECE: usize = 256 * 1024;

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
            (Direction::Upload, Source::Listing(_)) => {
                Err(Outcome::FileFailed(wharf_proto::failure::Failure::WrongKind))
            }
            (Direction::Download, source) => {
                match source {
                    Source::File(file) => self.send_file_secure(&file, wish, &mut secure).await?,
                    Source::Listing(pipe) => self.send_pipe_secure(&pipe, &mut secure).await?,
                }
                self.end_secure(&mut secure).await
            }
        }
    }

    async fn send_file_secure(&self, file: &Arc<OwnedFd>, wish: Move, secure: &mut Secure) -> Result<()> {
        let mut position = wish.at;
        let mut conversion = wish.ascii.then(Outward::default);
        let mut wire = Vec::new();
        loop {
            let wanted = self.grant(PIECE).await;
            let piece = self.read_piece(file, position, wanted).await?;
            if piece.is_empty() {
                return Ok(());
            }
            position += piece.len() as u64;
            match &mut conversion {
                None => self.write_secure(secure, &piece).await?,
                Some(conversion) => {
                    wire.clear();
                    conversion.convert(&piece, &mut wire);
                    self.write_secure(secure, &wire).await?;
                }
            }
            self.count(piece.len());
            self.rate.spend(piece.len());
        }
    }

    async fn send_pipe_secure(&self, pipe: &Arc<OwnedFd>, secure: &mut Secure) -> Result<()> {
        let pipe = watch(Arc::clone(pipe), Interest::READABLE)
            .map_err(|_| Outcome::FileFailed(wharf_proto::failure::Failure::TooMany))?;
        let mut piece = vec![0; PIECE / 4];
        loop {
            let wanted = self.grant(piece.len()).await;
            let room = piece.get_mut(..wanted).unwrap_or_default();
            let read =
                pipe.async_io(Interest::READABLE, |pipe| Ok(rustix::io::read(pipe, &mut *room)?)).await;
            let read = read.map_err(|error| file_error(&error))?;
            if read == 0 {
                return Ok(());
            }
            self.write_secure(secure, piece.get(..read).unwrap_or_default()).await?;
            self.count(read);
            self.rate.spend(read);
        }
    }

    async fn write_secure(&self, secure: &mut Secure, plaintext: &[u8]) -> Result<()> {
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

    /// Says that this is all, and hears the same from the peer where the site wants it.
    async fn end_secure(&self, secure: &mut Secure) -> Result<()> {
        secure.stream.close();
        let mark = secure.stream.output();
        self.write_all(&secure.socket, &mark).await?;
        if !secure.waits_for_mark {
            return Ok(());
        }
        let _ = rustix::net::shutdown(secure.socket.get_ref(), rustix::net::Shutdown::Write);
        while !secure.stream.is_closed_cleanly() {
            if self.hear_secure(secure, |_| {}).await? == 0 {
                return Err(Outcome::NoEndMark);
            }
        }
        Ok(())
    }

    async fn receive_secure(&self, file: &Arc<OwnedFd>, wish: Move, secure: &mut Secure) -> Result<()> {
        if let Some(length) = wish.truncate {
            rustix::fs::ftruncate(&**file, length).map_err(super::file_failed)?;
        }
        let mut position = wish.at;
        let mut conversion = wish.ascii.then(Inward::default);
        let mut plaintext = Vec::new();
        // What came with the handshake.
        secure
            .stream
            .take_in(&[], |octets| plaintext.extend_from_slice(octets))
            .map_err(|_| Outcome::NetworkFailed)?;
        loop {
            let is_over = secure.stream.is_closed_cleanly();
            let read = plaintext.len();
            if let Some(conversion) = &mut conversion {
                let mut lines = Vec::with_capacity(read);
                conversion.convert(&plaintext, &mut lines);
                if is_over {
                    conversion.end(&mut lines);
                }
                plaintext = lines;
            }
            write_at(file, &mut position, &plaintext)?;
            self.count(plaintext.len());
            self.rate.spend(read);
            plaintext.clear();
            if is_over {
                // Clients wait for our end mark before they look for 226.
                secure.stream.close();
                let mark = secure.stream.output();
                // One that has gone without it has sent everything all the same.
                let _ = self.write_all(&secure.socket, &mark).await;
                return Ok(());
            }
            self.grant(PIECE).await;
            if self.hear_secure(secure, |octets| plaintext.extend_from_slice(octets)).await? == 0
                && !secure.stream.is_closed_cleanly()
            {
                if let Some(mut conversion) = conversion {
                    let mut lines = Vec::new();
                    conversion.end(&mut lines);
                    write_at(file, &mut position, &lines)?;
                }
                return Err(Outcome::NoEndMark);
            }
        }
    }

    /// Reads once from the peer and decrypts; 0 is the end of its octets.
    async fn hear_secure(&self, secure: &mut Secure, give: impl FnMut(&[u8])) -> Result<usize> {
        let mut ciphertext = vec![0; PIECE];
        let step = secure.socket.async_io(Interest::READABLE, |socket| {
            Ok(rustix::net::recv(socket, &mut ciphertext[..], rustix::net::RecvFlags::empty())?.0)
        });
        let read = self.in_time(step).await?;
        if read == 0 {
            secure.stream.end();
            return Ok(0);
        }
        let taken = secure.stream.take_in(ciphertext.get(..read).unwrap_or_default(), give);
        // Answers of the protocol itself, and the alert when the peer broke its rules.
        let output = secure.stream.output();
        self.write_all(&secure.socket, &output).await?;
        taken.map_err(|_| Outcome::NetworkFailed)?;
        Ok(read)
    }
}
