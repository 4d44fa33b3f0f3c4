//! Makes connections to a server, from an address of this machine if one is named.

use std::io::Result;
use std::net::{IpAddr, SocketAddr, TcpStream};
use std::time::Duration;

use rustix::net::sockopt::{Timeout, set_socket_timeout};
use rustix::net::{AddressFamily, SocketFlags, SocketType, bind, connect, socket_with};

/// Connects; waits no longer than `patience`.
///
/// # Errors
/// The system's, when nothing listens there, nothing answers in time, or the source is no address of this machine.
pub(crate) fn dial(source: Option<IpAddr>, to: SocketAddr, patience: Duration) -> Result<TcpStream> {
    let Some(source) = source else { return TcpStream::connect_timeout(&to, patience) };
    let family = if to.is_ipv4() { AddressFamily::INET } else { AddressFamily::INET6 };
    let socket = socket_with(family, SocketType::STREAM, SocketFlags::CLOEXEC, None)?;
    // The limit on sending holds for connecting, too (socket(7)).
    set_socket_timeout(&socket, Timeout::Send, Some(patience))?;
    bind(&socket, &SocketAddr::new(source, 0))?;
    connect(&socket, &to)?;
    Ok(TcpStream::from(socket))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::{Ipv4Addr, TcpListener};

    #[test]
    fn a_connection_comes_from_the_address_that_is_named() {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let source = IpAddr::from([127, 0, 0, 2]);
        let patience = Duration::from_secs(10);
        let _near = dial(Some(source), listener.local_addr().unwrap(), patience).unwrap();
        assert_eq!(listener.accept().unwrap().1.ip(), source);
    }
}
