//! Locks on whole files that belong to the open file, not to the process.
//!
//! Traditional record locks vanish when *any* descriptor of the file is closed by the process, and belong to the
//! process as a whole; a broker that serves many sessions needs open file description locks (`F_OFD_SETLK`, Linux
//! 3.15). They travel with a passed descriptor and end when its last copy is closed. Other programs' record locks
//! and these see each other, as vsftpd's did.
#![allow(unsafe_code, reason = "no safe wrapper for F_OFD_SETLK exists in the crates we use")]

use std::io;
use std::os::fd::{AsFd, AsRawFd};

/// How a file is held.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Lock {
    /// Shared with other readers. The descriptor must be readable.
    Read,
    /// Held alone. The descriptor must be writable.
    Write,
}

/// Tries to lock the whole file and answers at once.
///
/// `false` says that somebody else holds it. A second call on the same open file changes the kind of lock.
pub fn try_lock(file: impl AsFd, lock: Lock) -> io::Result<bool> {
    apply(
        file,
        match lock {
            Lock::Read => libc::F_RDLCK,
            Lock::Write => libc::F_WRLCK,
        },
    )
}

/// Gives the lock back before the descriptor is closed.
pub fn unlock(file: impl AsFd) -> io::Result<()> {
    apply(file, libc::F_UNLCK).map(|_| ())
}

fn apply(file: impl AsFd, kind: libc::c_int) -> io::Result<bool> {
    let region = libc::flock {
        l_type: kind as libc::c_short,
        l_whence: libc::SEEK_SET as libc::c_short,
        l_start: 0,
        // To the end, however far it grows.
        l_len: 0,
        // Must be zero for open file description locks.
        l_pid: 0,
    };
    loop {
        // SAFETY: the descriptor is borrowed and open for the whole call, and `region` is a complete flock
        // structure that the kernel only reads for F_OFD_SETLK.
        let result = unsafe { libc::fcntl(file.as_fd().as_raw_fd(), libc::F_OFD_SETLK, &raw const region) };
        if result != -1 {
            return Ok(true);
        }
        let error = io::Error::last_os_error();
        match error.raw_os_error() {
            Some(libc::EINTR) => {}
            Some(libc::EAGAIN | libc::EACCES) => return Ok(false),
            _ => return Err(error),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs::OpenOptions;

    #[test]
    fn a_writer_excludes_everyone_and_readers_share() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let open = || OpenOptions::new().read(true).write(true).open(file.path()).unwrap();
        let (one, other) = (open(), open());
        assert!(try_lock(&one, Lock::Write).unwrap());
        assert!(!try_lock(&other, Lock::Read).unwrap());
        assert!(try_lock(&one, Lock::Read).unwrap(), "the holder may change its mind");
        assert!(try_lock(&other, Lock::Read).unwrap());
        assert!(!try_lock(&other, Lock::Write).unwrap());
        unlock(&one).unwrap();
        assert!(try_lock(&other, Lock::Write).unwrap());
    }

    #[test]
    fn closing_another_descriptor_of_the_file_keeps_the_lock() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let open = || OpenOptions::new().read(true).write(true).open(file.path()).unwrap();
        let holder = open();
        assert!(try_lock(&holder, Lock::Write).unwrap());
        drop(open());
        assert!(!try_lock(open(), Lock::Read).unwrap());
        drop(holder);
        assert!(try_lock(open(), Lock::Read).unwrap());
    }
}
