//! A part of a file, sent through a pipe: who reads it needs no position and no end.

use std::os::fd::OwnedFd;

use rustix::io::Errno;
use rustix::pipe::{SpliceFlags, splice};
use wharf_proto::failure::Failure;
use wharf_proto::path::VirtualPath;
use wharf_proto::store::Part;

use crate::listing::Progress;
use crate::local::Local;

/// A part being sent.
#[derive(Debug)]
pub(super) struct Sending {
    file: OwnedFd,
    at: u64,
    end: u64,
}

impl Sending {
    pub(super) fn begin(local: &Local, path: &VirtualPath, part: Part) -> Result<(Self, u64), Failure> {
        let (file, size) = local.open_read(path)?;
        let end = part.end.min(size);
        if part.start > end {
            return Err(Failure::WrongKind);
        }
        Ok((Self { file, at: part.start, end }, end - part.start))
    }

    /// A file that ends early ends the pipe early, which its reader sees by the count.
    pub(super) fn step(&mut self, pipe: &OwnedFd, octets: usize) -> Progress {
        let left = usize::try_from(self.end - self.at).unwrap_or(usize::MAX);
        if left == 0 {
            return Progress::Done;
        }
        match splice(
            &self.file,
            Some(&mut self.at),
            pipe,
            None,
            left.min(octets.max(1)),
            SpliceFlags::NONBLOCK,
        ) {
            Ok(0) => Progress::Done,
            Ok(_) | Err(Errno::INTR) => Progress::More,
            Err(Errno::AGAIN) => Progress::Blocked,
            Err(_) => Progress::Done,
        }
    }
}
