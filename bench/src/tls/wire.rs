//! A connection that may or may not be protected: what is written and read is the same.

use std::io::{self, Read, Write};
use std::net::TcpStream;

use rustls::{ClientConnection, ServerConnection, StreamOwned};

/// A connection.
#[derive(Debug)]
pub(crate) enum Wire {
    Clear(TcpStream),
    /// At the end of the client.
    Client(Box<StreamOwned<ClientConnection, TcpStream>>),
    /// At the end of the server.
    Server(Box<StreamOwned<ServerConnection, TcpStream>>),
}

impl Wire {
    /// Takes the socket from beneath; what protected it is forgotten.
    pub(crate) fn into_socket(self) -> TcpStream {
        match self {
            Self::Clear(socket) => socket,
            Self::Client(stream) => stream.into_parts().1,
            Self::Server(stream) => stream.into_parts().1,
        }
    }

    /// Says that this was everything, in the words of the protection, if there is one.
    pub(crate) fn end(&mut self) -> io::Result<()> {
        match self {
            Self::Clear(_) => return Ok(()),
            Self::Client(stream) => stream.conn.send_close_notify(),
            Self::Server(stream) => stream.conn.send_close_notify(),
        }
        self.flush()
    }
}

impl Read for Wire {
    fn read(&mut self, room: &mut [u8]) -> io::Result<usize> {
        let read = match self {
            Self::Clear(socket) => return socket.read(room),
            Self::Client(stream) => stream.read(room),
            Self::Server(stream) => stream.read(room),
        };
        match read {
            // Not every server says that it has ended; whether everything came is judged by the number of octets.
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => Ok(0),
            read => read,
        }
    }
}

impl Write for Wire {
    fn write(&mut self, octets: &[u8]) -> io::Result<usize> {
        match self {
            Self::Clear(socket) => socket.write(octets),
            Self::Client(stream) => stream.write(octets),
            Self::Server(stream) => stream.write(octets),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match self {
            Self::Clear(socket) => socket.flush(),
            Self::Client(stream) => stream.flush(),
            Self::Server(stream) => stream.flush(),
        }
    }
}
