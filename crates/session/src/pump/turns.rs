//! Turns: how much one transfer moves before the others, and the control connections, have theirs.
//!
//! A fast peer never makes its transfer wait, so without turns one transfer would keep the event loop for as long as it
//! lasts, and everybody else's NOOP with it.

use std::cell::Cell;

/// What all transfers of a worker move between two looks at the network: about half a millisecond's work.
const ROUND: usize = 4 * 1024 * 1024;

/// The smallest piece; with smaller ones the calls would count.
const SMALLEST: usize = 128 * 1024;

/// A page, which pieces are whole numbers of.
const PAGE: usize = 4096;

/// The transfers that run.
#[derive(Debug, Default)]
pub(crate) struct Turns(Cell<usize>);

/// One of them; it counts until it is dropped.
#[derive(Debug)]
pub(super) struct Turn<'a> {
    turns: &'a Turns,
    has_moved: Cell<bool>,
}

impl Turns {
    /// A transfer begins.
    pub(super) fn begin(&self) -> Turn<'_> {
        self.0.set(self.0.get() + 1);
        Turn { turns: self, has_moved: Cell::new(false) }
    }
}

impl Turn<'_> {
    /// Waits for this transfer's next turn, and tells how much of `most` it may move then.
    ///
    /// Between two turns the event loop has looked at the network.
    pub(super) async fn next(&self, most: usize) -> usize {
        if self.has_moved.replace(true) {
            tokio::task::yield_now().await;
        }
        most.min(self.fair())
    }

    /// How much one transfer may move in its turn at the moment.
    pub(super) fn fair(&self) -> usize {
        let fair = ROUND / self.turns.0.get().max(1);
        fair.max(SMALLEST) & !(PAGE - 1)
    }
}

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        self.turns.0.set(self.turns.0.get().saturating_sub(1));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn on_the_loop<T>(test: impl Future<Output = T>) -> T {
        tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(test)
    }

    #[test]
    fn the_more_transfers_run_the_smaller_are_their_pieces() {
        on_the_loop(async {
            let turns = Turns::default();
            let alone = turns.begin();
            assert_eq!(alone.next(usize::MAX).await, ROUND);
            assert_eq!(alone.next(1000).await, 1000);
            let others: Vec<_> = (0..7).map(|_| turns.begin()).collect();
            assert_eq!(alone.next(usize::MAX).await, ROUND / 8);
            let more: Vec<_> = (0..1000).map(|_| turns.begin()).collect();
            assert_eq!(alone.next(usize::MAX).await, SMALLEST);
            drop((others, more));
            assert_eq!(alone.next(usize::MAX).await, ROUND);
        });
    }

    #[test]
    fn between_two_turns_the_event_loop_looks_at_the_network() {
        use std::io::Write;
        use tokio::io::AsyncReadExt;

        on_the_loop(async {
            let (mut peer, ours) = std::os::unix::net::UnixStream::pair().unwrap();
            ours.set_nonblocking(true).unwrap();
            let mut ours = tokio::net::UnixStream::from_std(ours).unwrap();
            let turns = Turns::default();
            let transfer = async {
                let turn = turns.begin();
                turn.next(1).await;
                peer.write_all(b"NOOP").unwrap();
                // A transfer that is always ready: it would never let go by itself.
                for _ in 0..3 {
                    turn.next(1).await;
                }
                "transfer"
            };
            let hearing = async {
                ours.read_exact(&mut [0; 4]).await.unwrap();
                "heard"
            };
            let first = tokio::select! { biased; done = transfer => done, done = hearing => done };
            assert_eq!(first, "heard");
        });
    }
}
