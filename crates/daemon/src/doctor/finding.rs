//! What is found, in the order in which it was looked for; for a person, and as JSON.

use std::fmt;

use serde_json::{Value, json};

/// How a thing stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum State {
    /// As it should be.
    Good,
    /// Worth knowing; nothing is in the way.
    Note,
    /// It could not be found out.
    Unclear,
    /// Clients are in trouble.
    Trouble,
}

impl State {
    fn word(self) -> &'static str {
        match self {
            Self::Good => "good",
            Self::Note => "note",
            Self::Unclear => "unclear",
            Self::Trouble => "trouble",
        }
    }
}

/// One thing that was looked at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Finding {
    pub(super) state: State,
    /// What it is about; the same word for machines in every run.
    pub(super) subject: &'static str,
    pub(super) sentence: String,
    /// The one line that mends it.
    pub(super) cure: Option<String>,
}

/// Everything that was found.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Findings(pub(super) Vec<Finding>);

impl Findings {
    pub(super) fn add(&mut self, state: State, subject: &'static str, sentence: impl Into<String>) {
        self.0.push(Finding { state, subject, sentence: plain(&sentence.into()), cure: None });
    }

    /// As [`Self::add`], with the line that mends it.
    pub(super) fn add_with_cure(
        &mut self,
        state: State,
        subject: &'static str,
        sentence: impl Into<String>,
        cure: impl Into<String>,
    ) {
        let cure = Some(plain(&cure.into()));
        self.0.push(Finding { state, subject, sentence: plain(&sentence.into()), cure });
    }

    pub(super) fn has_trouble(&self) -> bool {
        self.0.iter().any(|finding| finding.state == State::Trouble)
    }

    pub(super) fn to_json(&self) -> Value {
        let findings: Vec<Value> = self
            .0
            .iter()
            .map(|finding| {
                json!({
                    "state": finding.state.word(),
                    "subject": finding.subject,
                    "sentence": finding.sentence,
                    "cure": finding.cure,
                })
            })
            .collect();
        json!({ "trouble": self.has_trouble(), "findings": findings })
    }
}

impl fmt::Display for Findings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for finding in &self.0 {
            writeln!(f, "{:<8} {:<10} {}", finding.state.word(), finding.subject, finding.sentence)?;
            if let Some(cure) = &finding.cure {
                writeln!(f, "{:<19} = help: {cure}", "")?;
            }
        }
        let count = self.0.iter().filter(|finding| finding.state == State::Trouble).count();
        match count {
            0 => writeln!(f, "Nothing was found in the way."),
            1 => writeln!(f, "One thing is in the way."),
            count => writeln!(f, "{count} things are in the way."),
        }
    }
}

/// What other machines say is shown without control characters: it must not move a terminal's cursor.
fn plain(text: &str) -> String {
    text.chars().map(|character| if character.is_control() { ' ' } else { character }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_trouble_is_shown_with_its_cure_and_counted() {
        let mut findings = Findings::default();
        findings.add(State::Good, "told", "all is well");
        assert!(!findings.has_trouble());
        findings.add_with_cure(State::Trouble, "firewall", "closed\x1b[2J", "open it");
        let text = findings.to_string();
        assert!(text.contains("trouble  firewall   closed [2J\n"), "{text}");
        assert!(text.contains("= help: open it\nOne thing is in the way.\n"), "{text}");
        let json = findings.to_json();
        assert_eq!(json["trouble"], true);
        assert_eq!(json["findings"][1]["cure"], "open it");
    }
}
