//! `RNTO` gives what RNFR named its new name, replacing what is there (RFC 959 §4.1.3).

use super::prelude::*;

pub(super) const SPEC: Spec = Spec {
    verb: "RNTO",
    aliases: &[],
    when: When::LoggedIn,
    right: Right::Remove,
    during: During::Later,
    pathname: whole,
    replies: &[250, 501, 503, 550],
    feature: None,
    help: "RNTO <pathname>",
    start,
};

fn start(session: &mut Session, pathname: &[u8]) -> Step {
    let Some(from) = session.inside().rename_from.take() else { return Step::Reply(Reply::RnfrFirst) };
    let typed = session.expand(pathname).logged;
    let both = [&from.logged[..], b" ", &typed].concat();
    match session.resolve(pathname, Purpose::Any, Reply::RenameFailed) {
        Ok(to) => Ask::change(Change::Rename { from: from.path, to: to.path }, move |session, done| {
            session.record(Event::Rename(done.is_ok(), both));
            Step::Reply(if done.is_ok() { Reply::Renamed } else { Reply::RenameFailed })
        }),
        Err(refusal) => {
            // Compat: a target that deny_file forbids leaves RNFR pending, as in vsftpd.
            if refusal == Reply::PermissionDenied {
                session.inside().rename_from = Some(from);
            }
            session.record(Event::Rename(false, both));
            Step::Reply(refusal)
        }
    }
}
