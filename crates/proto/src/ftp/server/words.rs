//! Arguments of several words: pathnames that may stand in quotes, and numbers (as the commands without a standard
//! write them).

/// Takes the first word: `"a b"`, each quote inside doubled, or everything up to a blank. The rest comes without the
/// blanks before it; `None` when a quote is not closed, or there is no word.
pub(super) fn first(argument: &[u8]) -> Option<(Vec<u8>, &[u8])> {
    let argument = argument.trim_ascii_start();
    let Some(quoted) = argument.strip_prefix(b"\"") else {
        let end = argument.iter().position(|&octet| octet == b' ').unwrap_or(argument.len());
        let (word, rest) = argument.split_at(end);
        return (!word.is_empty()).then(|| (word.to_vec(), rest.trim_ascii_start()));
    };
    let mut word = Vec::new();
    let mut rest = quoted;
    loop {
        let end = rest.iter().position(|&octet| octet == b'"')?;
        word.extend_from_slice(rest.get(..end)?);
        rest = rest.get(end + 1..)?;
        let Some(more) = rest.strip_prefix(b"\"") else { break };
        word.push(b'"');
        rest = more;
    }
    let is_apart = rest.is_empty() || rest.starts_with(b" ");
    (is_apart && !word.is_empty()).then(|| (word, rest.trim_ascii_start()))
}

/// Takes all words; `None` when a quote is not closed.
pub(super) fn all(argument: &[u8]) -> Option<Vec<Vec<u8>>> {
    let mut rest = argument.trim_ascii();
    let mut words = Vec::new();
    while !rest.is_empty() {
        let (word, behind) = first(rest)?;
        words.push(word);
        rest = behind;
    }
    Some(words)
}

/// Reads a decimal number without a sign, up to 2⁶³−1 as REST does.
pub(super) fn number(text: &[u8]) -> Option<u64> {
    let digits = !text.is_empty() && text.iter().all(u8::is_ascii_digit);
    let number = core::str::from_utf8(text).ok().filter(|_| digits)?.parse::<i64>().ok()?;
    u64::try_from(number).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn split(text: &str) -> Option<Vec<String>> {
        let words = all(text.as_bytes())?;
        Some(words.into_iter().map(|word| String::from_utf8(word).unwrap()).collect())
    }

    #[test]
    fn quotes_hold_blanks_and_doubled_quotes() {
        assert_eq!(split("a  b"), Some(vec!["a".into(), "b".into()]));
        assert_eq!(split(r#""a b" c"d ""#), None);
        assert_eq!(split(r#""a ""b""" c"d"#), Some(vec![r#"a "b""#.into(), "c\"d".into()]));
        for wrong in [r#"""#, r#""a"#, r#""a"b"#, r#""""#] {
            assert_eq!(split(wrong), None, "{wrong}");
        }
        assert_eq!(split(""), Some(Vec::new()));
    }

    #[test]
    fn a_number_has_no_sign_and_fits_63_bits() {
        assert_eq!(number(b"9223372036854775807"), Some(i64::MAX as u64));
        for wrong in ["9223372036854775808", "", "-1", "+1", "1 ", "0x1"] {
            assert_eq!(number(wrong.as_bytes()), None, "{wrong}");
        }
    }

    proptest! {
        #[test]
        fn what_is_quoted_comes_back(words in prop::collection::vec(prop::collection::vec(any::<u8>(), 1..8), 0..5)) {
            let mut line = Vec::new();
            for word in &words {
                line.push(b'"');
                for &octet in word {
                    line.extend(core::iter::repeat_n(octet, if octet == b'"' { 2 } else { 1 }));
                }
                line.extend_from_slice(b"\" ");
            }
            prop_assert_eq!(all(&line), Some(words));
        }

        #[test]
        fn no_line_makes_it_panic(line in prop::collection::vec(any::<u8>(), 0..80)) {
            let _ = all(&line);
            let _ = number(&line);
        }
    }
}
