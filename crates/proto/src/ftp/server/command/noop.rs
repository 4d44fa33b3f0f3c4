//! `NOOP` does nothing; clients send it to keep the connection (RFC 959 §4.1.3).

use super::prelude::*;

pub(super) const SPEC: Spec = Spec {
    verb: "NOOP",
    aliases: &[],
    when: When::LoggedIn,
    right: Right::None,
    during: During::Answer(|_, _, _| Reply::NoopOk),
    pathname: nothing,
    replies: &[200],
    feature: None,
    help: "NOOP",
    start,
};

fn start(_: &mut Session, _: &[u8]) -> Step {
    Step::Reply(Reply::NoopOk)
}
