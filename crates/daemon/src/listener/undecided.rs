//! Data connections of which the address does not tell whose they are: to shared ports, and those that a proxy made.
//!
//! Clients of one address that share a port are told apart by the TLS session that their data connection resumes. That
//! stands in what the client says first, and the listener reads nothing: a worker that has a candidate is lent the
//! connection, looks without taking anything away, and names the session or says that it has none. Then the next worker
//! is asked. The listener keeps the connection itself meanwhile and gives it to the session that was named.
//!
//! What a proxy says of its client stands before everything else (`proxy_protocol_from`). A worker that waits for somebody
//! at that port takes it from the connection; then it goes on as if the client had come by itself.
//!
//! Security: a worker can name its own sessions only, and only those that wait at this port for this peer. The
//! handshake that follows proves what the look has guessed: without the keys of that session it does not resume.

use std::collections::HashMap;
use std::net::IpAddr;
use std::os::fd::OwnedFd;

use wharf_ipc::SessionId;
use wharf_ipc::listener::{LONGEST_WAIT, ToWorker};

use super::{Listener, say};

/// How many connections may be undecided at once.
const LIMIT: usize = 4096;

/// How many of one peer and port may be undecided on top of two for each session that waits there.
///
/// Somebody behind the same address can hold up its neighbours with connections that say nothing, and nobody else.
const SPARE: usize = 16;

/// A connection that somebody is looking at.
#[derive(Debug)]
struct Stranger {
    socket: OwnedFd,
    port: u32,
    peer: IpAddr,
    /// Who looks at it.
    worker: u32,
    /// Who has, that one included; nobody while a proxy is to say for whom it is.
    asked: Vec<u32>,
}

/// All of them, by number.
#[derive(Debug, Default)]
pub(super) struct Undecided {
    open: HashMap<u64, Stranger>,
    last: u64,
}

impl Undecided {
    fn has_room(&self, port: u32, peer: IpAddr, sharers: usize) -> bool {
        let here = self.open.values().filter(|other| (other.port, other.peer) == (port, peer)).count();
        self.open.len() < LIMIT && here < 2 * sharers + SPARE
    }

    /// Takes a connection back from the worker that was asked about it, and from no other.
    fn take(&mut self, number: u64, worker: u32) -> Option<Stranger> {
        self.open.get(&number).filter(|stranger| stranger.worker == worker)?;
        self.open.remove(&number)
    }
}

impl Listener {
    /// Has a new connection looked at; one too many is closed.
    pub(super) fn find_owner(&mut self, port: u32, peer: IpAddr, socket: OwnedFd) {
        if self.undecided.has_room(port, peer, self.passive.sharers(port, peer).len()) {
            self.ask_next(Stranger { socket, port, peer, worker: 0, asked: Vec::new() });
        }
    }

    /// Has a worker read for whom a proxy made a connection. Where nobody waits it is nobody's, and closed.
    pub(super) fn unwrap(&mut self, port: u32, proxy: IpAddr, socket: OwnedFd) {
        let waiting = self.passive.anybody_at(port).and_then(|session| self.sessions.get(&session));
        let Some(worker) = waiting.map(|session| session.worker) else { return };
        // A proxy brings many clients: the limit for one address is not for it.
        if self.undecided.open.len() >= LIMIT {
            return;
        }
        let stranger = Stranger { socket, port, peer: proxy, worker, asked: Vec::new() };
        self.lend(stranger, |connection| ToWorker::Unwrap { connection });
    }

    /// Goes on with a connection of which the proxy has said for whom it is.
    pub(super) fn unwrapped(&mut self, worker: u32, connection: u64, peer: Option<IpAddr>) {
        let Some(stranger) = self.undecided.take(connection, worker) else { return };
        // One that was to be recognised keeps the address it came from.
        if let Some(peer) = peer.filter(|_| stranger.asked.is_empty()) {
            self.give(stranger.port, peer.to_canonical(), stranger.socket);
        }
    }

    /// Lends a connection to the next worker that has a candidate; without one it is nobody's, and closed.
    fn ask_next(&mut self, mut stranger: Stranger) {
        let candidates = self.passive.sharers(stranger.port, stranger.peer).iter();
        let mut workers = candidates.filter_map(|session| Some(self.sessions.get(session)?.worker));
        let Some(worker) = workers.find(|worker| !stranger.asked.contains(worker)) else { return };
        stranger.worker = worker;
        stranger.asked.push(worker);
        let seconds = match self.terms.accept_timeout {
            0 => LONGEST_WAIT,
            seconds => seconds,
        };
        self.lend(stranger, |connection| ToWorker::Recognise { connection, seconds });
    }

    /// Hands a connection to its worker, and keeps it.
    fn lend(&mut self, stranger: Stranger, question: impl FnOnce(u64) -> ToWorker) {
        let Ok(lent) = stranger.socket.try_clone() else {
            return say("cannot lend a data connection: raise the limit of open files (LimitNOFILE)");
        };
        let worker = stranger.worker;
        self.undecided.last += 1;
        let connection = self.undecided.last;
        self.undecided.open.insert(connection, stranger);
        self.tell_worker(worker, question(connection), Some(lent));
    }

    /// Gives a connection to the session that was named; one that waits for none here gets none.
    pub(super) fn recognised(&mut self, worker: u32, id: SessionId, connection: u64) {
        let Some(stranger) = self.undecided.take(connection, worker) else { return };
        if stranger.asked.is_empty() {
            return;
        }
        let Some(session) = self.sessions.get(&id).copied() else { return };
        let place = (stranger.port, stranger.peer);
        let Some(number) = self.passive.claim_shared(&self.poller, place, id, &self.rules()) else { return };
        let message = ToWorker::Arrived { session: id, number, next: None };
        self.tell_worker(session.worker, message, Some(stranger.socket));
    }

    /// Goes on to the next worker, unless nobody can know more.
    pub(super) fn not_recognised(&mut self, worker: u32, connection: u64, is_nobodys: bool) {
        let Some(stranger) = self.undecided.take(connection, worker) else { return };
        if !is_nobodys && !stranger.asked.is_empty() {
            self.ask_next(stranger);
        }
    }

    /// Asks others about what a dead worker was looking at.
    pub(super) fn ask_in_place_of(&mut self, worker: u32) {
        let theirs: Vec<u64> = self
            .undecided
            .open
            .iter()
            .filter(|(_, stranger)| stranger.worker == worker)
            .map(|(number, _)| *number)
            .collect();
        for number in theirs {
            match self.undecided.take(number, worker) {
                Some(stranger) if stranger.asked.is_empty() => {
                    self.unwrap(stranger.port, stranger.peer, stranger.socket);
                }
                Some(stranger) => self.ask_next(stranger),
                None => {}
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stranger(port: u32, peer: u8) -> Stranger {
        let socket = std::net::TcpListener::bind("127.0.0.1:0").unwrap().into();
        Stranger { socket, port, peer: IpAddr::from([192, 0, 2, peer]), worker: 7, asked: vec![7] }
    }

    #[test]
    fn only_the_worker_that_was_asked_answers_and_once() {
        let mut undecided = Undecided::default();
        undecided.open.insert(1, stranger(5000, 1));
        assert!(undecided.take(1, 8).is_none());
        assert!(undecided.take(1, 7).is_some());
        assert!(undecided.take(1, 7).is_none());
    }

    #[test]
    fn silent_connections_of_one_address_leave_room_for_others() {
        let mut undecided = Undecided::default();
        for number in 0..SPARE as u64 + 2 {
            assert!(undecided.has_room(5000, IpAddr::from([192, 0, 2, 1]), 1));
            undecided.open.insert(number, stranger(5000, 1));
        }
        assert!(!undecided.has_room(5000, IpAddr::from([192, 0, 2, 1]), 1));
        assert!(undecided.has_room(5000, IpAddr::from([192, 0, 2, 2]), 1));
        assert!(undecided.has_room(5001, IpAddr::from([192, 0, 2, 1]), 1));
    }
}
