//! What can be wrong with the file or with a wish about it, in a sentence for a person.

use std::fmt;
use std::io;
use std::path::Path;

/// What a caller can act on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// There is no file. Where it is optional, that means no users.
    Missing,
    /// The file is not to be trusted: somebody else could have written it, or can read the hashes.
    Unsafe,
    /// The file, or a line of it, cannot be used.
    Broken,
    /// The wish cannot be fulfilled, and nothing was changed.
    Refused,
}

/// A failure: its kind, and a sentence that names the file and what to try.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    /// What a caller can act on.
    pub kind: Kind,
    text: String,
}

impl Fault {
    pub(crate) fn new(kind: Kind, text: impl Into<String>) -> Self {
        Self { kind, text: text.into() }
    }

    pub(crate) fn refused(text: impl Into<String>) -> Self {
        Self::new(Kind::Refused, text)
    }

    /// Something is wrong with one line of a file.
    pub(crate) fn at(path: &Path, line: usize, text: &str) -> Self {
        Self::new(Kind::Broken, format!("{}:{line}: {text}", path.display()))
    }

    /// The system refused a step.
    pub(crate) fn system(path: &Path, step: &str, error: &io::Error) -> Self {
        let path = path.display();
        match error.kind() {
            io::ErrorKind::NotFound => {
                Self::new(Kind::Missing, format!("{path} does not exist: 'wharfd user add' makes it"))
            }
            io::ErrorKind::PermissionDenied => {
                Self::new(Kind::Broken, format!("cannot {step} {path}: {error}; try it as root"))
            }
            _ => Self::new(Kind::Broken, format!("cannot {step} {path}: {error}")),
        }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl std::error::Error for Fault {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_missing_file_is_told_apart_and_a_forbidden_one_says_what_to_try() {
        let path = Path::new("/etc/wharfd.users");
        let missing = Fault::system(path, "open", &io::Error::from(io::ErrorKind::NotFound));
        assert_eq!(missing.kind, Kind::Missing);
        assert_eq!(missing.to_string(), "/etc/wharfd.users does not exist: 'wharfd user add' makes it");
        let forbidden = Fault::system(path, "open", &io::Error::from(io::ErrorKind::PermissionDenied));
        assert_eq!(forbidden.to_string(), "cannot open /etc/wharfd.users: permission denied; try it as root");
        let other = Fault::system(path, "read", &io::Error::from(io::ErrorKind::IsADirectory));
        assert_eq!(
            (other.kind, other.to_string().as_str()),
            (Kind::Broken, "cannot read /etc/wharfd.users: is a directory")
        );
    }

    #[test]
    fn a_fault_of_a_line_begins_as_compilers_do() {
        assert_eq!(Fault::at(Path::new("/f"), 3, "no").to_string(), "/f:3: no");
    }
}
