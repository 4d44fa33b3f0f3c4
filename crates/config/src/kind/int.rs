//! A number of at most 32 bits: seconds, counts.

use bstr::BString;

use super::{Kind, Outcome, number};

pub(crate) type Field = u32;
pub(crate) const KIND: Kind = Kind::Int;

pub(crate) fn preset(value: u32) -> Field {
    value
}

pub(crate) fn read(text: &[u8]) -> Outcome<Field> {
    let number = number::read(text, u32::MAX.into())?;
    let advice = number.octal_surprise(text);
    Ok((u32::try_from(number.value).unwrap_or(u32::MAX), advice))
}

pub(crate) fn write(value: &Field) -> BString {
    value.to_string().into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_octal_count_is_told() {
        assert_eq!(read(b"0600").unwrap().0, 384);
        assert!(read(b"0600").unwrap().1.unwrap().message.contains("384"));
        assert_eq!(read(b"05").unwrap(), (5, None));
        assert_eq!(read(b"0").unwrap(), (0, None));
    }
}
