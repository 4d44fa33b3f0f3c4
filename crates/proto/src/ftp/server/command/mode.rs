//! `MODE` sets the transfer mode; stream is all we do (RFC 959 §3.4).

use super::prelude::*;

pub(super) const SPEC: Spec = Spec {
    verb: "MODE",
    aliases: &[],
    when: When::LoggedIn,
    right: Right::None,
    during: During::Later,
    pathname: nothing,
    replies: &[200, 504],
    feature: None,
    help: "MODE <mode-code>",
    start,
};

fn start(_: &mut Session, mode: &[u8]) -> Step {
    Step::Reply(if mode.eq_ignore_ascii_case(b"S") { Reply::ModeOk } else { Reply::BadModeCommand })
}
