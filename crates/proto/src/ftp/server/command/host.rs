//! `HOST` says which of several hosts at this address the client means (RFC 7151).
//!
//! A host is a configuration of its own over the site's. A site that has none has never heard of this command.

use super::prelude::*;
use crate::host::host_name;

pub(super) const SPEC: Spec = Spec {
    verb: "HOST",
    aliases: &[],
    when: When::Always,
    right: Right::Host,
    during: During::Later,
    pathname: nothing,
    replies: &[220, 500, 501, 503, 504],
    feature: Some("HOST"),
    help: "HOST <host-name>",
    start,
};

fn start(session: &mut Session, typed: &[u8]) -> Step {
    let State::NotLoggedIn(visitor) = &mut session.state else { return Step::Reply(Reply::HostAfterLogin) };
    visitor.name = None;
    // Security: each costs the monitor a file to be read, so nobody who has not logged in may ask without end.
    if session.has_asked_enough() {
        return Step::Close(Reply::TooManyErrors);
    }
    match host_name(typed) {
        Some(name) => Step::Ask(Ask::Host(name, Box::new(answer))),
        None if typed.starts_with(b"[") => Step::Reply(Reply::UnknownHost),
        None => Step::Reply(Reply::BadHost),
    }
}

fn answer(session: &mut Session, policy: Option<Arc<Policy>>) -> Step {
    let Some(policy) = policy else { return Step::Reply(Reply::UnknownHost) };
    session.policy = policy;
    Step::Reply(session.greeting())
}
