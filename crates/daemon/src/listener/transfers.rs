//! Data connections of both modes, asked for by sessions and handed back to them.
//!
//! One wish at a time: a new `Expect` or `Dial` ends what the session wanted before.

use std::io::{self, ErrorKind};
use std::net::{IpAddr, SocketAddr};
use std::os::fd::OwnedFd;
use std::time::{Duration, Instant};

use wharf_ipc::SessionId;
use wharf_ipc::listener::{DialOutcome, LONGEST_WAIT, PROMISE, ToWorker};
use wharf_os::socket;

use super::clients::{Session, peer_address};
use super::dial::is_permitted;
use super::key::Key;
use super::passive::Wish;
use super::queue::{Asked, Line};
use super::{Listener, say};

/// As many connections can wait at one port (`wharf_os::socket::listening`).
const BACKLOG: usize = 1024;

/// A session gives up after `accept_timeout`; its reservation lasts a little longer, so that it never ends first.
const GRACE: Duration = Duration::from_secs(5);

impl Listener {
    /// Reserves a passive port, at once or when one comes free.
    pub(super) fn expect(&mut self, asked: Asked) {
        let id = asked.session;
        let Some(session) = self.sessions.get(&id).copied() else { return };
        self.forget(id);
        let line = Line { peer: peer_address(session.peer), range: self.rules_of(id).range };
        let is_first = self.queue.is_empty() || !self.queue.is_waited_in(&line);
        if is_first && self.reserve(&asked) {
            return;
        }
        let wait = Duration::from_secs(self.terms_of(id).pasv_wait_timeout.min(LONGEST_WAIT).into());
        if wait.is_zero() || !self.queue.push(asked, line, Instant::now() + wait) {
            self.tell_no_port(id);
        }
    }

    /// Reserves a port if there is one; `true` when there is nobody left who waits for it.
    fn reserve(&mut self, asked: &Asked) -> bool {
        let Asked { session: id, number, anyone, may_share } = *asked;
        let Some(session) = self.sessions.get(&id).copied() else { return true };
        let until = after(self.terms_of(id).accept_timeout, GRACE);
        let peer = peer_address(session.peer);
        let rules = self.rules_of(id);
        // Where there is a port for each of a peer's sessions nobody has to share one.
        let is_shared = may_share && !anyone && self.counts.of(peer) > self.passive.many(&rules);
        let wish = Wish { session: id, number, peer, house: session.house, anyone, is_shared, until };
        let Some(place) = self.passive.prepare(&self.poller, &wish, &rules) else { return false };
        self.accept_at_most(BACKLOG, place);
        let port = self.passive.hold(place, wish);
        if port.is_some() {
            self.tell_worker(session.worker, ToWorker::Expecting { session: id, port, is_shared }, None);
        }
        port.is_some()
    }

    /// Gives ports that came free to those who wait.
    pub(super) fn serve_queue(&mut self) {
        while self.passive.take_room() && !self.queue.is_empty() {
            let mut queue = std::mem::take(&mut self.queue);
            queue.serve(|asked| self.reserve(asked));
            self.queue = queue;
        }
    }

    pub(super) fn expire_queue(&mut self, now: Instant) {
        for asked in self.queue.expire(now) {
            self.tell_no_port(asked.session);
        }
    }

    fn tell_no_port(&mut self, id: SessionId) {
        let Some(session) = self.sessions.get(&id).copied() else { return };
        let message = ToWorker::Expecting { session: id, port: None, is_shared: false };
        self.tell_worker(session.worker, message, None);
    }

    pub(super) fn forget(&mut self, id: SessionId) {
        self.dials.cancel(&self.poller, id);
        self.queue.forget(id);
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
            match peer_address(peer) {
                proxy if self.is_proxy(proxy) => self.unwrap(number, proxy, connection),
                peer => self.give(number, peer, connection),
            }
        }
    }

    /// Gives a connection of this peer to whom it is for, and closes it when that is nobody.
    pub(super) fn give(&mut self, number: u32, peer: IpAddr, connection: OwnedFd) {
        if !self.passive.sharers(number, peer).is_empty() {
            return self.find_owner(number, peer, connection);
        }
        let rules = self.rules();
        let Some((id, wish)) = self.passive.claim(&self.poller, number, peer, &rules) else { return };
        let Some(session) = self.sessions.get(&id).copied() else { return };
        let next = self.promise(id, session, wish.wrapping_add(1));
        let message = ToWorker::Arrived { session: id, number: wish, next };
        self.tell_worker(session.worker, message, Some(connection));
    }

    /// Reserves a port for a transfer that will probably follow: it saves a busy session a question for each file.
    ///
    /// Only where ports are plenty: nobody else's transfer waits for a promise.
    fn promise(&mut self, id: SessionId, session: Session, number: u32) -> Option<u16> {
        if !self.queue.is_empty() {
            return None;
        }
        let peer = peer_address(session.peer);
        let until = after(self.terms_of(id).accept_timeout, GRACE + Duration::from_secs(PROMISE));
        let house = session.house;
        let wish = Wish { session: id, number, peer, house, anyone: false, is_shared: false, until };
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
            Err(error) => self.tell_dialled(id, number, why_not(&error)),
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
            Err(error) => self.tell_dialled(id, number, why_not(&error)),
        }
    }

    pub(super) fn expire_dials(&mut self, now: Instant) {
        for (id, number) in self.dials.expire(&self.poller, now) {
            self.tell_dialled(id, number, DialOutcome::NoAnswer);
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

/// Tells why a connect failed, as far as a user can do something about it.
fn why_not(error: &io::Error) -> DialOutcome {
    match error.kind() {
        ErrorKind::ConnectionRefused => DialOutcome::Refused,
        ErrorKind::HostUnreachable | ErrorKind::NetworkUnreachable => DialOutcome::Unreachable,
        ErrorKind::TimedOut => DialOutcome::NoAnswer,
        _ => DialOutcome::Failed,
    }
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
