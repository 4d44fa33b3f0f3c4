//! `SITE SYMLINK` makes a symbolic link: first what it leads to, then its own name.

use super::super::prelude::*;
use super::Word;

pub(super) const WORD: Word = Word {
    name: "SYMLINK",
    right: Right::Link,
    like: &["STOR"],
    pathname: nothing,
    is_feature: true,
    start: make_link,
};

fn make_link(session: &mut Session, argument: &[u8]) -> Step {
    let words = words::all(argument).unwrap_or_default();
    let [target, link] = &words[..] else { return Step::Reply(Reply::SiteNeedsTwo("SYMLINK")) };
    let refused = Reply::SiteFailed("SYMLINK");
    // A relative target is meant from where the link is, as everywhere on this system.
    let both = session.resolve(link, Purpose::Upload, refused.clone()).and_then(|link| {
        let beside = [link.path.parent().as_bytes(), b"/", target].concat();
        let target = if target.starts_with(b"/") || target.starts_with(b"~") { target } else { &beside };
        Ok((session.resolve(target, Purpose::Any, refused)?, link))
    });
    match both {
        Ok((target, link)) => {
            let logged = [&link.logged[..], b" ", target.path.as_bytes()].concat();
            let change = Change::MakeLink { target: target.path, link: link.path };
            Ask::change(change, move |session, done| {
                session.record(Event::Changed("SYMLINK", done.is_ok(), logged));
                let made = if done.is_ok() { Reply::SiteOk } else { Reply::SiteFailed };
                Step::Reply(made("SYMLINK"))
            })
        }
        Err(refusal) => Step::Reply(refusal),
    }
}
