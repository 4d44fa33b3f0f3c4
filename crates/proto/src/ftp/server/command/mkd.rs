//! `MKD` makes one directory (RFC 959 §4.1.3, appendix II).

use super::prelude::*;

pub(super) const SPEC: Spec = Spec {
    verb: "MKD",
    aliases: &["XMKD"],
    when: When::LoggedIn,
    right: Right::MakeDirectory,
    during: During::Later,
    pathname: whole,
    replies: &[257, 452, 501, 550],
    feature: None,
    help: "MKD <pathname>",
    start,
};

fn start(session: &mut Session, pathname: &[u8]) -> Step {
    let umask = session.inside().umask;
    match session.resolve(pathname, Purpose::Any, Reply::CouldNotMakeDirectory) {
        Ok(name) => Ask::change(Change::MakeDirectory { path: name.path, umask }, move |session, done| {
            session.record(Event::MakeDirectory(done.is_ok(), name.logged.clone()));
            Step::Reply(match done {
                // Compat: the path as typed below the current directory, not the resolved one, as vsftpd says it.
                Ok(()) => Reply::DirectoryMade(Quoted(name.logged)),
                Err(Failure::NoSpace) => Reply::NoSpace,
                Err(_) => Reply::CouldNotMakeDirectory,
            })
        }),
        Err(refusal) => {
            let logged = session.expand(pathname).logged;
            session.record(Event::MakeDirectory(false, logged));
            Step::Reply(refusal)
        }
    }
}
