//! A listing as work that can be interrupted: it fills a pipe as fast as somebody empties it.
//!
//! A million entries cost no more memory than a thousand: what is formatted waits in one block, and names are kept only
//! where they must be sorted. One job does little per [`Job::step`], so that many can take turns in one thread.

mod lines;
mod look;
mod names;
mod rights;
mod walk;

use std::ffi::CString;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use rustix::fs::OFlags;
use rustix::io::Errno;
use rustix::pipe::{PipeFlags, fcntl_setpipe_size, pipe_with};
use wharf_proto::failure::Failure;
use wharf_proto::path::VirtualPath;
use wharf_proto::pattern;
use wharf_proto::store::{Format, List, ListFlags};

use crate::failure;
use crate::local::{Local, entry_of};
use lines::Place;
use walk::Walk;

/// How much is formatted before it is written, after a first piece that is written as soon as it is there.
const BLOCK: usize = 64 * 1024;
/// What a pipe should hold; the kernel gives less to users who have many.
const PIPE: usize = 256 * 1024;
/// How deep a recursive listing goes.
const DEEPEST: usize = 64;
/// How many directories a recursive listing keeps in mind.
const MOST_PENDING: usize = 16 * 1024;

/// What a look at a file costs, counted in names that are read or put in order.
const LOOK: usize = 8;

/// A listing being written.
#[derive(Debug)]
pub struct Job {
    pipe: OwnedFd,
    wish: Wish,
    walk: Option<Walk>,
    /// Directories still to come, the next one last.
    pending: Vec<Pending>,
    block: Vec<u8>,
    sent: usize,
    has_written: bool,
    /// Whether no header stands in the listing yet.
    is_first: bool,
    /// Whether the directory's header is still to be written.
    lacks_header: bool,
}

/// How a job stands after a step.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Progress {
    /// There is more to do at once.
    More,
    /// The pipe is full; go on when it can be written.
    Blocked,
    /// Everything is written, or nobody reads any more. Drop the job: that is the reader's end of file.
    Done,
}

/// A job and the end its reader needs.
#[derive(Debug)]
pub struct Begun {
    /// The pipe's reading end, non-blocking.
    pub reader: OwnedFd,
    /// `None` when the directory cannot be opened; the pipe is then at its end.
    pub job: Option<Job>,
}

/// What was asked for, without the path.
#[derive(Debug)]
struct Wish {
    format: Format,
    flags: ListFlags,
    /// What names must fit; `None` lets all pass.
    pattern: Option<Vec<u8>>,
    /// The directory itself and its parent are listed too: `a` was asked for, not only implied.
    dots: bool,
}

impl Wish {
    /// What it costs to tell of one entry.
    fn cost(&self) -> usize {
        if matches!(self.format, Format::Names) { 1 } else { LOOK }
    }
}

/// What a step may still cost.
#[derive(Debug, Clone, Copy)]
struct Budget(usize);

impl Budget {
    fn is_left(self) -> bool {
        self.0 > 0
    }

    fn spend(&mut self, cost: usize) {
        self.0 = self.0.saturating_sub(cost);
    }
}

/// A directory of a recursive listing that is not opened yet.
#[derive(Debug)]
struct Pending {
    path: VirtualPath,
    shown: Vec<u8>,
    depth: usize,
}

impl Job {
    /// Finds out what is to be listed and opens it; nothing is read yet.
    ///
    /// # Errors
    /// [`Failure::Denied`] by a rule, [`Failure::TooMany`] without a free descriptor. A directory that cannot be
    /// opened is no error: see [`Begun::job`].
    pub fn begin(local: &Local, list: List) -> Result<Begun, Failure> {
        Local::only_if(local.rules.may_list)?;
        local.permit(&list.path)?;
        let (reader, pipe) = pipe_with(PipeFlags::CLOEXEC | PipeFlags::NONBLOCK).map_err(failure::of)?;
        let _ = fcntl_setpipe_size(&pipe, PIPE);
        let dots = list.flags.all && !matches!(list.format, Format::Facts(_));
        let mut wish = Wish { format: list.format, flags: list.flags, pattern: None, dots };
        wish.flags.recurse &= local.rules.recurse && !matches!(wish.format, Format::Facts(_));
        let walk = match first(local, &list.path, &list.prefix, list.pattern, &mut wish) {
            Ok(walk) => walk,
            Err(Failure::TooMany) => return Err(Failure::TooMany),
            Err(_) => return Ok(Begun { reader, job: None }),
        };
        let job = Self {
            pipe,
            wish,
            walk: Some(walk),
            pending: Vec::new(),
            block: Vec::new(),
            sent: 0,
            has_written: false,
            is_first: true,
            lacks_header: true,
        };
        Ok(Begun { reader, job: Some(job) })
    }

    /// Does some work: about as much as looking at `budget` entries takes, and never less than a little.
    pub fn step(&mut self, local: &mut Local, budget: usize) -> Progress {
        let mut budget = Budget(budget.saturating_mul(LOOK).max(1));
        let mut is_over = false;
        while !is_over && budget.is_left() && self.block.len() < BLOCK {
            is_over = !self.fill(local, &mut budget);
        }
        // A reader has something to do at once; afterwards large pieces wake it less often.
        if is_over || self.block.len() >= BLOCK || !self.has_written || self.sent > 0 {
            match self.write() {
                Progress::More if is_over => Progress::Done,
                other => other,
            }
        } else {
            Progress::More
        }
    }

    /// Adds to the block; false when nothing will follow.
    fn fill(&mut self, local: &mut Local, budget: &mut Budget) -> bool {
        let Some(walk) = &mut self.walk else {
            let Some(next) = self.pending.pop() else { return false };
            budget.spend(LOOK);
            // Unreadable directories are passed over in silence, as vsftpd does.
            self.walk = Walk::below(local, next, &self.wish).ok();
            self.lacks_header = true;
            return true;
        };
        if std::mem::take(&mut self.lacks_header) {
            if self.wish.flags.recurse {
                lines::header(&mut self.block, &walk.place.shown, self.is_first);
            }
            self.is_first = false;
        }
        if !walk.advance(&mut self.block, &self.wish, local, budget) {
            let room = MOST_PENDING.saturating_sub(self.pending.len());
            self.pending.extend(walk.below.drain(..).take(room).rev());
            self.walk = None;
        }
        true
    }

    /// Writes what the pipe takes; `More` when the block is empty afterwards.
    fn write(&mut self) -> Progress {
        while let Some(rest) = self.block.get(self.sent..).filter(|rest| !rest.is_empty()) {
            match rustix::io::write(&self.pipe, rest) {
                Ok(count) => {
                    self.sent += count;
                    self.has_written = true;
                }
                Err(Errno::INTR) => {}
                Err(Errno::AGAIN) => return Progress::Blocked,
                // The reader is gone; nobody needs to hear of it.
                Err(_) => return Progress::Done,
            }
        }
        self.block.clear();
        self.sent = 0;
        Progress::More
    }
}

impl AsFd for Job {
    /// The pipe's writing end, to be watched for room.
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.pipe.as_fd()
    }
}

/// Opens what is listed first: the directory itself, or the one that holds the name or pattern.
fn first(
    local: &Local,
    path: &VirtualPath,
    typed: &[u8],
    may_be_pattern: bool,
    wish: &mut Wish,
) -> Result<Walk, Failure> {
    match local.open(path, OFlags::RDONLY | OFlags::DIRECTORY) {
        Ok(directory) => {
            local.permit_reading(&entry_of(&directory)?)?;
            let place = Place::new(directory, path.clone(), shown(typed), prefix(typed), local)?;
            return Ok(Walk::new(place, wish));
        }
        Err(Failure::NotFound) => {}
        // Compat: a directory that is closed to the user is shown as the entry that it is.
        Err(Failure::Denied) if !matches!(wish.format, Format::Facts(_)) => {}
        Err(failure) => return Err(failure),
    }
    let name = path.name().ok_or(Failure::NotFound)?;
    let directory = local.open(&path.parent(), OFlags::RDONLY | OFlags::DIRECTORY)?;
    local.permit_reading(&entry_of(&directory)?)?;
    // The directory as typed: what stands before the last component.
    let cut = typed.iter().rposition(|&octet| octet == b'/').map_or(0, |slash| slash + 1);
    let typed = typed.get(..cut).unwrap_or_default();
    let place = Place::new(directory, path.parent(), shown(typed), prefix(typed), local)?;
    let mut walk = Walk::new(place, wish);
    if may_be_pattern && pattern::has_wildcard(name) {
        // Compat: vsftpd takes a pattern that begins with a full stop for the flag `a`.
        wish.flags.all |= name.starts_with(b".");
        wish.pattern = Some(name.to_vec());
    } else {
        wish.flags.all = true;
        walk.only(&CString::new(name).map_err(|_| Failure::NotFound)?);
    }
    Ok(walk)
}

/// The directory as typed, for the header of a recursive listing.
fn shown(typed: &[u8]) -> Vec<u8> {
    let end = typed.iter().rposition(|&octet| octet != b'/').map_or(0, |last| last + 1);
    match typed.get(..end).unwrap_or_default() {
        b"" if typed.is_empty() => b".".to_vec(),
        b"" => b"/".to_vec(),
        directory => directory.to_vec(),
    }
}

/// What stands before names: nothing for the current directory, else the directory as typed with its `/`.
fn prefix(typed: &[u8]) -> Vec<u8> {
    let mut prefix = typed.to_vec();
    if prefix == b"." {
        prefix.clear();
    } else if !prefix.is_empty() && !prefix.ends_with(b"/") {
        prefix.push(b'/');
    }
    prefix
}

#[cfg(test)]
mod tests;
