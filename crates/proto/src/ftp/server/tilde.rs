//! `~name` at the head of a pathname, spelled out once for all verbs before they run (`tilde_user_enable`).
//!
//! A plain `~` is the session's own start directory and needs nobody's word: `access` expands it. What users there
//! are is storage's business, which knows those below its root and no others.

use super::ask::{Ask, Step};
use super::command::Spec;
use super::session::Session;

/// Runs a verb, after a user's home directory has been put in the place of `~name`.
///
/// Compat: where nobody is called so the argument stays as it is, as in vsftpd.
pub(super) fn start(session: &mut Session, spec: &'static Spec, argument: &[u8]) -> Step {
    let Some(tilde) = session.policy.tilde_user.then(|| Tilde::find(spec, argument)).flatten() else {
        return (spec.start)(session, argument);
    };
    let argument = argument.to_vec();
    Ask::home(tilde.name.to_vec(), move |session, home| {
        let spelled = match (home, Tilde::find(spec, &argument)) {
            (Ok(Some(home)), Some(tilde)) => tilde.spell(home.as_bytes()),
            _ => argument,
        };
        (spec.start)(session, &spelled)
    })
}

/// An argument with `~name` in it, taken apart.
struct Tilde<'a> {
    before: &'a [u8],
    name: &'a [u8],
    /// Empty, or beginning with a slash.
    below: &'a [u8],
}

impl<'a> Tilde<'a> {
    fn find(spec: &Spec, argument: &'a [u8]) -> Option<Self> {
        let pathname = (spec.pathname)(argument);
        let named = pathname.strip_prefix(b"~")?;
        let end = named.iter().position(|&octet| octet == b'/').unwrap_or(named.len());
        let (name, below) = named.split_at(end);
        let before = argument.get(..argument.len() - pathname.len())?;
        (!name.is_empty()).then_some(Self { before, name, below })
    }

    fn spell(&self, home: &[u8]) -> Vec<u8> {
        // The home `/` has its slash already.
        let home = if home == b"/" && !self.below.is_empty() { &[] } else { home };
        [self.before, home, self.below].concat()
    }
}

#[cfg(test)]
mod tests {
    use super::super::command;
    use super::*;

    fn spelled(line: &[u8], home: &[u8]) -> Option<String> {
        let line = crate::ftp::command::Command::parse(line);
        let spec = command::find(&line.verb).unwrap();
        let tilde = Tilde::find(spec, line.argument)?;
        Some(String::from_utf8(tilde.spell(home)).unwrap())
    }

    #[test]
    fn the_home_takes_the_place_of_the_name_wherever_the_verb_has_its_pathname() {
        for (line, argument) in [
            ("CWD ~bob", "/h/bob"),
            ("CWD ~bob/", "/h/bob/"),
            ("RETR ~bob/a b", "/h/bob/a b"),
            ("LIST -a -l ~bob/x", "-a -l /h/bob/x"),
            ("SITE CHMOD 644 ~bob/x", "CHMOD 644 /h/bob/x"),
            ("MDTM ~bob/x", "/h/bob/x"),
            ("MDTM 20200101000000 ~bob/x", "20200101000000 /h/bob/x"),
            ("MFMT 20200101000000 ~bob/x", "20200101000000 /h/bob/x"),
        ] {
            assert_eq!(spelled(line.as_bytes(), b"/h/bob").as_deref(), Some(argument), "{line}");
        }
        assert_eq!(spelled(b"CWD ~root/x", b"/").as_deref(), Some("/x"));
        assert_eq!(spelled(b"CWD ~root", b"/").as_deref(), Some("/"));
    }

    #[test]
    fn what_names_nobody_is_left_alone() {
        for line in
            ["CWD ~", "CWD ~/x", "CWD a~bob", "CWD /~bob", "CWD", "SITE UMASK ~bob", "PASS ~bob", "TYPE ~bob"]
        {
            assert_eq!(spelled(line.as_bytes(), b"/h/bob"), None, "{line}");
        }
    }
}
