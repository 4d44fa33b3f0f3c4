//! One record in (RFC 8446 §5.2, RFC 5246 §6.2.3.3).

use aws_lc_rs::aead::Aad;

use super::alert::Alert;
use super::keys::{Key, once};
use super::seal::additional;
use super::{Content, HEADER, MOST, TAG};
use crate::settings::Version;

/// How much longer than its plaintext a record may be (RFC 8446 §5.2, RFC 5246 §6.2.3).
const SLACK_13: usize = 256;
const SLACK_12: usize = 2048;

/// The direction from the peer.
pub(super) struct Opener {
    version: Version,
    key: Key,
    /// The number of the next record.
    number: u64,
}

impl Opener {
    pub(super) fn new(version: Version, key: Key, number: u64) -> Self {
        Self { version, key, number }
    }

    pub(super) fn key(&mut self) -> &mut Key {
        &mut self.key
    }

    /// Goes on with another key.
    pub(super) fn renew(&mut self, key: Key) {
        self.key = key;
        self.number = 0;
    }

    fn explicit(&self) -> usize {
        if self.version == Version::Tls12 && self.key.is_aes() { 8 } else { 0 }
    }

    /// Tells from its first octets how long the next record is; `None` when they do not say yet.
    pub(super) fn length(&self, octets: &[u8]) -> Result<Option<usize>, Alert> {
        let Some(&[content, major, minor, high, low]) = octets.first_chunk() else { return Ok(None) };
        let length = usize::from(u16::from_be_bytes([high, low]));
        let slack = match self.version {
            // Nothing goes unsealed any more, and what is sealed looks like data.
            Version::Tls13 if content != Content::Data.octet() => return Err(Alert::UnexpectedMessage),
            Version::Tls13 => SLACK_13,
            Version::Tls12 if Content::read(content).is_none() => return Err(Alert::UnexpectedMessage),
            Version::Tls12 => SLACK_12,
        };
        if (major, minor) != (3, 3) {
            return Err(Alert::ProtocolVersion);
        }
        if length > MOST + slack {
            return Err(Alert::RecordOverflow);
        }
        Ok(Some(HEADER + length))
    }

    /// Opens a record, as long as [`Self::length`] told, and shows its plaintext where it lies.
    pub(super) fn open<'a>(&mut self, record: &'a mut [u8]) -> Result<(Content, &'a [u8]), Alert> {
        const FAILED: Alert = Alert::BadRecordMac;
        let (number, explicit, version) = (self.number, self.explicit(), self.version);
        let next = number.checked_add(1).ok_or(FAILED)?;
        let (header, body) = record.split_first_chunk_mut::<HEADER>().ok_or(FAILED)?;
        let (sent_nonce, sealed) = body.split_at_mut_checked(explicit).ok_or(FAILED)?;
        let nonce = match sent_nonce.first_chunk() {
            Some(&explicit) => self.key.nonce_with(explicit),
            None => self.key.nonce(number),
        };
        let length = sealed.len().checked_sub(TAG).ok_or(FAILED)?;
        let key = self.key.ready().ok_or(FAILED)?;
        let (content, plaintext) = match version {
            Version::Tls13 => {
                let inside = key.open_in_place(once(nonce), Aad::from(*header), sealed);
                stripped(inside.map_err(|_| FAILED)?)?
            }
            Version::Tls12 => {
                let [content, ..] = *header;
                let additional = additional(number, content, length);
                let inside = key.open_in_place(once(nonce), Aad::from(additional), sealed);
                (content, &*inside.map_err(|_| FAILED)?)
            }
        };
        self.number = next;
        if plaintext.len() > MOST {
            return Err(Alert::RecordOverflow);
        }
        match Content::read(content) {
            // RFC 8446 §5.1: only data may be empty.
            Some(content) if content == Content::Data || !plaintext.is_empty() => Ok((content, plaintext)),
            _ => Err(Alert::UnexpectedMessage),
        }
    }
}

/// Takes padding and content type off (RFC 8446 §5.4).
fn stripped(inside: &mut [u8]) -> Result<(u8, &[u8]), Alert> {
    let at = inside.iter().rposition(|&octet| octet != 0).ok_or(Alert::UnexpectedMessage)?;
    let (plaintext, rest) = inside.split_at_checked(at).ok_or(Alert::UnexpectedMessage)?;
    let content = rest.first().ok_or(Alert::UnexpectedMessage)?;
    Ok((*content, plaintext))
}
