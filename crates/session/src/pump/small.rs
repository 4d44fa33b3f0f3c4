//! Small files: sent whole, without waiting, before the peer is told that the transfer begins.
//!
//! Nearly all the cost of a small file lies in waking others. So its octets and the end of the connection travel
//! together, and, since nothing was waited for, so do the replies that begin and end the transfer.

use std::os::fd::OwnedFd;

use rustix::io::Errno;
use rustix::net::{SendFlags, Shutdown, send, shutdown};
use wharf_os::pump::read_cached;
use wharf_proto::ftp::server::ask::{Direction, Move, Outcome};

use crate::link::Scratch;

/// The most octets that are copied: beyond this, moving pages costs less than what is saved.
const SMALL: u64 = 32 * 1024;

/// What an attempt came to.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Attempt {
    /// The transfer is over, and this many octets were sent.
    Over(u64, Outcome),
    /// This many octets were sent, perhaps none; the rest is for [`super::run`].
    GoOn(u64),
}

/// Sends a file that is small, in memory, and goes out as it is.
pub(crate) fn send_small(scratch: &Scratch, wish: &Move, file: &OwnedFd, connection: &OwnedFd) -> Attempt {
    match read_small(&mut scratch.borrow_mut(), wish, file) {
        Some(octets) => deliver(octets, connection),
        None => Attempt::GoOn(0),
    }
}

/// Reads what is wished for of a file, whole; `None` where it is large, limited, converted, or not in memory.
pub(super) fn read_small<'a>(scratch: &'a mut [u8], wish: &Move, file: &OwnedFd) -> Option<&'a [u8]> {
    let expected = match wish.size {
        Some(size) if wish.direction == Direction::Download && !wish.ascii && wish.rate == 0 => {
            size.saturating_sub(wish.at)
        }
        _ => return None,
    };
    // One octet more than expected: so the end is seen without a second call.
    let room = usize::try_from(expected).ok().filter(|_| expected <= SMALL)?;
    let room = scratch.get_mut(..=room)?;
    match read_cached(file, room, wish.at) {
        Ok(Some(read)) if read as u64 == expected => room.split_last().map(|(_, octets)| octets),
        // It is not in memory, cannot be read, or was changed since it was opened.
        _ => None,
    }
}

fn deliver(octets: &[u8], connection: &OwnedFd) -> Attempt {
    if !octets.is_empty() {
        // The last segment is held back for a moment, to take the end of the connection along.
        let flags = SendFlags::NOSIGNAL | SendFlags::DONTWAIT | SendFlags::MORE;
        match send(connection, octets, flags) {
            Ok(sent) if sent == octets.len() => {}
            Ok(sent) => return Attempt::GoOn(sent as u64),
            Err(Errno::AGAIN | Errno::INTR) => return Attempt::GoOn(0),
            Err(_) => return Attempt::Over(0, Outcome::NetworkFailed),
        }
    }
    // Closing would do it as well, but would throw away what is held back when the peer has sent something.
    match shutdown(connection, Shutdown::Write) {
        Ok(()) => Attempt::Over(octets.len() as u64, Outcome::Complete),
        Err(_) => Attempt::Over(0, Outcome::NetworkFailed),
    }
}
