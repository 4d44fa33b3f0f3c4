//! `HELP` lists the verbs (RFC 959 §4.1.3).

use super::prelude::*;

pub(super) const SPEC: Spec = Spec {
    verb: "HELP",
    aliases: &[],
    when: When::LoggedIn,
    right: Right::None,
    during: During::Later,
    pathname: nothing,
    replies: &[214],
    feature: None,
    help: "HELP [<string>]",
    start,
};

/// How many verbs stand in one line; vsftpd's number.
const IN_ONE_LINE: usize = 14;

fn start(session: &mut Session, _: &[u8]) -> Step {
    let shown = super::TABLE.iter().filter(|spec| shows(session, spec));
    let names = shown.flat_map(|spec| spec.aliases.iter().chain([&spec.verb]));
    let mut names: Vec<&str> = names.copied().filter(|name| !name.contains('@')).collect();
    names.sort_unstable();
    Step::Reply(Reply::Commands(names.chunks(IN_ONE_LINE).map(line).collect()))
}

/// Compat: like vsftpd it names verbs that the site refuses; those of TLS, which it never names, only where they work.
fn shows(session: &Session, spec: &Spec) -> bool {
    let works = match spec.right {
        Right::Encrypt | Right::ClearControl => session.permits(spec.right),
        _ => true,
    };
    works && spec.when != When::BeforeLogin && !spec.help.is_empty()
}

fn line(names: &[&str]) -> Vec<u8> {
    let line: String = names.iter().map(|name| format!(" {name:<4}")).collect();
    line.trim_end().as_bytes().to_vec()
}
