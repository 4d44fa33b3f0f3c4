//! `RMDA` removes a directory with all that is in it (draft-peterson-streamlined-ftp-command-extensions §6).

use super::prelude::*;

pub(super) const SPEC: Spec = Spec {
    verb: "RMDA",
    aliases: &[],
    when: When::LoggedIn,
    right: Right::Remove,
    during: During::Later,
    pathname: whole,
    replies: &[226, 250, 450, 451, 501, 550],
    feature: Some("RMDA <path>"),
    help: "RMDA <pathname>",
    start,
};

fn start(session: &mut Session, pathname: &[u8]) -> Step {
    remove(session, pathname, Reply::DirectoryRemoved)
}

/// Removes a tree; SITE RMDIR does so, too.
pub(super) fn remove(session: &mut Session, pathname: &[u8], removed: Reply) -> Step {
    match session.resolve(pathname, Purpose::Any, Reply::CouldNotRemoveTree) {
        Ok(name) => Ask::work(Task::RemoveTree(name.path), move |session, done| {
            session.record(Event::RemoveDirectory(done.is_ok(), name.logged));
            match done {
                Ok(_) => Step::Reply(removed),
                Err(trouble) => session.not_worked(Some(trouble), Reply::CouldNotRemoveTree),
            }
        }),
        Err(refusal) => {
            let logged = session.expand(pathname).logged;
            session.record(Event::RemoveDirectory(false, logged));
            Step::Reply(refusal)
        }
    }
}
