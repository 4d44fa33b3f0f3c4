//! What happened, as typed facts; the session room writes them in the classic log formats.

use std::time::Duration;

use crate::ftp::server::ask::{Direction, Handshake, NoHandshake};

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
    /// What vsftpd has no commands for: `COPY`, `COMBINE`, `SYMLINK`, `CHGRP`; what was changed, and with what.
    Changed(&'static str, bool, Vec<u8>),
    /// A command line, its password masked (`log_ftp_protocol`).
    Command(Vec<u8>),
    /// A reply line (`log_ftp_protocol`).
    Response(Vec<u8>),
    /// Something about TLS.
    Tls(Tls),
}

/// What happened to TLS on a connection.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Tls {
    /// A handshake went well, on the control or a data connection (`debug_ssl`).
    Secured(Handshake),
    /// A handshake failed.
    Refused(NoHandshake),
    /// So many octets stood in clear behind AUTH and were dropped: a careless client, or somebody in between who
    /// wished to have commands carried out inside TLS.
    Dropped(usize),
    /// An upload ended without TLS's end mark.
    UploadWithoutEndMark,
    /// The control connection ended without TLS's end mark.
    ControlWithoutEndMark,
}

impl Tls {
    /// The sentence for the log, vsftpd's where it has one.
    #[must_use]
    pub fn sentence(&self) -> Vec<u8> {
        match self {
            Self::Secured(handshake) => agreed(handshake),
            Self::Refused(NoHandshake::OldVersions) => {
                b"SSL_accept failed: the client offers only TLS versions that are not permitted here".to_vec()
            }
            Self::Refused(NoHandshake::NotResumed) => b"No SSL session reuse on data channel.".to_vec(),
            Self::Refused(NoHandshake::Failed(why)) => format!("SSL_accept failed: {why}").into_bytes(),
            Self::Refused(NoHandshake::Aborted) => b"SSL_accept failed: broken off".to_vec(),
            Self::Dropped(octets) => {
                format!("{octets} bytes that were sent in clear behind AUTH were dropped").into_bytes()
            }
            Self::UploadWithoutEndMark => b"DATA connection terminated without SSL shutdown. Buggy client! \
                Integrity of upload cannot be asserted."
                .to_vec(),
            Self::ControlWithoutEndMark => b"Control connection terminated without SSL shutdown.".to_vec(),
        }
    }
}

fn agreed(handshake: &Handshake) -> Vec<u8> {
    let Handshake { version, suite, resumed, subject } = handshake;
    let reused = if *resumed { "reused" } else { "not reused" };
    let mut sentence = format!("SSL version: {version}, SSL cipher: {suite}, {reused}, ").into_bytes();
    sentence.extend_from_slice(subject.as_deref().unwrap_or(b"no cert"));
    sentence
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_handshake_reads_as_vsftpd_writes_it() {
        let mut handshake =
            Handshake { version: "TLSv1.2", suite: "AES256-SHA", resumed: false, subject: None };
        assert_eq!(
            Tls::Secured(handshake.clone()).sentence(),
            b"SSL version: TLSv1.2, SSL cipher: AES256-SHA, not reused, no cert"
        );
        handshake.resumed = true;
        handshake.subject = Some(b"/CN=me".to_vec());
        assert!(Tls::Secured(handshake).sentence().ends_with(b", reused, /CN=me"));
    }

    #[test]
    fn a_failure_says_why() {
        let failed = Tls::Refused(NoHandshake::Failed("unexpected end of file".to_owned()));
        assert_eq!(failed.sentence(), b"SSL_accept failed: unexpected end of file");
        assert!(Tls::Dropped(8).sentence().starts_with(b"8 bytes "));
    }
}
