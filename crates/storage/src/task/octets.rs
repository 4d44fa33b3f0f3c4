//! Octets from one file to another, in pieces, by the quickest way that the file systems have.

use std::os::fd::OwnedFd;

use rustix::fs::{copy_file_range, ioctl_ficlone, sendfile};
use rustix::io::Errno;
use wharf_proto::failure::Failure;

use crate::failure;

/// A file being copied behind what another one holds.
#[derive(Debug)]
pub(super) struct Octets {
    from: OwnedFd,
    /// Where the next octet comes from.
    at: u64,
    way: Way,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Way {
    /// Both share their blocks, if the file system can (`FICLONE`).
    Share,
    /// Inside the kernel, perhaps without the octets being touched.
    Range,
    /// Inside the kernel, through its memory: between file systems that know nothing of each other.
    Memory,
}

impl Octets {
    /// Copies a whole file into an empty one.
    pub(super) fn into_empty(from: OwnedFd) -> Self {
        Self { from, at: 0, way: Way::Share }
    }

    /// Copies a whole file behind others.
    pub(super) fn behind_others(from: OwnedFd) -> Self {
        Self { from, at: 0, way: Way::Range }
    }

    /// Copies some, to where the target's own position is; true when all is copied.
    pub(super) fn step(&mut self, to: &OwnedFd, octets: usize) -> Result<bool, Failure> {
        let copied = match self.way {
            Way::Share => {
                if ioctl_ficlone(to, &self.from).is_ok() {
                    return Ok(true);
                }
                self.way = Way::Range;
                return Ok(false);
            }
            Way::Range => copy_file_range(&self.from, Some(&mut self.at), to, None, octets),
            Way::Memory => sendfile(to, &self.from, Some(&mut self.at), octets),
        };
        match copied {
            Ok(0) if self.way == Way::Range && self.at == 0 => {
                // Files of the kernel's own making say so, whatever they hold.
                self.way = Way::Memory;
                Ok(false)
            }
            Ok(count) => Ok(count == 0),
            Err(Errno::INTR) => Ok(false),
            Err(Errno::XDEV | Errno::INVAL | Errno::NOSYS | Errno::OPNOTSUPP | Errno::PERM)
                if self.way == Way::Range =>
            {
                self.way = Way::Memory;
                Ok(false)
            }
            Err(errno) => Err(failure::of(errno)),
        }
    }
}
