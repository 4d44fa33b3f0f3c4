//! `ABOR` without a transfer: there is nothing to end (RFC 959 §4.1.3). With one, the session ends it aside.

use super::prelude::*;

pub(super) const SPEC: Spec = Spec {
    verb: "ABOR",
    aliases: &[],
    when: When::LoggedIn,
    right: Right::None,
    during: During::Abort,
    pathname: nothing,
    replies: &[225],
    feature: None,
    help: "ABOR",
    start,
};

fn start(_: &mut Session, _: &[u8]) -> Step {
    Step::Reply(Reply::NoTransferToAbort)
}
