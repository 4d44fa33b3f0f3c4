//! Sockets of the listener: listening, accepting, dialling; and the one that leads to the system log.
//!
//! Every descriptor is close-on-exec and does not wait. Who may connect, and to where we dial, is decided by the
//! listener. Nothing here reads from a connection.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::os::fd::{AsFd, OwnedFd};
use std::path::Path;

use rustix::io::{Errno, retry_on_intr};
use rustix::net::{
    AddressFamily, SocketAddrAny, SocketAddrUnix, SocketFlags, SocketType, acceptfrom_with, bind, connect,
    getpeername, getsockname, listen, socket_with, sockopt,
};

use crate::context::Context;

/// How many finished handshakes may wait to be accepted; the kernel cuts it to `net.core.somaxconn`.
const BACKLOG: i32 = 1024;

/// `IPTOS_THROUGHPUT` (RFC 1349), what FTP servers have always asked for on data connections.
const THROUGHPUT: u8 = 0x08;

const FLAGS: SocketFlags = SocketFlags::CLOEXEC.union(SocketFlags::NONBLOCK);

/// Which callers a listening IPv6 socket serves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Family {
    /// IPv6 callers only.
    Only,
    /// IPv4 callers as well, who appear as mapped addresses until [`canonical`] turns them back.
    Dual,
}

/// Listens on an address; `family` matters for IPv6 addresses.
///
/// Ports that connections of an earlier run still linger on can be taken; ports that somebody listens on cannot.
pub fn listening(address: SocketAddr, family: Family) -> io::Result<OwnedFd> {
    let open = || -> io::Result<OwnedFd> {
        let socket = stream(address.ip())?;
        if address.is_ipv6() {
            sockopt::set_ipv6_v6only(&socket, family == Family::Only)?;
        }
        sockopt::set_socket_reuseaddr(&socket, true)?;
        bind(&socket, &address)?;
        listen(&socket, BACKLOG)?;
        Ok(socket)
    };
    open().context(|| format!("cannot listen on {address}"))
}

fn stream(ip: IpAddr) -> io::Result<OwnedFd> {
    let family = if ip.is_ipv4() { AddressFamily::INET } else { AddressFamily::INET6 };
    Ok(socket_with(family, SocketType::STREAM, FLAGS, None)?)
}

/// Accepts one connection and tells who calls; `None` when nobody waits.
///
/// Callers who hung up before we came are passed over. `EMFILE` and its like are passed on: the caller should stop
/// accepting for a moment, for the connection stays where it is.
pub fn accept(listener: impl AsFd) -> io::Result<Option<(OwnedFd, SocketAddr)>> {
    loop {
        match acceptfrom_with(&listener, FLAGS) {
            Ok((connection, Some(peer))) => return Ok(Some((connection, address(peer)?))),
            // Gone between accept and the look at its address.
            Ok((_, None)) | Err(Errno::INTR | Errno::CONNABORTED | Errno::PROTO) => {}
            Err(Errno::AGAIN) => return Ok(None),
            // Errors of the network that accept(2) reports in place of the connection they ended.
            Err(
                Errno::NETDOWN | Errno::NOPROTOOPT | Errno::HOSTDOWN | Errno::HOSTUNREACH | Errno::NETUNREACH,
            ) => {}
            Err(errno) => return Err(errno.into()),
        }
    }
}

/// Sets what every control connection wants.
///
/// Replies leave at once; a peer that has vanished is noticed; urgent data stays in its place in the stream, where the
/// Telnet interrupt before an `ABOR` belongs (RFC 959 §4.1.3).
pub fn control_options(connection: impl AsFd) -> io::Result<()> {
    sockopt::set_tcp_nodelay(&connection, true)?;
    sockopt::set_socket_keepalive(&connection, true)?;
    Ok(sockopt::set_socket_oobinline(&connection, true)?)
}

/// The shortest time without an acknowledgement that ends a connection: a cut of ten seconds must not.
const LEAST_PATIENCE: std::time::Duration = std::time::Duration::from_secs(15);

/// Has the kernel probe a connection that has been silent for so long, and end it when nothing is acknowledged for twice
/// that time, whether probes or data; what a listening socket has is passed on to its connections.
///
/// Routers forget silent connections, and a peer that was switched off says no goodbye.
pub fn probe_silence(connection: impl AsFd, after: std::time::Duration) -> io::Result<()> {
    let pause = (after / 4).max(std::time::Duration::from_secs(1));
    sockopt::set_socket_keepalive(&connection, true)?;
    sockopt::set_tcp_keepidle(&connection, after)?;
    sockopt::set_tcp_keepintvl(&connection, pause)?;
    sockopt::set_tcp_keepcnt(&connection, 4)?;
    let patience = (after * 2).max(LEAST_PATIENCE).as_millis();
    Ok(sockopt::set_tcp_user_timeout(&connection, u32::try_from(patience).unwrap_or(u32::MAX))?)
}

/// Asks routers for throughput on a data connection; a wish, whose failure means nothing.
pub fn ask_for_throughput(connection: impl AsFd) {
    let _ = sockopt::set_ip_tos(&connection, THROUGHPUT);
    let _ = sockopt::set_ipv6_tclass(&connection, THROUGHPUT.into());
}

/// Makes closing a connection throw away what is unsent and reset the peer.
pub fn reset_on_close(connection: impl AsFd) -> io::Result<()> {
    Ok(sockopt::set_socket_linger(connection, Some(std::time::Duration::ZERO))?)
}

/// Begins a connection from `local` to `peer`; it is decided when the socket becomes writable.
///
/// A local port that other connections use, such as 20, may be used again for another peer. Port 0 lets the kernel
/// choose. Then ask [`dial_result`].
pub fn dial(local: SocketAddr, peer: SocketAddr) -> io::Result<OwnedFd> {
    let open = || -> io::Result<OwnedFd> {
        let socket = stream(peer.ip())?;
        sockopt::set_socket_reuseaddr(&socket, true)?;
        bind(&socket, &local).context(|| format!("cannot use the local address {local}"))?;
        match connect(&socket, &peer) {
            Ok(()) | Err(Errno::INPROGRESS | Errno::INTR) => Ok(socket),
            Err(errno) => Err(errno.into()),
        }
    };
    open().context(|| format!("cannot connect to {peer}"))
}

/// Tells how a [`dial`] came out, once the socket is writable.
pub fn dial_result(connection: impl AsFd) -> io::Result<()> {
    Ok(sockopt::socket_error(connection)??)
}

/// Tells our own address of a socket.
pub fn local_address(socket: impl AsFd) -> io::Result<SocketAddr> {
    address(getsockname(socket)?)
}

/// Tells the peer's address of a connection.
pub fn peer_address(connection: impl AsFd) -> io::Result<SocketAddr> {
    match getpeername(connection)? {
        Some(peer) => address(peer),
        None => Err(Errno::NOTCONN.into()),
    }
}

fn address(any: SocketAddrAny) -> io::Result<SocketAddr> {
    let address: SocketAddr =
        any.try_into().map_err(|_| io::Error::new(io::ErrorKind::Unsupported, "not an Internet address"))?;
    Ok(canonical(address))
}

/// Turns an IPv4 address that came through an IPv6 socket back into itself.
///
/// Rules, limits and logs are written for `192.0.2.1`, not for `::ffff:192.0.2.1`.
pub fn canonical(address: SocketAddr) -> SocketAddr {
    match address.ip().to_canonical() {
        IpAddr::V4(v4) => SocketAddr::new(v4.into(), address.port()),
        IpAddr::V6(_) => address,
    }
}

/// The address that means "any of ours" in the family of `peer`.
pub fn unspecified_for(peer: SocketAddr, port: u16) -> SocketAddr {
    let ip =
        if peer.is_ipv4() { IpAddr::V4(Ipv4Addr::UNSPECIFIED) } else { IpAddr::V6(Ipv6Addr::UNSPECIFIED) };
    SocketAddr::new(ip, port)
}

/// Opens the way to the system log: a datagram socket connected to `/dev/log`.
///
/// It is opened by the process that can see the path and handed to those that cannot. Never waits: a log daemon that is
/// stuck must not hold a transfer.
pub fn system_log() -> io::Result<OwnedFd> {
    datagram_to(Path::new("/dev/log"))
}

/// Opens a datagram socket connected to a socket in the file system.
pub fn datagram_to(path: &Path) -> io::Result<OwnedFd> {
    let open = || -> io::Result<OwnedFd> {
        let socket = socket_with(AddressFamily::UNIX, SocketType::DGRAM, FLAGS, None)?;
        retry_on_intr(|| connect(&socket, &SocketAddrUnix::new(path)?))?;
        Ok(socket)
    };
    open().context(|| format!("cannot reach {}", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::epoll::{Interest, Poller};
    use std::io::Read;

    fn wait(socket: &OwnedFd, interest: Interest) {
        let poller = Poller::new().unwrap();
        poller.add(socket, 0, interest).unwrap();
        poller.wait(&mut Vec::new(), None).unwrap();
    }

    fn any_port(ip: &str) -> SocketAddr {
        SocketAddr::new(ip.parse().unwrap(), 0)
    }

    #[test]
    fn a_call_is_accepted_with_both_addresses_known() {
        for ip in ["127.0.0.1", "::1"] {
            let Ok(listener) = listening(any_port(ip), Family::Only) else {
                println!("skipped: this machine has no {ip}");
                continue;
            };
            assert!(accept(&listener).unwrap().is_none());
            let to = local_address(&listener).unwrap();
            let call = dial(any_port(ip), to).unwrap();
            wait(&call, Interest::Write);
            dial_result(&call).unwrap();
            wait(&listener, Interest::Read);
            let (connection, peer) = accept(&listener).unwrap().unwrap();
            assert_eq!(peer, local_address(&call).unwrap());
            assert_eq!(peer_address(&call).unwrap(), to);
            control_options(&connection).unwrap();
            ask_for_throughput(&connection);
            let mut stream = std::net::TcpStream::from(connection);
            let error = stream.read(&mut [0]).unwrap_err();
            assert_eq!(error.kind(), io::ErrorKind::WouldBlock);
        }
    }

    #[test]
    fn connections_inherit_how_silence_is_probed() {
        let listener = listening(any_port("127.0.0.1"), Family::Only).unwrap();
        probe_silence(&listener, std::time::Duration::from_secs(60)).unwrap();
        let _call = dial(any_port("127.0.0.1"), local_address(&listener).unwrap()).unwrap();
        wait(&listener, Interest::Read);
        let (connection, _) = accept(&listener).unwrap().unwrap();
        assert!(sockopt::socket_keepalive(&connection).unwrap());
        assert_eq!(sockopt::tcp_keepidle(&connection).unwrap().as_secs(), 60);
        assert_eq!(sockopt::tcp_keepintvl(&connection).unwrap().as_secs(), 15);
        assert_eq!(sockopt::tcp_keepcnt(&connection).unwrap(), 4);
        assert_eq!(sockopt::tcp_user_timeout(&connection).unwrap(), 120_000);
    }

    #[test]
    fn a_refused_dial_says_so_and_names_the_peer_or_the_reason() {
        let listener = listening(any_port("127.0.0.1"), Family::Only).unwrap();
        let to = local_address(&listener).unwrap();
        drop(listener);
        let refused = dial(any_port("127.0.0.1"), to).and_then(|call| {
            wait(&call, Interest::Write);
            dial_result(&call)
        });
        assert_eq!(refused.unwrap_err().kind(), io::ErrorKind::ConnectionRefused);
    }

    #[test]
    fn a_dual_socket_shows_old_callers_by_their_old_address() {
        let Ok(listener) = listening(any_port("::"), Family::Dual) else {
            println!("skipped: this machine has no IPv6");
            return;
        };
        let to = SocketAddr::new("127.0.0.1".parse().unwrap(), local_address(&listener).unwrap().port());
        let call = dial(any_port("127.0.0.1"), to).unwrap();
        wait(&listener, Interest::Read);
        let (_, peer) = accept(&listener).unwrap().unwrap();
        assert_eq!(peer, local_address(&call).unwrap());
        assert!(peer.is_ipv4());
    }

    #[test]
    fn a_port_that_is_taken_is_named_in_the_error() {
        let listener = listening(any_port("127.0.0.1"), Family::Only).unwrap();
        let taken = local_address(&listener).unwrap();
        let error = listening(taken, Family::Only).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::AddrInUse);
        assert!(error.to_string().contains(&taken.to_string()), "{error}");
    }

    #[test]
    fn one_local_port_dials_two_peers_at_once() {
        let one = listening(any_port("127.0.0.1"), Family::Only).unwrap();
        let other = listening(any_port("127.0.0.1"), Family::Only).unwrap();
        let first = dial(any_port("127.0.0.1"), local_address(&one).unwrap()).unwrap();
        let port_20 = local_address(&first).unwrap();
        let second = dial(port_20, local_address(&other).unwrap()).unwrap();
        wait(&second, Interest::Write);
        dial_result(&second).unwrap();
        assert_eq!(local_address(&second).unwrap(), port_20);
    }

    #[test]
    fn a_datagram_reaches_a_socket_in_the_file_system() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("log");
        assert!(datagram_to(&path).unwrap_err().to_string().contains("log"));
        let receiver = std::os::unix::net::UnixDatagram::bind(&path).unwrap();
        let sender = std::os::unix::net::UnixDatagram::from(datagram_to(&path).unwrap());
        sender.send(b"<14>hello").unwrap();
        let mut buffer = [0; 16];
        assert_eq!(receiver.recv(&mut buffer).unwrap(), 9);
    }
}
