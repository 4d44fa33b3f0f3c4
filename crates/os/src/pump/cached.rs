//! Whether a file's octets are in memory, or a read of them waits for a disk.

use std::io;
use std::os::fd::AsFd;

use rustix::io::{Errno, ReadWriteFlags, retry_on_intr};

/// Whether reading at a place of a file would wait for a disk.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cached {
    /// It is in memory, or there is nothing to read.
    Yes,
    /// A read would wait.
    No,
    /// The file system cannot tell; assume the worst.
    Unknown,
}

/// Asks whether the octet at `offset` is in memory, without reading from the disk.
///
/// One octet speaks for its neighbourhood only: read-ahead usually brings much more, but may have been dropped in parts.
pub fn cached(file: impl AsFd, offset: u64) -> Cached {
    let mut octet = [0];
    let asked = retry_on_intr(|| {
        let mut buffers = [io::IoSliceMut::new(&mut octet)];
        rustix::io::preadv2(&file, &mut buffers, offset, ReadWriteFlags::NOWAIT)
    });
    match asked {
        Ok(_) => Cached::Yes,
        Err(Errno::AGAIN) => Cached::No,
        Err(Errno::OPNOTSUPP | Errno::NOSYS | Errno::INVAL) if lives_in_memory(&file) => Cached::Yes,
        Err(_) => Cached::Unknown,
    }
}

/// Reads what is in memory at a place of a file, without waiting for a disk.
///
/// `None` says that it would wait, or that nobody can tell. As with any read, fewer octets than there is room for need
/// not mean the end.
pub fn read_cached(file: impl AsFd, buffer: &mut [u8], offset: u64) -> io::Result<Option<usize>> {
    let asked = retry_on_intr(|| {
        let mut buffers = [io::IoSliceMut::new(buffer)];
        rustix::io::preadv2(&file, &mut buffers, offset, ReadWriteFlags::NOWAIT)
    });
    match asked {
        Ok(read) => Ok(Some(read)),
        Err(Errno::AGAIN) => Ok(None),
        Err(Errno::OPNOTSUPP | Errno::NOSYS | Errno::INVAL) if lives_in_memory(&file) => {
            Ok(Some(retry_on_intr(|| rustix::io::pread(&file, &mut *buffer, offset))?))
        }
        Err(Errno::OPNOTSUPP | Errno::NOSYS | Errno::INVAL) => Ok(None),
        Err(errno) => Err(errno.into()),
    }
}

/// Asks whether a part of a file is in memory, all of it as far as a few looks can tell.
///
/// Disks are read in pieces of this size or more, and each is there as a whole or not at all.
pub fn all_cached(file: impl AsFd, offset: u64, len: usize) -> bool {
    const STEP: usize = 256 * 1024;
    let mut looks = (0..len).step_by(STEP).chain(len.checked_sub(1));
    looks.all(|at| cached(&file, offset.saturating_add(at as u64)) == Cached::Yes)
}

/// What a file's octets come from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Medium {
    /// Reading and writing it never waits for anything.
    Memory,
    /// It may.
    Disk,
}

impl Medium {
    /// Finds out what an open file is on.
    pub fn of(file: impl AsFd) -> Self {
        if lives_in_memory(file) { Self::Memory } else { Self::Disk }
    }
}

fn lives_in_memory(file: impl AsFd) -> bool {
    // As linux/magic.h has them.
    const TMPFS: u64 = 0x0102_1994;
    const RAMFS: u64 = 0x8584_58f6;
    // The field's width differs between machines; the magic numbers have 32 bits.
    rustix::fs::fstatfs(file).is_ok_and(|about| matches!(about.f_type as u64 & 0xffff_ffff, TMPFS | RAMFS))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;

    fn file_with(content: &[u8]) -> std::fs::File {
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(content).unwrap();
        file
    }

    #[test]
    fn what_was_just_written_is_in_memory() {
        assert_ne!(cached(file_with(b"fresh"), 0), Cached::No);
        let memory = rustix::fs::memfd_create("x", rustix::fs::MemfdFlags::CLOEXEC).unwrap();
        rustix::io::write(&memory, b"x").unwrap();
        assert_eq!(cached(&memory, 0), Cached::Yes);
        assert!(all_cached(&memory, 0, 1 << 30));
        assert_eq!(Medium::of(&memory), Medium::Memory);
        let (reader, _writer) = io::pipe().unwrap();
        assert_eq!(cached(&reader, 0), Cached::Unknown);
    }

    #[test]
    fn what_is_in_memory_is_read_at_its_place_and_the_end_is_zero() {
        let memory = rustix::fs::memfd_create("x", rustix::fs::MemfdFlags::CLOEXEC).unwrap();
        rustix::io::write(&memory, b"abcdef").unwrap();
        let mut buffer = [0; 4];
        assert_eq!(read_cached(&memory, &mut buffer, 1).unwrap(), Some(4));
        assert_eq!(&buffer, b"bcde");
        assert_eq!(read_cached(&memory, &mut buffer, 6).unwrap(), Some(0));
        let (reader, _writer) = io::pipe().unwrap();
        assert!(!matches!(read_cached(&reader, &mut buffer, 0), Ok(Some(_))));
    }

    #[test]
    fn a_part_that_was_just_written_is_in_memory_and_its_end_may_lie_beyond_the_file() {
        let file = file_with(&vec![7; 300_000]);
        for (offset, len) in [(0, 300_000), (1000, 299_000), (0, 0), (299_999, 1 << 20), (1 << 40, 5)] {
            // Where the file system cannot tell, neither can we.
            let is_known = cached(&file, 0) != Cached::Unknown;
            assert_eq!(all_cached(&file, offset, len), is_known || len == 0, "{len} octets at {offset}");
        }
        let (reader, _writer) = io::pipe().unwrap();
        assert!(!all_cached(&reader, 0, 1));
    }
}
