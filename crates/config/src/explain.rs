//! The manual text of one option, for a terminal.

use crate::problem::printable;
use crate::table::{Effect, Relation, Row, Scope, State, row};

/// The widest line.
const WIDTH: usize = 80;

/// Explains an option: manual text, type, default, where it may stand, when a change bites.
///
/// Knows other spellings too. `None` when there is no such option; [`crate::nearest`] may know which
/// one was meant.
pub fn explain(name: &str) -> Option<String> {
    let row = row(name.trim().as_bytes())?;
    let mut text = format!("{}\n\n", row.name);
    for paragraph in row.paragraphs() {
        text.push_str(&wrap(&paragraph.replace('`', ""), "    "));
        text.push('\n');
    }
    for (label, fact) in facts(row) {
        let first = format!("    {label:<15}");
        let rest = wrap(&fact, "                   ");
        text.push_str(&first);
        text.push_str(rest.trim_start());
    }
    Some(text)
}

/// Lists what is true of an option besides its manual text, each fact with its label.
pub(crate) fn facts(row: &Row) -> Vec<(&'static str, String)> {
    let mut facts = vec![
        ("Type", row.kind.to_string()),
        ("Default", default(row)),
        ("Per-user file", scope(row).to_owned()),
        ("Changes", effect(row).to_owned()),
        ("vsftpd", relation(row)),
    ];
    facts.extend(state(row).map(|state| ("State", state)));
    if !row.aliases.is_empty() {
        facts.push(("Also written", row.aliases.join(", ")));
    }
    facts
}

/// Writes the default value for people.
pub(crate) fn default(row: &Row) -> String {
    let value = row.default_value();
    if value.is_empty() { "(not set)".to_owned() } else { printable(&value) }
}

fn scope(row: &Row) -> &'static str {
    match row.scope {
        Scope::Main => "no effect there",
        Scope::User => "has an effect there",
    }
}

fn effect(row: &Row) -> &'static str {
    match row.effect {
        Effect::NextSession => "bite for new connections after a reload",
        Effect::Reload => "bite at a reload",
        Effect::Restart => "bite at a restart only",
    }
}

fn relation(row: &Row) -> String {
    match row.relation {
        Relation::Same => "the same".to_owned(),
        Relation::Better(why) => format!("the same, and {why}"),
        Relation::Own => "does not know it".to_owned(),
    }
}

/// Tells when an option has no meaning here.
pub(crate) fn state(row: &Row) -> Option<String> {
    match row.state {
        State::Done => None,
        State::Pointless(reason) => Some(format!("accepted, without meaning: {reason}")),
    }
}

/// Breaks text into lines that fit behind an indent; ends with a line end.
pub(crate) fn wrap(text: &str, indent: &str) -> String {
    let mut wrapped = String::new();
    let mut line = String::new();
    for word in text.split_whitespace() {
        let needed = indent.len() + line.chars().count() + 1 + word.chars().count();
        if !line.is_empty() && needed > WIDTH {
            wrapped.push_str(&format!("{indent}{line}\n"));
            line.clear();
        }
        if !line.is_empty() {
            line.push(' ');
        }
        line.push_str(word);
    }
    wrapped.push_str(&format!("{indent}{line}\n"));
    wrapped
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rows;

    #[test]
    fn an_option_is_explained_with_its_facts() {
        let text = explain("local_umask").unwrap();
        for piece in ["Type           octal number", "077", "Per-user file  has an effect there", "decimal"] {
            assert!(text.contains(piece), "{piece} in {text}");
        }
    }

    #[test]
    fn other_spellings_are_explained_too() {
        assert!(explain("ssl_tlsv12").unwrap().starts_with("ssl_tlsv1_2\n"));
        assert_eq!(explain("no_such_option"), None);
    }

    #[test]
    fn what_has_no_meaning_is_said() {
        assert!(explain("use_sendfile").unwrap().contains("without meaning"));
    }

    #[test]
    fn every_explanation_fits_the_terminal() {
        for row in rows() {
            let text = explain(row.name).unwrap();
            let longest = text.lines().map(|line| line.chars().count()).max().unwrap();
            assert!(longest <= WIDTH, "{text}");
        }
    }
}
