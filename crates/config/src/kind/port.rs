//! A port number; 0 stands for what the option says it stands for.

use bstr::BString;

use super::{Kind, Outcome, number};

pub(crate) type Field = u16;
pub(crate) const KIND: Kind = Kind::Port;

pub(crate) fn preset(value: u16) -> Field {
    value
}

pub(crate) fn read(text: &[u8]) -> Outcome<Field> {
    let number = number::read(text, u16::MAX.into())?;
    let advice = number.octal_surprise(text);
    Ok((u16::try_from(number.value).unwrap_or(u16::MAX), advice))
}

pub(crate) fn write(value: &Field) -> BString {
    value.to_string().into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ports_end_at_65535() {
        assert_eq!(read(b"65535").unwrap().0, 65535);
        assert!(read(b"65536").is_err(), "vsftpd would listen on port 0");
    }
}
