//! `SIZE` tells how many octets a file holds (RFC 3659 §4).
//!
//! The RFC wants the count after ASCII conversion. We answer the octets on disk in every type, as vsftpd does:
//! counting line ends would let one short line of text cost a whole read of the file.

use super::prelude::*;

pub(super) const SPEC: Spec = Spec {
    verb: "SIZE",
    aliases: &[],
    when: When::LoggedIn,
    right: Right::None,
    during: During::Later,
    pathname: whole,
    replies: &[213, 501, 550],
    feature: Some("SIZE"),
    help: "SIZE <pathname>",
    start,
};

fn start(session: &mut Session, pathname: &[u8]) -> Step {
    match session.resolve(pathname, Purpose::Any, Reply::CouldNotGetSize) {
        Ok(name) => Ask::look(name.path, answer),
        Err(refusal) => Step::Reply(refusal),
    }
}

fn answer(_: &mut Session, looked: Result<Looked, Failure>) -> Step {
    Step::Reply(match looked {
        Ok(looked) if looked.entry.is_file() => Reply::Size(looked.entry.size),
        _ => Reply::CouldNotGetSize,
    })
}
