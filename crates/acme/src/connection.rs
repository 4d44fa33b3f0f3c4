//! One connection to the directory: TLS on a socket that the monitor made.
//!
//! While it waits for the directory, those who call for a proof are served (`front`): the authority calls while its own
//! answer is still to come.

use std::io::{ErrorKind, Read, Write};
use std::net::TcpStream;
use std::os::fd::{AsFd, OwnedFd};
use std::sync::Arc;
use std::time::Instant;

use rustix::event::PollFlags;
use rustls::pki_types::ServerName;
use rustls::{ClientConfig, ClientConnection};

use crate::front::Front;
use crate::http::{self, Method, Response};
use crate::shown;
use crate::url::Url;

/// A connection, established or not yet.
pub(crate) struct Connection {
    socket: TcpStream,
    tls: ClientConnection,
    is_established: bool,
}

/// Why a request has no answer.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Broken {
    /// The connection is of no use; another may be.
    Lost(String),
    /// What came is not what a directory sends; another connection would bring the same.
    Wrong(String),
}

impl Connection {
    /// Begins TLS on a socket that need not be connected yet.
    pub(crate) fn new(socket: OwnedFd, origin: &Url, config: Arc<ClientConfig>) -> Result<Self, Broken> {
        let name = ServerName::try_from(origin.host().to_owned())
            .map_err(|_| Broken::Wrong(format!("'{}' cannot be the name of a server", origin.host())))?;
        let tls = ClientConnection::new(config, name).map_err(|error| Broken::Wrong(error.to_string()))?;
        let socket = TcpStream::from(socket);
        socket.set_nonblocking(true).map_err(|error| lost(&error))?;
        Ok(Self { socket, tls, is_established: false })
    }

    /// Makes a request and waits for its answer.
    pub(crate) fn exchange(
        &mut self,
        method: Method<'_>,
        url: &Url,
        front: &mut Front,
        until: Instant,
    ) -> Result<Response, Broken> {
        if !self.is_established {
            self.establish(front, until)?;
        }
        self.tls.writer().write_all(&http::request(method, url)).map_err(|error| lost(&error))?;
        let (mut octets, mut has_ended) = (Vec::new(), false);
        loop {
            self.send()?;
            let answer = http::response(&octets, method == Method::Head, has_ended);
            if let Some(response) = answer.map_err(|why| Broken::Wrong(why.to_owned()))? {
                return Ok(response);
            }
            if has_ended {
                return Err(closed());
            }
            self.wait(front, until)?;
            has_ended = self.receive(&mut octets)?;
        }
    }

    fn establish(&mut self, front: &mut Front, until: Instant) -> Result<(), Broken> {
        let is_decided = front.wait(Some((self.socket.as_fd(), PollFlags::OUT)), until);
        if !is_decided.map_err(|error| lost(&error))? {
            return Err(late());
        }
        wharf_os::socket::dial_result(&self.socket).map_err(|error| lost(&error))?;
        self.is_established = true;
        Ok(())
    }

    fn wait(&self, front: &mut Front, until: Instant) -> Result<(), Broken> {
        let wanted = if self.tls.wants_write() { PollFlags::IN | PollFlags::OUT } else { PollFlags::IN };
        match front.wait(Some((self.socket.as_fd(), wanted)), until) {
            Ok(true) => Ok(()),
            Ok(false) => Err(late()),
            Err(error) => Err(lost(&error)),
        }
    }

    fn send(&mut self) -> Result<(), Broken> {
        while self.tls.wants_write() {
            match self.tls.write_tls(&mut self.socket) {
                Ok(_) => {}
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(()),
                Err(error) => return Err(lost(&error)),
            }
        }
        Ok(())
    }

    /// Takes what has come; true when it was the last.
    fn receive(&mut self, octets: &mut Vec<u8>) -> Result<bool, Broken> {
        match self.tls.read_tls(&mut self.socket) {
            Ok(_) => {}
            Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::Interrupted) => {
                return Ok(false);
            }
            Err(error) => return Err(lost(&error)),
        }
        if let Err(error) = self.tls.process_new_packets() {
            // The alert tells the other side why.
            let _ = self.send();
            return Err(Broken::Wrong(format!("TLS with the directory failed: {error}")));
        }
        let mut room = [0; 4096];
        loop {
            match self.tls.reader().read(&mut room) {
                Ok(0) => return Ok(true),
                Ok(length) => octets.extend_from_slice(room.get(..length).unwrap_or_default()),
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(false),
                // Security: an end without TLS's own mark may be anybody's doing.
                Err(error) if error.kind() == ErrorKind::UnexpectedEof => return Err(closed()),
                Err(error) => return Err(lost(&error)),
            }
        }
    }
}

fn lost(error: &std::io::Error) -> Broken {
    Broken::Lost(shown(&error.to_string()))
}

fn closed() -> Broken {
    Broken::Lost("the directory closed the connection".to_owned())
}

fn late() -> Broken {
    Broken::Lost("no answer in time".to_owned())
}
