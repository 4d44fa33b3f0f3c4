//! File mode bits: octal when written with a leading 0, and a well-known trap when not.

use bstr::BString;

use super::{Advice, Kind, Outcome, number};

pub(crate) type Field = u32;
pub(crate) const KIND: Kind = Kind::Octal;

pub(crate) fn preset(value: u32) -> Field {
    value
}

pub(crate) fn read(text: &[u8]) -> Outcome<Field> {
    let number = number::read(text, u32::MAX.into())?;
    let value = u32::try_from(number.value).unwrap_or(u32::MAX);
    let advice = number.advice.or_else(|| (!number.octal && value > 7).then(|| decimal(value)));
    let advice = advice.or_else(|| (value > 0o7777).then(no_mode));
    Ok((value, advice))
}

pub(crate) fn write(value: &Field) -> BString {
    format!("0{value:02o}").into()
}

fn decimal(value: u32) -> Advice {
    let kept = write(&value);
    Advice::new(
        format!("without a leading 0 this number is decimal and becomes {kept}"),
        format!("write 0{value} if octal {value} is meant, or {kept} to keep today's meaning"),
    )
}

fn no_mode() -> Advice {
    Advice::new("file modes have four octal digits at most", "write a mode such as 022 or 0644")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_umask_without_its_zero_is_decimal_and_told() {
        let (value, advice) = read(b"22").unwrap();
        assert_eq!(value, 0o26);
        assert!(advice.unwrap().message.contains("026"));
        assert_eq!(read(b"022").unwrap(), (0o22, None));
    }

    #[test]
    fn a_mode_that_is_none_is_told() {
        assert!(read(b"0100644").unwrap().1.is_some());
        assert_eq!(read(b"01777").unwrap().1, None);
    }

    #[test]
    fn modes_are_written_with_their_zero() {
        assert_eq!([write(&0o77), write(&0o600), write(&0)], ["077", "0600", "000"]);
    }
}
