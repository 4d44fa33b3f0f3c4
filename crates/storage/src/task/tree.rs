//! Whole trees: removed, or measured. Links are never followed, and memory is bounded by how deep a tree is.

use std::ffi::CString;
use std::os::fd::OwnedFd;

use rustix::fs::{AtFlags, FileType, Mode, OFlags, SeekFrom, openat, seek, unlinkat};
use rustix::io::Errno;
use wharf_os::directory::Entries;
use wharf_proto::entry::Kind;
use wharf_proto::failure::Failure;
use wharf_proto::path::VirtualPath;
use wharf_proto::store::Finished;

use crate::failure;
use crate::local::{Local, entry_at, entry_of};

/// How deep a tree may be: each level holds a directory open.
const DEEPEST: usize = 64;
/// How much of a directory is read at once.
const BUFFER: usize = 16 * 1024;
/// What an entry costs, counted in octets that are moved.
const ENTRY: usize = 4096;
/// How many entries are measured; who has more asks for parts of the tree.
const MOST_ENTRIES: u64 = 1_000_000;
/// How often a directory is read again that was not empty after all.
const MOST_READINGS: u8 = 3;

/// An open directory on the way down.
#[derive(Debug)]
struct Level {
    directory: OwnedFd,
    path: VirtualPath,
    entries: Entries,
    readings: u8,
}

/// What a walk comes upon.
enum Met {
    /// Something that is no directory, or a directory that cannot be opened.
    Entry(CString, FileType, Option<Failure>),
    /// A directory whose entries come next.
    Down,
    /// The deepest directory's entries are over.
    End,
}

impl Level {
    fn open(parent: &OwnedFd, name: &[u8], path: VirtualPath) -> Result<Self, Failure> {
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let directory = openat(parent, name, flags, Mode::empty()).map_err(|errno| match errno {
            // What a link in last place is called by different kernels.
            Errno::LOOP | Errno::NOTDIR => Failure::WrongKind,
            errno => failure::of(errno),
        })?;
        let entries = Entries::with_buffer(Vec::with_capacity(BUFFER));
        Ok(Self { directory, path, entries, readings: 0 })
    }

    /// The next name but `.` and `..`.
    fn next(&mut self) -> Result<Option<(CString, FileType)>, Failure> {
        loop {
            if let Some(listed) = self.entries.next() {
                let owned = (listed.name.to_owned(), listed.kind);
                if !matches!(owned.0.to_bytes(), b"." | b"..") {
                    return Ok(Some(owned));
                }
            } else if !self.entries.read(&self.directory).map_err(failure::of)? {
                return Ok(None);
            }
        }
    }

    fn again(&mut self) -> bool {
        self.readings += 1;
        self.readings < MOST_READINGS && seek(&self.directory, SeekFrom::Start(0)).is_ok()
    }
}

/// A walk through a tree, entries before the directory that holds them.
#[derive(Debug)]
struct Walk {
    levels: Vec<Level>,
}

impl Walk {
    fn begin(local: &Local, path: &VirtualPath) -> Result<(Self, OwnedFd), Failure> {
        local.permit(path)?;
        let (parent, name) = local.parent(path)?;
        let level = Level::open(&parent, name, path.clone())?;
        Ok((Self { levels: vec![level] }, parent))
    }

    /// The next thing; `None` when even the first directory is over.
    fn advance(&mut self, local: &Local) -> Result<Option<Met>, Failure> {
        let depth = self.levels.len();
        let Some(level) = self.levels.last_mut() else { return Ok(None) };
        let Some((name, kind)) = level.next()? else { return Ok(Some(Met::End)) };
        let kind = if kind == FileType::Unknown { look(&level.directory, &name) } else { kind };
        if kind != FileType::Directory {
            return Ok(Some(Met::Entry(name, kind, None)));
        }
        let path = VirtualPath::resolve(&level.path, name.to_bytes()).map_err(|_| Failure::TooMany)?;
        let down = match local.permit(&path) {
            Ok(()) if depth < DEEPEST => Level::open(&level.directory, name.to_bytes(), path),
            Ok(()) => Err(Failure::TooMany),
            Err(failure) => Err(failure),
        };
        match down {
            Ok(level) => {
                self.levels.push(level);
                Ok(Some(Met::Down))
            }
            Err(failure) => Ok(Some(Met::Entry(name, kind, Some(failure)))),
        }
    }
}

fn look(directory: &OwnedFd, name: &CString) -> FileType {
    match entry_at(directory, name.to_bytes()).map(|entry| entry.kind) {
        Ok(Kind::Directory) => FileType::Directory,
        Ok(Kind::File) => FileType::RegularFile,
        _ => FileType::Unknown,
    }
}

/// A tree being removed.
#[derive(Debug)]
pub(super) struct Removal {
    walk: Walk,
    /// The directory that holds the tree, and the tree's name in it.
    parent: OwnedFd,
    name: Vec<u8>,
    /// The first thing that could not be removed; the others are.
    failed: Option<Failure>,
}

impl Removal {
    pub(super) fn begin(local: &Local, path: &VirtualPath) -> Result<Self, Failure> {
        Local::only_if(local.rules.may_remove)?;
        let name = path.name().ok_or(Failure::Denied)?.to_vec();
        let (walk, parent) = Walk::begin(local, path)?;
        Ok(Self { walk, parent, name, failed: None })
    }

    pub(super) fn step(&mut self, local: &Local, octets: usize) -> Result<Option<Finished>, Failure> {
        for _ in 0..(octets / ENTRY).max(1) {
            match self.walk.advance(local) {
                Ok(None) => {
                    let failed = self.failed.take();
                    return Ok(Some(failed.map_or(Finished::Done, Finished::Failed)));
                }
                Ok(Some(Met::Down)) => {}
                Ok(Some(Met::Entry(name, _, failed))) => {
                    let removed = failed.map_or_else(|| self.remove(local, &name), Err);
                    self.note(removed);
                }
                Ok(Some(Met::End)) => self.close(),
                Err(failure) => {
                    self.note(Err(failure));
                    self.close();
                }
            }
        }
        Ok(None)
    }

    fn remove(&self, local: &Local, name: &CString) -> Result<(), Failure> {
        let Some(level) = self.walk.levels.last() else { return Ok(()) };
        let path = VirtualPath::resolve(&level.path, name.to_bytes()).map_err(|_| Failure::TooMany)?;
        local.permit(&path)?;
        gone(unlinkat(&level.directory, name, AtFlags::empty()))
    }

    /// Removes the deepest directory, now that it should be empty.
    fn close(&mut self) {
        let Some(mut level) = self.walk.levels.pop() else { return };
        let above = self.walk.levels.last().map_or(&self.parent, |above| &above.directory);
        let name = if self.walk.levels.is_empty() { Some(&self.name[..]) } else { level.path.name() };
        let removed = gone(unlinkat(above, name.unwrap_or_default(), AtFlags::REMOVEDIR));
        // Some file systems pass over names while others are removed.
        if removed == Err(Failure::NotEmpty) && self.failed.is_none() && level.again() {
            self.walk.levels.push(level);
            return;
        }
        self.note(removed);
    }

    fn note(&mut self, done: Result<(), Failure>) {
        if let Err(failure) = done {
            self.failed.get_or_insert(failure);
        }
    }
}

/// What somebody else removed first is removed.
fn gone(done: rustix::io::Result<()>) -> Result<(), Failure> {
    match done {
        Err(Errno::NOENT) => Ok(()),
        done => done.map_err(failure::of),
    }
}

/// A tree being measured.
#[derive(Debug)]
pub(super) struct Measure {
    walk: Walk,
    octets: u64,
    entries: u64,
}

impl Measure {
    pub(super) fn begin(local: &Local, path: &VirtualPath) -> Result<Self, Failure> {
        Local::only_if(local.rules.may_list)?;
        local.permit(path)?;
        // The session's root has no name to be opened by.
        let directory = local.open(path, OFlags::RDONLY | OFlags::DIRECTORY)?;
        local.permit_reading(&entry_of(&directory)?)?;
        let entries = Entries::with_buffer(Vec::with_capacity(BUFFER));
        let level = Level { directory, path: path.clone(), entries, readings: 0 };
        Ok(Self { walk: Walk { levels: vec![level] }, octets: 0, entries: 0 })
    }

    pub(super) fn step(&mut self, local: &Local, octets: usize) -> Result<Option<Finished>, Failure> {
        for _ in 0..(octets / ENTRY).max(1) {
            match self.walk.advance(local) {
                Ok(None) => return Ok(Some(Finished::Octets(self.octets))),
                Ok(Some(Met::Down)) if !self.may_be_read(local) => {
                    self.walk.levels.pop();
                }
                Ok(Some(Met::Down)) => {}
                Ok(Some(Met::Entry(name, kind, _))) => self.add(&name, kind),
                // What cannot be read is passed over, as in listings.
                Ok(Some(Met::End)) | Err(_) => {
                    self.walk.levels.pop();
                }
            }
            self.entries += 1;
            if self.entries > MOST_ENTRIES {
                return Err(Failure::TooMany);
            }
        }
        Ok(None)
    }

    fn may_be_read(&self, local: &Local) -> bool {
        let entry = self.walk.levels.last().map(|level| entry_of(&level.directory));
        entry.is_some_and(|entry| entry.is_ok_and(|entry| local.permit_reading(&entry).is_ok()))
    }

    fn add(&mut self, name: &CString, kind: FileType) {
        let Some(level) = self.walk.levels.last().filter(|_| kind == FileType::RegularFile) else { return };
        if let Ok(entry) = entry_at(&level.directory, name.to_bytes()) {
            self.octets = self.octets.saturating_add(entry.size);
        }
    }
}
