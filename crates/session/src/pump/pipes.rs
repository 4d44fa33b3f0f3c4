//! Pipes that transfers borrow: making one costs more than a small transfer.

use std::cell::RefCell;
use std::io;

use wharf_os::pump::Pipe;

use super::turns::PIECE;

/// A smaller pipe is slower than the one that `sendfile` has hidden.
const WORTH_IT: usize = 64 * 1024;

/// How many empty pipes are kept. Where many transfers run, each has one only while it moves octets; the others are for
/// those that wait for a disk. Each takes 1 MiB of the allowance an ordinary user has for the pipes of all processes
/// (64 MiB by default). When it is used up the kernel gives pipes of one page.
const KEPT: usize = 4;

/// The pipes of one worker.
#[derive(Default)]
pub(crate) struct Pipes {
    kept: RefCell<Vec<Pipe>>,
    /// Behaves as a process that may have no pipes.
    #[cfg(test)]
    none: bool,
}

impl Pipes {
    /// The pipes of a process that may have none.
    #[cfg(test)]
    pub(super) fn none() -> Self {
        Self { none: true, ..Self::default() }
    }

    /// Lends a pipe; it must come back only when it is empty.
    ///
    /// # Errors
    /// When none is to be had that would be worth it.
    pub(super) fn borrow(&self) -> io::Result<Pipe> {
        #[cfg(test)]
        if self.none {
            return Err(io::ErrorKind::Other.into());
        }
        match self.kept.borrow_mut().pop() {
            Some(pipe) => Ok(pipe),
            None => match Pipe::new(PIECE)? {
                pipe if pipe.capacity < WORTH_IT => Err(io::ErrorKind::QuotaExceeded.into()),
                pipe => Ok(pipe),
            },
        }
    }

    /// Takes an empty pipe back. One that may still hold octets is dropped by its borrower instead.
    pub(super) fn give_back(&self, pipe: Pipe) {
        let mut kept = self.kept.borrow_mut();
        if kept.len() < KEPT {
            kept.push(pipe);
        }
    }
}
