//! The command line of the suite.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

const USAGE: &str = "\
usage: wharf-compat --vsftpd FILE --wharfd FILE [--only WORDS] [--accept] [--all]

  --only WORDS   runs the rows whose chapter, site or name holds these words; writes nothing
  --accept       writes the result as the new baseline, also when rows got worse
  --all          shows every line of every difference";

/// What the suite is asked to do.
#[derive(Debug)]
pub(crate) struct Options {
    /// The original's executable.
    pub(crate) vsftpd: PathBuf,
    /// Our executable.
    pub(crate) wharfd: PathBuf,
    /// Runs only the rows that hold these words.
    pub(crate) only: Option<String>,
    /// Writes the baseline even when rows got worse.
    pub(crate) accept: bool,
    /// Shows differences whole.
    pub(crate) all: bool,
}

impl Options {
    /// Reads a command line.
    ///
    /// # Errors
    /// Says what is missing or unknown.
    pub(crate) fn read(arguments: impl Iterator<Item = OsString>) -> Result<Self, String> {
        let (mut vsftpd, mut wharfd, mut only, mut accept, mut all) = (None, None, None, false, false);
        let mut arguments = arguments;
        while let Some(argument) = arguments.next() {
            let mut value = || arguments.next().ok_or(format!("{} needs a value", argument.display()));
            match argument.to_str() {
                Some("--vsftpd") => vsftpd = Some(PathBuf::from(value()?)),
                Some("--wharfd") => wharfd = Some(PathBuf::from(value()?)),
                Some("--only") => only = Some(value()?.to_string_lossy().into_owned()),
                Some("--accept") => accept = true,
                Some("--all") => all = true,
                _ => return Err(format!("what is {}?\n{USAGE}", argument.display())),
            }
        }
        let (Some(vsftpd), Some(wharfd)) = (vsftpd, wharfd) else {
            return Err(format!("both servers are needed\n{USAGE}"));
        };
        Ok(Self { vsftpd, wharfd, only, accept, all })
    }
}

/// Returns the directory of this crate, where rows and baseline lie.
pub(crate) fn here() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// Returns the directory of the documents.
pub(crate) fn documents() -> PathBuf {
    here().join("../docs")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_servers_must_be_named() {
        let read = |words: &[&str]| Options::read(words.iter().map(OsString::from));
        assert!(read(&["--vsftpd", "/a"]).is_err());
        assert!(read(&["--vsftpd", "/a", "--wharfd", "/b", "--fly"]).is_err());
        let options = read(&["--vsftpd", "/a", "--wharfd", "/b", "--only", "x"]).unwrap();
        assert_eq!(options.only.as_deref(), Some("x"));
    }
}
