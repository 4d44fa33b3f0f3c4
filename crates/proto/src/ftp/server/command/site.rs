//! `SITE` holds what belongs to UNIX: permission bits and the umask (RFC 959 §4.1.3).

use super::prelude::*;

pub(super) const SPEC: Spec = Spec {
    verb: "SITE",
    aliases: &[],
    when: When::LoggedIn,
    right: Right::Site,
    during: During::Later,
    pathname,
    replies: &[200, 214, 500, 501, 550],
    feature: None,
    help: "SITE <string>",
    start,
};

/// Behind the bits of CHMOD.
fn pathname(argument: &[u8]) -> &[u8] {
    let command = Command::parse(argument);
    let behind_bits = command.argument.splitn(2, |&octet| octet == b' ').nth(1);
    behind_bits.filter(|_| command.verb == b"CHMOD").unwrap_or_default()
}

fn start(session: &mut Session, argument: &[u8]) -> Step {
    let command = Command::parse(argument);
    match &command.verb[..] {
        b"CHMOD" if session.permits(Right::SetMode) => change_mode(session, command.argument),
        b"UMASK" => Step::Reply(umask(session, command.argument)),
        b"HELP" if session.permits(Right::SetMode) => Step::Reply(Reply::SiteHelp),
        b"HELP" => Step::Reply(Reply::SiteHelpReadOnly),
        _ => Step::Reply(Reply::UnknownSite),
    }
}

fn umask(session: &mut Session, argument: &[u8]) -> Reply {
    let inside = session.inside();
    if argument.is_empty() {
        return Reply::UmaskIs(Octal(inside.umask));
    }
    // Compat: the first octet that is no octal digit ends the number, as in vsftpd.
    let digits = argument.iter().take_while(|octet| (b'0'..=b'7').contains(octet));
    let number = digits.fold(0u32, |number, digit| (number << 3 | u32::from(digit - b'0')) & 0o777);
    inside.umask = number;
    Reply::UmaskSet(Octal(number))
}

fn change_mode(session: &mut Session, argument: &[u8]) -> Step {
    let mut halves = argument.splitn(2, |&octet| octet == b' ');
    let (Some(bits), Some(pathname)) = (halves.next(), halves.next().filter(|name| !name.is_empty())) else {
        return Step::Reply(Reply::ChmodNeedsTwo);
    };
    // vsftpd takes nonsense for 0 and locks its owner out of the file.
    let Some(mode) = permission_bits(bits) else { return Step::Reply(Reply::BadMode) };
    let logged = session.expand(pathname).logged;
    let subject = [&logged[..], b" ", bits].concat();
    match session.resolve(pathname, Purpose::Any, Reply::ChmodFailed) {
        Ok(name) => Ask::change(Change::SetMode { path: name.path, mode }, move |session, done| {
            session.record(Event::ChangeMode(done.is_ok(), subject));
            Step::Reply(if done.is_ok() { Reply::ChmodOk } else { Reply::ChmodFailed })
        }),
        Err(refusal) => {
            session.record(Event::ChangeMode(false, subject));
            Step::Reply(refusal)
        }
    }
}

/// One to four octal digits. Security: set-id and sticky bits are dropped.
fn permission_bits(text: &[u8]) -> Option<u32> {
    let digits = (1..=4).contains(&text.len()) && text.iter().all(|octet| (b'0'..=b'7').contains(octet));
    let number = || text.iter().fold(0, |number, digit| number << 3 | u32::from(digit - b'0'));
    digits.then(|| number() & 0o777)
}
