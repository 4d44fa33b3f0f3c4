//! What may differ between two good servers, each under a name.

use crate::times::Stamp;
use crate::variables::replaced;

/// The widest gap between two times that the mask `time` takes for the same.
const WINDOW_MINUTES: u64 = 10;

/// A difference that is not looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Mask {
    /// Addresses and ports in the replies 227 and 229. Always on: they belong to one connection.
    Addresses,
    /// Times less than ten minutes apart, in reply 213 and in listings.
    Time,
    /// The number of clients in the reply to `STAT`.
    Count,
    /// The number of octets in 150 and in the reply to `STAT` during a transfer.
    Progress,
    /// Whatever follows the reply code, and how many lines a reply has.
    Text,
}

impl Mask {
    /// Every mask, in the order of their names' appearance in manuals.
    pub const ALL: [Self; 5] = [Self::Addresses, Self::Time, Self::Count, Self::Progress, Self::Text];

    /// Returns the name by which scripts switch it on and output lists it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Addresses => "addresses",
            Self::Time => "time",
            Self::Count => "count",
            Self::Progress => "progress",
            Self::Text => "text",
        }
    }

    /// Returns the mask with this name.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|mask| mask.name() == name)
    }
}

/// One line as it was heard, and as it is compared.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Masked {
    /// What is shown.
    pub(crate) heard: Vec<u8>,
    compared: Vec<u8>,
    times: Vec<Stamp>,
    /// Which masks changed something.
    pub(crate) by: Vec<Mask>,
}

impl Masked {
    /// Puts masks over a line of a reply.
    pub(crate) fn reply(line: &[u8], masks: &[Mask]) -> Self {
        let mut masked = Self::plain(line);
        for mask in masks {
            let before = masked.compared.clone();
            masked.compared = match mask {
                Mask::Addresses => without_address(&before),
                Mask::Time => masked.without_times(),
                Mask::Count => number_after(&before, b"client count was "),
                Mask::Progress => before_octets(&before),
                Mask::Text => before.get(..3).unwrap_or(&before).to_vec(),
            };
            if masked.compared != before {
                masked.by.push(*mask);
            }
            if matches!(mask, Mask::Addresses | Mask::Progress) {
                // Two numbers that are not compared would only draw the eye.
                masked.heard.clone_from(&masked.compared);
            }
        }
        masked
    }

    /// Puts masks over a line of a listing or file.
    pub(crate) fn data(line: &[u8], masks: &[Mask]) -> Self {
        let mut masked = Self::plain(line);
        if masks.contains(&Mask::Time) {
            masked.compared = masked.without_times();
            if masked.compared != line {
                masked.by.push(Mask::Time);
            }
        }
        masked
    }

    /// Takes a line as it is.
    pub(crate) fn plain(line: &[u8]) -> Self {
        Self { heard: line.to_vec(), compared: line.to_vec(), times: Vec::new(), by: Vec::new() }
    }

    /// Returns whether two lines are the same beneath their masks.
    pub(crate) fn matches(&self, other: &Self) -> bool {
        self.compared == other.compared
            && self.times.len() == other.times.len()
            && self.times.iter().zip(&other.times).all(|(one, two)| one.gap(*two) <= WINDOW_MINUTES)
    }

    fn without_times(&mut self) -> Vec<u8> {
        let (text, times) = Stamp::taken_from(&self.compared);
        self.times = times;
        text
    }
}

fn without_address(line: &[u8]) -> Vec<u8> {
    let (open, close) = match line.get(..3) {
        Some(b"227" | b"229") => (b'(', b')'),
        _ => return line.to_vec(),
    };
    let start = line.iter().position(|octet| *octet == open);
    let end = line.iter().rposition(|octet| *octet == close);
    match (start, end) {
        (Some(start), Some(end)) if start < end => {
            let inside = line.get(start + 1..end).unwrap_or_default();
            let inside = inside.iter().map(|octet| if octet.is_ascii_digit() { b'N' } else { *octet });
            let mut inside: Vec<u8> = inside.collect();
            // 80 and 8 are both one number.
            inside.dedup_by(|one, two| *one == b'N' && *two == b'N');
            [line.get(..=start).unwrap_or_default(), &inside, line.get(end..).unwrap_or_default()].concat()
        }
        _ => line.to_vec(),
    }
}

fn number_after(line: &[u8], words: &[u8]) -> Vec<u8> {
    let Some(start) = line.windows(words.len()).position(|window| window == words) else {
        return line.to_vec();
    };
    let (before, rest) = line.split_at(start + words.len());
    let digits = rest.iter().take_while(|octet| octet.is_ascii_digit()).count();
    [before, b"N", rest.get(digits..).unwrap_or_default()].concat()
}

/// Masks the number before the word "bytes" or "octets".
fn before_octets(line: &[u8]) -> Vec<u8> {
    let mut words: Vec<&[u8]> = line.split(|octet| *octet == b' ').collect();
    for at in 1..words.len() {
        let unit = words.get(at).is_some_and(|word| {
            [&b"bytes"[..], b"octets"].iter().any(|unit| word.to_ascii_lowercase().starts_with(unit))
        });
        if !unit {
            continue;
        }
        mask_number(&mut words, at - 1);
        // `5 of 9 bytes`: so far, and in all.
        if at >= 3 && words.get(at - 2) == Some(&&b"of"[..]) {
            mask_number(&mut words, at - 3);
        }
    }
    words.join(&b' ')
}

fn mask_number(words: &mut [&[u8]], at: usize) {
    let Some(word) = words.get_mut(at) else { return };
    let digits = word.strip_prefix(b"(").unwrap_or(word);
    if !digits.is_empty() && digits.iter().all(u8::is_ascii_digit) {
        *word = if word.starts_with(b"(") { b"(N" } else { b"N" };
    }
}

/// Hides secrets in what was heard.
pub(crate) fn without_secrets(heard: &[u8], secrets: &[Vec<u8>]) -> Vec<u8> {
    secrets.iter().fold(heard.to_vec(), |text, secret| replaced(&text, secret, b"***"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn same(one: &str, two: &str, masks: &[Mask]) -> bool {
        Masked::reply(one.as_bytes(), masks).matches(&Masked::reply(two.as_bytes(), masks))
    }

    #[test]
    fn addresses_differ_in_numbers_only() {
        let masks = [Mask::Addresses];
        let one = "227 Entering Passive Mode (127,0,0,1,82,189).";
        assert!(same(one, "227 Entering Passive Mode (127,0,0,1,8,1).", &masks));
        assert!(!same(one, "227 Entering Passive Mode (127,0,0,1,8,1)", &masks));
        assert!(!same(one, "227 Entering Passive Mode (127,0,0,1,8).", &masks));
        assert!(same("229 x (|||5|)", "229 x (|||60000|)", &masks));
        assert!(!same("229 x (|||5|)", "229 x (|1||5|)", &masks));
        assert!(!same("150 x (5 bytes)", "150 x (6 bytes)", &masks));
    }

    #[test]
    fn counts_and_progress_are_masked_when_told_so() {
        let (one, two) =
            ("     At session startup, client count was 1", "     At session startup, client count was 27");
        assert!(same(one, two, &[Mask::Count]) && !same(one, two, &[]));
        let (one, two) = ("150 Opening x (5 bytes).", "150 Opening x (77 bytes).");
        assert!(same(one, two, &[Mask::Progress]) && !same(one, two, &[]));
        let (one, two) =
            ("213 Status: 5 of 99 bytes transferred.", "213 Status: 77 of 99 bytes transferred.");
        assert!(same(one, two, &[Mask::Progress]) && !same(one, two, &[]));
    }

    #[test]
    fn with_texts_masked_only_the_code_counts() {
        assert!(same("550 no", "550 never", &[Mask::Text]));
        assert!(!same("550 no", "553 no", &[Mask::Text]));
    }

    #[test]
    fn every_mask_is_found_by_its_name() {
        assert!(Mask::ALL.into_iter().all(|mask| Mask::named(mask.name()) == Some(mask)));
        assert_eq!(Mask::named("everything"), None);
    }

    #[test]
    fn times_are_the_same_within_the_window_only() {
        let masks = [Mask::Time];
        assert!(same("213 20261125135959", "213 20261125140101", &masks));
        assert!(!same("213 20261125135959", "213 20261125150101", &masks));
        assert!(!same("213 20261125135959", "213 20261125135959 x", &masks));
    }
}
