//! Which names a user of the file may have.
//!
//! What the server lets a client say at all is decided before this file is asked; these rules are as strict, and
//! forbid two characters more: `:` ends the field, and `/` would leave the directory of files named after users.

/// The longest name, in octets; the server looks at no longer one.
pub const LONGEST: usize = 128;

/// Judges a name; the error is a sentence without the name in it.
///
/// # Errors
/// When it is empty, too long, begins with something else than a letter, digit, `_` or `.`, or holds `:`, `/` or
/// anything but printable ASCII without blanks.
pub fn check(name: &[u8]) -> Result<(), &'static str> {
    let first = name.first().copied().ok_or("the name is empty")?;
    if name.len() > LONGEST {
        return Err("the name is longer than 128 octets");
    }
    if !(first.is_ascii_alphanumeric() || first == b'_' || first == b'.') {
        return Err("a name begins with a letter, a digit, '_' or '.'");
    }
    if !name.iter().all(u8::is_ascii_graphic) {
        return Err("a name holds printable ASCII without blanks only");
    }
    if name.contains(&b':') || name.contains(&b'/') {
        return Err("a name holds neither ':' nor '/'");
    }
    // Security: both mean "this directory" and "the one above" wherever a file is named after a user.
    if name == b"." || name == b".." {
        return Err("'.' and '..' are no names");
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ordinary_names_pass() {
        for name in ["ann", "_www", ".hidden", "9lives", "ann@example.org", "ann-marie", "a$b"] {
            assert_eq!(check(name.as_bytes()), Ok(()), "{name}");
        }
        assert_eq!(check(&[b'a'; LONGEST]), Ok(()));
    }

    #[test]
    fn each_rule_has_its_sentence() {
        for (name, sentence) in [
            ("", "the name is empty"),
            ("-rf", "a name begins with a letter, a digit, '_' or '.'"),
            ("#ann", "a name begins with a letter, a digit, '_' or '.'"),
            ("änn", "a name begins with a letter, a digit, '_' or '.'"),
            ("an n", "a name holds printable ASCII without blanks only"),
            ("ann\n", "a name holds printable ASCII without blanks only"),
            ("ann\u{e4}", "a name holds printable ASCII without blanks only"),
            ("a:b", "a name holds neither ':' nor '/'"),
            ("../x", "a name holds neither ':' nor '/'"),
            ("..", "'.' and '..' are no names"),
        ] {
            assert_eq!(check(name.as_bytes()), Err(sentence), "{name:?}");
        }
        assert_eq!(check(&[b'a'; LONGEST + 1]), Err("the name is longer than 128 octets"));
    }
}
