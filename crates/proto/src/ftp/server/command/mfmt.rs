//! `MFMT` sets the time a file was last modified (draft-somers-ftp-mfxx §3).

use super::prelude::*;

pub(super) const SPEC: Spec = Spec {
    verb: "MFMT",
    aliases: &[],
    when: When::LoggedIn,
    right: Right::SetTime,
    during: During::Later,
    pathname,
    replies: &[213, 501, 550],
    feature: Some("MFMT"),
    help: "MFMT <time-val> <pathname>",
    start,
};

/// Behind the time.
fn pathname(argument: &[u8]) -> &[u8] {
    argument.splitn(2, |&octet| octet == b' ').nth(1).unwrap_or_default()
}

fn start(session: &mut Session, argument: &[u8]) -> Step {
    let mut halves = argument.splitn(2, |&octet| octet == b' ');
    let time = halves.next().and_then(stamp::read_strictly);
    let (Some(modified), Some(pathname)) = (time, halves.next().filter(|name| !name.is_empty())) else {
        return Step::Reply(Reply::BadTime);
    };
    match session.resolve(pathname, Purpose::Any, Reply::CouldNotSetTime) {
        Ok(name) => Ask::change(Change::SetModified { path: name.path, modified }, move |_, done| {
            Step::Reply(match done {
                Ok(()) => Reply::ModifyFact(stamp::show(modified), name.typed),
                Err(_) => Reply::CouldNotSetTime,
            })
        }),
        Err(refusal) => Step::Reply(refusal),
    }
}
