//! `RANG` chooses the part of a file that the next RETR sends or HASH is taken of (draft-bryan-ftp-range).

use super::prelude::*;

pub(super) const SPEC: Spec = Spec {
    verb: "RANG",
    aliases: &[],
    when: When::LoggedIn,
    right: Right::Download,
    during: During::Later,
    pathname: nothing,
    replies: &[350, 501],
    feature: Some("RANG STREAM"),
    help: "RANG <first-octet> <last-octet>",
    start,
};

fn start(session: &mut Session, argument: &[u8]) -> Step {
    session.inside().restart = 0;
    session.inside().part = None;
    match read(argument) {
        Some((1, 0)) => Step::Reply(Reply::RangeReset),
        Some((start, last)) if start <= last => {
            session.inside().part = Some(Box::new(Part { start, end: last.saturating_add(1) }));
            Step::Reply(Reply::RangeAccepted(start, last))
        }
        _ => Step::Reply(Reply::BadRange),
    }
}

fn read(argument: &[u8]) -> Option<(u64, u64)> {
    let mut halves = argument.splitn(2, |&octet| octet == b' ');
    Some((words::number(halves.next()?)?, words::number(halves.next()?)?))
}
