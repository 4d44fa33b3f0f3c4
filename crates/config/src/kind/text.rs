//! Any text, kept octet for octet; empty means not set.

use bstr::{BString, ByteSlice};

use super::{Advice, Kind, Outcome};

pub(crate) type Field = Option<BString>;
pub(crate) const KIND: Kind = Kind::Text;

pub(crate) fn preset(value: impl Into<Option<&'static str>>) -> Field {
    value.into().map(BString::from)
}

pub(crate) fn read(text: &[u8]) -> Outcome<Field> {
    // Paths and names end at a NUL in every call below us; a value must not mean two things.
    if text.contains(&0) {
        return Err(Advice::new("NUL in the value", "remove the octet 0 from this line"));
    }
    let value = (!text.is_empty()).then(|| BString::from(text));
    Ok((value, surprise(text)))
}

pub(crate) fn write(value: &Field) -> BString {
    value.clone().unwrap_or_default()
}

/// Tells about signs that mean something elsewhere and nothing here.
fn surprise(text: &[u8]) -> Option<Advice> {
    let quoted = |quote: u8| text.len() > 1 && text.first() == Some(&quote) && text.last() == Some(&quote);
    if quoted(b'"') || quoted(b'\'') {
        Some(Advice::new("the quotes are part of the value", "write the text without quotes"))
    } else if text.ends_with(b"\\") {
        Some(Advice::new("a \\ at the end does not continue the line", "write the whole value on one line"))
    } else if text.iter().any(|octet| octet.is_ascii_control() && *octet != b'\t') {
        Some(Advice::new(
            "the value holds a control character, perhaps the line end of another system",
            "save the file with plain LF line ends, one setting on each line",
        ))
    } else if text.contains_str(" # ") || (text.starts_with(b"/") && text.contains_str(" #")) {
        Some(Advice::new("everything behind the = is the value", "give the comment a line of its own"))
    } else {
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn octets_that_are_no_utf_8_stay_as_they_are() {
        assert_eq!(read(b"/srv/M\xfcller").unwrap().0.unwrap(), &b"/srv/M\xfcller"[..]);
    }

    #[test]
    fn an_empty_value_means_not_set() {
        assert_eq!(read(b"").unwrap(), (None, None));
    }

    #[test]
    fn a_comment_or_a_foreign_line_end_in_a_value_is_told() {
        for text in ["Hello # for all", "/srv/ftp #old", "one\rlisten=NO", "one \\"] {
            assert!(read(text.as_bytes()).unwrap().1.is_some(), "{text}");
        }
        assert_eq!(read(b"Server #1").unwrap().1, None);
    }

    #[test]
    fn quotes_are_kept_and_told() {
        let (value, advice) = read(b"\"Hello\"").unwrap();
        assert_eq!((value.unwrap(), advice.is_some()), ("\"Hello\"".into(), true));
    }
}
