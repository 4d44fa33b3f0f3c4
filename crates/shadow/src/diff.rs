//! The shortest way from one list of lines to another, as in a unified diff.

use crate::mask::Masked;
use crate::printable;

/// Beyond this many pairs of lines the search is given up and all lines are told as changed.
const MOST_PAIRS: usize = 4_000_000;

/// One line of a difference.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Line {
    /// Who said it.
    pub sign: Sign,
    /// What was said, safe to print.
    pub text: String,
}

/// Who said a line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sign {
    /// Both servers.
    Both,
    /// The old one only.
    Old,
    /// The new one only.
    New,
}

impl Sign {
    /// Returns the letter in the first column.
    pub fn letter(self) -> char {
        match self {
            Self::Both => ' ',
            Self::Old => '-',
            Self::New => '+',
        }
    }
}

impl std::fmt::Display for Line {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}{}", self.sign.letter(), self.text)
    }
}

/// Compares two lists of lines, octet by octet.
pub fn diff(old: &[Vec<u8>], new: &[Vec<u8>]) -> Vec<Line> {
    let plain = |lines: &[Vec<u8>]| lines.iter().map(|line| Masked::plain(line)).collect::<Vec<_>>();
    between(&plain(old), &plain(new))
}

/// Compares two lists of lines beneath their masks.
pub(crate) fn between(old: &[Masked], new: &[Masked]) -> Vec<Line> {
    let same = |pair: &(&Masked, &Masked)| pair.0.matches(pair.1);
    let head = old.iter().zip(new).take_while(same).count();
    let (first, old) = old.split_at(head);
    let new = new.get(head..).unwrap_or_default();
    let tail = old.iter().rev().zip(new.iter().rev()).take_while(same).count();
    let (old, last) = old.split_at(old.len() - tail);
    let new = new.get(..new.len() - tail).unwrap_or_default();

    let mut lines: Vec<Line> = first.iter().map(|line| told(Sign::Both, line)).collect();
    if old.len().saturating_mul(new.len()) > MOST_PAIRS {
        lines.extend(old.iter().map(|line| told(Sign::Old, line)));
        lines.extend(new.iter().map(|line| told(Sign::New, line)));
    } else {
        middle(old, new, &mut lines);
    }
    lines.extend(last.iter().map(|line| told(Sign::Both, line)));
    lines
}

/// The part in which something differs: the longest common subsequence, by the table of its lengths.
fn middle(mut old: &[Masked], mut new: &[Masked], lines: &mut Vec<Line>) {
    let width = new.len() + 1;
    let mut lengths = vec![0_u32; (old.len() + 1) * width];
    let at = |lengths: &[u32], row: usize, column: usize| {
        lengths.get(row * width + column).copied().unwrap_or_default()
    };
    for (row, one) in old.iter().enumerate().rev() {
        for (column, two) in new.iter().enumerate().rev() {
            let length = if one.matches(two) {
                at(&lengths, row + 1, column + 1) + 1
            } else {
                at(&lengths, row + 1, column).max(at(&lengths, row, column + 1))
            };
            if let Some(place) = lengths.get_mut(row * width + column) {
                *place = length;
            }
        }
    }
    let (mut row, mut column) = (0, 0);
    loop {
        match (old.split_first(), new.split_first()) {
            (Some((one, old_rest)), Some((two, new_rest))) if one.matches(two) => {
                lines.push(told(Sign::Both, one));
                (old, new, row, column) = (old_rest, new_rest, row + 1, column + 1);
            }
            (Some((one, rest)), other)
                if other.is_none() || at(&lengths, row + 1, column) >= at(&lengths, row, column + 1) =>
            {
                lines.push(told(Sign::Old, one));
                (old, row) = (rest, row + 1);
            }
            (_, Some((two, rest))) => {
                lines.push(told(Sign::New, two));
                (new, column) = (rest, column + 1);
            }
            (Some(_), None) | (None, None) => return,
        }
    }
}

fn told(sign: Sign, line: &Masked) -> Line {
    Line { sign, text: printable(&line.heard) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(old: &str, new: &str) -> String {
        let lines = |text: &str| text.split(' ').map(|word| word.as_bytes().to_vec()).collect::<Vec<_>>();
        diff(&lines(old), &lines(new)).iter().map(ToString::to_string).collect::<Vec<_>>().join(",")
    }

    #[test]
    fn only_what_differs_is_signed() {
        assert_eq!(shown("a b c d", "a x c d"), " a,-b,+x, c, d");
        assert_eq!(shown("a b c", "a b c"), " a, b, c");
        assert_eq!(shown("a b", "b c"), "-a, b,+c");
        assert_eq!(shown("a", "b c"), "-a,+b,+c");
    }

    #[test]
    fn an_empty_list_differs_in_everything() {
        assert_eq!(diff(&[], &[b"a".to_vec()]), [Line { sign: Sign::New, text: "a".into() }]);
        assert_eq!(diff(&[b"a".to_vec()], &[]), [Line { sign: Sign::Old, text: "a".into() }]);
        assert_eq!(diff(&[], &[]), []);
    }

    #[test]
    fn control_characters_are_written_as_escapes() {
        assert_eq!(diff(&[], &[b"\x1b[2J".to_vec()])[0].to_string(), "+\\u{1b}[2J");
    }
}
