//! One connection: ciphertext goes in, plaintext comes out, and the other way round. No socket, no clock.

use std::io::{self, BufRead, Read, Write};
use std::sync::Arc;

use rustls::{HandshakeKind, ProtocolVersion, ServerConfig, ServerConnection};

use crate::fault::{Cause, Fault};
use crate::greeting::Greeting;
use crate::tickets::{Offered, WhyFull};

/// Ciphertext that may wait to be taken, in octets: 32 records, beyond which nothing is gained. A peer that does not read
/// costs no more.
const MOST_WAITING: usize = 512 * 1024;

/// How a handshake came to its keys.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// With certificates.
    Full,
    /// From an earlier connection of the same control session.
    Resumed,
}

/// A connection of TLS, server's side.
///
/// After a [`Fault`] the channel still has an alert to send: empty [`Self::take_tls`] once more, then close.
#[derive(Debug)]
pub struct Channel {
    phase: Phase,
    offered: Arc<Offered>,
    /// Made outside the library: the alert before there is a connection.
    alert: Vec<u8>,
    /// Ciphertext that waits, at least.
    waiting: usize,
    plaintext_ready: usize,
    is_closed_by_peer: bool,
    is_closed_by_us: bool,
    is_at_end: bool,
}

enum Phase {
    /// Waiting for the client's first message.
    Greeting(Box<Greeting>),
    Talking(Box<ServerConnection>),
    Failed(Fault),
}

impl Channel {
    pub(crate) fn new(config: Arc<ServerConfig>, only_name: Option<Box<str>>, offered: Arc<Offered>) -> Self {
        Self {
            phase: Phase::Greeting(Box::new(Greeting::new(config, only_name))),
            offered,
            alert: Vec::new(),
            waiting: 0,
            plaintext_ready: 0,
            is_closed_by_peer: false,
            is_closed_by_us: false,
            is_at_end: false,
        }
    }

    /// Takes ciphertext from the peer and tells how much of it; the rest is to be offered again after the plaintext has
    /// been taken. What comes after the peer's close_notify is swallowed.
    ///
    /// # Errors
    /// When the peer breaks the rules, or nothing in common is found. The channel is over then, and plaintext that was not
    /// taken is lost: up to a record's worth.
    pub fn read_tls(&mut self, ciphertext: &[u8]) -> Result<usize, Fault> {
        let outcome = self.absorb(ciphertext);
        if let Err(fault) = &outcome {
            // What the peer is still to hear: the alert, and what was written before.
            if let Phase::Talking(connection) = &mut self.phase {
                drain(connection, &mut self.alert);
            }
            self.phase = Phase::Failed(fault.clone());
            self.waiting = self.alert.len();
            self.plaintext_ready = 0;
        }
        outcome
    }

    fn absorb(&mut self, ciphertext: &[u8]) -> Result<usize, Fault> {
        let mut rest = ciphertext;
        while !rest.is_empty() {
            match &mut self.phase {
                Phase::Failed(fault) => return Err(fault.clone()),
                Phase::Greeting(greeting) => {
                    if let Some(connection) = greeting.hear(&mut rest, &mut self.alert)? {
                        self.phase = Phase::Talking(Box::new(connection));
                        self.process()?;
                    }
                }
                Phase::Talking(_) if self.is_closed_by_peer => rest = &[],
                Phase::Talking(connection) => match connection.read_tls(&mut rest) {
                    Ok(_) => self.process()?,
                    // The library holds a record's worth of plaintext, and no more until that is taken.
                    Err(_) if self.plaintext_ready > 0 => break,
                    Err(error) => return Err(Fault::new(Cause::Broken, error.to_string())),
                },
            }
        }
        Ok(ciphertext.len() - rest.len())
    }

    fn process(&mut self) -> Result<(), Fault> {
        let Phase::Talking(connection) = &mut self.phase else { return Ok(()) };
        let state = connection.process_new_packets()?;
        self.plaintext_ready = state.plaintext_bytes_to_read();
        self.is_closed_by_peer |= state.peer_has_closed();
        self.waiting = self.waiting.max(state.tls_bytes_to_write());
        if is_full(connection) {
            self.offered.is_full();
        }
        Ok(())
    }

    /// Says that the peer's stream of octets has ended.
    ///
    /// # Errors
    /// `Truncated` when that came without close_notify: what was received may not be all.
    pub fn end_of_stream(&mut self) -> Result<(), Fault> {
        self.is_at_end = true;
        if self.is_closed_by_peer {
            return Ok(());
        }
        let words = match self.phase {
            Phase::Talking(_) if !self.is_handshaking() => "the connection ended without close_notify",
            _ => "the connection ended during the handshake",
        };
        Err(Fault::new(Cause::Truncated, words))
    }

    /// Shows the plaintext that comes next, up to a record's worth; empty when there is none.
    pub fn plaintext(&mut self) -> &[u8] {
        match &mut self.phase {
            Phase::Talking(connection) => connection.reader().into_first_chunk().unwrap_or_default(),
            _ => &[],
        }
    }

    /// Marks plaintext as taken.
    pub fn consume(&mut self, count: usize) {
        if let Phase::Talking(connection) = &mut self.phase {
            let shown = connection.reader().into_first_chunk().map_or(0, <[u8]>::len);
            connection.reader().consume(count.min(shown));
            self.plaintext_ready = self.plaintext_ready.saturating_sub(count.min(shown));
        }
    }

    /// Takes plaintext and tells how much; 0 when there is none at the moment.
    pub fn read(&mut self, buffer: &mut [u8]) -> usize {
        let Phase::Talking(connection) = &mut self.phase else { return 0 };
        let mut taken = 0;
        while let Some(room) = buffer.get_mut(taken..).filter(|room| !room.is_empty()) {
            match connection.reader().read(room) {
                Ok(0) | Err(_) => break,
                Ok(read) => taken += read,
            }
        }
        self.plaintext_ready = self.plaintext_ready.saturating_sub(taken);
        taken
    }

    /// Encrypts plaintext and tells how much of it; 0 while the handshake lasts or too much waits to be taken.
    ///
    /// 256 KiB at once cost half of what 16 KiB do.
    pub fn write(&mut self, plaintext: &[u8]) -> usize {
        let waiting = self.waiting;
        let Phase::Talking(connection) = &mut self.phase else { return 0 };
        if connection.is_handshaking() || self.is_closed_by_us {
            return 0;
        }
        let room = MOST_WAITING.saturating_sub(waiting).min(plaintext.len());
        let accepted = plaintext.get(..room).unwrap_or_default();
        let written = connection.writer().write(accepted).unwrap_or(0);
        self.waiting += written;
        written
    }

    /// Tells whether ciphertext waits to be sent.
    #[must_use]
    pub fn wants_write(&self) -> bool {
        !self.alert.is_empty()
            || matches!(&self.phase, Phase::Talking(connection) if connection.wants_write())
    }

    /// Moves ciphertext that waits to the end of `out`: all of it, up to 64 records at a time in one copy.
    pub fn take_tls(&mut self, out: &mut Vec<u8>) {
        out.append(&mut self.alert);
        if let Phase::Talking(connection) = &mut self.phase {
            drain(connection, out);
        }
        self.waiting = 0;
    }

    /// Sends ciphertext that waits without copying it: up to 64 records in one `write_vectored`.
    ///
    /// # Errors
    /// Those of the socket, `WouldBlock` among them; what was not sent waits on.
    pub fn send_tls(&mut self, socket: &mut dyn Write) -> io::Result<usize> {
        if !self.alert.is_empty() {
            let sent = socket.write(&self.alert)?;
            self.alert.drain(..sent.min(self.alert.len()));
            return Ok(sent);
        }
        let Phase::Talking(connection) = &mut self.phase else { return Ok(0) };
        let sent = connection.write_tls(socket)?;
        self.waiting = if connection.wants_write() { self.waiting.saturating_sub(sent) } else { 0 };
        Ok(sent)
    }

    /// Queues close_notify: what was written is all there is. Nothing can be written afterwards.
    pub fn close(&mut self) {
        if let Phase::Talking(connection) = &mut self.phase
            && !self.is_closed_by_us
        {
            connection.send_close_notify();
            self.is_closed_by_us = true;
        }
    }

    /// Tells whether the peer said that everything was sent.
    #[must_use]
    pub fn is_closed_cleanly(&self) -> bool {
        self.is_closed_by_peer
    }

    /// Tells whether the stream ended without the peer having said so.
    #[must_use]
    pub fn is_truncated(&self) -> bool {
        self.is_at_end && !self.is_closed_by_peer
    }

    /// Tells whether we have said that everything was sent.
    #[must_use]
    pub fn has_sent_close(&self) -> bool {
        self.is_closed_by_us
    }

    /// Tells whether nothing can be written yet; false after a fault.
    #[must_use]
    pub fn is_handshaking(&self) -> bool {
        match &self.phase {
            Phase::Greeting(_) => true,
            Phase::Talking(connection) => connection.is_handshaking(),
            Phase::Failed(_) => false,
        }
    }

    /// Tells how the handshake came to its keys, as soon as that is certain: when it is over.
    #[must_use]
    pub fn handshake_kind(&self) -> Option<Kind> {
        let connection = self.connection().filter(|connection| !connection.is_handshaking())?;
        connection.handshake_kind().map(|kind| match kind {
            HandshakeKind::Resumed => Kind::Resumed,
            HandshakeKind::Full | HandshakeKind::FullWithHelloRetryRequest => Kind::Full,
        })
    }

    /// Tells why a full handshake did not resume.
    #[must_use]
    pub fn why_full(&self) -> Option<WhyFull> {
        (self.handshake_kind() == Some(Kind::Full)).then(|| self.offered.why_full())
    }

    /// Names the version, for the log.
    #[must_use]
    pub fn version(&self) -> Option<&'static str> {
        match self.connection()?.protocol_version()? {
            ProtocolVersion::TLSv1_2 => Some("TLSv1.2"),
            ProtocolVersion::TLSv1_3 => Some("TLSv1.3"),
            _ => None,
        }
    }

    /// Names the suite, for the log.
    #[must_use]
    pub fn suite(&self) -> Option<&'static str> {
        self.connection()?.negotiated_cipher_suite()?.suite().as_str()
    }

    /// Tells which server the client asked for.
    #[must_use]
    pub fn server_name(&self) -> Option<&str> {
        self.connection()?.server_name()
    }

    /// Shows the client's own certificate in DER. A resumed connection shows that of the connection it resumes.
    #[must_use]
    pub fn peer_certificate(&self) -> Option<&[u8]> {
        self.connection()?.peer_certificates()?.first().map(AsRef::as_ref)
    }

    fn connection(&self) -> Option<&ServerConnection> {
        if let Phase::Talking(connection) = &self.phase { Some(connection) } else { None }
    }
}

impl std::fmt::Debug for Phase {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Greeting(_) => "Greeting",
            Self::Talking(_) => "Talking",
            Self::Failed(_) => "Failed",
        })
    }
}

fn is_full(connection: &ServerConnection) -> bool {
    matches!(
        connection.handshake_kind(),
        Some(HandshakeKind::Full | HandshakeKind::FullWithHelloRetryRequest)
    )
}

fn drain(connection: &mut ServerConnection, out: &mut Vec<u8>) {
    while connection.wants_write() {
        // A vector takes everything.
        if connection.write_tls(out).is_err() {
            return;
        }
    }
}
