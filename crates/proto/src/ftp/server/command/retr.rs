//! `RETR` sends a file (RFC 959 §4.1.3), from REST's position on (RFC 3659 §5).

use super::prelude::*;

pub(super) const SPEC: Spec = Spec {
    verb: "RETR",
    aliases: &[],
    when: When::LoggedIn,
    right: Right::Download,
    during: During::Later,
    pathname: whole,
    replies: &[150, 226, 421, 425, 426, 450, 451, 501, 522, 550],
    feature: None,
    help: "RETR <pathname>",
    start,
};

fn start(session: &mut Session, pathname: &[u8]) -> Step {
    let at = session.take_restart();
    let route = match session.route() {
        Ok(route) => route,
        Err(refusal) => return Step::Reply(refusal),
    };
    if at > 0 && session.inside().ascii {
        return Step::Reply(Reply::NoAsciiResume);
    }
    match session.resolve(pathname, Purpose::Download, Reply::CouldNotOpen) {
        Ok(name) => {
            Ask::open_read(name.path.clone(), move |session, size| opened(session, name, route, at, size))
        }
        Err(refusal) => {
            let logged = session.expand(pathname).logged;
            refused(session, logged, &refusal)
        }
    }
}

fn opened(session: &mut Session, name: Pathname, route: Route, at: u64, size: Result<u64, Failure>) -> Step {
    match size {
        Ok(size) => session.connect(route, move |session, connected| match connected {
            Ok(()) => send(session, name, at, size),
            Err(why) => {
                session.record_transfer(Direction::Download, name.logged, &NOTHING_MOVED);
                session.not_connected(why, Direction::Download)
            }
        }),
        Err(Failure::Busy | Failure::Locked) => refused(session, name.logged, &Reply::FileBusy),
        // Compat: vsftpd logs no RETR of a directory, which some clients try just to learn what a name is.
        Err(Failure::WrongKind) => Step::Reply(Reply::CouldNotOpen),
        Err(Failure::Forbidden) => refused(session, name.logged, &Reply::PermissionDenied),
        Err(_) => refused(session, name.logged, &Reply::CouldNotOpen),
    }
}

fn send(session: &mut Session, name: Pathname, at: u64, size: u64) -> Step {
    let ascii = session.inside().ascii && session.policy.ascii_download;
    let mode = if ascii { "ASCII" } else { "BINARY" };
    session.say(&Reply::Opening(mode, name.typed, size));
    let rate = session.rate();
    let moving = Move { direction: Direction::Download, ascii, at, truncate: None, rate, size: Some(size) };
    let logged = name.logged;
    session.protect(Direction::Download, move |session, protected| match protected {
        Ok(()) => Session::move_octets(moving, move |session, moved| {
            session.record_transfer(Direction::Download, logged, &moved);
            session.moved(moved.outcome, Direction::Download, Reply::TransferComplete)
        }),
        Err(why) => {
            session.record_transfer(Direction::Download, logged, &NOTHING_MOVED);
            session.not_protected(&why, Direction::Download)
        }
    })
}

/// Compat: vsftpd's logs have the reply first, then the failed download.
fn refused(session: &mut Session, logged: Vec<u8>, reply: &Reply) -> Step {
    session.say(reply);
    session.record_transfer(Direction::Download, logged, &NOTHING_MOVED);
    Step::Done
}
