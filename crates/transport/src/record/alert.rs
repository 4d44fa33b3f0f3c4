//! What the peer is told when something ends (RFC 8446 §6).

use crate::fault::{Cause, Fault};

/// The alerts that are sent after the handshake.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Alert {
    CloseNotify = 0,
    UnexpectedMessage = 10,
    BadRecordMac = 20,
    RecordOverflow = 22,
    IllegalParameter = 47,
    DecodeError = 50,
    ProtocolVersion = 70,
    InternalError = 80,
    NoRenegotiation = 100,
}

impl Alert {
    /// The alert as it is sent: its level and its description.
    pub(super) fn octets(self) -> [u8; 2] {
        const WARNING: u8 = 1;
        const FATAL: u8 = 2;
        let level = match self {
            Self::CloseNotify | Self::NoRenegotiation => WARNING,
            _ => FATAL,
        };
        [level, self as u8]
    }

    /// What happened, for the log.
    pub(super) fn fault(self) -> Fault {
        let words = match self {
            Self::BadRecordMac => "a record of the client's was changed on its way, or was never sealed",
            Self::RecordOverflow => "the client sent a record that is longer than any may be",
            Self::IllegalParameter => "the client sent a message with a value that does not exist",
            Self::DecodeError => "the client sent a message that cannot be read",
            Self::ProtocolVersion => "the client changed the version of TLS in the middle",
            Self::InternalError => "a record could not be sealed",
            Self::CloseNotify | Self::NoRenegotiation | Self::UnexpectedMessage => {
                "the client sent a message of TLS that has no place after the handshake"
            }
        };
        Fault::new(Cause::Broken, words)
    }
}
