//! What one entry of an open directory is, asked by the name as the kernel wrote it.

use std::ffi::CStr;
use std::os::fd::OwnedFd;

use rustix::fs::{AtFlags, Statx, StatxAttributes, statx};
use wharf_proto::entry::Entry;

use crate::local::{KNOWN, translate};

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
    let told = statx(directory, name, flags, KNOWN).ok()?;
    Some(Found { entry: translate(&told), is_ordinary: is_ordinary(&told) })
}

/// Kernels that cannot tell where mounts are (before 5.8) call nothing ordinary.
fn is_ordinary(told: &Statx) -> bool {
    let odd = StatxAttributes::IMMUTABLE | StatxAttributes::MOUNT_ROOT;
    told.stx_attributes_mask.contains(StatxAttributes::MOUNT_ROOT) && !told.stx_attributes.intersects(odd)
}
