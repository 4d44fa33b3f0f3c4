//! Storage on this machine's file systems, beneath one directory, with the rights of this process's user.
//!
//! The kernel decides what the user may do; [`Rules`] narrow it further, whatever the session believes. Nothing
//! here waits: FIFOs and devices are refused, held locks are answered with [`Failure::Locked`].

mod alone;
mod attributes;
mod change;
mod enter;
mod extend;
mod home;
mod open;
mod spelling;

pub use open::Upload;

use std::os::fd::OwnedFd;

use rustix::fs::{Mode, OFlags};
use wharf_ipc::broker::Rules;
use wharf_names::Charset;
use wharf_os::beneath::Root;
use wharf_proto::entry::Entry;
use wharf_proto::failure::Failure;
use wharf_proto::ftp::listing::Owners;
use wharf_proto::path::VirtualPath;
use wharf_proto::pattern;
use wharf_proto::store::{Answer, Request};

use crate::failure;
use crate::listing::Job;
use crate::task::{Begun, Running};
use crate::work::Work;
use crate::zone::Zone;

pub(crate) use attributes::{KNOWN, entry_at, entry_of, is_accessible, kind, translate};

/// How much of a directory is read at once; larger buffers gain nothing.
const DIRECTORY_BUFFER: usize = 64 * 1024;

/// One directory tree as one user may use it.
#[derive(Debug)]
pub struct Local {
    root: Root,
    /// Whether the root is the process's own.
    is_whole: bool,
    pub(crate) rules: Rules,
    /// The charset of names that are no UTF-8.
    disk_charset: Option<Charset>,
    pub(crate) owners: Owners,
    pub(crate) zone: Zone,
    pub(crate) buffer: Vec<u8>,
}

/// What a request leads to.
#[derive(Debug)]
pub struct Served {
    /// What the session hears.
    pub answer: Answer,
    /// What comes along: a file, or a pipe's reading end.
    pub descriptor: Option<OwnedFd>,
    /// The work that remains: a listing to be written, a task to be done.
    pub job: Option<Work>,
}

impl From<Answer> for Served {
    fn from(answer: Answer) -> Self {
        Self { answer, descriptor: None, job: None }
    }
}

/// A session that does what no session of ours does: its channel is to be closed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FinishedNothing;

impl Local {
    /// Takes a directory as the root, with what must be loaded before confinement.
    ///
    /// # Errors
    /// The root cannot be looked at.
    pub fn new(root: Root, rules: Rules, owners: Owners, zone: Zone) -> Result<Self, Failure> {
        let own = entry_of(&root)?;
        let everything = entry_at(rustix::fs::CWD, b"/").map_err(failure::of)?;
        let is_whole = (own.device, own.inode) == (everything.device, everything.inode);
        let disk_charset = rules.disk_charset.as_ref().and_then(|name| {
            // The configuration was checked: what is not known here is not there.
            std::str::from_utf8(name).ok().and_then(|name| Charset::named(name).ok())
        });
        Ok(Self {
            root,
            is_whole,
            rules,
            disk_charset,
            owners,
            zone,
            buffer: Vec::with_capacity(DIRECTORY_BUFFER),
        })
    }

    /// Carries out one request of one login; `upload` is the login's own.
    ///
    /// # Errors
    /// [`FinishedNothing`] when `Finish` comes without an upload.
    pub fn serve(
        &self,
        mut request: Request,
        upload: &mut Option<Upload>,
    ) -> Result<Served, FinishedNothing> {
        self.respell(&mut request);
        let served = match request {
            Request::Finish(fate) => {
                upload.take().ok_or(FinishedNothing)?.finish(fate, &self.rules).map(|()| Answer::Done.into())
            }
            Request::Enter(path) => self.enter(&path).map(|entered| Answer::Entered(entered).into()),
            Request::Look { path, follow } => {
                self.look(&path, follow).map(|looked| Answer::Looked(looked).into())
            }
            Request::OpenRead(path) => self
                .open_read(&path)
                .map(|(file, size)| Served { descriptor: Some(file), ..Answer::Opened { size }.into() }),
            Request::OpenWrite { path, writing, umask } => {
                if let Some(forgotten) = upload.take() {
                    forgotten.abandon(&self.rules);
                }
                self.open_write(&path, writing, umask).map(|(file, opened, begun)| {
                    *upload = Some(begun);
                    let answer = Answer::OpenedForWriting(opened);
                    Served { descriptor: Some(file), ..answer.into() }
                })
            }
            Request::List(list) => Job::begin(self, list).map(|begun| Served {
                answer: Answer::Listing { opened: begun.job.is_some() },
                descriptor: Some(begun.reader),
                job: begun.job.map(|job| Work::Listing(Box::new(job))),
            }),
            Request::Change(change) => self.change(&change).map(|()| Answer::Done.into()),
            Request::Home { name } => self.home(&name).map(|home| Answer::Home(home).into()),
            Request::Room(path) => self.room(&path).map(|octets| Answer::Room(octets).into()),
            Request::Begin(task) => Running::begin(self, task).map(|begun| with_task(Answer::Begun, begun)),
            Request::OpenPart(path, part) => Running::send_part(self, &path, part)
                .map(|(begun, size)| with_task(Answer::Opened { size }, begun)),
        };
        Ok(served.unwrap_or_else(|failure| Answer::Refused(failure).into()))
    }

    /// Opens beneath the root.
    pub(crate) fn open(&self, path: &VirtualPath, flags: OFlags) -> Result<OwnedFd, Failure> {
        self.root.resolve(path.as_bytes(), flags, Mode::empty()).map_err(failure::of)
    }

    /// Opens the directory that holds an entry, and names the entry in it.
    pub(crate) fn parent<'p>(&self, path: &'p VirtualPath) -> Result<(OwnedFd, &'p [u8]), Failure> {
        self.root.parent(path.as_bytes()).map_err(failure::of)
    }

    /// Refuses what a rule does not allow.
    pub(crate) fn only_if(allowed: bool) -> Result<(), Failure> {
        if allowed { Ok(()) } else { Err(Failure::Denied) }
    }

    /// Refuses paths that `deny_file` speaks of, as they are written and as their links lead.
    pub(crate) fn permit(&self, path: &VirtualPath) -> Result<(), Failure> {
        let Some(rule) = &self.rules.deny else { return Ok(()) };
        let denied = |path: &VirtualPath| pattern::denies(rule, path.as_bytes());
        if denied(path) || self.resolved(path, |_, _| true).is_some_and(|real| denied(&real)) {
            return Err(Failure::Forbidden);
        }
        Ok(())
    }

    /// Refuses to show the content of what not everybody may read, where that is the rule.
    pub(crate) fn permit_reading(&self, entry: &Entry) -> Result<(), Failure> {
        Self::only_if(!self.rules.world_readable_only || entry.mode & 0o004 != 0)
    }

    /// Tells whether a listing may show a name.
    pub(crate) fn shows(&self, name: &[u8]) -> bool {
        // Compat: what deny_file forbids is still listed; hide_file is the rule for listings.
        !self.rules.hide.as_ref().is_some_and(|rule| pattern::denies(rule, name))
    }

    /// Tells whether the root is the whole of what this process can see, so that no path leads out of it.
    pub(crate) fn is_whole(&self) -> bool {
        self.is_whole
    }
}

fn with_task(answer: Answer, begun: Begun) -> Served {
    let job = Some(Work::Task(Box::new(begun.running)));
    Served { answer, descriptor: Some(begun.reader), job }
}
