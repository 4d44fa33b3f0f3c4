//! `HASH` tells the hash of a file (draft-bryan-ftp-hash-01); OPTS HASH chooses the method, RANG the part.

use super::prelude::*;

pub(super) const SPEC: Spec = Spec {
    verb: "HASH",
    aliases: &[],
    when: When::LoggedIn,
    right: Right::Hash,
    during: During::Later,
    pathname: whole,
    replies: &[213, 226, 450, 451, 501, 550],
    feature: Some("HASH"),
    help: "HASH <pathname>",
    start,
};

fn start(session: &mut Session, pathname: &[u8]) -> Step {
    let part = session.take_part();
    let algorithm = session.inside().algorithm;
    match session.resolve(pathname, Purpose::Download, Reply::CouldNotHash) {
        Ok(name) => digest::take(name.path, algorithm, part, move |session, taken| match taken {
            Ok((part, digits)) => {
                // The draft counts the last octet in; an empty file has none.
                let range = format!("{}-{}", part.start, part.end.saturating_sub(1).max(part.start));
                Step::Reply(Reply::Hash(algorithm.name(), range, digits, name.typed))
            }
            Err(trouble) => session.not_worked(Some(trouble), Reply::CouldNotHash),
        }),
        Err(refusal) => Step::Reply(refusal),
    }
}

/// FEAT's list: all methods, the one that is used now with a star.
pub(super) fn advertised(now: Algorithm) -> String {
    let list = Algorithm::ALL.map(|one| format!("{}{};", one.name(), if one == now { "*" } else { "" }));
    list.concat()
}
