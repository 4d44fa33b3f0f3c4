//! `GET`, `POST` and their like: a browser was tricked into talking to us, and is sent away at once.

use super::prelude::*;

pub(super) const SPEC: Spec = Spec {
    verb: "GET",
    aliases: &["POST", "HEAD", "OPTIONS", "CONNECT"],
    when: When::Always,
    right: Right::None,
    during: During::Later,
    pathname: nothing,
    replies: &[500],
    feature: None,
    help: "",
    start,
};

// Security: the lines behind it may hold commands that somebody else chose (cross-protocol request forgery).
fn start(_: &mut Session, _: &[u8]) -> Step {
    Step::Close(Reply::NoHttp)
}
