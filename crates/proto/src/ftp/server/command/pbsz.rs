//! `PBSZ` sets the size of protected blocks (RFC 2228 §3). TLS has its own, so it is 0, always (RFC 4217 §9).

use super::prelude::*;

pub(super) const SPEC: Spec = Spec {
    verb: "PBSZ",
    aliases: &[],
    when: When::Always,
    right: Right::Encrypt,
    during: During::Later,
    pathname: nothing,
    replies: &[200, 503],
    feature: Some("PBSZ"),
    help: "PBSZ <decimal-integer>",
    start,
};

fn start(session: &mut Session, _: &[u8]) -> Step {
    let secured = session.protection.of_control();
    Step::Reply(if secured { Reply::PbszSet } else { Reply::PbszNeedsTls })
}
