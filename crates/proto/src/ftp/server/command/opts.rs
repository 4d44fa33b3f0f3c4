//! `OPTS` sets options of other commands: UTF8, which is always on, and the facts of MLST (RFC 2389 §4).

use super::prelude::*;

pub(super) const SPEC: Spec = Spec {
    verb: "OPTS",
    aliases: &[],
    when: When::Always,
    right: Right::None,
    during: During::Later,
    pathname: nothing,
    replies: &[200, 501],
    feature: Some("UTF8"),
    help: "OPTS <command-name> [<command-options>]",
    start,
};

fn start(session: &mut Session, argument: &[u8]) -> Step {
    let upper = argument.to_ascii_uppercase();
    if upper == b"UTF8 ON" {
        return Step::Reply(Reply::AlwaysUtf8);
    }
    match upper.strip_prefix(b"MLST") {
        Some(wanted) if session.is_logged_in() && matches!(wanted, [] | [b' ', ..]) => {
            let facts = facts::wanted(wanted.trim_ascii());
            session.inside().facts = facts;
            Step::Reply(Reply::MlstOptions(facts::named(facts)))
        }
        _ => Step::Reply(Reply::OptionNotUnderstood),
    }
}
