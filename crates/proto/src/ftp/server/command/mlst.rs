//! `MLST` tells the facts of one thing over the control connection (RFC 3659 §7).

use super::prelude::*;

pub(super) const SPEC: Spec = Spec {
    verb: "MLST",
    aliases: &[],
    when: When::LoggedIn,
    right: Right::None,
    during: During::Later,
    pathname: whole,
    replies: &[250, 501, 550],
    feature: None,
    help: "MLST [<pathname>]",
    start,
};

fn start(session: &mut Session, pathname: &[u8]) -> Step {
    let typed: &[u8] = if pathname.is_empty() { b"." } else { pathname };
    match session.resolve(typed, Purpose::Any, Reply::CouldNotLook) {
        Ok(name) => Ask::look(name.path.clone(), move |session, looked| answer(session, &name, looked)),
        Err(refusal) => Step::Reply(refusal),
    }
}

fn answer(session: &mut Session, name: &Pathname, looked: Result<Looked, Failure>) -> Step {
    let Ok(looked) = looked else { return Step::Reply(Reply::CouldNotLook) };
    let mut line = b" ".to_vec();
    let facts = session.inside().facts;
    mlsx::push_facts(&mut line, &facts, &looked.entry, looked.access, &looked.owners);
    line.push(b' ');
    push_name(&mut line, name.path.as_bytes());
    Step::Reply(Reply::FactsOf(vec![line]))
}
