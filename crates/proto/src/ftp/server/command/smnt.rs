//! `SMNT` would mount something (RFC 959 §4.1.1).

use super::prelude::*;

pub(super) const SPEC: Spec = Spec {
    verb: "SMNT",
    aliases: &[],
    when: When::LoggedIn,
    right: Right::None,
    during: During::Later,
    pathname: nothing,
    replies: &[502],
    feature: None,
    help: "SMNT <pathname>",
    start,
};

fn start(_: &mut Session, _: &[u8]) -> Step {
    Step::Reply(Reply::SmntNotImplemented)
}
