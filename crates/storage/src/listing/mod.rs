//! A listing as work that can be interrupted: it fills a pipe as fast as somebody empties it.
//!
//! A million entries cost no more memory than a thousand: what is formatted waits in one block, and names are kept only
//! where they must be sorted. One job does little per [`Job::step`], so that many can take turns in one thread.

mod lines;
mod names;
mod walk;

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
use walk::Walk;

/// How much is formatted before it is written.
const BLOCK: usize = 64 * 1024;
/// What a pipe should hold; the kernel gives less to users who have many.
const PIPE: usize = 256 * 1024;
/// How deep a recursive listing goes.
const DEEPEST: usize = 64;
/// How many directories a recursive listing keeps in mind.
const MOST_PENDING: usize = 16 * 1024;

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
    is_first: bool,
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
        let mut wish = Wish { format: list.format, flags: list.flags, pattern: None };
        wish.flags.recurse &= local.rules.recurse && !matches!(wish.format, Format::Facts(_));
        let walk = match first(local, &list.path, &list.prefix, list.pattern, &mut wish) {
            Ok(walk) => walk,
            Err(Failure::TooMany) => return Err(Failure::TooMany),
            Err(_) => return Ok(Begun { reader, job: None }),
        };
        let (pending, block) = (Vec::new(), Vec::new());
        let job = Self { pipe, wish, walk: Some(walk), pending, block, sent: 0, is_first: true };
        Ok(Begun { reader, job: Some(job) })
    }

    /// Does some work: at most `budget` entries are formatted, or one buffer of a directory is read.
    pub fn step(&mut self, local: &mut Local, budget: usize) -> Progress {
        if !self.block.is_empty() {
            match self.write() {
                Progress::More => {}
                other => return other,
            }
        }
        let is_over = !self.fill(local, budget);
        match self.write() {
            Progress::More if is_over => Progress::Done,
            other => other,
        }
    }

    /// Fills the block; false when nothing will follow.
    fn fill(&mut self, local: &mut Local, budget: usize) -> bool {
        let Some(walk) = &mut self.walk else {
            let Some(next) = self.pending.pop() else { return false };
            // Unreadable directories are passed over in silence, as vsftpd does.
            self.walk = Walk::below(local, next).ok();
            return true;
        };
        if !walk.is_begun {
            walk.is_begun = true;
            if self.wish.flags.recurse {
                lines::header(&mut self.block, &walk.shown, self.is_first);
            }
            self.is_first = false;
        }
        if walk.must_read(&self.wish, local) {
            walk.read(&self.wish, local);
            return true;
        }
        for _ in 0..budget {
            if self.block.len() >= BLOCK {
                break;
            }
            if !walk.format_next(&mut self.block, &self.wish, local) {
                if walk.is_at_end() {
                    let room = MOST_PENDING.saturating_sub(self.pending.len());
                    self.pending.extend(walk.below.drain(..).take(room).rev());
                    self.walk = None;
                    return !self.pending.is_empty();
                }
                break;
            }
        }
        true
    }

    /// Writes what the pipe takes; `More` when the block is empty afterwards.
    fn write(&mut self) -> Progress {
        while let Some(rest) = self.block.get(self.sent..).filter(|rest| !rest.is_empty()) {
            match rustix::io::write(&self.pipe, rest) {
                Ok(count) => self.sent += count,
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
            return Walk::new(directory, path.clone(), shown(typed), prefix(typed), local);
        }
        Err(Failure::NotFound) => {}
        Err(failure) => return Err(failure),
    }
    let name = path.name().ok_or(Failure::NotFound)?;
    let directory = local.open(&path.parent(), OFlags::RDONLY | OFlags::DIRECTORY)?;
    local.permit_reading(&entry_of(&directory)?)?;
    // The directory as typed: what stands before the last component.
    let cut = typed.iter().rposition(|&octet| octet == b'/').map_or(0, |slash| slash + 1);
    let typed = typed.get(..cut).unwrap_or_default();
    let mut walk = Walk::new(directory, path.parent(), shown(typed), prefix(typed), local)?;
    if may_be_pattern && pattern::has_wildcard(name) {
        // Compat: vsftpd takes a pattern that begins with a full stop for the flag `a`.
        wish.flags.all |= name.starts_with(b".");
        wish.pattern = Some(name.to_vec());
    } else {
        wish.flags.all = true;
        walk.only(name);
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
mod tests {
    use super::*;

    #[test]
    fn what_was_typed_stands_before_names_and_in_headers() {
        let both = |typed: &str| {
            let text = |octets| String::from_utf8(octets).unwrap();
            (text(prefix(typed.as_bytes())), text(shown(typed.as_bytes())))
        };
        let pair = |one: &str, other: &str| (one.to_owned(), other.to_owned());
        assert_eq!(both(""), pair("", "."));
        assert_eq!(both("."), pair("", "."));
        assert_eq!(both("d"), pair("d/", "d"));
        assert_eq!(both("./d/"), pair("./d/", "./d"));
        assert_eq!(both("/"), pair("/", "/"));
    }
}
