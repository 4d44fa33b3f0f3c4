//! `MLSD` lists a directory's entries with their facts (RFC 3659 §7).

use super::prelude::*;

pub(super) const SPEC: Spec = Spec {
    verb: "MLSD",
    aliases: &[],
    when: When::LoggedIn,
    right: Right::List,
    during: During::Later,
    pathname: whole,
    replies: &[150, 226, 421, 425, 426, 501, 522, 550],
    feature: Some("MLST"),
    help: "MLSD [<pathname>]",
    start,
};

fn start(session: &mut Session, pathname: &[u8]) -> Step {
    let facts = session.inside().facts;
    listing::start(session, pathname, Format::Facts(facts))
}
