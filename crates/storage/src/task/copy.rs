//! Copying one file, without its octets leaving this machine.

use std::os::fd::OwnedFd;

use rustix::fs::ftruncate;
use wharf_ipc::broker::Rules;
use wharf_proto::failure::Failure;
use wharf_proto::path::VirtualPath;
use wharf_proto::store::{Fate, Finished, Writing};

use super::octets::Octets;
use crate::failure;
use crate::local::{Local, Upload, entry_of};

/// A file being copied.
#[derive(Debug)]
pub(super) struct Copy {
    to: OwnedFd,
    octets: Octets,
    upload: Made,
}

/// A file that is removed again, unless it becomes whole.
///
/// One that was there before stays, as after an upload that broke off.
#[derive(Debug)]
pub(super) struct Made(Option<Upload>);

impl Made {
    pub(super) fn new(upload: Upload) -> Self {
        Self(Some(upload))
    }

    /// The file is whole.
    pub(super) fn keep(&mut self) {
        self.0 = None;
    }
}

impl Drop for Made {
    fn drop(&mut self) {
        if let Some(Err(failure)) = self.0.take().map(|upload| upload.finish(Fate::Unused, &Rules::default()))
        {
            wharf_os::say!("wharfd: broker: cannot remove a copy that was broken off: {failure:?}");
        }
    }
}

impl Copy {
    pub(super) fn begin(
        local: &Local,
        from: &VirtualPath,
        to: &VirtualPath,
        umask: u32,
    ) -> Result<Self, Failure> {
        let (from, _) = local.open_read(from)?;
        let (to, _, upload) = local.open_write(to, Writing::Store, umask)?;
        let upload = Made::new(upload);
        let (one, other) = (entry_of(&from)?, entry_of(&to)?);
        if (one.device, one.inode) == (other.device, other.inode) {
            return Err(Failure::Exists);
        }
        ftruncate(&to, 0).map_err(failure::of)?;
        Ok(Self { to, octets: Octets::into_empty(from), upload })
    }

    pub(super) fn step(&mut self, octets: usize) -> Result<Option<Finished>, Failure> {
        if !self.octets.step(&self.to, octets)? {
            return Ok(None);
        }
        self.upload.keep();
        Ok(Some(Finished::Done))
    }
}
