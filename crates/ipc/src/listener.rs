//! Listener ↔ session worker: control connections, and data connections of both modes.

use std::net::SocketAddr;

use serde::{Deserialize, Serialize};

use crate::SessionId;

/// Listener → session worker.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum ToWorker {
    /// A control connection; the socket comes along, non-blocking.
    Accepted {
        /// Its number.
        session: SessionId,
        /// Who connected.
        peer: SocketAddr,
        /// To which of our addresses.
        local: SocketAddr,
        /// Whether there is room.
        admission: Admission,
        /// How many clients there are, this one included; 0 when that is not known.
        clients: u32,
    },
    /// The answer to [`FromWorker::Expect`].
    Expecting {
        /// For which session.
        session: SessionId,
        /// The port; `None` when every port is taken.
        port: Option<u16>,
    },
    /// The expected data connection; the socket comes along.
    Arrived {
        /// For which session.
        session: SessionId,
        /// For which of its wishes: one that is no longer the latest is too late.
        number: u32,
        /// A port that is reserved already for the session's next wish, which then needs no question. It counts as
        /// wish `number + 1`, and holds for [`PROMISE`].
        next: Option<u16>,
    },
    /// The answer to [`FromWorker::Dial`]; on success the socket comes along.
    Dialled {
        /// For which session.
        session: SessionId,
        /// For which of its wishes: one that is no longer the latest is too late.
        number: u32,
        /// Why not.
        outcome: DialOutcome,
    },
}

/// How long a port that nobody asked for yet stays reserved for the next transfer of a busy session, in seconds; the
/// time for the peer to connect comes on top.
pub const PROMISE: u64 = 10;

/// How an active-mode connect ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum DialOutcome {
    /// Connected.
    Connected,
    /// Refused, unreachable, or timed out.
    Failed,
    /// Rules forbid that address or port.
    Forbidden,
}

/// Whether a control connection is welcome.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Admission {
    /// Yes.
    Welcome,
    /// `max_clients` is reached.
    TooManyClients,
    /// `max_per_ip` is reached.
    TooManyFromAddress,
}

/// Session worker → listener.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum FromWorker {
    /// Reserve a passive port for the session's peer; replaces an earlier one.
    Expect {
        /// Which session.
        session: SessionId,
        /// Counts the session's wishes; [`ToWorker::Arrived`] repeats it.
        number: u32,
        /// Whether any address may connect (`pasv_promiscuous`).
        anyone: bool,
    },
    /// Connect to this address from the session's local address; replaces an earlier reservation.
    Dial {
        /// Which session.
        session: SessionId,
        /// Counts the session's wishes, as in [`Self::Expect`]; [`ToWorker::Dialled`] repeats it.
        number: u32,
        /// To where.
        to: SocketAddr,
    },
    /// The reservation or dial is no longer wanted.
    Forget {
        /// Which session.
        session: SessionId,
    },
    /// A session that an earlier listener accepted; its control connection comes along, which says who the peer is.
    Introduce {
        /// Its number.
        session: SessionId,
    },
    /// The control connection is closed.
    Ended {
        /// Which session.
        session: SessionId,
    },
}
