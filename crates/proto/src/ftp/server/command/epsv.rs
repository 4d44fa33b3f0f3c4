//! `EPSV` announces a port for the peer to connect to, of either family (RFC 2428 §3, §4).

use super::prelude::*;

pub(super) const SPEC: Spec = Spec {
    verb: "EPSV",
    aliases: &[],
    when: When::LoggedIn,
    right: Right::Passive,
    during: During::Later,
    pathname: nothing,
    replies: &[200, 229, 425, 522],
    feature: Some("EPSV"),
    help: "EPSV [<net-prt> | ALL]",
    start,
};

fn start(session: &mut Session, argument: &[u8]) -> Step {
    if argument.eq_ignore_ascii_case(b"ALL") {
        session.inside().only_epsv = true;
        return Step::Reply(Reply::EpsvAllOk);
    }
    session.inside().prepared = None;
    match argument.trim_ascii() {
        b"" | b"1" => {}
        b"2" if session.local.is_ipv6() => {}
        _ => return Step::Reply(Reply::BadNetworkProtocol),
    }
    Step::Ask(Ask::Expect(Box::new(answer)))
}

fn answer(session: &mut Session, expected: Option<Expected>) -> Step {
    Step::Reply(session.expects(expected).map_or_else(|refusal| refusal, Reply::ExtendedPassiveMode))
}
