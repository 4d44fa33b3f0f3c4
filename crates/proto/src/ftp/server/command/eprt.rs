//! `EPRT` names the address to connect to, of either family (RFC 2428 §2).

use super::prelude::*;

pub(super) const SPEC: Spec = Spec {
    verb: "EPRT",
    aliases: &[],
    when: When::LoggedIn,
    right: Right::Active,
    during: During::Later,
    pathname: nothing,
    replies: &[200, 500, 550],
    feature: Some("EPRT"),
    help: "EPRT <d><net-prt><d><net-addr><d><tcp-port><d>",
    start,
};

fn start(session: &mut Session, argument: &[u8]) -> Step {
    if session.inside().only_epsv {
        return Step::Reply(Reply::PermissionDenied);
    }
    session.inside().prepared = None;
    Step::Reply(match address::parse_eprt(argument) {
        Err(BadEprt::Protocol) => Reply::BadEprtProtocol,
        Ok(address) if address.is_ipv6() && session.local.is_ipv4() => Reply::BadEprtProtocol,
        Err(BadEprt::Syntax) => Reply::BadEprt,
        Err(BadEprt::Port) => Reply::IllegalEprt,
        Ok(address) if super::port::is_the_peers(session, address) => {
            session.inside().prepared = Some(Route::Active(address));
            Reply::EprtOk
        }
        Ok(_) => Reply::IllegalEprt,
    })
}
