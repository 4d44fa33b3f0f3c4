//! What the kernel lets this user do with entries of one directory, asked no oftener than needed.
//!
//! The answer is the kernel's own. Where nothing but kind, mode, owner and group can have decided it, the answer for one
//! entry is remembered for the next that is the same in all four. Where something else might have a say (an access
//! control list, a security label, a network file system, an immutable file, a mount), each entry is asked for.
//!
//! One exception, for speed: a file that its mode lets everybody read is told as readable. A list could close it to one
//! user; the `perm` fact would then promise too much (RFC 3659 §7.5.5 calls it a hint), and RETR is refused all the same.

use std::cell::Cell;
use std::ffi::CStr;
use std::os::fd::OwnedFd;

use rustix::fs::{Access, AtFlags, accessat, fgetxattr, fstatfs};
use rustix::io::Errno;
use wharf_proto::entry::{Entry, Kind};

use super::look::Found;
use crate::local::Local;

/// File systems that leave rights to the kernel's common rules: ext2 to ext4, XFS, Btrfs, F2FS, tmpfs.
const COMMON: [u64; 5] = [0xef53, 0x5846_5342, 0x9123_683e, 0xf2f5_2010, 0x0102_1994];
/// Attributes with which a security module labels files; it may then treat any two differently.
const LABELS: [&str; 2] = ["security.selinux", "security.SMACK64"];

/// The remembered answers for one directory.
#[derive(Debug)]
pub(super) struct Rights {
    user: u32,
    /// The directory's device, if its file system and labels allow to remember anything.
    device: Option<u64>,
    class: Option<Class>,
    known: Cell<Known>,
    /// Whether entries of an owner may be taken away.
    takes: Option<(u32, bool)>,
}

/// What entries have in common that the kernel treats alike.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Class {
    kind: Kind,
    mode: u32,
    uid: u32,
    gid: u32,
}

/// Answers of the kernel to the three questions.
#[derive(Debug, Clone, Copy, Default)]
struct Known {
    read: Option<bool>,
    write: Option<bool>,
    execute: Option<bool>,
}

impl Rights {
    /// `own` is what the directory itself is.
    pub(super) fn of(directory: &OwnedFd, own: &Entry) -> Self {
        Self {
            user: rustix::process::geteuid().as_raw(),
            device: (is_common(directory) && !is_labelled(directory)).then_some(own.device),
            class: None,
            known: Cell::default(),
            takes: None,
        }
    }

    /// Tells whether the sticky bit leaves this user the right to remove an entry; the owner alone decides it.
    pub(super) fn may_take(&mut self, local: &Local, directory: &OwnedFd, entry: &Entry) -> bool {
        match self.takes {
            Some((owner, takes)) if owner == entry.uid => takes,
            _ => {
                let takes = local.may_take(directory, entry);
                self.takes = Some((entry.uid, takes));
                takes
            }
        }
    }

    /// Turns to an entry; [`Self::may`] is then about it.
    pub(super) fn turn_to(&mut self, entry: &Entry) {
        let Entry { kind, mode, uid, gid, .. } = *entry;
        let class = Some(Class { kind, mode, uid, gid });
        if self.class != class {
            (self.class, self.known) = (class, Cell::default());
        }
    }

    /// Tells whether the kernel grants one right to the entry that was turned to.
    pub(super) fn may(&self, directory: &OwnedFd, name: &CStr, found: &Found, access: Access) -> bool {
        if self.is_open_to_all(found, access) {
            return true;
        }
        if !self.may_remember(found, access) {
            return is_accessible(directory, name, access);
        }
        let mut known = self.known.get();
        let answer = if access == Access::READ_OK {
            &mut known.read
        } else if access == Access::WRITE_OK {
            &mut known.write
        } else {
            &mut known.execute
        };
        let may = *answer.get_or_insert_with(|| is_accessible(directory, name, access));
        self.known.set(known);
        may
    }

    /// Tells whether an ordinary file's mode lets everybody read it. Asking would be a third of a listing's time.
    fn is_open_to_all(&self, found: &Found, access: Access) -> bool {
        let Entry { kind, mode, device, uid, .. } = found.entry;
        // The owner's own bits decide for the owner, whose answers are remembered.
        let is_others = uid != self.user && mode & 0o044 == 0o044;
        access == Access::READ_OK
            && kind == Kind::File
            && is_others
            && found.is_ordinary
            && self.device == Some(device)
    }

    /// Tells whether kind, mode, owner and group alone decide about a right to an entry.
    ///
    /// An access control list has no say about the owner, nor where the group's bits, which are its mask, are empty;
    /// and it can grant nothing that the mask lacks.
    fn may_remember(&self, found: &Found, access: Access) -> bool {
        let entry = &found.entry;
        if !found.is_ordinary || self.device != Some(entry.device) {
            return false;
        }
        let bit = if access == Access::READ_OK {
            4
        } else if access == Access::WRITE_OK {
            2
        } else {
            1
        };
        let is_for_owners = entry.mode & (bit << 3 | bit) == 0;
        entry.uid == self.user || entry.mode & 0o070 == 0 || is_for_owners
    }
}

/// Asks the kernel for one right with this process's effective numbers; a link in last place is not followed.
fn is_accessible(directory: &OwnedFd, name: &CStr, access: Access) -> bool {
    accessat(directory, name, access, AtFlags::EACCESS | AtFlags::SYMLINK_NOFOLLOW).is_ok()
}

fn is_common(directory: &OwnedFd) -> bool {
    let kind = fstatfs(directory).map(|told| told.f_type).unwrap_or_default();
    // The number is signed on some machines and narrow on others.
    COMMON.iter().any(|&common| common & 0xffff_ffff == kind as u64 & 0xffff_ffff)
}

/// Anything but a clear no counts as a label.
fn is_labelled(directory: &OwnedFd) -> bool {
    let is_absent = |label| {
        let answer = fgetxattr(directory, label, &mut [0_u8; 0]);
        matches!(answer, Err(Errno::NODATA | Errno::NOTSUP))
    };
    !LABELS.into_iter().all(is_absent)
}

#[cfg(test)]
mod tests {
    use super::*;
    use wharf_proto::entry::Time;

    fn found(mode: u32, uid: u32) -> Found {
        let modified = Time::default();
        let kind = Kind::File;
        let created = None;
        let entry =
            Entry { kind, mode, links: 1, uid, gid: 9, size: 0, modified, created, device: 1, inode: 2 };
        Found { entry, is_ordinary: true }
    }

    fn rights(user: u32) -> Rights {
        Rights { user, device: Some(1), class: None, known: Cell::default(), takes: None }
    }

    #[test]
    fn where_a_list_might_have_a_say_the_kernel_is_asked_each_time() {
        let others = rights(5);
        assert!(!others.may_remember(&found(0o644, 0), Access::READ_OK), "a list may take what others have");
        assert!(
            !others.may_remember(&found(0o660, 0), Access::READ_OK),
            "a list may give what the mask allows"
        );
        assert!(others.may_remember(&found(0o644, 0), Access::WRITE_OK), "the mask lacks it");
        assert!(others.may_remember(&found(0o604, 0), Access::READ_OK), "an empty mask: no list");
        assert!(!others.may_remember(&found(0o642, 0), Access::WRITE_OK), "others have it");
        assert!(rights(0).may_remember(&found(0o644, 0), Access::READ_OK), "the owner");
    }

    #[test]
    fn what_everybody_may_read_is_not_asked_for() {
        let is_open = |user: u32, mode| rights(user).is_open_to_all(&found(mode, 0), Access::READ_OK);
        assert!(is_open(5, 0o644) && is_open(5, 0o044));
        assert!(!is_open(5, 0o604), "the group's members may not");
        assert!(!is_open(5, 0o640));
        assert!(!is_open(0, 0o044), "the owner may not");
        assert!(!rights(5).is_open_to_all(&found(0o666, 0), Access::WRITE_OK));
        let odd = Found { is_ordinary: false, ..found(0o644, 0) };
        assert!(!rights(5).is_open_to_all(&odd, Access::READ_OK));
    }

    #[test]
    fn odd_files_other_devices_and_labelled_directories_are_asked_each_time() {
        let odd = Found { is_ordinary: false, ..found(0o600, 5) };
        assert!(!rights(5).may_remember(&odd, Access::WRITE_OK));
        let mut mounted = found(0o600, 5);
        mounted.entry.device = 7;
        assert!(!rights(5).may_remember(&mounted, Access::WRITE_OK));
        let labelled = Rights { device: None, ..rights(5) };
        assert!(!labelled.may_remember(&found(0o600, 5), Access::WRITE_OK));
    }

    #[test]
    fn an_answer_is_forgotten_when_anything_that_decides_differs() {
        let mut rights = rights(5);
        let one = found(0o600, 5);
        for other in [
            found(0o400, 5),
            found(0o600, 6),
            Found { entry: Entry { gid: 8, ..one.entry.clone() }, is_ordinary: true },
        ] {
            rights.turn_to(&one.entry);
            rights.known.set(Known { read: Some(true), ..Known::default() });
            rights.turn_to(&one.entry);
            assert_eq!(rights.known.get().read, Some(true));
            rights.turn_to(&other.entry);
            assert_eq!(rights.known.get().read, None);
        }
    }
}
