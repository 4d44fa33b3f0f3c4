//! One table from the kernel's errno to the few kinds of [`Failure`] a protocol can act on.

use std::io;

use rustix::io::Errno;
use wharf_proto::failure::Failure;

/// Tells which kind of failure an error is.
#[must_use]
pub fn of(error: impl Into<io::Error>) -> Failure {
    let error = error.into();
    match Errno::from_io_error(&error) {
        Some(errno) => kind(errno),
        // Errors of our own: a path without a name, such as the root of the session.
        None => match error.kind() {
            io::ErrorKind::InvalidInput | io::ErrorKind::PermissionDenied => Failure::Denied,
            io::ErrorKind::NotFound => Failure::NotFound,
            _ => Failure::Broken,
        },
    }
}

fn kind(errno: Errno) -> Failure {
    match errno {
        Errno::NOENT | Errno::NOTDIR => Failure::NotFound,
        // EXDEV: the kernel's word for a path that would leave the root.
        Errno::ACCESS | Errno::PERM | Errno::ROFS | Errno::XDEV => Failure::Denied,
        Errno::EXIST => Failure::Exists,
        Errno::NOTEMPTY => Failure::NotEmpty,
        Errno::NOSPC | Errno::DQUOT | Errno::FBIG => Failure::NoSpace,
        // EAGAIN: somebody holds a lease. ETXTBSY: it is being executed. EBUSY: something is mounted on it.
        Errno::AGAIN | Errno::TXTBSY | Errno::BUSY => Failure::Busy,
        Errno::MFILE | Errno::NFILE | Errno::NOMEM | Errno::MLINK => Failure::TooMany,
        // ENXIO: a FIFO that nobody reads, or a socket.
        Errno::ISDIR | Errno::NXIO | Errno::NODEV => Failure::WrongKind,
        _ => Failure::Broken,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_errno_of_a_real_call_finds_its_kind() {
        assert_eq!(of(std::fs::File::open("/nonexistent").unwrap_err()), Failure::NotFound);
        assert_eq!(of(std::fs::File::open("/dev/null/x").unwrap_err()), Failure::NotFound);
        assert_eq!(of(std::fs::File::create("/").unwrap_err()), Failure::WrongKind);
        assert_eq!(of(std::fs::remove_dir("/proc").unwrap_err()), Failure::Busy);
    }

    #[test]
    fn a_path_without_a_name_is_denied() {
        assert_eq!(of(io::Error::new(io::ErrorKind::InvalidInput, "the root has no name")), Failure::Denied);
    }
}
