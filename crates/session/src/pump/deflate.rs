//! MODE Z: octets that are compressed on their way (draft-preston-ftpext-deflate, RFC 1950).
//!
//! Each data connection carries one zlib stream, in clear or inside TLS; listings too. Compressing costs more than all
//! else that is done to an octet, so it is done by the threads that may wait for a disk, a piece at a time.

use std::cell::Cell;
use std::os::fd::OwnedFd;
use std::sync::Arc;
use std::time::Duration;

use flate2::{Compress, Compression, Decompress, FlushCompress, FlushDecompress, Status};
use rustix::net::{RecvFlags, SendFlags};
use tokio::io::Interest;
use tokio::io::unix::AsyncFd;
use wharf_proto::failure::Failure;
use wharf_proto::ftp::server::ask::{Direction, Move, Outcome};

use super::copy::write_at;
use super::line_ends::{Inward, Outward};
use super::rate::Rate;
use super::{
    COPIED, Connection, Result, Secure, Source, Tools, Transfer, file_error, file_failed, readable, writable,
};
use crate::watch::watch;

/// How much of a file is compressed at once, and how much is inflated before others have their turn.
const PIECE: usize = 64 * 1024;
/// How much more an upload may bring than was sent, once it has brought [`BEFORE_RATIO`] octets.
///
/// Security: zlib makes a thousand octets of one. Who may upload may fill the disk, but not with so little effort.
const MOST_RATIO: u64 = 250;
/// What is let through whatever it was made of.
const BEFORE_RATIO: u64 = 64 << 20;

/// Moves octets as [`super::run`] does, compressed with this level (1 to 9) or inflated.
pub(crate) async fn run_deflated(
    tools: &Tools,
    (wish, level): (Move, u8),
    source: Source,
    connection: Connection,
    stall: Option<Duration>,
    progress: &Cell<u64>,
) -> Outcome {
    let turn = tools.turns.begin(COPIED);
    let transfer = Transfer { tools, stall, progress, rate: Rate::new(wish.rate), turn };
    let moved = match (wish.direction, source) {
        (Direction::Download, source) => transfer.send_deflated(source, wish, level, connection).await,
        (Direction::Upload, Source::File(file)) => transfer.receive_deflated(&file, wish, connection).await,
        (Direction::Upload, Source::Listing(_)) => Err(Outcome::FileFailed(Failure::WrongKind)),
    };
    moved.err().unwrap_or(Outcome::Complete)
}

/// A data connection that is written to.
enum Sink {
    Clear(AsyncFd<OwnedFd>),
    Secure(Box<Secure>),
}

impl Transfer<'_> {
    async fn send_deflated(
        &self,
        source: Source,
        wish: Move,
        level: u8,
        connection: Connection,
    ) -> Result<()> {
        let mut sink = match connection {
            Connection::Clear(connection) => Sink::Clear(writable(connection)?),
            Connection::Secure(secure) => Sink::Secure(secure),
        };
        let mut conversion = wish.ascii.then(Outward::default);
        let mut deflate = Some(Deflate::new(level));
        let mut position = wish.at;
        let pipe = match &source {
            Source::File(_) => None,
            Source::Listing(pipe) => {
                let pipe = watch(Arc::clone(pipe), Interest::READABLE);
                Some(pipe.map_err(|_| Outcome::FileFailed(Failure::TooMany))?)
            }
        };
        loop {
            let wanted = self.grant(PIECE).await;
            let mut piece = match (&source, &pipe) {
                (Source::File(file), _) => self.read_piece(file, position, wanted).await?,
                (Source::Listing(_), Some(pipe)) => read_pipe(pipe, wanted).await?,
                (Source::Listing(_), None) => Vec::new(),
            };
            let read = piece.len();
            position += read as u64;
            if let Some(conversion) = &mut conversion {
                let mut lines = Vec::with_capacity(piece.len());
                conversion.convert(&piece, &mut lines);
                piece = lines;
            }
            let Some(mut working) = deflate.take() else { return Ok(()) };
            let work = move || {
                let wire = working.take(&piece, read == 0);
                (working, wire)
            };
            let done = self.tools.pool.run(work).await.ok_or(Outcome::FileFailed(Failure::TooMany))?;
            let wire = done.1?;
            deflate = Some(done.0);
            match &mut sink {
                Sink::Clear(connection) => self.write_all(connection, &wire).await?,
                Sink::Secure(secure) => self.write_secure(secure, &wire).await?,
            }
            self.count(read);
            self.rate.spend(wire.len());
            if read == 0 {
                break;
            }
        }
        match &mut sink {
            Sink::Clear(_) => Ok(()),
            Sink::Secure(secure) => self.end_secure(secure).await,
        }
    }

    async fn receive_deflated(&self, file: &Arc<OwnedFd>, wish: Move, connection: Connection) -> Result<()> {
        if let Some(length) = wish.truncate {
            rustix::fs::ftruncate(&**file, length).map_err(file_failed)?;
        }
        let conversion = wish.ascii.then(Inward::default);
        let mut inflated = Inflated { file, position: wish.at, conversion, inflate: Inflate::default() };
        match connection {
            Connection::Clear(connection) => {
                let connection = readable(connection)?;
                self.inflate_clear(&mut inflated, &connection).await?;
            }
            Connection::Secure(mut secure) => {
                let received = self.inflate_secure(&mut inflated, &mut secure).await;
                // Clients wait for our end mark before they look for 226.
                secure.stream.close();
                let mark = secure.stream.output();
                let _ = rustix::net::send(
                    secure.socket.get_ref(),
                    &mark,
                    SendFlags::NOSIGNAL | SendFlags::DONTWAIT,
                );
                received?;
            }
        }
        inflated.end()
    }

    async fn inflate_clear(&self, inflated: &mut Inflated<'_>, connection: &AsyncFd<OwnedFd>) -> Result<()> {
        let mut room = vec![0; PIECE];
        loop {
            let step =
                connection.async_io(Interest::READABLE, |socket| Ok(rustix::io::read(socket, &mut *room)?));
            let read = self.in_time(step).await?;
            if read == 0 {
                return Ok(());
            }
            self.store_inflated(inflated, room.get(..read).unwrap_or_default()).await?;
        }
    }

    async fn inflate_secure(&self, inflated: &mut Inflated<'_>, secure: &mut Secure) -> Result<()> {
        // The beginning of a record, or what came with the handshake.
        let mut heard = secure.stream.take_pending();
        let mut room = vec![0; PIECE];
        loop {
            let mut plaintext = Vec::new();
            let opened = secure.stream.take_in(&mut heard, |octets| plaintext.extend_from_slice(octets));
            self.store_inflated(inflated, &plaintext).await?;
            opened.map_err(|_| Outcome::NetworkFailed)?;
            if secure.stream.is_closed_cleanly() {
                return Ok(());
            }
            let step = secure.socket.async_io(Interest::READABLE, |socket| {
                Ok(rustix::net::recv(socket, &mut *room, RecvFlags::empty())?.0)
            });
            let read = self.in_time(step).await?;
            if read == 0 {
                secure.stream.end();
                return Err(Outcome::NoEndMark);
            }
            heard = room.get(..read).unwrap_or_default().to_vec();
        }
    }

    /// Inflates what came, a piece at a time, and writes it.
    async fn store_inflated(&self, inflated: &mut Inflated<'_>, wire: &[u8]) -> Result<()> {
        let mut left = wire;
        loop {
            let (taken, piece) = inflated.inflate.take(left)?;
            left = left.get(taken..).unwrap_or_default();
            let stored = inflated.write(&piece)?;
            self.count(stored);
            self.rate.spend(stored);
            if left.is_empty() && piece.len() < PIECE {
                return Ok(());
            }
            self.grant(PIECE).await;
        }
    }
}

async fn read_pipe(pipe: &AsyncFd<Arc<OwnedFd>>, wanted: usize) -> Result<Vec<u8>> {
    let mut piece = vec![0; wanted];
    let step = pipe.async_io(Interest::READABLE, |pipe| Ok(rustix::io::read(pipe, &mut *piece)?));
    let read = step.await.map_err(|error| file_error(&error))?;
    piece.truncate(read);
    Ok(piece)
}

/// A stream being compressed.
struct Deflate(Compress);

impl Deflate {
    fn new(level: u8) -> Self {
        Self(Compress::new(Compression::new(u32::from(level.clamp(1, 9))), true))
    }

    /// Compresses a piece; the last one ends the stream.
    fn take(&mut self, piece: &[u8], is_last: bool) -> Result<Vec<u8>> {
        let flush = if is_last { FlushCompress::Finish } else { FlushCompress::None };
        let mut wire = Vec::with_capacity(PIECE);
        let begin = self.0.total_in();
        loop {
            let taken = usize::try_from(self.0.total_in() - begin).unwrap_or(usize::MAX);
            let rest = piece.get(taken..).unwrap_or_default();
            let status = self.0.compress_vec(rest, &mut wire, flush);
            match status.map_err(|_| Outcome::FileFailed(Failure::Broken))? {
                Status::StreamEnd => return Ok(wire),
                // All is taken when there was room left at the end.
                Status::Ok | Status::BufError if wire.len() < wire.capacity() && !is_last => return Ok(wire),
                Status::Ok | Status::BufError => wire.reserve(PIECE),
            }
        }
    }
}

/// A stream being inflated.
struct Inflate {
    stream: Decompress,
    is_over: bool,
}

impl Default for Inflate {
    fn default() -> Self {
        Self { stream: Decompress::new(true), is_over: false }
    }
}

impl Inflate {
    /// Takes some of what came and gives at most [`PIECE`] octets; tells how many were taken.
    fn take(&mut self, wire: &[u8]) -> Result<(usize, Vec<u8>)> {
        if self.is_over {
            // Nothing may stand behind the end of the stream.
            return if wire.is_empty() { Ok((0, Vec::new())) } else { Err(Outcome::NetworkFailed) };
        }
        let before = self.stream.total_in();
        let mut piece = Vec::with_capacity(PIECE);
        let status = self.stream.decompress_vec(wire, &mut piece, FlushDecompress::None);
        self.is_over = status.map_err(|_| Outcome::NetworkFailed)? == Status::StreamEnd;
        let (came, gave) = (self.stream.total_in(), self.stream.total_out());
        if gave > BEFORE_RATIO && gave / came.max(1) > MOST_RATIO {
            return Err(Outcome::FileFailed(Failure::TooMany));
        }
        if came == before && piece.is_empty() && !wire.is_empty() {
            return Err(Outcome::NetworkFailed);
        }
        Ok((usize::try_from(came - before).unwrap_or(usize::MAX), piece))
    }
}

/// Where an upload goes.
struct Inflated<'a> {
    file: &'a Arc<OwnedFd>,
    position: u64,
    conversion: Option<Inward>,
    inflate: Inflate,
}

impl Inflated<'_> {
    /// Writes a piece; tells how many octets that was in the file.
    fn write(&mut self, piece: &[u8]) -> Result<usize> {
        let begin = self.position;
        match &mut self.conversion {
            None => write_at(self.file, &mut self.position, piece)?,
            Some(conversion) => {
                let mut lines = Vec::new();
                conversion.convert(piece, &mut lines);
                write_at(self.file, &mut self.position, &lines)?;
            }
        }
        Ok(usize::try_from(self.position - begin).unwrap_or(usize::MAX))
    }

    /// The connection is over; so must the stream be, or nobody knows whether it is all.
    fn end(&mut self) -> Result<()> {
        let mut lines = Vec::new();
        if let Some(conversion) = &mut self.conversion {
            conversion.end(&mut lines);
        }
        write_at(self.file, &mut self.position, &lines)?;
        // Nothing at all is what some clients send for an empty file.
        let is_whole = self.inflate.is_over || self.inflate.stream.total_in() == 0;
        if is_whole { Ok(()) } else { Err(Outcome::NetworkFailed) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn inflated(wire: &[u8], bite: usize) -> (Result<Vec<u8>>, bool) {
        let mut inflate = Inflate::default();
        let mut all = Vec::new();
        for mut left in wire.chunks(bite) {
            loop {
                match inflate.take(left) {
                    Ok((taken, piece)) => {
                        left = &left[taken..];
                        all.extend_from_slice(&piece);
                        if left.is_empty() && piece.len() < PIECE {
                            break;
                        }
                    }
                    Err(outcome) => return (Err(outcome), inflate.is_over),
                }
            }
        }
        (Ok(all), inflate.is_over)
    }

    fn deflated(pieces: &[&[u8]], level: u8) -> Vec<u8> {
        let mut deflate = Deflate::new(level);
        let mut wire: Vec<u8> = pieces.iter().flat_map(|piece| deflate.take(piece, false).unwrap()).collect();
        wire.extend(deflate.take(b"", true).unwrap());
        wire
    }

    #[test]
    fn what_is_compressed_in_pieces_is_inflated_in_others() {
        let noise: Vec<u8> =
            (0..300_000_u32).map(|at| (at.wrapping_mul(2_654_435_761) >> 13) as u8).collect();
        for level in [1, 6, 9] {
            let wire =
                deflated(&[&noise[..7], &noise[7..100_000], &noise[100_000..], &[b'x'; 200_000]], level);
            for bite in [1, 1000, usize::MAX] {
                let (all, is_over) = inflated(&wire, bite.min(wire.len()));
                let all = all.unwrap();
                assert!(is_over && all.len() == 500_000 && all[..300_000] == noise, "{level} {bite}");
            }
        }
        assert_eq!(inflated(&deflated(&[], 6), 3), (Ok(Vec::new()), true));
    }

    #[test]
    fn a_stream_that_is_cut_is_not_over_and_nothing_may_stand_behind_one() {
        let wire = deflated(&[b"hello"], 6);
        assert!(!inflated(&wire[..wire.len() - 1], 100).1);
        let longer = [&wire[..], b"x"].concat();
        assert_eq!(inflated(&longer, 100).0, Err(Outcome::NetworkFailed));
        assert_eq!(inflated(b"no zlib at all", 100).0, Err(Outcome::NetworkFailed));
    }

    #[test]
    fn a_stream_with_any_octet_changed_comes_to_an_end() {
        let wire = deflated(&[b"hello hello hello", &[7; 5000], b"the end"], 6);
        let whole = inflated(&wire, 100).0;
        for place in 0..wire.len() {
            for change in [1, 0x80, 0xff] {
                let mut changed = wire.clone();
                changed[place] ^= change;
                let (all, is_over) = inflated(&changed, 5);
                // The checksum at the end tells what the form does not; a few bits mean nothing.
                assert!(all.is_err() || !is_over || all == whole, "{place} {change}");
            }
        }
    }

    #[test]
    fn a_bomb_is_broken_off() {
        let mut deflate = Deflate::new(9);
        let zeros = vec![0; 1 << 20];
        let wire: Vec<u8> = (0..80).flat_map(|_| deflate.take(&zeros, false).unwrap()).collect();
        assert_eq!(inflated(&wire, 4096).0, Err(Outcome::FileFailed(Failure::TooMany)));
    }
}
