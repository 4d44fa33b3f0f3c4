//! `OPTS` sets options of other commands: UTF8, the facts of MLST, the method of HASH (RFC 2389 §4).

use super::mode;
use super::prelude::*;

pub(super) const SPEC: Spec = Spec {
    verb: "OPTS",
    aliases: &[],
    when: When::Always,
    right: Right::None,
    during: During::Later,
    pathname: nothing,
    replies: &[200, 501, 504],
    feature: Some("UTF8"),
    help: "OPTS <command-name> [<command-options>]",
    start,
};

fn start(session: &mut Session, argument: &[u8]) -> Step {
    let upper = argument.to_ascii_uppercase();
    if upper == b"UTF8 ON" {
        session.chosen_charset = Some(Charset::UTF_8);
        return Step::Reply(Reply::AlwaysUtf8);
    }
    if upper == b"UTF8 OFF" {
        // Back to what the site says; where that is UTF-8, names are told as they are stored.
        session.chosen_charset = None;
        return Step::Reply(Reply::Utf8Off);
    }
    match upper.strip_prefix(b"MLST") {
        Some(wanted) if session.is_logged_in() && matches!(wanted, [] | [b' ', ..]) => {
            let facts = facts::wanted(wanted.trim_ascii());
            session.inside().facts = facts;
            Step::Reply(Reply::MlstOptions(facts::named(facts)))
        }
        _ if upper.starts_with(b"HASH") && session.is_logged_in() && session.permits(Right::Hash) => {
            Step::Reply(hash(session, upper.get(4..).unwrap_or_default()))
        }
        _ if upper.starts_with(b"MODE ") && session.is_logged_in() && session.policy.mode_z => {
            Step::Reply(mode::options(session, upper.get(5..).unwrap_or_default()))
        }
        _ => Step::Reply(Reply::OptionNotUnderstood),
    }
}

/// Chooses how HASH takes hashes, or tells it (draft-bryan-ftp-hash).
fn hash(session: &mut Session, wish: &[u8]) -> Reply {
    match wish {
        [] => Reply::HashIs(session.inside().algorithm.name()),
        [b' ', name @ ..] => match Algorithm::named(name.trim_ascii()) {
            Some(algorithm) => {
                session.inside().algorithm = algorithm;
                Reply::HashIs(algorithm.name())
            }
            None => Reply::UnknownHash,
        },
        _ => Reply::OptionNotUnderstood,
    }
}
