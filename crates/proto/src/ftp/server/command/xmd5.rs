//! `XMD5` tells the MD5 of a file or of a part of it. No standard has it, and many clients do.

use super::prelude::*;

pub(super) const SPEC: Spec = Spec {
    verb: "XMD5",
    aliases: &[],
    when: When::LoggedIn,
    right: Right::Hash,
    during: During::Later,
    pathname: whole,
    replies: &[226, 250, 450, 451, 501, 550],
    feature: Some("XMD5 filename;start;end"),
    help: "XMD5 <pathname> [<start> [<end>]]",
    start,
};

fn start(session: &mut Session, argument: &[u8]) -> Step {
    digest::start(session, argument, Algorithm::Md5)
}
