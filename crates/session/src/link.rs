//! A typed channel on the event loop.

use std::io;

use tokio::io::Interest;
use tokio::io::unix::AsyncFd;
use wharf_ipc::link::{Link, Received};

use crate::watch::watch;

/// A [`Link`] whose waits are the event loop's.
pub(crate) struct AsyncLink<Out, In>(AsyncFd<Link<Out, In>>);

impl<Out, In> AsyncLink<Out, In>
where
    Out: Speakable,
    In: Understandable,
{
    /// Registers a link; it becomes non-blocking.
    pub(crate) fn new(link: Link<Out, In>) -> io::Result<Self> {
        link.set_nonblocking(true)?;
        Ok(Self(watch(link, Interest::READABLE | Interest::WRITABLE)?))
    }

    /// Sends at once when there is room, and waits for room when there is none.
    pub(crate) async fn send(&self, message: &Out) -> io::Result<()> {
        self.send_with(message, &[]).await
    }

    /// As [`Self::send`], with descriptors.
    pub(crate) async fn send_with(
        &self,
        message: &Out,
        descriptors: &[std::os::fd::BorrowedFd<'_>],
    ) -> io::Result<()> {
        match self.0.get_ref().send_with(message, descriptors) {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
            other => return other,
        }
        self.0.async_io(Interest::WRITABLE, |link| link.send_with(message, descriptors)).await
    }

    /// Receives one message; `None` when the peer has closed.
    ///
    /// `scratch` lends the buffer for the moment of receiving only, so that waiting costs none.
    pub(crate) async fn receive(&self, scratch: &Scratch) -> io::Result<Option<Received<In>>> {
        self.0.async_io(Interest::READABLE, |link| link.receive(&mut scratch.borrow_mut())).await
    }
}

/// The one receiving buffer of a worker: nothing is kept in it across a wait.
pub(crate) type Scratch = std::cell::RefCell<Vec<u8>>;

/// What can be sent over a link.
pub(crate) trait Speakable:
    wharf_ipc::serde::Serialize + wharf_ipc::serde::de::DeserializeOwned
{
}
impl<T: wharf_ipc::serde::Serialize + wharf_ipc::serde::de::DeserializeOwned> Speakable for T {}
/// What can be received over a link.
pub(crate) trait Understandable: Speakable {}
impl<T: Speakable> Understandable for T {}
