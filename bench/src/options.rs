//! The command line.

use std::ffi::OsString;
use std::io;
use std::path::PathBuf;
use std::time::Duration;

const USAGE: &str = "usage: wharf-bench [compare|load] [--quick] [--alone] [--rows TEXT] [--wharfd FILE] [--vsftpd FILE] [--output DIR]
  compare   speed, processor time and memory of every server: peers.md
  load      many idle sessions beside many downloads: load.md
  Without a word both are done. With --alone only wharfd is measured, with --quick less is done, with --rows only the
  pieces of work whose names hold the text; then the pages are printed, and written only when a directory is named.";

/// What was asked for.
#[derive(Debug)]
pub(crate) struct Options {
    /// The one page that is wanted; all of them when not named.
    pub(crate) only: Option<Page>,
    /// Less work and fewer turns: to see that everything runs, not to quote.
    pub(crate) quick: bool,
    /// Nobody to measure it by: for profiles.
    pub(crate) alone: bool,
    /// The server to measure; built from this workspace when not named.
    pub(crate) wharfd: Option<PathBuf>,
    /// The vsftpd to measure it by; that of the distribution when not named.
    pub(crate) vsftpd: Option<PathBuf>,
    /// Only pieces of work whose names hold this.
    pub(crate) rows: Option<String>,
    /// The directory of the pages; those of a lesser run are only printed unless one is named.
    pub(crate) output: Option<PathBuf>,
}

/// What may be spent on each row.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Pace {
    /// The counted turns of each server in a row that leaves time for the others, and in one that takes longer.
    pub(crate) most: usize,
    pub(crate) least: usize,
    /// What all rows together are meant to take: each may use an equal part of what is left.
    pub(crate) all: Duration,
    /// From this on a peer is given less to do in each turn.
    pub(crate) slow: Duration,
    /// How long a turn of many small pieces goes on.
    pub(crate) longest: Duration,
}

/// What is written about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Page {
    /// Each piece of work by itself.
    Compare,
    /// Much at once.
    Load,
}

impl Page {
    /// Returns the name of its file.
    pub(crate) fn file(self) -> &'static str {
        match self {
            Self::Compare => "peers.md",
            Self::Load => "load.md",
        }
    }
}

impl Options {
    /// Reads the arguments.
    ///
    /// # Errors
    /// The usage, when an argument is unknown or lacks its value.
    pub(crate) fn from_arguments(mut arguments: impl Iterator<Item = OsString>) -> io::Result<Self> {
        let usage = || io::Error::other(USAGE);
        let (mut only, mut quick, mut alone) = (None, false, false);
        let (mut wharfd, mut vsftpd, mut output, mut rows) = (None, None, None, None);
        while let Some(argument) = arguments.next() {
            let slot = match argument.to_str() {
                Some("--quick") => {
                    quick = true;
                    continue;
                }
                Some("--alone") => {
                    alone = true;
                    continue;
                }
                Some("compare") => {
                    only = Some(Page::Compare);
                    continue;
                }
                Some("load") => {
                    only = Some(Page::Load);
                    continue;
                }
                Some("--wharfd") => &mut wharfd,
                Some("--vsftpd") => &mut vsftpd,
                Some("--output") => &mut output,
                Some("--rows") => &mut rows,
                _ => return Err(usage()),
            };
            *slot = Some(PathBuf::from(arguments.next().ok_or_else(usage)?));
        }
        let pages = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/benchmarks");
        let is_whole = !quick && !alone && rows.is_none();
        let output = output.or_else(|| is_whole.then(|| pages.into()));
        let rows = rows.map(|rows| rows.to_string_lossy().into_owned());
        Ok(Self { only, quick, alone, wharfd, vsftpd, rows, output })
    }

    /// Returns whether a page is wanted.
    pub(crate) fn wants(&self, page: Page) -> bool {
        self.only.is_none_or(|only| only == page)
    }

    /// Returns what may be spent on each row.
    pub(crate) fn pace(&self) -> Pace {
        let (seconds, millis) = (Duration::from_secs, Duration::from_millis);
        if self.quick {
            Pace { most: 3, least: 2, all: seconds(330), slow: millis(2_500), longest: seconds(1) }
        } else {
            Pace { most: 5, least: 3, all: seconds(22 * 60), slow: seconds(8), longest: seconds(2) }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(arguments: &[&str]) -> io::Result<Options> {
        Options::from_arguments(arguments.iter().map(OsString::from))
    }

    #[test]
    fn a_lesser_run_does_not_overwrite_the_published_pages() {
        assert!(read(&["--quick"]).unwrap().output.is_none());
        assert!(read(&["load", "--alone"]).unwrap().output.is_none());
        assert!(read(&["--rows", "LIST"]).unwrap().output.is_none());
        assert!(read(&[]).unwrap().output.is_some());
    }

    #[test]
    fn a_word_leaves_the_other_page_alone() {
        let options = read(&["load"]).unwrap();
        assert!(options.wants(Page::Load) && !options.wants(Page::Compare));
        assert!(read(&[]).unwrap().wants(Page::Compare));
    }

    #[test]
    fn an_option_without_its_value_is_refused() {
        assert!(read(&["--wharfd"]).is_err());
        assert!(read(&["--fast"]).is_err());
    }
}
