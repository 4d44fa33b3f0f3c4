//! The record layer after the handshake (RFC 8446 §5, RFC 5246 §6.2): octets are sealed and opened where they lie.
//!
//! The library shakes hands and gives its keys away; from then on records are made here, and nothing of the library is
//! left. So a batch of records is read from a file straight into its place, sealed there and sent with one call, and a
//! session at rest keeps its keys and no buffers. What that is worth stands in `docs/benchmarks/tls.md`.
//!
//! | what is needed for a record: cipher, key, nonce; renewing them | [`keys`] |
//! | one record out | [`seal`] |
//! | one record in | [`open`] |
//! | where the plaintext of many records lies | [`frame`] |
//! | what may still come of the handshake | [`messages`] |
//! | a ticket that is handed out again | [`ticket`] |
//! | a connection's both directions, with alerts and the end | [`layer`] |

mod alert;
mod frame;
mod keys;
mod layer;
mod messages;
mod open;
mod seal;
mod ticket;

pub use frame::Frame;
pub(crate) use keys::Caught;
pub(crate) use layer::Records;

/// The most plaintext of one record, in octets: 2^14 (RFC 8446 §5.1).
const MOST: usize = 1 << 14;

/// A record's type, version and length.
const HEADER: usize = 5;

/// The tag of every cipher here.
const TAG: usize = 16;

/// What a record holds (RFC 8446 §5.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Content {
    Alert,
    Handshake,
    Data,
}

impl Content {
    /// `None` for what nobody may send after the handshake, change_cipher_spec among it.
    fn read(octet: u8) -> Option<Self> {
        match octet {
            21 => Some(Self::Alert),
            22 => Some(Self::Handshake),
            23 => Some(Self::Data),
            _ => None,
        }
    }

    fn octet(self) -> u8 {
        match self {
            Self::Alert => 21,
            Self::Handshake => 22,
            Self::Data => 23,
        }
    }
}

#[cfg(test)]
mod tests;
