//! `SITE COPY` copies a file: both names in one line, in quotes where they hold blanks.

use super::super::prelude::*;
use super::{Word, cpto};

pub(super) const WORD: Word = Word {
    name: "COPY",
    right: Right::Copy,
    like: &["RETR", "STOR"],
    pathname: nothing,
    is_feature: true,
    start: copy,
};

fn copy(session: &mut Session, argument: &[u8]) -> Step {
    let words = words::all(argument).unwrap_or_default();
    let [from, to] = &words[..] else { return Step::Reply(Reply::SiteNeedsTwo("COPY")) };
    match session.resolve(from, Purpose::Download, Reply::SiteFailed("COPY")) {
        Ok(from) => cpto::copy(session, from, to, "COPY"),
        Err(refusal) => Step::Reply(refusal),
    }
}
