//! `SITE CPFR` names the file that is to be copied; SITE CPTO follows.

use super::super::prelude::*;
use super::Word;

pub(super) const WORD: Word = Word {
    name: "CPFR",
    right: Right::Copy,
    like: &["RETR", "STOR"],
    pathname: whole,
    is_feature: false,
    start: copy_from,
};

fn copy_from(session: &mut Session, pathname: &[u8]) -> Step {
    session.inside().copy_from = None;
    match session.resolve(pathname, Purpose::Download, Reply::SiteFailed("CPFR")) {
        Ok(name) => Ask::look(name.path.clone(), move |session, looked| match looked {
            Ok(looked) if looked.entry.is_file() => {
                session.inside().copy_from = Some(Box::new(name));
                Step::Reply(Reply::ReadyForCpto)
            }
            _ => Step::Reply(Reply::SiteFailed("CPFR")),
        }),
        Err(refusal) => Step::Reply(refusal),
    }
}
