//! What our own processes say to each other: one file per conversation.
//!
//! Every message is one datagram of a `SOCK_SEQPACKET` pair, encoded with postcard, at most
//! [`wharf_os::channel::MAX_MESSAGE`] octets long, with at most [`wharf_os::channel::MAX_DESCRIPTORS`]
//! descriptors beside it. What cannot be decoded ends the conversation: no process of ours sends such a thing,
//! so the other side has been taken over or is broken.
//!
//! This room says what *can* be said. What is allowed *when* stands in each conversation's `Progress`.
#![forbid(unsafe_code)]

pub mod acme;
pub mod auth;
pub mod broker;
pub mod keyholder;
pub mod link;
pub mod listener;
pub mod mapper;
pub mod monitor;
pub mod own;
pub mod verifier;

use serde::{Deserialize, Serialize};

#[doc(no_inline)]
pub use serde;

/// The number of one control connection, unique for the life of the server.
///
/// Numbers start above Linux's largest process number, so that the `[pid N]` field of the classic log can carry
/// them and nobody kills an innocent process by it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct SessionId(pub u64);

impl SessionId {
    /// The first number given out: above `PID_MAX_LIMIT` (4,194,304) of 64-bit Linux.
    pub const FIRST: Self = Self(10_000_000);
}
