//! A problem in a configuration, told so that a person can mend it.

use std::borrow::Cow;
use std::fmt;
use std::path::{Path, PathBuf};

use bstr::{BString, ByteSlice};

/// How bad a problem is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Severity {
    /// The configuration cannot be used.
    Error,
    /// It can be used and probably does not do what was meant.
    Warning,
    /// Worth knowing.
    Note,
}

impl fmt::Display for Severity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Error => "error",
            Self::Warning => "warning",
            Self::Note => "note",
        })
    }
}

/// One problem: where it is, what it is, and what to try.
///
/// `Display` prints it over up to three lines, without a final line end and without any control
/// character from the file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// How bad it is.
    pub severity: Severity,
    /// The file it stands in, when it stands in one.
    pub file: Option<PathBuf>,
    /// The line, counted from 1.
    pub line: Option<usize>,
    /// The offending text as it stands in the file; may be empty.
    pub text: BString,
    /// What is wrong, in vsftpd's words where it has words for it.
    pub message: String,
    /// What to try.
    pub suggestion: Option<String>,
}

impl Problem {
    pub(crate) fn new(severity: Severity, message: impl Into<String>) -> Self {
        Self {
            severity,
            file: None,
            line: None,
            text: BString::default(),
            message: message.into(),
            suggestion: None,
        }
    }

    /// Makes an error that stands in no file.
    pub fn error(message: impl Into<String>) -> Self {
        Self::new(Severity::Error, message)
    }

    pub(crate) fn warning(message: impl Into<String>) -> Self {
        Self::new(Severity::Warning, message)
    }

    pub(crate) fn note(message: impl Into<String>) -> Self {
        Self::new(Severity::Note, message)
    }

    pub(crate) fn suggest(mut self, suggestion: impl Into<String>) -> Self {
        self.suggestion = Some(suggestion.into());
        self
    }

    pub(crate) fn quote(mut self, text: impl Into<BString>) -> Self {
        self.text = text.into();
        self
    }

    pub(crate) fn at(mut self, file: Option<&Path>, line: Option<usize>) -> Self {
        self.file = file.map(Path::to_owned);
        self.line = line;
        self
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(file) = &self.file {
            write!(f, "{}:", printable(file.as_os_str().as_encoded_bytes()))?;
            if let Some(line) = self.line {
                write!(f, "{line}:")?;
            }
            write!(f, " ")?;
        }
        write!(f, "{}: {}", self.severity, quiet(&self.message))?;
        if !self.text.is_empty() {
            write!(f, "\n  | {}", printable(&self.text))?;
        }
        if let Some(suggestion) = &self.suggestion {
            write!(f, "\n  = help: {}", quiet(suggestion))?;
        }
        Ok(())
    }
}

/// The longest piece of a file that is shown.
const SHOWN: usize = 160;

/// Makes octets fit to be shown: control characters and stray octets become `\xNN`, long text is cut.
// Security: a configuration under test may come from anyone; it must not speak to the terminal.
pub(crate) fn printable(octets: &[u8]) -> String {
    let mut shown = String::new();
    for (start, end, character) in octets.char_indices() {
        if shown.len() > SHOWN {
            shown.push('…');
            break;
        }
        let octets = octets.get(start..end).unwrap_or_default();
        let is_stray = character == char::REPLACEMENT_CHARACTER && octets != "\u{fffd}".as_bytes();
        if character.is_control() || is_stray {
            octets.iter().for_each(|octet| shown.push_str(&format!("\\x{octet:02X}")));
        } else {
            shown.push(character);
        }
    }
    shown
}

/// Takes control characters out of our own words, which may name a value or a path.
fn quiet(text: &str) -> Cow<'_, str> {
    if text.contains(char::is_control) {
        text.chars().map(|c| if c.is_control() { '?' } else { c }).collect()
    } else {
        Cow::Borrowed(text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_problem_names_place_text_and_cure() {
        let problem = Problem::error("bad bool value in config file for: listen")
            .at(Some(Path::new("/etc/vsftpd.conf")), Some(3))
            .quote("listen=ON")
            .suggest("write YES");
        assert_eq!(
            problem.to_string(),
            "/etc/vsftpd.conf:3: error: bad bool value in config file for: listen\n  | listen=ON\n  = help: write YES"
        );
    }

    #[test]
    fn nothing_in_a_file_can_speak_to_the_terminal() {
        let problem = Problem::error("no directory: /srv/\x1b[2J").suggest("create /srv/\x1b[2J");
        assert_eq!(problem.to_string(), "error: no directory: /srv/?[2J\n  = help: create /srv/?[2J");
        assert_eq!(printable(b"a\x1b[2Jb\xff\xc3\xbc"), "a\\x1B[2Jb\\xFFü");
    }
}
