//! Lists of patterns with `EXCEPT`, and the three answers a pattern can give.

/// What a pattern says of a host.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Answer {
    No,
    Yes,
    /// It depends on something that is not known yet.
    Open,
}

impl Answer {
    /// Yes when either says yes.
    pub(crate) fn or(self, other: impl FnOnce() -> Self) -> Self {
        match self {
            Self::Yes => Self::Yes,
            Self::No => other(),
            Self::Open if other() == Self::Yes => Self::Yes,
            Self::Open => Self::Open,
        }
    }

    /// Yes when both say yes.
    pub(crate) fn and(self, other: impl FnOnce() -> Self) -> Self {
        match self {
            Self::No => Self::No,
            Self::Yes => other(),
            Self::Open if other() == Self::No => Self::No,
            Self::Open => Self::Open,
        }
    }

    pub(crate) fn not(self) -> Self {
        match self {
            Self::No => Self::Yes,
            Self::Yes => Self::No,
            Self::Open => Self::Open,
        }
    }

    /// Asks one after the other until one says yes.
    pub(crate) fn any(answers: impl IntoIterator<Item = Self>) -> Self {
        let mut all = Self::No;
        for answer in answers {
            match answer {
                Self::Yes => return Self::Yes,
                Self::Open => all = Self::Open,
                Self::No => {}
            }
        }
        all
    }
}

impl From<bool> for Answer {
    fn from(yes: bool) -> Self {
        if yes { Self::Yes } else { Self::No }
    }
}

/// Patterns between `EXCEPT`s: `a EXCEPT b EXCEPT c` is `a` without (`b` without `c`).
#[derive(Debug)]
pub(crate) struct List<P>(Vec<Vec<P>>);

impl<P> List<P> {
    /// Reads a list; `pattern` is given each word and whether a match of it takes away from the whole.
    pub(crate) fn read(text: &[u8], mut pattern: impl FnMut(&[u8], bool) -> P) -> Self {
        let mut segments = vec![Vec::new()];
        let mut excepted = false;
        for word in text.split(|octet| b", \t\r\n".contains(octet)).filter(|word| !word.is_empty()) {
            if word.eq_ignore_ascii_case(b"EXCEPT") {
                segments.push(Vec::new());
                excepted = !excepted;
            } else if let Some(segment) = segments.last_mut() {
                segment.push(pattern(word, excepted));
            }
        }
        Self(segments)
    }

    /// Tells whether nothing can match, because nothing stands before the first `EXCEPT`.
    pub(crate) fn is_empty(&self) -> bool {
        self.0.first().is_none_or(Vec::is_empty)
    }

    /// Asks the patterns, from the last segment to the first; an input of a thousand `EXCEPT`s needs no stack.
    pub(crate) fn matches(&self, mut ask: impl FnMut(&P) -> Answer) -> Answer {
        self.0.iter().rev().fold(Answer::No, |excepted, segment| {
            Answer::any(segment.iter().map(&mut ask)).and(|| excepted.not())
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Words are answers: `y`, `n`, `o`.
    fn judge(text: &str) -> Answer {
        List::read(text.as_bytes(), |word, _| word.to_vec()).matches(|word| match word.as_slice() {
            b"y" => Answer::Yes,
            b"o" => Answer::Open,
            _ => Answer::No,
        })
    }

    #[test]
    fn any_pattern_matches_whatever_stands_between() {
        assert_eq!(judge("n, y"), Answer::Yes);
        assert_eq!(judge(",,n\t,\r"), Answer::No);
        assert_eq!(judge(""), Answer::No);
    }

    #[test]
    fn except_takes_away_and_nests_to_the_right() {
        assert_eq!(judge("y EXCEPT y"), Answer::No);
        assert_eq!(judge("y except n"), Answer::Yes);
        assert_eq!(judge("y EXCEPT y EXCEPT y"), Answer::Yes);
        assert_eq!(judge("y EXCEPT y EXCEPT n"), Answer::No);
        assert_eq!(judge("y EXCEPT EXCEPT y"), Answer::Yes);
        assert_eq!(judge("EXCEPT y"), Answer::No);
        assert_eq!(judge("y EXCEPT"), Answer::Yes);
    }

    #[test]
    fn an_open_answer_counts_only_where_it_decides() {
        assert_eq!(judge("o y"), Answer::Yes);
        assert_eq!(judge("o n"), Answer::Open);
        assert_eq!(judge("n EXCEPT o"), Answer::No);
        assert_eq!(judge("y EXCEPT o"), Answer::Open);
        assert_eq!(judge("o EXCEPT y"), Answer::No);
        assert_eq!(judge("y EXCEPT o EXCEPT y"), Answer::Yes);
    }

    #[test]
    fn every_second_segment_takes_away() {
        let mut seen = Vec::new();
        let _ = List::read(b"a EXCEPT b c EXCEPT d", |word, excepted| seen.push((word.to_vec(), excepted)));
        assert_eq!(
            seen.iter().map(|(_, excepted)| *excepted).collect::<Vec<_>>(),
            [false, true, true, false]
        );
    }

    #[test]
    fn a_hundred_thousand_exceptions_need_no_stack() {
        assert_eq!(judge(&"y EXCEPT ".repeat(100_001)), Answer::Yes);
    }

    #[test]
    fn or_and_and_agree_with_logic() {
        for left in [Answer::No, Answer::Yes, Answer::Open] {
            for right in [Answer::No, Answer::Yes, Answer::Open] {
                assert_eq!(left.and(|| right), left.not().or(|| right.not()).not());
            }
        }
    }
}
