//! `DELE` deletes a file, never a directory (RFC 959 §4.1.3).

use super::prelude::*;

pub(super) const SPEC: Spec = Spec {
    verb: "DELE",
    aliases: &[],
    when: When::LoggedIn,
    right: Right::Remove,
    during: During::Later,
    pathname: whole,
    replies: &[250, 501, 550],
    feature: None,
    help: "DELE <pathname>",
    start,
};

fn start(session: &mut Session, pathname: &[u8]) -> Step {
    match session.resolve(pathname, Purpose::Any, Reply::CouldNotDelete) {
        Ok(name) => Ask::change(Change::Delete(name.path), move |session, done| {
            session.record(Event::Delete(done.is_ok(), name.logged));
            Step::Reply(if done.is_ok() { Reply::Deleted } else { Reply::CouldNotDelete })
        }),
        Err(refusal) => {
            let logged = session.expand(pathname).logged;
            session.record(Event::Delete(false, logged));
            Step::Reply(refusal)
        }
    }
}
