//! A descriptor that the asynchronous runtime watches. (Feature `tokio`; only the session and the clients need it.)
//!
//! tokio trusts its caller that a watched descriptor stays open and stays the same. For the types here that is so by
//! construction, hence the safe face; [`Watched`] leaves out the one call that could exchange the descriptor.
#![allow(unsafe_code, reason = "registering a descriptor with tokio is unsafe")]

use std::future::Future;
use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::sync::Arc;

use tokio::io::Interest;
use tokio::io::unix::{AsyncFd, AsyncFdReadyGuard};

use crate::channel::Channel;

mod sealed {
    /// Promises that `as_raw_fd` always tells the same descriptor, open for as long as the value lives.
    ///
    /// # Safety
    ///
    /// The promise must be kept even when the value is moved or used through shared references.
    pub unsafe trait Steady {}
}

/// What can be watched: the owner of one descriptor, or something that keeps such an owner alive.
pub trait Watchable: AsRawFd + AsFd + sealed::Steady {}

impl<T: AsRawFd + AsFd + sealed::Steady> Watchable for T {}

// SAFETY: it owns one descriptor, closes it when dropped, and cannot be changed through a shared reference.
unsafe impl sealed::Steady for OwnedFd {}
// SAFETY: a wrapper of one OwnedFd, never replaced.
unsafe impl sealed::Steady for Channel {}
// SAFETY: the lifetime keeps the owner alive and unchanged.
unsafe impl sealed::Steady for BorrowedFd<'_> {}
// SAFETY: the count keeps the owner alive; nobody can change it while this share exists.
unsafe impl<T: sealed::Steady> sealed::Steady for Arc<T> {}

/// A descriptor and its place in the runtime.
#[derive(Debug)]
pub struct Watched<T: Watchable>(AsyncFd<T>);

impl<T: Watchable> Watched<T> {
    /// Watches for reading and writing. The descriptor should not wait; must be called inside a runtime.
    pub fn new(inner: T) -> io::Result<Self> {
        Self::with_interest(inner, Interest::READABLE | Interest::WRITABLE)
    }

    /// Watches for one of the two; needed for the ends of pipes, which know only one.
    pub fn with_interest(inner: T, interest: Interest) -> io::Result<Self> {
        // SAFETY: `Steady` promises what tokio asks for, and no `get_mut` is handed out.
        Ok(Self(unsafe { AsyncFd::register_with_interest(inner, interest) }?))
    }

    /// Waits until reading may succeed.
    pub async fn readable(&self) -> io::Result<AsyncFdReadyGuard<'_, T>> {
        self.0.readable().await
    }

    /// Waits until writing may succeed.
    pub async fn writable(&self) -> io::Result<AsyncFdReadyGuard<'_, T>> {
        self.0.writable().await
    }

    /// Tries an operation whenever the descriptor is ready, until it answers something else than `WouldBlock`.
    pub fn retry<'a, R: 'a>(
        &'a self,
        interest: Interest,
        operation: impl FnMut(&T) -> io::Result<R> + 'a,
    ) -> impl Future<Output = io::Result<R>> + 'a {
        self.0.async_io(interest, operation)
    }

    /// Lends the descriptor's owner.
    pub fn inner(&self) -> &T {
        self.0.get_ref()
    }

    /// Stops watching and gives the owner back.
    pub fn into_inner(self) -> T {
        self.0.into_inner()
    }
}

impl<T: Watchable> AsFd for Watched<T> {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.get_ref().as_fd()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_channel_is_waited_for_and_given_back() {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_io().build().unwrap();
        runtime.block_on(async {
            let (one, other) = Channel::pair().unwrap();
            one.set_nonblocking(true).unwrap();
            let one = Watched::new(one).unwrap();
            let speaker = tokio::spawn(async move { other.send(b"hello", &[]) });
            let mut buffer = [0; 16];
            let received =
                one.retry(Interest::READABLE, |channel| channel.receive(&mut buffer, &mut Vec::new()));
            assert_eq!(received.await.unwrap(), Some(5));
            speaker.await.unwrap().unwrap();
            let one: Channel = one.into_inner();
            assert_eq!(one.receive(&mut [0; 16], &mut Vec::new()).unwrap(), None);
        });
    }

    #[test]
    fn the_end_of_a_pipe_is_watched_by_reference() {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_io().build().unwrap();
        runtime.block_on(async {
            let pipe = crate::pump::Pipe::new(4096).unwrap();
            let write = Watched::with_interest(pipe.write.as_fd(), Interest::WRITABLE).unwrap();
            write.writable().await.unwrap().retain_ready();
            rustix::io::write(write.inner(), b"x").unwrap();
            let read = Watched::with_interest(pipe.read.as_fd(), Interest::READABLE).unwrap();
            read.readable().await.unwrap().retain_ready();
        });
    }
}
