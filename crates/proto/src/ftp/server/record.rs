//! What happened, as typed facts; the session room writes them in the classic log formats.

use std::time::Duration;

use crate::ftp::server::ask::Direction;

/// One line of a log to be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Record {
    /// The user at that moment: the name as typed before login, the login's name after.
    pub user: Option<Vec<u8>>,
    /// What happened.
    pub event: Event,
}

/// The things that are recorded (`docs/compatibility.md` names those beyond vsftpd's).
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    /// A control connection came; refused ones say why.
    Connect {
        /// vsftpd's sentence.
        refused: Option<&'static str>,
    },
    /// A password was checked.
    Login {
        /// Whether it was right.
        ok: bool,
        /// The e-mail text of an anonymous login.
        anonymous_password: Option<Vec<u8>>,
    },
    /// A file was sent or received, or could not be.
    Transfer(Transfer),
    /// MKD.
    MakeDirectory(bool, Vec<u8>),
    /// RMD.
    RemoveDirectory(bool, Vec<u8>),
    /// DELE.
    Delete(bool, Vec<u8>),
    /// RNFR, RNTO: `old` or `old new`.
    Rename(bool, Vec<u8>),
    /// SITE CHMOD: `path mode`.
    ChangeMode(bool, Vec<u8>),
    /// A command line, its password masked (`log_ftp_protocol`).
    Command(Vec<u8>),
    /// A reply line (`log_ftp_protocol`).
    Response(Vec<u8>),
}

/// A transfer's record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Transfer {
    /// Which way.
    pub direction: Direction,
    /// Whether it ended well.
    pub ok: bool,
    /// The path as the log shows it.
    pub path: Vec<u8>,
    /// File octets moved.
    pub octets: u64,
    /// How long it took.
    pub took: Duration,
    /// Whether TYPE was A, for xferlog's `a` or `b`.
    pub ascii: bool,
    /// xferlog's access mode and name: the anonymous password stands for the name.
    pub class: super::policy::Class,
    /// The anonymous e-mail text.
    pub anonymous_password: Option<Vec<u8>>,
}
