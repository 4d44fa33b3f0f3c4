//! What TLS protects: the control connection, the data connections, both or none (RFC 4217).
//!
//! Here stand the site's demands on logins and transfers and what the machine does with a handshake's end. The
//! verbs are in `command`; handshakes, certificates and tickets are the driver's.

use super::ask::{Ask, Direction, Handshake, NoHandshake, Secured, Step};
use super::record::{Event, Tls};
use super::session::Session;
use super::state::State;
use crate::ftp::reply::Reply;

/// Which connections are inside TLS.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Protection {
    /// None: nothing was negotiated.
    Clear,
    /// The control connection, and with PROT P the data connections.
    Secured { data: bool },
    /// No longer the control connection, after CCC; data connections stay as they were.
    Cleared { data: bool },
}

impl Protection {
    pub(super) fn of_control(self) -> bool {
        matches!(self, Self::Secured { .. })
    }

    pub(super) fn of_data(self) -> bool {
        matches!(self, Self::Secured { data: true } | Self::Cleared { data: true })
    }
}

impl Session {
    /// Asks for TLS on the control connection; without it the session ends, and nobody is told in clear why.
    pub(super) fn secure(&mut self, wished: Protection, then: Step) -> Step {
        Step::Ask(Ask::Secure(Box::new(move |session, Secured { dropped, handshake }| {
            if dropped > 0 {
                session.record(Event::Tls(Tls::Dropped(dropped)));
            }
            session.record_handshake(&handshake);
            let Ok(handshake) = handshake else { return Step::End };
            session.protection = wished;
            session.is_certified = handshake.subject.is_some();
            then
        })))
    }

    /// Asks for TLS on the data connection when PROT P holds. 150 has been said: clients begin only then.
    pub(super) fn protect(
        &mut self,
        direction: Direction,
        then: impl FnOnce(&mut Self, Result<(), NoHandshake>) -> Step + 'static,
    ) -> Step {
        if !self.protection.of_data() {
            return then(self, Ok(()));
        }
        Step::Ask(Ask::Protect(
            direction,
            Box::new(move |session, handshake| {
                session.record_handshake(&handshake);
                then(session, handshake.map(drop))
            }),
        ))
    }

    /// Tells whether data connections are inside TLS now (PROT P).
    #[must_use]
    pub fn protects_data(&self) -> bool {
        self.protection.of_data()
    }

    /// Answers a data connection that did not come into TLS.
    pub(super) fn not_protected(&mut self, why: &NoHandshake, direction: Direction) -> Step {
        match why {
            // Security: it may be somebody else who came to the port first, so as in vsftpd nothing goes on.
            NoHandshake::NotResumed => Step::Close(Reply::ReuseRequired),
            NoHandshake::OldVersions | NoHandshake::Failed(_) => Step::Reply(Reply::HandshakeFailed),
            NoHandshake::Aborted => self.aborted(direction),
        }
    }

    /// Tells whether the next transfer must be protected and would not be.
    pub(super) fn needs_protection(&mut self) -> bool {
        let class = self.inside().class;
        self.policy.tls.is_some_and(|tls| tls.force_data(class)) && !self.protection.of_data()
    }

    /// Tells how USER is answered when such a login must be inside TLS and is not, or must not be and is.
    pub(super) fn encryption_refusal(&self, anonymous: bool) -> Option<Step> {
        let tls = self.policy.tls?;
        match (anonymous, self.protection.of_control()) {
            (true, true) if !tls.allow_anonymous && !tls.force_anonymous_logins => {
                Some(Step::Reply(Reply::AnonymousMayNotEncrypt))
            }
            // Security: the password would follow in clear, so the connection is closed before it can.
            (true, false) if tls.force_anonymous_logins => Some(Step::Close(Reply::AnonymousMustEncrypt)),
            (false, false) if tls.force_local_logins => Some(Step::Close(Reply::LocalMustEncrypt)),
            _ => None,
        }
    }

    /// Tells whether the next USER may be answered by the peer's certificate alone.
    pub(super) fn may_log_in_by_certificate(&self) -> bool {
        let permits = self.policy.tls.is_some_and(|tls| tls.certificate_logins);
        permits && self.is_certified && self.protection.of_control()
    }

    /// Notes that the peer's control connection ended without TLS's end mark; the driver then lets go of it.
    pub fn ended_without_mark(&mut self) {
        if self.protection.of_control() {
            self.record(Event::Tls(Tls::ControlWithoutEndMark));
        }
    }

    /// Forgets what was said in clear and could be somebody else's words (RFC 4217 §4).
    ///
    /// How many logins failed and how many commands were strange is not forgotten.
    pub(super) fn forget_name(&mut self) {
        if let State::NotLoggedIn(visitor) = &mut self.state {
            visitor.name = None;
        }
    }

    fn record_handshake(&mut self, handshake: &Result<Handshake, NoHandshake>) {
        let debug = self.policy.tls.is_some_and(|tls| tls.debug);
        match handshake {
            // Who came with a certificate is worth a line; the data connections that go on from there are not.
            Ok(handshake) if debug || (handshake.subject.is_some() && !handshake.resumed) => {
                self.record(Event::Tls(Tls::Secured(handshake.clone())));
            }
            Ok(_) | Err(NoHandshake::Aborted) => {}
            Err(why) => self.record(Event::Tls(Tls::Refused(why.clone()))),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ccc_uncovers_the_control_connection_only() {
        let (before, after) = (Protection::Secured { data: true }, Protection::Cleared { data: true });
        assert!(before.of_control() && before.of_data());
        assert!(!after.of_control() && after.of_data());
        assert!(!Protection::Clear.of_control() && !Protection::Clear.of_data());
        assert!(!Protection::Cleared { data: false }.of_data());
    }
}
