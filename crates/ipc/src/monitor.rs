//! Monitor ↔ session worker, and monitor ↔ listener: configuration, logins, workers, the end.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use serde::{Deserialize, Serialize};
use wharf_proto::ftp::server::policy::Class;
use wharf_proto::path::VirtualPath;
use wharf_proto::secret::Secret;

use crate::SessionId;

/// Monitor → session worker.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum ToWorker {
    /// The configuration for sessions that begin from now on, as `Config::to_text` wrote it. The files that a
    /// session's policy is made of come along as descriptors, in this order.
    Configure {
        /// The text.
        #[serde(with = "serde_bytes")]
        text: Vec<u8>,
        /// `banner_file` comes along.
        banner: bool,
        /// `userlist_file` comes along.
        user_list: bool,
        /// `ca_certs_file` comes along.
        authorities: bool,
    },
    /// The link to the keyholder comes along, for [`Signatures`](crate::keyholder::Signatures). It is told before any
    /// certificate, and again when a keyholder died and another took its place. A link whose other end is closed means
    /// that there is none for the moment.
    Keyholder,
    /// A certificate of a set, one after the other. The set takes the place of the one before when its last has come;
    /// running sessions show it at their next handshake.
    Certificate {
        /// The chain, and what to have signed with which key.
        public: crate::keyholder::Public,
        /// The set is whole.
        is_last: bool,
    },
    /// Our address outside, as it was looked up last; every session tells it from now on, where its rules say so.
    Outside {
        /// `None` while it is not known.
        address: Option<Ipv4Addr>,
    },
    /// The answer to [`FromWorker::Knock`] and [`FromWorker::Host`].
    Admitted {
        /// Which session.
        session: SessionId,
        /// Whether it is let in.
        admission: Admission,
    },
    /// The listener died; the channel to the new one comes along. Each session introduces itself there.
    NewListener,
    /// Where to write from now on; the descriptors come along in this order.
    Logs(Logs),
    /// The answer to [`FromWorker::Login`]. With [`Verdict::Granted`] the broker's channel comes along.
    Verdict {
        /// For which session.
        session: SessionId,
        /// Yes or no.
        verdict: Verdict,
    },
    /// The answer to [`FromWorker::ChangeOwner`].
    OwnerChanged {
        /// For which session.
        session: SessionId,
        /// Whether it was done.
        done: bool,
    },
    /// Take no more commands; running transfers have this long, then 421.
    Drain {
        /// Seconds.
        seconds: u32,
    },
}

/// What hosts.allow and hosts.deny say to a client.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Admission {
    /// Let it in by the site's configuration.
    Welcome,
    /// Let it in by this one (`VSFTPD_LOAD_CONF`). Files come along as with [`ToWorker::Configure`].
    WelcomeBy {
        /// The text.
        #[serde(with = "serde_bytes")]
        text: Vec<u8>,
        /// `banner_file` comes along.
        banner: bool,
        /// `userlist_file` comes along.
        user_list: bool,
        /// `ca_certs_file` comes along.
        authorities: bool,
    },
    /// Turn it away.
    Refused,
    /// The configuration for this client has errors: `500 OOPS:` with this text, then the end.
    Oops {
        /// vsftpd's words.
        #[serde(with = "serde_bytes")]
        text: Vec<u8>,
    },
}

/// Which logs come along with [`ToWorker::Logs`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[expect(clippy::struct_excessive_bools, reason = "each is a descriptor that is there or not")]
pub struct Logs {
    /// `vsftpd_log_file`.
    pub vsftpd: bool,
    /// `xferlog_file`.
    pub xferlog: bool,
    /// A datagram socket to the system's log.
    pub syslog: bool,
    /// The terminal of `wharfd share`.
    pub live: bool,
}

/// Session worker → monitor.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum FromWorker {
    /// Somebody has connected; may they come in (`tcp_wrappers`)? Asked before anything is said to them.
    Knock {
        /// Which session.
        session: SessionId,
        /// Where from.
        peer: SocketAddr,
        /// To which of our addresses.
        local: SocketAddr,
    },
    /// Somebody says which of our hosts they mean (HOST), before they log in. Answered with [`ToWorker::Admitted`]:
    /// [`Admission::WelcomeBy`], or [`Admission::Refused`] when there is none of the name.
    Host {
        /// Which session.
        session: SessionId,
        /// The name.
        name: String,
    },
    /// Somebody says who they are. One attempt at a time per session.
    Login {
        /// Which session.
        session: SessionId,
        /// Where from.
        peer: IpAddr,
        /// The name as typed.
        #[serde(with = "serde_bytes")]
        name: Vec<u8>,
        /// The password; the anonymous e-mail text. `None` asks whether the proof will do without one.
        password: Option<Secret>,
        /// What the peer proved in its handshake, where certificates log in (`cert_user_file`).
        proof: Option<Box<crate::verifier::Proof>>,
    },
    /// An anonymous upload's file comes along: give it its configured owner and mode.
    ChangeOwner {
        /// Which session.
        session: SessionId,
    },
    /// A client on the public Internet was told a private address in 227. A worker says it once for each address.
    Misled {
        /// Where the client comes from.
        peer: IpAddr,
        /// What it was told.
        announced: Ipv4Addr,
    },
    /// The control connection is closed.
    Gone {
        /// Which session.
        session: SessionId,
    },
}

/// Whether somebody comes in.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Verdict {
    /// Yes; the channel to the broker comes along.
    Granted(Granted),
    /// No: 530.
    Refused {
        /// Why, for the log.
        detail: String,
    },
    /// Not without a password: the answer only to an attempt that has none.
    NeedsPassword,
    /// The site is broken for this user: `500 OOPS:` with this text, then the end.
    Oops {
        /// vsftpd's words.
        #[serde(with = "serde_bytes")]
        text: Vec<u8>,
    },
}

/// What a login brings.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Granted {
    /// The name for logs and STAT: `ftp_username` for anonymous logins.
    #[serde(with = "serde_bytes")]
    pub user: Vec<u8>,
    /// Which rules hold.
    pub class: Class,
    /// Where the session begins.
    pub start: VirtualPath,
    /// The whole configuration with the user's own over it, as `Config::to_text` writes it; empty when there is no
    /// user file.
    #[serde(with = "serde_bytes")]
    pub overlay: Vec<u8>,
}

/// Monitor → listener.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum ToListener {
    /// Listen by this configuration (`Config::to_text`); the answer is [`FromListener::Listening`].
    Configure {
        /// The text.
        #[serde(with = "serde_bytes")]
        text: Vec<u8>,
        /// The number of its first session, when this is its first configuration: no number of an earlier listener is
        /// given again.
        first: SessionId,
    },
    /// A socket that listens already comes along (socket activation). It is told before the first configuration.
    Given {
        /// Data connections come there, and not control connections.
        is_data: bool,
    },
    /// A control connection that was accepted by somebody else comes along (inetd).
    Adopt,
    /// A session worker; its channel comes along. `isolated` workers get exactly one connection.
    Worker {
        /// The worker's number, never used twice.
        worker: u32,
    },
    /// That worker is dead: its sessions are gone.
    WorkerGone {
        /// The worker's number.
        worker: u32,
    },
    /// From now on these rules hold for the data connections of this session; the answer is [`FromListener::Agreed`].
    Agree {
        /// Which session.
        session: SessionId,
        /// Repeated in the answer.
        number: u64,
        /// Its rules.
        terms: Terms,
    },
    /// Accept nothing more; say [`FromListener::Drained`] when the last session is gone.
    Drain,
}

/// What holds for data connections, of a site or of one user of it, in the configuration's words.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Terms {
    /// `pasv_min_port`.
    pub pasv_min_port: u16,
    /// `pasv_max_port`; 0 is the highest there is.
    pub pasv_max_port: u16,
    /// `bind_retries`.
    pub bind_retries: u32,
    /// `accept_timeout`, in seconds; 0 is for ever.
    pub accept_timeout: u32,
    /// `pasv_wait_timeout`, in seconds; 0 is not at all.
    pub pasv_wait_timeout: u32,
    /// `connect_timeout`, in seconds; 0 is for ever.
    pub connect_timeout: u32,
    /// `port_promiscuous`.
    pub port_promiscuous: bool,
    /// The port that active data connections come from: `ftp_data_port` with `connect_from_port_20`, else 0 for any.
    pub source_port: u16,
}

/// Listener → monitor.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum FromListener {
    /// It listens here.
    Listening(Vec<SocketAddr>),
    /// It cannot, and keeps what it had.
    CannotListen {
        /// vsftpd's words, with the address.
        text: String,
    },
    /// The rules of [`ToListener::Agree`] hold.
    Agreed {
        /// The number that came with them.
        number: u64,
    },
    /// `isolate_sessions`: a connection waits for a worker of its own.
    WantWorker,
    /// No session is left after [`ToListener::Drain`].
    Drained,
}
