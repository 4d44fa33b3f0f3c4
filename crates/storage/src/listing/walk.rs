//! One directory of a listing: its names are read a buffer at a time and formatted one at a time.

use std::os::fd::OwnedFd;

use rustix::fs::{OFlags, RawDir};
use wharf_proto::failure::Failure;
use wharf_proto::path::VirtualPath;
use wharf_proto::pattern;
use wharf_proto::store::Format;

use super::names::Names;
use super::{DEEPEST, Pending, Wish, lines};
use crate::local::{Local, entry_at, entry_of, is_accessible};

/// A directory that is open and partly listed.
#[derive(Debug)]
pub(super) struct Walk {
    pub(super) directory: OwnedFd,
    pub(super) path: VirtualPath,
    /// The directory as typed, for headers.
    pub(super) shown: Vec<u8>,
    /// What stands before names in [`Format::Names`].
    pub(super) prefix: Vec<u8>,
    /// Directories found in it, to be listed after it.
    pub(super) below: Vec<Pending>,
    pub(super) is_begun: bool,
    /// Whether one name is listed that nobody has read, and that may not be there.
    pub(super) is_single: bool,
    /// Whether `..` must not be looked at, for it is outside.
    pub(super) is_root: bool,
    /// Whether this user may make and remove entries here, by the kernel's word.
    pub(super) is_writable: bool,
    depth: usize,
    names: Names,
    name: Vec<u8>,
    reading: Reading,
}

/// How far the names are read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Reading {
    /// All of them are wanted first, to be sorted.
    Collecting,
    /// There are too many to sort: they are written as they come.
    Streaming,
    /// The directory's end is reached.
    Ended,
}

impl Walk {
    pub(super) fn new(
        directory: OwnedFd,
        path: VirtualPath,
        shown: Vec<u8>,
        prefix: Vec<u8>,
        local: &Local,
    ) -> Result<Self, Failure> {
        let own = entry_of(&directory)?;
        let root = entry_of(local.open(&VirtualPath::root(), OFlags::PATH)?)?;
        let change = rustix::fs::Access::WRITE_OK | rustix::fs::Access::EXEC_OK;
        Ok(Self {
            is_root: (own.device, own.inode) == (root.device, root.inode),
            is_writable: is_accessible(&directory, b".", change),
            directory,
            path,
            shown,
            prefix,
            below: Vec::new(),
            is_begun: false,
            is_single: false,
            depth: 0,
            names: Names::default(),
            name: Vec::new(),
            reading: Reading::Collecting,
        })
    }

    /// Opens a directory of a recursive listing; it must still be one, not a link put in its place.
    pub(super) fn below(local: &Local, pending: Pending) -> Result<Self, Failure> {
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW;
        let directory = local.open(&pending.path, flags)?;
        local.permit_reading(&entry_of(&directory)?)?;
        let mut prefix = pending.shown.clone();
        prefix.push(b'/');
        let walk = Self::new(directory, pending.path, pending.shown, prefix, local)?;
        Ok(Self { depth: pending.depth, ..walk })
    }

    /// Lists one name of the directory, which is not read then.
    pub(super) fn only(&mut self, name: &[u8]) {
        self.names.push(name, 0);
        self.is_single = true;
        self.reading = Reading::Ended;
    }

    /// Tells whether names must be read before one can be formatted.
    pub(super) fn must_read(&mut self, wish: &Wish, local: &Local) -> bool {
        if self.reading != Reading::Collecting {
            return self.reading == Reading::Streaming && self.names.len() == 0;
        }
        let is_ordered = wish.flags.by_time || wish.flags.reverse;
        let limit = usize::try_from(local.rules.sort_limit).unwrap_or(usize::MAX);
        let is_unsorted =
            matches!(wish.format, Format::Facts(_)) || (!is_ordered && self.names.len() > limit);
        if is_unsorted {
            self.reading = Reading::Streaming;
            return self.names.len() == 0;
        }
        true
    }

    /// Reads one buffer of names; at the end sorts what was collected.
    pub(super) fn read(&mut self, wish: &Wish, local: &mut Local) {
        let mut buffer = std::mem::take(&mut local.buffer);
        let is_ended = self.read_into(wish, local, &mut buffer);
        local.buffer = buffer;
        if is_ended {
            if self.reading == Reading::Collecting {
                self.names.sort(wish.flags.by_time, wish.flags.reverse);
            }
            self.reading = Reading::Ended;
        }
    }

    fn read_into(&mut self, wish: &Wish, local: &Local, buffer: &mut Vec<u8>) -> bool {
        let mut entries = RawDir::new(&self.directory, buffer.spare_capacity_mut());
        loop {
            match entries.next() {
                // An error ends the listing as the directory's end does: what was found is shown.
                None | Some(Err(_)) => return true,
                Some(Ok(entry)) => {
                    let name = entry.file_name().to_bytes();
                    if is_wanted(wish, local, name) {
                        let is_dated = wish.flags.by_time && self.reading == Reading::Collecting;
                        let dated = is_dated.then(|| entry_at(&self.directory, name).ok()).flatten();
                        self.names.push(name, dated.map_or(0, |entry| entry.modified.seconds));
                    }
                }
            }
            if entries.is_buffer_empty() {
                return false;
            }
        }
    }

    /// Formats the next name; false when all that were read are formatted.
    pub(super) fn format_next(&mut self, out: &mut Vec<u8>, wish: &Wish, local: &mut Local) -> bool {
        let mut name = std::mem::take(&mut self.name);
        let is_there = self.names.take_next(&mut name);
        if is_there && local.shows(&name) && lines::line(out, self, &name, wish, local) {
            self.remember(&name);
        }
        self.name = name;
        is_there
    }

    /// Keeps a directory to be listed later.
    fn remember(&mut self, name: &[u8]) {
        if self.depth + 1 >= DEEPEST || self.below.len() >= super::MOST_PENDING {
            return;
        }
        let Ok(path) = VirtualPath::resolve(&self.path, name) else { return };
        let mut shown = self.shown.clone();
        if !shown.ends_with(b"/") {
            shown.push(b'/');
        }
        shown.extend_from_slice(name);
        self.below.push(Pending { path, shown, depth: self.depth + 1 });
    }

    /// Tells whether nothing is left to read.
    pub(super) fn is_at_end(&self) -> bool {
        self.reading == Reading::Ended
    }
}

/// Decides by the name alone whether an entry belongs to the listing; rules that hide are asked later, once.
fn is_wanted(wish: &Wish, local: &Local, name: &[u8]) -> bool {
    let may_be_shown = match name {
        b"." | b".." => wish.flags.all && !matches!(wish.format, Format::Facts(_)),
        [b'.', ..] => wish.flags.all || local.rules.show_dot_files,
        _ => true,
    };
    may_be_shown && wish.pattern.as_ref().is_none_or(|pattern| pattern::matches(pattern, name))
}
