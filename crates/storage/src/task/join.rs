//! Joining the parts of a file that was sent in pieces.

use std::os::fd::OwnedFd;
use std::vec::IntoIter;

use rustix::fs::{AtFlags, OFlags, SeekFrom, seek, unlinkat};
use wharf_proto::failure::Failure;
use wharf_proto::path::VirtualPath;
use wharf_proto::store::{Finished, Writing};

use super::copy::Made;
use super::octets::Octets;
use crate::failure;
use crate::local::{Local, entry_at, entry_of};

/// Files being joined.
#[derive(Debug)]
pub(super) struct Join {
    whole: OwnedFd,
    /// `None` when the whole is the first part, which stays whatever happens.
    made: Option<Made>,
    coming: IntoIter<VirtualPath>,
    current: Option<Octets>,
    /// What was copied, to be removed at the end: a name, and the file it was.
    copied: Vec<(VirtualPath, u64, u64)>,
}

impl Join {
    pub(super) fn begin(
        local: &Local,
        whole: &VirtualPath,
        mut parts: Vec<VirtualPath>,
        umask: u32,
    ) -> Result<Self, Failure> {
        Local::only_if(local.rules.may_remove && local.rules.may_append)?;
        let continues = parts.first() == Some(whole);
        if continues {
            parts.remove(0);
        }
        // Nothing is made when a part is missing, or is joined to itself.
        for (place, part) in parts.iter().enumerate() {
            let is_file = local.look_permitted(part)?.is_file();
            if !is_file || part == whole || parts.iter().skip(place + 1).any(|other| other == part) {
                return Err(Failure::WrongKind);
            }
        }
        let writing = if continues { Writing::Append } else { Writing::Store };
        let (file, opened, upload) = local.open_write(whole, writing, umask)?;
        let made = if opened.created {
            Some(Made::new(upload))
        } else if continues {
            seek(&file, SeekFrom::End(0)).map_err(failure::of)?;
            None
        } else {
            return Err(Failure::Exists);
        };
        Ok(Self { whole: file, made, coming: parts.into_iter(), current: None, copied: Vec::new() })
    }

    pub(super) fn step(&mut self, local: &Local, octets: usize) -> Result<Option<Finished>, Failure> {
        if let Some(current) = &mut self.current {
            if current.step(&self.whole, octets)? {
                self.current = None;
            }
            return Ok(None);
        }
        if let Some(part) = self.coming.next() {
            let (file, _) = local.open_read(&part)?;
            let (entry, whole) = (entry_of(&file)?, entry_of(&self.whole)?);
            if (entry.device, entry.inode) == (whole.device, whole.inode) {
                return Err(Failure::WrongKind);
            }
            self.copied.push((part, entry.device, entry.inode));
            self.current = Some(Octets::behind_others(file));
            return Ok(None);
        }
        if let Some(made) = &mut self.made {
            made.keep();
        }
        // The whole is there now; a part that cannot be removed any more is told, and harms nothing.
        for (part, device, inode) in self.copied.drain(..) {
            let (parent, name) = local.parent(&part)?;
            let now = entry_at(&parent, name).map_err(failure::of)?;
            if (now.device, now.inode) == (device, inode) {
                unlinkat(&parent, name, AtFlags::empty()).map_err(failure::of)?;
            }
        }
        Ok(Some(Finished::Done))
    }
}

impl Local {
    /// What a permitted name is; links are followed.
    fn look_permitted(&self, path: &VirtualPath) -> Result<wharf_proto::entry::Entry, Failure> {
        self.permit(path)?;
        entry_of(self.open(path, OFlags::PATH)?)
    }
}
