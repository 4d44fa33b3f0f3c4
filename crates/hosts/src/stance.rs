//! What becomes of words whose meaning is in doubt.
//!
//! Security: one law. What libwrap does not read, or we cannot ask, may refuse a client and never admits one. A pattern
//! behind `EXCEPT` works the other way round, so the place of a word decides what the law means for it.

use crate::pattern::{Pattern, Text};
use crate::remark::Effect;

/// What a matching rule does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    Admit,
    Refuse,
}

/// The place of a pattern: in what rule, and whether its match takes away from the rule.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Stance {
    pub(crate) verdict: Verdict,
    pub(crate) excepted: bool,
}

impl Stance {
    /// Tells whether a match here keeps someone out, or out of an exception.
    pub(crate) fn refuses(self) -> bool {
        (self.verdict == Verdict::Refuse) != self.excepted
    }

    /// A word that has a plain meaning and that libwrap lets match nobody: it counts only where it refuses.
    pub(crate) fn doubtful(self, meaning: Pattern) -> (Pattern, Effect, &'static str) {
        if self.refuses() {
            (meaning, Effect::Stricter, "it is taken as meant, since it refuses")
        } else {
            (Pattern::Nobody, Effect::Stricter, "it matches nobody, since it would admit")
        }
    }

    /// A word without a meaning we know.
    ///
    /// To refuse everyone for one word in `hosts.deny` would lock out the person who could mend it; that is the one case
    /// in which the law gives way, and the remark says so.
    pub(crate) fn unreadable(self) -> (Pattern, Effect, &'static str) {
        match (self.verdict, self.excepted) {
            (Verdict::Admit, true) => (
                Pattern::Either(Text::All),
                Effect::Stricter,
                "nobody is admitted by the list before EXCEPT, since this exception cannot be told",
            ),
            (Verdict::Refuse, false) => (Pattern::Nobody, Effect::Looser, "it refuses nobody"),
            (Verdict::Admit, false) => (Pattern::Nobody, Effect::Stricter, "it admits nobody"),
            (Verdict::Refuse, true) => (Pattern::Nobody, Effect::Stricter, "it excepts nobody"),
        }
    }

    /// What it means when a pattern matches fewer than was meant.
    pub(crate) fn of_too_few(self) -> Effect {
        if self.refuses() { Effect::Looser } else { Effect::Stricter }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stances() -> impl Iterator<Item = Stance> {
        [Verdict::Admit, Verdict::Refuse]
            .into_iter()
            .flat_map(|verdict| [false, true].map(|excepted| Stance { verdict, excepted }))
    }

    #[test]
    fn only_an_unreadable_word_alone_in_a_refusing_rule_lets_anyone_through() {
        for stance in stances() {
            let looser = stance.unreadable().1 == Effect::Looser;
            assert_eq!(looser, stance.verdict == Verdict::Refuse && !stance.excepted, "{stance:?}");
            assert_eq!(stance.doubtful(Pattern::Local).1, Effect::Stricter);
        }
    }

    #[test]
    fn except_turns_the_law_round() {
        let counted = |stance: Stance| stance.doubtful(Pattern::Local).0 == Pattern::Local;
        assert_eq!(stances().map(counted).collect::<Vec<_>>(), [false, true, true, false]);
    }
}
