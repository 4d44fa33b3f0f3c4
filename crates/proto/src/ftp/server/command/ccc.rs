//! `CCC` takes the control connection out of TLS again (RFC 2228 §3, RFC 4217 §5), where the site permits it.
//!
//! Some firewalls look for PASV's port. Passwords are never among what they may read: it is for those logged in.

use super::prelude::*;

pub(super) const SPEC: Spec = Spec {
    verb: "CCC",
    aliases: &[],
    when: When::LoggedIn,
    right: Right::ClearControl,
    during: During::Later,
    pathname: nothing,
    replies: &[200, 533],
    feature: Some("CCC"),
    help: "CCC",
    start,
};

fn start(session: &mut Session, _: &[u8]) -> Step {
    let Protection::Secured { data } = session.protection else {
        return Step::Reply(Reply::CccNeedsTls);
    };
    session.say(&Reply::ControlCleared);
    Step::Ask(Ask::Clear(Box::new(move |session, ended| {
        if !ended {
            // Security: who does not end TLS properly is not taken at its word in clear.
            session.ended_without_mark();
            return Step::End;
        }
        session.protection = Protection::Cleared { data };
        Step::Done
    })))
}
