//! `/etc/ftpusers`: names that may never log in, whatever PAM thinks.
//!
//! A service file usually asks for the same list. It is looked at here too, because a service file that is missing or
//! was written by hand must not open the door to root.

use std::io::{self, Read};
use std::path::{Path, PathBuf};

use wharf_ipc::auth::{Attempt, Reason};

use crate::refused;
use crate::source::{Judgement, Source};

/// The most octets read; a longer list is an error, since names beyond it would come in.
const LONGEST: u64 = 1 << 20;

/// The list of refused names.
#[derive(Debug)]
pub struct Ftpusers {
    path: PathBuf,
}

impl Ftpusers {
    /// Names the file; it is read at each attempt, so changes act at once.
    #[must_use]
    pub fn at(path: &Path) -> Self {
        Self { path: path.to_owned() }
    }

    /// Reads the list; `None` when there is no file.
    fn read(&self) -> io::Result<Option<Vec<u8>>> {
        let file = match std::fs::File::open(&self.path) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(error),
        };
        let mut text = Vec::new();
        file.take(LONGEST + 1).read_to_end(&mut text)?;
        if text.len() as u64 > LONGEST {
            return Err(io::Error::new(io::ErrorKind::FileTooLarge, "longer than 1 MiB"));
        }
        Ok(Some(text))
    }
}

impl Source for Ftpusers {
    fn verify(&self, attempt: &Attempt) -> Option<Judgement> {
        let path = self.path.display();
        match self.read() {
            Ok(Some(text)) => {
                text.split(|octet| *octet == b'\n').any(|line| line == attempt.name).then(|| {
                    refused(Reason::Rule, format!("{path} names this user: remove the line to admit it"))
                })
            }
            Ok(None) => (attempt.name == b"root").then(|| {
                refused(
                    Reason::Rule,
                    format!("root may not log in while {path} is missing: create it without root"),
                )
            }),
            // Security: a list that cannot be read may name anybody.
            Err(error) => {
                Some(refused(Reason::Broken, format!("cannot read {path}: {error}; check the file")))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::conformance::{attempt, conforms, verdict};
    use wharf_ipc::auth::Verdict;

    fn list(text: &[u8]) -> (tempfile::TempDir, Ftpusers) {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("ftpusers");
        std::fs::write(&path, text).unwrap();
        (directory, Ftpusers::at(&path))
    }

    fn is_refused(source: &Ftpusers, name: &str) -> bool {
        matches!(verdict(source, &attempt(name, "x")), Some(Verdict::Refused { reason: Reason::Rule, .. }))
    }

    #[test]
    fn the_list_conforms_with_and_without_a_file() {
        conforms(&list(b"root\n").1);
        conforms(&Ftpusers::at(Path::new("/nonexistent/ftpusers")));
    }

    #[test]
    fn only_whole_lines_are_names() {
        let (_kept, source) = list(b"# refused\nroot\n bin\n#ann\nbob\r\ndaemon");
        for name in ["root", "daemon", "#ann"] {
            assert!(is_refused(&source, name), "{name}");
        }
        for name in ["bin", "ann", "bob", "Root", "roo", "rootx", "refused"] {
            assert!(verdict(&source, &attempt(name, "x")).is_none(), "{name}");
        }
    }

    #[test]
    fn without_a_file_root_alone_is_refused() {
        let source = Ftpusers::at(Path::new("/nonexistent/ftpusers"));
        assert!(is_refused(&source, "root"));
        assert!(source.verify(&attempt("ann", "x")).is_none());
    }

    #[test]
    fn a_list_without_root_admits_root() {
        let (_kept, source) = list(b"");
        assert!(verdict(&source, &attempt("root", "x")).is_none());
    }

    #[test]
    fn a_list_that_cannot_be_read_admits_nobody() {
        let directory = tempfile::tempdir().unwrap();
        let told = verdict(&Ftpusers::at(directory.path()), &attempt("ann", "x"));
        assert!(matches!(told, Some(Verdict::Refused { reason: Reason::Broken, .. })));
        let (_kept, source) = list(&vec![b'\n'; 2 << 20]);
        let told = verdict(&source, &attempt("ann", "x"));
        assert!(matches!(told, Some(Verdict::Refused { reason: Reason::Broken, .. })));
    }
}
