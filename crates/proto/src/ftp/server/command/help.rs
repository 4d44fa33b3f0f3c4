//! `HELP` lists the verbs (RFC 959 §4.1.3).

use super::feat;
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

fn start(session: &mut Session, argument: &[u8]) -> Step {
    // ncftp looks here for the words of SITE that it may use.
    if argument.eq_ignore_ascii_case(b"SITE") && feat::offers(session, &site::SPEC) {
        let words = site::names(session);
        return Step::Reply(Reply::Commands(vec![format!(" {words}").into_bytes()]));
    }
    let shown = super::TABLE.iter().filter(|spec| shows(session, spec));
    let names = shown.flat_map(|spec| spec.aliases.iter().chain([&spec.verb]));
    let mut names: Vec<&str> = names.copied().filter(|name| !name.contains('@')).collect();
    names.sort_unstable();
    Step::Reply(Reply::Commands(names.chunks(IN_ONE_LINE).map(line).collect()))
}

/// The verbs that vsftpd names whether they work or not.
const NAMED_ANYWAY: &str = " ABOR ACCT ALLO APPE CDUP CWD DELE EPRT EPSV FEAT HELP LIST MDTM MKD MODE NLST NOOP OPTS PASS PASV \
    PORT PWD QUIT REIN REST RETR RMD RNFR RNTO SITE SIZE SMNT STAT STOR STOU STRU SYST TYPE USER ";

/// Compat: like vsftpd it names verbs that the site refuses; those that vsftpd never names, only where they work.
fn shows(session: &Session, spec: &Spec) -> bool {
    let is_named_anyway = NAMED_ANYWAY.contains(&format!(" {} ", spec.verb));
    let is_shown = is_named_anyway || feat::offers(session, spec);
    is_shown && spec.when != When::BeforeLogin && !spec.help.is_empty()
}

fn line(names: &[&str]) -> Vec<u8> {
    let line: String = names.iter().map(|name| format!(" {name:<4}")).collect();
    line.trim_end().as_bytes().to_vec()
}
