//! `REST` says where in its file the next transfer begins (RFC 3659 §5).

use super::prelude::*;

pub(super) const SPEC: Spec = Spec {
    verb: "REST",
    aliases: &[],
    when: When::LoggedIn,
    right: Right::None,
    during: During::Later,
    pathname: nothing,
    replies: &[350, 501],
    feature: Some("REST STREAM"),
    help: "REST <marker>",
    start,
};

// vsftpd takes nonsense for 0 and then sends the whole file, which a resuming client appends to what it has.
fn start(session: &mut Session, marker: &[u8]) -> Step {
    session.inside().part = None;
    match words::number(marker) {
        Some(octets) => {
            session.inside().restart = octets;
            Step::Reply(Reply::RestartAt(octets))
        }
        None => {
            session.inside().restart = 0;
            Step::Reply(Reply::BadRestart)
        }
    }
}
