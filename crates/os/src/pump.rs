//! Moving octets between files and sockets without carrying them through our memory.
//!
//! Thin wrappers that answer with [`Moved`] instead of an errno, for descriptors that do not wait. A pipe of our own
//! and two splices cost less than `sendfile`, whose hidden pipe holds 64 KiB only; how big a pipe should be, and which
//! thread may wait for a disk, is the session's business.

mod cached;
mod room;

use std::io;
use std::os::fd::{AsFd, OwnedFd};

use rustix::fs::FallocateFlags;
use rustix::io::{Errno, retry_on_intr};
use rustix::pipe::{PipeFlags, SpliceFlags, fcntl_getpipe_size, fcntl_setpipe_size, pipe_with, splice};

pub use cached::{Cached, Medium, all_cached, cached, read_cached};
pub use room::{is_writable, room};

/// The smallest pipe worth asking for: one page of the kernel's.
const SMALLEST_PIPE: usize = 4096;

/// What one attempt to move octets came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Moved {
    /// So many were moved; never zero.
    Octets(usize),
    /// Nothing can be moved now; wait for readiness and try again.
    WouldBlock,
    /// The source has ended.
    End,
}

impl Moved {
    fn from(result: rustix::io::Result<usize>) -> io::Result<Self> {
        match result {
            Ok(0) => Ok(Self::End),
            Ok(octets) => Ok(Self::Octets(octets)),
            Err(Errno::AGAIN) => Ok(Self::WouldBlock),
            Err(errno) => Err(errno.into()),
        }
    }
}

/// A pipe that octets rest in between two splices.
///
/// One that still holds octets when a transfer breaks off must be dropped, not used again: the next transfer would
/// send them.
#[derive(Debug)]
pub struct Pipe {
    /// The end octets come out of.
    pub read: OwnedFd,
    /// The end octets go into.
    pub write: OwnedFd,
    /// How many octets it can hold, if each comes in full pages.
    pub capacity: usize,
}

impl Pipe {
    /// Makes a pipe that holds `wanted` octets, or as many as the kernel grants.
    ///
    /// An ordinary user's pipes share an allowance (`pipe-user-pages-soft`); when it is used up, pipes are small, and
    /// the transfer is slower but goes on.
    pub fn new(wanted: usize) -> io::Result<Self> {
        let (read, write) = pipe_with(PipeFlags::CLOEXEC | PipeFlags::NONBLOCK)?;
        let mut capacity = fcntl_getpipe_size(&read)?;
        let mut size = wanted;
        while size > capacity {
            match fcntl_setpipe_size(&write, size) {
                Ok(_) => {
                    capacity = fcntl_getpipe_size(&read)?;
                    break;
                }
                Err(_) => size /= 2,
            }
        }
        if wanted < capacity && wanted >= SMALLEST_PIPE && fcntl_setpipe_size(&write, wanted).is_ok() {
            capacity = fcntl_getpipe_size(&read)?;
        }
        Ok(Self { read, write, capacity })
    }
}

const SPLICE: SpliceFlags = SpliceFlags::MOVE.union(SpliceFlags::NONBLOCK);

/// Moves up to `len` octets from a file or socket into the pipe.
///
/// With an offset the file's own position is left alone and the offset advances. A file that is not in memory makes
/// this wait for the disk, whatever the flags say: ask [`cached`] first. A full pipe is `WouldBlock` as well.
pub fn splice_in(from: impl AsFd, offset: Option<&mut u64>, pipe: &Pipe, len: usize) -> io::Result<Moved> {
    let mut offset = offset;
    Moved::from(retry_on_intr(|| splice(&from, offset.as_deref_mut(), &pipe.write, None, len, SPLICE)))
}

/// Moves up to `len` octets from the pipe into a file or socket.
///
/// `End` cannot happen while the pipe's writing end is open: an empty pipe is `WouldBlock`. When several pieces will
/// follow each other into a socket, say so with `more`, and the kernel fills its segments.
pub fn splice_out(
    pipe: &Pipe,
    to: impl AsFd,
    offset: Option<&mut u64>,
    len: usize,
    more: bool,
) -> io::Result<Moved> {
    let flags = if more { SPLICE | SpliceFlags::MORE } else { SPLICE };
    let mut offset = offset;
    Moved::from(retry_on_intr(|| splice(&pipe.read, None, &to, offset.as_deref_mut(), len, flags)))
}

/// What came of moving octets out of somebody else's pipe.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Drained {
    /// So many went on.
    Octets(usize),
    /// The pipe is empty and its writer has ended.
    End,
    /// The pipe is empty; its writer has not ended.
    Empty,
    /// The socket takes no more at the moment.
    Full,
}

/// Moves up to `len` octets from a pipe that another process fills into a socket, without copying them.
pub fn drain(pipe: impl AsFd, to: impl AsFd, len: usize) -> io::Result<Drained> {
    match retry_on_intr(|| splice(&pipe, None, &to, None, len, SPLICE)) {
        Ok(0) => Ok(Drained::End),
        Ok(octets) => Ok(Drained::Octets(octets)),
        // The kernel has one word for both.
        Err(Errno::AGAIN) if rustix::io::ioctl_fionread(&pipe)? > 0 => Ok(Drained::Full),
        Err(Errno::AGAIN) => Ok(Drained::Empty),
        Err(errno) => Err(errno.into()),
    }
}

/// Sends up to `len` octets of a file to a socket and advances the offset; `End` is the end of the file.
pub fn sendfile(socket: impl AsFd, file: impl AsFd, offset: &mut u64, len: usize) -> io::Result<Moved> {
    Moved::from(retry_on_intr(|| rustix::fs::sendfile(&socket, &file, Some(offset), len)))
}

/// Asks the kernel to fetch a part of a file; a hint, whose failure means nothing.
pub fn readahead(file: impl AsFd, offset: u64, len: u64) {
    let _ = rustix::fs::fadvise(file, offset, std::num::NonZeroU64::new(len), rustix::fs::Advice::WillNeed);
}

/// Reserves space for an upload whose size is known, without changing how long the file is.
///
/// `false` says that the file system cannot, or that there is not so much: the upload is still worth trying.
pub fn allocate(file: impl AsFd, offset: u64, len: u64) -> bool {
    len > 0 && retry_on_intr(|| rustix::fs::fallocate(&file, FallocateFlags::KEEP_SIZE, offset, len)).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::{Read, Seek, SeekFrom, Write};
    use std::os::unix::net::UnixStream;

    fn file_with(content: &[u8]) -> std::fs::File {
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(content).unwrap();
        file
    }

    #[test]
    fn a_pipe_of_somebody_else_is_drained_and_tells_why_not() {
        let (near, mut far) = UnixStream::pair().unwrap();
        near.set_nonblocking(true).unwrap();
        let pipe = Pipe::new(1024 * 1024).unwrap();
        assert_eq!(drain(&pipe.read, &near, 100).unwrap(), Drained::Empty);
        rustix::io::write(&pipe.write, b"drwx").unwrap();
        assert_eq!(drain(&pipe.read, &near, 3).unwrap(), Drained::Octets(3));
        assert_eq!(drain(&pipe.read, &near, 100).unwrap(), Drained::Octets(1));
        let mut text = [0; 4];
        far.read_exact(&mut text).unwrap();
        assert_eq!(&text, b"drwx");
        while drain(&pipe.read, &near, usize::MAX >> 1).unwrap() != Drained::Full {
            let _ = rustix::io::write(&pipe.write, &[b'x'; 65536]);
        }
        let Pipe { read, write, .. } = pipe;
        drop(write);
        far.set_nonblocking(true).unwrap();
        let mut sink = vec![0; 1 << 20];
        while drain(&read, &near, 1 << 20).unwrap() != Drained::End {
            while matches!(far.read(&mut sink), Ok(1..)) {}
        }
    }

    #[test]
    fn octets_travel_from_a_file_through_a_pipe_to_a_socket() {
        let content: Vec<u8> = (0..50_000_u32).map(|n| (n % 251) as u8).collect();
        let file = file_with(&content);
        let (near, mut far) = UnixStream::pair().unwrap();
        near.set_nonblocking(true).unwrap();
        let pipe = Pipe::new(64 * 1024).unwrap();
        let mut offset = 1000;
        let mut received = Vec::new();
        while let Moved::Octets(mut held) = splice_in(&file, Some(&mut offset), &pipe, 16 * 1024).unwrap() {
            while held > 0 {
                match splice_out(&pipe, &near, None, held, false).unwrap() {
                    Moved::Octets(moved) => {
                        held -= moved;
                        let mut part = vec![0; moved];
                        far.read_exact(&mut part).unwrap();
                        received.extend(part);
                    }
                    other => panic!("{other:?}"),
                }
            }
        }
        assert_eq!(offset, 50_000);
        assert_eq!(received, &content[1000..]);
    }

    #[test]
    fn octets_travel_from_a_socket_through_a_pipe_to_a_place_in_a_file() {
        let mut file = file_with(b"......");
        let (near, mut far) = UnixStream::pair().unwrap();
        near.set_nonblocking(true).unwrap();
        let pipe = Pipe::new(4096).unwrap();
        assert_eq!(splice_in(&near, None, &pipe, 100).unwrap(), Moved::WouldBlock);
        assert_eq!(splice_out(&pipe, &file, None, 100, false).unwrap(), Moved::WouldBlock);
        far.write_all(b"abc").unwrap();
        drop(far);
        assert_eq!(splice_in(&near, None, &pipe, 100).unwrap(), Moved::Octets(3));
        let mut offset = 2;
        assert_eq!(splice_out(&pipe, &file, Some(&mut offset), 3, false).unwrap(), Moved::Octets(3));
        assert_eq!(offset, 5);
        assert_eq!(splice_in(&near, None, &pipe, 100).unwrap(), Moved::End);
        let mut text = String::new();
        file.seek(SeekFrom::Start(0)).unwrap();
        file.read_to_string(&mut text).unwrap();
        assert_eq!(text, "..abc.");
    }

    #[test]
    fn sendfile_ends_with_the_file_and_stops_when_the_socket_is_full() {
        let file = file_with(&vec![1; 4 << 20]);
        let (near, mut far) = UnixStream::pair().unwrap();
        near.set_nonblocking(true).unwrap();
        let mut offset = 0;
        while let Moved::Octets(_) = sendfile(&near, &file, &mut offset, 1 << 20).unwrap() {}
        assert!(offset > 0 && offset < 4 << 20, "the socket took {offset}");
        far.set_nonblocking(true).unwrap();
        let mut sink = vec![0; 1 << 20];
        loop {
            while far.read(&mut sink).is_ok_and(|n| n > 0) {}
            if sendfile(&near, &file, &mut offset, 1 << 20).unwrap() == Moved::End {
                break;
            }
        }
        assert_eq!(offset, 4 << 20);
    }

    #[test]
    fn a_pipe_tells_what_it_can_hold_and_asks_for_no_more_than_it_gets() {
        assert_eq!(Pipe::new(256 * 1024).unwrap().capacity, 256 * 1024);
        let huge = Pipe::new(1 << 40).unwrap();
        assert_eq!(huge.capacity, fcntl_getpipe_size(&huge.read).unwrap());
        assert!(huge.capacity >= 64 * 1024);
        assert_eq!(Pipe::new(4096).unwrap().capacity, 4096);
    }

    #[test]
    fn reserving_space_leaves_the_length_alone() {
        let file = file_with(b"abc");
        let _ = allocate(&file, 0, 1 << 20);
        assert!(!allocate(&file, 0, 0));
        readahead(&file, 0, 1 << 20);
        assert_eq!(file.metadata().unwrap().len(), 3);
    }
}
