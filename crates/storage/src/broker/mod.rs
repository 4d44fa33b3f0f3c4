//! The role: a process that is one user in one directory, and serves all of that identity's logins.
//!
//! Started by the monitor, told once whom it serves (`start`), shut in (`confine`), and from then on only asked
//! through channels that the monitor hands in ([`Service`]). It has no network, starts no program, and ends with the
//! monitor. If it turned evil it could do to files what its user may do within the rules of its root, and no more.

mod confine;
mod service;
mod start;

pub use service::Service;

use std::os::fd::OwnedFd;
use std::process::ExitCode;

use wharf_os::channel::Channel;
use wharf_os::title::Title;

/// Runs the role on the channel to the monitor until that is closed.
///
/// It must be the process's only thread: identity, umask and current directory are changed. An unusable directory is
/// told to the monitor and is no failure of the process.
pub fn run(monitor: OwnedFd) -> ExitCode {
    match serve(monitor) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            wharf_os::say!("wharfd: broker: {error}");
            ExitCode::FAILURE
        }
    }
}

fn serve(monitor: OwnedFd) -> std::io::Result<()> {
    let title = Title::prepare();
    let Some(ready) = start::start(Channel::from(monitor))? else { return Ok(()) };
    Service::new(ready.monitor, ready.local)?.with_title(title, &ready.user, &ready.root).run()
}
