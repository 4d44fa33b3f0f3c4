//! The trusted few: the monitor, which decides, and the listener, which owns the sockets.
//!
//! `main.rs` reads the command line and becomes one of the roles; all other rooms are dispatched to from there
//! and never used by the two roles of this room.
#![forbid(unsafe_code)]

pub mod doctor;
pub mod listener;
pub mod mapper;
pub mod monitor;
mod outbox;
pub mod own;
pub mod surroundings;
mod terms;
