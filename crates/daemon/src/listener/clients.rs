//! Control connections: who is let in, and which worker serves them.
//!
//! A client that is turned away still goes to a worker, which says why in the protocol's words. The listener itself
//! speaks only when there is no worker to speak for it.

use std::net::{IpAddr, SocketAddr};
use std::os::fd::OwnedFd;

use wharf_ipc::SessionId;
use wharf_ipc::link::{Link, Received};
use wharf_ipc::listener::{Admission, FromWorker, ToWorker};
use wharf_ipc::monitor::FromListener;
use wharf_os::epoll::Ready;
use wharf_os::socket::{self, Family};

use crate::outbox::Outbox;

use super::control::Place;
use super::counts::Counts;
use super::key::Key;
use super::passive::House;
use super::proxied::is_for_the_nameless;
use super::queue::Asked;
use super::{Listener, TURN, say};

/// How many connections may wait for a worker.
const HELD: usize = 64;

/// What a client hears when nobody can serve it (RFC 959 §4.2.1: 421 may begin and end a connection).
const NOBODY: &[u8] = b"421 Service not available, please try again later.\r\n";

/// A session worker.
#[derive(Debug)]
pub(super) struct Worker {
    pub(super) outbox: Outbox<ToWorker, FromWorker>,
    /// How many sessions it serves, those turned away included.
    sessions: usize,
    /// `isolate_sessions`: it gets one connection in its life.
    is_single: bool,
    has_served: bool,
}

impl Worker {
    fn can_take_one(&self) -> bool {
        let is_used_up = self.is_single && self.has_served;
        !is_used_up && !self.outbox.is_stuck()
    }
}

/// A control connection, as long as it lasts.
#[derive(Debug, Clone, Copy)]
pub(super) struct Session {
    pub(super) worker: u32,
    pub(super) peer: SocketAddr,
    pub(super) local: SocketAddr,
    /// Where its passive ports are.
    pub(super) house: House,
    pub(super) admission: Admission,
    /// It came from a proxy that has not said yet for whom.
    pub(super) is_nameless: bool,
}

/// A connection on its way to a worker.
#[derive(Debug)]
pub(super) struct Arrival {
    socket: OwnedFd,
    peer: SocketAddr,
    local: SocketAddr,
    house: House,
    admission: Admission,
    is_proxied: bool,
}

impl Counts {
    /// Forgets a connection that never became a session.
    pub(super) fn leave_if_welcome(&mut self, arrival: &Arrival) {
        if arrival.admission == Admission::Welcome {
            self.leave(peer_address(arrival.peer));
        }
    }
}

/// An address as limits and reservations know it: IPv4 is IPv4, whichever socket it came through.
pub(super) fn peer_address(peer: SocketAddr) -> IpAddr {
    peer.ip().to_canonical()
}

impl Listener {
    /// Takes one client in. The poller says so again when there are more; a look that finds nothing would cost as much.
    pub(super) fn accept_client(&mut self, number: u32) {
        let Some(control) = self.controls.find(number) else { return };
        let house = House::from(control.bound);
        match socket::accept(&control.socket) {
            Ok(Some((connection, peer))) => self.receive_client(connection, peer, house),
            Ok(None) => {}
            Err(error) => self.rest(Key::Control(number), &error),
        }
    }

    /// Takes a connection that somebody else accepted: its own address is where passive ports are then.
    pub(super) fn adopt(&mut self, socket: OwnedFd) {
        let Ok((peer, _, house)) = ends(&socket) else {
            return say("the connection that was handed over is gone");
        };
        // What a listening socket passes on to its connections. A socket that cannot have them still works.
        let _ = socket::control_options(&socket);
        let _ = super::control::probe_silence(&socket, self.config.nat.keepalive_interval);
        let _ = rustix::io::ioctl_fionbio(&socket, true);
        self.receive_client(socket, peer, house);
    }

    fn receive_client(&mut self, socket: OwnedFd, peer: SocketAddr, house: House) {
        // It can fail only for a connection that is gone already.
        let Ok(local) = socket::local_address(&socket) else { return };
        let limits = &self.config.limits;
        let is_proxied = self.is_proxy(peer_address(peer));
        // Many clients come from one proxy; who they are, and how many from where, is judged when it is known.
        let max_per_ip = if is_proxied { 0 } else { limits.max_per_ip };
        let admission = self.counts.admit(peer_address(peer), limits.max_clients, max_per_ip);
        let arrival = Arrival { socket, peer, local, house, admission, is_proxied };
        match self.choose_worker() {
            Some(worker) => self.hand_over(worker, arrival),
            None if self.may_hold() => self.hold(arrival),
            None => self.turn_away(&arrival),
        }
    }

    /// Finds the worker with the fewest sessions.
    fn choose_worker(&self) -> Option<u32> {
        let wants_single = self.config.wharf.isolate_sessions;
        self.workers
            .iter()
            .filter(|(_, worker)| worker.is_single == wants_single && worker.can_take_one())
            .min_by_key(|(_, worker)| worker.sessions)
            .map(|(number, _)| *number)
    }

    /// Whether a worker is on its way: each connection's own, or the first one after a start or a death.
    fn may_hold(&self) -> bool {
        (self.config.wharf.isolate_sessions || self.workers.is_empty()) && self.held.len() < HELD
    }

    fn hold(&mut self, arrival: Arrival) {
        self.held.push_back(arrival);
        if !self.config.wharf.isolate_sessions {
            return;
        }
        if let Err(error) = self.report(FromListener::WantWorker) {
            // The monitor is gone; the loop hears of it next.
            say(&format!("cannot ask for a worker: {error}"));
        }
    }

    /// Closes a connection that nobody can serve, with a word if it can be understood.
    fn turn_away(&mut self, arrival: &Arrival) {
        self.counts.leave_if_welcome(arrival);
        if !self.config.tls.implicit_ssl {
            use rustix::net::{SendAncillaryBuffer, SendFlags, sendmsg};
            let text = [std::io::IoSlice::new(NOBODY)];
            let flags = SendFlags::NOSIGNAL | SendFlags::DONTWAIT;
            let _ = sendmsg(&arrival.socket, &text, &mut SendAncillaryBuffer::default(), flags);
        }
    }

    fn hand_over(&mut self, number: u32, arrival: Arrival) {
        let Some(worker) = self.workers.get_mut(&number) else { return self.turn_away(&arrival) };
        worker.sessions += 1;
        worker.has_served = true;
        let id = self.next;
        self.next = SessionId(id.0.wrapping_add(1));
        let Arrival { socket, peer, local, house, admission, is_proxied } = arrival;
        let is_nameless = is_proxied;
        self.sessions.insert(id, Session { worker: number, peer, local, house, admission, is_nameless });
        let listen = &self.config.listen;
        let clients = match listen.listen || listen.listen_ipv6 {
            true => self.clients_with(admission),
            // inetd knows how many there are, and we do not.
            false => 0,
        };
        let message = ToWorker::Accepted { session: id, peer, local, admission, clients, is_proxied };
        self.tell_worker(number, message, Some(socket));
    }

    /// How many clients there are, with one of whom this is said.
    pub(super) fn clients_with(&self, admission: Admission) -> u32 {
        self.counts.total() + u32::from(admission != Admission::Welcome)
    }

    pub(super) fn welcome_worker(&mut self, number: u32, link: Link<ToWorker, FromWorker>) {
        let outbox = match Outbox::watch(&self.poller, link, Key::Worker(number).number()) {
            Ok(outbox) => outbox,
            Err(error) => return say(&format!("cannot use worker {number}: {error}")),
        };
        let is_single = self.config.wharf.isolate_sessions;
        self.workers.insert(number, Worker { outbox, sessions: 0, is_single, has_served: false });
        let many = if is_single { 1 } else { self.held.len() };
        for arrival in self.held.drain(..many.min(self.held.len())).collect::<Vec<_>>() {
            self.hand_over(number, arrival);
        }
    }

    /// Says something to a worker; one that is gone is lost with its sessions.
    pub(super) fn tell_worker(&mut self, number: u32, message: ToWorker, socket: Option<OwnedFd>) {
        let Some(worker) = self.workers.get_mut(&number) else { return };
        if worker.outbox.send(&self.poller, message, Vec::from_iter(socket)).is_err() {
            self.lose_worker(number);
        }
    }

    /// Forgets a dead worker and what it served.
    pub(super) fn lose_worker(&mut self, number: u32) {
        let Some(worker) = self.workers.remove(&number) else { return };
        worker.outbox.unwatch(&self.poller);
        let theirs: Vec<SessionId> =
            self.sessions.iter().filter(|(_, session)| session.worker == number).map(|(id, _)| *id).collect();
        theirs.into_iter().for_each(|session| self.end_session(session));
        self.ask_in_place_of(number);
    }

    /// Forgets a session, its reservation and its connect.
    pub(super) fn end_session(&mut self, id: SessionId) {
        let Some(session) = self.sessions.remove(&id) else { return };
        if session.admission == Admission::Welcome {
            self.counts.leave(peer_address(session.peer));
        }
        self.forget(id);
        self.own_terms.remove(&id);
        if let Some(worker) = self.workers.get_mut(&session.worker) {
            worker.sessions = worker.sessions.saturating_sub(1);
        }
    }

    pub(super) fn hear_worker(&mut self, number: u32, event: Ready) {
        let Some(worker) = self.workers.get_mut(&number) else { return };
        if event.writable && worker.outbox.flush(&self.poller).is_err() {
            return self.lose_worker(number);
        }
        if !event.readable {
            return;
        }
        for _ in 0..TURN {
            // A worker that does not read is not read from, or its answers would pile up here.
            let Some(worker) =
                self.workers.get(&number).filter(|worker| event.closed || !worker.outbox.is_stuck())
            else {
                return;
            };
            match worker.outbox.receive(&mut self.scratch) {
                Ok(Some(received)) => self.answer_worker(number, received),
                Ok(None) => return,
                Err(error) => {
                    if error.kind() == std::io::ErrorKind::InvalidData {
                        say(&format!("worker {number} spoke nonsense and is given up: {error}"));
                    }
                    return self.lose_worker(number);
                }
            }
        }
    }

    fn answer_worker(&mut self, number: u32, mut received: Received<FromWorker>) {
        match received.message {
            FromWorker::Unknown { connection, is_nobodys } => {
                return self.not_recognised(number, connection, is_nobodys);
            }
            FromWorker::Unwrapped { connection, peer } => return self.unwrapped(number, connection, peer),
            _ => {}
        }
        let (FromWorker::Expect { session, .. }
        | FromWorker::Dial { session, .. }
        | FromWorker::Forget { session }
        | FromWorker::Recognised { session, .. }
        | FromWorker::Proxied { session, .. }
        | FromWorker::Introduce { session, .. }
        | FromWorker::Ended { session }) = received.message
        else {
            return;
        };
        // Security: a worker that names another's session has been taken over.
        let is_known = match self.sessions.get(&session) {
            None => false,
            Some(found) if found.worker != number => {
                say(&format!("worker {number} named a session of another worker and is given up"));
                return self.lose_worker(number);
            }
            Some(found) => !found.is_nameless || is_for_the_nameless(&received.message),
        };
        match received.message {
            FromWorker::Introduce { session, proxied } => {
                if let Some(control) = received.descriptor().filter(|_| !is_known) {
                    self.take_over(number, session, &control, proxied);
                }
            }
            FromWorker::Expect { session, .. } if !is_known => {
                let message = ToWorker::Expecting { session, port: None, is_shared: false };
                self.tell_worker(number, message, None);
            }
            FromWorker::Recognised { session, connection } => {
                self.recognised(number, session, connection);
            }
            _ if !is_known => {}
            FromWorker::Expect { session, number, anyone, may_share } => {
                self.expect(Asked { session, number, anyone, may_share });
            }
            FromWorker::Proxied { session, peer } => self.learn_peer(number, session, peer),
            FromWorker::Dial { session, number, to } => self.dial(session, number, to),
            FromWorker::Forget { session } => self.forget(session),
            FromWorker::Ended { session } => self.end_session(session),
            FromWorker::Unknown { .. } | FromWorker::Unwrapped { .. } => {}
        }
    }

    /// Takes over a session that an earlier listener accepted. It counts, whatever the limits are now.
    // Security: a worker cannot choose the peer that its session's rules are about; the kernel tells who that is.
    fn take_over(&mut self, number: u32, id: SessionId, control: &OwnedFd, proxied: Option<SocketAddr>) {
        if id.0 >= self.first.0 {
            say(&format!("worker {number} introduced a session that is yet to come and is given up"));
            return self.lose_worker(number);
        }
        // A peer that has hung up meanwhile is told to the worker by its own socket.
        let Ok((caller, local, house)) = ends(control) else { return };
        let peer = match proxied {
            Some(peer) if self.is_proxy(peer_address(caller)) => socket::canonical(peer),
            _ => caller,
        };
        let admission = self.counts.admit(peer_address(peer), 0, 0);
        let session = Session { worker: number, peer, local, house, admission, is_nameless: false };
        self.sessions.insert(id, session);
        if let Some(worker) = self.workers.get_mut(&number) {
            worker.sessions += 1;
            worker.has_served = true;
        }
    }
}

/// Who is at the other end of a control connection, which of our addresses it has, and where passive ports are then.
fn ends(control: &OwnedFd) -> std::io::Result<(SocketAddr, SocketAddr, House)> {
    let (peer, address) = (socket::peer_address(control)?, socket::local_address(control)?);
    let is_mapped = address.is_ipv6() && peer.ip().to_canonical().is_ipv4();
    let family = if is_mapped { Family::Dual } else { Family::Only };
    Ok((peer, address, House::from(Place { address, family })))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_client_hears_is_one_whole_reply() {
        assert!(NOBODY.starts_with(b"421 ") && NOBODY.ends_with(b".\r\n"));
        assert_eq!(NOBODY.iter().filter(|octet| **octet == b'\n').count(), 1);
    }

    #[test]
    fn a_mapped_address_is_the_address_it_maps() {
        let mapped = "[::ffff:192.0.2.1]:9".parse().unwrap();
        assert_eq!(peer_address(mapped), IpAddr::from([192, 0, 2, 1]));
    }
}
