//! The command line.

use std::ffi::OsString;
use std::io;
use std::path::PathBuf;

const USAGE: &str = "usage: wharf-bench [--quick] [--wharfd FILE] [--vsftpd FILE] [--output FILE]";

/// What was asked for.
#[derive(Debug)]
pub(crate) struct Options {
    /// Less work and fewer turns: to see that everything runs, not to quote.
    pub(crate) quick: bool,
    /// The server to measure; built from this workspace when not named.
    pub(crate) wharfd: Option<PathBuf>,
    /// The server to measure it by.
    pub(crate) vsftpd: PathBuf,
    /// Where the page goes; a quick run is only printed unless a file is named.
    pub(crate) output: Option<PathBuf>,
}

impl Options {
    /// Reads the arguments.
    ///
    /// # Errors
    /// The usage, when an argument is unknown or lacks its value.
    pub(crate) fn from_arguments(mut arguments: impl Iterator<Item = OsString>) -> io::Result<Self> {
        let usage = || io::Error::other(USAGE);
        let (mut quick, mut wharfd, mut vsftpd, mut output) = (false, None, None, None);
        while let Some(argument) = arguments.next() {
            let slot = match argument.to_str() {
                Some("--quick") => {
                    quick = true;
                    continue;
                }
                Some("--wharfd") => &mut wharfd,
                Some("--vsftpd") => &mut vsftpd,
                Some("--output") => &mut output,
                _ => return Err(usage()),
            };
            *slot = Some(PathBuf::from(arguments.next().ok_or_else(usage)?));
        }
        let page = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/benchmarks/first.md");
        let output = output.or_else(|| (!quick).then(|| page.into()));
        Ok(Self { quick, wharfd, vsftpd: vsftpd.unwrap_or_else(|| "/usr/sbin/vsftpd".into()), output })
    }

    /// Returns how many counted turns each server gets.
    pub(crate) fn runs(&self) -> usize {
        if self.quick { 1 } else { 5 }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(arguments: &[&str]) -> io::Result<Options> {
        Options::from_arguments(arguments.iter().map(OsString::from))
    }

    #[test]
    fn a_quick_run_does_not_overwrite_the_published_page() {
        assert!(read(&["--quick"]).unwrap().output.is_none());
        assert!(read(&[]).unwrap().output.is_some());
    }

    #[test]
    fn an_option_without_its_value_is_refused() {
        assert!(read(&["--wharfd"]).is_err());
        assert!(read(&["--fast"]).is_err());
    }
}
