//! What makes a connection resumable within one control session and nowhere else.
//!
//! Each control session has a key of its own for its tickets (RFC 5077, RFC 8446 §4.6.1) and its own memory of session
//! numbers; both end with it. A data connection that resumes has therefore been made by the client of that session.
//!
//! Security: a data connection that did not resume must not be given anything to resume: the next one would look like
//! the session's own. So tickets and numbers come from the control connection, and from data connections that resumed.

use std::fmt;
use std::sync::atomic::{AtomicU8, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use aws_lc_rs::aead::{AES_256_GCM, Aad, NONCE_LEN, Nonce, RandomizedNonceKey};
use rustls::server::{ProducesTickets, StoresServerSessions};

use crate::fault::Fault;
use crate::recognise::NAME;

/// How long clients may keep a ticket, in seconds: the most that RFC 8446 §4.6.1 allows. The key ends with the session.
const LIFETIME: u32 = 7 * 24 * 60 * 60;

/// How many session numbers are remembered (TLS 1.2): the control connection's, and some to spare.
const REMEMBERED: usize = 4;

/// A key for tickets, and the name that they begin with (RFC 5077 §4); the library wipes the key when it is dropped.
///
/// The name is random and no secret: it tells at once whose a ticket is, before any connection is.
pub(crate) struct TicketKey {
    name: [u8; NAME],
    key: RandomizedNonceKey,
}

impl TicketKey {
    /// Makes a key that nobody else has.
    pub(crate) fn new() -> Result<Self, Fault> {
        let (mut octets, mut name) = ([0_u8; 32], [0_u8; NAME]);
        let made = aws_lc_rs::rand::fill(&mut name)
            .and_then(|()| aws_lc_rs::rand::fill(&mut octets))
            .and_then(|()| RandomizedNonceKey::new(&AES_256_GCM, &octets));
        octets.fill(0);
        std::hint::black_box(&octets);
        made.map(|key| Self { name, key })
            .map_err(|_| Fault::settings("the system has no random numbers for a ticket key"))
    }

    fn seal(&self, plain: &[u8]) -> Option<Vec<u8>> {
        let mut octets = plain.to_vec();
        let nonce = self.key.seal_in_place_append_tag(Aad::from(self.name), &mut octets).ok()?;
        Some([&self.name, octets.as_slice(), nonce.as_ref()].concat())
    }

    pub(crate) fn is_named(&self, name: &[u8; NAME]) -> bool {
        self.name == *name
    }

    fn open(&self, ticket: &[u8]) -> Option<Vec<u8>> {
        let ticket = ticket.strip_prefix(&self.name)?;
        let (sealed, nonce) = ticket.split_at_checked(ticket.len().checked_sub(NONCE_LEN)?)?;
        let nonce = Nonce::try_assume_unique_for_key(nonce).ok()?;
        let mut octets = sealed.to_vec();
        let length = self.key.open_in_place(nonce, Aad::from(self.name), &mut octets).ok()?.len();
        octets.truncate(length);
        Some(octets)
    }
}

impl fmt::Debug for TicketKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("TicketKey(…)")
    }
}

/// Why a handshake was a full one, for the log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WhyFull {
    /// The client offered nothing to resume.
    NothingOffered,
    /// What it offered was not this session's.
    Foreign,
    /// It was this session's, but the server name or the suite was another than before.
    OtherNameOrSuite,
}

const NOTHING: u8 = 0;
const FOREIGN: u8 = 1;
const OURS: u8 = 2;
/// Added once the handshake is known to be full.
const FULL: u8 = 4;

/// What one connection did with tickets, shared with its channel.
#[derive(Debug, Default)]
pub(crate) struct Offered(AtomicU8);

impl Offered {
    fn note(&self, outcome: u8) {
        // Several tickets may be offered; the best counts.
        self.0.fetch_max(outcome, Ordering::Relaxed);
    }

    /// The handshake has proved to be a full one.
    pub(crate) fn is_full(&self) {
        self.0.fetch_or(FULL, Ordering::Relaxed);
    }

    pub(crate) fn why_full(&self) -> WhyFull {
        match self.0.load(Ordering::Relaxed) & !FULL {
            NOTHING => WhyFull::NothingOffered,
            FOREIGN => WhyFull::Foreign,
            _ => WhyFull::OtherNameOrSuite,
        }
    }
}

/// The tickets of one connection.
#[derive(Debug)]
pub(crate) struct Tickets {
    pub(crate) key: Arc<TicketKey>,
    pub(crate) offered: Arc<Offered>,
    /// Whether a full handshake earns a ticket: on the control connection only.
    pub(crate) for_full: bool,
}

impl ProducesTickets for Tickets {
    fn enabled(&self) -> bool {
        true
    }

    fn lifetime(&self) -> u32 {
        LIFETIME
    }

    fn encrypt(&self, plain: &[u8]) -> Option<Vec<u8>> {
        // The channel says that a handshake is full as soon as the server's first flight is made. No ticket is made
        // before that, except in TLS 1.2 for a session that resumes; that one renews what the client holds already.
        let is_full = self.offered.0.load(Ordering::Relaxed) & FULL != 0;
        if is_full && !self.for_full { None } else { self.key.seal(plain) }
    }

    fn decrypt(&self, ticket: &[u8]) -> Option<Vec<u8>> {
        let plain = self.key.open(ticket);
        self.offered.note(if plain.is_some() { OURS } else { FOREIGN });
        plain
    }
}

/// The session numbers of one control session (TLS 1.2 clients without tickets).
#[derive(Debug, Default)]
pub(crate) struct Sessions(Mutex<Vec<(Vec<u8>, Vec<u8>)>>);

impl Sessions {
    /// Tells whether a number is one of this session's; an empty one never is.
    pub(crate) fn knows(&self, number: &[u8]) -> bool {
        !number.is_empty() && self.find(number).is_some()
    }

    fn find(&self, number: &[u8]) -> Option<Vec<u8>> {
        let known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        known.iter().find(|(known, _)| known == number).map(|(_, value)| value.clone())
    }

    fn store(&self, number: Vec<u8>, value: Vec<u8>) -> bool {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        known.retain(|(other, _)| *other != number);
        if known.len() == REMEMBERED {
            known.remove(0);
        }
        known.push((number, value));
        true
    }
}

/// One connection's view of them.
#[derive(Debug)]
pub(crate) struct Memory {
    pub(crate) sessions: Arc<Sessions>,
    pub(crate) offered: Arc<Offered>,
    /// Whether this connection may add to them: the control connection only.
    pub(crate) adds: bool,
}

impl StoresServerSessions for Memory {
    fn put(&self, number: Vec<u8>, value: Vec<u8>) -> bool {
        self.adds && self.sessions.store(number, value)
    }

    fn get(&self, number: &[u8]) -> Option<Vec<u8>> {
        let found = self.sessions.find(number);
        self.offered.note(if found.is_some() { OURS } else { FOREIGN });
        found
    }

    /// Nothing is taken away: a client opens several data connections with one number.
    fn take(&self, number: &[u8]) -> Option<Vec<u8>> {
        self.get(number)
    }

    fn can_cache(&self) -> bool {
        self.adds
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tickets(key: &Arc<TicketKey>, for_full: bool) -> Tickets {
        Tickets { key: Arc::clone(key), offered: Arc::default(), for_full }
    }

    #[test]
    fn a_ticket_opens_with_its_own_key_only() {
        let key = Arc::new(TicketKey::new().unwrap());
        let other = TicketKey::new().unwrap();
        let ticket = key.seal(b"secrets").unwrap();
        assert_eq!(key.open(&ticket).unwrap(), b"secrets");
        assert!(other.open(&ticket).is_none());
        for at in 0..ticket.len() {
            let mut bent = ticket.clone();
            bent[at] ^= 1;
            assert!(key.open(&bent).is_none(), "octet {at}");
            assert!(key.open(&ticket[..at]).is_none());
        }
    }

    #[test]
    fn a_data_connection_with_a_full_handshake_earns_nothing() {
        let key = Arc::new(TicketKey::new().unwrap());
        let (control, data) = (tickets(&key, true), tickets(&key, false));
        control.offered.is_full();
        data.offered.is_full();
        assert!(control.encrypt(b"x").is_some());
        assert!(data.encrypt(b"x").is_none());
        let sessions = Arc::new(Sessions::default());
        let memory = Memory { sessions, offered: Arc::default(), adds: false };
        assert!(!memory.put(vec![1], vec![2]) && memory.get(&[1]).is_none());
    }

    #[test]
    fn the_reason_of_a_full_handshake_is_known() {
        let key = Arc::new(TicketKey::new().unwrap());
        let one = tickets(&key, false);
        assert_eq!(one.offered.why_full(), WhyFull::NothingOffered);
        assert!(one.decrypt(b"of another server").is_none());
        assert_eq!(one.offered.why_full(), WhyFull::Foreign);
        assert!(one.decrypt(&key.seal(b"x").unwrap()).is_some());
        one.offered.is_full();
        assert_eq!(one.offered.why_full(), WhyFull::OtherNameOrSuite);
    }

    #[test]
    fn only_the_last_numbers_are_remembered() {
        let sessions = Sessions::default();
        for number in 0..=REMEMBERED as u8 {
            sessions.store(vec![number], vec![number]);
        }
        assert!(sessions.find(&[0]).is_none() && sessions.find(&[1]).is_some());
    }
}
