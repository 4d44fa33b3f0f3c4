//! Takes a command line apart into verb and argument (RFC 959 §5.3.1).
//!
//! What verbs exist and what their arguments mean is [`super::server`]'s business.

/// A command: its verb in upper case, and all octets behind the first blank.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Command<'a> {
    /// Upper case.
    pub verb: Vec<u8>,
    /// Untouched: further blanks belong to it.
    pub argument: &'a [u8],
}

impl<'a> Command<'a> {
    /// Splits a line at its first blank. Only a blank separates; a TAB is part of the verb.
    #[must_use]
    pub fn parse(line: &'a [u8]) -> Self {
        let mut halves = line.splitn(2, |&octet| octet == b' ');
        let verb = halves.next().unwrap_or_default().to_ascii_uppercase();
        Self { verb, argument: halves.next().unwrap_or_default() }
    }

    /// The command as a log may show it: a password is never in it.
    #[must_use]
    pub fn masked(&self) -> Vec<u8> {
        let mut shown = self.verb.clone();
        // Security: the word is there even for an empty password, so that its length stays unknown.
        let argument = if self.verb == b"PASS" { &b"<password>"[..] } else { self.argument };
        if !argument.is_empty() {
            shown.push(b' ');
            shown.extend_from_slice(argument);
        }
        shown
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_first_blank_separates() {
        let command = Command::parse(b"cwd  d ");
        assert_eq!((&command.verb[..], command.argument), (&b"CWD"[..], &b" d "[..]));
        assert_eq!(Command::parse(b"NOOP\t").verb, b"NOOP\t");
        assert_eq!(Command::parse(b"").verb, b"");
    }

    #[test]
    fn a_password_is_never_shown() {
        assert_eq!(Command::parse(b"pass hunter2").masked(), b"PASS <password>");
        assert_eq!(Command::parse(b"PASS").masked(), b"PASS <password>");
        assert_eq!(Command::parse(b"retr a b").masked(), b"RETR a b");
    }
}
