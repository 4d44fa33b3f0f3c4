//! `STRU` sets the file structure; file is all we do (RFC 959 §3.1.2).

use super::prelude::*;

pub(super) const SPEC: Spec = Spec {
    verb: "STRU",
    aliases: &[],
    when: When::LoggedIn,
    right: Right::None,
    during: During::Later,
    pathname: nothing,
    replies: &[200, 504],
    feature: None,
    help: "STRU <structure-code>",
    start,
};

fn start(_: &mut Session, structure: &[u8]) -> Step {
    Step::Reply(if structure.eq_ignore_ascii_case(b"F") { Reply::StructureOk } else { Reply::BadStruCommand })
}
