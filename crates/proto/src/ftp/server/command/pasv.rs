//! `PASV` announces a port for the peer to connect to (RFC 959 §4.1.2).

use super::prelude::*;

pub(super) const SPEC: Spec = Spec {
    verb: "PASV",
    aliases: &[],
    when: When::LoggedIn,
    right: Right::Passive,
    during: During::Later,
    pathname: nothing,
    replies: &[227, 425, 550],
    feature: Some("PASV"),
    help: "PASV",
    start,
};

pub(super) fn start(session: &mut Session, _: &[u8]) -> Step {
    if session.inside().only_epsv {
        return Step::Reply(Reply::PermissionDenied);
    }
    session.inside().prepared = None;
    Step::Ask(Ask::Expect(Box::new(answer)))
}

fn answer(session: &mut Session, port: Option<u16>) -> Step {
    let Some(port) = port else { return Step::Reply(Reply::NoConnection) };
    session.inside().prepared = Some(Route::Passive);
    // Compat: over IPv6 the address is 0.0.0.0, as vsftpd has it; clients then take the one they are connected to.
    let local = match session.local.ip() {
        IpAddr::V4(address) => address,
        IpAddr::V6(_) => Ipv4Addr::UNSPECIFIED,
    };
    let announced = session.policy.passive_address.unwrap_or(local);
    Step::Reply(Reply::PassiveMode(address::six_numbers(announced, port)))
}
