//! Listener ↔ session worker: control connections, and data connections of both modes.

use std::net::{IpAddr, SocketAddr};

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
        /// It comes from a proxy, which says first for whom (`proxy_protocol_from`); the worker tells that with
        /// [`FromWorker::Proxied`] before the session wants anything else.
        is_proxied: bool,
    },
    /// The answer to [`FromWorker::Proxied`].
    Judged {
        /// For which session.
        session: SessionId,
        /// Whether there is room for that client.
        admission: Admission,
        /// How many clients there are, this one included.
        clients: u32,
    },
    /// The answer to [`FromWorker::Expect`], at once or, when every port is taken, within [`LONGEST_WAIT`].
    Expecting {
        /// For which session.
        session: SessionId,
        /// The port; `None` when none has come free in time.
        port: Option<u16>,
        /// Other sessions of the same peer share the port: whose a connection is shows only when its client begins
        /// TLS, and clients begin TLS only after 150.
        is_shared: bool,
    },
    /// A data connection that a proxy made comes along: for whom? The worker takes the proxy's header and nothing else; the
    /// answer is [`FromWorker::Unwrapped`].
    Unwrap {
        /// Repeated in the answer.
        connection: u64,
    },
    /// A connection to a shared port comes along: whose is it? The worker looks at what the client says first and takes
    /// nothing away; the answer is [`FromWorker::Recognised`] or [`FromWorker::Unknown`].
    Recognise {
        /// Repeated in the answer.
        connection: u64,
        /// How long to wait for the client's first words, in seconds.
        seconds: u32,
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

/// The longest that a wish for a port waits for one to come free, in seconds, whatever `pasv_wait_timeout` says.
pub const LONGEST_WAIT: u32 = 60;

/// How an active-mode connect ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum DialOutcome {
    /// Connected.
    Connected,
    /// Something of this machine stands against it.
    Failed,
    /// The other side refused.
    Refused,
    /// No way leads there.
    Unreachable,
    /// The other side did not answer in time.
    NoAnswer,
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
        /// Whether the session's data connections can be told from those of others by the TLS session that they resume.
        may_share: bool,
    },
    /// The connection of [`ToWorker::Recognise`] resumes the TLS session of this one, which [`ToWorker::Arrived`] then
    /// gives it to.
    Recognised {
        /// Which session.
        session: SessionId,
        /// Which connection.
        connection: u64,
    },
    /// The connection of [`ToWorker::Recognise`] is of no session of this worker.
    Unknown {
        /// Which connection.
        connection: u64,
        /// It is nobody's at all: it ended, said nothing in time, or speaks no TLS.
        is_nobodys: bool,
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
    /// The peer of a session that came through a proxy, as the proxy's header has it. Once, and only where
    /// [`ToWorker::Accepted`] said that it is proxied.
    Proxied {
        /// Which session.
        session: SessionId,
        /// Who it is; `None` when the proxy speaks for itself.
        peer: Option<SocketAddr>,
    },
    /// The answer to [`ToWorker::Unwrap`].
    Unwrapped {
        /// Which connection.
        connection: u64,
        /// For whom it was made; `None` when there was no header.
        peer: Option<IpAddr>,
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
        /// Who the peer is behind a proxy; believed only where the connection comes from one.
        proxied: Option<SocketAddr>,
    },
    /// The control connection is closed.
    Ended {
        /// Which session.
        session: SessionId,
    },
}
