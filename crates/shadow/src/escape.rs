//! Octets as printable text and back.
//!
//! Security: a server decides what it sends, so nothing of it may reach a terminal as it came: control
//! characters move cursors, and letters that turn the direction of writing hide what a line says.

use std::fmt::Write;

/// Returns octets as text in which everything that cannot be seen is written as an escape.
///
/// Letters in UTF-8 stay; a backslash is doubled, so that the text can be told from an escape.
pub fn printable(octets: &[u8]) -> String {
    let mut text = String::new();
    for chunk in octets.utf8_chunks() {
        for letter in chunk.valid().chars() {
            match letter {
                '\'' | '"' => text.push(letter),
                _ => text.extend(letter.escape_debug()),
            }
        }
        for octet in chunk.invalid() {
            // Writing to a String cannot fail.
            write!(text, "\\x{octet:02x}").unwrap_or_default();
        }
    }
    text
}

/// Returns the octets that a text with the escapes `\r \n \t \0 \\ \xHH` stands for.
///
/// # Errors
/// Names the escape that is none of these.
pub fn octets(text: &[u8]) -> Result<Vec<u8>, String> {
    let mut octets = Vec::new();
    let mut rest = text.iter().copied();
    while let Some(octet) = rest.next() {
        if octet != b'\\' {
            octets.push(octet);
            continue;
        }
        octets.push(match rest.next() {
            Some(b'r') => b'\r',
            Some(b'n') => b'\n',
            Some(b't') => b'\t',
            Some(b'0') => 0,
            Some(b'\\') => b'\\',
            Some(b'x') => {
                let digits = [rest.next(), rest.next()];
                hexadecimal(digits).ok_or("\\x needs two hexadecimal digits, as in \\xff")?
            }
            other => {
                let letter = other.map_or_else(String::new, |octet| printable(&[octet]));
                return Err(format!("\\{letter} is no escape; there are \\r \\n \\t \\0 \\\\ and \\xHH"));
            }
        });
    }
    Ok(octets)
}

fn hexadecimal([high, low]: [Option<u8>; 2]) -> Option<u8> {
    let digit = |octet: Option<u8>| char::from(octet?).to_digit(16);
    u8::try_from(digit(high)? * 16 + digit(low)?).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_that_a_terminal_obeys_comes_through() {
        let nasty = "a\u{1b}[2Jb\r\n\u{7f}\u{9b}31m\u{202e}ß\\".as_bytes();
        let shown = printable(&[nasty, &[0xff, 0x00]].concat());
        assert!(!shown.chars().any(char::is_control), "{shown:?}");
        assert_eq!(shown, "a\\u{1b}[2Jb\\r\\n\\u{7f}\\u{9b}31m\\u{202e}ß\\\\\\xff\\0");
    }

    #[test]
    fn quotes_are_read_as_they_are_written() {
        assert_eq!(printable(br#"257 "/a" it's"#), r#"257 "/a" it's"#);
    }

    #[test]
    fn escapes_become_octets() {
        assert_eq!(octets(br"a\r\n\t\0\\\xfF").unwrap(), b"a\r\n\t\0\\\xff");
        for wrong in [&br"\q"[..], br"\x", br"\x1", br"\xgg", b"\\"] {
            assert!(octets(wrong).is_err(), "{}", printable(wrong));
        }
    }
}
