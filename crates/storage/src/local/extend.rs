//! Changes that go beyond what FTP of 1985 knew: both times of a file, its group, links, missing directories, and
//! how much room is left.

use rustix::fs::{
    AtFlags, Gid, Mode, OFlags, Timespec, Timestamps, chownat, fstatvfs, mkdirat, symlinkat, utimensat,
};
use rustix::io::Errno;
use wharf_proto::entry::{Kind, Time};
use wharf_proto::failure::Failure;
use wharf_proto::ftp::listing::Owners;
use wharf_proto::path::VirtualPath;

use super::Local;
use super::alone::Umask;
use super::attributes::entry_of;
use crate::failure;

impl Local {
    pub(super) fn set_times(
        &self,
        path: &VirtualPath,
        accessed: Time,
        modified: Time,
    ) -> Result<(), Failure> {
        Self::only_if(self.rules.may_set_time)?;
        self.permit(path)?;
        let file = self.open(path, OFlags::PATH)?;
        if !entry_of(&file)?.is_file() {
            return Err(Failure::WrongKind);
        }
        let times = Timestamps { last_access: timespec(accessed), last_modification: timespec(modified) };
        utimensat(file, "", &times, AtFlags::EMPTY_PATH).map_err(failure::of)
    }

    /// The kernel lets a user choose among their own groups only, and takes set-id bits away.
    pub(super) fn set_group(&self, path: &VirtualPath, group: &[u8]) -> Result<(), Failure> {
        Self::only_if(self.rules.may_set_mode)?;
        self.permit(path)?;
        let gid = self.group(group).ok_or(Failure::NotFound)?;
        let found = self.open(path, OFlags::PATH)?;
        if !matches!(entry_of(&found)?.kind, Kind::File | Kind::Directory) {
            return Err(Failure::WrongKind);
        }
        chownat(found, "", None, Some(Gid::from_raw(gid)), AtFlags::EMPTY_PATH).map_err(failure::of)
    }

    /// A number, or a name that is told in listings as well.
    fn group(&self, group: &[u8]) -> Option<u32> {
        if let Owners::Names { groups, .. } = &self.owners
            && let Some((&gid, _)) = groups.iter().find(|(_, name)| name.as_slice() == group)
        {
            return Some(gid);
        }
        let digits = !group.is_empty() && group.iter().all(u8::is_ascii_digit);
        // The largest number means "leave it" to the kernel.
        let number = std::str::from_utf8(group).ok().filter(|_| digits)?.parse().ok();
        number.filter(|&gid| gid != u32::MAX)
    }

    pub(super) fn make_directories(&self, path: &VirtualPath, umask: u32) -> Result<(), Failure> {
        Self::only_if(self.rules.may_make_directory)?;
        let mut made = VirtualPath::root();
        let _umask = Umask::set(umask);
        for component in path.components() {
            made = VirtualPath::resolve(&made, component).map_err(|_| Failure::Broken)?;
            self.permit(&made)?;
            let (parent, name) = self.parent(&made)?;
            match mkdirat(parent, name, Mode::from_raw_mode(0o777)) {
                Ok(()) | Err(Errno::EXIST) => {}
                // Directories above may be closed to this user and yet lead on.
                Err(Errno::ACCESS | Errno::PERM | Errno::ROFS) if made != *path => {}
                Err(errno) => return Err(failure::of(errno)),
            }
        }
        let found = entry_of(self.open(path, OFlags::PATH)?)?;
        if found.kind == Kind::Directory { Ok(()) } else { Err(Failure::Exists) }
    }

    /// Makes a link that says how to walk from its own directory to the target.
    ///
    /// Security: an absolute target would mean one thing below the session's root and another to every other program of
    /// the machine. This way both go to the same file, for as long as the link stays where it is.
    pub(super) fn make_link(&self, target: &VirtualPath, link: &VirtualPath) -> Result<(), Failure> {
        Self::only_if(self.rules.may_link)?;
        self.permit(target)?;
        self.permit(link)?;
        let (parent, name) = self.parent(link)?;
        let from = self.resolved(&link.parent(), |_, _| true).ok_or(Failure::NotFound)?;
        symlinkat(way(&from, target), parent, name).map_err(failure::of)
    }

    /// How much an ordinary user may still write to the file system of a path, or of the directory that would hold it.
    pub(super) fn room(&self, path: &VirtualPath) -> Result<u64, Failure> {
        self.permit(path)?;
        let found = match self.open(path, OFlags::PATH) {
            Err(Failure::NotFound) => self.open(&path.parent(), OFlags::PATH)?,
            found => found?,
        };
        let told = fstatvfs(found).map_err(failure::of)?;
        Ok(told.f_bavail.saturating_mul(told.f_frsize))
    }
}

fn timespec(time: Time) -> Timespec {
    Timespec { tv_sec: time.seconds, tv_nsec: time.nanoseconds.min(999_999_999).into() }
}

/// The relative path from a directory to something.
fn way(from: &VirtualPath, to: &VirtualPath) -> Vec<u8> {
    let shared = from.components().zip(to.components()).take_while(|(one, other)| one == other).count();
    let up = from.components().skip(shared).map(|_| &b".."[..]);
    let steps: Vec<&[u8]> = up.chain(to.components().skip(shared)).collect();
    if steps.is_empty() { b".".to_vec() } else { steps.join(&b'/') }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_way_goes_up_as_far_as_it_must_and_no_further() {
        let path = |text: &str| VirtualPath::absolute(text.as_bytes()).unwrap();
        for (from, to, expected) in [
            ("/", "/a", "a"),
            ("/a/b", "/a/c", "../c"),
            ("/a/b", "/", "../.."),
            ("/a", "/a", "."),
            ("/a", "/a/b/c", "b/c"),
            ("/ab", "/a", "../a"),
        ] {
            assert_eq!(way(&path(from), &path(to)), expected.as_bytes(), "{from} {to}");
        }
    }
}
