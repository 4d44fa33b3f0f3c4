//! `PASV` announces a port for the peer to connect to (RFC 959 §4.1.2).

use super::prelude::*;

pub(super) const SPEC: Spec = Spec {
    verb: "PASV",
    aliases: &[],
    when: When::LoggedIn,
    right: Right::Passive,
    during: During::Later,
    pathname: nothing,
    replies: &[227, 425, 550],
    feature: Some("PASV"),
    help: "PASV",
    start,
};

pub(super) fn start(session: &mut Session, _: &[u8]) -> Step {
    if session.inside().only_epsv {
        return Step::Reply(Reply::PermissionDenied);
    }
    session.inside().prepared = None;
    Step::Ask(Ask::Expect(Box::new(answer)))
}

fn answer(session: &mut Session, expected: Option<Expected>) -> Step {
    let port = match session.expects(expected) {
        Ok(port) => port,
        Err(refusal) => return Step::Reply(refusal),
    };
    let announced = session.announced();
    Step::Reply(Reply::PassiveMode(address::six_numbers(announced, port)))
}
