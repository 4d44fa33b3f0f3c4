//! `MFF` sets several facts of a file at once (draft-somers-ftp-mfxx §5).
//!
//! Facts that cannot be set here are passed over, as `Create=` is by every server on this system; the reply names those
//! that were set.

use super::prelude::*;

pub(super) const SPEC: Spec = Spec {
    verb: "MFF",
    aliases: &[],
    when: When::LoggedIn,
    right: Right::None,
    during: During::Later,
    pathname,
    replies: &[213, 501, 550],
    feature: Some("MFF"),
    help: "MFF <facts> <pathname>",
    start,
};

/// Behind the facts.
fn pathname(argument: &[u8]) -> &[u8] {
    argument.splitn(2, |&octet| octet == b' ').nth(1).unwrap_or_default()
}

/// What is to be set, in the order in which it is done.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct Wish {
    modify: Option<Time>,
    mode: Option<u32>,
    group: Option<Vec<u8>>,
}

/// The facts that this session may set, as FEAT names them.
pub(super) fn settable(session: &Session) -> String {
    let modify = if session.permits(Right::SetTime) { "modify;" } else { "" };
    let others = if session.permits(Right::SetMode) { "UNIX.mode;UNIX.group;" } else { "" };
    [modify, others].concat()
}

fn start(session: &mut Session, argument: &[u8]) -> Step {
    let mut halves = argument.splitn(2, |&octet| octet == b' ');
    let wish = halves.next().and_then(Wish::read);
    let (Some(mut wish), Some(pathname)) = (wish, halves.next().filter(|name| !name.is_empty())) else {
        return Step::Reply(Reply::BadFacts);
    };
    if !session.permits(Right::SetTime) {
        wish.modify = None;
    }
    if !session.permits(Right::SetMode) {
        (wish.mode, wish.group) = (None, None);
    }
    if wish == Wish::default() {
        return Step::Reply(Reply::PermissionDenied);
    }
    match session.resolve(pathname, Purpose::Any, Reply::CouldNotSetFacts) {
        Ok(name) => next(wish, name, String::new()),
        Err(refusal) => Step::Reply(refusal),
    }
}

/// Sets the next fact; `told` holds those that are set.
fn next(mut wish: Wish, name: Pathname, mut told: String) -> Step {
    let path = name.path.clone();
    let (change, fact, chmod) = if let Some(modified) = wish.modify.take() {
        let fact = format!("Modify={};", stamp::show(modified));
        (Change::SetModified { path, modified }, fact, None)
    } else if let Some(group) = wish.group.take() {
        // Before the mode, for the kernel takes bits away when the group changes.
        let fact = format!("UNIX.group={};", String::from_utf8_lossy(&group));
        (Change::SetGroup { path, group }, fact, None)
    } else if let Some(mode) = wish.mode.take() {
        let logged = [&name.logged[..], format!(" {mode:o}").as_bytes()].concat();
        (Change::SetMode { path, mode }, format!("UNIX.mode=0{mode:03o};"), Some(logged))
    } else {
        return Step::Reply(Reply::FactsSet(told, name.typed));
    };
    Ask::change(change, move |session, done| {
        if let Some(logged) = chmod {
            session.record(Event::ChangeMode(done.is_ok(), logged));
        }
        if done.is_err() {
            return Step::Reply(Reply::CouldNotSetFacts);
        }
        told.push_str(&fact);
        next(wish, name, told)
    })
}

impl Wish {
    /// Reads `fact=value;fact=value;`; a fact that we know with a value that we do not is an error.
    fn read(facts: &[u8]) -> Option<Self> {
        let mut wish = Self::default();
        for fact in facts.split(|&octet| octet == b';').filter(|fact| !fact.is_empty()) {
            let equals = fact.iter().position(|&octet| octet == b'=')?;
            let (name, value) = (fact.get(..equals)?, fact.get(equals + 1..)?);
            match &name.to_ascii_lowercase()[..] {
                b"modify" => wish.modify = Some(stamp::read_strictly(value)?),
                b"unix.mode" => wish.mode = Some(site::permission_bits(value)?),
                b"unix.group" | b"unix.gid" => wish.group = Some(value.to_vec()),
                _ => {}
            }
        }
        Some(wish)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn known_facts_are_taken_and_others_passed_over() {
        let wish = Wish::read(b"Create=1;MODIFY=20200203040506;unix.mode=0640;").unwrap();
        assert_eq!(wish.modify.map(stamp::show).as_deref(), Some("20200203040506"));
        assert_eq!((wish.mode, wish.group), (Some(0o640), None));
        for nonsense in ["modify", "modify=2020;", "UNIX.mode=9;", "=;modify="] {
            assert_eq!(Wish::read(nonsense.as_bytes()), None, "{nonsense}");
        }
    }

    proptest! {
        #[test]
        fn no_facts_make_it_panic(facts in prop::collection::vec(any::<u8>(), 0..60)) {
            let _ = Wish::read(&facts);
        }

        #[test]
        fn what_is_well_formed_is_read(mode in 0_u32..0o1000, group in "[a-z0-9]{1,8}") {
            let wish = Wish::read(format!("UNIX.group={group};UNIX.mode={mode:o}").as_bytes());
            prop_assert_eq!(wish, Some(Wish { modify: None, mode: Some(mode), group: Some(group.into_bytes()) }));
        }
    }
}
