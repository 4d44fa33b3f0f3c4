//! A number of at most 64 bits: octets per second, sizes.

use bstr::BString;

use super::{Kind, Outcome, number};

pub(crate) type Field = u64;
pub(crate) const KIND: Kind = Kind::Long;

pub(crate) fn preset(value: u64) -> Field {
    value
}

pub(crate) fn read(text: &[u8]) -> Outcome<Field> {
    let number = number::read(text, u64::MAX)?;
    let advice = number.octal_surprise(text);
    Ok((number.value, advice))
}

pub(crate) fn write(value: &Field) -> BString {
    value.to_string().into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rates_beyond_four_gigabytes_fit() {
        assert_eq!(read(b"10000000000").unwrap(), (10_000_000_000, None));
    }
}
