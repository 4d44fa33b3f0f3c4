//! Sockets that were opened before us by whoever starts us (systemd's socket activation, `sd_listen_fds(3)`).
//!
//! From systemd they arrive as the descriptors from 3 on; three variables say how many there are, for which process, and
//! what each is called. Others hand over descriptors whose numbers the configuration names. They keep listening while the server is started again, so that nobody is refused meanwhile.
#![allow(unsafe_code, reason = "borrowing a descriptor by number is unsafe")]

use std::env;
use std::io;
use std::os::fd::{BorrowedFd, OwnedFd, RawFd};

use rustix::io::FdFlags;
use rustix::net::{AddressFamily, SocketType, sockopt};

use crate::context::{Context, invalid_input};

/// The first descriptor (`SD_LISTEN_FDS_START`).
const FIRST: RawFd = 3;

/// How many are taken at most; a number beyond it is a mistake.
const MOST: RawFd = 1024;

/// A socket that listens already.
#[derive(Debug)]
pub struct Given {
    /// It does not wait, and no child gets it unasked.
    pub socket: OwnedFd,
    /// `FileDescriptorName` of its unit; empty when it has none.
    pub name: String,
}

/// Takes the sockets that this process was started with; none when it was started without.
///
/// # Errors
/// When what was given is no listening TCP socket, with its number.
pub fn take() -> io::Result<Vec<Given>> {
    let number = |name: &str| env::var(name).ok().and_then(|text| text.parse::<RawFd>().ok());
    // A parent's variables are inherited, and mean the parent.
    let is_ours = number("LISTEN_PID") == i32::try_from(std::process::id()).ok();
    let count = number("LISTEN_FDS").filter(|count| is_ours && (1..=MOST).contains(count)).unwrap_or(0);
    let names = env::var("LISTEN_FDNAMES").unwrap_or_default();
    let mut names = names.split(':');
    (FIRST..FIRST + count)
        .map(|raw| {
            let name = names.next().unwrap_or_default().to_owned();
            let socket =
                copy(raw).context(|| format!("socket activation: descriptor {raw} cannot be used"))?;
            Ok(Given { socket, name })
        })
        .collect()
}

/// Takes sockets that lie at these numbers, each with its name.
///
/// # Errors
/// When one is no listening TCP socket, with its number.
pub fn take_these<'a>(numbers: impl IntoIterator<Item = (RawFd, &'a str)>) -> io::Result<Vec<Given>> {
    let take = |(raw, name): (RawFd, &str)| {
        // 0 to 2 are what every process has, and below there is nothing.
        let socket = if raw < FIRST { Err(invalid_input("its number is below 3")) } else { copy(raw) };
        let socket = socket.context(|| format!("listen_fds: descriptor {raw} cannot be used"))?;
        Ok(Given { socket, name: name.to_owned() })
    };
    numbers.into_iter().map(take).collect()
}

/// A descriptor of our own for what lies there, which stays as it is: it may be somebody else's after all.
fn copy(raw: RawFd) -> io::Result<OwnedFd> {
    // SAFETY: the number is not below 0, and the borrow ends with this function. Whether something is open there is told
    // by the first call, which fails with EBADF when not.
    let given = unsafe { BorrowedFd::borrow_raw(raw) };
    rustix::io::fcntl_setfd(given, FdFlags::CLOEXEC)?;
    let is_tcp = sockopt::socket_type(given)? == SocketType::STREAM
        && matches!(sockopt::socket_domain(given)?, AddressFamily::INET | AddressFamily::INET6);
    if !is_tcp || !sockopt::socket_acceptconn(given)? {
        return Err(invalid_input("it is no TCP socket that listens; write ListenStream= and Accept=no"));
    }
    let socket = rustix::io::fcntl_dupfd_cloexec(given, FIRST)?;
    rustix::io::ioctl_fionbio(&socket, true)?;
    Ok(socket)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::fd::AsRawFd;

    #[test]
    fn only_tcp_sockets_that_listen_are_taken() {
        let listening = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let taken = copy(listening.as_raw_fd()).unwrap();
        assert_eq!(crate::socket::local_address(&taken).unwrap(), listening.local_addr().unwrap());
        assert!(crate::socket::accept(&taken).unwrap().is_none(), "it does not wait");
        let calling = std::net::TcpStream::connect(listening.local_addr().unwrap()).unwrap();
        assert_eq!(copy(calling.as_raw_fd()).unwrap_err().kind(), io::ErrorKind::InvalidInput);
        let datagram = std::net::UdpSocket::bind("127.0.0.1:0").unwrap();
        assert!(copy(datagram.as_raw_fd()).is_err());
        assert!(copy(std::fs::File::open("/dev/null").unwrap().as_raw_fd()).is_err());
    }

    #[test]
    fn numbers_that_are_named_are_taken_in_their_order_or_told() {
        let listening = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let raw = listening.as_raw_fd();
        let taken = take_these([(raw, "data")]).unwrap();
        assert_eq!(taken[0].name, "data");
        for bad in [-1, 2, 100_000] {
            let said = take_these([(raw, ""), (bad, "")]).unwrap_err().to_string();
            assert!(said.contains(&format!("listen_fds: descriptor {bad} cannot be used")), "{said}");
        }
    }

    #[test]
    fn a_process_that_was_started_without_gets_none() {
        // The test's own environment has no such variables, or another's number in them.
        assert!(take().unwrap().is_empty());
    }
}
