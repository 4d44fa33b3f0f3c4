//! A small client: one control connection with an end to every wait (RFC 959).
//!
//! What the server says is bounded and taken for hostile.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{Ipv4Addr, SocketAddr, SocketAddrV4, TcpListener, TcpStream};
use std::time::{Duration, Instant};

/// How long anything may take. Networks at the other end of the world answer within a second or two.
pub(super) const PATIENCE: Duration = Duration::from_secs(10);

/// The longest reply that is read.
const LONGEST: usize = 64 << 10;

/// A reply: its code, and the text of its last line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Reply {
    pub(super) code: u16,
    pub(super) text: String,
}

impl Reply {
    pub(super) fn is_good(&self) -> bool {
        (200..400).contains(&self.code)
    }
}

impl std::fmt::Display for Reply {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.text.trim_end())
    }
}

/// A control connection.
pub(super) struct Talk {
    reader: BufReader<TcpStream>,
    pub(super) local: SocketAddr,
    pub(super) peer: SocketAddr,
}

impl Talk {
    pub(super) fn connect(to: SocketAddr) -> io::Result<Self> {
        let stream = TcpStream::connect_timeout(&to, PATIENCE)?;
        stream.set_write_timeout(Some(PATIENCE))?;
        let (local, peer) = (stream.local_addr()?, stream.peer_addr()?);
        Ok(Self { reader: BufReader::new(stream), local, peer })
    }

    /// Sends a command and reads its reply.
    pub(super) fn ask(&mut self, command: &str) -> io::Result<Reply> {
        self.send(command)?;
        self.reply()
    }

    pub(super) fn send(&mut self, command: &str) -> io::Result<()> {
        self.reader.get_ref().write_all(format!("{command}\r\n").as_bytes())
    }

    pub(super) fn reply(&mut self) -> io::Result<Reply> {
        let end = Instant::now() + PATIENCE;
        let first = self.line(end)?;
        let code = first.get(..3).and_then(|code| code.parse().ok());
        let code: u16 =
            code.ok_or_else(|| io::Error::new(io::ErrorKind::InvalidData, "it does not speak FTP"))?;
        let (mut last, mut length) = (first.clone(), first.len());
        if first.get(3..4) == Some("-") {
            let close = format!("{code:03} ");
            while !last.starts_with(&close) {
                last = self.line(end)?;
                length += last.len();
                if length > LONGEST {
                    return Err(io::Error::new(io::ErrorKind::InvalidData, "a reply without an end"));
                }
            }
        }
        Ok(Reply { code, text: last })
    }

    fn line(&mut self, end: Instant) -> io::Result<String> {
        let mut line = Vec::new();
        loop {
            let left = end.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Err(io::ErrorKind::TimedOut.into());
            }
            self.reader.get_ref().set_read_timeout(Some(left))?;
            let room = LONGEST.saturating_sub(line.len()) as u64;
            match self.reader.by_ref().take(room).read_until(b'\n', &mut line)? {
                _ if line.ends_with(b"\n") => return Ok(String::from_utf8_lossy(&line).into_owned()),
                0 if room == 0 => {
                    return Err(io::Error::new(io::ErrorKind::InvalidData, "a line without an end"));
                }
                0 => return Err(io::ErrorKind::UnexpectedEof.into()),
                _ => {}
            }
        }
    }
}

/// Reads the address of a 227 reply.
pub(super) fn address(text: &str) -> Option<SocketAddrV4> {
    let begin = text.get(3..)?.find(|c: char| c.is_ascii_digit())? + 3;
    let numbers: Vec<u8> = text
        .get(begin..)?
        .split(|c: char| !(c.is_ascii_digit() || c == ','))
        .next()?
        .split(',')
        .map(str::parse)
        .collect::<Result<_, _>>()
        .ok()?;
    let [a, b, c, d, high, low] = numbers.as_slice().try_into().ok()?;
    Some(SocketAddrV4::new(Ipv4Addr::new(a, b, c, d), u16::from_be_bytes([high, low])))
}

/// Reads the port of a 229 reply.
pub(super) fn port(text: &str) -> Option<u16> {
    text.rsplit('|').nth(1)?.parse().ok()
}

/// Waits for a connection.
pub(super) fn accept(listener: &TcpListener) -> io::Result<(TcpStream, SocketAddr)> {
    listener.set_nonblocking(true)?;
    let end = Instant::now() + PATIENCE;
    loop {
        match listener.accept() {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock && Instant::now() < end => {
                std::thread::sleep(Duration::from_millis(5));
            }
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                return Err(io::ErrorKind::TimedOut.into());
            }
            accepted => return accepted,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_found_with_and_without_brackets() {
        let wanted = Some("192.0.2.7:256".parse().unwrap());
        assert_eq!(address("227 Entering Passive Mode (192,0,2,7,1,0).\r\n"), wanted);
        assert_eq!(address("227 192,0,2,7,1,0"), wanted);
        assert_eq!(address("227 Entering Passive Mode (192,0,2,777,1,0)."), None);
        assert_eq!(port("229 Entering Extended Passive Mode (|||50000|)\r\n"), Some(50000));
        assert_eq!(port("229 no"), None);
    }
}
