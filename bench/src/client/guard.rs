//! What protects the connections of one session, and what came of it.

use std::sync::Arc;

use rustls::ClientConfig;

use crate::tls::{Agreed, Terms};

/// The protection of a session.
#[derive(Debug)]
pub(super) struct Guard {
    pub(super) config: Arc<ClientConfig>,
    /// Whether data is sealed and opened by hand.
    pub(super) is_in_hand: bool,
    /// Of the data connections.
    pub(super) seen: Seen,
}

impl Guard {
    pub(super) fn new(terms: &Terms) -> Self {
        Self { config: terms.session(), is_in_hand: false, seen: Seen::default() }
    }
}

/// The handshakes that were seen.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(crate) struct Seen {
    /// What the last one came to.
    pub(crate) agreed: Option<Agreed>,
    pub(crate) handshakes: u64,
    /// How many of them resumed an earlier session.
    pub(crate) resumed: u64,
}

impl Seen {
    pub(super) fn add(&mut self, agreed: Agreed) {
        self.handshakes += 1;
        self.resumed += u64::from(agreed.is_resumed);
        self.agreed = Some(agreed);
    }

    /// Returns those of both.
    pub(crate) fn and(self, other: Self) -> Self {
        Self {
            agreed: other.agreed.or(self.agreed),
            handshakes: self.handshakes + other.handshakes,
            resumed: self.resumed + other.resumed,
        }
    }
}
