//! Whatever is wrong with a configuration, a user's file, a list or PAM is told: what, where, and what to try.
//!
//! `lines.rs` and `start.rs` go through the fatal errors of vsftpd one by one, TLS excepted: in its words, with status
//! 2; and through the traps that are no errors. `login.rs` is about what a client meets at a login, and what the administrator is told then.

#![forbid(unsafe_code)]
#![allow(clippy::unwrap_used, reason = "a test that cannot go on stops at the line that says why")]

mod judge;
mod lines;
mod login;
mod start;
