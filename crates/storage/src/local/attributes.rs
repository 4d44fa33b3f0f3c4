//! What one file is, and what this user may do with it.

use std::os::fd::{AsFd, OwnedFd};

use rustix::fs::{AtFlags, FileType, OFlags, StatxFlags, accessat, makedev, statx};
use wharf_proto::entry::{Access, Entry, Kind, Time};
use wharf_proto::failure::Failure;
use wharf_proto::path::VirtualPath;
use wharf_proto::store::Looked;

use super::Local;
use crate::failure;

/// What is asked of the kernel about a file.
pub(crate) const KNOWN: StatxFlags = StatxFlags::BASIC_STATS.union(StatxFlags::BTIME);

impl Local {
    pub(super) fn look(&self, path: &VirtualPath, follow: bool) -> Result<Looked, Failure> {
        self.permit(path)?;
        self.look_unasked(path, follow)
    }

    /// As [`Self::look`], for a name that is already permitted.
    pub(crate) fn look_unasked(&self, path: &VirtualPath, follow: bool) -> Result<Looked, Failure> {
        let flags = if follow { OFlags::PATH } else { OFlags::PATH | OFlags::NOFOLLOW };
        let found = self.open(path, flags)?;
        let entry = entry_of(&found)?;
        let access = self.access(path, &found, &entry);
        let owners = self.owners.of(entry.uid, entry.gid);
        Ok(Looked { entry: self.without_owners(entry), access, owners })
    }

    /// `hide_ids` hides them here as in listings: nobody learns which accounts there are.
    fn without_owners(&self, mut entry: Entry) -> Entry {
        if self.rules.hide_owners {
            (entry.uid, entry.gid) = (0, 0);
        }
        entry
    }

    fn access(&self, path: &VirtualPath, found: &OwnedFd, entry: &Entry) -> Access {
        let parent_write = self.parent(path).is_ok_and(|(parent, name)| {
            let own = entry_at(&parent, name).is_ok_and(|named| self.may_take(&parent, &named));
            own && is_accessible(&parent, b".", rustix::fs::Access::WRITE_OK | rustix::fs::Access::EXEC_OK)
        });
        if entry.kind == Kind::Directory {
            // Without the right to enter, `.` cannot be looked up, and neither listing nor changing is of use.
            return self.narrowed(entry, |access| is_accessible(found, b".", access), parent_write);
        }
        match self.name_behind(path, entry) {
            Some((parent, name)) => {
                self.narrowed(entry, |access| is_accessible(&parent, &name, access), parent_write)
            }
            None => self.narrowed(entry, |_| false, parent_write),
        }
    }

    /// Asks the kernel for each right that the rules leave.
    pub(crate) fn narrowed(
        &self,
        entry: &Entry,
        may: impl Fn(rustix::fs::Access) -> bool,
        parent_write: bool,
    ) -> Access {
        let rules = &self.rules;
        let is_directory = entry.kind == Kind::Directory;
        let reads = if is_directory { rules.may_list } else { rules.may_read };
        let writes = if is_directory {
            rules.may_create || rules.may_append || rules.may_make_directory || rules.may_remove
        } else {
            rules.may_overwrite || rules.may_append
        };
        Access {
            read: reads && self.permit_reading(entry).is_ok() && may(rustix::fs::Access::READ_OK),
            write: writes && may(rustix::fs::Access::WRITE_OK),
            execute: is_directory && may(rustix::fs::Access::EXEC_OK),
            parent_write: rules.may_remove && parent_write,
        }
    }

    /// Tells whether the sticky bit of a directory leaves this user the right to remove an entry.
    pub(crate) fn may_take(&self, directory: &OwnedFd, entry: &Entry) -> bool {
        let user = rustix::process::geteuid();
        user.is_root()
            || entry.uid == user.as_raw()
            || entry_of(directory)
                .is_ok_and(|holder| holder.mode & 0o1000 == 0 || holder.uid == user.as_raw())
    }

    /// Finds the directory and name of what a path leads to, because access can only be asked of names.
    ///
    /// The inode must be the same: a name that was exchanged meanwhile is no answer.
    pub(super) fn name_behind(&self, path: &VirtualPath, entry: &Entry) -> Option<(OwnedFd, Vec<u8>)> {
        let same = |path: &VirtualPath| {
            let (parent, name) = self.parent(path).ok()?;
            let named = entry_at(&parent, name).ok()?;
            let is_same = (named.device, named.inode) == (entry.device, entry.inode);
            is_same.then(|| (parent, name.to_vec()))
        };
        same(path).or_else(|| same(&self.physical(path, entry)?))
    }
}

/// Asks the kernel for one right with this process's effective numbers; a link in last place is not followed.
pub(crate) fn is_accessible(directory: impl AsFd, name: &[u8], access: rustix::fs::Access) -> bool {
    accessat(directory, name, access, AtFlags::EACCESS | AtFlags::SYMLINK_NOFOLLOW).is_ok()
}

/// Tells what an open descriptor is.
pub(crate) fn entry_of(found: impl AsFd) -> Result<Entry, Failure> {
    let told = statx(found, "", AtFlags::EMPTY_PATH, KNOWN).map_err(failure::of)?;
    Ok(translate(&told))
}

/// Tells what a name in a directory is; links are not followed, automounts not started.
pub(crate) fn entry_at(directory: impl AsFd, name: &[u8]) -> rustix::io::Result<Entry> {
    // Listings may show what a network file system knew a moment ago.
    let flags = AtFlags::SYMLINK_NOFOLLOW | AtFlags::NO_AUTOMOUNT | AtFlags::STATX_DONT_SYNC;
    statx(directory, name, flags, KNOWN).map(|told| translate(&told))
}

/// Tells the kernel's words for an entry in ours.
pub(crate) fn translate(told: &rustix::fs::Statx) -> Entry {
    let mode = u32::from(told.stx_mode);
    Entry {
        kind: kind(FileType::from_raw_mode(mode)),
        mode: mode & 0o7777,
        links: u64::from(told.stx_nlink),
        uid: told.stx_uid,
        gid: told.stx_gid,
        size: told.stx_size,
        modified: Time { seconds: told.stx_mtime.tv_sec, nanoseconds: told.stx_mtime.tv_nsec },
        created: (told.stx_mask & StatxFlags::BTIME.bits() != 0)
            .then_some(Time { seconds: told.stx_btime.tv_sec, nanoseconds: told.stx_btime.tv_nsec }),
        device: makedev(told.stx_dev_major, told.stx_dev_minor),
        inode: told.stx_ino,
    }
}

/// Tells the kernel's word for a kind in ours.
pub(crate) fn kind(told: FileType) -> Kind {
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
