//! A server from outside: what a client sees, step by step, and what that means.
//!
//! It does what every client does: connect, log in, list over a data connection of each kind. Nothing is written there.

use std::io::{self, Read};
use std::net::{IpAddr, SocketAddr, TcpListener, TcpStream, ToSocketAddrs};
use std::path::Path;

use wharf_proto::scope;
use wharf_proto::secret::Secret;

use super::finding::{Findings, State};
use super::talk::{self, PATIENCE, Reply, Talk, accept};

/// Whom to look at, and as whom.
pub(super) struct Patient {
    host: String,
    port: u16,
    user: String,
    password: Secret,
}

impl Patient {
    pub(super) fn new(host: &str, user: Option<String>, password: Option<&str>) -> Result<Self, String> {
        let (name, port) = match host.rsplit_once(':') {
            // A bare IPv6 address has no port.
            Some((name, _)) if name.contains(':') && !name.starts_with('[') => (host, 21),
            Some((name, port)) => {
                let port = port.parse().ok().filter(|port| *port > 0);
                (name, port.ok_or_else(|| format!("{host}: the port is a number from 1 to 65535"))?)
            }
            None => (host, 21),
        };
        let password = match (&user, password) {
            (None, None) => Secret::new(b"probe@example.org".to_vec()),
            (Some(_), Some(file)) => read_password(Path::new(file))?,
            _ => return Err("--user and --password-file go together".into()),
        };
        let host = name.trim_start_matches('[').trim_end_matches(']').to_owned();
        let user = user.unwrap_or_else(|| "anonymous".into());
        if user.contains(['\r', '\n']) {
            return Err("a user name has no line ends".into());
        }
        Ok(Self { host, port, user, password })
    }
}

fn read_password(file: &Path) -> Result<Secret, String> {
    let mut password = std::fs::read(file).map_err(|error| format!("{}: {error}", file.display()))?;
    while password.last().is_some_and(|octet| matches!(octet, b'\n' | b'\r')) {
        password.pop();
    }
    Ok(Secret::new(password))
}

/// Goes through all steps as far as they lead.
pub(super) fn examine(patient: &Patient) -> Findings {
    let mut findings = Findings::default();
    let found = (patient.host.as_str(), patient.port).to_socket_addrs().map(Iterator::collect::<Vec<_>>);
    let addresses = match found {
        Ok(addresses) if !addresses.is_empty() => addresses,
        Ok(_) | Err(_) => {
            let sentence = format!("the name {} is not found", patient.host);
            findings.add_with_cure(
                State::Trouble,
                "name",
                sentence,
                "check the spelling, and the name server's entry",
            );
            return findings;
        }
    };
    // IPv4 first: it is where the trouble is.
    let to = addresses.iter().find(|address| address.is_ipv4()).or(addresses.first()).copied();
    let Some(mut talk) = to.and_then(|to| greeting(to, &mut findings)) else { return findings };
    encryption(&mut talk, &mut findings);
    drop(talk);
    let Some(mut talk) = to.and_then(|to| Talk::connect(to).ok()) else { return findings };
    if talk.reply().is_err() || !login(&mut talk, patient, &mut findings) {
        return findings;
    }
    passive(&mut talk, &mut findings);
    extended(&mut talk, &mut findings);
    active(&mut talk, &mut findings);
    let _ = talk.ask("QUIT");
    findings
}

fn greeting(to: SocketAddr, findings: &mut Findings) -> Option<Talk> {
    let mut talk = match Talk::connect(to) {
        Ok(talk) => talk,
        Err(error) => {
            let (why, cure) = no_connection(&error, to.port());
            findings.add_with_cure(State::Trouble, "control", format!("no connection to {to}: {why}"), cure);
            return None;
        }
    };
    match talk.reply() {
        Ok(reply) if reply.code == 220 => {
            findings.add(State::Good, "control", format!("{to} greets: {reply}"));
            Some(talk)
        }
        Ok(reply) => {
            findings.add(State::Trouble, "control", format!("{to} does not let us in: {reply}"));
            None
        }
        Err(error) => {
            let sentence = format!("{to} is connected and says nothing in FTP ({})", words(&error));
            let cure = "something else listens there, a forwarding leads nowhere, or TLS is expected at once (implicit_ssl)";
            findings.add_with_cure(State::Trouble, "control", sentence, cure);
            None
        }
    }
}

/// What a failed connection means, and what to look at.
fn no_connection(error: &io::Error, port: u16) -> (&'static str, String) {
    match error.kind() {
        io::ErrorKind::ConnectionRefused => (
            "it is refused: the machine is there, and nobody listens on that port, or the router sends it nowhere",
            format!("start the server, or forward TCP {port} on the router to the right machine"),
        ),
        io::ErrorKind::TimedOut | io::ErrorKind::WouldBlock => (
            "no answer at all: a firewall drops it, or the address leads nowhere",
            format!("open TCP {port} in the firewall and on the router"),
        ),
        _ => ("the network has no way there", "check the address and the network here".to_owned()),
    }
}

fn words(error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::TimedOut | io::ErrorKind::WouldBlock => "no answer in time".into(),
        io::ErrorKind::UnexpectedEof | io::ErrorKind::ConnectionReset => "the connection was closed".into(),
        _ => error.to_string(),
    }
}

fn encryption(talk: &mut Talk, findings: &mut Findings) {
    match talk.ask("AUTH TLS") {
        Ok(reply) if reply.code == 234 => {
            findings.add(
                State::Good,
                "tls",
                "the server offers TLS (AUTH TLS); a router cannot read or change what is said",
            );
        }
        Ok(reply) => {
            let sentence =
                format!("the server offers no TLS ({reply}): passwords and files can be read on the way");
            findings.add_with_cure(State::Note, "tls", sentence, "ssl_enable=YES");
        }
        Err(error) => {
            let sentence = format!(
                "the connection ended at AUTH TLS ({}): something on the way forbids it",
                words(&error)
            );
            findings.add(State::Trouble, "tls", sentence);
        }
    }
}

fn login(talk: &mut Talk, patient: &Patient, findings: &mut Findings) -> bool {
    let mut say = || -> io::Result<Reply> {
        let reply = talk.ask(&format!("USER {}", patient.user))?;
        if reply.code != 331 {
            return Ok(reply);
        }
        talk.ask(&format!("PASS {}", String::from_utf8_lossy(patient.password.expose())))
    };
    match say() {
        Ok(reply) if reply.code == 230 => {
            findings.add(State::Good, "login", format!("logged in as {}", patient.user));
            true
        }
        Ok(reply) => {
            let sentence = format!(
                "no login as {} ({reply}); data connections cannot be tried without one",
                patient.user
            );
            findings.add_with_cure(State::Unclear, "login", sentence, "--user NAME --password-file FILE");
            false
        }
        Err(error) => {
            findings.add(State::Trouble, "login", format!("the login got no answer: {}", words(&error)));
            false
        }
    }
}

fn passive(talk: &mut Talk, findings: &mut Findings) {
    if talk.peer.is_ipv6() {
        return;
    }
    let reply = match talk.ask("PASV") {
        Ok(reply) if reply.code == 227 => reply,
        Ok(reply) => return findings.add(State::Note, "pasv", format!("PASV is refused: {reply}")),
        Err(error) => {
            return findings.add(State::Trouble, "pasv", format!("PASV got no answer: {}", words(&error)));
        }
    };
    let Some(told) = talk::address(&reply.text) else {
        return findings.add(State::Trouble, "pasv", format!("PASV tells no address: {reply}"));
    };
    let real = SocketAddr::new(talk.peer.ip(), told.port());
    let is_elsewhere = IpAddr::V4(*told.ip()) != talk.peer.ip().to_canonical();
    if !is_elsewhere {
        return transfer(talk, real, "pasv", "PASV", findings);
    }
    let is_private = scope::is_local(*told.ip()) && scope::is_public_client(talk.peer.ip());
    // Most clients that see a private address take the one they know; old ones do not.
    match fetch(talk, real) {
        Ok(octets) => {
            let why = if is_private { ", a private address that nobody outside reaches" } else { "" };
            let sentence = format!(
                "PASV tells {}{why}, but the data connection is at {}: clients that believe it fail ({octets} octets \
                 came from the right one)",
                told.ip(),
                talk.peer.ip()
            );
            let cure = format!("pasv_address={}, or pasv_address=auto", talk.peer.ip());
            findings.add_with_cure(State::Trouble, "pasv", sentence, cure);
        }
        Err(error) => {
            let (why, cure) = no_connection(&error, told.port());
            let sentence = format!(
                "PASV tells {told}, and {} does not take the connection either: {why}",
                talk.peer.ip()
            );
            findings.add_with_cure(State::Trouble, "pasv", sentence, cure);
        }
    }
}

fn extended(talk: &mut Talk, findings: &mut Findings) {
    match talk.ask("EPSV") {
        Ok(reply) if reply.code == 229 => match talk::port(&reply.text) {
            Some(port) => {
                let to = SocketAddr::new(talk.peer.ip(), port);
                transfer(talk, to, "epsv", "EPSV", findings);
            }
            None => findings.add(State::Trouble, "epsv", format!("EPSV tells no port: {reply}")),
        },
        Ok(reply) => findings.add(State::Note, "epsv", format!("EPSV is refused: {reply}")),
        Err(error) => findings.add(State::Trouble, "epsv", format!("EPSV got no answer: {}", words(&error))),
    }
}

fn transfer(talk: &mut Talk, to: SocketAddr, subject: &'static str, verb: &str, findings: &mut Findings) {
    match fetch(talk, to) {
        Ok(octets) => findings.add(
            State::Good,
            subject,
            format!("{verb} works: a list of {octets} octets came from {to}"),
        ),
        Err(error) => {
            let (why, cure) = no_connection(&error, to.port());
            let sentence = format!("{verb} leads to {to}, where no data connection is made: {why}");
            let cure = format!("{cure}; the whole range from pasv_min_port to pasv_max_port is needed");
            findings.add_with_cure(State::Trouble, subject, sentence, cure);
        }
    }
}

/// Lists over a data connection to an address; tells how many octets came.
fn fetch(talk: &mut Talk, to: SocketAddr) -> io::Result<usize> {
    let stream = TcpStream::connect_timeout(&to, PATIENCE)?;
    talk.send("LIST")?;
    finish(talk, &stream)
}

fn finish(talk: &mut Talk, stream: &TcpStream) -> io::Result<usize> {
    let reply = talk.reply()?;
    if !(100..200).contains(&reply.code) {
        return Err(io::Error::other(reply.to_string()));
    }
    let octets = read(stream)?;
    let reply = talk.reply()?;
    if reply.is_good() { Ok(octets) } else { Err(io::Error::other(reply.to_string())) }
}

fn read(mut stream: &TcpStream) -> io::Result<usize> {
    stream.set_read_timeout(Some(PATIENCE))?;
    let (mut octets, mut buffer) = (0, [0; 4096]);
    // A list of a megabyte proves as much as a longer one.
    while octets < 1 << 20 {
        match stream.read(&mut buffer)? {
            0 => break,
            more => octets += more,
        }
    }
    Ok(octets)
}

fn active(talk: &mut Talk, findings: &mut Findings) {
    let Ok(listener) = TcpListener::bind((talk.local.ip(), 0)) else { return };
    let Ok(port) = listener.local_addr().map(|address| address.port()) else { return };
    let command = match talk.local.ip() {
        IpAddr::V4(ip) => {
            let ([a, b, c, d], [high, low]) = (ip.octets(), port.to_be_bytes());
            format!("PORT {a},{b},{c},{d},{high},{low}")
        }
        IpAddr::V6(ip) => format!("EPRT |2|{ip}|{port}|"),
    };
    let is_private = matches!(talk.local.ip(), IpAddr::V4(ip) if scope::is_local(ip));
    let here = if is_private {
        ": this machine is behind a translation itself, so that says nothing about the server"
    } else {
        ""
    };
    match talk.ask(&command) {
        Ok(reply) if reply.is_good() => {}
        Ok(reply) => {
            return findings.add(
                State::Note,
                "port",
                format!("active connections are refused ({reply}){here}"),
            );
        }
        Err(error) => {
            return findings.add(State::Trouble, "port", format!("PORT got no answer: {}", words(&error)));
        }
    }
    let mut list = || -> io::Result<usize> {
        talk.send("LIST")?;
        let (stream, _) = accept(&listener)?;
        stream.set_nonblocking(false)?;
        finish(talk, &stream)
    };
    match list() {
        Ok(octets) => {
            findings.add(State::Good, "port", format!("active connections work: {octets} octets came"));
        }
        Err(_) => {
            let sentence = format!("active connections (PORT) do not come through{here}");
            findings.add_with_cure(
                State::Note,
                "port",
                sentence,
                "use passive connections; every client can",
            );
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn patient(host: &str) -> (String, u16) {
        let patient = Patient::new(host, None, None).map_err(drop).unwrap();
        (patient.host, patient.port)
    }

    #[test]
    fn hosts_are_read_with_and_without_port_and_brackets() {
        assert_eq!(patient("ftp.example.org"), ("ftp.example.org".into(), 21));
        assert_eq!(patient("192.0.2.1:2121"), ("192.0.2.1".into(), 2121));
        assert_eq!(patient("2001:db8::1"), ("2001:db8::1".into(), 21));
        assert_eq!(patient("[2001:db8::1]:990"), ("2001:db8::1".into(), 990));
        assert!(Patient::new("host:ftp", None, None).is_err());
        assert!(Patient::new("host", Some("x\r\nDELE y".into()), Some("/dev/null")).is_err());
    }

    #[test]
    fn refusal_and_silence_mean_different_things() {
        let (refused, _) = no_connection(&io::ErrorKind::ConnectionRefused.into(), 50000);
        let (silent, cure) = no_connection(&io::ErrorKind::TimedOut.into(), 50000);
        assert!(refused.contains("nobody listens") && silent.contains("firewall"));
        assert!(cure.contains("TCP 50000"));
    }
}
