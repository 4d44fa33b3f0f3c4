//! The command table: one file and one row per verb (RFC 959 §4.1, RFC 2228, RFC 2389, RFC 2428,
//! RFC 3659, RFC 4217).
//!
//! A row carries all that is true before its verb runs, so login checks, rights, `cmds_allowed`, FEAT and HELP
//! are written once, elsewhere. `start` answers or asks; it never waits.

use super::ask::Step;
use super::policy::Right;
use super::session::Session;
use core::time::Duration;

use crate::ftp::reply::Reply;

/// The words that verbs are written in; every file of this folder begins with them.
mod prelude {
    pub(super) use std::net::SocketAddr;
    pub(super) use std::sync::Arc;

    pub(super) use wharf_names::{Charset, Translation};

    pub(super) use super::super::access::Purpose;
    pub(super) use super::super::ask::{
        Ask, Attempt, Direction, Expected, Grant, Move, Outcome, Route, Step, Verdict,
    };
    pub(super) use super::super::listing::{self, Wish};
    pub(super) use super::super::policy::{Class, Policy, Right};
    pub(super) use super::super::protection::Protection;
    pub(super) use super::super::record::Event;
    pub(super) use super::super::session::Session;
    pub(super) use super::super::state::{LoggedIn, Pathname, State};
    pub(super) use super::super::transfer::NOTHING_MOVED;
    pub(super) use super::super::{digest, facts, stamp, upload, words};
    pub(super) use super::{During, Spec, When, cwd, nothing, pass, site, whole};
    pub(super) use crate::entry::Time;
    pub(super) use crate::failure::Failure;
    pub(super) use crate::ftp::address::{self, BadEprt};
    pub(super) use crate::ftp::command::Command;
    pub(super) use crate::ftp::listing::{mlsx, push_name};
    pub(super) use crate::ftp::reply::{Language, Lines, Octal, Pace, Quoted, Reply};
    pub(super) use crate::secret::Secret;
    pub(super) use crate::store::{
        Algorithm, Change, Entered, Finished, Format, Looked, Part, Task, Writing,
    };
}

/// A verb's row.
pub(super) struct Spec {
    pub(super) verb: &'static str,
    /// The RFC 775 spellings that RFC 1123 §4.1.3.1 wants understood, and the like.
    pub(super) aliases: &'static [&'static str],
    pub(super) when: When,
    pub(super) right: Right,
    pub(super) during: During,
    /// Finds the pathname in its argument; it is always the argument's end.
    pub(super) pathname: fn(&[u8]) -> &[u8],
    /// Every code it replies with once it runs; checked in debug builds.
    pub(super) replies: &'static [u16],
    /// Its line in FEAT.
    pub(super) feature: Option<&'static str>,
    /// Its syntax, as RFC 959 §5.3.1 writes it; empty for what HELP does not show.
    pub(super) help: &'static str,
    pub(super) start: fn(&mut Session, &[u8]) -> Step,
}

/// From when on a verb runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum When {
    /// Before login, too.
    Always,
    /// Before login only; after, it is a command that nobody knows.
    BeforeLogin,
    /// After login; before, it is 530.
    LoggedIn,
}

/// What becomes of a verb while a transfer runs.
#[derive(Clone, Copy)]
pub(super) enum During {
    /// It waits.
    Later,
    /// It is answered at once; told are the octets moved, how many there are, and the time it took.
    Answer(fn(u64, Option<u64>, Duration) -> Reply),
    /// It ends the transfer.
    Abort,
}

/// For verbs that take no pathname.
fn nothing(_: &[u8]) -> &[u8] {
    &[]
}

/// For verbs that take a pathname and nothing else.
fn whole(argument: &[u8]) -> &[u8] {
    argument
}

macro_rules! table {
    ($($file:ident)*) => {
        $(mod $file;)*
        /// Every verb, in HELP's order.
        pub(super) static TABLE: &[&Spec] = &[$(&$file::SPEC),*];
    };
}

table! {
    abor acct allo appe auth avbl ccc cdup clnt comb csid cwd dele dsiz eprt epsv feat hash help host lang list md5 mdtm
    mff mfmt mkd mlsd mlst mmd5 mode nlst noop opts p_at_sw pass pasv pbsz port prot pwd quit rang rein rest
    retr rmd rmda rnfr rnto site size smnt stat stor stou stru syst r#type user xcrc xmd5 xsha1 xsha256 xsha512
    http
}

/// Finds the row of a verb in upper case.
pub(super) fn find(verb: &[u8]) -> Option<&'static Spec> {
    let is = |name: &&str| name.as_bytes() == verb;
    TABLE.iter().find(|spec| is(&spec.verb) || spec.aliases.iter().any(is)).copied()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    #[test]
    fn every_verb_has_one_row() {
        let mut seen = HashSet::new();
        for name in TABLE.iter().flat_map(|spec| spec.aliases.iter().chain([&spec.verb])) {
            assert!(seen.insert(name), "{name} stands twice");
            assert_eq!(*name, name.to_ascii_uppercase());
        }
    }

    #[test]
    fn verbs_stand_in_helps_order() {
        let shown: Vec<&str> =
            TABLE.iter().filter(|spec| !spec.help.is_empty()).map(|spec| spec.verb).collect();
        assert!(shown.is_sorted(), "{shown:?}");
    }

    #[test]
    fn help_begins_with_the_verb() {
        for spec in TABLE.iter().filter(|spec| !spec.help.is_empty()) {
            assert!(spec.help.starts_with(spec.verb), "{}", spec.verb);
        }
    }

    #[test]
    fn only_verbs_for_users_take_pathnames_and_they_know_where_these_begin() {
        for spec in TABLE {
            let argument: &[u8] = match spec.verb {
                "SITE" => b"CHMOD 644 ~u/x y",
                "MDTM" | "MFMT" => b"20200101000000 ~u/x y",
                "MFF" => b"Modify=20200101000000; ~u/x y",
                _ => b"~u/x y",
            };
            let found = (spec.pathname)(argument);
            assert!(found.is_empty() || found == b"~u/x y", "{}", spec.verb);
            assert!(found.is_empty() || spec.when == When::LoggedIn, "{}", spec.verb);
            // Whoever adds a verb with a pathname has it spelled out.
            let takes_one = spec.help.contains("<pathname>") || spec.verb == "SITE";
            assert_eq!(!found.is_empty(), takes_one && spec.verb != "SMNT", "{}", spec.verb);
        }
    }

    #[test]
    fn every_row_declares_sorted_codes() {
        for spec in TABLE {
            assert!(!spec.replies.is_empty() && spec.replies.is_sorted(), "{}", spec.verb);
        }
    }
}
