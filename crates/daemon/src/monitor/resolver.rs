//! Looks one host name or address up in a process of its own, without privilege: what a name server says is network
//! input.

use std::io;
use std::net::{IpAddr, Ipv4Addr, ToSocketAddrs};
use std::process::ExitCode;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use wharf_ipc::link::Link;
use wharf_os::host_name::{self, HostName};
use wharf_os::spawn::{Inherited, Launch};
use wharf_os::{identity, process};

/// How long a name server may take at start and at reload.
const PATIENCE: Duration = Duration::from_secs(10);

/// The first argument of a resolver that is to find an address's name; any other is the name whose address is wanted.
pub(super) const NAME_OF: &str = "--name-of";

/// The first argument of a resolver that is to find all addresses of a name; its answer is a list of them.
pub(super) const ADDRESSES_OF: &str = "--addresses-of";

/// The most addresses that are told.
const MOST_ADDRESSES: usize = 16;

/// What a resolver found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum Found {
    /// A name's address.
    Address(Option<Ipv4Addr>),
    /// An address's name, which has that address.
    Name(String),
    /// An address's name, which has other addresses.
    Contradicted,
    /// The address has no name.
    Nameless,
}

/// Asks for a name's IPv4 address.
///
/// # Errors
/// When there is none, or no answer in time.
pub(crate) fn ask(host: &str) -> io::Result<Ipv4Addr> {
    if let Ok(address) = host.trim().parse() {
        return Ok(address);
    }
    let (ours, theirs) = Link::<(), Found>::pair()?;
    let mut child = Launch::new("resolver")
        .descriptor("monitor", std::os::fd::AsFd::as_fd(&theirs))
        .argument(host)
        .start()?;
    drop(theirs);
    let poller = wharf_os::epoll::Poller::new()?;
    poller.add(&ours, 0, wharf_os::epoll::Interest::Read)?;
    let mut ready = Vec::new();
    poller.wait(&mut ready, Some(PATIENCE))?;
    let found = if ready.is_empty() {
        Err(io::Error::new(io::ErrorKind::TimedOut, "no answer from the name server"))
    } else {
        let answer = ours.receive(&mut wharf_ipc::link::scratch())?;
        answer
            .and_then(|received| match received.message {
                Found::Address(address) => address,
                Found::Name(_) | Found::Contradicted | Found::Nameless => None,
            })
            .ok_or_else(|| io::Error::other("there is no such IPv4 host"))
    };
    child.kill(rustix::process::Signal::KILL)?;
    child.wait()?;
    found
}

/// The resolver role.
pub fn run(inherited: &mut Inherited) -> ExitCode {
    match answer(inherited) {
        Ok(()) => ExitCode::SUCCESS,
        Err(_) => ExitCode::FAILURE,
    }
}

fn answer(inherited: &mut Inherited) -> io::Result<()> {
    process::die_with_parent()?;
    process::no_core()?;
    let monitor = inherited.require("monitor")?;
    if let (true, Some(nobody)) = (identity::is_root(), identity::lookup(b"nobody")?) {
        identity::become_user(nobody.uid, nobody.gid, &[])?;
    }
    process::no_new_privileges()?;
    let arguments = inherited.arguments();
    let argument = |at: usize| arguments.get(at).and_then(|text| text.to_str()).unwrap_or_default();
    if argument(0) == ADDRESSES_OF {
        return Link::<Vec<IpAddr>, ()>::from(monitor).send(&addresses_of(argument(1)));
    }
    let found = match (argument(0), argument(1).parse()) {
        (NAME_OF, Ok(address)) => match host_name::confirmed(address) {
            HostName::Confirmed(name) => Found::Name(name),
            HostName::Contradicted(_) => Found::Contradicted,
            HostName::Unknown => Found::Nameless,
        },
        (host, _) => Found::Address(address_of(host)),
    };
    Link::<Found, ()>::from(monitor).send(&found)
}

/// In the order in which they are to be tried; none when the name is not known.
fn addresses_of(host: &str) -> Vec<IpAddr> {
    let mut addresses: Vec<IpAddr> = Vec::new();
    for found in (host, 0).to_socket_addrs().into_iter().flatten().map(|address| address.ip()) {
        if !addresses.contains(&found) && addresses.len() < MOST_ADDRESSES {
            addresses.push(found);
        }
    }
    addresses
}

fn address_of(host: &str) -> Option<Ipv4Addr> {
    let mut found = (host, 0).to_socket_addrs().ok()?;
    found.find_map(|address| match address.ip() {
        IpAddr::V4(address) => Some(address),
        IpAddr::V6(_) => None,
    })
}
