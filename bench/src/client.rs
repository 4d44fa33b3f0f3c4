//! The load: an FTP client that does as little as possible, since it shares the cores with the server.
//!
//! Octets received are thrown away inside the kernel (`MSG_TRUNC`, tcp(7)); octets sent come from a memory file
//! through `sendfile`. Replies are read, not understood beyond their code.

use std::io::{self, BufRead, BufReader, Write};
use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpStream};
use std::os::fd::OwnedFd;
use std::time::{Duration, Instant};

use rustix::fs::{MemfdFlags, memfd_create, sendfile};
use rustix::io::Errno;
use rustix::net::{AddressFamily, RecvFlags, SocketFlags, SocketType, bind, recv, socket_with};

/// How many octets one call throws away or sends.
pub(crate) const PIECE: usize = 1 << 20;

/// A server that says nothing for so long has failed.
const PATIENCE: Duration = Duration::from_secs(30);

/// Two sessions of ProFTPD that take the same port at the same moment get 425; so often we ask, as clients do.
pub(crate) const TRIES: usize = 5;

/// A control connection.
#[derive(Debug)]
pub(crate) struct Client {
    control: BufReader<TcpStream>,
    server: SocketAddr,
    line: String,
    /// Never touched, neither by us nor by the kernel: only its length counts. Empty until something is fetched.
    nowhere: Vec<u8>,
}

impl Client {
    /// Connects, waits for the greeting and logs in as anonymous.
    pub(crate) fn login(server: SocketAddr) -> io::Result<Self> {
        Self::login_from(HOME, server)
    }

    /// As [`Self::login`], from a given address of this machine.
    pub(crate) fn login_from(source: Ipv4Addr, server: SocketAddr) -> io::Result<Self> {
        let mut client = Self::connect(source, server)?;
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
        self.control.get_ref().write_all(format!("USER {user}\r\n").as_bytes())?;
        // Pure-FTPd lets anonymous users in without a password: that is its way, and it is spared the other line.
        let wants_password = self.answer()?.starts_with('3');
        if wants_password { self.command(&format!("PASS {password}\r\n"), '2') } else { self.expect('2') }
    }

    /// Connects and waits for the greeting.
    fn connect(source: Ipv4Addr, server: SocketAddr) -> io::Result<Self> {
        let stream = connect(source, server)?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(PATIENCE))?;
        let control = BufReader::with_capacity(512, stream);
        let mut client = Self { control, server, line: String::with_capacity(128), nowhere: Vec::new() };
        client.reply('2')?;
        Ok(client)
    }

    /// Returns the control connection alone; every reply so far has been read.
    pub(crate) fn into_stream(self) -> TcpStream {
        self.control.into_inner()
    }

    /// Sends a command line and reads its reply, which must begin with this digit.
    pub(crate) fn command(&mut self, line: &str, class: char) -> io::Result<()> {
        self.control.get_ref().write_all(line.as_bytes())?;
        self.reply(class).map_err(|error| io::Error::other(format!("{}: {error}", line.trim_end())))
    }

    /// Says QUIT, waits for the reply and closes.
    pub(crate) fn quit(mut self) -> io::Result<()> {
        self.command("QUIT\r\n", '2')
    }

    /// Asks for data over a new passive connection; returns how many octets came, and when.
    pub(crate) fn fetch(&mut self, command: &str) -> io::Result<Fetched> {
        let data = self.passive()?;
        let asked = Instant::now();
        self.command(command, '1')?;
        if self.nowhere.is_empty() {
            self.nowhere = vec![0; PIECE];
        }
        let (octets, began) = drain(&data, &mut self.nowhere)?;
        // As clients do: a server that lingers (vsftpd does) says 226 only when its own close is acknowledged.
        drop(data);
        self.reply('2')?;
        Ok(Fetched { octets, first: began.saturating_duration_since(asked) })
    }

    /// Sends a few octets over a new passive connection.
    pub(crate) fn store_octets(&mut self, command: &str, octets: &[u8]) -> io::Result<()> {
        let mut data = self.passive()?;
        self.command(command, '1')?;
        data.write_all(octets)?;
        drop(data);
        self.reply('2')
    }

    /// Sends a piece so often over a new passive connection.
    pub(crate) fn store(&mut self, command: &str, piece: &Piece, times: u64) -> io::Result<()> {
        let data = self.passive()?;
        self.command(command, '1')?;
        for _ in 0..times {
            piece.send(&data)?;
        }
        drop(data);
        self.reply('2')
    }

    fn passive(&mut self) -> io::Result<TcpStream> {
        for _ in 0..TRIES {
            self.control.get_ref().write_all(b"EPSV\r\n")?;
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
const HOME: Ipv4Addr = Ipv4Addr::LOCALHOST;

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

/// Receives to the end without copying; returns how many octets came, and when the first of them did.
fn drain(data: &TcpStream, nowhere: &mut [u8]) -> io::Result<(u64, Instant)> {
    let (mut octets, mut first) = (0, None);
    loop {
        let received = recv(data, &mut *nowhere, RecvFlags::TRUNC);
        let first = *first.get_or_insert_with(Instant::now);
        match received {
            Ok((_, 0)) => return Ok((octets, first)),
            Ok((_, count)) => octets += count as u64,
            Err(Errno::INTR) => {}
            Err(error) => return Err(error.into()),
        }
    }
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
