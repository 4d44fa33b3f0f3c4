//! `SYST` tells the system; parsers of LIST lines go by it (RFC 959 §4.1.3).

use super::prelude::*;

pub(super) const SPEC: Spec = Spec {
    verb: "SYST",
    aliases: &[],
    when: When::LoggedIn,
    right: Right::None,
    during: During::Later,
    pathname: nothing,
    replies: &[215],
    feature: None,
    help: "SYST",
    start,
};

fn start(_: &mut Session, _: &[u8]) -> Step {
    Step::Reply(Reply::System)
}
