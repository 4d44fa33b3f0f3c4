//! `YES` or `NO`, with `TRUE`, `FALSE`, `1` and `0` in any letter case, and nothing else.

use bstr::{BString, ByteSlice};

use super::{Advice, Kind, Outcome};

pub(crate) type Field = bool;
pub(crate) const KIND: Kind = Kind::Bool;

pub(crate) fn preset(value: bool) -> Field {
    value
}

pub(crate) fn read(text: &[u8]) -> Outcome<Field> {
    word(text).map(|value| (value, None)).ok_or_else(|| refusal(text))
}

pub(crate) fn write(value: &Field) -> BString {
    if *value { "YES".into() } else { "NO".into() }
}

fn word(text: &[u8]) -> Option<bool> {
    let is = |word: &str| text.eq_ignore_ascii_case(word.as_bytes());
    if is("YES") || is("TRUE") || is("1") {
        Some(true)
    } else if is("NO") || is("FALSE") || is("0") {
        Some(false)
    } else {
        None
    }
}

/// Says what was probably meant: a switch word of other programs, a comment, quotes.
fn refusal(text: &[u8]) -> Advice {
    let suggestion = match text.to_ascii_lowercase().as_slice() {
        b"on" | b"y" | b"enable" | b"enabled" | b"t" => "write YES".to_owned(),
        b"off" | b"n" | b"disable" | b"disabled" | b"f" | b"none" => "write NO".to_owned(),
        _ => match text.split_once_str(b"#").and_then(|(value, _)| word(value.trim())) {
            Some(value) => {
                format!("a comment needs a line of its own; write {} alone here", write(&value))
            }
            None => match word(text.trim_with(|c| matches!(c, '"' | '\'' | ';'))) {
                Some(value) => format!("write {} without quotes or semicolon", write(&value)),
                None => "write YES or NO".to_owned(),
            },
        },
    };
    Advice::new("bad bool value", suggestion)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_six_words_are_read_in_any_case() {
        for yes in ["YES", "yes", "True", "1"] {
            assert!(read(yes.as_bytes()).unwrap().0, "{yes}");
        }
        for no in ["NO", "no", "False", "0"] {
            assert!(!read(no.as_bytes()).unwrap().0, "{no}");
        }
    }

    #[test]
    fn words_of_other_programs_are_refused_with_the_right_word() {
        for (wrong, right) in [("ON", "write YES"), ("Off", "write NO"), ("Y", "write YES")] {
            assert_eq!(read(wrong.as_bytes()).unwrap_err().suggestion.unwrap(), right);
        }
    }

    #[test]
    fn a_trailing_comment_is_named_as_the_cause() {
        let refused = read(b"YES # for the web team").unwrap_err();
        assert!(refused.suggestion.unwrap().contains("line of its own"));
    }
}
