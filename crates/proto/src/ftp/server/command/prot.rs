//! `PROT` says whether data connections are protected (RFC 2228 §3, RFC 4217 §9): `P` puts them into TLS, `C`
//! leaves them in clear.
//!
//! Compat: PBSZ need not come before. Where data must be protected, `C` is taken and transfers are refused.

use super::prelude::*;

pub(super) const SPEC: Spec = Spec {
    verb: "PROT",
    aliases: &[],
    when: When::Always,
    right: Right::Encrypt,
    during: During::Later,
    pathname: nothing,
    replies: &[200, 503, 504, 536],
    feature: Some("PROT"),
    help: "PROT <prot-code>",
    start,
};

// Security: after CCC anybody on the way could say PROT C, so then it is refused.
fn start(session: &mut Session, level: &[u8]) -> Step {
    let Protection::Secured { data } = &mut session.protection else {
        return Step::Reply(Reply::ProtNeedsTls);
    };
    Step::Reply(match level.to_ascii_uppercase().as_slice() {
        b"C" => {
            *data = false;
            Reply::ProtClear
        }
        b"P" => {
            *data = true;
            Reply::ProtPrivate
        }
        b"S" | b"E" => Reply::ProtNotSupported,
        _ => Reply::UnknownProt,
    })
}
