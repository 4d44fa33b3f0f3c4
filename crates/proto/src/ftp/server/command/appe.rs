//! `APPE` stores at the end of a file (RFC 959 §4.1.3).

use super::prelude::*;

pub(super) const SPEC: Spec = Spec {
    verb: "APPE",
    aliases: &[],
    when: When::LoggedIn,
    right: Right::Append,
    during: During::Later,
    pathname: whole,
    replies: &[150, 226, 421, 425, 426, 451, 452, 501, 522, 550, 553],
    feature: None,
    help: "APPE <pathname>",
    start,
};

fn start(session: &mut Session, pathname: &[u8]) -> Step {
    upload::start(session, pathname, Writing::Append)
}
