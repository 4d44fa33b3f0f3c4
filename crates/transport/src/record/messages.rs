//! Messages of the handshake that may come after it: a renewal of keys (RFC 8446 §4.6.3), and in TLS 1.2 the wish to
//! begin anew, which is declined (RFC 5746 §4.5).
//!
//! A message may be split over records. Of one that means nothing here only its head is kept.

use super::alert::Alert;
use crate::settings::Version;

const CLIENT_HELLO: u8 = 1;
const KEY_UPDATE: u8 = 24;

/// A message's type and length.
const HEAD: usize = 4;

/// What a message asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Heard {
    /// The message is not whole yet.
    Nothing,
    /// The peer seals with new keys from the next record on, and perhaps asks us to do the same.
    Renewal { wants_ours: bool },
    /// The peer wants another handshake.
    Renegotiation,
}

/// The message that is arriving.
#[derive(Debug, Default)]
pub(super) struct Messages {
    held: Vec<u8>,
    /// Octets of a declined message that are still to come.
    skipping: usize,
}

impl Messages {
    /// Tells whether a message has begun and not ended: nothing else may come in between.
    pub(super) fn is_amid(&self) -> bool {
        !self.held.is_empty() || self.skipping > 0
    }

    /// Takes a record's worth of messages.
    pub(super) fn hear(&mut self, version: Version, octets: &[u8]) -> Result<Heard, Alert> {
        match version {
            Version::Tls13 => self.renewal(octets),
            Version::Tls12 => self.renegotiation(octets),
        }
    }

    fn renewal(&mut self, octets: &[u8]) -> Result<Heard, Alert> {
        self.held.extend(octets.iter().take(HEAD + 2));
        let heard = match *self.held.as_slice() {
            [KEY_UPDATE, 0, 0, 1, wish @ (0 | 1)] => Ok(Heard::Renewal { wants_ours: wish == 1 }),
            [KEY_UPDATE, 0, 0, 1, _] => Err(Alert::IllegalParameter),
            [] | [KEY_UPDATE] | [KEY_UPDATE, 0] | [KEY_UPDATE, 0, 0] | [KEY_UPDATE, 0, 0, 1] => {
                return Ok(Heard::Nothing);
            }
            [KEY_UPDATE, _, _, length, ..] if length != 1 => Err(Alert::DecodeError),
            // Another message, or one more behind the renewal, which would be sealed with two keys.
            _ => Err(Alert::UnexpectedMessage),
        };
        self.held = Vec::new();
        heard
    }

    fn renegotiation(&mut self, octets: &[u8]) -> Result<Heard, Alert> {
        let mut rest = octets;
        let skipped = self.skipping.min(rest.len());
        self.skipping -= skipped;
        rest = rest.get(skipped..).unwrap_or_default();
        if rest.is_empty() {
            return Ok(Heard::Nothing);
        }
        let missing = HEAD.saturating_sub(self.held.len());
        self.held.extend(rest.iter().take(missing));
        if self.held.first() != Some(&CLIENT_HELLO) {
            return Err(Alert::UnexpectedMessage);
        }
        let &[_, high, middle, low] = self.held.as_slice() else { return Ok(Heard::Nothing) };
        self.held = Vec::new();
        let behind = rest.len().saturating_sub(missing);
        let length = u32::from_be_bytes([0, high, middle, low]) as usize;
        // Two in one record: nobody does.
        self.skipping = length.checked_sub(behind).ok_or(Alert::UnexpectedMessage)?;
        Ok(Heard::Renegotiation)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hear(version: Version, records: &[&[u8]]) -> Result<Heard, Alert> {
        let mut messages = Messages::default();
        let mut last = Ok(Heard::Nothing);
        for record in records {
            assert_eq!(last, Ok(Heard::Nothing));
            last = messages.hear(version, record);
        }
        assert!(last != Ok(Heard::Nothing) || messages.is_amid());
        last
    }

    #[test]
    fn a_renewal_is_heard_however_it_is_split() {
        let ours = Ok(Heard::Renewal { wants_ours: true });
        assert_eq!(hear(Version::Tls13, &[&[24, 0, 0, 1, 1]]), ours);
        assert_eq!(hear(Version::Tls13, &[&[24], &[0, 0], &[1, 1]]), ours);
        assert_eq!(hear(Version::Tls13, &[&[24, 0, 0, 1], &[0]]), Ok(Heard::Renewal { wants_ours: false }));
        assert_eq!(hear(Version::Tls13, &[&[24, 0, 0]]), Ok(Heard::Nothing));
    }

    #[test]
    fn what_is_no_renewal_is_refused() {
        let refused = |octets: &[u8]| hear(Version::Tls13, &[octets]).unwrap_err();
        assert_eq!(refused(&[24, 0, 0, 1, 2]), Alert::IllegalParameter);
        assert_eq!(refused(&[24, 0, 0, 2, 1, 1]), Alert::DecodeError);
        assert_eq!(refused(&[24, 0, 0, 1, 1, 24]), Alert::UnexpectedMessage);
        assert_eq!(refused(&[1, 0, 0, 4]), Alert::UnexpectedMessage);
        assert_eq!(refused(&[24, 9]), Alert::UnexpectedMessage);
    }

    #[test]
    fn a_wish_to_begin_anew_is_heard_once_and_skipped_to_its_end() {
        let mut messages = Messages::default();
        assert_eq!(messages.hear(Version::Tls12, &[1, 0]), Ok(Heard::Nothing));
        assert_eq!(messages.hear(Version::Tls12, &[1, 4, 7]), Ok(Heard::Renegotiation));
        assert!(messages.is_amid());
        assert_eq!(messages.hear(Version::Tls12, &[0; 0x103]), Ok(Heard::Nothing));
        assert!(!messages.is_amid());
        assert_eq!(messages.hear(Version::Tls12, &[20, 0, 0, 12]), Err(Alert::UnexpectedMessage));
    }
}
