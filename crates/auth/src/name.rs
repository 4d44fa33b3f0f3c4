//! Which names and passwords are looked at at all.
//!
//! The limits are vsftpd's. They keep what strangers type out of modules that were never made for it: no option-like
//! `-name`, no blank that ends a field in somebody's file, no text in an unknown encoding.

/// The longest name and the longest password, in octets.
pub const LONGEST: usize = 128;

/// Judges the form of a name and a password; the error is a sentence for the log.
///
/// # Errors
/// When the name is empty, too long, begins with something else than a letter, digit, `_` or `.`, or holds anything but
/// printable ASCII without blanks; when the password is too long.
pub fn check(name: &[u8], password: &[u8]) -> Result<(), &'static str> {
    let first = name.first().copied().ok_or("the name is empty")?;
    if name.len() > LONGEST {
        return Err("the name is longer than 128 octets");
    }
    if !(first.is_ascii_alphanumeric() || first == b'_' || first == b'.') {
        return Err("the name does not begin with a letter, a digit, '_' or '.'");
    }
    if !name.iter().all(u8::is_ascii_graphic) {
        return Err("the name holds blanks or other octets than printable ASCII");
    }
    if password.len() > LONGEST {
        return Err("the password is longer than 128 octets");
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ordinary_and_strange_but_harmless_names_pass() {
        for name in ["ann", "_www", ".hidden", "9lives", "ann@example.org", "a/../b", "ann-marie"] {
            assert_eq!(check(name.as_bytes(), b""), Ok(()), "{name}");
        }
        assert_eq!(check(&[b'a'; LONGEST], &[0xff; LONGEST]), Ok(()));
    }

    #[test]
    fn names_that_modules_could_misread_are_refused() {
        for name in ["", "-rf", "@ann", "ann ", " ann", "a\tb", "a\nb", "a\0b", "änn", "ann\u{7f}", "/etc"] {
            assert!(check(name.as_bytes(), b"").is_err(), "{name:?}");
        }
        assert!(check(&[b'a'; LONGEST + 1], b"").is_err());
        assert!(check(b"ann", &[b'x'; LONGEST + 1]).is_err());
    }
}
