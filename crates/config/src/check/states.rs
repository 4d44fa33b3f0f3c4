//! Options that are set and not carried out, or that have no meaning here.
//!
//! Most are only told. One is an error, because going on without it would expose more than was asked for.

use super::line;
use crate::problem::Problem;
use crate::table::{Row, State, rows};
use crate::{Config, Kind, Severity};

/// Lists them, one problem for each option that is away from its default.
pub(super) fn problems(config: &Config) -> Vec<Problem> {
    let default = Config::default();
    let is_changed = |row: &&Row| row.value(config) != row.value(&default);
    rows().filter(is_changed).filter_map(|row| problem(config, row)).collect()
}

fn problem(config: &Config, row: &Row) -> Option<Problem> {
    let problem = match row.state {
        State::Done => return None,
        // Turning off what is missing asks for nothing.
        State::NotYet(_) if row.kind == Kind::Bool && row.value(config) == "NO" => return None,
        State::NotYet(what) => dangerous(row).unwrap_or_else(|| not_yet(row, what)),
        State::Pointless(reason) => Problem::note(format!("{} has no meaning here: {reason}", row.name)),
    };
    Some(problem.quote(line(config, row.name)))
}

fn not_yet(row: &Row, what: &str) -> Problem {
    // Without ssl_enable=YES, which is an error, these do nothing in vsftpd either.
    let severity = if row.chapter == "tls" { Severity::Note } else { Severity::Warning };
    Problem::new(severity, format!("{} is accepted but not carried out yet: {what}", row.name))
}

// Security: each default is the harmless value, so a value away from it asks for the missing thing.
fn dangerous(row: &Row) -> Option<Problem> {
    let (message, suggestion) = match row.name {
        "ssl_enable" => (
            "encryption (FTPS) is not carried out yet; starting anyway would send in clear what you want encrypted",
            "set ssl_enable=NO if passwords and files may cross this network in clear; otherwise keep your present server",
        ),
        _ => return None,
    };
    Some(Problem::error(message).suggest(suggestion))
}

#[cfg(test)]
mod tests {
    use super::super::tests::{errors, notes, warnings};

    #[test]
    fn what_changes_who_gets_in_is_an_error() {
        assert!(errors("ssl_enable=YES")[0].contains("in clear"));
    }

    #[test]
    fn what_is_missing_is_listed() {
        assert!(warnings("session_support=YES").is_empty(), "it is carried out");
        assert!(notes("ssl_ciphers=HIGH").iter().any(|note| note.contains("FTPS")));
    }

    #[test]
    fn what_has_no_meaning_is_told_with_its_reason() {
        assert!(
            notes("use_sendfile=NO").iter().any(|note| note.contains("has no meaning here: the fast way"))
        );
    }
}
