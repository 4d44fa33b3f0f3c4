//! `RNFR` names what is to be renamed (RFC 959 §4.1.3).

use super::prelude::*;

pub(super) const SPEC: Spec = Spec {
    verb: "RNFR",
    aliases: &[],
    when: When::LoggedIn,
    right: Right::Remove,
    during: During::Later,
    pathname: whole,
    replies: &[350, 501, 550],
    feature: None,
    help: "RNFR <pathname>",
    start,
};

// Compat: it waits for RNTO over other commands, as in vsftpd; the RFC wants RNTO at once.
fn start(session: &mut Session, pathname: &[u8]) -> Step {
    session.inside().rename_from = None;
    match session.resolve(pathname, Purpose::Any, Reply::RnfrFailed) {
        Ok(name) => Ask::look(name.path.clone(), move |session, looked| {
            if looked.is_err() {
                return failed(session, name.logged, Reply::RnfrFailed);
            }
            session.inside().rename_from = Some(Box::new(name));
            Step::Reply(Reply::ReadyForRnto)
        }),
        Err(refusal) => {
            let logged = session.expand(pathname).logged;
            failed(session, logged, refusal)
        }
    }
}

fn failed(session: &mut Session, logged: Vec<u8>, reply: Reply) -> Step {
    session.record(Event::Rename(false, logged));
    Step::Reply(reply)
}
