//! The mapper role: the only process that speaks to the router in front, and to the STUN server.
//!
//! It runs as nobody, in a root without files, takes no connection, and tells the monitor numbers. When which port is
//! asked for, and what a silence means, is in `work.rs`; how it is asked by each protocol is in `way.rs`; the protocols
//! are the room `nat`. What to ask for is the monitor's decision.

mod way;
mod work;

use std::io;
use std::net::UdpSocket;
use std::os::fd::OwnedFd;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use wharf_ipc::link::{Link, scratch};
use wharf_ipc::mapper::{Report, ToMapper};
use wharf_os::sandbox::{Role, Sandbox};
use wharf_os::{identity, process};

use work::Work;

/// How long withdrawing may take at the end; the monitor waits about as long.
const LAST_WORDS: Duration = Duration::from_secs(2);

type Monitor = Link<Report, ToMapper>;

/// Runs the role on the channel to the monitor until that is closed or everything is withdrawn.
#[must_use]
pub fn run(monitor: OwnedFd) -> ExitCode {
    match serve(&Link::from(monitor)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            wharf_os::say!("wharfd: mapper: {error}");
            ExitCode::FAILURE
        }
    }
}

fn serve(monitor: &Monitor) -> io::Result<()> {
    process::die_with_parent()?;
    process::no_core()?;
    let mut scratch = scratch();
    match monitor.receive(&mut scratch)?.map(|received| received.message) {
        None => return Ok(()),
        Some(ToMapper::Start(user)) => shut_in(user)?,
        Some(_) => return Err(io::Error::new(io::ErrorKind::InvalidData, "the first message was no start")),
    }
    let mut work = Work::default();
    let mut told = None;
    loop {
        let wait = work.due().map(|due| due.saturating_duration_since(Instant::now()));
        let (speaks, announces) = wait_for(monitor, work.ear(), wait)?;
        if announces {
            work.hear();
        }
        if speaks {
            match monitor.receive(&mut scratch)?.map(|received| received.message) {
                None => return Ok(()),
                Some(ToMapper::Wish(wish)) => {
                    work.take(wish);
                    // What is the same after a new wish is told again: whoever wished waits for it.
                    told = None;
                }
                Some(ToMapper::Withdraw) => {
                    work.withdraw(Instant::now() + LAST_WORDS);
                    return Ok(());
                }
                Some(ToMapper::Start(_)) => return Err(io::ErrorKind::InvalidData.into()),
            }
        }
        work.turn(|| wait_for(monitor, None, Some(Duration::ZERO)).map_or(true, |(speaks, _)| speaks));
        if work.is_settled() && told.as_ref() != Some(work.report()) {
            monitor.send(work.report())?;
            told = Some(work.report().clone());
        }
    }
}

/// Waits until the monitor has something to say, a router announces something, or the time is over; tells which of the
/// two it was.
fn wait_for(monitor: &Monitor, ear: Option<&UdpSocket>, wait: Option<Duration>) -> io::Result<(bool, bool)> {
    let wait = wait.and_then(|wait| Timespec::try_from(wait).ok());
    let mut descriptors = vec![PollFd::new(monitor, PollFlags::IN)];
    descriptors.extend(ear.map(|ear| PollFd::new(ear, PollFlags::IN)));
    rustix::io::retry_on_intr(|| poll(&mut descriptors, wait.as_ref()))?;
    let is_ready = |at: usize| descriptors.get(at).is_some_and(|one| !one.revents().is_empty());
    Ok((is_ready(0), is_ready(1)))
}

/// Becomes nobody, in a root without files, shut in by the kernel.
fn shut_in(user: Option<(u32, u32)>) -> io::Result<()> {
    if let Some((uid, gid)) = user.filter(|_| identity::is_root()) {
        process::enter_root(process::vanished_directory()?)?;
        identity::become_user(uid, gid, &[])?;
        // A change of user makes the kernel forget it.
        process::die_with_parent()?;
    }
    process::not_dumpable()?;
    let report = Sandbox::for_role(Role::Mapper, &[]).enter()?;
    if !report.is_complete() {
        wharf_os::say!("wharfd: {report}");
    }
    Ok(())
}
