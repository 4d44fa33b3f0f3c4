//! `AVBL` tells how many octets may still be stored (draft-peterson-streamlined-ftp-command-extensions §4).

use super::prelude::*;

pub(super) const SPEC: Spec = Spec {
    verb: "AVBL",
    aliases: &[],
    when: When::LoggedIn,
    right: Right::Upload,
    during: During::Later,
    pathname: whole,
    replies: &[213, 501, 550],
    feature: Some("AVBL"),
    help: "AVBL [<pathname>]",
    start,
};

fn start(session: &mut Session, pathname: &[u8]) -> Step {
    let typed: &[u8] = if pathname.is_empty() { b"." } else { pathname };
    match session.resolve(typed, Purpose::Any, Reply::CouldNotGetRoom) {
        Ok(name) => Ask::room(name.path, |_, room| {
            Step::Reply(room.map_or(Reply::CouldNotGetRoom, Reply::Size))
        }),
        Err(refusal) => Step::Reply(refusal),
    }
}
