//! `CSID` lets client and server tell each other what they are. No standard has it.

use super::prelude::*;

pub(super) const SPEC: Spec = Spec {
    verb: "CSID",
    aliases: &[],
    when: When::Always,
    right: Right::None,
    during: During::Later,
    pathname: nothing,
    replies: &[200],
    feature: Some("CSID"),
    help: "CSID Name=<name>; ...",
    start,
};

// Security: no version, which would tell a stranger where to look for holes.
fn start(_: &mut Session, _: &[u8]) -> Step {
    Step::Reply(Reply::ServerIs)
}
