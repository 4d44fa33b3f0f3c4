//! `NLST` lists names, each fit to be given to RETR (RFC 959 §4.1.3).

use super::prelude::*;

pub(super) const SPEC: Spec = Spec {
    verb: "NLST",
    aliases: &[],
    when: When::LoggedIn,
    right: Right::List,
    during: During::Later,
    pathname: listing::pathname,
    replies: &[150, 226, 421, 425, 426, 501, 522, 550],
    feature: None,
    help: "NLST [<pathname>]",
    start,
};

fn start(session: &mut Session, argument: &[u8]) -> Step {
    listing::start(session, argument, Format::Names)
}
