//! What OPTS chooses and FEAT shows: the facts of MLST and MLSD (RFC 3659 §7.8, §7.9), the method of HASH.

use super::session::Session;
use super::state::State;
use crate::store::{Algorithm, Facts};

/// Lends the field that switches a fact.
type Field = fn(&mut Facts) -> &mut bool;

/// Names in the order in which the facts stand in a line, each with the field that switches it.
const NAMES: [(&str, Field); 13] = [
    ("type", |facts| &mut facts.kind),
    ("size", |facts| &mut facts.size),
    ("modify", |facts| &mut facts.modify),
    ("create", |facts| &mut facts.create),
    ("perm", |facts| &mut facts.perm),
    ("unique", |facts| &mut facts.unique),
    ("UNIX.mode", |facts| &mut facts.unix_mode),
    ("UNIX.uid", |facts| &mut facts.unix_uid),
    ("UNIX.gid", |facts| &mut facts.unix_gid),
    ("UNIX.owner", |facts| &mut facts.unix_owner),
    ("UNIX.group", |facts| &mut facts.unix_group),
    ("UNIX.ownername", |facts| &mut facts.unix_owner_name),
    ("UNIX.groupname", |facts| &mut facts.unix_group_name),
];

impl Session {
    /// How HASH takes hashes now.
    pub(super) fn algorithm(&self) -> Algorithm {
        match &self.state {
            State::LoggedIn(inside) => inside.algorithm,
            State::NotLoggedIn(_) => Algorithm::Sha256,
        }
    }

    /// The facts told now.
    pub(super) fn facts(&self) -> Facts {
        match &self.state {
            State::LoggedIn(inside) => inside.facts,
            State::NotLoggedIn(_) => Facts::USUAL,
        }
    }
}

/// FEAT's list: all facts, those told now with a star.
pub(super) fn advertised(mut facts: Facts) -> String {
    NAMES
        .iter()
        .map(|(name, field)| format!("{name}{};", if *field(&mut facts) { "*" } else { "" }))
        .collect()
}

/// The facts told now, as OPTS MLST confirms them.
pub(super) fn named(mut facts: Facts) -> Vec<u8> {
    let list: String =
        NAMES.iter().filter(|(_, field)| *field(&mut facts)).map(|(name, _)| format!("{name};")).collect();
    list.into_bytes()
}

/// Reads `fact;fact;` in any case; unknown ones are passed over, and none at all is a choice too.
pub(super) fn wanted(list: &[u8]) -> Facts {
    let mut facts = Facts::NONE;
    for wish in list.split(|&octet| octet == b';') {
        if let Some((_, field)) = NAMES.iter().find(|(name, _)| name.as_bytes().eq_ignore_ascii_case(wish)) {
            *field(&mut facts) = true;
        }
    }
    facts
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_choice_is_confirmed_in_our_order_and_starred_in_feat() {
        let facts = wanted(b"SIZE;Type;unix.OWNER;nonsense;");
        assert_eq!(named(facts), b"type;size;UNIX.owner;");
        assert_eq!(
            advertised(facts),
            "type*;size*;modify;create;perm;unique;UNIX.mode;UNIX.uid;UNIX.gid;UNIX.owner*;UNIX.group;UNIX.ownername;UNIX.groupname;"
        );
    }

    #[test]
    fn no_facts_are_a_choice() {
        assert_eq!(named(wanted(b"")), b"");
    }
}
