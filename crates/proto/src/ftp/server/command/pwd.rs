//! `PWD` tells the working directory (RFC 959 §4.1.3, appendix II).

use super::prelude::*;

pub(super) const SPEC: Spec = Spec {
    verb: "PWD",
    aliases: &["XPWD"],
    when: When::LoggedIn,
    right: Right::None,
    during: During::Later,
    pathname: nothing,
    replies: &[257],
    feature: None,
    help: "PWD",
    start,
};

fn start(session: &mut Session, _: &[u8]) -> Step {
    let path = session.inside().cwd.as_bytes().to_vec();
    Step::Reply(Reply::CurrentDirectory(Quoted(path)))
}
