//! One connection: ciphertext goes in, plaintext comes out, and the other way round. No socket, no clock.
//!
//! The library shakes hands and is given one record at a time, so that it holds nothing back when its keys are taken
//! over by [`Records`].

use std::sync::Arc;

use rustls::{HandshakeKind, ProtocolVersion, ServerConfig, ServerConnection};

use crate::cut::Cut;
use crate::fault::{Cause, Fault};
use crate::greeting::Greeting;
use crate::record::{Caught, Frame, Records};
use crate::settings::Version;
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
    /// Ciphertext that waits to be sent.
    out: Vec<u8>,
    is_at_end: bool,
}

enum Phase {
    /// Waiting for the client's first message.
    Greeting(Box<Greeting>, Cut, Arc<Caught>),
    /// The library's part.
    Shaking(Box<ServerConnection>, Cut, Arc<Caught>),
    /// Ours.
    Talking(Box<Records>, Box<Agreed>),
    Failed(Fault),
}

/// What a handshake came to.
#[derive(Debug)]
struct Agreed {
    version: Version,
    suite: &'static str,
    kind: Kind,
    server_name: Option<Box<str>>,
    certificate: Option<Box<[u8]>>,
}

impl Channel {
    pub(crate) fn new(
        config: Arc<ServerConfig>,
        only_name: Option<Box<str>>,
        offered: Arc<Offered>,
        caught: Arc<Caught>,
    ) -> Self {
        let greeting = Box::new(Greeting::new(config, only_name));
        Self {
            phase: Phase::Greeting(greeting, Cut::default(), caught),
            offered,
            out: Vec::new(),
            is_at_end: false,
        }
    }

    /// Takes ciphertext of the handshake from the peer and tells how much of it; the rest, once the handshake is over,
    /// is for [`Self::open`].
    ///
    /// # Errors
    /// When the peer breaks the rules, or nothing in common is found. The channel is over then.
    pub fn shake(&mut self, ciphertext: &[u8]) -> Result<usize, Fault> {
        let mut rest = ciphertext;
        while !rest.is_empty() && self.is_handshaking() {
            if let Err(fault) = self.shake_on(&mut rest) {
                return Err(self.failed(fault));
            }
        }
        match &self.phase {
            Phase::Failed(fault) => Err(fault.clone()),
            _ => Ok(ciphertext.len() - rest.len()),
        }
    }

    /// Gives the library what is left of one record.
    fn shake_on(&mut self, rest: &mut &[u8]) -> Result<(), Fault> {
        match &mut self.phase {
            Phase::Greeting(greeting, cut, caught) => {
                let mut part = cut.part(rest);
                while !part.is_empty() {
                    if let Some(connection) = greeting.hear(&mut part, &mut self.out)? {
                        self.phase = Phase::Shaking(Box::new(connection), *cut, Arc::clone(caught));
                        return self.process();
                    }
                }
            }
            Phase::Shaking(connection, cut, _) => {
                let mut part = cut.part(rest);
                while !part.is_empty() {
                    let taken = connection.read_tls(&mut part);
                    if taken.map_err(|error| Fault::new(Cause::Broken, error.to_string()))? == 0 {
                        break;
                    }
                }
                self.process()?;
            }
            Phase::Talking(..) | Phase::Failed(_) => {}
        }
        Ok(())
    }

    fn process(&mut self) -> Result<(), Fault> {
        let Phase::Shaking(connection, ..) = &mut self.phase else { return Ok(()) };
        let processed = connection.process_new_packets();
        // What the peer is still to hear: with a fault, the alert too.
        let before = self.out.len();
        drain(connection, &mut self.out);
        processed?;
        if is_full(connection) {
            self.offered.is_full();
        }
        if connection.is_handshaking() { Ok(()) } else { self.take_over(before) }
    }

    /// The handshake is over: the library's keys become ours. What it sent last begins at `last`.
    fn take_over(&mut self, last: usize) -> Result<(), Fault> {
        let gone = Fault::new(Cause::Broken, "the handshake came to nothing that is spoken here");
        let (connection, caught) = match std::mem::replace(&mut self.phase, Phase::Failed(gone.clone())) {
            Phase::Shaking(connection, _, caught) => (connection, caught),
            other => {
                self.phase = other;
                return Ok(());
            }
        };
        let agreed = Agreed::of(&connection).ok_or_else(|| gone.clone())?;
        let library = connection.dangerous_extract_secrets()?;
        let sent_last = self.out.get(last..).unwrap_or_default();
        let records = Records::begin(agreed.version, &library, &caught, sent_last).ok_or(gone)?;
        self.phase = Phase::Talking(Box::new(records), Box::new(agreed));
        Ok(())
    }

    fn failed(&mut self, fault: Fault) -> Fault {
        self.phase = Phase::Failed(fault.clone());
        fault
    }

    /// Opens every whole record at the beginning of `ciphertext` where it lies, gives the plaintext piece by piece, and
    /// tells how much of `ciphertext` was taken; the rest is to be offered again when more has come behind it.
    ///
    /// Nothing is taken while the handshake lasts. What comes after the peer's close_notify is swallowed.
    ///
    /// # Errors
    /// When the peer breaks the rules, or ends the connection with an alert. Plaintext that was given before is good.
    pub fn open<'a>(
        &mut self,
        ciphertext: &'a mut [u8],
        mut give: impl FnMut(&'a [u8]),
    ) -> Result<usize, Fault> {
        let opened = match &mut self.phase {
            Phase::Talking(records, _) => records.open(ciphertext, &mut self.out, &mut give),
            Phase::Failed(fault) => return Err(fault.clone()),
            Phase::Greeting(..) | Phase::Shaking(..) => return Ok(0),
        };
        opened.map_err(|fault| self.failed(fault))
    }

    /// Says that the peer's stream of octets has ended.
    ///
    /// # Errors
    /// `Truncated` when that came without close_notify: what was received may not be all.
    pub fn end_of_stream(&mut self) -> Result<(), Fault> {
        self.is_at_end = true;
        if self.is_closed_cleanly() {
            return Ok(());
        }
        let words = if self.is_handshaking() {
            "the connection ended during the handshake"
        } else {
            "the connection ended without close_notify"
        };
        Err(Fault::new(Cause::Truncated, words))
    }

    /// Seals plaintext and tells how much of it; 0 while the handshake lasts, too much waits to be taken, or the
    /// connection is over.
    pub fn write(&mut self, plaintext: &[u8]) -> usize {
        let Phase::Talking(records, _) = &mut self.phase else { return 0 };
        let room = MOST_WAITING.saturating_sub(self.out.len()).min(plaintext.len());
        let accepted = plaintext.get(..room).unwrap_or_default();
        match records.write(accepted, &mut self.out) {
            Ok(()) => room,
            Err(_) => 0,
        }
    }

    /// Tells how records lie in a buffer that [`Self::seal`] is given; `None` while the handshake lasts and after a
    /// fault.
    #[must_use]
    pub fn frame(&self) -> Option<Frame> {
        match &self.phase {
            Phase::Talking(records, _) => Some(records.frame()),
            _ => None,
        }
    }

    /// Seals so much plaintext where it lies, in its places in `room` (see [`Frame::places`]), and tells how many octets
    /// at the beginning of `room` are to be sent. What [`Self::take_tls`] gives goes first.
    ///
    /// # Errors
    /// When nothing can be written any more: the connection is over, or, in TLS 1.2, its key has sealed as much as it
    /// may.
    pub fn seal(&mut self, room: &mut [u8], plaintext: usize) -> Result<usize, Fault> {
        match &mut self.phase {
            Phase::Talking(records, _) => records.seal(room, plaintext, &mut self.out),
            Phase::Failed(fault) => Err(fault.clone()),
            Phase::Greeting(..) | Phase::Shaking(..) => {
                Err(Fault::new(Cause::Broken, "nothing can be sealed before the handshake"))
            }
        }
    }

    /// Tells whether ciphertext waits to be sent.
    #[must_use]
    pub fn wants_write(&self) -> bool {
        !self.out.is_empty()
    }

    /// Tells whether the handshake is over and what waits, if anything, is nothing that the peer waits for: in TLS 1.3 its
    /// tickets come last.
    #[must_use]
    pub fn has_only_tickets(&self) -> bool {
        self.agreed().is_some_and(|agreed| agreed.version == Version::Tls13)
    }

    /// Moves ciphertext that waits to the end of `out`.
    pub fn take_tls(&mut self, out: &mut Vec<u8>) {
        let mut waiting = std::mem::take(&mut self.out);
        if out.is_empty() {
            *out = waiting;
        } else {
            out.append(&mut waiting);
        }
    }

    /// Queues once more a ticket that was handed out before, for clients that use each once; nothing in TLS 1.2, where
    /// they last. For the control connection, whose client reads it with its next reply.
    pub fn repeat_ticket(&mut self) {
        if let Phase::Talking(records, _) = &mut self.phase {
            records.repeat_ticket(&mut self.out);
        }
    }

    /// Queues close_notify: what was written is all there is. Nothing can be written afterwards.
    pub fn close(&mut self) {
        if let Phase::Talking(records, _) = &mut self.phase {
            records.close(&mut self.out);
        }
    }

    /// Keeps as little memory as possible until the next octets; for a session that waits for its peer.
    pub fn rest(&mut self) {
        if let Phase::Talking(records, _) = &mut self.phase {
            records.rest();
        }
        self.out.shrink_to_fit();
    }

    /// Tells whether the peer said that everything was sent.
    #[must_use]
    pub fn is_closed_cleanly(&self) -> bool {
        matches!(&self.phase, Phase::Talking(records, _) if records.is_closed_by_peer())
    }

    /// Tells whether the stream ended without the peer having said so.
    #[must_use]
    pub fn is_truncated(&self) -> bool {
        self.is_at_end && !self.is_closed_cleanly()
    }

    /// Tells whether we have said that everything was sent.
    #[must_use]
    pub fn has_sent_close(&self) -> bool {
        matches!(&self.phase, Phase::Talking(records, _) if records.is_closed_by_us())
    }

    /// Tells whether nothing can be written yet; false after a fault.
    #[must_use]
    pub fn is_handshaking(&self) -> bool {
        matches!(&self.phase, Phase::Greeting(..) | Phase::Shaking(..))
    }

    /// Tells how the handshake came to its keys, when it is over.
    #[must_use]
    pub fn handshake_kind(&self) -> Option<Kind> {
        Some(self.agreed()?.kind)
    }

    /// Tells why a full handshake did not resume.
    #[must_use]
    pub fn why_full(&self) -> Option<WhyFull> {
        (self.handshake_kind() == Some(Kind::Full)).then(|| self.offered.why_full())
    }

    /// Names the version, for the log, when the handshake is over.
    #[must_use]
    pub fn version(&self) -> Option<&'static str> {
        Some(match self.agreed()?.version {
            Version::Tls12 => "TLSv1.2",
            Version::Tls13 => "TLSv1.3",
        })
    }

    /// Names the suite, for the log, when the handshake is over.
    #[must_use]
    pub fn suite(&self) -> Option<&'static str> {
        Some(self.agreed()?.suite)
    }

    /// Tells which server the client asked for, when the handshake is over.
    #[must_use]
    pub fn server_name(&self) -> Option<&str> {
        self.agreed()?.server_name.as_deref()
    }

    /// Shows the client's own certificate in DER, when the handshake is over. A resumed connection shows that of the
    /// connection it resumes.
    #[must_use]
    pub fn peer_certificate(&self) -> Option<&[u8]> {
        self.agreed()?.certificate.as_deref()
    }

    fn agreed(&self) -> Option<&Agreed> {
        if let Phase::Talking(_, agreed) = &self.phase { Some(agreed) } else { None }
    }
}

impl Agreed {
    fn of(connection: &ServerConnection) -> Option<Self> {
        Some(Self {
            version: match connection.protocol_version()? {
                ProtocolVersion::TLSv1_2 => Version::Tls12,
                ProtocolVersion::TLSv1_3 => Version::Tls13,
                _ => return None,
            },
            suite: connection.negotiated_cipher_suite()?.suite().as_str()?,
            kind: if is_full(connection) { Kind::Full } else { Kind::Resumed },
            server_name: connection.server_name().map(Box::from),
            certificate: connection
                .peer_certificates()
                .and_then(|chain| chain.first())
                .map(|certificate| Box::from(certificate.as_ref())),
        })
    }
}

impl std::fmt::Debug for Phase {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Greeting(..) => "Greeting",
            Self::Shaking(..) => "Shaking",
            Self::Talking(..) => "Talking",
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
