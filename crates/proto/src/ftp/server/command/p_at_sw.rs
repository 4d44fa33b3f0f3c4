//! `P@SW` is what some firewalls make of `PASV`, so that they need not look at it. vsftpd understands it.
//!
//! It is not in RFC 959, so where PASV may not be used it is a command that nobody knows.

use super::prelude::*;

pub(super) const SPEC: Spec = Spec {
    verb: "P@SW",
    aliases: &[],
    when: When::LoggedIn,
    right: Right::None,
    during: During::Later,
    pathname: nothing,
    replies: &[227, 425, 500],
    feature: None,
    help: "",
    start,
};

fn start(session: &mut Session, argument: &[u8]) -> Step {
    if session.inside().only_epsv || !session.permits(Right::Passive) {
        return Step::Reply(Reply::UnknownCommand);
    }
    super::pasv::start(session, argument)
}
