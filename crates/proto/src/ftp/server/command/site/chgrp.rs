//! `SITE CHGRP` gives a file or directory to another group of the user's own.

use super::super::prelude::*;
use super::Word;
use super::chmod::second;

pub(super) const WORD: Word = Word {
    name: "CHGRP",
    right: Right::SetMode,
    like: &[],
    pathname: second,
    is_feature: false,
    start: change_group,
};

fn change_group(session: &mut Session, argument: &[u8]) -> Step {
    let mut halves = argument.splitn(2, |&octet| octet == b' ');
    let (Some(group), Some(pathname)) = (halves.next(), halves.next().filter(|name| !name.is_empty())) else {
        return Step::Reply(Reply::SiteNeedsTwo("CHGRP"));
    };
    let group = group.to_vec();
    match session.resolve(pathname, Purpose::Any, Reply::SiteFailed("CHGRP")) {
        Ok(name) => {
            let logged = [&name.logged[..], b" ", &group].concat();
            Ask::change(Change::SetGroup { path: name.path, group }, move |session, done| {
                session.record(Event::Changed("CHGRP", done.is_ok(), logged));
                Step::Reply(if done.is_ok() { Reply::SiteOk("CHGRP") } else { Reply::SiteFailed("CHGRP") })
            })
        }
        Err(refusal) => Step::Reply(refusal),
    }
}
