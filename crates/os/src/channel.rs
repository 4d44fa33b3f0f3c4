//! A channel between two of our processes: whole messages, and descriptors that travel with them.
//!
//! `AF_UNIX` `SOCK_SEQPACKET`, so a message arrives as it was sent or not at all. What a message means,
//! and when it is allowed, is the business of the `ipc` room.

use std::io::{self, IoSlice, IoSliceMut};
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd, RawFd};

use rustix::io::{Errno, retry_on_intr};
use rustix::net::{
    AddressFamily, RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, ReturnFlags, SendAncillaryBuffer,
    SendAncillaryMessage, SendFlags, SocketFlags, SocketType, recvmsg, sendmsg, socketpair,
};

use crate::context::{invalid_data, invalid_input};

/// The most descriptors one message may carry: a file, a pipe and a lock, and one to spare.
pub const MAX_DESCRIPTORS: usize = 4;

/// The longest message, in octets.
///
/// A batch of directory entries is the largest thing we say. 64 KiB hold several hundred of them and stay
/// well below the kernel's default send buffer (208 KiB), so that three can be on their way.
pub const MAX_MESSAGE: usize = 64 * 1024;

/// One end of a conversation.
#[derive(Debug)]
pub struct Channel(OwnedFd);

impl Channel {
    /// Makes both ends; neither survives an exec unless it is handed on by name.
    pub fn pair() -> io::Result<(Self, Self)> {
        let (one, other) =
            socketpair(AddressFamily::UNIX, SocketType::SEQPACKET, SocketFlags::CLOEXEC, None)?;
        Ok((Self(one), Self(other)))
    }

    /// Sends one message and lends the peer copies of the descriptors.
    ///
    /// A message is never empty, because an empty one cannot be told from the end of the conversation.
    /// `BrokenPipe` says that the peer is gone, `WouldBlock` that a non-blocking channel is full.
    pub fn send(&self, message: &[u8], descriptors: &[BorrowedFd<'_>]) -> io::Result<()> {
        if message.is_empty() || message.len() > MAX_MESSAGE {
            return Err(invalid_input(format!(
                "a message of {} octets: between 1 and {MAX_MESSAGE} are allowed",
                message.len()
            )));
        }
        let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(MAX_DESCRIPTORS))];
        let mut control = SendAncillaryBuffer::new(&mut space);
        if descriptors.len() > MAX_DESCRIPTORS
            || (!descriptors.is_empty() && !control.push(SendAncillaryMessage::ScmRights(descriptors)))
        {
            return Err(invalid_input(format!(
                "{} descriptors in one message: at most {MAX_DESCRIPTORS} are allowed",
                descriptors.len()
            )));
        }
        let sent =
            retry_on_intr(|| sendmsg(&self.0, &[IoSlice::new(message)], &mut control, SendFlags::NOSIGNAL))?;
        if sent == message.len() { Ok(()) } else { Err(invalid_data("a message was sent in part only")) }
    }

    /// Receives one message into `buffer` and adds what came with it to `descriptors`.
    ///
    /// `None` says that the peer has closed its end. A message longer than the buffer, or one with more descriptors than
    /// a message may have, is `InvalidData`, and what came is closed. When our table of descriptors is full the message
    /// comes with fewer than were sent: who needs them all must look.
    pub fn receive(&self, buffer: &mut [u8], descriptors: &mut Vec<OwnedFd>) -> io::Result<Option<usize>> {
        let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(MAX_DESCRIPTORS + 1))];
        let mut control = RecvAncillaryBuffer::new(&mut space);
        let received = match retry_on_intr(|| {
            recvmsg(&self.0, &mut [IoSliceMut::new(buffer)], &mut control, RecvFlags::CMSG_CLOEXEC)
        }) {
            Ok(received) => received,
            // The peer closed while words of ours lay unread; it will say nothing more.
            Err(Errno::CONNRESET) => return Ok(None),
            Err(errno) => return Err(errno.into()),
        };
        // Collected before any check, so that an early return closes them.
        let mut came = Vec::new();
        for message in control.drain() {
            if let RecvAncillaryMessage::ScmRights(rights) = message {
                came.extend(rights);
            }
        }
        if received.flags.contains(ReturnFlags::TRUNC) {
            return Err(invalid_data("a message was longer than the buffer it was read into"));
        }
        // The space has room for one too many, so a message that has more is known even when it was cut.
        if came.len() > MAX_DESCRIPTORS {
            return Err(invalid_data("a message came with more descriptors than are allowed"));
        }
        if received.bytes == 0 {
            return Ok(None);
        }
        descriptors.append(&mut came);
        Ok(Some(received.bytes))
    }

    /// Chooses whether `send` and `receive` wait or answer `WouldBlock`.
    pub fn set_nonblocking(&self, nonblocking: bool) -> io::Result<()> {
        Ok(rustix::io::ioctl_fionbio(&self.0, nonblocking)?)
    }
}

impl AsFd for Channel {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}

/// For runtimes that watch a descriptor by its number.
impl AsRawFd for Channel {
    fn as_raw_fd(&self) -> RawFd {
        self.0.as_raw_fd()
    }
}

impl From<OwnedFd> for Channel {
    fn from(descriptor: OwnedFd) -> Self {
        Self(descriptor)
    }
}

impl From<Channel> for OwnedFd {
    fn from(channel: Channel) -> Self {
        channel.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::{Read, Write};

    #[test]
    fn a_message_arrives_whole_with_its_descriptors() {
        let (one, other) = Channel::pair().unwrap();
        let (reader, mut writer) = io::pipe().unwrap();
        one.send(b"here is a pipe", &[reader.as_fd()]).unwrap();
        drop(reader);
        writer.write_all(b"octets").unwrap();
        drop(writer);

        let mut buffer = [0; 64];
        let mut descriptors = Vec::new();
        let length = other.receive(&mut buffer, &mut descriptors).unwrap().unwrap();
        assert_eq!(&buffer[..length], b"here is a pipe");
        let received = descriptors.pop().unwrap();
        assert!(rustix::io::fcntl_getfd(&received).unwrap().contains(rustix::io::FdFlags::CLOEXEC));
        let mut text = String::new();
        std::fs::File::from(received).read_to_string(&mut text).unwrap();
        assert_eq!(text, "octets");
    }

    #[test]
    fn the_longest_message_fits_and_one_octet_more_is_refused() {
        let (one, other) = Channel::pair().unwrap();
        let longest = vec![7; MAX_MESSAGE];
        one.send(&longest, &[]).unwrap();
        let mut buffer = vec![0; MAX_MESSAGE];
        assert_eq!(other.receive(&mut buffer, &mut Vec::new()).unwrap(), Some(MAX_MESSAGE));
        let too_long = vec![7; MAX_MESSAGE + 1];
        assert_eq!(one.send(&too_long, &[]).unwrap_err().kind(), io::ErrorKind::InvalidInput);
        assert_eq!(one.send(b"", &[]).unwrap_err().kind(), io::ErrorKind::InvalidInput);
    }

    #[test]
    fn a_closed_peer_is_none_even_when_it_left_words_unread() {
        let (one, other) = Channel::pair().unwrap();
        one.send(b"never read", &[]).unwrap();
        drop(other);
        assert_eq!(one.receive(&mut [0; 8], &mut Vec::new()).unwrap(), None);
        assert_eq!(one.send(b"hello?", &[]).unwrap_err().kind(), io::ErrorKind::BrokenPipe);
    }

    #[test]
    fn a_truncated_message_is_invalid_and_keeps_no_descriptor() {
        let (one, other) = Channel::pair().unwrap();
        // Each end of the pipe is held by nobody else once sent: reading it ends when the copy is closed.
        let (mut reader, writer) = io::pipe().unwrap();
        one.send(b"too long for eight", &[writer.as_fd()]).unwrap();
        drop(writer);
        let mut kept = Vec::new();
        let error = other.receive(&mut [0; 8], &mut kept).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::InvalidData);
        assert!(kept.is_empty());
        assert_eq!(reader.read(&mut [0; 1]).unwrap(), 0, "the received writing end is still open");
    }

    #[test]
    fn more_descriptors_than_allowed_are_refused_on_both_sides() {
        let (one, other) = Channel::pair().unwrap();
        let lend = [one.as_fd(); MAX_DESCRIPTORS + 1];
        assert_eq!(one.send(b"x", &lend).unwrap_err().kind(), io::ErrorKind::InvalidInput);

        // A peer that does not keep our limit.
        let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(MAX_DESCRIPTORS + 2))];
        let mut control = SendAncillaryBuffer::new(&mut space);
        let lend = [one.as_fd(); MAX_DESCRIPTORS + 2];
        assert!(control.push(SendAncillaryMessage::ScmRights(&lend)));
        sendmsg(&one, &[IoSlice::new(b"x")], &mut control, SendFlags::empty()).unwrap();
        let mut kept = Vec::new();
        assert_eq!(other.receive(&mut [0; 8], &mut kept).unwrap_err().kind(), io::ErrorKind::InvalidData);
        assert!(kept.is_empty());
    }

    #[test]
    fn a_full_table_costs_the_descriptor_and_not_the_message() {
        // The limit is the process's: a child tries it, so that other tests keep theirs.
        let image = std::env::current_exe().unwrap();
        let tried = std::process::Command::new("sh")
            .args(["-c", "ulimit -n 40 && exec \"$0\" --exact channel::tests::with_a_small_table --ignored"])
            .arg(image)
            .output()
            .unwrap();
        let text = String::from_utf8_lossy(&tried.stdout);
        assert!(tried.status.success() && text.contains("1 passed"), "{text}");
    }

    #[test]
    #[ignore = "fills the table of descriptors; started by the test above in a process of its own"]
    fn with_a_small_table() {
        let (one, other) = Channel::pair().unwrap();
        one.send(b"with", &[one.as_fd()]).unwrap();
        one.send(b"again", &[one.as_fd()]).unwrap();
        let mut all: Vec<OwnedFd> = std::iter::from_fn(|| one.as_fd().try_clone_to_owned().ok()).collect();
        let (mut buffer, mut came) = ([0; 8], Vec::new());
        assert_eq!(other.receive(&mut buffer, &mut came).unwrap(), Some(4));
        assert!(came.is_empty());
        all.clear();
        assert_eq!(other.receive(&mut buffer, &mut came).unwrap(), Some(5));
        assert_eq!(came.len(), 1);
    }

    #[test]
    fn an_empty_channel_says_would_block_when_asked_not_to_wait() {
        let (one, _other) = Channel::pair().unwrap();
        one.set_nonblocking(true).unwrap();
        let error = one.receive(&mut [0; 8], &mut Vec::new()).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::WouldBlock);
    }
}
