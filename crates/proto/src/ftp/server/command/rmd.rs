//! `RMD` removes an empty directory (RFC 959 §4.1.3).

use super::prelude::*;

pub(super) const SPEC: Spec = Spec {
    verb: "RMD",
    aliases: &["XRMD"],
    when: When::LoggedIn,
    right: Right::Remove,
    during: During::Later,
    pathname: whole,
    replies: &[250, 501, 550],
    feature: None,
    help: "RMD <pathname>",
    start,
};

fn start(session: &mut Session, pathname: &[u8]) -> Step {
    match session.resolve(pathname, Purpose::Any, Reply::CouldNotRemoveDirectory) {
        Ok(name) => Ask::change(Change::RemoveDirectory(name.path), move |session, done| {
            session.record(Event::RemoveDirectory(done.is_ok(), name.logged));
            Step::Reply(if done.is_ok() { Reply::DirectoryRemoved } else { Reply::CouldNotRemoveDirectory })
        }),
        Err(refusal) => {
            let logged = session.expand(pathname).logged;
            session.record(Event::RemoveDirectory(false, logged));
            Step::Reply(refusal)
        }
    }
}
