//! One directory of a listing: its names are read a buffer at a time and formatted one at a time.

use std::ffi::CStr;

use rustix::fs::OFlags;
use wharf_os::directory::Entries;
use wharf_proto::entry::Kind;
use wharf_proto::failure::Failure;
use wharf_proto::path::VirtualPath;
use wharf_proto::pattern;
use wharf_proto::store::Format;

use super::lines::{self, Place};
use super::look;
use super::names::{Names, Order};
use super::{BLOCK, Budget, DEEPEST, LOOK, MOST_PENDING, Pending, Wish};
use crate::local::{Local, entry_of, kind};

/// How much of a directory is read at once; larger buffers gain nothing.
const BUFFER: usize = 64 * 1024;
/// How many names are put in the order that the client asked for, where there are more than are ordered unasked.
///
/// A name costs some thirty octets of memory and, by time, a look at the file.
const MOST_ORDERED: usize = 200_000;

/// A directory that is open and partly listed.
#[derive(Debug)]
pub(super) struct Walk {
    pub(super) place: Place,
    /// Directories found in it, to be listed after it.
    pub(super) below: Vec<Pending>,
    depth: usize,
    /// What the kernel gave and nobody has looked at yet.
    entries: Entries,
    /// What was read and is not written yet.
    names: Names,
    stage: Stage,
}

/// How far a directory is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stage {
    /// Names are read, to be put in order when all are there.
    Collecting,
    /// All are there.
    Arranging,
    /// They are in order and are being written.
    Writing,
    /// There are too many to be put in order, or none is wanted: they are written as they come.
    Streaming,
}

impl Walk {
    pub(super) fn new(place: Place, wish: &Wish) -> Self {
        let order = Order { by_time: wish.flags.by_time, reverse: wish.flags.reverse };
        let is_unordered = matches!(wish.format, Format::Facts(_));
        Self {
            place,
            below: Vec::new(),
            depth: 0,
            entries: Entries::default(),
            names: Names::in_order(order),
            stage: if is_unordered { Stage::Streaming } else { Stage::Collecting },
        }
    }

    /// Opens a directory of a recursive listing; it must still be one, not a link put in its place.
    pub(super) fn below(local: &Local, pending: Pending, wish: &Wish) -> Result<Self, Failure> {
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW;
        let directory = local.open(&pending.path, flags)?;
        local.permit_reading(&entry_of(&directory)?)?;
        let mut prefix = pending.shown.clone();
        prefix.push(b'/');
        let place = Place::new(directory, pending.path, pending.shown, prefix, local)?;
        Ok(Self { depth: pending.depth, ..Self::new(place, wish) })
    }

    /// Lists one name of the directory, which is not read then.
    pub(super) fn only(&mut self, name: &CStr) {
        self.names.push(name, Kind::Unknown, 0);
        self.names.leave_unordered();
        self.place.is_single = true;
        self.stage = Stage::Writing;
    }

    /// Does a part of the work; false when the directory is done.
    pub(super) fn advance(
        &mut self,
        out: &mut Vec<u8>,
        wish: &Wish,
        local: &mut Local,
        budget: &mut Budget,
    ) -> bool {
        match self.stage {
            Stage::Collecting => self.collect(wish, local, budget),
            Stage::Arranging => {
                let arranged = self.names.arrange_some();
                budget.spend(arranged);
                if arranged == 0 {
                    self.stage = Stage::Writing;
                }
            }
            Stage::Writing => return self.write(out, wish, local, budget),
            Stage::Streaming => {
                return self.write(out, wish, local, budget) || self.stream(out, wish, local, budget);
            }
        }
        true
    }

    /// Reads names until all are there, or more than can be put in order.
    fn collect(&mut self, wish: &Wish, local: &mut Local, budget: &mut Budget) {
        let most = most_ordered(wish, local);
        while budget.is_left() {
            let Some(listed) = self.entries.next() else {
                if !self.read(local, budget) {
                    self.stage = Stage::Arranging;
                    return;
                }
                continue;
            };
            budget.spend(1);
            if !is_wanted(wish, local, listed.name) {
                continue;
            }
            let mut modified = 0;
            if wish.flags.by_time {
                budget.spend(LOOK);
                let found = look::look(&self.place.directory, listed.name);
                modified = found.map_or(0, |found| found.entry.modified.seconds);
            }
            self.names.push(listed.name, kind(listed.kind), modified);
            if self.names.len() > most || self.names.is_full() {
                self.names.leave_unordered();
                self.stage = Stage::Streaming;
                return;
            }
        }
    }

    /// Formats what was collected; false when all of it is.
    fn write(&mut self, out: &mut Vec<u8>, wish: &Wish, local: &mut Local, budget: &mut Budget) -> bool {
        let now = lines::now();
        while budget.is_left() && out.len() < BLOCK {
            let Some((name, kind)) = self.names.next() else { return false };
            budget.spend(wish.cost());
            if local.shows(name.to_bytes()) && self.place.line(out, (name, kind), wish, local, now) {
                remember(&mut self.below, &self.place, self.depth, name.to_bytes());
            }
        }
        true
    }

    /// Formats names as the directory gives them; false at its end.
    fn stream(&mut self, out: &mut Vec<u8>, wish: &Wish, local: &mut Local, budget: &mut Budget) -> bool {
        let now = lines::now();
        while budget.is_left() && out.len() < BLOCK {
            let Some(listed) = self.entries.next() else {
                if !self.read(local, budget) {
                    return false;
                }
                continue;
            };
            budget.spend(1);
            if !is_wanted(wish, local, listed.name) || !local.shows(listed.name.to_bytes()) {
                continue;
            }
            budget.spend(wish.cost());
            let (name, kind) = (listed.name, kind(listed.kind));
            if self.place.line(out, (name, kind), wish, local, now) {
                remember(&mut self.below, &self.place, self.depth, name.to_bytes());
            }
        }
        true
    }

    /// Reads the next buffer; false at the directory's end, when the buffer is given back.
    fn read(&mut self, local: &mut Local, budget: &mut Budget) -> bool {
        budget.spend(LOOK);
        let mut buffer = std::mem::take(&mut self.entries).into_buffer();
        if buffer.capacity() == 0 {
            buffer = std::mem::take(&mut local.buffer);
            buffer.clear();
            buffer.reserve(BUFFER);
        }
        let mut entries = Entries::with_buffer(buffer);
        // An error ends the listing as the directory's end does: what was found is shown.
        let is_more = entries.read(&self.place.directory).unwrap_or(false);
        if is_more {
            self.entries = entries;
        } else {
            local.buffer = entries.into_buffer();
        }
        is_more
    }
}

/// Keeps a directory to be listed later.
fn remember(below: &mut Vec<Pending>, place: &Place, depth: usize, name: &[u8]) {
    if depth + 1 >= DEEPEST || below.len() >= MOST_PENDING {
        return;
    }
    let Ok(path) = VirtualPath::resolve(&place.path, name) else { return };
    let mut shown = place.shown.clone();
    if !shown.ends_with(b"/") {
        shown.push(b'/');
    }
    shown.extend_from_slice(name);
    below.push(Pending { path, shown, depth: depth + 1 });
}

/// How many names are put in order; directories with more are told in the order of the disk.
fn most_ordered(wish: &Wish, local: &Local) -> usize {
    let unasked = usize::try_from(local.rules.sort_limit).unwrap_or(usize::MAX);
    if wish.flags.by_time || wish.flags.reverse { unasked.max(MOST_ORDERED) } else { unasked }
}

/// Decides by the name alone whether an entry belongs to the listing; rules that hide are asked later, once.
fn is_wanted(wish: &Wish, local: &Local, name: &CStr) -> bool {
    let name = name.to_bytes();
    let may_be_shown = match name {
        b"." | b".." => wish.dots,
        [b'.', ..] => wish.flags.all || local.rules.show_dot_files,
        _ => true,
    };
    may_be_shown && wish.pattern.as_ref().is_none_or(|pattern| pattern::matches(pattern, name))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_were_asked_for_in_an_order_are_bounded_too() {
        use wharf_ipc::broker::Rules;
        use wharf_proto::ftp::listing::Owners;

        let directory = tempfile::tempdir().unwrap();
        let root = wharf_os::beneath::Root::open(directory.path()).unwrap();
        let rules = Rules { sort_limit: 7, ..Rules::default() };
        let mut local = Local::new(root, rules, Owners::Numbers, crate::zone::Zone::utc()).unwrap();
        let mut wish = Wish {
            format: Format::Long,
            flags: wharf_proto::store::ListFlags::default(),
            pattern: None,
            dots: false,
        };
        assert_eq!(most_ordered(&wish, &local), 7);
        wish.flags.by_time = true;
        assert_eq!(most_ordered(&wish, &local), MOST_ORDERED);
        wish.flags = wharf_proto::store::ListFlags { reverse: true, ..Default::default() };
        assert_eq!(most_ordered(&wish, &local), MOST_ORDERED);
        local.rules.sort_limit = u32::MAX;
        assert_eq!(most_ordered(&wish, &local), u32::MAX as usize);
    }
}
