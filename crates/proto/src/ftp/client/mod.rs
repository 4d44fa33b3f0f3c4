//! What a client hears and what it makes of it: replies, features, addresses (RFC 959, RFC 2389, RFC 2428).
//!
//! Octets in, meaning out. Which command comes next is the engine's decision, not this room's.

pub mod features;
pub mod passive;
pub mod reply;
