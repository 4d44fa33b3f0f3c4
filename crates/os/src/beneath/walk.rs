//! Resolves a pathname component by component, for kernels that cannot do it beneath a directory.
//!
//! Every directory passed is held open on a stack. `..` goes back to the directory we came from, wherever that has
//! been moved since, and stops at the root; a symbolic link is read, never followed by the kernel. So no rename and
//! no link, however timed, leads outside. Magic links of `/proc` are taken for the text they show.

use std::collections::VecDeque;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use rustix::fs::{FileType, Mode, OFlags, fstat, openat, readlinkat};
use rustix::io::{Errno, Result};

/// The most symbolic links one pathname may pass: the kernel's own limit.
const MOST_LINKS: usize = 40;

/// How often the last component may turn into a link between the look and the open.
const MOST_SURPRISES: usize = 8;

const LOOK: OFlags = OFlags::PATH.union(OFlags::NOFOLLOW).union(OFlags::CLOEXEC);

struct Walk<'r> {
    root: BorrowedFd<'r>,
    /// The directories entered so far, the current one last.
    entered: Vec<OwnedFd>,
    /// What is still to be walked.
    rest: VecDeque<Vec<u8>>,
    /// The pathname ends in a way that only directories may.
    wants_directory: bool,
    links: usize,
}

/// Opens `path` inside `root`, with the flags and errors of `openat2` with `RESOLVE_IN_ROOT`.
pub(super) fn open(root: BorrowedFd<'_>, path: &[u8], flags: OFlags, mode: Mode) -> Result<OwnedFd> {
    if path.contains(&0) {
        return Err(Errno::INVAL);
    }
    let mut walk =
        Walk { root, entered: Vec::new(), rest: VecDeque::new(), wants_directory: false, links: 0 };
    walk.queue(path, true);
    walk.run(flags, mode)
}

impl Walk<'_> {
    fn current(&self) -> BorrowedFd<'_> {
        self.entered.last().map_or(self.root, AsFd::as_fd)
    }

    /// Puts the components of `path` before what is still to be walked.
    fn queue(&mut self, path: &[u8], is_last: bool) {
        if path.first() == Some(&b'/') {
            self.entered.clear();
        }
        if is_last && path.split(|octet| *octet == b'/').next_back().is_some_and(|c| matches!(c, b"" | b"."))
        {
            self.wants_directory = true;
        }
        // `.` is kept: walking over it is what checks that the directory may be searched.
        for component in path.split(|octet| *octet == b'/').rev().filter(|component| !component.is_empty()) {
            self.rest.push_front(component.to_vec());
        }
    }

    fn run(mut self, flags: OFlags, mode: Mode) -> Result<OwnedFd> {
        let mut surprises = 0;
        while let Some(component) = self.rest.pop_front() {
            match component.as_slice() {
                b"." => self.may_search()?,
                b".." => {
                    self.may_search()?;
                    self.entered.pop();
                }
                name if self.rest.is_empty() => match self.last(name, flags, mode)? {
                    Last::Opened(descriptor) => return Ok(descriptor),
                    Last::Link(target) => self.follow(&target)?,
                    Last::Changed if surprises < MOST_SURPRISES => {
                        surprises += 1;
                        self.rest.push_front(component);
                    }
                    Last::Changed => return Err(Errno::LOOP),
                },
                name => self.enter(name)?,
            }
        }
        // What is left is a directory we stand in: `/`, or a pathname that ends with `.` or `..`.
        openat(self.current(), ".", flags, mode)
    }

    /// Checks what the kernel checks before it looks anything up: the right to search the directory.
    fn may_search(&self) -> Result<()> {
        openat(self.current(), ".", LOOK, Mode::empty()).map(drop)
    }

    fn enter(&mut self, name: &[u8]) -> Result<()> {
        let found = openat(self.current(), name, LOOK, Mode::empty())?;
        match kind(&found)? {
            FileType::Directory => self.entered.push(found),
            FileType::Symlink => {
                let target = readlinkat(&found, "", Vec::new())?;
                self.follow(target.as_bytes())?;
            }
            _ => return Err(Errno::NOTDIR),
        }
        Ok(())
    }

    fn follow(&mut self, target: &[u8]) -> Result<()> {
        self.links += 1;
        if self.links > MOST_LINKS {
            return Err(Errno::LOOP);
        }
        if target.is_empty() {
            return Err(Errno::NOENT);
        }
        self.queue(target, self.rest.is_empty());
        Ok(())
    }

    fn last(&self, name: &[u8], flags: OFlags, mode: Mode) -> Result<Last> {
        let creates = flags.contains(OFlags::CREATE);
        if self.wants_directory && creates {
            return Err(Errno::ISDIR);
        }
        let exclusive = flags.contains(OFlags::CREATE | OFlags::EXCL);
        let follows = self.wants_directory || !(flags.contains(OFlags::NOFOLLOW) || exclusive);
        if follows {
            match openat(self.current(), name, LOOK, Mode::empty()) {
                Ok(found) if kind(&found)? == FileType::Symlink => {
                    return Ok(Last::Link(readlinkat(&found, "", Vec::new())?.into_bytes()));
                }
                Ok(_) => {}
                Err(Errno::NOENT) if creates => {}
                Err(errno) => return Err(errno),
            }
        }
        let directory = if self.wants_directory { OFlags::DIRECTORY } else { OFlags::empty() };
        // Never followed by the kernel: what was no link a moment ago may be one now.
        let opened = openat(self.current(), name, flags | directory | OFlags::NOFOLLOW, mode);
        match opened {
            Ok(descriptor)
                if follows && flags.contains(OFlags::PATH) && kind(&descriptor)? == FileType::Symlink =>
            {
                Ok(Last::Changed)
            }
            Ok(descriptor) => Ok(Last::Opened(descriptor)),
            Err(Errno::LOOP) if follows => Ok(Last::Changed),
            Err(errno) => Err(errno),
        }
    }
}

enum Last {
    Opened(OwnedFd),
    Link(Vec<u8>),
    /// It became a link between the look and the open.
    Changed,
}

fn kind(descriptor: &OwnedFd) -> Result<FileType> {
    Ok(FileType::from_raw_mode(fstat(descriptor)?.st_mode))
}
