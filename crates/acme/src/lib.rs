//! The acme role: orders one certificate from an authority (RFC 8555), answers to the monitor, and ends.
//!
//! It is the only process that reads what an authority says, and it owns nothing worth having: the keys are in the
//! keyholder, which writes every signed request itself; connections and listening sockets are made by the monitor. It
//! speaks TLS as a client, and while an order runs it answers the authority's calls (`front`). Whether a chain is any
//! good is judged by the keyholder; when to order, and where the files are, is the monitor's business.
//!
//! | | |
//! |---|---|
//! | the course of an order | `order.rs` |
//! | nonces, signed requests, repetitions | `directory.rs` |
//! | what a directory answers | `answers.rs` |
//! | HTTP over TLS over a socket that was handed in | `http.rs`, `connection.rs`, `url.rs` |
//! | the proofs, and those who call for them | `front/` |
#![forbid(unsafe_code)]

mod answers;
mod connection;
mod directory;
mod front;
mod http;
mod order;
mod roots;
mod url;

pub use url::Url;

use std::io;
use std::os::fd::OwnedFd;
use std::process::ExitCode;
use std::time::Duration;

use wharf_ipc::acme::{FromAcme, MAX_LISTENING, Order, Requests, ToAcme};
use wharf_ipc::link::{Link, Received, scratch};
use wharf_os::sandbox::{Role, Sandbox};
use wharf_os::{identity, process};

use directory::Directory;
use front::Front;

/// How long one order may take, from the first connection to the certificate.
pub const ORDER_TIME: Duration = Duration::from_secs(600);

/// How long the keyholder may take to write a request.
const SIGNING_TIME: Duration = Duration::from_secs(5);

/// Runs the role on the channel to the monitor until the order is over.
///
/// It must be the process's only thread. Fails when the process cannot be shut in, or when the monitor says what it may
/// not say; an order that fails is told to the monitor and no failure here.
#[must_use]
pub fn run(monitor: OwnedFd) -> ExitCode {
    match serve(&Link::from(monitor)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            wharf_os::say!("wharfd: acme: {error}");
            ExitCode::FAILURE
        }
    }
}

fn serve(monitor: &Link<FromAcme, ToAcme>) -> io::Result<()> {
    process::die_with_parent()?;
    process::no_core()?;
    process::not_dumpable()?;
    let Some(Received { message, descriptors }) = monitor.receive(&mut scratch())? else { return Ok(()) };
    let ToAcme::Start(order) = message else { return Err(broken("the first message was no start")) };
    let mut descriptors = descriptors.into_iter();
    let (Some(roots), Some(keyholder)) = (descriptors.next(), descriptors.next()) else {
        return Err(broken("an order without its files"));
    };
    let listening: Vec<OwnedFd> = descriptors.collect();
    if listening.is_empty() || listening.len() > MAX_LISTENING {
        return Err(broken("an order without sockets for the authority's calls"));
    }
    shut_in(order.user)?;
    let last = match obtain(monitor, &order, roots, keyholder, listening) {
        Ok(chain) => FromAcme::Obtained { chain: chain.into() },
        Err(fault) => FromAcme::Failed { reason: fault.reason, retry_after: fault.retry_after },
    };
    monitor.send(&last)
}

fn obtain(
    monitor: &Link<FromAcme, ToAcme>,
    order: &Order,
    roots: OwnedFd,
    keyholder: OwnedFd,
    listening: Vec<OwnedFd>,
) -> Result<Vec<u8>, Fault> {
    let origin = Url::parse(&order.directory).map_err(Fault::from)?;
    let config = roots::client(&roots.into()).map_err(Fault::from)?;
    let requests = Requests::new(keyholder, SIGNING_TIME)?;
    let front = Front::new(listening, order.challenge);
    let mut directory = Directory::new(monitor, requests, front, config, origin)?;
    order::obtain(&mut directory, order)
}

/// Becomes nobody, in a root without files, shut in by the kernel.
fn shut_in(user: Option<(u32, u32)>) -> io::Result<()> {
    if let Some((uid, gid)) = user.filter(|_| identity::is_root()) {
        process::enter_root(process::vanished_directory()?)?;
        identity::become_user(uid, gid, &[])?;
        // A change of user makes the kernel forget both.
        process::die_with_parent()?;
        process::not_dumpable()?;
    }
    let report = Sandbox::for_role(Role::Acme, &[]).enter()?;
    if !report.is_complete() {
        wharf_os::say!("wharfd: {report}");
    }
    Ok(())
}

/// Why there is no certificate.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Fault {
    /// For the administrator.
    pub(crate) reason: String,
    /// The authority asks to be left alone for so many seconds.
    pub(crate) retry_after: Option<u32>,
}

impl From<String> for Fault {
    fn from(reason: String) -> Self {
        Self { reason, retry_after: None }
    }
}

impl From<&str> for Fault {
    fn from(reason: &str) -> Self {
        reason.to_owned().into()
    }
}

impl From<io::Error> for Fault {
    fn from(error: io::Error) -> Self {
        error.to_string().into()
    }
}

/// The longest text of an authority that is repeated, in characters.
const MAX_REPEATED: usize = 400;

/// The longest reason that the monitor repeats: the authority's text with ours around it.
const MAX_REASON: usize = 1000;

/// What the role said, fit for a line of the log: nobody can write lines of his own with it.
#[must_use]
pub fn fit_for_the_log(reason: &str) -> String {
    cut(reason, MAX_REASON)
}

/// What an authority said, fit for a line of the log.
pub(crate) fn shown(text: &str) -> String {
    cut(text, MAX_REPEATED)
}

fn cut(text: &str, longest: usize) -> String {
    let mut shown: String =
        text.chars().take(longest).map(|c| if c.is_control() { ' ' } else { c }).collect();
    if text.chars().nth(longest).is_some() {
        shown.push('…');
    }
    shown
}

fn broken(what: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, what)
}

#[cfg(test)]
mod tests;
