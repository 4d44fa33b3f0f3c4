//! Pipes that transfers borrow: making one costs more than a small transfer.

use std::cell::RefCell;
use std::io;

use wharf_os::pump::Pipe;

/// A pipe of this size makes one trip into TCP where `sendfile` makes sixteen (see `docs/benchmarks/`).
const WANTED: usize = 1024 * 1024;

/// A smaller pipe is slower than the one that `sendfile` has hidden.
const WORTH_IT: usize = 64 * 1024;

/// How many empty pipes are kept. Each may hold 1 MiB of the allowance an ordinary user has for the pipes of all
/// processes (64 MiB by default). When it is used up the kernel gives pipes of one page.
const KEPT: usize = 16;

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

    /// Lends a pipe for pieces of this size; it must come back only when it is empty.
    ///
    /// # Errors
    /// When none is to be had that would be worth it.
    pub(super) fn borrow(&self, piece: usize) -> io::Result<Pipe> {
        #[cfg(test)]
        if self.none {
            return Err(io::ErrorKind::Other.into());
        }
        match self.kept.borrow_mut().pop() {
            Some(pipe) => Ok(pipe),
            // Where many transfers run, pieces are small, and larger pipes would only use the allowance up.
            None => match Pipe::new(piece.min(WANTED))? {
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
