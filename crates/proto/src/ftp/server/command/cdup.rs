//! `CDUP` changes to the parent directory; the root is its own (RFC 959 §4.1.1).

use super::prelude::*;

pub(super) const SPEC: Spec = Spec {
    verb: "CDUP",
    aliases: &["XCUP"],
    when: When::LoggedIn,
    right: Right::None,
    during: During::Later,
    pathname: nothing,
    replies: &[250, 501, 550],
    feature: None,
    help: "CDUP",
    start,
};

fn start(session: &mut Session, _: &[u8]) -> Step {
    cwd::change(session, b"..")
}
