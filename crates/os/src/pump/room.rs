//! How much a connection takes before it has to be waited for.
#![allow(unsafe_code, reason = "there is no safe wrapper for what a socket says of its memory")]

use std::io;
use std::os::fd::{AsFd, AsRawFd};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::retry_on_intr;

/// Tells how many octets a connection has room for at the moment; `None` where the kernel does not tell.
///
/// It counts what it keeps about them too: a little less may fit, or a little more.
pub fn room(socket: impl AsFd) -> Option<usize> {
    // As linux/sock_diag.h has them: the buffer's size is the fourth, what is queued the sixth.
    let mut memory = [0_u32; 9];
    let size = size_of_val(&memory);
    let mut length = libc::socklen_t::try_from(size).ok()?;
    // SAFETY: the kernel writes at most `length` octets to where `memory` begins, which is ours and so long.
    let answer = unsafe {
        libc::getsockopt(
            socket.as_fd().as_raw_fd(),
            libc::SOL_SOCKET,
            libc::SO_MEMINFO,
            memory.as_mut_ptr().cast(),
            &raw mut length,
        )
    };
    if answer != 0 || (length as usize) < size {
        return None;
    }
    let [_, _, _, buffer, _, queued, ..] = memory;
    usize::try_from(buffer.saturating_sub(queued)).ok()
}

/// Tells whether a socket takes octets, by the kernel's own measure: when about a third of its buffer is free.
///
/// After a no, the kernel reports when it does.
pub fn is_writable(socket: impl AsFd) -> io::Result<bool> {
    let mut asked = [PollFd::new(&socket, PollFlags::OUT)];
    retry_on_intr(|| poll(&mut asked, Some(&Timespec::default())))?;
    let [asked] = asked;
    Ok(!asked.revents().is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;

    #[test]
    fn a_connection_has_room_until_it_is_full_and_says_when_it_has_again() {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let mut peer = std::net::TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        let (mut ours, _) = listener.accept().unwrap();
        ours.set_nonblocking(true).unwrap();
        let first = room(&ours).unwrap();
        assert!(first > 0 && is_writable(&ours).unwrap());
        // Until nothing is on its way any more, the kernel may move octets on.
        while is_writable(&ours).unwrap() {
            while ours.write(&[0; 65536]).is_ok() {}
            std::thread::yield_now();
        }
        assert!(room(&ours).unwrap() < first, "{first} before");
        let reader = std::thread::spawn(move || io::copy(&mut peer, &mut io::sink()).unwrap());
        let mut waiting = [PollFd::new(&ours, PollFlags::OUT)];
        poll(&mut waiting, None).unwrap();
        assert!(is_writable(&ours).unwrap());
        drop(ours);
        reader.join().unwrap();
        let (pipe, _end) = io::pipe().unwrap();
        assert_eq!(room(&pipe), None);
    }
}
