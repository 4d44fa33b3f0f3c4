//! `LANG` chooses the language of replies; their codes stay the same (RFC 2640 §4).

use super::prelude::*;

pub(super) const SPEC: Spec = Spec {
    verb: "LANG",
    aliases: &[],
    when: When::Always,
    right: Right::None,
    during: During::Later,
    pathname: nothing,
    replies: &[200, 504],
    feature: Some("LANG"),
    help: "LANG [<language-tag>]",
    start,
};

fn start(session: &mut Session, tag: &[u8]) -> Step {
    let tag = tag.trim_ascii();
    // No tag means the language that the session began with.
    let language = if tag.is_empty() { Some(Language::default()) } else { Language::tagged(tag) };
    let Some(language) = language else { return Step::Reply(Reply::UnknownLanguage) };
    session.language = language;
    Step::Reply(Reply::LanguageIs)
}

/// FEAT's list: all languages, the one that is spoken now with a star.
pub(super) fn advertised(now: Language) -> String {
    let list = Language::ALL.map(|(language, tag)| format!("{tag}{}", if language == now { "*" } else { "" }));
    list.join(";")
}
