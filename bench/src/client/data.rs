//! A data connection: what comes is counted and thrown away, what goes costs as little as can be.

use std::io::{self, Read, Write};
use std::net::{Shutdown, TcpStream};
use std::os::fd::OwnedFd;
use std::time::Instant;

use rustix::fs::{MemfdFlags, memfd_create, sendfile};
use rustix::io::Errno;
use rustix::net::{RecvFlags, recv};
use rustls::Connection;

use super::guard::Guard;
use crate::tls;
use crate::tls::records::{Inbound, Outbound};
use crate::tls::wire::Wire;

/// How many octets one call throws away or sends.
pub(crate) const PIECE: usize = 1 << 20;

/// A data connection that is ready.
pub(super) enum Data {
    Clear(TcpStream),
    /// For little: the library also takes the tickets that come with it.
    Protected(Wire),
    /// For much.
    InHand(TcpStream, Box<(Inbound, Outbound)>),
}

impl Data {
    /// Shakes hands, if the session is protected.
    pub(super) fn begin(socket: TcpStream, guard: Option<&mut Guard>) -> io::Result<Self> {
        let Some(guard) = guard else { return Ok(Self::Clear(socket)) };
        let connection = tls::connection(&guard.config)?;
        if guard.is_in_hand {
            let (inbound, outbound, agreed) = tls::in_hand(Connection::Client(connection), &socket)?;
            guard.seen.add(agreed);
            return Ok(Self::InHand(socket, Box::new((inbound, outbound))));
        }
        let (stream, agreed) = tls::within_the_library(connection, socket)?;
        guard.seen.add(agreed);
        Ok(Self::Protected(Wire::Client(Box::new(stream))))
    }

    /// Receives to the end; returns how many octets came, and when the first of them did.
    pub(super) fn drain(&mut self, nowhere: &mut [u8]) -> io::Result<(u64, Instant)> {
        match self {
            Self::Clear(socket) => drain(socket, nowhere),
            Self::Protected(wire) => count(|| wire.read(nowhere)),
            Self::InHand(socket, keys) => count(|| {
                let places = keys.0.receive(socket)?;
                Ok(places.map_or(0, |places| places.iter().map(ExactSizeIterator::len).sum()))
            }),
        }
    }

    /// Sends a few octets.
    pub(super) fn send(&mut self, octets: &[u8]) -> io::Result<()> {
        match self {
            Self::Clear(socket) => socket.write_all(octets),
            Self::Protected(wire) => wire.write_all(octets).and_then(|()| wire.flush()),
            Self::InHand(..) => Err(io::ErrorKind::Unsupported.into()),
        }
    }

    /// Sends so many octets, whatever they are.
    pub(super) fn send_much(&mut self, piece: &Piece, octets: u64) -> io::Result<()> {
        match self {
            Self::Clear(socket) => (0..octets / piece.length).try_for_each(|_| piece.send(socket)),
            Self::Protected(_) => Err(io::ErrorKind::Unsupported.into()),
            Self::InHand(socket, keys) => {
                let batch = Outbound::batch();
                (0..octets / batch as u64).try_for_each(|_| keys.1.send(socket, batch))
            }
        }
    }

    /// Says that everything was sent, and waits until the other side has heard it.
    ///
    /// A protected connection is not closed with something unread in it, such as a ticket: that would be a reset, and the
    /// last octets could be lost.
    pub(super) fn end(self) -> io::Result<()> {
        let mut nowhere = [0; 4096];
        let mut socket = match self {
            Self::Clear(_) => return Ok(()),
            Self::Protected(mut wire) => {
                wire.end()?;
                wire.into_socket()
            }
            Self::InHand(socket, mut keys) => {
                keys.1.end(&socket)?;
                socket
            }
        };
        socket.shutdown(Shutdown::Write)?;
        // A server that resets now has all the same said 226 or not, and that is what counts.
        while socket.read(&mut nowhere).is_ok_and(|count| count > 0) {}
        Ok(())
    }
}

/// Receives until nothing comes.
fn count(mut receive: impl FnMut() -> io::Result<usize>) -> io::Result<(u64, Instant)> {
    let (mut octets, mut first) = (0, None);
    loop {
        let received = receive()?;
        let first = *first.get_or_insert_with(Instant::now);
        match received {
            0 => return Ok((octets, first)),
            count => octets += count as u64,
        }
    }
}

/// Receives to the end without copying.
fn drain(data: &TcpStream, nowhere: &mut [u8]) -> io::Result<(u64, Instant)> {
    count(|| {
        loop {
            match recv(data, &mut *nowhere, RecvFlags::TRUNC) {
                Err(Errno::INTR) => {}
                result => return Ok(result?.1),
            }
        }
    })
}

/// Octets to send, in memory, not in our address space.
#[derive(Debug)]
pub(crate) struct Piece {
    file: OwnedFd,
    length: u64,
}

impl Piece {
    /// Makes one of whole mebibytes, with its pages present.
    pub(crate) fn new(length: u64) -> io::Result<Self> {
        let file = std::fs::File::from(memfd_create("wharf-bench", MemfdFlags::CLOEXEC)?);
        let block = vec![b'w'; PIECE];
        for _ in 0..length / PIECE as u64 {
            (&file).write_all(&block)?;
        }
        Ok(Self { file: file.into(), length })
    }

    fn send(&self, data: &TcpStream) -> io::Result<()> {
        let mut offset = 0;
        while offset < self.length {
            if sendfile(data, &self.file, Some(&mut offset), PIECE)? == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_piece_sends_is_drained_in_full() {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let data = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        let piece = Piece::new(64 << 20).unwrap();
        let sender = std::thread::spawn(move || piece.send(&listener.accept().unwrap().0).unwrap());
        assert_eq!(drain(&data, &mut vec![0; PIECE]).unwrap().0, 64 << 20);
        sender.join().unwrap();
    }
}
