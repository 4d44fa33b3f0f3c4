//! `TYPE` sets the representation type (RFC 959 §3.1.1).

use super::prelude::*;

pub(super) const SPEC: Spec = Spec {
    verb: "TYPE",
    aliases: &[],
    when: When::LoggedIn,
    right: Right::None,
    during: During::Later,
    pathname: nothing,
    replies: &[200, 500],
    feature: None,
    help: "TYPE <type-code>",
    start,
};

fn start(session: &mut Session, code: &[u8]) -> Step {
    let (ascii, reply) = match &code.to_ascii_uppercase()[..] {
        b"A" | b"A N" => (true, Reply::SwitchingToAscii),
        b"I" | b"L8" | b"L 8" => (false, Reply::SwitchingToBinary),
        _ => return Step::Reply(Reply::BadType),
    };
    session.inside().ascii = ascii;
    Step::Reply(reply)
}
