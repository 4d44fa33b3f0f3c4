//! `AUTH` puts the control connection into TLS (RFC 2228 §3, RFC 4217 §4).
//!
//! It stands before a login or nowhere: who has sent a password in clear gains little from hiding what follows.

use super::prelude::*;

pub(super) const SPEC: Spec = Spec {
    verb: "AUTH",
    aliases: &[],
    when: When::BeforeLogin,
    right: Right::Encrypt,
    during: During::Later,
    pathname: nothing,
    replies: &[234, 504],
    feature: Some("AUTH TLS"),
    help: "AUTH <mechanism-name>",
    start,
};

fn start(session: &mut Session, mechanism: &[u8]) -> Step {
    // Compat: SSL and TLS-P protect data connections, too, as they did before RFC 4217; curl begins with SSL.
    let data = match mechanism.to_ascii_uppercase().as_slice() {
        b"TLS" | b"TLS-C" => false,
        b"SSL" | b"TLS-P" => true,
        _ => return Step::Reply(Reply::UnknownAuth),
    };
    session.forget_name();
    session.say(&Reply::ProceedWithNegotiation);
    session.secure(Protection::Secured { data }, Step::Done)
}
