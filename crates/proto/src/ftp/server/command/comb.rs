//! `COMB` joins the parts of a file that was sent in pieces, and removes them. No standard has it; upload accelerators use it.

use super::prelude::*;

pub(super) const SPEC: Spec = Spec {
    verb: "COMB",
    aliases: &[],
    when: When::LoggedIn,
    right: Right::Join,
    during: During::Later,
    pathname: nothing,
    replies: &[226, 250, 450, 451, 452, 501, 550],
    feature: Some("COMB"),
    help: "COMB <whole> <part> <part> ...",
    start,
};

fn start(session: &mut Session, argument: &[u8]) -> Step {
    // Security: what a stranger makes is given to another (chown_uploads), and a task cannot do that.
    if session.policy.change_owner && session.is_stranger() {
        return Step::Reply(Reply::PermissionDenied);
    }
    let Some(words) = words::all(argument).filter(|words| words.len() > 1) else {
        return Step::Reply(Reply::CombNeedsNames);
    };
    let mut names = Vec::with_capacity(words.len());
    for word in &words {
        // The whole is written, the parts are read.
        let purpose = if names.is_empty() { Purpose::Upload } else { Purpose::Any };
        match session.resolve(word, purpose, Reply::CouldNotJoin) {
            Ok(name) => names.push(name),
            Err(refusal) => return Step::Reply(refusal),
        }
    }
    let umask = session.inside().umask;
    let mut paths = names.iter().map(|name| name.path.clone());
    let Some(whole) = paths.next() else { return Step::Reply(Reply::CombNeedsNames) };
    let task = Task::Join { whole, parts: paths.collect(), umask };
    let logged: Vec<&[u8]> = names.iter().map(|name| &name.logged[..]).collect();
    let logged = logged.join(&b' ');
    Ask::work(task, move |session, done| {
        session.record(Event::Changed("COMBINE", done.is_ok(), logged));
        match done {
            Ok(_) => Step::Reply(Reply::Joined),
            Err(trouble) => session.not_worked(Some(trouble), Reply::CouldNotJoin),
        }
    })
}
