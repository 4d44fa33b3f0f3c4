//! `SITE MKDIR` makes a directory with all that are missing above it.

use super::super::prelude::*;
use super::Word;

pub(super) const WORD: Word = Word {
    name: "MKDIR",
    right: Right::MakeDirectory,
    like: &["MKD"],
    pathname: whole,
    is_feature: true,
    start: make_directories,
};

fn make_directories(session: &mut Session, pathname: &[u8]) -> Step {
    let umask = session.inside().umask;
    match session.resolve(pathname, Purpose::Any, Reply::SiteFailed("MKDIR")) {
        Ok(name) => Ask::change(Change::MakeDirectories { path: name.path, umask }, move |session, done| {
            session.record(Event::MakeDirectory(done.is_ok(), name.logged));
            Step::Reply(match done {
                Ok(()) => Reply::SiteOk("MKDIR"),
                Err(Failure::NoSpace) => Reply::NoSpace,
                Err(_) => Reply::SiteFailed("MKDIR"),
            })
        }),
        Err(refusal) => {
            let logged = session.expand(pathname).logged;
            session.record(Event::MakeDirectory(false, logged));
            Step::Reply(refusal)
        }
    }
}
