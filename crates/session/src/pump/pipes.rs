//! Pipes that transfers borrow: making one costs more than a small transfer.

use std::cell::RefCell;
use std::io;

use wharf_os::pump::Pipe;

/// A pipe of this size makes one trip into TCP where `sendfile` makes sixteen (see `docs/benchmarks/`).
const WANTED: usize = 1024 * 1024;

/// How many empty pipes are kept. Each may hold 1 MiB of the allowance an ordinary user has (64 MiB by default).
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

    /// Lends a pipe; it must come back only when it is empty.
    pub(super) fn borrow(&self) -> io::Result<Pipe> {
        #[cfg(test)]
        if self.none {
            return Err(io::ErrorKind::Other.into());
        }
        match self.kept.borrow_mut().pop() {
            Some(pipe) => Ok(pipe),
            None => Pipe::new(WANTED),
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
