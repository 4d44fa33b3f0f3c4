//! One record out (RFC 8446 §5.2, RFC 5246 §6.2.3.3).

use aws_lc_rs::aead::Aad;

use super::alert::Alert;
use super::frame::Frame;
use super::keys::{Key, once};
use super::{Content, HEADER, TAG};
use crate::settings::Version;

/// Records that one key of AES may seal: RFC 8446 §5.5 allows 2^24.5 of full size.
const AES_RECORDS: u64 = 1 << 24;

/// Records that one key of ChaCha20 may seal: as many as there are numbers (RFC 8446 §5.5), with some to spare.
const CHACHA_RECORDS: u64 = u64::MAX - (1 << 16);

/// The direction to the peer.
pub(super) struct Sealer {
    version: Version,
    key: Key,
    /// The number of the next record.
    number: u64,
    limit: u64,
}

impl Sealer {
    pub(super) fn new(version: Version, key: Key, number: u64) -> Self {
        let limit = if key.is_aes() { AES_RECORDS } else { CHACHA_RECORDS };
        Self { version, key, number, limit }
    }

    #[cfg(test)]
    pub(super) fn limit_to(&mut self, records: u64) {
        self.limit = records;
    }

    pub(super) fn key(&mut self) -> &mut Key {
        &mut self.key
    }

    /// Goes on with another key.
    pub(super) fn renew(&mut self, key: Key) {
        self.key = key;
        self.number = 0;
    }

    /// How many records this key may still seal.
    pub(super) fn left(&self) -> u64 {
        self.limit.saturating_sub(self.number)
    }

    /// How records lie in a buffer.
    pub(super) fn frame(&self) -> Frame {
        match self.version {
            Version::Tls13 => Frame { before: HEADER, behind: 1 + TAG },
            Version::Tls12 => Frame { before: HEADER + self.explicit(), behind: TAG },
        }
    }

    fn explicit(&self) -> usize {
        if self.version == Version::Tls12 && self.key.is_aes() { 8 } else { 0 }
    }

    /// Seals a record whose plaintext stands in its place; what stands around it is filled in.
    ///
    /// Alerts and renewals of keys may go beyond the limit of records, which leaves room for them; no number is ever
    /// used twice.
    pub(super) fn seal(&mut self, content: Content, record: &mut [u8]) -> Result<(), Alert> {
        const FAILED: Alert = Alert::InternalError;
        let (number, explicit, version) = (self.number, self.explicit(), self.version);
        let nonce = self.key.nonce(number);
        let next = number.checked_add(1).ok_or(FAILED)?;
        let (header, body) = record.split_first_chunk_mut::<HEADER>().ok_or(FAILED)?;
        let [high, low] = u16::try_from(body.len()).map_err(|_| FAILED)?.to_be_bytes();
        let outside = if version == Version::Tls13 { Content::Data } else { content };
        *header = [outside.octet(), 3, 3, high, low];
        let (sent_nonce, body) = body.split_at_mut_checked(explicit).ok_or(FAILED)?;
        for (octet, part) in sent_nonce.iter_mut().zip(nonce.into_iter().skip(4)) {
            *octet = part;
        }
        let (inside, tag) = body.split_last_chunk_mut::<TAG>().ok_or(FAILED)?;
        let key = self.key.ready().ok_or(FAILED)?;
        let made = match version {
            Version::Tls13 => {
                *inside.last_mut().ok_or(FAILED)? = content.octet();
                key.seal_in_place_separate_tag(once(nonce), Aad::from(*header), inside)
            }
            Version::Tls12 => {
                let additional = additional(number, content.octet(), inside.len());
                key.seal_in_place_separate_tag(once(nonce), Aad::from(additional), inside)
            }
        };
        tag.copy_from_slice(made.map_err(|_| FAILED)?.as_ref());
        self.number = next;
        Ok(())
    }

    /// Seals a short record and adds it to `out`.
    pub(super) fn append(
        &mut self,
        content: Content,
        plaintext: &[u8],
        out: &mut Vec<u8>,
    ) -> Result<(), Alert> {
        let (frame, begin) = (self.frame(), out.len());
        out.reserve(frame.length(plaintext.len()));
        out.resize(begin + frame.before, 0);
        out.extend_from_slice(plaintext);
        out.resize(begin + frame.length(plaintext.len()), 0);
        let sealed = self.seal(content, out.get_mut(begin..).unwrap_or_default());
        if sealed.is_err() {
            out.truncate(begin);
        }
        sealed
    }
}

/// What TLS 1.2 authenticates beside the plaintext (RFC 5246 §6.2.3.3).
pub(super) fn additional(number: u64, content: u8, plaintext: usize) -> [u8; 13] {
    let [a, b, c, d, e, f, g, h] = number.to_be_bytes();
    // No record is longer than its header can say.
    let [high, low] = u16::try_from(plaintext).unwrap_or(u16::MAX).to_be_bytes();
    [a, b, c, d, e, f, g, h, content, 3, 3, high, low]
}
