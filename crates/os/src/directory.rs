//! The entries of an open directory, a buffer at a time and without copying them (`getdents64`).
//!
//! The buffer outlives the call that filled it, so that a listing can be interrupted between any two entries. Names
//! stand in it as the kernel wrote them, with the NUL that the next system call wants.
#![allow(unsafe_code, reason = "the safe wrappers bind their buffer to one borrow of the directory")]

use std::ffi::CStr;
use std::io;
use std::os::fd::{AsFd, AsRawFd};

use rustix::fs::FileType;

/// Where a record's length, type and name begin (`struct linux_dirent64`).
const LENGTH_AT: usize = 16;
const KIND_AT: usize = 18;
const NAME_AT: usize = 19;

/// A buffer of directory entries; [`Entries::default`] has no room and reads nothing.
#[derive(Debug, Default)]
pub struct Entries {
    records: Vec<u8>,
    /// Where the next record begins.
    at: usize,
}

/// One entry, as long as the buffer is not filled again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Listed<'a> {
    /// Its name.
    pub name: &'a CStr,
    /// What it was when the directory was read; `Unknown` where the file system does not tell.
    pub kind: FileType,
}

impl Entries {
    /// Reads into this buffer from now on, as much at once as it has room for; 64 KiB is plenty, and below some
    /// hundred octets the kernel finds no room for a long name.
    #[must_use]
    pub fn with_buffer(mut buffer: Vec<u8>) -> Self {
        buffer.clear();
        Self { records: buffer, at: 0 }
    }

    /// Gives the buffer back, to be used for another directory.
    #[must_use]
    pub fn into_buffer(self) -> Vec<u8> {
        self.records
    }

    /// Reads the next entries in the place of those that were left; false at the directory's end.
    ///
    /// # Errors
    /// What `getdents64` says: the directory was removed (`ENOENT`), the disk is broken, the buffer is too small
    /// (`EINVAL`).
    pub fn read(&mut self, directory: impl AsFd) -> io::Result<bool> {
        self.records.clear();
        self.at = 0;
        let room = self.records.spare_capacity_mut();
        // SAFETY: the descriptor is borrowed for the whole call, and the kernel writes at most `room.len()` octets to
        // where `room` begins, which is memory that nobody else looks at.
        let count = unsafe {
            libc::syscall(
                libc::SYS_getdents64,
                directory.as_fd().as_raw_fd(),
                room.as_mut_ptr().cast::<u8>(),
                room.len(),
            )
        };
        let count = usize::try_from(count).map_err(|_| io::Error::last_os_error())?;
        // SAFETY: the kernel says that it filled the first `count` octets of the buffer, which was empty.
        unsafe { self.records.set_len(count) };
        Ok(count > 0)
    }

    /// Takes the next entry of those that were read; `None` when all are taken.
    #[expect(clippy::should_implement_trait, reason = "what it gives is borrowed from the buffer")]
    pub fn next(&mut self) -> Option<Listed<'_>> {
        let rest = self.records.get(self.at..)?;
        let [low, high] = *rest.get(LENGTH_AT..)?.first_chunk()?;
        let record = rest.get(..usize::from(u16::from_ne_bytes([low, high])))?;
        let name = record.get(NAME_AT..)?.as_ptr();
        // SAFETY: `record` is what the kernel wrote as one record, and it ends each name with a NUL within its record;
        // the buffer stays as it is for as long as the name is borrowed.
        let name = unsafe { CStr::from_ptr(name.cast()) };
        self.at += record.len();
        Some(Listed { name, kind: kind(*record.get(KIND_AT)?) })
    }
}

fn kind(told: u8) -> FileType {
    match told {
        libc::DT_REG => FileType::RegularFile,
        libc::DT_DIR => FileType::Directory,
        libc::DT_LNK => FileType::Symlink,
        libc::DT_FIFO => FileType::Fifo,
        libc::DT_SOCK => FileType::Socket,
        libc::DT_CHR => FileType::CharacterDevice,
        libc::DT_BLK => FileType::BlockDevice,
        _ => FileType::Unknown,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs::{self, File};

    fn all(directory: &File, room: usize) -> (Vec<(Vec<u8>, FileType)>, usize) {
        let mut entries = Entries::with_buffer(Vec::with_capacity(room));
        let (mut all, mut reads) = (Vec::new(), 0);
        while entries.read(directory).unwrap() {
            reads += 1;
            while let Some(listed) = entries.next() {
                all.push((listed.name.to_bytes().to_vec(), listed.kind));
            }
        }
        all.sort_unstable_by(|one, other| one.0.cmp(&other.0));
        (all, reads)
    }

    #[test]
    fn every_entry_comes_once_with_its_kind_however_small_the_buffer() {
        let directory = tempfile::tempdir().unwrap();
        let [long, other] = ["n", "o"].map(|letter| letter.repeat(255));
        for name in ["a\nb", "ä", &long, &other] {
            fs::write(directory.path().join(name), "").unwrap();
        }
        fs::create_dir(directory.path().join("below")).unwrap();
        std::os::unix::fs::symlink("gone", directory.path().join("link")).unwrap();
        let open = || File::open(directory.path()).unwrap();
        let (small, reads) = all(&open(), 512);
        assert!(reads > 1);
        let names: Vec<&str> = small.iter().map(|(name, _)| std::str::from_utf8(name).unwrap()).collect();
        assert_eq!(names, [".", "..", "a\nb", "below", "link", &long, &other, "ä"]);
        for (place, kind) in [(2, FileType::RegularFile), (3, FileType::Directory), (4, FileType::Symlink)] {
            assert!([kind, FileType::Unknown].contains(&small[place].1), "{kind:?}");
        }
        assert_eq!(all(&open(), 65_536).0, small);
    }

    #[test]
    fn a_buffer_without_room_is_an_error_and_no_entry() {
        let directory = tempfile::tempdir().unwrap();
        let mut entries = Entries::default();
        assert_eq!(entries.next(), None);
        assert!(entries.read(File::open(directory.path()).unwrap()).is_err());
        assert_eq!(entries.next(), None);
    }

    #[test]
    fn what_is_no_directory_cannot_be_read() {
        let mut entries = Entries::with_buffer(Vec::with_capacity(4096));
        assert!(entries.read(tempfile::tempfile().unwrap()).is_err());
    }
}
