//! Putting a descriptor on the event loop, in one place.

use std::io;
use std::os::fd::{AsFd, AsRawFd, OwnedFd};

use tokio::io::Interest;
use tokio::io::unix::AsyncFd;

/// Watches a descriptor that `owner` holds open for as long as it lives.
///
/// # Errors
/// When the event loop cannot watch it (a regular file, or no memory).
#[expect(
    deprecated,
    reason = "sound for what we give it: OwnedFd, Arc<OwnedFd> and Link own their descriptor and never exchange it; \
              the successor is `unsafe`, which only the room `os` may say"
)]
pub(crate) fn watch<T: AsRawFd>(owner: T, interest: Interest) -> io::Result<AsyncFd<T>> {
    AsyncFd::with_interest(owner, interest)
}

/// Tries to write until there is room.
///
/// What is watched for room as well as for octets wakes us when there is room, which is nearly always. So room is
/// waited for only where it is missing, and through a second handle, because one can be watched only once.
///
/// # Errors
/// Those of `write`, and when no other descriptor can be had.
pub(crate) async fn with_room<T>(
    descriptor: impl AsFd,
    mut write: impl FnMut() -> io::Result<T>,
) -> io::Result<T> {
    match write() {
        Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
        other => return other,
    }
    let handle: OwnedFd = rustix::io::fcntl_dupfd_cloexec(descriptor, 0)?;
    let room = watch(handle, Interest::WRITABLE)?;
    room.async_io(Interest::WRITABLE, |_| write()).await
}
