//! Rules about `deny_file`, `hide_file` and their like: where a pattern does not mean what it looks like.

use bstr::{BString, ByteSlice};

use super::{Rule, line};
use crate::Config;
use crate::problem::Problem;
use crate::table::row;

pub(super) const RULES: &[Rule] = &[
    a_brace_is_not_closed,
    a_brace_stands_in_a_brace,
    a_list_has_no_braces,
    an_alternative_has_blanks,
    a_plain_word_hits_more,
    what_is_hidden_can_be_fetched,
];

const PATTERNS: [&str; 4] = ["deny_file", "hide_file", "download_file", "upload_file"];

/// Finds the first option whose pattern has a property.
fn first(config: &Config, has: impl Fn(&[u8]) -> bool) -> Option<&'static str> {
    PATTERNS.into_iter().find(|name| has(&value(config, name)))
}

fn value(config: &Config, name: &str) -> BString {
    row(name.as_bytes()).map(|row| row.value(config)).unwrap_or_default()
}

fn a_brace_is_not_closed(config: &Config) -> Option<Problem> {
    let count = |pattern: &[u8], sign: u8| pattern.iter().filter(|octet| **octet == sign).count();
    let name = first(config, |pattern| count(pattern, b'{') != count(pattern, b'}'))?;
    let problem =
        Problem::warning(format!("{name} has a brace without its partner, so it matches next to nothing"));
    Some(problem.quote(line(config, name)).suggest("write the list as {*.mp3,*.mov}"))
}

fn a_brace_stands_in_a_brace(config: &Config) -> Option<Problem> {
    let nested = |pattern: &[u8]| {
        let mut depth = 0_usize;
        pattern.iter().any(|octet| {
            match octet {
                b'{' => depth += 1,
                b'}' => depth = depth.saturating_sub(1),
                _ => {}
            }
            depth > 1
        })
    };
    let name = first(config, nested)?;
    let problem =
        Problem::warning(format!("{name} has braces within braces, which vsftpd and Wharf do not know"));
    Some(problem.quote(line(config, name)).suggest("write every alternative out in one pair of braces"))
}

fn a_list_has_no_braces(config: &Config) -> Option<Problem> {
    let name = first(config, |pattern| pattern.contains(&b',') && !pattern.contains(&b'{'))?;
    let problem = Problem::warning(format!("{name} has a comma without braces, which is a part of the name"));
    let list = format!("write {name}={{{}}}", value(config, name));
    Some(problem.quote(line(config, name)).suggest(list))
}

fn an_alternative_has_blanks(config: &Config) -> Option<Problem> {
    let blanks = [", ", " ,", "{ ", " }", ",\t"];
    let name = first(config, |pattern| blanks.iter().any(|blank| pattern.contains_str(blank)))?;
    let problem =
        Problem::warning(format!("{name} has blanks beside a comma or brace; they are part of the names"));
    Some(problem.quote(line(config, name)).suggest("remove the blanks"))
}

fn a_plain_word_hits_more(config: &Config) -> Option<Problem> {
    // download_file and upload_file are not looked for inside names.
    let name = ["deny_file", "hide_file"].into_iter().find(|name| {
        let pattern = value(config, name);
        !pattern.is_empty() && !pattern.iter().any(|octet| b"*?{[".contains(octet))
    })?;
    let problem =
        Problem::note(format!("{name} without * or braces hits every name that holds this text anywhere"));
    let exact = format!("write {name}={{{}}} to hit this name alone", value(config, name));
    Some(problem.quote(line(config, name)).suggest(exact))
}

fn what_is_hidden_can_be_fetched(config: &Config) -> Option<Problem> {
    (config.listing.hide_file.is_some() && config.download.deny_file.is_none()).then(|| {
        Problem::note("hide_file hides from listings only: who knows or guesses a name can fetch the file")
            .quote(line(config, "hide_file"))
            .suggest("set deny_file to the same pattern; file permissions are surer than both")
    })
}

#[cfg(test)]
mod tests {
    use super::super::tests::{notes, warnings};

    fn first_warning(text: &str) -> String {
        warnings(text).into_iter().next().unwrap_or_default()
    }

    #[test]
    fn patterns_that_do_not_mean_what_they_look_like_are_told() {
        for (text, told) in [
            ("deny_file={*.mp3", "without its partner"),
            ("hide_file=*.mp3}", "without its partner"),
            ("deny_file={a,{b,c}}", "braces within braces"),
            ("upload_file=*.jpg,*.png", "comma without braces"),
            ("deny_file={*.mp3, .private}", "part of the names"),
        ] {
            assert!(first_warning(text).contains(told), "{text}");
        }
        assert_eq!(first_warning("deny_file={*.mp3,*.mov,.private}"), "");
    }

    #[test]
    fn a_word_that_is_looked_for_inside_names_is_told() {
        let told = |text: &str| notes(text).iter().any(|note| note.contains("anywhere"));
        assert!(told("deny_file=private") && told("hide_file=.git"));
        assert!(!told("deny_file={private}") && !told("deny_file=*.git"));
    }

    #[test]
    fn hiding_is_no_protection() {
        let told = |text: &str| notes(text).iter().any(|note| note.contains("hides from listings only"));
        assert!(told("hide_file=*.bak") && !told("hide_file=*.bak\ndeny_file=*.bak"));
    }
}
