//! What a comparison amounts to: same, better as a document says, or different.

use wharf_shadow::{Line, Sign, compare, diff, printable};

use crate::rows::{Reference, Row};
use crate::site::Played;
use crate::stage::Stage;

/// The verdict on a row, best first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Verdict {
    /// No octet differs.
    Same,
    /// What differs is exactly what a document says and explains.
    Better,
    /// Anything else.
    Different,
}

impl Verdict {
    /// Returns the word for it.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Same => "same",
            Self::Better => "better",
            Self::Different => "different",
        }
    }

    /// Returns the verdict with this name.
    pub(crate) fn named(name: &str) -> Option<Self> {
        [Self::Same, Self::Better, Self::Different].into_iter().find(|verdict| verdict.name() == name)
    }
}

/// A judged row.
#[derive(Debug)]
pub(crate) struct Outcome {
    pub(crate) name: String,
    pub(crate) verdict: Verdict,
    /// What differs: lines that begin with `-` for the original, `+` for ours, and `@` for what was said.
    pub(crate) lines: Vec<String>,
    /// Where a difference is explained.
    pub(crate) better: Vec<Reference>,
    /// Expectations that did not come true.
    pub(crate) is_stale: bool,
}

/// Judges a row by what both servers did, or why they did not start.
pub(crate) fn row(
    row: &Row,
    stage: &Stage,
    old: Result<&Played, &str>,
    new: Result<&Played, &str>,
) -> Outcome {
    let lines = match (old, new) {
        (Ok(old), Ok(new)) => differences(old, new),
        (old, new) => {
            let told = |one: Result<&Played, &str>| printable(one.err().unwrap_or("starts").as_bytes());
            match (told(old), told(new)) {
                (old, new) if old == new => Vec::new(),
                (old, new) => vec![format!("-({old})"), format!("+({new})")],
            }
        }
    };
    let lines: Vec<String> = lines.iter().map(|line| stage.named(line)).collect();
    let signed = lines.iter().filter(|line| line.starts_with(['-', '+']));
    let verdict = if lines.is_empty() {
        Verdict::Same
    } else if !row.better.is_empty() && signed.eq(&row.expected) {
        Verdict::Better
    } else {
        Verdict::Different
    };
    let is_stale = !row.better.is_empty() && verdict != Verdict::Better;
    Outcome { name: row.name.clone(), verdict, lines, better: row.better.clone(), is_stale }
}

fn differences(old: &Played, new: &Played) -> Vec<String> {
    let mut lines = Vec::new();
    for step in compare(&old.dialogue, &new.dialogue).differences {
        let steady = |line: String| if is_by_chance(&line) { format!("-{GONE}") } else { line };
        let mut answers: Vec<String> = signed(&step.lines).map(steady).collect();
        if answers == [format!("-{GONE}"), format!("+{GONE}")] {
            answers.clear();
        }
        if !answers.is_empty() {
            lines.push(format!("@ {}", step.said));
            lines.extend(answers);
        }
    }
    lines.extend(signed(&diff(&old.also, &new.also)));
    lines
}

/// What is heard of a server that has ended the connection.
const GONE: &str = "(the server closed the connection)";

/// Returns whether the original says a line at some times and not at others: when one process of a session ends
/// with a reason, the others complain of its end, if they get that far before they are ended themselves.
fn is_by_chance(line: &str) -> bool {
    let complaints = ["priv_sock_get_cmd", "priv_sock_get_result", "priv_sock_get_int", "child died"];
    line.strip_prefix("-500 OOPS: ").is_some_and(|text| complaints.iter().any(|one| one.starts_with(text)))
}

fn signed(lines: &[Line]) -> impl Iterator<Item = String> {
    lines.iter().filter(|line| line.sign != Sign::Both).map(ToString::to_string)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn complaints_about_the_end_of_another_process_are_by_chance_and_reasons_are_not() {
        assert!(is_by_chance("-500 OOPS: priv_sock_get_cmd") && is_by_chance("-500 OOPS: "));
        assert!(!is_by_chance("-500 OOPS: cannot change directory:/x"));
        assert!(!is_by_chance("+500 OOPS: child died"));
    }

    #[test]
    fn a_verdict_is_found_by_its_name_and_the_best_comes_first() {
        assert_eq!(Verdict::named("better"), Some(Verdict::Better));
        assert_eq!(Verdict::named("good"), None);
        assert!(Verdict::Same < Verdict::Better && Verdict::Better < Verdict::Different);
    }
}
