//! The session role: drives the protocol machines with real sockets, and moves the octets (RFC 959's DTP).
//!
//! One process, one event loop, many sessions. It parses what comes from the network and therefore holds
//! nothing: no privilege, no file system, no way to make a socket. Descriptors arrive from the listener
//! (connections), the broker (files) and the monitor (logs, the broker's channel).
#![forbid(unsafe_code)]

mod alarm;
mod ask;
mod control;
mod link;
mod log;
mod policy;
mod pool;
mod proxy;
mod pump;
mod recognise;
mod tls;
mod watch;
mod worker;

pub use worker::run;
