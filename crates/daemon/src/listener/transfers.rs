//! Data connections of both modes, asked for by sessions and handed back to them.
//!
//! One wish at a time: a new `Expect` or `Dial` ends what the session wanted before.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use wharf_ipc::SessionId;
use wharf_ipc::listener::{DialOutcome, PROMISE, ToWorker};
use wharf_os::socket;

use super::clients::{Session, peer_address};
use super::dial::is_permitted;
use super::key::Key;
use super::passive::Wish;
use super::{Listener, say};

/// As many connections can wait at one port (`wharf_os::socket::listening`).
const BACKLOG: usize = 1024;

/// A session gives up after `accept_timeout`; its reservation lasts a little longer, so that it never ends first.
const GRACE: Duration = Duration::from_secs(5);

impl Listener {
    /// Reserves a passive port.
    pub(super) fn expect(&mut self, id: SessionId, number: u32, anyone: bool) {
        let Some(session) = self.sessions.get(&id).copied() else { return };
        self.dials.cancel(&self.poller, id);
        let until = after(self.terms_of(id).accept_timeout, GRACE);
        let peer = peer_address(session.peer);
        let wish = Wish { session: id, number, peer, house: session.house, anyone, until };
        let rules = self.rules_of(id);
        let port = self.passive.prepare(&self.poller, &wish, &rules).and_then(|port| {
            self.accept_at_most(BACKLOG, port);
            self.passive.hold(port, wish)
        });
        self.tell_worker(session.worker, ToWorker::Expecting { session: id, port }, None);
    }

    pub(super) fn forget(&mut self, id: SessionId) {
        self.dials.cancel(&self.poller, id);
        self.passive.release(&self.poller, id, &self.rules());
    }

    /// Gives the connections at a passive port to those who expect them, and closes the others.
    pub(super) fn accept_data(&mut self, number: u32) {
        // The poller says so again when there are more; a look that finds nothing would cost as much.
        self.accept_at_most(1, number);
    }

    fn accept_at_most(&mut self, most: usize, number: u32) {
        for _ in 0..most {
            let Some(socket) = self.passive.socket(number) else { return };
            let (connection, peer) = match socket::accept(socket) {
                Ok(Some(accepted)) => accepted,
                Ok(None) => return,
                Err(error) => return self.rest(Key::Passive(number), &error),
            };
            let rules = self.rules();
            let Some((id, wish)) = self.passive.claim(&self.poller, number, peer_address(peer), &rules)
            else {
                continue;
            };
            let Some(session) = self.sessions.get(&id).copied() else { continue };
            let next = self.promise(id, session, wish.wrapping_add(1));
            let message = ToWorker::Arrived { session: id, number: wish, next };
            self.tell_worker(session.worker, message, Some(connection));
        }
    }

    /// Reserves a port for a transfer that will probably follow: it saves a busy session a question for each file.
    ///
    /// Only where ports are plenty: nobody else's transfer waits for a promise.
    fn promise(&mut self, id: SessionId, session: Session, number: u32) -> Option<u16> {
        let peer = peer_address(session.peer);
        let until = after(self.terms_of(id).accept_timeout, GRACE + Duration::from_secs(PROMISE));
        let wish = Wish { session: id, number, peer, house: session.house, anyone: false, until };
        let rules = self.rules_of(id);
        let port = self.passive.spare_port(&wish, &rules)?;
        self.passive.hold(port, wish)
    }

    /// Begins an active data connection, if the rules permit it.
    pub(super) fn dial(&mut self, id: SessionId, number: u32, to: SocketAddr) {
        let Some(session) = self.sessions.get(&id).copied() else { return };
        self.forget(id);
        let to = with_scope(socket::canonical(to), session.peer);
        let terms = self.terms_of(id);
        if !is_permitted(session.peer, to, terms.port_promiscuous) {
            return self.tell_dialled(id, number, DialOutcome::Forbidden);
        }
        let from = source(session.local, to, terms.source_port);
        let until = after(terms.connect_timeout, Duration::ZERO);
        match self.dials.begin(&self.poller, (id, number), (from, to), until) {
            Ok(false) => {}
            Ok(true) => self.note_other_port(from.port()),
            Err(_) => self.tell_dialled(id, number, DialOutcome::Failed),
        }
    }

    /// Says once that data connections do not come from the port that was asked for.
    fn note_other_port(&mut self, port: u16) {
        if !std::mem::replace(&mut self.has_noted_port, true) {
            say(&format!(
                "cannot connect from port {port} (ftp_data_port), at least not always: it is in use or not \
                 permitted; other ports are used instead"
            ));
        }
    }

    pub(super) fn finish_dial(&mut self, id: SessionId) {
        let Some((number, outcome)) = self.dials.finish(&self.poller, id) else { return };
        let Some(session) = self.sessions.get(&id).copied() else { return };
        match outcome {
            Ok(socket) => {
                let message = ToWorker::Dialled { session: id, number, outcome: DialOutcome::Connected };
                self.tell_worker(session.worker, message, Some(socket));
            }
            Err(_) => self.tell_dialled(id, number, DialOutcome::Failed),
        }
    }

    pub(super) fn expire_dials(&mut self, now: Instant) {
        for (id, number) in self.dials.expire(&self.poller, now) {
            self.tell_dialled(id, number, DialOutcome::Failed);
        }
    }

    fn tell_dialled(&mut self, id: SessionId, number: u32, outcome: DialOutcome) {
        let Some(session) = self.sessions.get(&id).copied() else { return };
        self.tell_worker(session.worker, ToWorker::Dialled { session: id, number, outcome }, None);
    }
}

/// The moment a number of seconds from now; 0 seconds mean never, as everywhere in the configuration.
fn after(seconds: u32, grace: Duration) -> Option<Instant> {
    (seconds != 0).then(|| Instant::now() + Duration::from_secs(seconds.into()) + grace)
}

/// Where an active data connection comes from: the address the client called.
fn source(local: SocketAddr, to: SocketAddr, port: u16) -> SocketAddr {
    let mut from = socket::canonical(local);
    if from.is_ipv4() != to.is_ipv4() {
        return socket::unspecified_for(to, port);
    }
    from.set_port(port);
    from
}

/// Adds the interface of a link-local peer, which no FTP command can name.
fn with_scope(mut to: SocketAddr, peer: SocketAddr) -> SocketAddr {
    if let (SocketAddr::V6(to), SocketAddr::V6(peer)) = (&mut to, peer)
        && to.ip() == peer.ip()
    {
        to.set_scope_id(peer.scope_id());
    }
    to
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_seconds_mean_no_end() {
        assert_eq!(after(0, GRACE), None);
        assert!(after(1, GRACE).unwrap() > Instant::now() + GRACE);
    }

    #[test]
    fn a_link_local_peer_is_called_through_its_interface() {
        let peer = "[fe80::1%3]:9".parse().unwrap();
        assert_eq!(with_scope("[fe80::1]:5000".parse().unwrap(), peer), "[fe80::1%3]:5000".parse().unwrap());
        assert_eq!(with_scope("[fe80::2]:5000".parse().unwrap(), peer), "[fe80::2]:5000".parse().unwrap());
    }
}
