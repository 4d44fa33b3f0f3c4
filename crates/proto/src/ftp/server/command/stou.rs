//! `STOU` stores under a name that is free, and says which (RFC 959 §4.1.3, RFC 1123 §4.1.2.9).

use super::prelude::*;

pub(super) const SPEC: Spec = Spec {
    verb: "STOU",
    aliases: &[],
    when: When::LoggedIn,
    right: Right::Upload,
    during: During::Later,
    pathname: whole,
    replies: &[150, 226, 421, 425, 426, 451, 452, 501, 522, 550, 553],
    feature: None,
    help: "STOU [<pathname>]",
    start,
};

/// The wish when the client has none; vsftpd's.
const WISH: &[u8] = b"STOU";

fn start(session: &mut Session, pathname: &[u8]) -> Step {
    let wish = if pathname.is_empty() { WISH } else { pathname };
    upload::start(session, wish, Writing::Unique)
}
