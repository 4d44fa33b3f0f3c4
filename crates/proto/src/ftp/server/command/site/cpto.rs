//! `SITE CPTO` copies what SITE CPFR named, replacing what is there, without its octets leaving the server.

use super::super::prelude::*;
use super::Word;

pub(super) const WORD: Word = Word {
    name: "CPTO",
    right: Right::Copy,
    like: &["RETR", "STOR"],
    pathname: whole,
    is_feature: false,
    start: copy_to,
};

fn copy_to(session: &mut Session, pathname: &[u8]) -> Step {
    let Some(from) = session.inside().copy_from.take() else { return Step::Reply(Reply::CpfrFirst) };
    copy(session, *from, pathname, "CPTO")
}

/// Copies a file; SITE COPY does so, too.
pub(super) fn copy(session: &mut Session, from: Pathname, to: &[u8], word: &'static str) -> Step {
    let umask = session.inside().umask;
    match session.resolve(to, Purpose::Upload, Reply::SiteFailed(word)) {
        Ok(to) if from.path == to.path => Step::Reply(Reply::SiteFailed(word)),
        Ok(to) => {
            let logged = [&from.logged[..], b" ", &to.logged].concat();
            let task = Task::Copy { from: from.path, to: to.path, umask };
            Ask::work(task, move |session, done| {
                session.record(Event::Changed("COPY", done.is_ok(), logged));
                match done {
                    Ok(_) => Step::Reply(Reply::Copied),
                    Err(trouble) => session.not_worked(Some(trouble), Reply::SiteFailed(word)),
                }
            })
        }
        Err(refusal) => Step::Reply(refusal),
    }
}
