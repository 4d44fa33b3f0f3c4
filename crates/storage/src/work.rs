//! What goes on after an answer, in pieces: listings, and tasks that take as long as files are large.
//!
//! Each piece of work holds the writing end of a pipe, and whoever reads the other end can break it off by closing
//! it. The broker's loop gives every piece its turn; this file only tells the two kinds apart.

use std::os::fd::{AsFd, BorrowedFd};

use crate::listing::{Job, Progress};
use crate::local::Local;
use crate::task::Running;

/// Something that is not over yet.
#[derive(Debug)]
pub enum Work {
    /// A listing that is written into its pipe.
    Listing(Box<Job>),
    /// A task whose end its pipe tells, or a part of a file that is sent through it.
    Task(Box<Running>),
}

impl Work {
    /// Does a little of it: what looking at `entries` names costs, or what moving `octets` does.
    pub fn step(&mut self, local: &mut Local, entries: usize, octets: usize) -> Progress {
        match self {
            Self::Listing(job) => job.step(local, entries),
            Self::Task(running) => running.step(local, octets),
        }
    }

    /// Tells whether it may go on for as long as a file is large.
    #[must_use]
    pub fn is_task(&self) -> bool {
        matches!(self, Self::Task(_))
    }
}

impl AsFd for Work {
    fn as_fd(&self) -> BorrowedFd<'_> {
        match self {
            Self::Listing(job) => job.as_fd(),
            Self::Task(running) => running.as_fd(),
        }
    }
}
