//! Logical lines of `hosts.allow` and `hosts.deny`, and the fields of a rule (hosts_access(5)).
//!
//! A backslash before a line end joins two lines, in comments too. Fields end at a colon outside brackets. What the
//! fields mean is read elsewhere.

/// The most octets in a joined line, as libwrap has it; its line end counts.
const LONGEST: usize = 2047;

/// One line after joining.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Line {
    /// The first physical line, counted from 1.
    pub(crate) number: usize,
    /// The text without its line end.
    pub(crate) text: Vec<u8>,
    /// How many physical lines it stands on.
    pub(crate) height: usize,
    /// What libwrap could not read it for.
    pub(crate) damage: Option<Damage>,
}

/// Why libwrap does not take a line for a rule.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Damage {
    /// The file ends before the line does.
    Unterminated,
    /// It is longer than libwrap's buffer.
    TooLong,
    /// It holds a NUL.
    Nul,
}

impl Line {
    /// Tells whether libwrap reads it as a comment.
    pub(crate) fn is_comment(&self) -> bool {
        self.text.first() == Some(&b'#')
    }

    /// Tells whether nothing stands on it.
    pub(crate) fn is_blank(&self) -> bool {
        self.text.iter().all(u8::is_ascii_whitespace)
    }

    /// Tells whether it looks like a comment and is none, because of the blanks before it.
    pub(crate) fn is_indented_comment(&self) -> bool {
        !self.is_comment() && self.text.trim_ascii_start().first() == Some(&b'#')
    }
}

/// Joins and numbers the lines of a file.
pub(crate) fn lines(text: &[u8]) -> impl Iterator<Item = Line> {
    let mut physical = text.split_inclusive(|octet| *octet == b'\n').enumerate();
    std::iter::from_fn(move || {
        let (index, mut piece) = physical.next()?;
        let mut line = Line { number: index + 1, text: Vec::new(), height: 1, damage: None };
        loop {
            let Some(ended) = piece.strip_suffix(b"\n") else {
                line.text.extend_from_slice(piece);
                line.damage = Some(Damage::Unterminated);
                break;
            };
            let Some(continued) = ended.strip_suffix(b"\\") else {
                line.text.extend_from_slice(ended);
                break;
            };
            line.text.extend_from_slice(continued);
            let Some((_, next)) = physical.next() else {
                line.damage = Some(Damage::Unterminated);
                break;
            };
            piece = next;
            line.height += 1;
        }
        if line.text.contains(&0) {
            line.damage = Some(Damage::Nul);
        } else if line.text.len() >= LONGEST {
            line.damage = Some(Damage::TooLong);
        }
        Some(line)
    })
}

/// Splits at the first `delimiter` that stands outside brackets, and drops it.
///
/// As libwrap counts them, a bracket that is never closed, or was never opened, hides every delimiter behind it.
pub(crate) fn split(text: &[u8], delimiter: u8) -> Option<(&[u8], &[u8])> {
    let mut depth = 0_i64;
    let at = text.iter().position(|octet| {
        match octet {
            b'[' => depth += 1,
            b']' => depth -= 1,
            _ => {}
        }
        depth == 0 && *octet == delimiter
    })?;
    Some((text.get(..at)?, text.get(at + 1..)?))
}

/// Tells whether every bracket is closed, and none before it was opened.
pub(crate) fn is_balanced(text: &[u8]) -> bool {
    let end = text.iter().try_fold(0_usize, |depth, octet| match octet {
        b'[' => Some(depth + 1),
        b']' => depth.checked_sub(1),
        _ => Some(depth),
    });
    end == Some(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(file: &[u8]) -> Vec<(usize, String, Option<Damage>)> {
        lines(file).map(|line| (line.number, String::from_utf8(line.text).unwrap(), line.damage)).collect()
    }

    #[test]
    fn a_backslash_joins_lines_and_the_first_gives_the_number() {
        assert_eq!(
            texts(b"a\nb \\\n c\\\nd\ne\n"),
            [(1, "a".into(), None), (2, "b  cd".into(), None), (5, "e".into(), None)]
        );
    }

    #[test]
    fn a_backslash_before_a_carriage_return_joins_nothing() {
        assert_eq!(texts(b"a\\\r\nb\n").len(), 2);
    }

    #[test]
    fn a_line_without_its_end_is_damaged() {
        assert_eq!(texts(b"a"), [(1, "a".into(), Some(Damage::Unterminated))]);
        assert_eq!(texts(b"a\\\n"), [(1, "a".into(), Some(Damage::Unterminated))]);
        assert_eq!(texts(b"a\\"), [(1, "a\\".into(), Some(Damage::Unterminated))]);
        assert_eq!(texts(b""), []);
    }

    #[test]
    fn the_longest_line_has_2046_octets_before_its_end() {
        let line =
            |length: usize| lines(&[vec![b'x'; length], b"\n".to_vec()].concat()).next().unwrap().damage;
        assert_eq!(line(2046), None);
        assert_eq!(line(2047), Some(Damage::TooLong));
    }

    #[test]
    fn a_nul_is_damage() {
        assert_eq!(texts(b"a\0b\n")[0].2, Some(Damage::Nul));
    }

    #[test]
    fn a_comment_begins_in_the_first_column() {
        let line = |text: &[u8]| lines(text).next().unwrap();
        assert!(line(b"# x\n").is_comment());
        assert!(!line(b" # x\n").is_comment());
        assert!(line(b" # x\n").is_indented_comment());
        assert!(line(b" \t\r\n").is_blank());
    }

    #[test]
    fn brackets_hide_colons() {
        assert_eq!(split(b"a:b:c", b':'), Some((&b"a"[..], &b"b:c"[..])));
        assert_eq!(split(b"[a:b]:c", b':'), Some((&b"[a:b]"[..], &b"c"[..])));
        assert_eq!(split(b"[a:b", b':'), None);
        assert_eq!(split(b"]a:b", b':'), None);
        assert!(is_balanced(b"[a][b]"));
        assert!(!is_balanced(b"][") && !is_balanced(b"[") && !is_balanced(b"]"));
    }
}
