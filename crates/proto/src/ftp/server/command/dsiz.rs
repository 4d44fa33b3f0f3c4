//! `DSIZ` tells how many octets the files of a tree hold together. No standard has it; it is bounded in storage.

use super::prelude::*;

pub(super) const SPEC: Spec = Spec {
    verb: "DSIZ",
    aliases: &[],
    when: When::LoggedIn,
    right: Right::List,
    during: During::Later,
    pathname: whole,
    replies: &[213, 226, 450, 451, 501, 550],
    feature: Some("DSIZ"),
    help: "DSIZ [<pathname>]",
    start,
};

fn start(session: &mut Session, pathname: &[u8]) -> Step {
    let typed: &[u8] = if pathname.is_empty() { b"." } else { pathname };
    match session.resolve(typed, Purpose::Any, Reply::CouldNotMeasure) {
        Ok(name) => Ask::work(Task::Measure(name.path), |session, measured| match measured {
            Ok(Finished::Octets(octets)) => Step::Reply(Reply::Size(octets)),
            ended => session.not_worked(ended.err(), Reply::CouldNotMeasure),
        }),
        Err(refusal) => Step::Reply(refusal),
    }
}
