//! `REIN` would begin anew (RFC 959 §4.1.1). An identity taken is kept, so it is refused.

use super::prelude::*;

pub(super) const SPEC: Spec = Spec {
    verb: "REIN",
    aliases: &[],
    when: When::LoggedIn,
    right: Right::None,
    during: During::Later,
    pathname: nothing,
    replies: &[502],
    feature: None,
    help: "REIN",
    start,
};

// Security: the processes behind a session have given up what another login would need.
fn start(_: &mut Session, _: &[u8]) -> Step {
    Step::Reply(Reply::ReinNotImplemented)
}
