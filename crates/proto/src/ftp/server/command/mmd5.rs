//! `MMD5` tells the MD5 of several files, with commas between their names (draft-twine-ftpmd5-00).

use super::prelude::*;

pub(super) const SPEC: Spec = Spec {
    verb: "MMD5",
    aliases: &[],
    when: When::LoggedIn,
    right: Right::Hash,
    during: During::Later,
    pathname: nothing,
    replies: &[226, 252, 450, 451, 501, 550],
    feature: Some("MMD5"),
    help: "MMD5 <file>, <file> ...",
    start,
};

/// How many files may be asked for at once.
const MOST: usize = 64;

fn start(session: &mut Session, argument: &[u8]) -> Step {
    let typed: Vec<&[u8]> =
        argument.split(|&octet| octet == b',').map(<[u8]>::trim_ascii).filter(|name| !name.is_empty()).collect();
    if typed.is_empty() || typed.len() > MOST {
        return Step::Reply(Reply::Mmd5NeedsNames);
    }
    let mut names = Vec::with_capacity(typed.len());
    for typed in typed {
        match session.resolve(typed, Purpose::Download, Reply::CouldNotHash) {
            Ok(name) => names.push(name),
            Err(refusal) => return Step::Reply(refusal),
        }
    }
    names.reverse();
    next(names, Vec::new())
}

/// Takes the next one's hash; the last of `names` comes first.
fn next(mut names: Vec<Pathname>, mut told: Vec<u8>) -> Step {
    let Some(name) = names.pop() else { return Step::Reply(Reply::Md5s(told)) };
    digest::take(name.path, Algorithm::Md5, None, move |session, taken| match taken {
        Ok((_, digits)) => {
            if !told.is_empty() {
                told.extend_from_slice(b", ");
            }
            told.extend_from_slice(&name.typed);
            told.push(b' ');
            told.extend_from_slice(digits.as_bytes());
            next(names, told)
        }
        Err(trouble) => session.not_worked(Some(trouble), Reply::CouldNotHash),
    })
}
