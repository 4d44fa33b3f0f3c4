//! `RETR` sends a file (RFC 959 §4.1.3), from REST's position on (RFC 3659 §5), or RANG's part of it.

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

/// What is to be sent of the file that is opened.
#[derive(Clone, Copy)]
struct Wish {
    /// Where it begins.
    at: u64,
    /// RANG's part, which comes through a pipe of its own.
    part: Option<Part>,
}

fn start(session: &mut Session, pathname: &[u8]) -> Step {
    let wish = Wish { at: session.take_restart(), part: session.take_part() };
    let route = match session.route() {
        Ok(route) => route,
        Err(refusal) => return Step::Reply(refusal),
    };
    if (wish.at > 0 || wish.part.is_some()) && session.inside().ascii {
        return Step::Reply(Reply::NoAsciiResume);
    }
    match session.resolve(pathname, Purpose::Download, Reply::CouldNotOpen) {
        Ok(name) => {
            let path = name.path.clone();
            let opened = move |session: &mut Session, size| opened(session, name, route, wish, size);
            match wish.part {
                Some(part) => Ask::open_part(path, part, opened),
                None => Ask::open_read(path, opened),
            }
        }
        Err(refusal) => {
            let logged = session.expand(pathname).logged;
            refused(session, logged, &refusal)
        }
    }
}

fn opened(
    session: &mut Session,
    name: Pathname,
    route: Route,
    wish: Wish,
    size: Result<u64, Failure>,
) -> Step {
    match size {
        Ok(size) => connect(session, name, route, wish, size),
        Err(Failure::Busy | Failure::Locked) => refused(session, name.logged, &Reply::FileBusy),
        // Compat: vsftpd logs no RETR of a directory, which some clients try just to learn what a name is.
        Err(Failure::WrongKind) => Step::Reply(Reply::CouldNotOpen),
        Err(Failure::Forbidden) => refused(session, name.logged, &Reply::PermissionDenied),
        Err(_) => refused(session, name.logged, &Reply::CouldNotOpen),
    }
}

fn connect(session: &mut Session, name: Pathname, route: Route, wish: Wish, size: u64) -> Step {
    let ascii = session.inside().ascii && session.policy.ascii_download;
    let mode = if ascii { "ASCII" } else { "BINARY" };
    let (opening, logged) = (Reply::Opening(mode, name.typed, size), name.logged);
    let rate = session.rate();
    let direction = Direction::Download;
    let moving = Move { direction, ascii, at: wish.at, truncate: None, rate, size: Some(size), names: Translation::NONE };
    session.connect(route, opening, move |session, connected| match connected {
        Ok(()) => send(session, logged, moving, wish),
        Err(why) => {
            session.record_transfer(Direction::Download, logged, &NOTHING_MOVED);
            session.not_connected(why, Direction::Download)
        }
    })
}

fn send(session: &mut Session, logged: Vec<u8>, moving: Move, wish: Wish) -> Step {
    session.protect(Direction::Download, move |session, protected| match protected {
        Ok(()) => Session::move_octets(moving, move |session, mut moved| {
            // The pipe of a part ends early when the file does, and nothing else tells.
            let is_cut = wish.part.is_some() && Some(moved.octets) != moving.size;
            if is_cut && moved.outcome == Outcome::Complete {
                moved.outcome = Outcome::FileFailed(Failure::Broken);
            }
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
