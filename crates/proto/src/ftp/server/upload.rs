//! STOR, APPE and STOU, which differ in how the file is opened and where its octets go (RFC 959 §4.1.3).
//!
//! The file is opened before the data connection and cut only when octets flow, so a 425 harms nothing; vsftpd
//! truncates first.

use wharf_names::Translation;

use super::access::Purpose;
use super::ask::{Ask, Direction, Move, Moved, NoConnection, Outcome, Route, Step};
use super::session::Session;
use super::state::Pathname;
use super::transfer::NOTHING_MOVED;
use crate::failure::Failure;
use crate::ftp::reply::Reply;
use crate::store::{Fate, OpenedForWriting, Writing};

/// An upload on its way.
struct Upload {
    name: Pathname,
    writing: Writing,
    route: Route,
    at: u64,
}

/// Begins an upload of what was typed.
pub(super) fn start(session: &mut Session, typed: &[u8], writing: Writing) -> Step {
    let restart = session.take_restart();
    if session.take_part().is_some() {
        return Step::Reply(Reply::RangeIsForReading);
    }
    // REST means nothing to APPE and STOU (RFC 3659 §5.1).
    let at = if writing == Writing::Store { restart } else { 0 };
    let route = match session.route() {
        Ok(route) => route,
        Err(refusal) => return Step::Reply(refusal),
    };
    let name = match session.resolve(typed, Purpose::Upload, Reply::CouldNotCreate) {
        Ok(name) => name,
        Err(refusal) => {
            let logged = session.expand(typed).logged;
            return refused(session, logged, &refusal);
        }
    };
    let umask = session.inside().umask;
    let upload = Upload { name, writing, route, at };
    Ask::open_write(upload.name.path.clone(), writing, umask, move |session, opened| match opened {
        Ok(opened) => begin(session, upload, &opened),
        Err(failure) => {
            let reply = match failure {
                Failure::NoSpace => Reply::NoSpace,
                Failure::Forbidden => Reply::PermissionDenied,
                _ => Reply::CouldNotCreate,
            };
            refused(session, upload.name.logged, &reply)
        }
    })
}

fn begin(session: &mut Session, mut upload: Upload, opened: &OpenedForWriting) -> Step {
    match upload.writing {
        Writing::Store if !opened.created && !session.rights().overwrite => {
            return abandon(upload, Reply::CouldNotCreate);
        }
        Writing::Store if upload.at > opened.size => return abandon(upload, Reply::RestartBeyondEnd),
        Writing::Store => {}
        Writing::Append => upload.at = opened.size,
        Writing::Unique => upload.name = renamed(&upload.name, opened),
    }
    let created = opened.created;
    if session.policy.change_owner && session.is_stranger() {
        return Step::Ask(Ask::ChangeOwner(Box::new(move |session, changed| {
            // A file that was there and is somebody else's stays that.
            if changed || !created {
                connect(session, upload)
            } else {
                abandon(upload, Reply::CouldNotCreate)
            }
        })));
    }
    connect(session, upload)
}

fn connect(session: &mut Session, upload: Upload) -> Step {
    let opening = match upload.writing {
        Writing::Unique => Reply::OpeningUnique(upload.name.typed.clone()),
        Writing::Store | Writing::Append => Reply::OkToSend,
    };
    session.connect(upload.route, opening, move |session, connected| match connected {
        Ok(()) => receive(session, upload),
        Err(why) if why != NoConnection::Aborted => abandon(upload, session.no_connection(why)),
        Err(_) => Ask::finish(Fate::Unused, move |session, _| {
            session.record_transfer(Direction::Upload, upload.name.logged, &NOTHING_MOVED);
            session.not_connected(NoConnection::Aborted, Direction::Upload)
        }),
    })
}

fn receive(session: &mut Session, upload: Upload) -> Step {
    let whole = upload.writing == Writing::Store && upload.at == 0;
    let moving = Move {
        names: Translation::NONE,
        direction: Direction::Upload,
        ascii: session.inside().ascii && session.policy.ascii_upload,
        at: upload.at,
        truncate: whole.then_some(0),
        rate: session.rate(),
        size: None,
    };
    session.protect(Direction::Upload, move |_, protected| match protected {
        Ok(()) => Session::move_octets(moving, move |_, moved| finish(upload.name, moved)),
        Err(why) => Ask::finish(Fate::Unused, move |session, _| {
            session.record_transfer(Direction::Upload, upload.name.logged, &NOTHING_MOVED);
            session.not_protected(&why, Direction::Upload)
        }),
    })
}

fn finish(name: Pathname, mut moved: Moved) -> Step {
    let fate = if moved.outcome == Outcome::Complete { Fate::Kept } else { Fate::Broken };
    Ask::finish(fate, move |session, finished| {
        if let (Outcome::Complete, Err(failure)) = (moved.outcome, finished) {
            moved.outcome = Outcome::FileFailed(failure);
        }
        session.record_transfer(Direction::Upload, name.logged, &moved);
        session.moved(moved.outcome, Direction::Upload, Reply::TransferComplete)
    })
}

/// Gives up a file that was opened; what this upload made is removed again.
fn abandon(upload: Upload, reply: Reply) -> Step {
    Ask::finish(Fate::Unused, move |session, _| refused(session, upload.name.logged, &reply))
}

/// Compat: vsftpd's logs have the reply first, then the failed upload.
fn refused(session: &mut Session, logged: Vec<u8>, reply: &Reply) -> Step {
    session.say(reply);
    session.record_transfer(Direction::Upload, logged, &NOTHING_MOVED);
    Step::Done
}

/// STOU's name with the last component that was free.
fn renamed(wished: &Pathname, opened: &OpenedForWriting) -> Pathname {
    let name = opened.path.name().unwrap_or_default();
    let beside = |whole: &[u8]| {
        let directory = whole.iter().rposition(|&octet| octet == b'/').map_or(0, |slash| slash + 1);
        [whole.get(..directory).unwrap_or_default(), name].concat()
    };
    Pathname { path: opened.path.clone(), logged: beside(&wished.logged), typed: beside(&wished.typed) }
}
