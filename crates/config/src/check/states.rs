//! Options that are set and have no meaning here.
//!
//! They are told, and change nothing else.

use super::line;
use crate::problem::Problem;
use crate::table::{Row, State, rows};
use crate::{Config, Kind};

/// Lists them, one problem for each option that is away from its default.
pub(super) fn problems(config: &Config) -> Vec<Problem> {
    let default = Config::default();
    let is_changed = |row: &&Row| row.value(config) != row.value(&default);
    rows().filter(is_changed).filter_map(|row| problem(config, row)).collect()
}

fn problem(config: &Config, row: &Row) -> Option<Problem> {
    let problem = match row.state {
        State::Done => return None,
        State::Pointless(reason) => {
            let message = format!("{} has no meaning here: {reason}", row.name);
            // Old clients that an old version of TLS was permitted for are served no longer.
            let shuts_out = row.chapter == "tls" && row.kind == Kind::Bool && config.tls.ssl_enable;
            if shuts_out { Problem::warning(message) } else { Problem::note(message) }
        }
    };
    Some(problem.quote(line(config, row.name)))
}

#[cfg(test)]
mod tests {
    use super::super::tests::{notes, warnings};

    #[test]
    fn what_is_carried_out_is_not_listed() {
        assert!(warnings("session_support=YES").is_empty());
    }

    #[test]
    fn what_has_no_meaning_is_told_with_its_reason() {
        assert!(
            notes("use_sendfile=NO").iter().any(|note| note.contains("has no meaning here: the fast way"))
        );
    }
}
