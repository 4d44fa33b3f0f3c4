//! What all transfers share: the prepared data connection, how they end, and what is logged of them
//! (RFC 959 §5.2, §5.4).

use core::time::Duration;

use super::ask::{Ask, Direction, Move, Moved, NoConnection, Outcome, Route, Step};
use super::record::{Event, Tls, Transfer};
use super::session::Session;
use crate::failure::Failure;
use crate::ftp::reply::Reply;

/// What is logged of a transfer that never began.
pub(super) const NOTHING_MOVED: Moved =
    Moved { octets: 0, took: Duration::ZERO, outcome: Outcome::NetworkFailed };

impl Session {
    /// Tells how the data connection will come about.
    ///
    /// # Errors
    /// 425 when nothing was prepared; 522 where data must be protected and is not, and what was prepared stays.
    pub(super) fn route(&mut self) -> Result<Route, Reply> {
        let route = self.inside().prepared.ok_or(Reply::UsePortOrPasv)?;
        if self.needs_protection() { Err(Reply::DataMustBeProtected) } else { Ok(route) }
    }

    /// Asks for the data connection; what was prepared is used up, whatever comes of it.
    pub(super) fn connect(
        &mut self,
        route: Route,
        then: impl FnOnce(&mut Self, Result<(), NoConnection>) -> Step + 'static,
    ) -> Step {
        self.inside().prepared = None;
        Step::Ask(Ask::Connect(route, Box::new(then)))
    }

    /// Asks for octets to be moved.
    pub(super) fn move_octets(moving: Move, then: impl FnOnce(&mut Self, Moved) -> Step + 'static) -> Step {
        let judge_first = move |session: &mut Self, moved: Moved| {
            let outcome = session.judge(moved.outcome, moving.direction);
            then(session, Moved { outcome, ..moved })
        };
        Step::Ask(Ask::Move(moving, Box::new(judge_first)))
    }

    /// Tells what a missing end mark means here.
    // Security: who cuts a TCP connection cannot forge the end mark, so without it an upload may be half of one.
    fn judge(&mut self, outcome: Outcome, direction: Direction) -> Outcome {
        if outcome != Outcome::NoEndMark {
            return outcome;
        }
        if direction == Direction::Upload {
            self.record(Event::Tls(Tls::UploadWithoutEndMark));
        }
        let matters = self.policy.tls.is_none_or(|tls| match direction {
            Direction::Upload => tls.strict_read_eof,
            Direction::Download => tls.strict_write_shutdown,
        });
        if matters { Outcome::NetworkFailed } else { Outcome::Complete }
    }

    /// Takes REST's position; it holds for one transfer, whether that goes well or not.
    pub(super) fn take_restart(&mut self) -> u64 {
        core::mem::take(&mut self.inside().restart)
    }

    /// Octets per second, 0 for no limit.
    pub(super) fn rate(&mut self) -> u64 {
        if self.inside().class.has_local_rights() {
            self.policy.local_rate
        } else {
            self.policy.anonymous_rate
        }
    }

    pub(super) fn record_transfer(&mut self, direction: Direction, path: Vec<u8>, moved: &Moved) {
        let inside = self.inside();
        let (ascii, class) = (inside.ascii, inside.class);
        let anonymous_password = inside.anonymous_password.clone();
        self.record(Event::Transfer(Transfer {
            direction,
            ok: moved.outcome == Outcome::Complete,
            path,
            octets: moved.octets,
            took: moved.took,
            ascii,
            class,
            anonymous_password,
        }));
    }

    /// Answers a data connection that did not come about.
    pub(super) fn not_connected(&mut self, why: NoConnection, direction: Direction) -> Step {
        match why {
            NoConnection::Failed => Step::Reply(Reply::NoConnection),
            NoConnection::Aborted => self.aborted(direction),
        }
    }

    /// Answers the end of a transfer.
    pub(super) fn moved(&mut self, outcome: Outcome, direction: Direction, complete: Reply) -> Step {
        match outcome {
            Outcome::Complete => Step::Reply(complete),
            Outcome::NetworkFailed | Outcome::NoEndMark => Step::Reply(network_failed(direction)),
            Outcome::FileFailed(failure) => Step::Reply(file_failed(failure, direction)),
            Outcome::Stalled => Step::Close(Reply::DataTimeout),
            Outcome::Aborted => self.aborted(direction),
        }
    }

    /// RFC 959 §4.1.3, ABOR: 426 for the transfer, then 226 for ABOR itself.
    pub(super) fn aborted(&mut self, direction: Direction) -> Step {
        self.say(&network_failed(direction));
        Step::Reply(Reply::AbortSuccessful)
    }
}

/// Tells how writing or reading the file failed.
fn file_failed(failure: Failure, direction: Direction) -> Reply {
    match (direction, failure) {
        (Direction::Upload, Failure::NoSpace) => Reply::NoSpace,
        (Direction::Upload, _) => Reply::FileWriteFailed,
        (Direction::Download, _) => Reply::FileReadFailed,
    }
}

fn network_failed(direction: Direction) -> Reply {
    match direction {
        Direction::Download => Reply::NetworkWriteFailed,
        Direction::Upload => Reply::NetworkReadFailed,
    }
}
