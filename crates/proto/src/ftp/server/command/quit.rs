//! `QUIT` ends the session (RFC 959 §4.1.1); during a transfer it waits for the end.

use super::prelude::*;

pub(super) const SPEC: Spec = Spec {
    verb: "QUIT",
    aliases: &[],
    when: When::Always,
    right: Right::None,
    during: During::Later,
    pathname: nothing,
    replies: &[221],
    feature: None,
    help: "QUIT",
    start,
};

fn start(_: &mut Session, _: &[u8]) -> Step {
    Step::Close(Reply::Goodbye)
}
