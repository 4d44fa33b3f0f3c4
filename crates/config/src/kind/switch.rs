//! `YES`, `NO`, or `AUTO`: what is best is found out while the server runs. The words for yes and no are those of a bool.

use bstr::BString;

use super::{Advice, Kind, Outcome, bool};

/// A switch with a third position.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Switch {
    /// `NO`.
    Off,
    /// `AUTO`.
    Auto,
    /// `YES`.
    On,
}

pub(crate) type Field = Switch;
pub(crate) const KIND: Kind = Kind::Switch;

pub(crate) fn preset(value: Switch) -> Field {
    value
}

pub(crate) fn read(text: &[u8]) -> Outcome<Field> {
    if text.eq_ignore_ascii_case(b"AUTO") {
        return Ok((Switch::Auto, None));
    }
    match bool::read(text) {
        Ok((value, advice)) => Ok((if value { Switch::On } else { Switch::Off }, advice)),
        Err(advice) => Err(Advice {
            suggestion: advice
                .suggestion
                .map(|text| text.replace("write YES or NO", "write YES, NO or AUTO")),
            ..advice
        }),
    }
}

pub(crate) fn write(value: &Field) -> BString {
    match value {
        Switch::Off => "NO".into(),
        Switch::Auto => "AUTO".into(),
        Switch::On => "YES".into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_words_of_a_bool_and_auto_are_read() {
        for (text, value) in [("yes", Switch::On), ("0", Switch::Off), ("Auto", Switch::Auto)] {
            assert_eq!(read(text.as_bytes()).unwrap().0, value);
            assert_eq!(read(&write(&value)).unwrap().0, value);
        }
        assert_eq!(read(b"maybe").unwrap_err().suggestion.unwrap(), "write YES, NO or AUTO");
        assert_eq!(read(b"on").unwrap_err().suggestion.unwrap(), "write YES");
    }
}
