//! `SITE` holds what belongs to this system (RFC 959 §4.1.3): one file for each of its words in `site/`.

mod chgrp;
mod chmod;
mod copy;
mod cpfr;
mod cpto;
mod mkdir;
mod rmdir;
mod symlink;
mod umask;
mod utime;

use super::prelude::*;

pub(super) use chmod::permission_bits;

pub(super) const SPEC: Spec = Spec {
    verb: "SITE",
    aliases: &[],
    when: When::LoggedIn,
    right: Right::Site,
    during: During::Later,
    pathname,
    replies: &[200, 214, 226, 250, 350, 450, 451, 452, 500, 501, 503, 550],
    feature: None,
    help: "SITE <string>",
    start,
};

/// A word's row.
pub(super) struct Word {
    name: &'static str,
    right: Right,
    /// Verbs that do the same. Security: a site that denies one of them means this as well.
    like: &'static [&'static str],
    /// Finds the pathname in its argument; it is always the argument's end.
    pathname: fn(&[u8]) -> &[u8],
    /// Whether FEAT names it, for clients that look there.
    is_feature: bool,
    start: fn(&mut Session, &[u8]) -> Step,
}

/// The words in the order of SITE HELP; HELP itself stands behind them.
///
/// Compat: vsftpd's come first, in its order.
static WORDS: [&Word; 10] = [
    &chmod::WORD,
    &umask::WORD,
    &chgrp::WORD,
    &copy::WORD,
    &cpfr::WORD,
    &cpto::WORD,
    &mkdir::WORD,
    &rmdir::WORD,
    &symlink::WORD,
    &utime::WORD,
];

fn pathname(argument: &[u8]) -> &[u8] {
    let command = Command::parse(argument);
    find(&command.verb).map_or(&[], |word| (word.pathname)(command.argument))
}

fn find(name: &[u8]) -> Option<&'static Word> {
    WORDS.iter().find(|word| word.name.as_bytes() == name).copied()
}

fn start(session: &mut Session, argument: &[u8]) -> Step {
    let command = Command::parse(argument);
    match find(&command.verb) {
        Some(word) if offers(session, word) => (word.start)(session, command.argument),
        _ if command.verb == b"HELP" => Step::Reply(Reply::SiteHelp(names(session))),
        _ => Step::Reply(Reply::UnknownSite),
    }
}

/// The words that this session may use.
pub(super) fn names(session: &Session) -> String {
    let offered = WORDS.iter().filter(|word| offers(session, word)).map(|word| word.name);
    let names: Vec<&str> = offered.chain(["HELP"]).collect();
    names.join(" ")
}

/// Lines for FEAT.
pub(super) fn features(session: &Session) -> Vec<String> {
    let offered = WORDS.iter().filter(|word| word.is_feature && offers(session, word));
    offered.map(|word| format!("SITE {}", word.name)).collect()
}

fn offers(session: &Session, word: &Word) -> bool {
    let let_through = |verb: &&str| session.permits_verb(verb.as_bytes(), super::find(verb.as_bytes()));
    session.permits(Right::Site) && session.permits(word.right) && word.like.iter().all(let_through)
}
