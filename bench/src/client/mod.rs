//! The load: an FTP client that does as little as possible, since it shares the cores with the server.
//!
//! Octets received are thrown away inside the kernel (`MSG_TRUNC`, tcp(7)); octets sent come from a memory file
//! through `sendfile`. What is protected is opened and sealed where it lies ([`crate::tls`]). Replies are read, not
//! understood beyond their code.

mod data;
mod guard;

use std::io::{self, BufRead, BufReader, Write};
use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpStream};
use std::time::{Duration, Instant};

use rustix::io::Errno;
use rustix::net::{AddressFamily, SocketFlags, SocketType, bind, socket_with};

use crate::tls::wire::Wire;
use crate::tls::{self, Terms};
use data::Data;
pub(crate) use data::{PIECE, Piece};
use guard::Guard;
pub(crate) use guard::Seen;

/// A server that says nothing for so long has failed.
const PATIENCE: Duration = Duration::from_secs(30);

/// Two sessions of ProFTPD that take the same port at the same moment get 425; so often we ask, as clients do.
pub(crate) const TRIES: usize = 5;

/// A control connection.
#[derive(Debug)]
pub(crate) struct Client {
    control: BufReader<Wire>,
    server: SocketAddr,
    line: String,
    guard: Option<Guard>,
    /// Untouched without protection, by us and by the kernel: then only its length counts. Empty until something is fetched.
    nowhere: Vec<u8>,
}

impl Client {
    /// Connects, waits for the greeting and logs in as anonymous.
    pub(crate) fn login(server: SocketAddr) -> io::Result<Self> {
        Self::login_from(HOME, server)
    }

    /// As [`Self::login`], from a given address of this machine.
    pub(crate) fn login_from(source: Ipv4Addr, server: SocketAddr) -> io::Result<Self> {
        Self::login_on(None, source, server)
    }

    /// As [`Self::login_from`], with the control connection protected on these terms.
    pub(crate) fn login_on(terms: Option<&Terms>, source: Ipv4Addr, server: SocketAddr) -> io::Result<Self> {
        let mut client = Self::connect(source, server)?;
        if let Some(terms) = terms {
            client = client.protect(terms)?;
        }
        client.introduce("anonymous", "bench@example.org")?;
        Ok(client)
    }

    /// Has octets moved as they are (RFC 959 §3.1.1.3). Some servers convert line ends without this word, others never do.
    pub(crate) fn binary(mut self) -> io::Result<Self> {
        self.command("TYPE I\r\n", '2')?;
        Ok(self)
    }

    /// As [`Self::login`], with an account of this machine.
    pub(crate) fn login_as(server: SocketAddr, user: &str, password: &str) -> io::Result<Self> {
        let mut client = Self::connect(HOME, server)?;
        client.introduce(user, password)?;
        Ok(client)
    }

    fn introduce(&mut self, user: &str, password: &str) -> io::Result<()> {
        self.say(&format!("USER {user}\r\n"))?;
        // Pure-FTPd lets anonymous users in without a password: that is its way, and it is spared the other line.
        let wants_password = self.answer()?.starts_with('3');
        if wants_password { self.command(&format!("PASS {password}\r\n"), '2') } else { self.expect('2') }
    }

    /// Connects and waits for the greeting.
    pub(crate) fn connect(source: Ipv4Addr, server: SocketAddr) -> io::Result<Self> {
        let stream = connect(source, server)?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(PATIENCE))?;
        let control = BufReader::with_capacity(512, Wire::Clear(stream));
        let line = String::with_capacity(128);
        let mut client = Self { control, server, line, guard: None, nowhere: Vec::new() };
        client.reply('2')?;
        Ok(client)
    }

    /// Protects the control connection (RFC 4217 §4).
    pub(crate) fn protect(mut self, terms: &Terms) -> io::Result<Self> {
        self.command("AUTH TLS\r\n", '2')?;
        let guard = Guard::new(terms);
        let connection = tls::connection(&guard.config)?;
        let (stream, _) = tls::within_the_library(connection, self.control.into_inner().into_socket())?;
        let control = BufReader::with_capacity(512, Wire::Client(Box::new(stream)));
        Ok(Self { control, guard: Some(guard), ..self })
    }

    /// Has the data connections protected too, if the control connection is (RFC 4217 §9).
    pub(crate) fn private(mut self) -> io::Result<Self> {
        if self.guard.is_some() {
            self.command("PBSZ 0\r\n", '2')?;
            self.command("PROT P\r\n", '2')?;
        }
        Ok(self)
    }

    /// Seals and opens what is protected by hand from now on: for much, with a ticket of the control connection.
    pub(crate) fn in_hand(mut self) -> Self {
        self.guard.iter_mut().for_each(|guard| guard.is_in_hand = true);
        self
    }

    /// Returns what the handshakes of the data connections came to.
    pub(crate) fn seen(&self) -> Seen {
        self.guard.as_ref().map_or_else(Seen::default, |guard| guard.seen)
    }

    /// Returns the control connection alone; every reply so far has been read.
    pub(crate) fn into_stream(self) -> TcpStream {
        self.control.into_inner().into_socket()
    }

    /// Sends a command line and reads its reply, which must begin with this digit.
    pub(crate) fn command(&mut self, line: &str, class: char) -> io::Result<()> {
        self.say(line)?;
        self.reply(class).map_err(|error| io::Error::other(format!("{}: {error}", line.trim_end())))
    }

    fn say(&mut self, line: &str) -> io::Result<()> {
        self.control.get_mut().write_all(line.as_bytes())
    }

    /// Says QUIT, waits for the reply and closes.
    pub(crate) fn quit(mut self) -> io::Result<()> {
        self.command("QUIT\r\n", '2')
    }

    /// Asks for data over a new passive connection; returns how many octets came, and when.
    pub(crate) fn fetch(&mut self, command: &str) -> io::Result<Fetched> {
        let socket = self.passive()?;
        let asked = Instant::now();
        self.command(command, '1')?;
        let mut data = Data::begin(socket, self.guard.as_mut())?;
        if self.nowhere.is_empty() {
            self.nowhere = vec![0; PIECE];
        }
        let (octets, began) = data.drain(&mut self.nowhere)?;
        // As clients do: a server that lingers (vsftpd does) says 226 only when its own close is acknowledged.
        drop(data);
        self.reply('2')?;
        Ok(Fetched { octets, first: began.saturating_duration_since(asked) })
    }

    /// Sends a few octets over a new passive connection.
    pub(crate) fn store_octets(&mut self, command: &str, octets: &[u8]) -> io::Result<()> {
        self.put(command, |data| data.send(octets))
    }

    /// Sends so many octets over a new passive connection: whole pieces.
    pub(crate) fn store(&mut self, command: &str, piece: &Piece, octets: u64) -> io::Result<()> {
        self.put(command, |data| data.send_much(piece, octets))
    }

    fn put(&mut self, command: &str, send: impl FnOnce(&mut Data) -> io::Result<()>) -> io::Result<()> {
        let socket = self.passive()?;
        self.command(command, '1')?;
        let mut data = Data::begin(socket, self.guard.as_mut())?;
        send(&mut data)?;
        data.end()?;
        self.reply('2')
    }

    fn passive(&mut self) -> io::Result<TcpStream> {
        for _ in 0..TRIES {
            self.say("EPSV\r\n")?;
            if !self.answer()?.starts_with("425") {
                break;
            }
        }
        self.expect('2').map_err(|error| io::Error::other(format!("EPSV: {error}")))?;
        let port = extended_port(&self.line)
            .ok_or_else(|| io::Error::other(format!("no port in the reply to EPSV: {}", self.line)))?;
        let data = connect(HOME, SocketAddr::new(self.server.ip(), port))?;
        data.set_read_timeout(Some(PATIENCE))?;
        Ok(data)
    }

    fn reply(&mut self, class: char) -> io::Result<()> {
        self.answer()?;
        self.expect(class)
    }

    /// Reads a reply; returns its last line.
    fn answer(&mut self) -> io::Result<&str> {
        loop {
            self.line.clear();
            if self.control.read_line(&mut self.line)? == 0 {
                return Err(io::Error::other("the server has closed the control connection"));
            }
            if self.line.as_bytes().get(3) == Some(&b' ')
                && self.line.starts_with(|c: char| c.is_ascii_digit())
            {
                return Ok(&self.line);
            }
        }
    }

    /// Judges the reply that was read last.
    fn expect(&self, class: char) -> io::Result<()> {
        if self.line.starts_with(class) {
            return Ok(());
        }
        Err(io::Error::other(format!("a reply {class}xx was expected, this came: {}", self.line.trim_end())))
    }
}

/// What came over a data connection.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Fetched {
    pub(crate) octets: u64,
    /// From the command to the first octet.
    pub(crate) first: Duration,
}

/// Where clients are when it does not matter.
pub(crate) const HOME: Ipv4Addr = Ipv4Addr::LOCALHOST;

/// Connects from an address of this machine.
pub(crate) fn connect(source: Ipv4Addr, to: SocketAddr) -> io::Result<TcpStream> {
    let attempt = || {
        let socket = socket_with(AddressFamily::INET, SocketType::STREAM, SocketFlags::CLOEXEC, None)?;
        // A port chosen by bind(2) must be free of every connection that lingers; connect(2) finds one that is free
        // of those to the same place, which is many times cheaper.
        if source != HOME {
            bind(&socket, &SocketAddr::new(IpAddr::V4(source), 0))?;
        }
        rustix::net::connect(&socket, &to)?;
        Ok(TcpStream::from(socket))
    };
    attempt().map_err(|error: Errno| io::Error::other(format!("{to}: {error}")))
}

/// Returns the port of a 229 reply (RFC 2428 §3).
pub(crate) fn extended_port(reply: &str) -> Option<u16> {
    reply.split_once("|||")?.1.split('|').next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_port_is_read_from_the_reply() {
        assert_eq!(extended_port("229 Entering Extended Passive Mode (|||40001|)\r\n"), Some(40001));
        assert_eq!(extended_port("229 (|||70000|)"), None);
    }
}
