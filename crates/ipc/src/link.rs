//! A channel with a type: what may be sent, and what may arrive.

use std::io;
use std::marker::PhantomData;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use serde::Serialize;
use serde::de::DeserializeOwned;
use wharf_os::channel::{Channel, MAX_MESSAGE};

/// One end of a conversation that sends `Out` and receives `In`.
#[derive(Debug)]
pub struct Link<Out, In> {
    channel: Channel,
    _speaks: PhantomData<fn(Out) -> In>,
}

/// A decoded message with the descriptors that came beside it.
#[derive(Debug)]
pub struct Received<In> {
    /// What was said.
    pub message: In,
    /// What was handed over; the receiver decides whether the count is right for the message.
    pub descriptors: Vec<OwnedFd>,
}

impl<In> Received<In> {
    /// The only descriptor of this message; `None` when there is none or more than one.
    pub fn descriptor(&mut self) -> Option<OwnedFd> {
        if self.descriptors.len() == 1 { self.descriptors.pop() } else { None }
    }
}

impl<Out: Serialize, In: DeserializeOwned> Link<Out, In> {
    /// Gives a raw channel its type.
    #[must_use]
    pub fn new(channel: Channel) -> Self {
        Self { channel, _speaks: PhantomData }
    }

    /// Makes both ends of a conversation.
    ///
    /// # Errors
    /// When the process or the system is out of descriptors.
    pub fn pair() -> io::Result<(Self, Link<In, Out>)>
    where
        Out: DeserializeOwned,
        In: Serialize,
    {
        let (ours, theirs) = Channel::pair()?;
        Ok((Self::new(ours), Link::new(theirs)))
    }

    /// Sends one message.
    ///
    /// # Errors
    /// `WouldBlock` on a non-blocking link whose peer is slow, `BrokenPipe` when the peer is gone, `InvalidInput`
    /// when the message is larger than a datagram may be.
    pub fn send(&self, message: &Out) -> io::Result<()> {
        self.send_with(message, &[])
    }

    /// Sends one message and hands descriptors over with it.
    ///
    /// # Errors
    /// As [`Self::send`].
    pub fn send_with(&self, message: &Out, descriptors: &[BorrowedFd<'_>]) -> io::Result<()> {
        // Nearly every message is a path and a few numbers: it is built on the stack.
        let mut small = [0_u8; 1024];
        if let Ok(octets) = postcard::to_slice(message, &mut small) {
            return self.channel.send(octets, descriptors);
        }
        let octets = postcard::to_allocvec(message).map_err(io::Error::other)?;
        if octets.len() > MAX_MESSAGE {
            return Err(io::Error::new(io::ErrorKind::InvalidInput, "message larger than a datagram may be"));
        }
        self.channel.send(&octets, descriptors)
    }

    /// Receives one message; `None` when the peer has closed.
    ///
    /// `scratch` is the caller's buffer of [`MAX_MESSAGE`] octets, so that an idle link costs none.
    ///
    /// # Errors
    /// `WouldBlock` on a non-blocking link, `InvalidData` when the message is no `In`.
    pub fn receive(&self, scratch: &mut [u8]) -> io::Result<Option<Received<In>>> {
        let mut descriptors = Vec::new();
        let Some(length) = self.channel.receive(scratch, &mut descriptors)? else { return Ok(None) };
        let octets = scratch.get(..length).unwrap_or_default();
        match postcard::take_from_bytes::<In>(octets) {
            Ok((message, [])) => Ok(Some(Received { message, descriptors })),
            Ok(_) => Err(io::Error::new(io::ErrorKind::InvalidData, "octets after the message")),
            Err(error) => Err(io::Error::new(io::ErrorKind::InvalidData, error)),
        }
    }

    /// Chooses whether `send` and `receive` wait.
    ///
    /// # Errors
    /// As `fcntl`.
    pub fn set_nonblocking(&self, nonblocking: bool) -> io::Result<()> {
        self.channel.set_nonblocking(nonblocking)
    }
}

/// A buffer of the size [`Link::receive`] wants.
#[must_use]
pub fn scratch() -> Vec<u8> {
    vec![0; MAX_MESSAGE]
}

impl<Out, In> AsFd for Link<Out, In> {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.channel.as_fd()
    }
}

impl<Out, In> From<Link<Out, In>> for OwnedFd {
    fn from(link: Link<Out, In>) -> Self {
        link.channel.into()
    }
}

impl<Out: Serialize, In: DeserializeOwned> From<OwnedFd> for Link<Out, In> {
    fn from(descriptor: OwnedFd) -> Self {
        Self::new(Channel::from(descriptor))
    }
}

impl<Out, In> std::os::fd::AsRawFd for Link<Out, In> {
    fn as_raw_fd(&self) -> std::os::fd::RawFd {
        std::os::fd::AsRawFd::as_raw_fd(&self.channel.as_fd())
    }
}
