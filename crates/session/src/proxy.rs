//! What a trusted proxy says before its client's own octets (the PROXY protocol, versions 1 and 2).
//!
//! The specification is HAProxy's `doc/proxy-protocol.txt` of 2020/03/05. Only connections from `proxy_protocol_from`
//! come here; of others such a line is a command like any, and refused as one. Exactly the header is taken out of the
//! stream. A proxy that begins with something else is closed: whose octets these are nobody knows.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::os::fd::OwnedFd;
use std::time::Duration;

use rustix::net::RecvFlags;
use tokio::io::Interest;
use tokio::io::unix::AsyncFd;

use crate::watch::watch;

/// How long a proxy may take to send its header, which goes with its first segment.
pub(crate) const PATIENCE: Duration = Duration::from_secs(10);

/// The longest line of version 1 (§2.1), and more than proxies send of version 2 with its extensions.
const LONGEST_LINE: usize = 107;
const LONGEST: usize = 2048;

const SIGNATURE: &[u8; 12] = b"\r\n\r\n\0\r\nQUIT\n";

/// For whom a connection was made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Header {
    /// For a client of the proxy, and which address that called.
    Client {
        /// Who it is.
        peer: SocketAddr,
        /// Where it went.
        local: SocketAddr,
    },
    /// For the proxy itself: it looks whether we are well.
    Itself,
}

/// What the first octets are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Seen {
    /// The beginning of a header.
    More,
    /// A header of this length.
    Whole(Header, usize),
    /// No header.
    Nonsense,
}

/// Takes the header from the front of a connection and gives the connection back.
///
/// # Errors
/// When there is none, or none in time.
pub(crate) async fn unwrap(socket: OwnedFd) -> io::Result<(Header, OwnedFd)> {
    let socket = watch(socket, Interest::READABLE)?;
    let header = tokio::time::timeout(PATIENCE, take(&socket))
        .await
        .map_err(|_| io::Error::new(io::ErrorKind::TimedOut, "no header came in time"))??;
    Ok((header, socket.into_inner()))
}

async fn take(socket: &AsyncFd<OwnedFd>) -> io::Result<Header> {
    let nonsense = || io::Error::new(io::ErrorKind::InvalidData, "it begins with no header");
    let mut octets = [0; LONGEST];
    loop {
        let mut ready = socket.readable().await?;
        let is_over = ready.ready().is_read_closed();
        match rustix::net::recv(socket.get_ref(), &mut octets[..], RecvFlags::PEEK).map_err(io::Error::from) {
            Ok((read, _)) => match seen(octets.get(..read).unwrap_or_default()) {
                Seen::Whole(header, length) => {
                    // It was all there a moment ago, so it comes at once.
                    let room = octets.get_mut(..length).unwrap_or_default();
                    rustix::net::recv(socket.get_ref(), room, RecvFlags::empty())?;
                    return Ok(header);
                }
                Seen::More if read > 0 && !is_over => {}
                Seen::More | Seen::Nonsense => return Err(nonsense()),
            },
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
            Err(error) => return Err(error),
        }
        ready.clear_ready();
    }
}

fn seen(octets: &[u8]) -> Seen {
    let common = octets.len().min(SIGNATURE.len());
    if octets.get(..common) == SIGNATURE.get(..common) {
        return if octets.len() < SIGNATURE.len() {
            Seen::More
        } else {
            binary(octets).unwrap_or(Seen::More)
        };
    }
    let line = octets.get(..LONGEST_LINE).unwrap_or(octets);
    let begins = b"PROXY ";
    let common = line.len().min(begins.len());
    if line.get(..common) != begins.get(..common) {
        return Seen::Nonsense;
    }
    match line.windows(2).position(|end| end == b"\r\n") {
        Some(at) => text(line.get(..at).unwrap_or_default())
            .map_or(Seen::Nonsense, |header| Seen::Whole(header, at + 2)),
        None if line.len() == LONGEST_LINE => Seen::Nonsense,
        None => Seen::More,
    }
}

/// Version 1 (§2.1): `PROXY TCP4 192.0.2.1 198.51.100.1 50000 21`.
fn text(line: &[u8]) -> Option<Header> {
    let line = std::str::from_utf8(line).ok()?;
    let words: Vec<&str> = line.split(' ').collect();
    match words.as_slice() {
        // The rest of such a line means nothing.
        ["PROXY", "UNKNOWN", ..] => Some(Header::Itself),
        ["PROXY", "TCP4", peer, local, from, to] => {
            let (peer, local): (Ipv4Addr, Ipv4Addr) = (peer.parse().ok()?, local.parse().ok()?);
            client((peer.into(), port(from)?), (local.into(), port(to)?))
        }
        ["PROXY", "TCP6", peer, local, from, to] => {
            let (peer, local): (Ipv6Addr, Ipv6Addr) = (peer.parse().ok()?, local.parse().ok()?);
            client((peer.into(), port(from)?), (local.into(), port(to)?))
        }
        _ => None,
    }
}

fn port(text: &str) -> Option<u16> {
    let is_plain =
        text.bytes().all(|octet| octet.is_ascii_digit()) && (text == "0" || !text.starts_with('0'));
    text.parse().ok().filter(|_| is_plain)
}

/// Version 2 (§2.2); `None` when more is needed.
fn binary(octets: &[u8]) -> Option<Seen> {
    let (head, rest) = octets.split_at_checked(16)?;
    let &[.., what, family, high, low] = head else { return None };
    let length = usize::from(u16::from_be_bytes([high, low]));
    if 16 + length > LONGEST {
        return Some(Seen::Nonsense);
    }
    let body = rest.get(..length)?;
    let header = match (what, family) {
        // LOCAL, whatever follows; and PROXY for something that has no address.
        (0x20, _) | (0x21, 0x00) => Some(Header::Itself),
        (0x21, 0x11) => addresses::<4, 12>(body),
        (0x21, 0x21) => addresses::<16, 36>(body),
        // Another version, another command, datagrams, sockets of the file system.
        _ => None,
    };
    Some(header.map_or(Seen::Nonsense, |header| Seen::Whole(header, 16 + length)))
}

/// Both addresses, then both ports; extensions may follow.
fn addresses<const WIDTH: usize, const ALL: usize>(body: &[u8]) -> Option<Header>
where
    [u8; WIDTH]: Into<IpAddr>,
{
    let all: &[u8; ALL] = body.first_chunk()?;
    let (peer, rest) = all.split_first_chunk::<WIDTH>()?;
    let (local, ports) = rest.split_first_chunk::<WIDTH>()?;
    let &[a, b, c, d] = ports else { return None };
    client(((*peer).into(), u16::from_be_bytes([a, b])), ((*local).into(), u16::from_be_bytes([c, d])))
}

/// Nobody connects from an address that is nobody's.
fn client((peer, from): (IpAddr, u16), (local, to): (IpAddr, u16)) -> Option<Header> {
    let is_somebody = !peer.is_unspecified() && !peer.is_multicast();
    let at = |ip: IpAddr, port| SocketAddr::new(ip.to_canonical(), port);
    is_somebody.then(|| Header::Client { peer: at(peer, from), local: at(local, to) })
}

#[cfg(test)]
mod tests {
    use std::io::{Read, Write};
    use std::net::{TcpListener, TcpStream};

    use super::*;

    fn v2(what: u8, family: u8, body: &[u8]) -> Vec<u8> {
        let length = u16::try_from(body.len()).unwrap().to_be_bytes();
        [&SIGNATURE[..], &[what, family], &length, body].concat()
    }

    fn tcp4() -> Vec<u8> {
        vec![192, 0, 2, 1, 198, 51, 100, 1, 0xc3, 0x50, 0, 21]
    }

    fn whole(peer: &str, local: &str, length: usize) -> Seen {
        Seen::Whole(Header::Client { peer: peer.parse().unwrap(), local: local.parse().unwrap() }, length)
    }

    #[test]
    fn both_versions_name_the_client_and_where_it_went() {
        let line = b"PROXY TCP4 192.0.2.1 198.51.100.1 50000 21\r\n";
        assert_eq!(seen(line), whole("192.0.2.1:50000", "198.51.100.1:21", line.len()));
        let line = b"PROXY TCP6 2001:db8::1 ::1 50000 21\r\nUSER x\r\n";
        assert_eq!(seen(line), whole("[2001:db8::1]:50000", "[::1]:21", line.len() - 8));
        let binary = v2(0x21, 0x11, &tcp4());
        assert_eq!(seen(&binary), whole("192.0.2.1:50000", "198.51.100.1:21", 28));
        let with_extension = v2(0x21, 0x11, &[tcp4(), vec![3, 0, 4, 1, 2, 3, 4]].concat());
        assert_eq!(seen(&with_extension), whole("192.0.2.1:50000", "198.51.100.1:21", 35));
        let mut six = vec![0; 36];
        (six[15], six[31], six[33], six[35]) = (1, 2, 9, 21);
        assert_eq!(seen(&v2(0x21, 0x21, &six)), whole("[::1]:9", "[::2]:21", 52));
    }

    #[test]
    fn a_proxy_that_speaks_for_itself_is_itself() {
        assert_eq!(seen(b"PROXY UNKNOWN\r\n"), Seen::Whole(Header::Itself, 15));
        assert_eq!(seen(b"PROXY UNKNOWN ffff::1 x y\r\n"), Seen::Whole(Header::Itself, 27));
        assert_eq!(seen(&v2(0x20, 0x00, &[])), Seen::Whole(Header::Itself, 16));
        assert_eq!(seen(&v2(0x20, 0x11, &tcp4())), Seen::Whole(Header::Itself, 28));
        assert_eq!(seen(&v2(0x21, 0x00, &[7; 9])), Seen::Whole(Header::Itself, 25));
    }

    #[test]
    fn every_beginning_asks_for_more() {
        for whole in [b"PROXY TCP4 192.0.2.1 198.51.100.1 50000 21\r\n".to_vec(), v2(0x21, 0x11, &tcp4())] {
            for at in 0..whole.len() {
                assert_eq!(seen(&whole[..at]), Seen::More, "{at}");
            }
        }
    }

    #[test]
    fn hostile_headers_are_nonsense() {
        for line in [
            "USER anonymous\r\n",
            "proxy TCP4 192.0.2.1 198.51.100.1 50000 21\r\n",
            "PROXY  TCP4 192.0.2.1 198.51.100.1 50000 21\r\n",
            "PROXY TCP4 192.0.2.1 198.51.100.1 50000 21 \r\n",
            "PROXY TCP4 192.0.2.1 198.51.100.1 50000\r\n",
            "PROXY TCP4 ::1 ::1 50000 21\r\n",
            "PROXY TCP6 192.0.2.1 198.51.100.1 50000 21\r\n",
            "PROXY TCP4 192.0.2.1 198.51.100.1 +50000 21\r\n",
            "PROXY TCP4 192.0.2.1 198.51.100.1 050 21\r\n",
            "PROXY TCP4 192.0.2.1 198.51.100.1 70000 21\r\n",
            "PROXY TCP4 192.0.2.1 198.51.100.1  21\r\n",
            "PROXY TCP4 0.0.0.0 198.51.100.1 50000 21\r\n",
            "PROXY TCP4 224.0.0.1 198.51.100.1 50000 21\r\n",
            "PROXY TCP4 192.0.2.1\n198.51.100.1 50000 21\r\n",
            "PROXY\r\n",
        ] {
            assert_eq!(seen(line.as_bytes()), Seen::Nonsense, "{line:?}");
        }
        assert_eq!(
            seen(&[b"PROXY TCP6 ", &[b'1'; 200][..]].concat()),
            Seen::Nonsense,
            "a line without an end"
        );
        for (what, family, body) in [
            (0x21, 0x11, &tcp4()[..11]),
            (0x21, 0x21, &tcp4()[..]),
            (0x21, 0x12, &tcp4()[..]),
            (0x21, 0x31, &[0; 216]),
            (0x11, 0x11, &tcp4()[..]),
            (0x22, 0x11, &tcp4()[..]),
            (0x21, 0x11, &[0; 12]),
        ] {
            assert_eq!(seen(&v2(what, family, body)), Seen::Nonsense, "{what:x} {family:x}");
        }
        assert_eq!(seen(&[&SIGNATURE[..], &[0x21, 0x11, 0xff, 0xff]].concat()), Seen::Nonsense, "too long");
    }

    #[tokio::test]
    async fn the_header_is_taken_and_not_an_octet_more() {
        for header in [b"PROXY TCP4 192.0.2.1 198.51.100.1 50000 21\r\n".to_vec(), v2(0x21, 0x11, &tcp4())] {
            let listener = TcpListener::bind("127.0.0.1:0").unwrap();
            let mut proxy = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
            let (ours, _) = listener.accept().unwrap();
            ours.set_nonblocking(true).unwrap();
            let said = async {
                for octet in [&header[..], b"USER"].concat() {
                    proxy.write_all(&[octet]).unwrap();
                    tokio::task::yield_now().await;
                }
            };
            let (unwrapped, ()) = tokio::join!(unwrap(ours.into()), said);
            let (found, ours) = unwrapped.unwrap();
            assert!(matches!(found, Header::Client { peer, .. } if peer.port() == 50000));
            drop(proxy);
            let mut rest = String::new();
            let mut ours = TcpStream::from(ours);
            ours.set_nonblocking(false).unwrap();
            ours.read_to_string(&mut rest).unwrap();
            assert_eq!(rest, "USER");
        }
    }

    #[tokio::test]
    async fn a_proxy_that_hangs_up_is_an_error() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let mut proxy = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        let (ours, _) = listener.accept().unwrap();
        ours.set_nonblocking(true).unwrap();
        proxy.write_all(b"PROXY TCP4 ").unwrap();
        drop(proxy);
        assert!(unwrap(ours.into()).await.is_err());
    }
}
