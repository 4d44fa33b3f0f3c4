//! Names of one directory, kept close together: what a listing remembers of entries it has yet to write.
//!
//! They are put in order a run at a time, and the runs are merged while names are taken, so that no step takes long
//! however many names there are.

use std::cmp::Ordering;
use std::ffi::CStr;

use wharf_proto::entry::Kind;

/// How many names are sorted at once: a fraction of a millisecond.
const RUN: usize = 2048;
/// Octets of names that can be held; what stands beyond is out of reach of a [`Name`].
const MOST_OCTETS: usize = u32::MAX as usize;

/// In which order names are taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Order {
    /// The newest first, equal times as they came; otherwise in byte order.
    pub(super) by_time: bool,
    /// The other way round.
    pub(super) reverse: bool,
}

/// Many names in one allocation, with a time each where the order needs it.
#[derive(Debug, Default)]
pub(super) struct Names {
    /// Each name with a NUL behind it, as system calls want it.
    octets: Vec<u8>,
    entries: Vec<Name>,
    order: Order,
    /// How many octets all names begin with alike.
    shared: usize,
    /// How many entries stand in a run.
    arranged: usize,
    /// What is not taken yet: a heap, the run whose turn it is first.
    runs: Vec<Run>,
}

#[derive(Debug, Clone, Copy)]
struct Name {
    /// What is compared first: a time, or octets of the name behind what is shared.
    key: u64,
    start: u32,
    length: u16,
    kind: Kind,
}

/// Entries in order, from `next` to before `end`.
#[derive(Debug, Clone, Copy)]
struct Run {
    next: usize,
    end: usize,
}

impl Names {
    pub(super) fn in_order(order: Order) -> Self {
        Self { order, ..Self::default() }
    }

    /// Adds a name; `modified` is of use only where the order is by time.
    pub(super) fn push(&mut self, name: &CStr, kind: Kind, modified: i64) {
        let start = u32::try_from(self.octets.len());
        let (Ok(start), Ok(length)) = (start, u16::try_from(name.count_bytes())) else { return };
        self.shared = match self.entries.first() {
            None => name.count_bytes(),
            Some(first) => common(self.octets_of(*first), name.to_bytes(), self.shared),
        };
        self.entries.push(Name { key: newest_first(modified), start, length, kind });
        self.octets.extend_from_slice(name.to_bytes_with_nul());
    }

    pub(super) fn len(&self) -> usize {
        self.entries.len()
    }

    /// Tells whether another name might find no room.
    pub(super) fn is_full(&self) -> bool {
        self.octets.len() > MOST_OCTETS - 1024
    }

    /// Lets names be taken as they came.
    pub(super) fn leave_unordered(&mut self) {
        self.runs = vec![Run { next: 0, end: self.entries.len() }];
        self.arranged = self.entries.len();
    }

    /// Puts some more names in order, and tells how many; zero when all are.
    pub(super) fn arrange_some(&mut self) -> usize {
        let (next, end) = (self.arranged, self.entries.len().min(self.arranged + RUN));
        if next == end {
            return 0;
        }
        let mut entries = std::mem::take(&mut self.entries);
        let run = entries.get_mut(next..end).unwrap_or_default();
        if !self.order.by_time {
            for name in &mut *run {
                name.key = leading(self.octets_of(*name).get(self.shared..).unwrap_or_default());
            }
        }
        run.sort_unstable_by(|one, other| self.compare(one, other));
        self.entries = entries;
        self.arranged = end;
        self.runs.push(Run { next, end });
        self.rise(self.runs.len() - 1);
        end - next
    }

    /// Takes the next name; `None` when there is none left, and then all are forgotten.
    pub(super) fn next(&mut self) -> Option<(&CStr, Kind)> {
        let Some(first) = self.runs.first_mut() else {
            *self = Self::in_order(self.order);
            return None;
        };
        let index = first.next;
        first.next += 1;
        if first.next >= first.end {
            self.runs.swap_remove(0);
        }
        self.sink();
        let name = *self.entries.get(index)?;
        let start = name.start as usize;
        let octets = self.octets.get(start..=start + usize::from(name.length))?;
        Some((CStr::from_bytes_with_nul(octets).ok()?, name.kind))
    }

    fn octets_of(&self, name: Name) -> &[u8] {
        let start = name.start as usize;
        self.octets.get(start..start + usize::from(name.length)).unwrap_or_default()
    }

    fn compare(&self, one: &Name, other: &Name) -> Ordering {
        let told = one.key.cmp(&other.key).then_with(|| {
            if self.order.by_time {
                one.start.cmp(&other.start)
            } else {
                self.octets_of(*one).cmp(self.octets_of(*other))
            }
        });
        if self.order.reverse { told.reverse() } else { told }
    }

    /// Tells whether the run at one place of the heap has its turn before that at another; no run comes last.
    fn is_before(&self, one: usize, other: usize) -> bool {
        let head = |place: usize| self.runs.get(place).and_then(|run| self.entries.get(run.next));
        match (head(one), head(other)) {
            (Some(one), Some(other)) => self.compare(one, other) == Ordering::Less,
            (one, _) => one.is_some(),
        }
    }

    /// Brings a run that was added at the heap's foot to its place.
    fn rise(&mut self, mut place: usize) {
        while place > 0 && self.is_before(place, (place - 1) / 2) {
            self.runs.swap(place, (place - 1) / 2);
            place = (place - 1) / 2;
        }
    }

    /// Brings the run at the heap's top to its place.
    fn sink(&mut self) {
        let mut place = 0;
        loop {
            let (left, right) = (2 * place + 1, 2 * place + 2);
            let below = if self.is_before(right, left) { right } else { left };
            if !self.is_before(below, place) {
                return;
            }
            self.runs.swap(place, below);
            place = below;
        }
    }
}

/// How many octets two names begin with alike, of those that matter.
fn common(one: &[u8], other: &[u8], most: usize) -> usize {
    one.iter().zip(other).take(most).take_while(|(one, other)| one == other).count()
}

/// The first eight octets as a number that is ordered as they are; a name's end comes before every octet, for no name
/// holds a NUL.
fn leading(octets: &[u8]) -> u64 {
    if let Some(first) = octets.first_chunk() {
        return u64::from_be_bytes(*first);
    }
    let mut first = [0; 8];
    first.iter_mut().zip(octets).for_each(|(place, &octet)| *place = octet);
    u64::from_be_bytes(first)
}

/// A number that is smaller the later a time is.
fn newest_first(modified: i64) -> u64 {
    !(modified.cast_unsigned() ^ (1 << 63))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::ffi::CString;

    const BY_TIME: Order = Order { by_time: true, reverse: false };
    const BY_NAME: Order = Order { by_time: false, reverse: false };

    fn names(order: Order, all: &[(String, i64)]) -> Names {
        let mut names = Names::in_order(order);
        for (name, modified) in all {
            names.push(&CString::new(name.as_str()).unwrap(), Kind::File, *modified);
        }
        names
    }

    fn drained(mut names: Names) -> Vec<String> {
        while names.arrange_some() > 0 {}
        std::iter::from_fn(|| names.next().map(|(name, _)| name.to_str().unwrap().to_owned())).collect()
    }

    fn four() -> Vec<(String, i64)> {
        [("b", 5), (".", 9), ("-dash", 5), ("A", 7)].map(|(name, time)| (name.to_owned(), time)).into()
    }

    #[test]
    fn byte_order_puts_a_dash_before_the_full_stop_and_capitals_first() {
        assert_eq!(drained(names(BY_NAME, &four())), ["-dash", ".", "A", "b"]);
        let reverse = Order { reverse: true, ..BY_NAME };
        assert_eq!(drained(names(reverse, &four())), ["b", "A", ".", "-dash"]);
    }

    #[test]
    fn the_newest_comes_first_and_equal_times_keep_their_order() {
        assert_eq!(drained(names(BY_TIME, &four())), [".", "A", "b", "-dash"]);
        let turned = Order { reverse: true, ..BY_TIME };
        assert_eq!(drained(names(turned, &four())), ["-dash", "b", "A", "."]);
        let around = [("then", i64::MIN), ("before", -1), ("after", 0), ("last", i64::MAX)];
        let around = around.map(|(name, time)| (name.to_owned(), time));
        assert_eq!(drained(names(BY_TIME, &around)), ["last", "after", "before", "then"]);
    }

    #[test]
    fn many_runs_are_merged_into_one_order_whatever_names_begin_with() {
        for shape in ["", "alike-", "a very long beginning that all of them have "] {
            // A number that shares no factor with the count leads through all of them, out of order.
            let count = 5 * RUN + 77;
            let all: Vec<(String, i64)> = (0..count)
                .map(|number| number * 7919 % count)
                .map(|number| (format!("{shape}{number:o}{}", "x".repeat(number % 11)), (number / 3) as i64))
                .collect();
            let mut expected: Vec<String> = all.iter().map(|(name, _)| name.clone()).collect();
            expected.sort_unstable();
            assert_eq!(drained(names(BY_NAME, &all)), expected);
            expected.reverse();
            assert_eq!(drained(names(Order { reverse: true, ..BY_NAME }, &all)), expected);
            let mut by_time = all.clone();
            by_time.sort_by_key(|(_, time)| std::cmp::Reverse(*time));
            let mut expected: Vec<String> = by_time.into_iter().map(|(name, _)| name).collect();
            assert_eq!(drained(names(BY_TIME, &all)), expected);
            expected.reverse();
            assert_eq!(drained(names(Order { reverse: true, ..BY_TIME }, &all)), expected);
        }
    }

    #[test]
    fn names_left_as_they_came_are_taken_so_and_then_forgotten() {
        let mut names = names(BY_NAME, &four());
        names.leave_unordered();
        let mut taken = Vec::new();
        while let Some((name, kind)) = names.next() {
            assert_eq!(kind, Kind::File);
            taken.push(name.to_str().unwrap().to_owned());
        }
        assert_eq!(taken, ["b", ".", "-dash", "A"]);
        assert_eq!((names.len(), names.octets.capacity()), (0, 0));
    }
}
