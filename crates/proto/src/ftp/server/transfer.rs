//! What all transfers share: the prepared data connection, how they end, and what is logged of them
//! (RFC 959 §5.2, §5.4).

use core::time::Duration;

use super::ask::{Ask, Direction, Expected, Move, Moved, NoConnection, Outcome, Route, Step, Trouble};
use super::record::{Event, Tls, Transfer};
use super::session::Session;
use crate::failure::Failure;
use crate::ftp::reply::Reply;
use crate::store::Part;

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

    /// Answers PASV and EPSV: remembers where the peer will connect, and tells the port.
    ///
    /// # Errors
    /// 425 when there is none.
    pub(super) fn expects(&mut self, expected: Option<Expected>) -> Result<u16, Reply> {
        let Expected { port, is_shared } = expected.ok_or(Reply::NoPort)?;
        self.inside().prepared = Some(if is_shared { Route::Shared } else { Route::Passive });
        Ok(port)
    }

    /// Asks for the data connection, and says 150 when it is there; what was prepared is used up, whatever comes of it.
    ///
    /// Compat: vsftpd says 150 when the connection is there, and so do we wherever that is possible.
    pub(super) fn connect(
        &mut self,
        route: Route,
        opening: Reply,
        then: impl FnOnce(&mut Self, Result<(), NoConnection>) -> Step + 'static,
    ) -> Step {
        self.inside().prepared = None;
        if route == Route::Shared {
            self.say(&opening);
            return Step::Ask(Ask::Connect(route, Box::new(then)));
        }
        Step::Ask(Ask::Connect(
            route,
            Box::new(move |session, connected| {
                if connected.is_ok() {
                    session.say(&opening);
                }
                then(session, connected)
            }),
        ))
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

    /// Takes RANG's part; it holds for one command, whether that goes well or not.
    pub(super) fn take_part(&mut self) -> Option<Part> {
        self.inside().part.take().map(|part| *part)
    }

    /// Answers a task that did not end well; `failed` when nothing more can be said of it.
    pub(super) fn not_worked(&mut self, trouble: Option<Trouble>, failed: Reply) -> Step {
        Step::Reply(match trouble {
            Some(Trouble::Aborted) => {
                self.say(&Reply::BrokenOff);
                Reply::AbortSuccessful
            }
            Some(Trouble::Failed(Failure::TooMany)) => Reply::TooMuchAtOnce,
            Some(Trouble::Failed(Failure::Busy | Failure::Locked)) => Reply::FileBusy,
            Some(Trouble::Failed(Failure::Forbidden)) => Reply::PermissionDenied,
            Some(Trouble::Failed(_)) | None => failed,
        })
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
            NoConnection::Aborted => self.aborted(direction),
            why => Step::Reply(self.no_connection(why)),
        }
    }

    /// Says why there is no data connection, to those who may know.
    // Security: an anonymous stranger could have ports tried and learn from the answer which are open (RFC 2577 §3). The
    // driver answers at the same time, too, whatever happened.
    pub(super) fn no_connection(&mut self, why: NoConnection) -> Reply {
        let cause = match why {
            _ if self.is_stranger() => return Reply::NoConnection,
            NoConnection::Failed | NoConnection::Aborted => return Reply::NoConnection,
            NoConnection::Refused => "the port that you named refuses it",
            NoConnection::Unreachable => "there is no way to the address that you named",
            NoConnection::NoAnswer => {
                "the port that you named does not answer, as behind a firewall; try PASV"
            }
        };
        Reply::NoConnectionFor(cause)
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
