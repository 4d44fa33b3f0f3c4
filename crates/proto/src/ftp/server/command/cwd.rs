//! `CWD` changes the working directory (RFC 959 §4.1.1) and shows a directory's message once.

use super::prelude::*;

pub(super) const SPEC: Spec = Spec {
    verb: "CWD",
    aliases: &["XCWD"],
    when: When::LoggedIn,
    right: Right::None,
    during: During::Later,
    pathname: whole,
    replies: &[250, 501, 550],
    feature: None,
    help: "CWD <pathname>",
    start,
};

fn start(session: &mut Session, pathname: &[u8]) -> Step {
    change(session, pathname)
}

pub(super) fn change(session: &mut Session, pathname: &[u8]) -> Step {
    match session.resolve(pathname, Purpose::Any, Reply::CouldNotChangeDirectory) {
        Ok(name) => Ask::enter(name.path, answer),
        Err(refusal) => Step::Reply(refusal),
    }
}

fn answer(session: &mut Session, entered: Result<Entered, Failure>) -> Step {
    Step::Reply(match entered {
        Ok(entered) => Reply::DirectoryChanged(move_to(session, entered)),
        Err(_) => Reply::CouldNotChangeDirectory,
    })
}

/// Moves a session into a directory; the lines of its message come back if they are still to be shown.
pub(super) fn move_to(session: &mut Session, entered: Entered) -> Lines {
    let wanted = session.policy.directory_messages;
    let inside = session.inside();
    inside.cwd = entered.path;
    let directory = inside.cwd.clone();
    match entered.message {
        Some(text) if wanted && inside.shows_message_of(&directory) => Lines::of_message(Some(&text)),
        _ => Lines::default(),
    }
}
