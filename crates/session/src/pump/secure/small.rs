//! Small files through TLS: sealed and sent whole, end mark and all, before the peer is told that the transfer begins.
//! See [`crate::pump::small`] for why.

use std::os::fd::OwnedFd;

use rustix::io::Errno;
use rustix::net::{SendFlags, Shutdown, send, shutdown};
use wharf_proto::ftp::server::ask::{Move, Outcome};

use super::Secure;
use crate::link::Scratch;
use crate::pump::small::{Attempt, read_small};

/// Sends a file that is small, in memory, and goes out as it is. What the connection does not take at once waits in the
/// stream, for [`crate::pump::run`] to send.
pub(crate) fn send_small_secure(
    scratch: &Scratch,
    wish: &Move,
    file: &OwnedFd,
    secure: &mut Secure,
) -> Attempt {
    if secure.waits_for_mark {
        return Attempt::GoOn(0);
    }
    let mut scratch = scratch.borrow_mut();
    let Some(octets) = read_small(&mut scratch, wish, file) else { return Attempt::GoOn(0) };
    if secure.stream.write(octets) < octets.len() {
        return Attempt::Over(0, Outcome::NetworkFailed);
    }
    secure.stream.close();
    deliver(octets.len() as u64, secure)
}

fn deliver(octets: u64, secure: &mut Secure) -> Attempt {
    let wire = secure.stream.output();
    // The last segment is held back for a moment, to take the end of the connection along.
    let flags = SendFlags::NOSIGNAL | SendFlags::DONTWAIT | SendFlags::MORE;
    let sent = match send(secure.socket.get_ref(), &wire, flags) {
        Ok(sent) => sent,
        Err(Errno::AGAIN | Errno::INTR) => 0,
        Err(_) => return Attempt::Over(0, Outcome::NetworkFailed),
    };
    if sent < wire.len() {
        secure.stream.keep_unsent(wire.get(sent..).unwrap_or_default());
        return Attempt::GoOn(octets);
    }
    match shutdown(secure.socket.get_ref(), Shutdown::Write) {
        Ok(()) => Attempt::Over(octets, Outcome::Complete),
        Err(_) => Attempt::Over(0, Outcome::NetworkFailed),
    }
}
