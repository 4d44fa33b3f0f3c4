//! `ALLO` asks whether there is room (RFC 959 §4.1.3). Nothing is reserved: files of UNIX grow as they are written.

use super::prelude::*;

pub(super) const SPEC: Spec = Spec {
    verb: "ALLO",
    aliases: &[],
    when: When::LoggedIn,
    right: Right::None,
    during: During::Later,
    pathname: nothing,
    replies: &[202, 552],
    feature: None,
    help: "ALLO <decimal-integer> [R <decimal-integer>]",
    start,
};

// Compat: whatever is said, vsftpd has always ignored it; only a number that cannot be stored is worth a refusal.
fn start(session: &mut Session, argument: &[u8]) -> Step {
    let number = argument.split(|&octet| octet == b' ').next().and_then(words::number);
    let Some(wanted) = number.filter(|_| session.permits(Right::Upload)) else {
        return Step::Reply(Reply::AlloIgnored);
    };
    let here = session.inside().cwd.clone();
    Ask::room(here, move |_, room| {
        Step::Reply(match room {
            Ok(octets) if octets < wanted => Reply::NotEnoughRoom(octets),
            _ => Reply::AlloIgnored,
        })
    })
}
