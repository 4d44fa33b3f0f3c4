//! The client's end of data connections (RFC 959 §3.2, RFC 2428).

use std::io::{Read, Write};
use std::net::{IpAddr, Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream};
use std::time::{Duration, Instant};

use crate::control::{Control, Reply, silence};
use crate::dial::dial;
use crate::script::Way;

/// The most data that is read from one transfer; both servers are cut at the same place.
const MOST_DATA: u64 = 64 << 20;

/// Ports below this are for system services only; active connections may come from there.
const FIRST_ORDINARY_PORT: u16 = 1024;

/// A data connection that is agreed, and made or not yet made.
#[derive(Debug)]
pub(crate) enum Data {
    Made(TcpStream),
    /// The server is going to connect here.
    Awaited(TcpListener),
    /// It could not be made; said in words.
    Failed(String),
}

/// What came over a data connection, and how it ended.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Received {
    pub(crate) octets: Vec<u8>,
    /// Empty when it ended in order.
    pub(crate) trouble: &'static str,
}

/// Returns what to say to the server to get a data connection; for active ones, where it will be awaited.
pub(crate) fn offer(
    way: Way,
    source: Option<IpAddr>,
    control: &Control,
) -> std::io::Result<(Vec<u8>, Option<TcpListener>)> {
    let ip = source.unwrap_or(control.ends()?.0.ip());
    let listener = match way {
        Way::Epsv => return Ok((b"EPSV".to_vec(), None)),
        Way::Pasv => return Ok((b"PASV".to_vec(), None)),
        Way::Port | Way::Eprt => TcpListener::bind((ip, 0))?,
    };
    let port = listener.local_addr()?.port();
    let command = match (way, ip) {
        (Way::Port, IpAddr::V4(ip)) => {
            let [a, b, c, d] = ip.octets();
            let [high, low] = port.to_be_bytes();
            format!("PORT {a},{b},{c},{d},{high},{low}")
        }
        (_, IpAddr::V4(ip)) => format!("EPRT |1|{ip}|{port}|"),
        (_, IpAddr::V6(ip)) => format!("EPRT |2|{ip}|{port}|"),
    };
    Ok((command.into_bytes(), Some(listener)))
}

impl Data {
    /// Makes the passive data connection that a reply invites to.
    pub(crate) fn passive(
        reply: &Reply,
        way: Way,
        source: Option<IpAddr>,
        server: SocketAddr,
        patience: Duration,
    ) -> Self {
        let port = match way {
            Way::Pasv => address(reply.last()).map(|address| address.port()),
            _ => port(reply.last()),
        };
        let Some(port) = port else { return Self::Failed("the reply names no port".into()) };
        // Security: a server that names another machine's address is not followed there.
        let to = SocketAddr::new(server.ip(), port);
        match dial(source, to, patience) {
            Ok(stream) => Self::Made(stream),
            Err(error) => Self::Failed(format!("no data connection: {}", error.kind())),
        }
    }

    /// Waits for the server's active connection; says from what kind of port it came.
    pub(crate) fn made(self, patience: Duration) -> (Result<TcpStream, String>, Option<&'static str>) {
        let listener = match self {
            Self::Made(stream) => return (Ok(stream), None),
            Self::Failed(why) => return (Err(why), None),
            Self::Awaited(listener) => listener,
        };
        let end = Instant::now() + patience;
        if let Err(error) = listener.set_nonblocking(true) {
            return (Err(error.to_string()), None);
        }
        loop {
            match listener.accept() {
                Ok((stream, from)) => {
                    let kind = if from.port() < FIRST_ORDINARY_PORT {
                        "the data connection comes from a port of the system"
                    } else {
                        "the data connection comes from an ordinary port"
                    };
                    let blocks = stream.set_nonblocking(false).map_err(|error| error.to_string());
                    return (blocks.map(|()| stream), Some(kind));
                }
                Err(error) if error.kind() == std::io::ErrorKind::WouldBlock && Instant::now() < end => {
                    std::thread::sleep(Duration::from_millis(2));
                }
                Err(_) => return (Err("the server made no data connection in time".into()), None),
            }
        }
    }
}

/// Reads data to its end.
pub(crate) fn receive(stream: &TcpStream, patience: Duration) -> Received {
    let mut octets = Vec::new();
    let set = stream.set_read_timeout(Some(patience));
    let trouble = match set.and_then(|()| stream.take(MOST_DATA).read_to_end(&mut octets)) {
        Ok(length) if length as u64 == MOST_DATA => "the rest of the data was not looked at",
        Ok(_) => "",
        Err(error) if error.kind() == std::io::ErrorKind::ConnectionReset => "the data connection was reset",
        Err(error) => silence(&error).unwrap_or("the data connection failed"),
    };
    Received { octets, trouble }
}

/// Sends data and ends the connection; a server that does not want it shows in its reply.
pub(crate) fn give(mut stream: &TcpStream, octets: &[u8], patience: Duration) {
    let sent = stream.set_write_timeout(Some(patience)).and_then(|()| stream.write_all(octets));
    sent.and_then(|()| stream.shutdown(Shutdown::Write)).unwrap_or_default();
}

fn port(line: &[u8]) -> Option<u16> {
    let mut fields = line.rsplit(|octet| *octet == b'|');
    std::str::from_utf8(fields.nth(1)?).ok()?.parse().ok()
}

fn address(line: &[u8]) -> Option<SocketAddr> {
    let text = std::str::from_utf8(line).ok()?;
    let inside = text.split_once('(')?.1.split_once(')')?.0;
    let numbers: Vec<u8> = inside.split(',').map(str::parse).collect::<Result<_, _>>().ok()?;
    let [a, b, c, d, high, low] = numbers.as_slice().try_into().ok()?;
    Some((Ipv4Addr::new(a, b, c, d), u16::from_be_bytes([high, low])).into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_port_is_found_in_both_replies() {
        assert_eq!(port(b"229 Entering Extended Passive Mode (|||21193|)\r\n"), Some(21193));
        let reply = b"227 Entering Passive Mode (127,0,0,1,82,189).\r\n";
        assert_eq!(address(reply), Some("127.0.0.1:21181".parse().unwrap()));
        for wrong in [&b"229 (|||99999|)"[..], b"229 no", b"227 (1,2,3,4,5)"] {
            assert_eq!((port(wrong), address(wrong)), (None, None));
        }
    }

    #[test]
    fn data_that_ends_with_a_reset_says_so() {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let mut near = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        let far = listener.accept().unwrap().0;
        // Unread data at the close makes the kernel reset.
        near.write_all(b"x").unwrap();
        far.peek(&mut [0]).unwrap();
        drop(far);
        assert_eq!(receive(&near, Duration::from_secs(10)).trouble, "the data connection was reset");
    }

    #[test]
    fn a_server_that_never_connects_is_not_awaited_for_ever() {
        let data = Data::Awaited(TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap());
        assert!(data.made(Duration::from_millis(20)).0.is_err());
    }
}
