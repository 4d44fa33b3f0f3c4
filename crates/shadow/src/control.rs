//! The client's end of a control connection: lines out, replies in (RFC 959 §4.2), a limit on every wait.

use std::io::{BufRead, BufReader, Error, ErrorKind, Read, Write};
use std::net::{IpAddr, Shutdown, SocketAddr, TcpStream};
use std::time::{Duration, Instant};

use rustix::net::{SendFlags, send};

use crate::dial::dial;

/// The longest reply that is read. vsftpd's longest are of some thousand octets.
const LONGEST_REPLY: usize = 1 << 20;

/// A control connection.
#[derive(Debug)]
pub(crate) struct Control {
    stream: TcpStream,
    reader: BufReader<TcpStream>,
    patience: Duration,
}

/// What came instead of a reply, in words for the person who reads the comparison.
pub(crate) type Silence = &'static str;

/// A reply as it came: its lines with their ends.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Reply {
    pub(crate) lines: Vec<Vec<u8>>,
}

impl Reply {
    /// Returns whether another reply to the same command follows.
    pub(crate) fn is_preliminary(&self) -> bool {
        self.lines.first().is_some_and(|line| line.starts_with(b"1"))
    }

    /// Returns whether the command was carried out, or goes on.
    pub(crate) fn is_positive(&self) -> bool {
        self.lines.first().and_then(|line| line.first()).is_some_and(|digit| matches!(digit, b'1'..=b'3'))
    }

    /// Returns the last line, where addresses stand.
    pub(crate) fn last(&self) -> &[u8] {
        self.lines.last().map_or(&[], Vec::as_slice)
    }
}

impl Control {
    /// Connects.
    ///
    /// # Errors
    /// The system's, when nothing listens there or nothing answers in time.
    pub(crate) fn connect(
        source: Option<IpAddr>,
        server: SocketAddr,
        patience: Duration,
    ) -> std::io::Result<Self> {
        let stream = dial(source, server, patience)?;
        stream.set_write_timeout(Some(patience))?;
        stream.set_nodelay(true)?;
        let reader = BufReader::new(stream.try_clone()?);
        Ok(Self { stream, reader, patience })
    }

    /// Returns the two ends of the connection: ours and the server's.
    pub(crate) fn ends(&self) -> std::io::Result<(SocketAddr, SocketAddr)> {
        Ok((self.stream.local_addr()?, self.stream.peer_addr()?))
    }

    /// Sends octets. A connection that the server has ended shows when the reply is read.
    pub(crate) fn send(&mut self, octets: &[u8]) {
        self.stream.write_all(octets).unwrap_or_default();
    }

    /// Sends octets, the last of them as urgent data (RFC 854, "the Telnet Synch").
    pub(crate) fn urgent(&mut self, octets: &[u8]) {
        send(&self.stream, octets, SendFlags::OOB).map(drop).unwrap_or_default();
    }

    /// Reads one whole reply.
    pub(crate) fn reply(&mut self) -> Result<Reply, Silence> {
        let end = Instant::now() + self.patience;
        let mut lines = vec![self.line(end)?];
        let first = lines.first().map_or(&[][..], Vec::as_slice);
        if first.get(3) != Some(&b'-') {
            return Ok(Reply { lines });
        }
        let last = [first.get(..3).unwrap_or_default(), b" "].concat();
        let mut length = first.len();
        while !lines.last().is_some_and(|line| line.starts_with(&last)) {
            let line = self.line(end)?;
            length += line.len();
            if length > LONGEST_REPLY {
                return Err("the reply has no end");
            }
            lines.push(line);
        }
        Ok(Reply { lines })
    }

    /// Reads what still comes until the server ends the connection; says how it ended.
    pub(crate) fn end(&mut self) -> (Vec<Vec<u8>>, Silence) {
        let end = Instant::now() + self.patience;
        let mut lines = Vec::new();
        loop {
            match self.line(end) {
                Ok(line) => lines.push(line),
                Err(how) => return (lines, how),
            }
            if lines.iter().map(Vec::len).sum::<usize>() > LONGEST_REPLY {
                return (lines, "the reply has no end");
            }
        }
    }

    /// Tells the server that nothing more will be said.
    pub(crate) fn hang_up(&self) {
        // A connection that is gone already has heard it.
        self.stream.shutdown(Shutdown::Write).unwrap_or_default();
    }

    fn line(&mut self, end: Instant) -> Result<Vec<u8>, Silence> {
        let mut line = Vec::new();
        loop {
            let rest = end.saturating_duration_since(Instant::now());
            if rest.is_zero() {
                return Err("no answer in time");
            }
            self.stream.set_read_timeout(Some(rest)).unwrap_or_default();
            let room = LONGEST_REPLY.saturating_sub(line.len()) as u64;
            match self.reader.by_ref().take(room).read_until(b'\n', &mut line) {
                Ok(_) if line.ends_with(b"\n") => return Ok(line),
                Ok(0) if room == 0 => return Err("the reply has no end"),
                Ok(0) if line.is_empty() => return Err("the server closed the connection"),
                // A last line without an end is shown as it is; the next call tells of the close.
                Ok(0) => return Ok(line),
                Ok(_) => {}
                Err(error) => match silence(&error) {
                    Some(how) => return Err(how),
                    None => continue,
                },
            }
        }
    }
}

/// Returns what an error on a connection means, nothing when it should be tried again.
pub(crate) fn silence(error: &Error) -> Option<Silence> {
    match error.kind() {
        ErrorKind::Interrupted => None,
        ErrorKind::WouldBlock | ErrorKind::TimedOut => Some("no answer in time"),
        // A server that closes before it has read everything resets; that depends on chance.
        ErrorKind::ConnectionReset | ErrorKind::BrokenPipe => Some("the server closed the connection"),
        _ => Some("the connection failed"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::{Ipv4Addr, TcpListener};

    fn served(octets: &'static [u8]) -> Control {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let address = listener.local_addr().unwrap();
        std::thread::spawn(move || listener.accept().unwrap().0.write_all(octets));
        Control::connect(None, address, Duration::from_secs(10)).unwrap()
    }

    #[test]
    fn a_reply_is_read_with_its_line_ends() {
        let mut control = served(b"211-a\n211x\r\r\n211 end\r\n220 ok\r\n");
        let reply = control.reply().unwrap();
        assert_eq!(reply.lines, [&b"211-a\n"[..], b"211x\r\r\n", b"211 end\r\n"]);
        assert_eq!(control.reply().unwrap().last(), b"220 ok\r\n");
        assert_eq!(control.reply(), Err("the server closed the connection"));
    }

    #[test]
    fn the_rest_is_read_to_the_end() {
        assert_eq!(
            served(b"421 x\r\nhalf").end(),
            (vec![b"421 x\r\n".to_vec(), b"half".to_vec()], "the server closed the connection")
        );
    }

    #[test]
    fn a_server_that_says_nothing_is_not_awaited_for_ever() {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let mut control =
            Control::connect(None, listener.local_addr().unwrap(), Duration::from_millis(30)).unwrap();
        assert_eq!(control.reply(), Err("no answer in time"));
    }

    #[test]
    fn an_endless_line_is_cut() {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let address = listener.local_addr().unwrap();
        std::thread::spawn(move || {
            let mut stream = listener.accept().unwrap().0;
            while stream.write_all(&[b'x'; 65536]).is_ok() {}
        });
        let mut control = Control::connect(None, address, Duration::from_secs(10)).unwrap();
        assert_eq!(control.reply(), Err("the reply has no end"));
    }
}
