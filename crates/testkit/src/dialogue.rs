//! A control connection spoken by hand: send a line, read a reply, open a data connection.

use std::io::{BufRead, BufReader, ErrorKind, Read, Write};
use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::time::Duration;

use crate::PATIENCE;

/// A whole reply: its code and its lines without their ends.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reply {
    /// The reply code.
    pub code: u16,
    /// All lines, code included.
    pub lines: Vec<String>,
}

impl Reply {
    /// Returns the last line, which is the whole reply when it has only one.
    pub fn text(&self) -> &str {
        self.lines.last().map_or("", String::as_str)
    }
}

/// A control connection. Panics, with all that was said, when something does not come in time.
#[derive(Debug)]
pub struct Dialogue {
    stream: TcpStream,
    reader: BufReader<TcpStream>,
    said: Vec<String>,
}

impl Dialogue {
    /// Connects and leaves the greeting unread.
    pub fn silent(address: SocketAddr) -> Self {
        Self::over(connect_from(None, address).expect("the server takes connections"))
    }

    /// Connects and reads a 220 greeting.
    pub fn connect(address: SocketAddr) -> Self {
        let mut dialogue = Self::silent(address);
        dialogue.expect(220);
        dialogue
    }

    /// Connects, reads the greeting, logs in.
    pub fn login(address: SocketAddr, name: &str, password: &str) -> Self {
        let mut dialogue = Self::connect(address);
        dialogue.ask(&format!("USER {name}"), 331);
        dialogue.ask(&format!("PASS {password}"), 230);
        dialogue
    }

    /// Talks over a connection that exists.
    pub fn over(stream: TcpStream) -> Self {
        stream.set_read_timeout(Some(Duration::from_secs(PATIENCE))).expect("a timeout above zero");
        stream.set_write_timeout(Some(Duration::from_secs(PATIENCE))).expect("a timeout above zero");
        stream.set_nodelay(true).expect("TCP knows it");
        let reader = BufReader::new(stream.try_clone().expect("descriptors are left"));
        Self { stream, reader, said: Vec::new() }
    }

    /// Sends octets as they are.
    pub fn raw(&mut self, octets: &[u8]) {
        self.said.push(format!("C: {}", octets.escape_ascii()));
        if let Err(error) = self.stream.write_all(octets) {
            self.fail(&format!("could not send: {error}"));
        }
    }

    /// Sends a command line.
    pub fn send(&mut self, line: &str) {
        self.raw(format!("{line}\r\n").as_bytes());
    }

    /// Reads one whole reply.
    pub fn reply(&mut self) -> Reply {
        let first = self.line();
        let code: u16 = match first.get(..3).and_then(|code| code.parse().ok()) {
            Some(code) => code,
            None => self.fail(&format!("no reply code in {first:?}")),
        };
        let mut lines = vec![first];
        let last = format!("{code} ");
        while !lines.last().is_some_and(|line| line.starts_with(&last)) {
            lines.push(self.line());
        }
        Reply { code, lines }
    }

    /// Reads a reply that must have this code.
    pub fn expect(&mut self, code: u16) -> Reply {
        let reply = self.reply();
        if reply.code != code {
            self.fail(&format!("expected {code}"));
        }
        reply
    }

    /// Sends a command and reads its reply, which must have this code.
    pub fn ask(&mut self, line: &str, code: u16) -> Reply {
        self.send(line);
        self.expect(code)
    }

    /// Sends a command and reads its reply, which must be this one line.
    pub fn exact(&mut self, line: &str, reply: &str) {
        self.send(line);
        let got = self.reply();
        if got.lines != [reply] {
            self.fail(&format!("expected exactly {reply:?}"));
        }
    }

    /// Checks that the server closes the connection and says nothing more.
    pub fn expect_close(&mut self) {
        let mut rest = Vec::new();
        match self.reader.read_to_end(&mut rest) {
            Ok(0) => {}
            // A server that closes before it has read everything resets the connection.
            Err(error) if error.kind() == ErrorKind::ConnectionReset => {}
            other => self.fail(&format!("expected the end, got {other:?} {}", rest.escape_ascii())),
        }
    }

    /// Reads every line until the server closes the connection.
    pub fn rest(&mut self) -> Vec<String> {
        let mut octets = Vec::new();
        match self.reader.read_to_end(&mut octets) {
            Err(error) if error.kind() != ErrorKind::ConnectionReset => {
                self.fail(&format!("no end: {error}"))
            }
            _ => String::from_utf8_lossy(&octets).lines().map(str::to_owned).collect(),
        }
    }

    /// Asks for a passive data connection; returns where to connect.
    pub fn pasv(&mut self) -> SocketAddr {
        let reply = self.ask("PASV", 227);
        let text = reply.text();
        let numbers: Vec<u8> = text
            .split_once('(')
            .and_then(|(_, rest)| rest.split_once(')'))
            .map(|(inside, _)| inside.split(',').filter_map(|number| number.parse().ok()).collect())
            .unwrap_or_default();
        match numbers.as_slice() {
            &[a, b, c, d, high, low] => (Ipv4Addr::new(a, b, c, d), u16::from_be_bytes([high, low])).into(),
            _ => self.fail("no address in the reply to PASV"),
        }
    }

    /// Opens a passive data connection by EPSV.
    pub fn epsv(&mut self) -> TcpStream {
        let reply = self.ask("EPSV", 229);
        let port = reply.text().rsplit('|').nth(1).and_then(|port| port.parse().ok());
        let Some(port) = port else { self.fail("no port in the reply to EPSV") };
        let peer = self.stream.peer_addr().expect("it is connected").ip();
        connect_from(None, SocketAddr::new(peer, port)).expect("the passive port takes connections")
    }

    /// Offers an active data connection by PORT; the server will connect to the listener returned.
    pub fn port(&mut self) -> TcpListener {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("ports are left");
        let port = listener.local_addr().expect("it is bound").port();
        let [high, low] = port.to_be_bytes();
        self.ask(&format!("PORT 127,0,0,1,{high},{low}"), 200);
        listener
    }

    /// Runs a command that sends data to us; returns the data. The end reply must be 226.
    pub fn fetch(&mut self, command: &str) -> Vec<u8> {
        let data = self.epsv();
        self.ask(command, 150);
        let octets = read_all(data);
        self.expect(226);
        octets
    }

    /// Runs a command that takes data from us. The end reply must be 226.
    pub fn give(&mut self, command: &str, octets: &[u8]) {
        let mut data = self.epsv();
        self.ask(command, 150);
        data.write_all(octets).expect("the server takes data");
        drop(data);
        self.expect(226);
    }

    /// Returns the connection, for what cannot be said in lines.
    pub fn stream(&self) -> &TcpStream {
        &self.stream
    }

    /// Returns everything said so far, one line each.
    pub fn transcript(&self) -> String {
        self.said.join("\n")
    }

    fn line(&mut self) -> String {
        let mut octets = Vec::new();
        match self.reader.read_until(b'\n', &mut octets) {
            Ok(0) => self.fail("the server closed the connection"),
            Ok(_) => {}
            Err(error) => self.fail(&format!("no reply: {error}")),
        }
        let line = String::from_utf8_lossy(&octets).trim_end_matches(['\r', '\n']).to_owned();
        self.said.push(format!("S: {line}"));
        line
    }

    fn fail(&self, what: &str) -> ! {
        panic!("{what}; the dialogue was:\n{}", self.transcript())
    }
}

/// Connects, from a given local address if one is named.
pub fn connect_from(source: Option<IpAddr>, to: SocketAddr) -> std::io::Result<TcpStream> {
    use rustix::net::{AddressFamily, SocketType, bind, connect, socket};
    let stream = match source {
        None => TcpStream::connect_timeout(&to, Duration::from_secs(PATIENCE))?,
        Some(source) => {
            let family = if to.is_ipv4() { AddressFamily::INET } else { AddressFamily::INET6 };
            let socket = socket(family, SocketType::STREAM, None)?;
            bind(&socket, &SocketAddr::new(source, 0))?;
            connect(&socket, &to)?;
            TcpStream::from(socket)
        }
    };
    stream.set_read_timeout(Some(Duration::from_secs(PATIENCE)))?;
    stream.set_write_timeout(Some(Duration::from_secs(PATIENCE)))?;
    Ok(stream)
}

/// Reads a data connection to its end.
pub fn read_all(mut data: TcpStream) -> Vec<u8> {
    let mut octets = Vec::new();
    data.read_to_end(&mut octets).expect("the data connection ends in order");
    octets
}

/// Closes a connection the rude way, with a reset.
pub fn reset(stream: TcpStream) {
    rustix::net::sockopt::set_socket_linger(&stream, Some(Duration::ZERO)).expect("TCP knows it");
    drop(stream);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scripted(text: &'static str) -> Dialogue {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let address = listener.local_addr().unwrap();
        std::thread::spawn(move || listener.accept().unwrap().0.write_all(text.as_bytes()));
        Dialogue::silent(address)
    }

    #[test]
    fn a_reply_of_several_lines_is_one_reply() {
        let mut dialogue = scripted("211-Features:\r\n 211 no end\r\n SIZE\r\n211 End\r\n220 next\r\n");
        assert_eq!(dialogue.expect(211).lines.len(), 4);
        assert_eq!(dialogue.expect(220).text(), "220 next");
        dialogue.expect_close();
    }

    #[test]
    fn the_address_of_pasv_is_understood() {
        let mut dialogue = scripted("227 Entering Passive Mode (127,0,0,1,82,189).\r\n");
        assert_eq!(dialogue.pasv(), "127.0.0.1:21181".parse().unwrap());
    }

    #[test]
    #[should_panic(expected = "expected 220")]
    fn another_code_than_the_expected_one_fails_the_test() {
        scripted("421 no\r\n").expect(220);
    }
}
