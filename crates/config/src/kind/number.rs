//! Numbers the way vsftpd reads them: C's `atoi`, or octal when the first character is `0`.
//!
//! That reader never fails and stops in silence at the first character it does not like. We keep its
//! results, so that an existing file means what it meant, and say aloud where it misreads. Text
//! without any digit is refused: vsftpd makes it 0, and nobody writes it to get 0.

use super::Advice;
use crate::problem::printable;

/// A number, and how it came about.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Number {
    pub(super) value: u64,
    /// The text began with `0`, which makes it octal.
    pub(super) octal: bool,
    /// What a person should know about the reading.
    pub(super) advice: Option<Advice>,
}

impl Number {
    /// Returns the advice; a leading 0 that changes the value of a count is a surprise of its own.
    pub(super) fn octal_surprise(&self, text: &[u8]) -> Option<Advice> {
        let value = self.value;
        self.advice.clone().or_else(|| {
            (self.octal && fold(text, 10) != Some(value)).then(|| {
                Advice::new(
                    format!("the leading 0 makes this number octal, so it means {value}"),
                    format!("write it without the leading 0, or write {value}"),
                )
            })
        })
    }
}

/// Reads a number; `largest` is the largest value the option can hold.
pub(super) fn read(text: &[u8], largest: u64) -> Result<Number, Advice> {
    let octal = text.first() == Some(&b'0');
    let (negative, digits) = match text.split_first() {
        Some((b'-', rest)) => (true, rest),
        Some((b'+', rest)) => (false, rest),
        _ => (false, text),
    };
    let radix = if octal { 8 } else { 10 };
    let length = digits.iter().take_while(|octet| char::from(**octet).is_digit(radix)).count();
    let (read, rest) = digits.split_at(length);
    if read.is_empty() {
        return Err(Advice::new("bad number value", "write digits only, for instance 300"));
    }
    let value = fold(read, radix).filter(|value| *value <= largest).ok_or_else(|| too_large(largest))?;
    // Compat: vsftpd keeps numbers in 32 unsigned bits, so -1 becomes 4294967295.
    let value = if negative { wrap(value, largest)? } else { value };
    let advice = if !rest.is_empty() {
        Some(cut_short(text, rest, value))
    } else if negative {
        Some(Advice::new(
            format!("a negative number wraps round and means {value}"),
            "write 0 where no limit is meant",
        ))
    } else {
        None
    };
    Ok(Number { value, octal, advice })
}

fn fold(digits: &[u8], radix: u32) -> Option<u64> {
    digits.iter().try_fold(0u64, |sum, octet| {
        let digit = char::from(*octet).to_digit(radix)?;
        sum.checked_mul(u64::from(radix))?.checked_add(u64::from(digit))
    })
}

fn wrap(value: u64, largest: u64) -> Result<u64, Advice> {
    u32::try_from(value)
        .map(|value| u64::from(value.wrapping_neg()))
        .ok()
        .filter(|value| *value <= largest)
        .ok_or_else(|| too_large(largest))
}

fn too_large(largest: u64) -> Advice {
    Advice::new("number out of range", format!("the largest possible value is {largest}"))
}

fn cut_short(text: &[u8], rest: &[u8], value: u64) -> Advice {
    let base = if text.first() == Some(&b'0') { "; a leading 0 makes a number octal" } else { "" };
    let factor: Option<u64> = match rest.to_ascii_lowercase().as_slice() {
        b"k" | b"kb" | b"kib" => Some(1 << 10),
        b"m" | b"mb" | b"mib" => Some(1 << 20),
        b"g" | b"gb" | b"gib" => Some(1 << 30),
        _ => None,
    };
    let cure = match factor.and_then(|factor| value.checked_mul(factor)) {
        Some(whole) => format!("there are no units; write {whole}, or {value} to keep today's meaning"),
        None => format!(
            "write {value} if that is meant; units are not known, and a comment needs a line of its own"
        ),
    };
    Advice::new(format!("reading stops before \"{}\", so this means {value}{base}", printable(rest)), cure)
}

#[cfg(test)]
mod tests {
    use super::*;

    const INT: u64 = u32::MAX as u64;

    fn value(text: &str) -> u64 {
        read(text.as_bytes(), INT).unwrap().value
    }

    #[test]
    fn a_leading_zero_means_octal() {
        assert_eq!((value("0600"), value("600")), (0o600, 600));
    }

    #[test]
    fn a_misreading_keeps_vsftpds_value_and_is_told() {
        for (text, means) in [("300s", 300), ("08", 0), ("0x10", 0), ("-1", INT)] {
            let number = read(text.as_bytes(), INT).unwrap();
            assert_eq!(number.value, means, "{text}");
            assert!(number.advice.is_some(), "{text} must not pass in silence");
        }
    }

    #[test]
    fn a_unit_is_written_out() {
        let cure = |text: &str| read(text.as_bytes(), INT).unwrap().advice.unwrap().suggestion.unwrap();
        assert!(cure("10m").contains("write 10485760, or 10"));
        assert!(cure("500KB").contains("write 512000"));
        assert!(cure("300s").contains("units are not known"));
    }

    #[test]
    fn garbage_is_refused_instead_of_becoming_zero() {
        for text in ["unlimited", "-", "+", "YES"] {
            assert!(read(text.as_bytes(), INT).is_err(), "{text}");
        }
    }

    #[test]
    fn numbers_beyond_the_option_are_refused() {
        assert!(read(b"4294967296", INT).is_err());
        assert!(read(b"99999999999999999999999", u64::MAX).is_err());
        assert!(read(b"-1", 65535).is_err());
    }
}
