//! `PORT` names the IPv4 address to connect to (RFC 959 §4.1.2).

use super::prelude::*;

pub(super) const SPEC: Spec = Spec {
    verb: "PORT",
    aliases: &[],
    when: When::LoggedIn,
    right: Right::Active,
    during: During::Later,
    pathname: nothing,
    replies: &[200, 500, 550],
    feature: None,
    help: "PORT <host-port>",
    start,
};

fn start(session: &mut Session, argument: &[u8]) -> Step {
    if session.inside().only_epsv {
        return Step::Reply(Reply::PermissionDenied);
    }
    session.inside().prepared = None;
    match address::parse_port(argument).map(SocketAddr::V4) {
        Some(address) if is_the_peers(session, address) => {
            session.inside().prepared = Some(Route::Active(address));
            Step::Reply(Reply::PortOk)
        }
        _ => Step::Reply(Reply::IllegalPort),
    }
}

// Security: the bounce attack (RFC 2577 §3). We connect to the peer itself and to no well-known port; even
// `port_promiscuous` opens no privileged ports, to which vsftpd answers by dying at the transfer.
pub(super) fn is_the_peers(session: &Session, address: SocketAddr) -> bool {
    let theirs = address.ip().to_canonical() == session.peer.ip();
    (theirs || session.policy.active_to_anyone) && address.port() >= 1024
}
