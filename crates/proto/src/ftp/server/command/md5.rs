//! `MD5` tells the MD5 of a file (draft-twine-ftpmd5-00).

use super::prelude::*;

pub(super) const SPEC: Spec = Spec {
    verb: "MD5",
    aliases: &[],
    when: When::LoggedIn,
    right: Right::Hash,
    during: During::Later,
    pathname: whole,
    replies: &[226, 251, 450, 451, 501, 550],
    feature: Some("MD5"),
    help: "MD5 <pathname>",
    start,
};

fn start(session: &mut Session, pathname: &[u8]) -> Step {
    match session.resolve(pathname, Purpose::Download, Reply::CouldNotHash) {
        Ok(name) => digest::take(name.path, Algorithm::Md5, None, move |session, taken| match taken {
            Ok((_, digits)) => Step::Reply(Reply::Md5(name.typed, digits)),
            Err(trouble) => session.not_worked(Some(trouble), Reply::CouldNotHash),
        }),
        Err(refusal) => Step::Reply(refusal),
    }
}
