//! LIST, NLST and MLSD, which differ in how lines look (RFC 959 §4.1.3, RFC 3659 §7); STAT shares their
//! arguments. The lines themselves are made by the broker.

use super::access::Purpose;
use super::ask::{Ask, Direction, Move, Outcome, Route, Step};
use super::session::Session;
use crate::entry::Kind;
use crate::failure::Failure;
use crate::ftp::reply::Reply;
use crate::store::{Format, List, ListFlags, Looked};

/// What LIST and its kin are given: flags and a pathname.
pub(super) struct Wish<'a> {
    pub(super) flags: ListFlags,
    /// `l`: long lines, even in NLST.
    pub(super) long: bool,
    pub(super) pathname: &'a [u8],
}

impl<'a> Wish<'a> {
    /// Reads `-flags` groups and then a pathname, blanks and all.
    ///
    /// Compat: letters that mean nothing are passed over, as `ls` options are sent by habit. vsftpd takes a
    /// second group for a name; `LIST -a -l` then lists nothing, which no client wants.
    pub(super) fn parse(argument: &'a [u8]) -> Self {
        let mut wish = Self::plain(argument);
        while wish.pathname.starts_with(b"-") {
            let mut halves = wish.pathname.splitn(2, |&octet| octet == b' ');
            let group = halves.next().unwrap_or_default();
            wish.pathname = halves.next().unwrap_or_default();
            if group == b"--" {
                break;
            }
            group.iter().for_each(|&letter| wish.take(letter));
        }
        wish
    }

    fn plain(pathname: &'a [u8]) -> Self {
        Self { flags: ListFlags::default(), long: false, pathname }
    }

    fn take(&mut self, letter: u8) {
        match letter {
            b'a' => self.flags.all = true,
            b'r' => self.flags.reverse = true,
            b't' => self.flags.by_time = true,
            b'F' => self.flags.classify = true,
            b'R' => self.flags.recurse = true,
            b'l' => self.long = true,
            _ => {}
        }
    }

    /// Takes the wish to a question for the broker.
    ///
    /// # Errors
    /// The reply to give.
    pub(super) fn resolve(&self, session: &mut Session, format: Format) -> Result<List, Reply> {
        let typed: &[u8] = if self.pathname.is_empty() { b"." } else { self.pathname };
        let name = session.resolve(typed, Purpose::Any, Reply::CouldNotOpenDirectory)?;
        let last = name.typed.rsplit(|&octet| octet == b'/').next().unwrap_or_default();
        let pattern = takes_flags(&format) && last.iter().any(|octet| b"*?{".contains(octet));
        let flags = self.flags;
        Ok(List { path: name.path, prefix: name.typed, pattern, format, flags })
    }
}

/// Finds the pathname behind the flags.
pub(super) fn pathname(argument: &[u8]) -> &[u8] {
    Wish::parse(argument).pathname
}

/// Begins a listing over the data connection.
pub(super) fn start(session: &mut Session, argument: &[u8], format: Format) -> Step {
    let route = match session.route() {
        Ok(route) => route,
        Err(refusal) => return Step::Reply(refusal),
    };
    let facts = !takes_flags(&format);
    let wish = if facts { Wish::plain(argument) } else { Wish::parse(argument) };
    let format = if wish.long { Format::Long } else { format };
    match wish.resolve(session, format) {
        // Compat: a missing pathname is an empty listing, as in vsftpd, unless the site wants it told.
        Ok(list) if facts || (session.policy.list_missing_is_error && !list.pattern) => {
            Ask::look(list.path.clone(), move |_, looked| after_look(list, route, looked))
        }
        Ok(list) => open(list, route),
        Err(refusal) => Step::Reply(refusal),
    }
}

fn after_look(list: List, route: Route, looked: Result<Looked, Failure>) -> Step {
    match (&list.format, looked) {
        (_, Err(_)) => Step::Reply(Reply::CouldNotOpenDirectory),
        (Format::Facts(_), Ok(looked)) if looked.entry.kind != Kind::Directory => {
            Step::Reply(Reply::NotADirectory)
        }
        _ => open(list, route),
    }
}

fn open(list: List, route: Route) -> Step {
    let facts = matches!(list.format, Format::Facts(_));
    Ask::list(list, move |session, opened| match opened {
        Ok(true) => send(session, route, true),
        Ok(false) if !facts => send(session, route, false),
        Err(Failure::Denied | Failure::Forbidden) => Step::Reply(Reply::PermissionDenied),
        Ok(false) | Err(_) => Step::Reply(Reply::CouldNotOpenDirectory),
    })
}

fn send(session: &mut Session, route: Route, opened: bool) -> Step {
    session.connect(route, Reply::OpeningListing, move |session, connected| {
        if let Err(why) = connected {
            return session.not_connected(why, Direction::Download);
        }
        let (rate, names) = (session.rate(), session.translation());
        // Lines end in CR LF whatever TYPE says, so nothing is converted.
        let moving = Move {
            direction: Direction::Download,
            ascii: false,
            at: 0,
            truncate: None,
            rate,
            size: None,
            names,
        };
        session.protect(Direction::Download, move |session, protected| match protected {
            Ok(()) => {
                Session::move_octets(moving, move |session, moved| sent(session, moved.outcome, opened))
            }
            Err(why) => session.not_protected(&why, Direction::Download),
        })
    })
}

fn sent(session: &mut Session, outcome: Outcome, opened: bool) -> Step {
    let complete = if opened { Reply::DirectorySent } else { Reply::DirectoryNotOpened };
    let outcome = match outcome {
        // A listing that breaks off inside is no file that failed: the peer sees an early end.
        Outcome::FileFailed(_) => Outcome::NetworkFailed,
        other => other,
    };
    session.moved(outcome, Direction::Download, complete)
}

/// MLSD's argument is a pathname and nothing else (RFC 3659 §7.2).
fn takes_flags(format: &Format) -> bool {
    !matches!(format, Format::Facts(_))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn groups_of_flags_are_joined_and_the_rest_is_one_pathname() {
        let wish = Wish::parse(b"-a -lt sp ace");
        assert!(wish.flags.all && wish.flags.by_time && wish.long && !wish.flags.reverse);
        assert_eq!(wish.pathname, b"sp ace");
    }

    #[test]
    fn two_hyphens_end_the_flags() {
        assert_eq!(Wish::parse(b"-- -dash").pathname, b"-dash");
        assert_eq!(Wish::parse(b"-dash").pathname, b"");
    }
}
