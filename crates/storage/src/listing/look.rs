//! What one entry of an open directory is, asked by the name as the kernel wrote it.

use std::ffi::CStr;
use std::os::fd::OwnedFd;

use rustix::fs::{AtFlags, FileType, Statx, StatxAttributes, StatxFlags, makedev, statx};
use wharf_proto::entry::{Entry, Kind, Time};

/// An entry, and whether it is of the common sort.
#[derive(Debug)]
pub(super) struct Found {
    pub(super) entry: Entry,
    /// Whether the kernel says that it is neither immutable nor where another file system is mounted.
    pub(super) is_ordinary: bool,
}

/// Looks at a name; links are not followed, automounts not started. `None` when it is not there any more.
pub(super) fn look(directory: &OwnedFd, name: &CStr) -> Option<Found> {
    // Listings may show what a network file system knew a moment ago.
    let flags = AtFlags::SYMLINK_NOFOLLOW | AtFlags::NO_AUTOMOUNT | AtFlags::STATX_DONT_SYNC;
    let told = statx(directory, name, flags, StatxFlags::BASIC_STATS).ok()?;
    Some(Found { entry: translate(&told), is_ordinary: is_ordinary(&told) })
}

/// Kernels that cannot tell where mounts are (before 5.8) call nothing ordinary.
fn is_ordinary(told: &Statx) -> bool {
    let odd = StatxAttributes::IMMUTABLE | StatxAttributes::MOUNT_ROOT;
    told.stx_attributes_mask.contains(StatxAttributes::MOUNT_ROOT) && !told.stx_attributes.intersects(odd)
}

fn translate(told: &Statx) -> Entry {
    let mode = u32::from(told.stx_mode);
    Entry {
        kind: kind(FileType::from_raw_mode(mode)),
        mode: mode & 0o7777,
        links: u64::from(told.stx_nlink),
        uid: told.stx_uid,
        gid: told.stx_gid,
        size: told.stx_size,
        modified: Time { seconds: told.stx_mtime.tv_sec, nanoseconds: told.stx_mtime.tv_nsec },
        device: makedev(told.stx_dev_major, told.stx_dev_minor),
        inode: told.stx_ino,
    }
}

/// Tells the kernel's word for a kind in ours.
pub(super) fn kind(told: FileType) -> Kind {
    match told {
        FileType::RegularFile => Kind::File,
        FileType::Directory => Kind::Directory,
        FileType::Symlink => Kind::Symlink,
        FileType::Fifo => Kind::Fifo,
        FileType::Socket => Kind::Socket,
        FileType::CharacterDevice => Kind::CharacterDevice,
        FileType::BlockDevice => Kind::BlockDevice,
        FileType::Unknown => Kind::Unknown,
    }
}
