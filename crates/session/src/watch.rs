//! Putting a descriptor on the event loop, in one place.

use std::io;
use std::os::fd::AsRawFd;

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
