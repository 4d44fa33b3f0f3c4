//! Remarks: what a person should know about these files, with the place and what to do.

use std::fmt;
use std::path::Path;
use std::sync::Arc;

/// The most remarks kept; a file of a million flaws needs no million sentences.
const MOST: usize = 100;

/// The longest quotation in a remark, in characters.
const LONGEST_QUOTE: usize = 80;

/// A file and the line, counted from 1, on which a rule begins.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Place {
    /// The file, as it was named to us.
    pub file: Arc<Path>,
    /// The line; for a rule over several lines the first of them.
    pub line: usize,
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.file.display(), self.line)
    }
}

/// What a flaw or an option we do not carry out does to the access of clients.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Effect {
    /// The same clients come in.
    None,
    /// Someone who was meant to come in may be refused.
    Stricter,
    /// Someone who was meant to be refused, or held tighter, may come in.
    Looser,
}

/// One thing to know about one line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Remark {
    /// Where it is.
    pub place: Place,
    /// The words it is about, without control characters and cut to a readable length; may be empty.
    pub text: String,
    /// What it does to access.
    pub effect: Effect,
    /// What is the matter, and what is done about it.
    pub what: String,
    /// What to try.
    pub advice: &'static str,
}

impl fmt::Display for Remark {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: ", self.place)?;
        if !self.text.is_empty() {
            write!(f, "\"{}\": ", self.text)?;
        }
        write!(f, "{}; {}", self.what, self.advice)
    }
}

/// Collects remarks up to a limit.
#[derive(Debug, Default)]
pub(crate) struct Remarks(Vec<Remark>);

impl Remarks {
    /// Notes one remark; the last one that fits says that there are more.
    pub(crate) fn add(
        &mut self,
        place: &Place,
        text: &[u8],
        effect: Effect,
        what: impl Into<String>,
        advice: &'static str,
    ) {
        let remark = match self.0.len() {
            0..MOST => Remark { place: place.clone(), text: quoted(text), effect, what: what.into(), advice },
            MOST => Remark {
                place: place.clone(),
                text: String::new(),
                effect: Effect::Looser,
                what: "there are more remarks than are told, from here on".into(),
                advice: "mend the lines told above and look again",
            },
            _ => return,
        };
        self.0.push(remark);
    }

    pub(crate) fn all(&self) -> &[Remark] {
        &self.0
    }
}

/// Makes octets of a file fit to be shown on a terminal or in a log.
fn quoted(text: &[u8]) -> String {
    let text = String::from_utf8_lossy(text.trim_ascii());
    let mut quoted: String = text
        .chars()
        .take(LONGEST_QUOTE)
        .map(|letter| if letter.is_control() { '?' } else { letter })
        .collect();
    if text.chars().nth(LONGEST_QUOTE).is_some() {
        quoted.push('…');
    }
    quoted
}

#[cfg(test)]
mod tests {
    use super::*;

    fn place(line: usize) -> Place {
        Place { file: Path::new("/etc/hosts.deny").into(), line }
    }

    #[test]
    fn a_remark_reads_as_place_words_matter_and_advice() {
        let mut remarks = Remarks::default();
        remarks.add(&place(3), b"nice\x1b[2J 5", Effect::None, "is passed over", "remove it");
        assert_eq!(
            remarks.all()[0].to_string(),
            "/etc/hosts.deny:3: \"nice?[2J 5\": is passed over; remove it"
        );
    }

    #[test]
    fn a_million_flaws_are_not_a_million_remarks() {
        let mut remarks = Remarks::default();
        for line in 1..=1_000_000 {
            remarks.add(&place(line), b"", Effect::None, "flaw", "mend it");
        }
        assert_eq!(remarks.all().len(), MOST + 1);
        assert!(remarks.all()[MOST].what.contains("more remarks"));
        assert_eq!(remarks.all()[MOST].place.line, MOST + 1);
    }

    #[test]
    fn a_long_line_is_quoted_in_part() {
        assert_eq!(quoted(&[b'x'; 5000]).chars().count(), LONGEST_QUOTE + 1);
    }
}
