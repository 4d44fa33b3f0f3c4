//! What a session remembers: who it is, where it is, and what the next transfer will do.
//!
//! States own their data; being logged in *is* holding a [`LoggedIn`]. Nothing here decides anything.

use super::ask::Route;
use super::policy::Class;
use crate::path::VirtualPath;
use crate::store::{Algorithm, Facts, Part};

/// How many directories a session remembers to have shown the message of; then the oldest is forgotten.
const SHOWN_MESSAGES: usize = 64;

/// How hard MODE Z compresses unless OPTS says otherwise; zlib's own choice.
const USUAL_LEVEL: u8 = 6;

pub(super) enum State {
    NotLoggedIn(Visitor),
    LoggedIn(Box<LoggedIn>),
}

/// Someone who has not logged in.
#[derive(Default)]
pub(super) struct Visitor {
    /// What USER said, until PASS takes it.
    pub(super) name: Option<Vec<u8>>,
    /// Whose password was refused a moment ago, for the records until the next command.
    pub(super) refused: Option<Vec<u8>>,
    /// Wrong passwords and refused names together.
    pub(super) failures: u32,
    /// Commands that need a login.
    pub(super) strangers: u8,
}

/// Someone who has.
pub(super) struct LoggedIn {
    pub(super) user: Vec<u8>,
    pub(super) class: Class,
    pub(super) anonymous_password: Option<Vec<u8>>,
    /// Where the session began; `~` is short for it.
    pub(super) start: VirtualPath,
    pub(super) cwd: VirtualPath,
    /// TYPE A, the type every session begins with (RFC 959 §3.1.1.1).
    pub(super) ascii: bool,
    pub(super) umask: u32,
    /// REST's position, for the next transfer only.
    pub(super) restart: u64,
    /// MODE Z: data is compressed on its way.
    pub(super) deflates: bool,
    /// How hard, 1 to 9.
    pub(super) level: u8,
    /// RANG's part, for the next RETR or HASH only.
    pub(super) part: Option<Box<Part>>,
    /// How HASH takes hashes.
    pub(super) algorithm: Algorithm,
    /// SITE CPFR's pathname, waiting for CPTO.
    pub(super) copy_from: Option<Box<Pathname>>,
    /// RNFR's pathname, waiting for RNTO.
    pub(super) rename_from: Option<Box<Pathname>>,
    /// What PASV, EPSV, PORT or EPRT prepared, for the next transfer only.
    pub(super) prepared: Option<Route>,
    /// EPSV ALL: nothing but EPSV prepares a data connection any more (RFC 2428 §4).
    pub(super) only_epsv: bool,
    /// What MLST and MLSD tell.
    pub(super) facts: Facts,
    shown: Vec<u64>,
}

/// A pathname that may be used: as it is resolved, and as a log shows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Pathname {
    pub(super) path: VirtualPath,
    /// The current directory and what was typed, `..` and all (the form of vsftpd's logs).
    pub(super) logged: Vec<u8>,
    /// What was typed, `~` expanded.
    pub(super) typed: Vec<u8>,
}

impl LoggedIn {
    pub(super) fn new(user: Vec<u8>, class: Class, start: VirtualPath, umask: u32) -> Self {
        Self {
            user,
            class,
            anonymous_password: None,
            cwd: start.clone(),
            start,
            ascii: true,
            umask,
            restart: 0,
            deflates: false,
            level: USUAL_LEVEL,
            part: None,
            algorithm: Algorithm::Sha256,
            copy_from: None,
            rename_from: None,
            prepared: None,
            only_epsv: false,
            facts: Facts::USUAL,
            shown: Vec::new(),
        }
    }

    /// Tells whether this directory's message is still to be shown, and remembers that it now is.
    pub(super) fn shows_message_of(&mut self, directory: &VirtualPath) -> bool {
        use std::hash::{DefaultHasher, Hash, Hasher};
        let mut hasher = DefaultHasher::new();
        directory.hash(&mut hasher);
        let mark = hasher.finish();
        if self.shown.contains(&mark) {
            return false;
        }
        // Security: a peer may walk through any number of directories; our memory of it is bounded.
        if self.shown.len() == SHOWN_MESSAGES {
            self.shown.remove(0);
        }
        self.shown.push(mark);
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn someone() -> LoggedIn {
        LoggedIn::new(b"u".to_vec(), Class::Local, VirtualPath::root(), 0o77)
    }

    #[test]
    fn a_message_is_shown_once_for_each_directory() {
        let mut someone = someone();
        let directory = VirtualPath::absolute(b"/a").unwrap();
        assert!(someone.shows_message_of(&directory));
        assert!(!someone.shows_message_of(&directory));
        assert!(someone.shows_message_of(&VirtualPath::root()));
    }

    #[test]
    fn the_memory_of_shown_messages_is_bounded() {
        let mut someone = someone();
        for number in 0..1000 {
            someone.shows_message_of(&VirtualPath::absolute(format!("/{number}").as_bytes()).unwrap());
        }
        assert_eq!(someone.shown.len(), SHOWN_MESSAGES);
    }
}
