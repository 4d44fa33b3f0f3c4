//! Tasks: hashes, copies, joins, whole trees. Each is done in pieces, so that one thread serves others in between.
//!
//! A task ends by writing one [`Finished`] into its pipe. When nobody reads the pipe any more, because the command was
//! broken off or its session is gone, the task ends and what it had made so far is removed again.

mod copy;
mod hash;
mod join;
mod octets;
mod part;
mod remembered;
mod tree;

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::pipe::{PipeFlags, pipe_with};
use wharf_ipc::broker::encode_finished;
use wharf_proto::failure::Failure;
use wharf_proto::path::VirtualPath;
use wharf_proto::store::{Finished, Part, Task};

use crate::failure;
use crate::listing::Progress;
use crate::local::Local;

/// A task on its way.
#[derive(Debug)]
pub struct Running {
    pipe: OwnedFd,
    kind: Kind,
}

#[derive(Debug)]
enum Kind {
    Hash(hash::Hash),
    Copy(copy::Copy),
    Join(join::Join),
    Remove(tree::Removal),
    Measure(tree::Measure),
    Part(part::Sending),
    /// What is left is to say so.
    Over(Finished),
}

/// A task and the end its reader needs.
#[derive(Debug)]
pub struct Begun {
    /// The pipe's reading end, non-blocking.
    pub reader: OwnedFd,
    /// What goes on.
    pub running: Running,
}

impl Running {
    /// Opens what a task needs and asks whether it is allowed; nothing is changed yet but that a target is made.
    ///
    /// # Errors
    /// What the kernel or a rule says against it, and [`Failure::TooMany`] without a free descriptor.
    pub fn begin(local: &Local, task: Task) -> Result<Begun, Failure> {
        let kind = match task {
            Task::Hash { path, algorithm, part } => match hash::Hash::begin(local, &path, algorithm, part)? {
                hash::Begun::Known(finished) => Kind::Over(finished),
                hash::Begun::Hash(hash) => Kind::Hash(hash),
            },
            Task::Copy { from, to, umask } => Kind::Copy(copy::Copy::begin(local, &from, &to, umask)?),
            Task::Join { whole, parts, umask } => Kind::Join(join::Join::begin(local, &whole, parts, umask)?),
            Task::RemoveTree(path) => Kind::Remove(tree::Removal::begin(local, &path)?),
            Task::Measure(path) => Kind::Measure(tree::Measure::begin(local, &path)?),
        };
        Self::with_pipe(kind)
    }

    /// Opens a part of a file to be sent; its size comes along.
    ///
    /// # Errors
    /// As [`Self::begin`].
    pub fn send_part(local: &Local, path: &VirtualPath, part: Part) -> Result<(Begun, u64), Failure> {
        let (sending, size) = part::Sending::begin(local, path, part)?;
        Ok((Self::with_pipe(Kind::Part(sending))?, size))
    }

    fn with_pipe(kind: Kind) -> Result<Begun, Failure> {
        let (reader, pipe) = pipe_with(PipeFlags::CLOEXEC | PipeFlags::NONBLOCK).map_err(failure::of)?;
        Ok(Begun { reader, running: Self { pipe, kind } })
    }

    /// Does some work: about as much as moving `octets` costs, and never less than a little.
    pub fn step(&mut self, local: &Local, octets: usize) -> Progress {
        if self.is_left_alone() {
            return Progress::Done;
        }
        let worked = match &mut self.kind {
            Kind::Hash(hash) => hash.step(local, octets),
            Kind::Copy(copy) => copy.step(octets),
            Kind::Join(join) => join.step(local, octets),
            Kind::Remove(removal) => removal.step(local, octets),
            Kind::Measure(measure) => measure.step(local, octets),
            Kind::Part(sending) => return sending.step(&self.pipe, octets),
            Kind::Over(finished) => Ok(Some(finished.clone())),
        };
        let finished = match worked {
            Ok(None) => return Progress::More,
            Ok(Some(finished)) => finished,
            Err(failure) => Finished::Failed(failure),
        };
        // It is the pipe's first and last word, and a pipe takes that much at once.
        let _ = rustix::io::write(&self.pipe, &encode_finished(&finished));
        Progress::Done
    }

    /// Tells whether nobody reads the pipe any more.
    fn is_left_alone(&self) -> bool {
        let mut pipe = [PollFd::new(&self.pipe, PollFlags::OUT)];
        let at_once = Timespec { tv_sec: 0, tv_nsec: 0 };
        poll(&mut pipe, Some(&at_once)).is_ok()
            && pipe.iter().any(|pipe| pipe.revents().contains(PollFlags::ERR))
    }
}

impl AsFd for Running {
    /// The pipe's writing end, to be watched for room.
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.pipe.as_fd()
    }
}
