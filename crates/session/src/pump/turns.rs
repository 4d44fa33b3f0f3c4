//! Turns: how much transfers move before the control connections have theirs, and who of them is next.
//!
//! A fast peer never makes its transfer wait, so without turns one transfer would keep the event loop for as long as it
//! lasts, and everybody else's NOOP with it. Pieces are as large with a thousand transfers as with one, because large
//! pieces are what makes them cheap: how long a NOOP waits depends on the round, not on how many transfers run.

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::rc::Rc;
use std::task::{Context, Poll, Waker};

/// What all transfers of a worker move between two looks at the network: about half a millisecond's work.
const ROUND: usize = 4 * 1024 * 1024;

/// The most that is moved in one turn, and what a pipe holds: it makes one trip into TCP where `sendfile` makes sixteen.
pub(super) const PIECE: usize = 1024 * 1024;

/// So many transfers may each keep a pipe while their clients are slow.
const FEW: usize = 4;

/// Transfers that were granted less than this have every other turn: most files and listings are small.
const SHORT: usize = PIECE;

/// The transfers of a worker.
#[derive(Debug, Default)]
pub(crate) struct Turns(Rc<Shared>);

#[derive(Debug, Default)]
struct Shared {
    /// Which round it is.
    round: Cell<u64>,
    /// What is left of it.
    left: Cell<usize>,
    /// How many transfers there are.
    running: Cell<usize>,
    waiting: RefCell<Waiting>,
    /// Whether somebody is about to begin the next round.
    has_usher: Cell<bool>,
}

/// Who waits for the next round.
#[derive(Debug, Default)]
struct Waiting {
    short: VecDeque<Rc<Place>>,
    long: VecDeque<Rc<Place>>,
    was_short: bool,
}

/// Where a transfer waits.
#[derive(Debug, Default)]
struct Place {
    state: Cell<State>,
    waker: RefCell<Option<Waker>>,
    /// What its turn will take of the round.
    cost: Cell<usize>,
}

#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
enum State {
    /// It moves octets, or waits for something else.
    #[default]
    Away,
    Waiting,
    /// Its turn has come. Nobody waits until it is used: its session may be busy with a peer who does not listen.
    Granted,
}

/// One of the transfers.
#[derive(Debug)]
pub(super) struct Turn<'a> {
    turns: &'a Turns,
    place: Rc<Place>,
    weight: usize,
    /// How much it was granted so far.
    granted: Cell<usize>,
    /// In which round it was last.
    last: Cell<u64>,
}

impl Turns {
    /// A transfer begins whose octets each cost as much as `weight` of those that are only passed on.
    pub(super) fn begin(&self, weight: usize) -> Turn<'_> {
        self.0.running.set(self.0.running.get() + 1);
        Turn { turns: self, place: Rc::default(), weight, granted: Cell::new(0), last: Cell::new(0) }
    }
}

impl Shared {
    /// Lets those who wait go, a round at a time, and looks at the network before each.
    async fn usher(self: Rc<Self>) {
        loop {
            tokio::task::yield_now().await;
            self.left.set(ROUND);
            self.round.set(self.round.get() + 1);
            while self.left.get() > 0 {
                let Some(place) = self.waiting.borrow_mut().pop() else {
                    self.has_usher.set(false);
                    return;
                };
                self.pay(place.cost.get());
                place.state.set(State::Granted);
                if let Some(waker) = place.waker.take() {
                    waker.wake();
                }
            }
        }
    }

    /// Tells whether somebody may go without waiting: nobody is before him, and he was not in this round yet.
    fn admits(&self, last: u64) -> bool {
        let is_fair = last != self.round.get() || self.running.get() == 1;
        is_fair && self.left.get() > 0 && self.waiting.borrow().is_empty()
    }

    fn pay(&self, cost: usize) {
        self.left.set(self.left.get().saturating_sub(cost));
    }
}

impl Waiting {
    fn is_empty(&self) -> bool {
        self.short.is_empty() && self.long.is_empty()
    }

    fn push(&mut self, place: Rc<Place>, is_short: bool) {
        let lane = if is_short { &mut self.short } else { &mut self.long };
        lane.push_back(place);
    }

    /// Takes out who has waited longest, from the two lanes by turns; who gave up has left its place behind.
    fn pop(&mut self) -> Option<Rc<Place>> {
        loop {
            self.was_short = !self.was_short;
            let (first, second) = if self.was_short {
                (&mut self.short, &mut self.long)
            } else {
                (&mut self.long, &mut self.short)
            };
            let place = first.pop_front().or_else(|| second.pop_front())?;
            if place.state.get() == State::Waiting {
                return Some(place);
            }
        }
    }
}

impl Turn<'_> {
    /// Waits for this transfer's next turn, and tells how much of `most` it may move then.
    ///
    /// Between two rounds the event loop has looked at the network. May be dropped while it waits.
    pub(super) async fn next(&self, most: usize) -> usize {
        let piece = most.min(PIECE);
        self.place.cost.set(piece.saturating_mul(self.weight));
        let waits = Waits(self);
        std::future::poll_fn(|context| waits.poll(context)).await;
        self.granted.set(self.granted.get().saturating_add(piece));
        self.last.set(self.turns.0.round.get());
        piece
    }

    /// Tells whether so few transfers run that each may keep a pipe.
    pub(super) fn are_few(&self) -> bool {
        self.turns.0.running.get() <= FEW
    }

    /// Tells that so much of what was granted last was not moved: others may have it in the same round.
    pub(super) fn give_back(&self, octets: usize) {
        let left = &self.turns.0.left;
        left.set(left.get().saturating_add(octets.saturating_mul(self.weight)).min(ROUND));
    }
}

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        self.turns.0.running.set(self.turns.0.running.get().saturating_sub(1));
    }
}

/// A transfer that waits; dropping it gives the place up.
struct Waits<'a>(&'a Turn<'a>);

impl Waits<'_> {
    fn poll(&self, context: &Context<'_>) -> Poll<()> {
        let Turn { turns: Turns(shared), place, granted, last, .. } = self.0;
        match place.state.get() {
            State::Granted => return Poll::Ready(()),
            State::Away if shared.admits(last.get()) => {
                shared.pay(place.cost.get());
                return Poll::Ready(());
            }
            State::Away => {
                place.state.set(State::Waiting);
                shared.waiting.borrow_mut().push(Rc::clone(place), granted.get() < SHORT);
                if !shared.has_usher.replace(true) {
                    tokio::task::spawn_local(Rc::clone(shared).usher());
                }
            }
            State::Waiting => {}
        }
        place.waker.replace(Some(context.waker().clone()));
        Poll::Pending
    }
}

impl Drop for Waits<'_> {
    fn drop(&mut self) {
        self.0.place.state.set(State::Away);
    }
}

#[cfg(test)]
mod tests;
