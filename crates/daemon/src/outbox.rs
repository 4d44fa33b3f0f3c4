//! Sending without ever waiting: what a slow reader has not taken yet lies here.
//!
//! The queue is bounded by [`LIMIT`]. A reader that lets it fill is *stuck*: it is asked nothing, told nothing that
//! could be told to somebody else, and not read from until it has caught up. So what can still come on top is one
//! message for each of its sessions.

use std::collections::VecDeque;
use std::io;
use std::os::fd::{AsFd, OwnedFd};

use serde::Serialize;
use serde::de::DeserializeOwned;
use wharf_ipc::link::{Link, Received};
use wharf_os::epoll::{Interest, Poller};

/// How many messages may wait before the reader counts as stuck.
pub(crate) const LIMIT: usize = 1024;

/// A watched, non-blocking link with its queue.
#[derive(Debug)]
pub(crate) struct Outbox<Out, In> {
    link: Link<Out, In>,
    key: u64,
    watched: Interest,
    queue: VecDeque<(Out, Vec<OwnedFd>)>,
}

impl<Out: Serialize, In: DeserializeOwned> Outbox<Out, In> {
    /// Takes a link over and begins to watch it under `key`.
    pub(crate) fn watch(poller: &Poller, link: Link<Out, In>, key: u64) -> io::Result<Self> {
        link.set_nonblocking(true)?;
        poller.add(&link, key, Interest::Read)?;
        Ok(Self { link, key, watched: Interest::Read, queue: VecDeque::new() })
    }

    /// Sends a message, now or as soon as there is room. An error means that the reader is gone.
    pub(crate) fn send(
        &mut self,
        poller: &Poller,
        message: Out,
        descriptors: Vec<OwnedFd>,
    ) -> io::Result<()> {
        self.queue.push_back((message, descriptors));
        // A queue that was not empty is being watched already: its turn comes when there is room.
        if self.queue.len() == 1 { self.flush(poller) } else { self.rewatch(poller) }
    }

    /// Sends what fits.
    pub(crate) fn flush(&mut self, poller: &Poller) -> io::Result<()> {
        while let Some((message, descriptors)) = self.queue.front() {
            let borrowed: Vec<_> = descriptors.iter().map(AsFd::as_fd).collect();
            match self.link.send_with(message, &borrowed) {
                Ok(()) => drop(self.queue.pop_front()),
                Err(error) if is_full(&error) => break,
                Err(error) => return Err(error),
            }
        }
        self.rewatch(poller)
    }

    /// Receives one message; `None` when there is none now. `UnexpectedEof` says that the other side has closed.
    pub(crate) fn receive(&self, scratch: &mut [u8]) -> io::Result<Option<Received<In>>> {
        match self.link.receive(scratch) {
            Ok(Some(received)) => Ok(Some(received)),
            Ok(None) => Err(io::ErrorKind::UnexpectedEof.into()),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Tells whether the reader takes nothing any more.
    pub(crate) fn is_stuck(&self) -> bool {
        self.queue.len() >= LIMIT
    }

    /// Ends the watch; the link closes with the value.
    pub(crate) fn unwatch(&self, poller: &Poller) {
        // It can fail only when the link is not watched, which is what is wanted.
        let _ = poller.remove(&self.link);
    }

    fn rewatch(&mut self, poller: &Poller) -> io::Result<()> {
        let wanted = if self.is_stuck() {
            Interest::Write
        } else if self.queue.is_empty() {
            Interest::Read
        } else {
            Interest::ReadWrite
        };
        if wanted != self.watched {
            poller.modify(&self.link, self.key, wanted)?;
            self.watched = wanted;
        }
        Ok(())
    }
}

/// A full buffer, or too many descriptors on their way: both pass when the reader reads.
fn is_full(error: &io::Error) -> bool {
    let too_many = rustix::io::Errno::TOOMANYREFS.raw_os_error();
    error.kind() == io::ErrorKind::WouldBlock || error.raw_os_error() == Some(too_many)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reader_that_does_not_read_is_stuck_and_recovers_with_everything_in_order() {
        let poller = Poller::new().unwrap();
        let (ours, theirs) = Link::<u32, u32>::pair().unwrap();
        let mut outbox = Outbox::watch(&poller, ours, 7).unwrap();
        let mut count = 0;
        while !outbox.is_stuck() {
            outbox.send(&poller, count, Vec::new()).unwrap();
            count += 1;
        }
        let mut scratch = wharf_ipc::link::scratch();
        for expected in 0..count {
            assert_eq!(theirs.receive(&mut scratch).unwrap().unwrap().message, expected);
            outbox.flush(&poller).unwrap();
        }
        assert!(!outbox.is_stuck());
        assert_eq!(outbox.watched, Interest::Read);
    }

    #[test]
    fn a_reader_that_is_gone_is_an_error() {
        let poller = Poller::new().unwrap();
        let (ours, theirs) = Link::<u32, u32>::pair().unwrap();
        let mut outbox = Outbox::watch(&poller, ours, 7).unwrap();
        drop(theirs);
        assert!(outbox.send(&poller, 1, Vec::new()).is_err());
        assert!(outbox.receive(&mut wharf_ipc::link::scratch()).is_err());
    }
}
