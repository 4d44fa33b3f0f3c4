//! Active data connections: `PORT` and `EPRT` (RFC 959 §4.1.2, RFC 2428 §2).
//!
//! The rules are kept here and not in the session, so that a session in the wrong hands cannot make this server
//! call third parties (RFC 2577 §3, the bounce attack). Connects run beside each other; none is waited for.

use std::collections::{BTreeSet, HashMap};
use std::io::{self, ErrorKind};
use std::net::SocketAddr;
use std::os::fd::OwnedFd;
use std::time::Instant;

use wharf_ipc::SessionId;
use wharf_os::epoll::{Interest, Poller};
use wharf_os::socket;

use super::key::Key;

/// Tells whether a session of `peer` may have this address called.
///
/// Never port 0 nor the unspecified address, which the kernel takes for this machine itself.
pub(super) fn is_permitted(peer: SocketAddr, to: SocketAddr, is_promiscuous: bool) -> bool {
    let is_address = to.port() != 0 && !to.ip().is_unspecified() && !to.ip().is_multicast();
    let is_own = to.ip().to_canonical() == peer.ip().to_canonical() && to.port() >= 1024;
    is_address && (is_own || is_promiscuous)
}

/// A connect on its way.
#[derive(Debug)]
struct Dialling {
    /// The session's own number for it.
    number: u32,
    socket: OwnedFd,
    until: Option<Instant>,
}

/// All connects on their way, at most one for each session.
#[derive(Debug, Default)]
pub(super) struct Dials {
    open: HashMap<SessionId, Dialling>,
    deadlines: BTreeSet<(Instant, SessionId)>,
}

impl Dials {
    /// Begins a connect; the poller reports [`Key::Dial`] when it is decided.
    ///
    /// Where the wanted source port cannot be had, any other is taken: a client that insists on port 20 is rare, and a
    /// transfer that fails helps nobody. The second value says that this happened.
    pub(super) fn begin(
        &mut self,
        poller: &Poller,
        (session, number): (SessionId, u32),
        (from, to): (SocketAddr, SocketAddr),
        until: Option<Instant>,
    ) -> io::Result<bool> {
        self.cancel(poller, session);
        let (socket, is_other_port) = match socket::dial(from, to) {
            Err(error) if from.port() != 0 && is_about_the_port(&error) => {
                (socket::dial(SocketAddr::new(from.ip(), 0), to)?, true)
            }
            other => (other?, false),
        };
        poller.add(&socket, Key::Dial(session).number(), Interest::Write)?;
        self.open.insert(session, Dialling { number, socket, until });
        self.deadlines.extend(until.map(|until| (until, session)));
        Ok(is_other_port)
    }

    /// Takes a decided connect; `None` when there is none, an error when it failed.
    pub(super) fn finish(
        &mut self,
        poller: &Poller,
        session: SessionId,
    ) -> Option<(u32, io::Result<OwnedFd>)> {
        let dialling = self.take(poller, session)?;
        Some((dialling.number, outcome(dialling.socket)))
    }

    /// Gives a connect up.
    pub(super) fn cancel(&mut self, poller: &Poller, session: SessionId) {
        drop(self.take(poller, session));
    }

    fn take(&mut self, poller: &Poller, session: SessionId) -> Option<Dialling> {
        let dialling = self.open.remove(&session)?;
        let _ = poller.remove(&dialling.socket);
        if let Some(until) = dialling.until {
            self.deadlines.remove(&(until, session));
        }
        Some(dialling)
    }

    /// Gives up the connects whose time is over, and tells whose they were.
    pub(super) fn expire(&mut self, poller: &Poller, now: Instant) -> Vec<(SessionId, u32)> {
        let late: Vec<SessionId> = self
            .deadlines
            .iter()
            .take_while(|(until, _)| *until <= now)
            .map(|(_, session)| *session)
            .collect();
        let mut expired = Vec::with_capacity(late.len());
        for session in late {
            expired.extend(self.take(poller, session).map(|dialling| (session, dialling.number)));
        }
        expired
    }

    /// Tells when [`Self::expire`] has something to do.
    pub(super) fn deadline(&self) -> Option<Instant> {
        self.deadlines.first().map(|(until, _)| *until)
    }
}

fn outcome(socket: OwnedFd) -> io::Result<OwnedFd> {
    socket::dial_result(&socket)?;
    // Both are wishes: a transfer works without them.
    let _ = socket::control_options(&socket);
    socket::ask_for_throughput(&socket);
    Ok(socket)
}

/// `EADDRINUSE`, `EADDRNOTAVAIL` (the same two ends met a moment ago), or a port we have no right to.
fn is_about_the_port(error: &io::Error) -> bool {
    matches!(error.kind(), ErrorKind::AddrInUse | ErrorKind::AddrNotAvailable | ErrorKind::PermissionDenied)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::TcpListener;
    use std::time::Duration;

    fn at(text: &str) -> SocketAddr {
        text.parse().unwrap()
    }

    #[test]
    fn only_the_peers_own_high_ports_may_be_called() {
        let peer = at("192.0.2.1:50000");
        assert!(is_permitted(peer, at("192.0.2.1:1024"), false));
        assert!(is_permitted(at("[::ffff:192.0.2.1]:50000"), at("192.0.2.1:1024"), false));
        for foreign in ["192.0.2.1:1023", "192.0.2.2:5000", "127.0.0.1:5000", "[::1]:5000"] {
            assert!(!is_permitted(peer, at(foreign), false), "{foreign}");
            assert!(is_permitted(peer, at(foreign), true), "{foreign}");
        }
        for never in ["192.0.2.1:0", "0.0.0.0:5000", "[::]:5000", "224.0.0.1:5000"] {
            assert!(!is_permitted(peer, at(never), true), "{never}");
        }
    }

    #[test]
    fn a_source_port_that_is_taken_is_replaced_by_another() {
        let poller = Poller::new().unwrap();
        let taken = TcpListener::bind("127.0.0.1:0").unwrap();
        let callee = TcpListener::bind("127.0.0.1:0").unwrap();
        let ends = (taken.local_addr().unwrap(), callee.local_addr().unwrap());
        let mut dials = Dials::default();
        assert!(dials.begin(&poller, (SessionId(1), 7), ends, None).unwrap());
        poller.wait(&mut Vec::new(), None).unwrap();
        let (number, socket) = dials.finish(&poller, SessionId(1)).unwrap();
        let socket = socket.unwrap();
        assert_eq!(number, 7);
        assert_ne!(socket::local_address(&socket).unwrap().port(), ends.0.port());
        assert!(rustix::net::sockopt::tcp_nodelay(&socket).unwrap());
        assert_eq!(rustix::net::sockopt::ip_tos(&socket).unwrap(), 8);
    }

    #[test]
    fn a_connect_that_takes_too_long_is_given_up() {
        let poller = Poller::new().unwrap();
        let callee = TcpListener::bind("127.0.0.1:0").unwrap();
        let ends = (at("127.0.0.1:0"), callee.local_addr().unwrap());
        let mut dials = Dials::default();
        let until = Instant::now() + Duration::from_secs(60);
        dials.begin(&poller, (SessionId(1), 7), ends, Some(until)).unwrap();
        assert!(dials.expire(&poller, until - Duration::from_secs(1)).is_empty());
        assert_eq!(dials.expire(&poller, until), [(SessionId(1), 7)]);
        assert!(dials.finish(&poller, SessionId(1)).is_none());
        assert_eq!(dials.deadline(), None);
    }
}
