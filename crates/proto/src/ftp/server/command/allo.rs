//! `ALLO` reserves space, which UNIX need not do (RFC 959 §4.1.3).

use super::prelude::*;

pub(super) const SPEC: Spec = Spec {
    verb: "ALLO",
    aliases: &[],
    when: When::LoggedIn,
    right: Right::None,
    during: During::Later,
    pathname: nothing,
    replies: &[202],
    feature: None,
    help: "ALLO <decimal-integer> [R <decimal-integer>]",
    start,
};

fn start(_: &mut Session, _: &[u8]) -> Step {
    Step::Reply(Reply::AlloIgnored)
}
