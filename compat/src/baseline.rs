//! The committed result, one line for each row, and what got worse since.

use std::collections::BTreeMap;

use crate::judge::Verdict;
use crate::suite::Played;

/// Verdicts by chapter and row.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Baseline(BTreeMap<(String, String), Verdict>);

impl Baseline {
    /// Takes the verdicts of a run; a row that was skipped is what it was before.
    pub(crate) fn of(chapters: &[Played], before: &Self) -> Self {
        let rows = chapters.iter().flat_map(|chapter| {
            chapter.rows.iter().map(|row| ((chapter.title.clone(), row.name.clone()), row.verdict))
        });
        let skipped = chapters.iter().flat_map(|chapter| {
            chapter.skipped.iter().filter_map(|row| {
                let key = (chapter.title.clone(), row.clone());
                before.0.get(&key).map(|verdict| (key, *verdict))
            })
        });
        Self(rows.chain(skipped).collect())
    }

    /// Reads the committed text; lines that are no verdicts are comments.
    pub(crate) fn read(text: &str) -> Self {
        let rows = text.lines().filter_map(|line| {
            let mut fields = line.splitn(3, '\t');
            let (verdict, chapter, row) = (fields.next()?, fields.next()?, fields.next()?);
            Some(((chapter.to_owned(), row.to_owned()), Verdict::named(verdict)?))
        });
        Self(rows.collect())
    }

    /// Returns the text to commit.
    pub(crate) fn text(&self) -> String {
        let mut text =
            "# What `cargo xtask compat` found, row by row. It fails when one of these gets worse.\n"
                .to_owned();
        for ((chapter, row), verdict) in &self.0 {
            text.push_str(&format!("{}\t{chapter}\t{row}\n", verdict.name()));
        }
        text
    }

    /// Returns what is worse than in this baseline, one sentence each. A row that is gone is worse too.
    pub(crate) fn worse(&self, now: &Self) -> Vec<String> {
        let told = |((chapter, row), before): (&(String, String), &Verdict)| match now
            .0
            .get(&(chapter.clone(), row.clone()))
        {
            Some(now) if *now == Verdict::Different && now > before => {
                Some(format!("{chapter} / {row}: was {}, is {}", before.name(), now.name()))
            }
            Some(_) => None,
            None => Some(format!("{chapter} / {row}: was {}, is gone", before.name())),
        };
        self.0.iter().filter_map(told).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_text_is_read_as_it_was_written() {
        let text = "# comment\nsame\tA\tone\ndifferent\tA\ttwo\n";
        let baseline = Baseline::read(text);
        assert_eq!(Baseline::read(&baseline.text()), baseline);
    }

    #[test]
    fn a_skipped_row_is_what_it_was() {
        let before = Baseline::read("better\tA\tone\n");
        let chapter =
            Played { title: "A".into(), rows: Vec::new(), skipped: vec!["one".into(), "new".into()] };
        assert_eq!(Baseline::of(&[chapter], &before), before);
    }

    #[test]
    fn worse_are_rows_that_differ_now_and_rows_that_are_gone() {
        let before = Baseline::read("same\tA\tone\nbetter\tA\ttwo\nsame\tA\tthree\ndifferent\tA\tfour\n");
        let now = Baseline::read("different\tA\tone\nsame\tA\ttwo\ndifferent\tA\tfour\nsame\tB\tnew\n");
        let worse = before.worse(&now);
        assert_eq!(worse, ["A / one: was same, is different", "A / three: was same, is gone"]);
    }
}
