//! One name in several spellings: macOS takes letters apart (NFD), everybody else keeps them whole (NFC; UAX #15).
//!
//! Octets that are no UTF-8 have one spelling only.

use std::borrow::Cow;

use unicode_normalization::{IsNormalized, UnicodeNormalization, is_nfc_quick, is_nfd_quick};

/// The spelling with letters whole, in which names are stored.
#[must_use]
pub fn composed(name: &[u8]) -> Cow<'_, [u8]> {
    respell(name, |text| is_nfc_quick(text.chars()), |text| text.nfc().collect())
}

/// The spelling with letters taken apart, as macOS sends it.
#[must_use]
pub fn decomposed(name: &[u8]) -> Cow<'_, [u8]> {
    respell(name, |text| is_nfd_quick(text.chars()), |text| text.nfd().collect())
}

/// Tells whether two names are one to a reader.
#[must_use]
pub fn same_name(left: &[u8], right: &[u8]) -> bool {
    left == right || composed(left) == composed(right)
}

fn respell(
    name: &[u8],
    is_spelled: impl Fn(&str) -> IsNormalized,
    spell: impl Fn(&str) -> String,
) -> Cow<'_, [u8]> {
    match std::str::from_utf8(name) {
        Ok(text) if !text.is_ascii() && is_spelled(text) != IsNormalized::Yes => {
            Cow::Owned(spell(text).into_bytes())
        }
        _ => Cow::Borrowed(name),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const WHOLE: &str = "한글";
    const APART: &str = "\u{1112}\u{1161}\u{11ab}\u{1100}\u{1173}\u{11af}";

    #[test]
    fn hangul_of_macos_becomes_whole_and_can_be_taken_apart_again() {
        assert_eq!(*composed(APART.as_bytes()), *WHOLE.as_bytes());
        assert_eq!(*decomposed(WHOLE.as_bytes()), *APART.as_bytes());
        assert_eq!(*composed("e\u{301}".as_bytes()), *"é".as_bytes());
        assert!(same_name(WHOLE.as_bytes(), APART.as_bytes()) && !same_name(b"a", b"b"));
    }

    #[test]
    fn names_that_need_nothing_cost_nothing() {
        assert!(matches!(composed(b"plain"), Cow::Borrowed(_)));
        assert!(matches!(composed(WHOLE.as_bytes()), Cow::Borrowed(_)));
        assert!(matches!(composed(b"\xff\xfe"), Cow::Borrowed(b"\xff\xfe")));
    }
}
