//! A directory used as the root of a small world: no pathname leads out of it.
//!
//! Pathnames are resolved by the kernel (`openat2` with `RESOLVE_IN_ROOT`), which makes `/` and `..` and absolute
//! symbolic links mean what they would mean after a chroot, and refuses magic links. Where the kernel cannot, or may
//! not, our own `walk` does the same. Everything is done on descriptors, so a directory renamed meanwhile cannot
//! turn a checked path into another one.
//!
//! Which names a person may use is decided above; which files the user may touch is decided by the kernel.

mod walk;

use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::Path;
use std::sync::OnceLock;

use rustix::fs::{Mode, OFlags, ResolveFlags, openat2};
use rustix::io::Errno;

use crate::context::{Context, invalid_input};

/// How often a resolution is tried again because a directory was renamed under it.
///
/// The kernel asks for it when any rename on the machine meets a `..`; after so many in a row the walk, which never
/// needs to, takes over.
const RETRIES: usize = 32;

const DIRECTORY: OFlags = OFlags::PATH.union(OFlags::DIRECTORY).union(OFlags::CLOEXEC);

/// A directory whose contents are all there is.
#[derive(Debug)]
pub struct Root {
    directory: OwnedFd,
    walk_only: bool,
}

impl Root {
    /// Takes a directory of this machine as a root.
    pub fn open(path: impl AsRef<Path>) -> io::Result<Self> {
        let path = path.as_ref();
        let directory = rustix::fs::open(path, DIRECTORY, Mode::empty())
            .context(|| format!("cannot use {} as a root directory", path.display()))?;
        Ok(Self::from_fd(directory))
    }

    /// Takes an open directory as a root.
    pub fn from_fd(directory: OwnedFd) -> Self {
        Self { directory, walk_only: false }
    }

    /// Resolves in this process instead of in the kernel.
    ///
    /// Chosen by itself on kernels without `openat2` (before 5.6) and under filters that forbid it.
    #[must_use]
    pub fn with_walk(self) -> Self {
        Self { walk_only: true, ..self }
    }

    /// Opens what a pathname names inside the root; `/` is the root itself.
    ///
    /// The descriptor is close-on-exec and never becomes the controlling terminal. Symbolic links are followed inside
    /// the root, unless `flags` say otherwise for the last one. `mode` counts when a file is created.
    /// The errno of the kernel is passed on: `ELOOP` for links without end (more than 40) and for magic links.
    pub fn resolve(&self, path: &[u8], flags: OFlags, mode: Mode) -> io::Result<OwnedFd> {
        if path.is_empty() {
            return Err(Errno::NOENT.into());
        }
        let is_path_only = flags.contains(OFlags::PATH);
        let flags = flags | OFlags::CLOEXEC | if is_path_only { OFlags::empty() } else { OFlags::NOCTTY };
        // Not `intersects`: O_TMPFILE shares a bit with O_DIRECTORY, and openat2 refuses a mode nothing needs.
        let makes = flags.contains(OFlags::CREATE) || flags.contains(OFlags::TMPFILE);
        let mode = if makes { mode } else { Mode::empty() };
        if self.walk_only || !kernel_resolves() {
            return Ok(walk::open(self.directory.as_fd(), path, flags, mode)?);
        }
        for _ in 0..RETRIES {
            match openat2(&self.directory, path, flags, mode, inside()) {
                Ok(descriptor) => return Ok(descriptor),
                Err(Errno::INTR) => {}
                // A FIFO without a reader or a leased file also say this when asked not to wait; trying those
                // again is harmless.
                Err(Errno::AGAIN) => {}
                Err(errno) => return Err(errno.into()),
            }
        }
        Ok(walk::open(self.directory.as_fd(), path, flags, mode)?)
    }

    /// Opens the directory that holds a pathname's last component, and names that component.
    ///
    /// For the calls that create, remove and rename: they take a directory and a name, and a name cannot lead anywhere.
    /// Trailing slashes are ignored. The root itself, `.` and `..` have no name and are refused with `InvalidInput`.
    /// The last component may not exist; if it is a symbolic link, it is the link that is named.
    pub fn parent<'p>(&self, path: &'p [u8]) -> io::Result<(OwnedFd, &'p [u8])> {
        let end = path.iter().rposition(|octet| *octet != b'/').map_or(0, |at| at + 1);
        let (path, _) = path.split_at(end);
        let start = path.iter().rposition(|octet| *octet == b'/').map_or(0, |at| at + 1);
        let (directory, name) = path.split_at(start);
        if matches!(name, b"" | b"." | b"..") || name.contains(&0) {
            return Err(invalid_input("the pathname's last component does not name an entry of a directory"));
        }
        let directory = if directory.is_empty() { b"/" } else { directory };
        Ok((self.resolve(directory, DIRECTORY, Mode::empty())?, name))
    }
}

impl AsFd for Root {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.directory.as_fd()
    }
}

fn inside() -> ResolveFlags {
    ResolveFlags::IN_ROOT | ResolveFlags::NO_MAGICLINKS
}

/// Finds out once whether the kernel has `openat2` and lets us use it.
///
/// Old container filters answer `EPERM` instead of `ENOSYS`, so it is tried on something always permitted.
fn kernel_resolves() -> bool {
    static ANSWER: OnceLock<bool> = OnceLock::new();
    *ANSWER.get_or_init(|| {
        let tried = openat2(rustix::fs::CWD, ".", DIRECTORY, Mode::empty(), inside());
        !matches!(tried, Err(Errno::NOSYS | Errno::PERM))
    })
}

#[cfg(test)]
mod tests;
