//! Signals as something to read, instead of something that interrupts.
//!
//! A role blocks the signals it cares about and reads them from a descriptor beside its channels, so no code
//! of ours ever runs inside a signal handler.
#![allow(unsafe_code, reason = "setting a signal's disposition is unsafe in every crate")]

use std::io;
use std::os::fd::{AsFd, BorrowedFd};

use nix::sys::signal::{SigHandler, SigSet, Signal as Number, signal};
use nix::sys::signalfd::{SfdFlags, SignalFd};

/// The signals our processes understand.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Signal {
    /// `SIGTERM`: end, politely.
    Terminate,
    /// `SIGINT`: the same from a terminal.
    Interrupt,
    /// `SIGHUP`: read the configuration again.
    HangUp,
    /// `SIGCHLD`: a child has ended (several may share one signal).
    Child,
    /// `SIGUSR1`: report what is going on.
    User1,
}

const WATCHED: [(Number, Signal); 5] = [
    (Number::SIGTERM, Signal::Terminate),
    (Number::SIGINT, Signal::Interrupt),
    (Number::SIGHUP, Signal::HangUp),
    (Number::SIGCHLD, Signal::Child),
    (Number::SIGUSR1, Signal::User1),
];

/// A descriptor that is readable when a signal has come.
#[derive(Debug)]
pub struct Signals(SignalFd);

impl Signals {
    /// Blocks the watched signals and begins to collect them.
    ///
    /// Call it before any thread starts: threads inherit the mask, and one that lacks it would still die of a
    /// `SIGTERM`.
    pub fn new() -> io::Result<Self> {
        let mut mask = SigSet::empty();
        for (number, _) in WATCHED {
            mask.add(number);
        }
        mask.thread_block()?;
        Ok(Self(SignalFd::with_flags(&mask, SfdFlags::SFD_CLOEXEC | SfdFlags::SFD_NONBLOCK)?))
    }

    /// Takes the next signal; `None` when there is none. Never waits.
    pub fn next(&self) -> io::Result<Option<Signal>> {
        loop {
            let Some(info) = self.0.read_signal()? else { return Ok(None) };
            let known = WATCHED.iter().find(|(number, _)| *number as u32 == info.ssi_signo);
            if let Some((_, signal)) = known {
                return Ok(Some(*signal));
            }
        }
    }
}

impl AsFd for Signals {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}

/// Leaves the signals that end a server to the one process that decides.
///
/// A terminal's Ctrl-C and a service manager's stop reach every process of the group; a child that died of them
/// would cut the transfers that its parent means to let finish. It ends with its parent all the same.
pub fn leave_ending_to_parent() -> io::Result<()> {
    for number in [Number::SIGINT, Number::SIGTERM, Number::SIGHUP, Number::SIGQUIT] {
        // SAFETY: SIG_IGN installs no handler, so no code can run in signal context.
        unsafe { signal(number, SigHandler::SigIgn) }?;
    }
    Ok(())
}

/// Lets a write to a closed connection answer `BrokenPipe` instead of ending the process.
pub fn ignore_sigpipe() -> io::Result<()> {
    // SAFETY: SIG_IGN installs no handler, so no code can run in signal context.
    unsafe { signal(Number::SIGPIPE, SigHandler::SigIgn) }?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_signal_sent_to_this_thread_is_read_once() {
        let signals = Signals::new().unwrap();
        assert_eq!(signals.next().unwrap(), None);
        nix::sys::signal::raise(Number::SIGUSR1).unwrap();
        nix::sys::signal::raise(Number::SIGHUP).unwrap();
        let mut came = [signals.next().unwrap().unwrap(), signals.next().unwrap().unwrap()];
        came.sort_by_key(|signal| *signal as u8);
        assert_eq!(came, [Signal::HangUp, Signal::User1]);
        assert_eq!(signals.next().unwrap(), None);
    }
}
