//! Sessions that wait for a passive port, because their peer's other sessions hold them all.
//!
//! One who asks later is not served earlier, unless its ports are others. A session has one wish, so there are never
//! more of them than sessions; beyond [`LIMIT`] it is better to be told at once.

use std::collections::VecDeque;
use std::net::IpAddr;
use std::ops::RangeInclusive;
use std::time::Instant;

use wharf_ipc::SessionId;

/// How many sessions may wait. A pass over all of them takes less than a millisecond.
const LIMIT: usize = 4096;

/// What a session asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Asked {
    pub(super) session: SessionId,
    /// The session's own number for it.
    pub(super) number: u32,
    pub(super) anyone: bool,
    pub(super) may_share: bool,
}

/// Whose turn depends on whose: sessions of one peer whose ports are the same.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Line {
    pub(super) peer: IpAddr,
    pub(super) range: RangeInclusive<u16>,
}

#[derive(Debug)]
struct Waiting {
    asked: Asked,
    line: Line,
    until: Instant,
}

/// Those who wait, in the order in which they asked.
#[derive(Debug, Default)]
pub(super) struct Queue(VecDeque<Waiting>);

impl Queue {
    /// Takes a wish in; `false` when too many wait already.
    pub(super) fn push(&mut self, asked: Asked, line: Line, until: Instant) -> bool {
        let has_room = self.0.len() < LIMIT;
        if has_room {
            self.0.push_back(Waiting { asked, line, until });
        }
        has_room
    }

    /// Tells whether somebody waits in this line.
    pub(super) fn is_waited_in(&self, line: &Line) -> bool {
        self.0.iter().any(|waiting| waiting.line == *line)
    }

    /// Forgets a session's wish.
    pub(super) fn forget(&mut self, session: SessionId) {
        self.0.retain(|waiting| waiting.asked.session != session);
    }

    /// Takes out whose time is over.
    pub(super) fn expire(&mut self, now: Instant) -> Vec<Asked> {
        self.take_where(|waiting| waiting.until <= now)
    }

    /// Offers a port to the first of each line and, as long as they are served, to those behind.
    pub(super) fn serve(&mut self, mut is_served: impl FnMut(&Asked) -> bool) {
        let mut stuck: Vec<Line> = Vec::new();
        self.take_where(|waiting| {
            if stuck.contains(&waiting.line) {
                return false;
            }
            let served = is_served(&waiting.asked);
            if !served {
                stuck.push(waiting.line.clone());
            }
            served
        });
    }

    /// Tells when [`Self::expire`] has something to do.
    pub(super) fn deadline(&self) -> Option<Instant> {
        self.0.iter().map(|waiting| waiting.until).min()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    fn take_where(&mut self, mut is_wanted: impl FnMut(&Waiting) -> bool) -> Vec<Asked> {
        let mut taken = Vec::new();
        self.0.retain(|waiting| {
            let wanted = is_wanted(waiting);
            if wanted {
                taken.push(waiting.asked);
            }
            !wanted
        });
        taken
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    fn asked(session: u64) -> Asked {
        Asked { session: SessionId(session), number: 1, anyone: false, may_share: false }
    }

    fn line(peer: u8, port: u16) -> Line {
        Line { peer: IpAddr::from([192, 0, 2, peer]), range: port..=port }
    }

    fn queue(entries: &[(u64, Line)]) -> Queue {
        let mut queue = Queue::default();
        let now = Instant::now();
        for (at, (session, line)) in entries.iter().enumerate() {
            assert!(queue.push(asked(*session), line.clone(), now + Duration::from_secs(at as u64)));
        }
        queue
    }

    #[test]
    fn nobody_is_served_before_one_who_asked_earlier_in_the_same_line() {
        let mut queue =
            queue(&[(1, line(1, 5000)), (2, line(1, 5000)), (3, line(2, 5000)), (4, line(1, 6000))]);
        let mut offered = Vec::new();
        queue.serve(|asked| {
            offered.push(asked.session.0);
            asked.session.0 != 1
        });
        assert_eq!(offered, [1, 3, 4], "2 stands behind 1");
        assert!(queue.is_waited_in(&line(1, 5000)) && !queue.is_waited_in(&line(2, 5000)));
        offered.clear();
        queue.serve(|asked| {
            offered.push(asked.session.0);
            true
        });
        assert_eq!(offered, [1, 2]);
        assert!(queue.is_empty());
    }

    #[test]
    fn time_ends_the_waiting_of_each() {
        let mut queue = queue(&[(1, line(1, 5000)), (2, line(1, 5000)), (3, line(1, 5000))]);
        let first = queue.deadline().unwrap();
        queue.forget(SessionId(3));
        assert_eq!(queue.expire(first), [asked(1)]);
        assert_eq!(queue.deadline(), Some(first + Duration::from_secs(1)));
        assert_eq!(queue.expire(first + Duration::from_secs(9)), [asked(2)]);
        assert!(queue.deadline().is_none());
    }

    #[test]
    fn the_queue_has_an_end() {
        let mut queue = Queue::default();
        let until = Instant::now();
        let taken = (0..5000).filter(|session| queue.push(asked(*session), line(1, 5000), until)).count();
        assert_eq!(taken, LIMIT);
    }
}
