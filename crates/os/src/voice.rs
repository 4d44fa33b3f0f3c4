//! What our processes say to the administrator: whole lines on standard error, or to the system's log once the server
//! has gone to the background.
//!
//! Nobody may be left to listen. That is no reason to stop serving, so a line that cannot be written is lost.
#![allow(unsafe_code, reason = "openlog has no safe wrapper")]

use std::fmt;
use std::os::fd::OwnedFd;
use std::sync::atomic::{AtomicBool, Ordering};

use rustix::stdio::{dup2_stderr, stderr};

use crate::socket;

/// Facility daemon (3), severity warning (4), as syslog(3) numbers them.
const PRIORITY: u8 = 3 * 8 + 4;

/// Standard error is a socket of the system's log, where every line needs its own heading.
static IS_LOG: AtomicBool = AtomicBool::new(false);

/// Says a line: `say!("{} is gone", name)`.
#[macro_export]
macro_rules! say {
    ($($words:tt)*) => { $crate::voice::say(::core::format_args!($($words)*)) };
}

/// Learns where standard error leads; called once at the start of each role, before anything is forbidden.
pub fn prepare() {
    let is_log =
        rustix::net::sockopt::socket_type(stderr()).is_ok_and(|kind| kind == rustix::net::SocketType::DGRAM);
    IS_LOG.store(is_log, Ordering::Relaxed);
}

/// Leads standard error to the system's log, for this process and those it starts; false when there is no such log.
pub fn lead_to_system_log() -> bool {
    let led = socket::system_log().and_then(|log: OwnedFd| Ok(dup2_stderr(&log)?)).is_ok();
    prepare();
    led
}

/// Gives the lines that libraries write to the system's log a name, and the process's number.
///
/// PAM's modules write such lines; log readers know them by the name of the program.
pub fn name_in_system_log(name: &'static std::ffi::CStr) {
    // SAFETY: the name lives for ever, as openlog(3) wants of what it keeps.
    unsafe { libc::openlog(name.as_ptr(), libc::LOG_PID, libc::LOG_FTP) };
}

/// Says one line or several, each in one write, so that the lines of several processes do not mix.
pub fn say(words: fmt::Arguments<'_>) {
    let is_log = IS_LOG.load(Ordering::Relaxed);
    for line in words.to_string().lines() {
        let line = match is_log {
            true => format!("<{PRIORITY}>wharfd[{}]: {line}", std::process::id()),
            false => format!("{line}\n"),
        };
        let mut left = line.as_bytes();
        while let Ok(written @ 1..) = rustix::io::write(stderr(), left) {
            left = left.get(written..).unwrap_or_default();
        }
    }
}
