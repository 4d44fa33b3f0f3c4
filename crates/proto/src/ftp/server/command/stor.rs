//! `STOR` stores a file (RFC 959 §4.1.3); with REST it goes on in the middle (RFC 3659 §5).

use super::prelude::*;

pub(super) const SPEC: Spec = Spec {
    verb: "STOR",
    aliases: &[],
    when: When::LoggedIn,
    right: Right::Upload,
    during: During::Later,
    pathname: whole,
    replies: &[150, 226, 421, 425, 426, 451, 452, 501, 522, 550, 553, 554],
    feature: None,
    help: "STOR <pathname>",
    start,
};

fn start(session: &mut Session, pathname: &[u8]) -> Step {
    upload::start(session, pathname, Writing::Store)
}
