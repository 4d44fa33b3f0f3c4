//! What the formats have in common: words and their places, numbers, months, years of two digits.

use super::{Moment, Precision};
use crate::ftp::listing::date::Civil;

/// A word of a line and where it ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Word<'a> {
    pub(super) text: &'a [u8],
    /// The first octet behind it.
    pub(super) end: usize,
}

/// Splits a line at blanks and tabs into at most `most` words.
pub(super) fn words(line: &[u8], most: usize) -> Vec<Word<'_>> {
    let mut words = Vec::with_capacity(most.min(16));
    let mut place = 0;
    while words.len() < most {
        let rest = line.get(place..).unwrap_or_default();
        let Some(blanks) = rest.iter().position(|octet| !is_blank(*octet)) else { break };
        let word = rest.get(blanks..).unwrap_or_default();
        let length = word.iter().position(|octet| is_blank(*octet)).unwrap_or(word.len());
        place += blanks + length;
        words.push(Word { text: word.get(..length).unwrap_or_default(), end: place });
    }
    words
}

pub(super) fn is_blank(octet: u8) -> bool {
    matches!(octet, b' ' | b'\t')
}

/// What stands behind a word and the one blank that follows it; further blanks belong to the name.
pub(super) fn behind<'a>(line: &'a [u8], word: &Word<'_>) -> &'a [u8] {
    line.get(word.end + 1..).unwrap_or_default()
}

/// What stands behind a word, without the blanks before it.
pub(super) fn behind_blanks<'a>(line: &'a [u8], word: &Word<'_>) -> &'a [u8] {
    let rest = line.get(word.end..).unwrap_or_default();
    let blanks = rest.iter().position(|octet| !is_blank(*octet)).unwrap_or(rest.len());
    rest.get(blanks..).unwrap_or_default()
}

/// Reads a number that is nothing but digits.
pub(super) fn number(text: &[u8]) -> Option<u64> {
    if text.is_empty() || !text.iter().all(u8::is_ascii_digit) {
        return None;
    }
    std::str::from_utf8(text).ok()?.parse().ok()
}

/// Reads a number with commas between groups of digits, as some servers print sizes.
pub(super) fn grouped(text: &[u8]) -> Option<u64> {
    let digits: Vec<u8> = text.iter().copied().filter(|octet| *octet != b',').collect();
    if text.first() == Some(&b',') { None } else { number(&digits) }
}

/// Reads a small number between two bounds.
pub(super) fn within(text: &[u8], low: u8, high: u8) -> Option<u8> {
    number(text).and_then(|read| u8::try_from(read).ok()).filter(|read| (low..=high).contains(read))
}

/// Reads an English month, `Nov` or `NOV`; a dot behind it does no harm.
pub(super) fn month(text: &[u8]) -> Option<u8> {
    const MONTHS: [&[u8; 3]; 12] =
        [b"jan", b"feb", b"mar", b"apr", b"may", b"jun", b"jul", b"aug", b"sep", b"oct", b"nov", b"dec"];
    let text = text.strip_suffix(b".").unwrap_or(text);
    (1..).zip(MONTHS).find(|(_, month)| text.eq_ignore_ascii_case(*month)).map(|(number, _)| number)
}

/// A year of four digits, or of two: 70 and more are the twentieth century's.
pub(super) fn year(text: &[u8]) -> Option<i64> {
    let year = i64::try_from(number(text)?).ok()?;
    match text.len() {
        4 => Some(year),
        2 => Some(if year < 70 { 2000 + year } else { 1900 + year }),
        _ => None,
    }
}

/// A time of day: hour, minute, second, and whether the second was told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Clock {
    hour: u8,
    minute: u8,
    second: Option<u8>,
}

/// Reads `07:15`, `7:15:59` and `07:15:59.25`, with `AM`, `PM`, `a` or `p` behind.
pub(super) fn clock(text: &[u8]) -> Option<Clock> {
    let letters = text.iter().position(u8::is_ascii_alphabetic).unwrap_or(text.len());
    let (digits, half) = text.split_at_checked(letters)?;
    let mut fields = digits.splitn(3, |octet| *octet == b':');
    let hour = within(fields.next()?, 0, 23)?;
    let minute = fields.next().filter(|field| field.len() == 2).and_then(|field| within(field, 0, 59))?;
    let second = match fields.next() {
        None => None,
        Some(field) => Some(within(field.split(|octet| *octet == b'.').next()?, 0, 60)?.min(59)),
    };
    let hour = match half.first().map(u8::to_ascii_uppercase) {
        None => hour,
        Some(b'A') if (1..=12).contains(&hour) => hour % 12,
        Some(b'P') if (1..=12).contains(&hour) => hour % 12 + 12,
        Some(_) => return None,
    };
    Some(Clock { hour, minute, second })
}

/// Puts a day and a time of day together; `None` when the calendar has no such day.
pub(super) fn moment(year: i64, month: u8, day: u8, clock: Option<Clock>) -> Option<Moment> {
    let (hour, minute, second) =
        clock.map_or((0, 0, 0), |clock| (clock.hour, clock.minute, clock.second.unwrap_or(0)));
    let civil = Civil { year, month, day, hour, minute, second };
    let seconds = civil.seconds();
    let precision = match clock {
        None => Precision::Day,
        Some(Clock { second: None, .. }) => Precision::Minute,
        Some(_) => Precision::Second,
    };
    (Civil::of(seconds) == civil).then_some(Moment { seconds, precision, is_utc: false })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_word_knows_where_it_ends_and_blanks_behind_it_can_be_kept() {
        let line = b"  one\ttwo  three  x";
        let words = words(line, 3);
        assert_eq!(words.iter().map(|word| word.text).collect::<Vec<_>>(), [&b"one"[..], b"two", b"three"]);
        assert_eq!(behind(line, &words[2]), b" x");
        assert_eq!(behind_blanks(line, &words[2]), b"x");
    }

    #[test]
    fn clocks_of_both_kinds_are_read_and_impossible_ones_are_not() {
        let hour = |text: &str| clock(text.as_bytes()).map(|clock| (clock.hour, clock.minute));
        assert_eq!(hour("07:15"), Some((7, 15)));
        assert_eq!(hour("12:00AM"), Some((0, 0)));
        assert_eq!(hour("12:05pm"), Some((12, 5)));
        assert_eq!(hour("02:40PM"), Some((14, 40)));
        assert_eq!(hour("23:59:60"), Some((23, 59)));
        for bad in ["24:00", "7:5", "13:00PM", "0:10AM", "1", "12:00XM", ""] {
            assert_eq!(hour(bad), None, "{bad}");
        }
    }

    #[test]
    fn a_day_that_no_calendar_has_is_no_moment() {
        assert!(moment(2026, 2, 29, None).is_none());
        assert!(moment(2024, 2, 29, None).is_some());
        assert!(moment(2026, 13, 1, None).is_none());
    }

    #[test]
    fn two_digits_of_a_year_are_read_as_servers_mean_them() {
        assert_eq!(year(b"99"), Some(1999));
        assert_eq!(year(b"26"), Some(2026));
        assert_eq!(year(b"2026"), Some(2026));
        assert_eq!(year(b"126"), None);
    }
}
