//! Clients that come through a proxy, which says in the PROXY protocol who they are (`proxy_protocol_from`).
//!
//! The listener reads nothing, so a worker reads the header and tells who the peer is; from then on limits, reservations
//! and connects are about that one. Data connections that a proxy made are unwrapped in `undecided.rs`.

use std::net::{IpAddr, SocketAddr};

use wharf_ipc::SessionId;
use wharf_ipc::listener::{Admission, FromWorker, ToWorker};
use wharf_os::socket;

use super::clients::peer_address;
use super::{Listener, say};

impl Listener {
    /// Whether connections from there begin with a header of the PROXY protocol.
    pub(super) fn is_proxy(&self, address: IpAddr) -> bool {
        self.proxies.iter().any(|network| network.contains(address))
    }

    /// Judges a client whom its proxy has named; from here on the session is that client's.
    // Security: only a connection from a proxy's address has a name to learn, and learns it once. A worker in the wrong
    // hands can name anybody there, as the proxy could.
    pub(super) fn learn_peer(&mut self, number: u32, id: SessionId, named: Option<SocketAddr>) {
        let (max_clients, max_per_ip) = (self.config.limits.max_clients, self.config.limits.max_per_ip);
        let Some(session) = self.sessions.get_mut(&id).filter(|session| session.is_nameless) else {
            say(&format!("worker {number} named the peer of a session that has one and is given up"));
            return self.lose_worker(number);
        };
        session.is_nameless = false;
        if let Some(peer) = named
            && session.admission == Admission::Welcome
        {
            self.counts.leave(peer_address(session.peer));
            session.admission = self.counts.admit(peer_address(peer), max_clients, max_per_ip);
            session.peer = socket::canonical(peer);
        }
        let admission = session.admission;
        let clients = self.clients_with(admission);
        self.tell_worker(number, ToWorker::Judged { session: id, admission, clients }, None);
    }
}

/// What may be said of a session whose peer is not known yet.
pub(super) fn is_for_the_nameless(message: &FromWorker) -> bool {
    matches!(message, FromWorker::Proxied { .. } | FromWorker::Ended { .. } | FromWorker::Introduce { .. })
}
