//! Which facts MLST and MLSD tell: as FEAT advertises and OPTS MLST chooses them (RFC 3659 §7.8, §7.9).

use super::session::Session;
use super::state::{ALL_FACTS, State};
use crate::store::Facts;

/// Lends the field that switches a fact.
type Field = fn(&mut Facts) -> &mut bool;

/// Names in the order in which the facts stand in a line, each with the field that switches it.
const NAMES: [(&str, Field); 8] = [
    ("type", |facts| &mut facts.kind),
    ("size", |facts| &mut facts.size),
    ("modify", |facts| &mut facts.modify),
    ("perm", |facts| &mut facts.perm),
    ("unique", |facts| &mut facts.unique),
    ("UNIX.mode", |facts| &mut facts.unix_mode),
    ("UNIX.uid", |facts| &mut facts.unix_owner),
    ("UNIX.gid", |facts| &mut facts.unix_group),
];

/// The spelling that a site uses which shows names instead of numbers; each stands for the other.
const BY_NAME: [(&str, &str); 2] = [("UNIX.owner", "UNIX.uid"), ("UNIX.group", "UNIX.gid")];

impl Session {
    /// The facts told now.
    pub(super) fn facts(&self) -> Facts {
        match &self.state {
            State::LoggedIn(inside) => inside.facts,
            State::NotLoggedIn(_) => ALL_FACTS,
        }
    }
}

/// FEAT's list: all facts, those told now with a star.
pub(super) fn advertised(mut facts: Facts) -> Vec<u8> {
    let list: String = NAMES
        .iter()
        .map(|(name, field)| format!("{name}{};", if *field(&mut facts) { "*" } else { "" }))
        .collect();
    list.into_bytes()
}

/// The facts told now, as OPTS MLST confirms them.
pub(super) fn named(mut facts: Facts) -> Vec<u8> {
    let list: String =
        NAMES.iter().filter(|(_, field)| *field(&mut facts)).map(|(name, _)| format!("{name};")).collect();
    list.into_bytes()
}

/// Reads `fact;fact;` in any case; unknown ones are passed over, and none at all is a choice too.
pub(super) fn wanted(list: &[u8]) -> Facts {
    let mut facts = Facts {
        kind: false,
        size: false,
        modify: false,
        perm: false,
        unique: false,
        unix_mode: false,
        unix_owner: false,
        unix_group: false,
    };
    for wish in list.split(|&octet| octet == b';') {
        let is = |name: &str| name.as_bytes().eq_ignore_ascii_case(wish);
        let alias = BY_NAME.iter().find(|(by_name, _)| is(by_name)).map(|(_, name)| *name);
        if let Some((_, field)) = NAMES.iter().find(|(name, _)| is(name) || alias == Some(*name)) {
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
        assert_eq!(named(facts), b"type;size;UNIX.uid;");
        assert_eq!(advertised(facts), b"type*;size*;modify;perm;unique;UNIX.mode;UNIX.uid*;UNIX.gid;");
    }

    #[test]
    fn no_facts_are_a_choice() {
        assert_eq!(named(wanted(b"")), b"");
    }
}
