//! The page `docs/compat-score.md`.

use std::fmt::Write;

use crate::judge::{Outcome, Verdict};
use crate::suite::Played;

/// The most lines of one difference on the page.
const MOST_LINES: usize = 12;

/// How many rows have each verdict.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Count {
    pub(crate) same: usize,
    pub(crate) better: usize,
    pub(crate) different: usize,
}

impl Count {
    /// Counts rows.
    pub(crate) fn of<'a>(rows: impl Iterator<Item = &'a Outcome>) -> Self {
        rows.fold(Self::default(), |count, row| match row.verdict {
            Verdict::Same => Self { same: count.same + 1, ..count },
            Verdict::Better => Self { better: count.better + 1, ..count },
            Verdict::Different => Self { different: count.different + 1, ..count },
        })
    }

    /// Returns the number of rows.
    pub(crate) fn all(self) -> usize {
        self.same + self.better + self.different
    }

    /// Returns the score in words.
    pub(crate) fn score(self) -> String {
        let met = self.same + self.better;
        // A score is never rounded up to the next whole number.
        let tenths = (met * 1000).checked_div(self.all()).unwrap_or(0);
        format!("{met} of {} rows ({}.{} %)", self.all(), tenths / 10, tenths % 10)
    }
}

/// Returns the page.
pub(crate) fn page(chapters: &[Played], version: &str) -> String {
    let total = Count::of(chapters.iter().flat_map(|chapter| &chapter.rows));
    let mut page = format!(
        "# Compatibility with vsftpd, measured\n\n\
         <!-- Written by `cargo xtask compat`; do not edit. -->\n\n\
         Every row is a configuration, a tree of files and a dialogue, played against {version} and against `wharfd`; \
         replies, data, and where the row says so logs and files, are compared octet by octet. *Better* rows differ in \
         exactly the way that [compatibility.md](compatibility.md) or a decision explains. The rows are in \
         `compat/rows/`.\n\n\
         **Score: {}** the same or better; {} differ.\n\n\
         | Chapter | Rows | Same | Better | Different |\n|---|---:|---:|---:|---:|\n",
        total.score(),
        total.different
    );
    for chapter in chapters {
        table_row(&mut page, &chapter.title, Count::of(chapter.rows.iter()));
    }
    table_row(&mut page, "**All**", total);
    differences(&mut page, chapters);
    page.push_str("\n## Better\n");
    for chapter in chapters {
        for row in chapter.rows.iter().filter(|row| row.verdict == Verdict::Better) {
            let references =
                row.better.iter().map(|one| format!("[{}]({}), {}", one.file, one.file, one.words));
            append(
                &mut page,
                format_args!(
                    "\n- {} / {}: {}",
                    chapter.title,
                    row.name,
                    references.collect::<Vec<_>>().join("; ")
                ),
            );
        }
    }
    page.push('\n');
    page
}

fn table_row(page: &mut String, name: &str, count: Count) {
    let Count { same, better, different } = count;
    append(page, format_args!("| {name} | {} | {same} | {better} | {different} |\n", count.all()));
}

fn differences(page: &mut String, chapters: &[Played]) {
    page.push_str(
        "\n## Different\n\nLines with `-` are vsftpd's, lines with `+` ours, lines with `@` were said.\n",
    );
    for chapter in chapters {
        for row in chapter.rows.iter().filter(|row| row.verdict == Verdict::Different) {
            append(page, format_args!("\n**{} / {}**\n\n```diff\n", chapter.title, row.name));
            for line in row.lines.iter().take(MOST_LINES) {
                append(page, format_args!("{line}\n"));
            }
            if row.lines.len() > MOST_LINES {
                append(page, format_args!("({} more lines)\n", row.lines.len() - MOST_LINES));
            }
            page.push_str("```\n");
        }
    }
}

fn append(page: &mut String, text: std::fmt::Arguments<'_>) {
    // Writing to a String cannot fail.
    page.write_fmt(text).unwrap_or_default();
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_score_is_not_rounded_up() {
        let count = Count { same: 1998, better: 1, different: 1 };
        assert_eq!(count.score(), "1999 of 2000 rows (99.9 %)");
        assert_eq!(Count::default().score(), "0 of 0 rows (0.0 %)");
    }
}
