//! `MDTM` tells when a file was last modified (RFC 3659 §3); with a time before the name it sets that.

use super::prelude::*;

pub(super) const SPEC: Spec = Spec {
    verb: "MDTM",
    aliases: &[],
    when: When::LoggedIn,
    right: Right::None,
    during: During::Later,
    pathname,
    replies: &[213, 501, 550],
    feature: Some("MDTM"),
    help: "MDTM [<time-val>] <pathname>",
    start,
};

/// Behind the time in the form that sets.
fn pathname(argument: &[u8]) -> &[u8] {
    let mut halves = argument.splitn(2, |&octet| octet == b' ');
    let sets = halves.next().and_then(stamp::read_as_mktime).is_some();
    halves.next().filter(|_| sets).unwrap_or(argument)
}

// Times are UTC as the RFC wants them.
// Compat: with `use_localtime` they are local, by the offset of the session's beginning, as in vsftpd 3.0.3.
fn start(session: &mut Session, argument: &[u8]) -> Step {
    match session.resolve(argument, Purpose::Any, Reply::CouldNotGetTime) {
        Ok(name) => Ask::look(name.path.clone(), move |session, looked| match looked {
            Ok(looked) if looked.entry.is_file() => {
                let modified = shifted(looked.entry.modified, session.clock_offset());
                Step::Reply(Reply::Modified(stamp::show(modified)))
            }
            Ok(_) => Step::Reply(Reply::CouldNotGetTime),
            Err(_) => set(session, &name.typed),
        }),
        Err(refusal) => Step::Reply(refusal),
    }
}

/// The form that sets; a file whose name looks like it came first.
fn set(session: &mut Session, argument: &[u8]) -> Step {
    let mut halves = argument.splitn(2, |&octet| octet == b' ');
    let time = halves.next().and_then(stamp::read_as_mktime);
    let (Some(local), Some(pathname)) = (time, halves.next()) else {
        return Step::Reply(Reply::CouldNotGetTime);
    };
    let modified = shifted(local, -session.clock_offset());
    if !session.permits(Right::SetTime) {
        return Step::Reply(Reply::CouldNotGetTime);
    }
    match session.resolve(pathname, Purpose::Any, Reply::CouldNotSetTime) {
        Ok(name) => Ask::change(Change::SetModified { path: name.path, modified }, |_, done| {
            Step::Reply(if done.is_ok() { Reply::TimeSet } else { Reply::CouldNotSetTime })
        }),
        Err(refusal) => Step::Reply(refusal),
    }
}

fn shifted(time: Time, seconds: i64) -> Time {
    Time { seconds: time.seconds.saturating_add(seconds), ..time }
}
