//! Times as they stand in replies and listings, for the mask `time`.

const MONTHS: &[u8] = b"JanFebMarAprMayJunJulAugSepOctNovDec";

/// A moment, to the minute. Listings tell no year, so gaps are counted around one year.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Stamp(u64);

const YEAR: u64 = 12 * 31 * 24 * 60;

impl Stamp {
    /// Takes every time out of a line; returns the line with marks in their places, and the times.
    pub(crate) fn taken_from(line: &[u8]) -> (Vec<u8>, Vec<Self>) {
        let (mut text, mut stamps) = (Vec::new(), Vec::new());
        let mut rest = line;
        let mut before = b' ';
        while let Some(octet) = rest.first().copied() {
            // A time begins a word; the facts of MLSx write it after an equals sign.
            let begins = !before.is_ascii_alphanumeric();
            match of_listing(rest).or_else(|| of_fact(rest)).filter(|_| begins) {
                Some((stamp, length)) => {
                    text.extend_from_slice(b"TIME");
                    stamps.push(stamp);
                    rest = rest.get(length..).unwrap_or_default();
                    before = b'E';
                }
                None => {
                    text.push(octet);
                    before = octet;
                    rest = rest.get(1..).unwrap_or_default();
                }
            }
        }
        (text, stamps)
    }

    /// Returns how many minutes lie between two times.
    pub(crate) fn gap(self, other: Self) -> u64 {
        let gap = self.0.abs_diff(other.0);
        gap.min(YEAR.saturating_sub(gap))
    }
}

/// `Nov 05 13:59`, and how long it is.
fn of_listing(text: &[u8]) -> Option<(Stamp, usize)> {
    let month = text.get(..3)?;
    let month = MONTHS.chunks(3).position(|name| name == month)?;
    let (day, hour, minute) =
        (number(text.get(4..6)?)?, number(text.get(7..9)?)?, number(text.get(10..12)?)?);
    let ends = text.get(12).is_none_or(|octet| !octet.is_ascii_alphanumeric());
    let shaped = text.get(3) == Some(&b' ') && text.get(6) == Some(&b' ') && text.get(9) == Some(&b':');
    (shaped && ends).then(|| (Stamp(minutes(month as u64, day, hour, minute)), 12))
}

/// `20261105135900`, and how long it is.
fn of_fact(text: &[u8]) -> Option<(Stamp, usize)> {
    let digits = text.get(..14)?;
    number(digits)?;
    let part = |from: usize| number(digits.get(from..from + 2)?);
    let ends = text.get(14).is_none_or(|octet| !octet.is_ascii_alphanumeric());
    let (month, day) = (part(4)?.checked_sub(1)?, part(6)?);
    ends.then_some((Stamp(minutes(month, day, part(8)?, part(10)?)), 14))
}

fn minutes(month: u64, day: u64, hour: u64, minute: u64) -> u64 {
    ((month * 31 + day) * 24 + hour) * 60 + minute
}

fn number(digits: &[u8]) -> Option<u64> {
    digits.iter().all(u8::is_ascii_digit).then(|| std::str::from_utf8(digits).ok()?.parse().ok())?
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_in_a_listing_is_found_and_a_year_is_not() {
        let (text, stamps) = Stamp::taken_from(b"-rw 1 ftp 3 Nov 25 13:59 Nov 2");
        assert_eq!((text.as_slice(), stamps.len()), (&b"-rw 1 ftp 3 TIME Nov 2"[..], 1));
        assert_eq!(Stamp::taken_from(b"x Feb 03  2020 a").1, []);
    }

    #[test]
    fn both_forms_tell_the_same_moment() {
        let listed = Stamp::taken_from(b"Nov 25 13:59").1;
        let fact = Stamp::taken_from(b"modify=20261125135901; a").1;
        assert_eq!(listed, fact);
    }

    #[test]
    fn the_turn_of_the_year_is_a_short_gap() {
        let (old, new) = (Stamp::taken_from(b"Dec 31 23:59").1, Stamp::taken_from(b"Jan 01 00:01").1);
        assert_eq!(old[0].gap(new[0]), 2);
    }

    #[test]
    fn longer_numbers_are_no_times() {
        assert_eq!(Stamp::taken_from(b"213 202611251359011").1, []);
        assert_eq!(Stamp::taken_from(b"x20261125135901").1, []);
    }
}
