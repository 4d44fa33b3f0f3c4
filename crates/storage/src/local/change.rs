//! Changes to the tree: each is one call on an open directory and a name, or on an open file.

use rustix::fs::{
    AtFlags, Mode, OFlags, Timespec, Timestamps, chmodat, fchmod, mkdirat, renameat, unlinkat, utimensat,
};
use wharf_proto::entry::{Kind, Time};
use wharf_proto::failure::Failure;
use wharf_proto::path::VirtualPath;
use wharf_proto::store::Change;

use super::Local;
use super::alone::Umask;
use super::attributes::{entry_at, entry_of};
use crate::failure;

impl Local {
    pub(super) fn change(&self, change: &Change) -> Result<(), Failure> {
        let rules = &self.rules;
        match change {
            Change::MakeDirectory { path, umask } => {
                Self::only_if(rules.may_make_directory)?;
                self.make_directory(path, *umask)
            }
            Change::RemoveDirectory(path) => self.remove(path, AtFlags::REMOVEDIR),
            Change::Delete(path) => self.remove(path, AtFlags::empty()),
            Change::Rename { from, to } => {
                Self::only_if(rules.may_remove)?;
                self.rename(from, to)
            }
            Change::SetMode { path, mode } => {
                Self::only_if(rules.may_set_mode)?;
                self.set_mode(path, *mode)
            }
            Change::SetModified { path, modified } => {
                Self::only_if(rules.may_set_time)?;
                self.set_modified(path, *modified)
            }
            Change::SetTimes { path, accessed, modified } => self.set_times(path, *accessed, *modified),
            Change::SetGroup { path, group } => self.set_group(path, group),
            Change::MakeDirectories { path, umask } => self.make_directories(path, *umask),
            Change::MakeLink { target, link } => self.make_link(target, link),
        }
    }

    fn make_directory(&self, path: &VirtualPath, umask: u32) -> Result<(), Failure> {
        self.permit(path)?;
        if path.is_root() {
            return Err(Failure::Exists);
        }
        let (parent, name) = self.parent(path)?;
        let _umask = Umask::set(umask);
        mkdirat(parent, name, Mode::from_raw_mode(0o777)).map_err(failure::of)
    }

    fn remove(&self, path: &VirtualPath, flags: AtFlags) -> Result<(), Failure> {
        Self::only_if(self.rules.may_remove)?;
        self.permit(path)?;
        let (parent, name) = self.parent(path)?;
        unlinkat(parent, name, flags).map_err(failure::of)
    }

    fn rename(&self, from: &VirtualPath, to: &VirtualPath) -> Result<(), Failure> {
        self.permit(from)?;
        self.permit(to)?;
        let (from_parent, from_name) = self.parent(from)?;
        let (to_parent, to_name) = self.parent(to)?;
        renameat(from_parent, from_name, to_parent, to_name).map_err(failure::of)
    }

    /// Set-id and sticky bits are never given, whatever was asked for.
    fn set_mode(&self, path: &VirtualPath, mode: u32) -> Result<(), Failure> {
        self.permit(path)?;
        let mode = Mode::from_raw_mode(mode & 0o777);
        let kind = entry_of(self.open(path, OFlags::PATH)?)?.kind;
        if !matches!(kind, Kind::File | Kind::Directory) {
            return Err(Failure::WrongKind);
        }
        for how in [OFlags::RDONLY, OFlags::WRONLY] {
            match self.open(path, how | OFlags::NONBLOCK) {
                Ok(file) if matches!(entry_of(&file)?.kind, Kind::File | Kind::Directory) => {
                    return fchmod(file, mode).map_err(failure::of);
                }
                Ok(_) => return Err(Failure::WrongKind),
                Err(Failure::Denied | Failure::WrongKind | Failure::Busy) => {}
                Err(failure) => return Err(failure),
            }
        }
        self.set_mode_unopened(path, mode)
    }

    /// Gives an owner back what not even he may open.
    ///
    /// Security: only a name can be used here, and a name exchanged for a link in this moment leads elsewhere. Where the
    /// root is all there is, elsewhere is still inside; otherwise it stays refused.
    fn set_mode_unopened(&self, path: &VirtualPath, mode: Mode) -> Result<(), Failure> {
        Self::only_if(self.is_whole())?;
        let (parent, name) = self.parent(path)?;
        let kind = entry_at(&parent, name).map_err(failure::of)?.kind;
        Self::only_if(matches!(kind, Kind::File | Kind::Directory))?;
        chmodat(parent, name, mode, AtFlags::empty()).map_err(failure::of)
    }

    fn set_modified(&self, path: &VirtualPath, modified: Time) -> Result<(), Failure> {
        self.permit(path)?;
        let file = self.open(path, OFlags::PATH)?;
        if !entry_of(&file)?.is_file() {
            return Err(Failure::WrongKind);
        }
        let time =
            Timespec { tv_sec: modified.seconds, tv_nsec: modified.nanoseconds.min(999_999_999).into() };
        let times = Timestamps { last_access: time, last_modification: time };
        utimensat(file, "", &times, AtFlags::EMPTY_PATH).map_err(failure::of)
    }
}
