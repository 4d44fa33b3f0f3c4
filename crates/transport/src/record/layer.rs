//! Both directions of a connection after its handshake: data, renewal of keys, alerts and the end.
//!
//! No buffer is kept here: ciphertext is opened in the caller's, and what is to be sent goes to the end of `out`.

use rustls::{AlertDescription, Error, ExtractedSecrets};

use super::alert::Alert;
use super::frame::Frame;
use super::keys::{Caught, Key, Secrets};
use super::messages::{Heard, Messages};
use super::open::Opener;
use super::seal::Sealer;
use super::{Content, MOST, ticket};
use crate::fault::{Cause, Fault};
use crate::settings::Version;

/// Renewals in a row without any data between them: each costs us a derivation, and nobody needs so many.
const MOST_RENEWALS: u8 = 32;

/// Warnings that are passed over.
const MOST_WARNINGS: u8 = 4;

/// Times that a client of TLS 1.2 may ask to begin anew; it is told no, and then it knows.
const MOST_RENEGOTIATIONS: u8 = 1;

/// Our renewal of keys, which asks for none in return.
const RENEWAL: [u8; 5] = [24, 0, 0, 1, 0];

/// A connection's records.
pub(crate) struct Records {
    version: Version,
    sealer: Sealer,
    opener: Opener,
    /// TLS 1.3 only.
    secrets: Option<Box<Secrets>>,
    messages: Messages,
    ticket: Option<Box<[u8]>>,
    /// The peer has asked us to renew our keys before our next data (RFC 8446 §4.6.3).
    owes_renewal: bool,
    renewals: u8,
    warnings: u8,
    renegotiations: u8,
    is_closed_by_peer: bool,
    is_closed_by_us: bool,
}

impl Records {
    /// Goes on where the library's handshake ended, with what it sent last; `None` for a cipher that is not spoken here.
    pub(crate) fn begin(
        version: Version,
        library: &ExtractedSecrets,
        caught: &Caught,
        sent_last: &[u8],
    ) -> Option<Self> {
        let (sent, key) = (library.tx.0, Key::of(&library.tx.1)?);
        let opener = Opener::new(version, Key::of(&library.rx.1)?, library.rx.0);
        let mut records = Self::new(version, Sealer::new(version, key, sent), opener, caught.take());
        if version == Version::Tls13 {
            records.ticket = ticket::first(sent_last, Key::of(&library.tx.1)?, sent);
        }
        Some(records)
    }

    pub(super) fn new(version: Version, sealer: Sealer, opener: Opener, secrets: Option<Secrets>) -> Self {
        Self {
            version,
            sealer,
            opener,
            secrets: secrets.map(Box::new),
            messages: Messages::default(),
            ticket: None,
            owes_renewal: false,
            renewals: 0,
            warnings: 0,
            renegotiations: 0,
            is_closed_by_peer: false,
            is_closed_by_us: false,
        }
    }

    /// Opens every whole record at the beginning of `octets`, gives their plaintext, and tells how much was taken.
    ///
    /// What comes after the peer's close_notify is swallowed.
    pub(crate) fn open<'a>(
        &mut self,
        octets: &'a mut [u8],
        out: &mut Vec<u8>,
        give: &mut dyn FnMut(&'a [u8]),
    ) -> Result<usize, Fault> {
        let all = octets.len();
        let mut rest = octets;
        while !self.is_closed_by_peer {
            let length = match self.opener.length(rest).map_err(|alert| self.fail(alert, out))? {
                Some(length) if length <= rest.len() => length,
                _ => return Ok(all - rest.len()),
            };
            let (record, behind) = std::mem::take(&mut rest).split_at_mut(length);
            rest = behind;
            let (content, inside) = self.opener.open(record).map_err(|alert| self.fail(alert, out))?;
            if content != Content::Handshake && self.messages.is_amid() {
                return Err(self.fail(Alert::UnexpectedMessage, out));
            }
            match content {
                Content::Data => {
                    self.renewals = 0;
                    if !inside.is_empty() {
                        give(inside);
                    }
                }
                Content::Alert => self.hear_alert(inside, out)?,
                Content::Handshake => self.hear_message(inside, out)?,
            }
        }
        Ok(all)
    }

    fn hear_alert(&mut self, octets: &[u8], out: &mut Vec<u8>) -> Result<(), Fault> {
        const WARNING: u8 = 1;
        const FATAL: u8 = 2;
        let &[level, description] = octets else { return Err(self.fail(Alert::DecodeError, out)) };
        let description = AlertDescription::from(description);
        match (level, description) {
            (WARNING | FATAL, AlertDescription::CloseNotify) => self.is_closed_by_peer = true,
            // RFC 8446 §6: the level says nothing any more, and all but one of the others end the connection.
            (WARNING, AlertDescription::UserCanceled) => self.count_warning(out)?,
            (WARNING, _) if self.version == Version::Tls12 => self.count_warning(out)?,
            (WARNING | FATAL, _) => {
                // Nothing is answered to an alert.
                self.is_closed_by_us = true;
                return Err(Error::AlertReceived(description).into());
            }
            _ => return Err(self.fail(Alert::IllegalParameter, out)),
        }
        Ok(())
    }

    fn count_warning(&mut self, out: &mut Vec<u8>) -> Result<(), Fault> {
        self.warnings += 1;
        if self.warnings > MOST_WARNINGS { Err(self.fail(Alert::UnexpectedMessage, out)) } else { Ok(()) }
    }

    fn hear_message(&mut self, octets: &[u8], out: &mut Vec<u8>) -> Result<(), Fault> {
        match self.messages.hear(self.version, octets).map_err(|alert| self.fail(alert, out))? {
            Heard::Nothing => Ok(()),
            Heard::Renewal { wants_ours } => {
                self.renewals += 1;
                if self.renewals > MOST_RENEWALS {
                    return Err(self.fail(Alert::UnexpectedMessage, out));
                }
                self.owes_renewal |= wants_ours;
                self.follow().ok_or_else(|| self.fail(Alert::InternalError, out))
            }
            Heard::Renegotiation => {
                self.renegotiations += 1;
                if self.renegotiations > MOST_RENEGOTIATIONS {
                    return Err(self.fail(Alert::UnexpectedMessage, out));
                }
                self.say(Alert::NoRenegotiation, out);
                Ok(())
            }
        }
    }

    /// Opens with the peer's next keys.
    fn follow(&mut self) -> Option<()> {
        let secrets = self.secrets.as_mut()?;
        secrets.client = secrets.client.next()?;
        let algorithm = self.opener.key().algorithm();
        self.opener.renew(secrets.client.key(algorithm)?);
        Some(())
    }

    /// Seals plaintext and adds the records to `out`.
    ///
    /// # Errors
    /// When the connection is over, or its key has sealed as much as it may and cannot be renewed.
    pub(crate) fn write(&mut self, plaintext: &[u8], out: &mut Vec<u8>) -> Result<(), Fault> {
        self.prepare(plaintext.len(), out)?;
        for piece in plaintext.chunks(MOST) {
            self.sealer.append(Content::Data, piece, out).map_err(|alert| self.fail(alert, out))?;
        }
        Ok(())
    }

    /// Tells how records lie in a buffer that [`Self::seal`] is given.
    pub(crate) fn frame(&self) -> Frame {
        self.sealer.frame()
    }

    /// Seals so much plaintext, which stands in its places in `room`, and tells how much of `room` is to be sent.
    ///
    /// What was added to `out` goes first.
    ///
    /// # Errors
    /// As [`Self::write`].
    pub(crate) fn seal(
        &mut self,
        room: &mut [u8],
        plaintext: usize,
        out: &mut Vec<u8>,
    ) -> Result<usize, Fault> {
        self.prepare(plaintext, out)?;
        let frame = self.frame();
        let (mut left, mut sealed) = (plaintext, 0);
        for record in room.chunks_mut(frame.length(MOST)) {
            if left == 0 {
                break;
            }
            let inside = left.min(MOST);
            let record = record.get_mut(..frame.length(inside)).unwrap_or_default();
            self.sealer.seal(Content::Data, record).map_err(|alert| self.fail(alert, out))?;
            left -= inside;
            sealed += record.len();
        }
        // The room was too small for what was said to stand in it.
        if left == 0 { Ok(sealed) } else { Err(self.fail(Alert::InternalError, out)) }
    }

    /// Renews our keys where that was asked for, or where this much would be too much for them.
    fn prepare(&mut self, plaintext: usize, out: &mut Vec<u8>) -> Result<(), Fault> {
        if self.is_closed_by_us {
            return Err(Fault::new(Cause::Broken, "the connection is over, and nothing can be written"));
        }
        let records = plaintext.div_ceil(MOST) as u64;
        if records == 0 || (!self.owes_renewal && records <= self.sealer.left()) {
            return Ok(());
        }
        if self.secrets.is_some() {
            return self.renew(out).ok_or_else(|| self.fail(Alert::InternalError, out));
        }
        // RFC 5246 has no way to renew keys but a new handshake, and RFC 9325 §4.4 wants none: the client connects anew.
        self.close(out);
        Err(Fault::new(Cause::Broken, "the key of this connection has sealed as much as it may"))
    }

    /// Says that we seal with our next keys, and does.
    fn renew(&mut self, out: &mut Vec<u8>) -> Option<()> {
        let secrets = self.secrets.as_mut()?;
        self.sealer.append(Content::Handshake, &RENEWAL, out).ok()?;
        secrets.server = secrets.server.next()?;
        let algorithm = self.sealer.key().algorithm();
        self.sealer.renew(secrets.server.key(algorithm)?);
        self.owes_renewal = false;
        Some(())
    }

    /// Hands a ticket out that was handed out before; nothing where there is none.
    pub(crate) fn repeat_ticket(&mut self, out: &mut Vec<u8>) {
        if let Some(ticket) = &self.ticket
            && !self.is_closed_by_us
        {
            // Without it the client shakes hands anew, which is for the site's rules to judge.
            let _ = self.sealer.append(Content::Handshake, ticket, out);
        }
    }

    /// Says that this is all; nothing can be written afterwards.
    pub(crate) fn close(&mut self, out: &mut Vec<u8>) {
        if !self.is_closed_by_us {
            self.say(Alert::CloseNotify, out);
            self.is_closed_by_us = true;
        }
    }

    pub(crate) fn is_closed_by_peer(&self) -> bool {
        self.is_closed_by_peer
    }

    pub(crate) fn is_closed_by_us(&self) -> bool {
        self.is_closed_by_us
    }

    /// Keeps as little as possible until there is something to seal or to open again.
    pub(crate) fn rest(&mut self) {
        self.sealer.key().rest();
        self.opener.key().rest();
    }

    /// Tells the peer why this ends.
    fn fail(&mut self, alert: Alert, out: &mut Vec<u8>) -> Fault {
        if !self.is_closed_by_us {
            self.say(alert, out);
            self.is_closed_by_us = true;
        }
        alert.fault()
    }

    fn say(&mut self, alert: Alert, out: &mut Vec<u8>) {
        // Only a connection whose numbers are used up cannot say why; it ends all the same.
        let _ = self.sealer.append(Content::Alert, &alert.octets(), out);
    }
}
