//! What belongs to the whole process: the umask.
//!
//! The broker has one thread, where a lock costs nothing; tests have many.

use std::sync::{Mutex, MutexGuard, PoisonError};

static PROCESS: Mutex<()> = Mutex::new(());

/// Holds the process's umask for as long as it lives, then puts the former one back.
#[derive(Debug)]
pub(super) struct Umask {
    before: u32,
    _held: MutexGuard<'static, ()>,
}

impl Umask {
    /// The kernel applies it, rather than we, because a directory's default ACL takes its place.
    pub(super) fn set(mask: u32) -> Self {
        let held = PROCESS.lock().unwrap_or_else(PoisonError::into_inner);
        Self { before: wharf_os::process::umask(mask), _held: held }
    }
}

impl Drop for Umask {
    fn drop(&mut self) {
        wharf_os::process::umask(self.before);
    }
}
