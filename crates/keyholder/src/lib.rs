//! The keyholder role: holds the private keys and signs TLS handshakes with them. It does nothing else.
//!
//! No process that meets strangers has a key in its memory. A worker that was taken over can have handshakes signed as
//! long as it lives; it cannot carry the key away, and it cannot have anything signed that is not a server's part of a
//! TLS handshake (`shape`). Which certificates there are is the monitor's decision; the monitor opens the files and never
//! reads them. TLS itself is spoken in the room `transport`.
#![forbid(unsafe_code)]

mod acme;
mod keys;
mod load;
pub mod own;
mod service;
mod shape;

pub use service::Service;

use std::io;
use std::os::fd::OwnedFd;
use std::process::ExitCode;

use wharf_ipc::keyholder::{FromKeyholder, ToKeyholder};
use wharf_ipc::link::{Link, scratch};
use wharf_os::sandbox::{Role, Sandbox};
use wharf_os::{identity, process};

/// Runs the role on the channel to the monitor until that is closed.
///
/// It must be the process's only thread. Fails when the process cannot be shut in, or when the monitor says what it may
/// not say.
#[must_use]
pub fn run(monitor: OwnedFd) -> ExitCode {
    match serve(Link::from(monitor)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            wharf_os::say!("wharfd: keyholder: {error}");
            ExitCode::FAILURE
        }
    }
}

fn serve(monitor: Link<FromKeyholder, ToKeyholder>) -> io::Result<()> {
    process::die_with_parent()?;
    process::no_core()?;
    process::not_dumpable()?;
    // A link for each worker, and with `isolate_sessions` a worker for each connection.
    if let Err(error) = process::raise_descriptor_limit() {
        wharf_os::say!("wharfd: keyholder: cannot raise the limit of open files: {error}");
    }
    let Some(first) = monitor.receive(&mut scratch())? else { return Ok(()) };
    let ToKeyholder::Start(user) = first.message else {
        return Err(io::Error::new(io::ErrorKind::InvalidData, "the first message was no start"));
    };
    // Made before the walls, which allow no new one.
    let service = Service::new(monitor)?;
    shut_in(user)?;
    service.run()
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
    let report = Sandbox::for_role(Role::Keyholder, &[]).enter()?;
    if !report.is_complete() {
        wharf_os::say!("wharfd: {report}");
    }
    Ok(())
}
