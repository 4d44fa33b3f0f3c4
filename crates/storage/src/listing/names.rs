//! Names of one directory, kept close together: what a listing remembers of entries it has yet to write.

use std::cmp::Reverse;

/// Many names in one allocation, with a time each where the order needs it.
#[derive(Debug, Default)]
pub(super) struct Names {
    octets: Vec<u8>,
    entries: Vec<Name>,
    next: usize,
}

#[derive(Debug)]
struct Name {
    start: usize,
    length: u16,
    modified: i64,
}

impl Names {
    pub(super) fn push(&mut self, name: &[u8], modified: i64) {
        // A longer name than Linux has cannot be.
        let Ok(length) = u16::try_from(name.len()) else { return };
        self.entries.push(Name { start: self.octets.len(), length, modified });
        self.octets.extend_from_slice(name);
    }

    pub(super) fn len(&self) -> usize {
        self.entries.len()
    }

    /// Puts names in byte order, or the newest first; equal times keep their order. `reverse` turns all around.
    pub(super) fn sort(&mut self, by_time: bool, reverse: bool) {
        let octets = &self.octets;
        if by_time {
            self.entries.sort_by_key(|entry| Reverse(entry.modified));
        } else {
            self.entries.sort_unstable_by(|one, other| text(octets, one).cmp(text(octets, other)));
        }
        if reverse {
            self.entries.reverse();
        }
    }

    /// Copies the next name out, or forgets all of them when there is none left.
    pub(super) fn take_next(&mut self, name: &mut Vec<u8>) -> bool {
        let Some(entry) = self.entries.get(self.next) else {
            self.octets.clear();
            self.entries.clear();
            self.next = 0;
            return false;
        };
        self.next += 1;
        name.clear();
        name.extend_from_slice(text(&self.octets, entry));
        true
    }
}

fn text<'a>(octets: &'a [u8], entry: &Name) -> &'a [u8] {
    octets.get(entry.start..entry.start + usize::from(entry.length)).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn drained(mut names: Names) -> Vec<String> {
        let (mut all, mut name) = (Vec::new(), Vec::new());
        while names.take_next(&mut name) {
            all.push(String::from_utf8(name.clone()).unwrap());
        }
        all
    }

    fn four() -> Names {
        let mut names = Names::default();
        for (name, modified) in [("b", 5), (".", 9), ("-dash", 5), ("A", 7)] {
            names.push(name.as_bytes(), modified);
        }
        names
    }

    #[test]
    fn byte_order_puts_a_dash_before_the_full_stop_and_capitals_first() {
        let mut names = four();
        names.sort(false, false);
        assert_eq!(drained(names), ["-dash", ".", "A", "b"]);
        let mut names = four();
        names.sort(false, true);
        assert_eq!(drained(names), ["b", "A", ".", "-dash"]);
    }

    #[test]
    fn the_newest_comes_first_and_equal_times_keep_their_order() {
        let mut names = four();
        names.sort(true, false);
        assert_eq!(drained(names), [".", "A", "b", "-dash"]);
    }
}
