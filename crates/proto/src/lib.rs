//! Everything that can be said on the wire, and nothing else.
//!
//! This room has no sockets, no files, no clock and no threads (`clippy.toml` beside it bans them): octets and
//! answers go in, replies and questions come out. The session room drives it with real sockets; tests drive it
//! in memory.
#![forbid(unsafe_code)]

pub mod entry;
pub mod failure;
pub mod ftp;
pub mod host;
pub mod path;
pub mod pattern;
pub mod scope;
pub mod secret;
pub mod store;
