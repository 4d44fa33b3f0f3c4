//! `XSHA256` tells the SHA-256 of a file or of a part of it. No standard has it, and many clients do.

use super::prelude::*;

pub(super) const SPEC: Spec = Spec {
    verb: "XSHA256",
    aliases: &[],
    when: When::LoggedIn,
    right: Right::Hash,
    during: During::Later,
    pathname: whole,
    replies: &[226, 250, 450, 451, 501, 550],
    feature: Some("XSHA256 filename;start;end"),
    help: "XSHA256 <pathname> [<start> [<end>]]",
    start,
};

fn start(session: &mut Session, argument: &[u8]) -> Step {
    digest::start(session, argument, Algorithm::Sha256)
}
