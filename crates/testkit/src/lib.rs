//! What integration tests stand on: a real server on free ports, real accounts, and a control
//! connection that says one line at a time.
//!
//! Everything here fails by panicking with what was said so far, as a test wants it. No other room
//! depends on this one outside its tests, and it knows nothing of the server's insides: it starts the
//! executable it is given and talks to it over TCP.

#![forbid(unsafe_code)]

mod account;
mod dialogue;
mod ports;
mod program;
mod server;
mod site;
mod visit;

pub use nix::sys::signal::Signal;

pub use account::{Account, PamService, is_root};
pub use dialogue::{Dialogue, Reply, connect_from, read_all, reset};
pub use ports::Ports;
pub use program::{Outcome, has, run};
pub use server::{Server, is_alive, kill_at_once};
pub use site::{Site, SiteBuilder};
pub use visit::visit;

/// The longest any single wait in a test may last, in seconds, before it counts as a failure.
///
/// Generous, because a loaded machine must not make a good server look bad.
pub const PATIENCE: u64 = 20;

/// Ends a test early, and says so, unless it runs as root.
#[macro_export]
macro_rules! needs_root {
    () => {
        if !$crate::is_root() {
            eprintln!("skipped: needs root");
            return;
        }
    };
}
