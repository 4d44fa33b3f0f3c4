//! What a server behind address translation has to ask of the world outside: which address it has there, and that a
//! router forwards ports to it.
//!
//! | to do | look in |
//! |---|---|
//! | read and write PCP (RFC 6887) | [`pcp`] |
//! | read and write NAT-PMP (RFC 6886) | [`natpmp`] |
//! | read and write the UPnP Internet gateway's words | [`upnp`] |
//! | read and write STUN binding (RFC 8489) | [`stun`] |
//! | notice that a router was restarted | [`epoch`] |
//! | ask, with an end to waiting | [`ask`] |
//!
//! The codecs know no sockets and no clock; every answer is taken to be hostile until it is read. Which router is asked,
//! when and why is decided by who calls. IPv4 only: translation is what IPv6 was made to do without.
#![forbid(unsafe_code)]

pub mod ask;
pub mod epoch;
mod fault;
pub mod natpmp;
mod octets;
pub mod pcp;
pub mod stun;
pub mod upnp;

pub use fault::Fault;
