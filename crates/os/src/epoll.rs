//! Waiting for several descriptors at once, for the roles that are plain loops.
//!
//! Level-triggered, so that a loop which handles only part of what is ready loses nothing. The session does
//! not use this: its runtime has its own.

use std::io;
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::time::Duration;

use rustix::event::{Timespec, epoll};
use rustix::io::retry_on_intr;

/// How many descriptors one [`Poller::wait`] reports at most; the rest are reported by the next.
const BATCH: usize = 128;

/// What a caller wants to hear about a descriptor.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Interest {
    /// Something can be read, or accepted, or the peer is gone.
    Read,
    /// Something can be written, or a connect has ended.
    Write,
    /// Both.
    ReadWrite,
}

impl Interest {
    fn flags(self) -> epoll::EventFlags {
        match self {
            Self::Read => epoll::EventFlags::IN | epoll::EventFlags::RDHUP,
            Self::Write => epoll::EventFlags::OUT,
            Self::ReadWrite => epoll::EventFlags::IN | epoll::EventFlags::RDHUP | epoll::EventFlags::OUT,
        }
    }
}

/// A descriptor that is ready, known by the key it was added with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ready {
    /// The key given to [`Poller::add`].
    pub key: u64,
    /// Reading will not wait. True as well when the peer is gone, so that the reader finds out.
    pub readable: bool,
    /// Writing will not wait. True as well after an error, so that the writer finds out.
    pub writable: bool,
    /// The other side is gone or the descriptor has failed.
    pub closed: bool,
}

impl From<epoll::Event> for Ready {
    fn from(event: epoll::Event) -> Self {
        // Copied out of the packed structure; a reference into it would be unaligned.
        let (flags, data) = (event.flags, event.data);
        let closed = flags.intersects(epoll::EventFlags::HUP | epoll::EventFlags::ERR);
        let half_closed = flags.contains(epoll::EventFlags::RDHUP);
        Self {
            key: data.u64(),
            readable: closed || half_closed || flags.contains(epoll::EventFlags::IN),
            writable: flags.intersects(epoll::EventFlags::OUT | epoll::EventFlags::ERR),
            closed: closed || half_closed,
        }
    }
}

/// A set of watched descriptors.
#[derive(Debug)]
pub struct Poller {
    epoll: OwnedFd,
}

impl Poller {
    /// Makes an empty set.
    pub fn new() -> io::Result<Self> {
        Ok(Self { epoll: epoll::create(epoll::CreateFlags::CLOEXEC)? })
    }

    /// Begins to watch a descriptor.
    ///
    /// Remove it before closing it: a descriptor that was also passed to another process stays watched
    /// after our own copy is closed.
    pub fn add(&self, descriptor: impl AsFd, key: u64, interest: Interest) -> io::Result<()> {
        Ok(epoll::add(&self.epoll, descriptor, epoll::EventData::new_u64(key), interest.flags())?)
    }

    /// Changes what is watched for, and the key.
    pub fn modify(&self, descriptor: impl AsFd, key: u64, interest: Interest) -> io::Result<()> {
        Ok(epoll::modify(&self.epoll, descriptor, epoll::EventData::new_u64(key), interest.flags())?)
    }

    /// Stops watching a descriptor.
    pub fn remove(&self, descriptor: impl AsFd) -> io::Result<()> {
        Ok(epoll::delete(&self.epoll, descriptor)?)
    }

    /// Waits until something is ready or `timeout` is over, and replaces what `ready` holds.
    ///
    /// `None` waits without end. An empty result means that the time is over.
    pub fn wait(&self, ready: &mut Vec<Ready>, timeout: Option<Duration>) -> io::Result<()> {
        ready.clear();
        let timeout = timeout.map(timespec);
        // Left as it is found: filling it would cost more than most of what is waited for.
        let mut events = [const { MaybeUninit::uninit() }; BATCH];
        Ok(retry_on_intr(|| {
            let (events, _) = epoll::wait(&self.epoll, &mut events[..], timeout.as_ref())?;
            ready.extend(events.iter().copied().map(Ready::from));
            Ok(())
        })?)
    }
}

impl AsFd for Poller {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.epoll.as_fd()
    }
}

/// The longest wait the oldest kernels can express in milliseconds (24 days); longer ones are cut to it.
const LONGEST_WAIT: Duration = Duration::from_millis(i32::MAX as u64);

fn timespec(duration: Duration) -> Timespec {
    let duration = duration.min(LONGEST_WAIT);
    Timespec { tv_sec: duration.as_secs().cast_signed(), tv_nsec: duration.subsec_nanos().into() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;

    #[test]
    fn a_readable_descriptor_is_reported_by_its_key_until_it_is_removed() {
        let poller = Poller::new().unwrap();
        let (reader, mut writer) = io::pipe().unwrap();
        let mut ready = Vec::new();
        poller.add(&reader, 42, Interest::Read).unwrap();
        poller.wait(&mut ready, Some(Duration::ZERO)).unwrap();
        assert!(ready.is_empty());

        writer.write_all(b"x").unwrap();
        poller.wait(&mut ready, None).unwrap();
        assert_eq!(ready, [Ready { key: 42, readable: true, writable: false, closed: false }]);

        poller.modify(&reader, 43, Interest::Read).unwrap();
        poller.wait(&mut ready, None).unwrap();
        assert_eq!(ready[0].key, 43);

        poller.remove(&reader).unwrap();
        poller.wait(&mut ready, Some(Duration::ZERO)).unwrap();
        assert!(ready.is_empty());
    }

    #[test]
    fn a_peer_that_goes_away_makes_the_descriptor_readable_and_closed() {
        let poller = Poller::new().unwrap();
        let (one, other) = crate::channel::Channel::pair().unwrap();
        poller.add(&one, 1, Interest::Read).unwrap();
        drop(other);
        let mut ready = Vec::new();
        poller.wait(&mut ready, None).unwrap();
        assert!(ready[0].readable && ready[0].closed);
    }

    #[test]
    fn a_wait_of_centuries_is_accepted() {
        let poller = Poller::new().unwrap();
        let (reader, mut writer) = io::pipe().unwrap();
        poller.add(&reader, 1, Interest::Read).unwrap();
        writer.write_all(b"x").unwrap();
        poller.wait(&mut Vec::new(), Some(Duration::from_secs(u64::MAX))).unwrap();
    }
}
