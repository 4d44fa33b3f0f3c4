//! The server's protocol interpreter (RFC 959 §2.3, §4.1), as a machine without sockets, files or clock.
//!
//! [`session`] is the machine; `command` holds one file per verb; [`ask`] is what the machine wants of the
//! world; [`policy`] is what a site permits; [`record`] is what a log may say. Listening, accepting, reading
//! and writing are the session room's work.

mod access;
pub mod announce;
pub mod ask;

mod command;
mod digest;
mod facts;
mod listing;
pub mod policy;
mod protection;
pub mod record;
pub mod session;
mod stamp;
mod state;
mod tilde;
mod transfer;
mod upload;
mod words;
