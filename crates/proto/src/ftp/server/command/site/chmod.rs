//! `SITE CHMOD` sets the permission bits of a file or directory.

use super::super::prelude::*;
use super::Word;

pub(super) const WORD: Word = Word {
    name: "CHMOD",
    right: Right::SetMode,
    like: &[],
    pathname: second,
    is_feature: false,
    start: change_mode,
};

/// For words that take something short and then a pathname.
pub(super) fn second(argument: &[u8]) -> &[u8] {
    argument.splitn(2, |&octet| octet == b' ').nth(1).unwrap_or_default()
}

fn change_mode(session: &mut Session, argument: &[u8]) -> Step {
    let mut halves = argument.splitn(2, |&octet| octet == b' ');
    let (Some(bits), Some(pathname)) = (halves.next(), halves.next().filter(|name| !name.is_empty())) else {
        return Step::Reply(Reply::ChmodNeedsTwo);
    };
    // vsftpd takes nonsense for 0 and locks its owner out of the file.
    let Some(mode) = permission_bits(bits) else { return Step::Reply(Reply::BadMode) };
    let logged = session.expand(pathname).logged;
    let subject = [&logged[..], b" ", bits].concat();
    match session.resolve(pathname, Purpose::Any, Reply::ChmodFailed) {
        Ok(name) => Ask::change(Change::SetMode { path: name.path, mode }, move |session, done| {
            session.record(Event::ChangeMode(done.is_ok(), subject));
            Step::Reply(if done.is_ok() { Reply::ChmodOk } else { Reply::ChmodFailed })
        }),
        Err(refusal) => {
            session.record(Event::ChangeMode(false, subject));
            Step::Reply(refusal)
        }
    }
}

/// One to four octal digits. Security: set-id and sticky bits are dropped.
pub(in super::super) fn permission_bits(text: &[u8]) -> Option<u32> {
    let digits = (1..=4).contains(&text.len()) && text.iter().all(|octet| (b'0'..=b'7').contains(octet));
    let number = || text.iter().fold(0, |number, digit| number << 3 | u32::from(digit - b'0'));
    digits.then(|| number() & 0o777)
}
