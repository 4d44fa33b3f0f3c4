//! `MODE` sets the transfer mode (RFC 959 §3.4): stream, or compressed where the site permits it
//! (draft-preston-ftpext-deflate).

use super::prelude::*;

pub(super) const SPEC: Spec = Spec {
    verb: "MODE",
    aliases: &[],
    when: When::LoggedIn,
    right: Right::None,
    during: During::Later,
    pathname: nothing,
    replies: &[200, 504],
    feature: Some("MODE Z"),
    help: "MODE <mode-code>",
    start,
};

fn start(session: &mut Session, mode: &[u8]) -> Step {
    let deflates = match &mode.to_ascii_uppercase()[..] {
        b"S" => false,
        b"Z" if session.policy.mode_z => true,
        _ => return Step::Reply(Reply::BadModeCommand),
    };
    session.inside().deflates = deflates;
    Step::Reply(if deflates { Reply::ModeZOk } else { Reply::ModeOk })
}

/// Takes what OPTS says of this command: `Z LEVEL 6`.
pub(super) fn options(session: &mut Session, options: &[u8]) -> Reply {
    let level = options.strip_prefix(b"Z LEVEL ").and_then(words::number).and_then(|level| u8::try_from(level).ok());
    match level.filter(|level| (1..=9).contains(level)) {
        Some(level) => {
            session.inside().level = level;
            Reply::ModeZLevel(u16::from(level))
        }
        None => Reply::OptionNotUnderstood,
    }
}
