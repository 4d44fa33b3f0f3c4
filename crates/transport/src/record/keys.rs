//! Keys, the numbers that go with them, and how TLS 1.3 makes the next ones (RFC 8446 §7.2, §7.3).

use std::fmt;
use std::sync::{Mutex, PoisonError};

use aws_lc_rs::aead::{
    AES_128_GCM, AES_256_GCM, Algorithm, CHACHA20_POLY1305, LessSafeKey, NONCE_LEN, Nonce, UnboundKey,
};
use aws_lc_rs::hkdf::{self, HKDF_SHA256, HKDF_SHA384, KeyType, Prk};
use rustls::{ConnectionTrafficSecrets, KeyLog};
use zeroize::Zeroizing;

/// The longest key of a cipher here.
const LONGEST_KEY: usize = 32;

/// The longest traffic secret: an output of SHA-384.
const LONGEST_SECRET: usize = 48;

/// One direction's key, and what its nonces are made of.
pub(super) struct Key {
    algorithm: &'static Algorithm,
    octets: Zeroizing<[u8; LONGEST_KEY]>,
    iv: Zeroizing<[u8; NONCE_LEN]>,
    /// The key made ready for its cipher: half a kibibyte, which a session at rest does without. Wiped by the library.
    ready: Option<LessSafeKey>,
}

impl Key {
    /// Takes a key over from the library; `None` for a cipher that is not spoken here.
    pub(super) fn of(secrets: &ConnectionTrafficSecrets) -> Option<Self> {
        let (algorithm, key, iv) = match secrets {
            ConnectionTrafficSecrets::Aes128Gcm { key, iv } => (&AES_128_GCM, key, iv),
            ConnectionTrafficSecrets::Aes256Gcm { key, iv } => (&AES_256_GCM, key, iv),
            ConnectionTrafficSecrets::Chacha20Poly1305 { key, iv } => (&CHACHA20_POLY1305, key, iv),
            _ => return None,
        };
        Self::new(algorithm, key.as_ref(), iv.as_ref())
    }

    pub(super) fn new(algorithm: &'static Algorithm, key: &[u8], iv: &[u8]) -> Option<Self> {
        let mut octets = Zeroizing::new([0; LONGEST_KEY]);
        octets.get_mut(..algorithm.key_len())?.copy_from_slice(key.get(..algorithm.key_len())?);
        let iv = Zeroizing::new(iv.try_into().ok()?);
        Some(Self { algorithm, octets, iv, ready: None })
    }

    pub(super) fn algorithm(&self) -> &'static Algorithm {
        self.algorithm
    }

    pub(super) fn is_aes(&self) -> bool {
        *self.algorithm != CHACHA20_POLY1305
    }

    /// The nonce of a record: the number, laid over the secret part (RFC 8446 §5.3, RFC 7905 §2).
    ///
    /// TLS 1.2 with AES sends its last eight octets along, and any that do not repeat are right (RFC 5288 §3).
    pub(super) fn nonce(&self, number: u64) -> [u8; NONCE_LEN] {
        let mut nonce = *self.iv;
        for (octet, part) in nonce.iter_mut().skip(NONCE_LEN - 8).zip(number.to_be_bytes()) {
            *octet ^= part;
        }
        nonce
    }

    /// The nonce whose last eight octets came with the record (RFC 5288 §3).
    pub(super) fn nonce_with(&self, explicit: [u8; 8]) -> [u8; NONCE_LEN] {
        let mut nonce = *self.iv;
        for (octet, part) in nonce.iter_mut().skip(NONCE_LEN - 8).zip(explicit) {
            *octet = part;
        }
        nonce
    }

    /// The cipher with this key.
    pub(super) fn ready(&mut self) -> Option<&LessSafeKey> {
        if self.ready.is_none() {
            let octets = self.octets.get(..self.algorithm.key_len())?;
            self.ready = UnboundKey::new(self.algorithm, octets).ok().map(LessSafeKey::new);
        }
        self.ready.as_ref()
    }

    /// Keeps the key only; making it ready again costs less than a microsecond.
    pub(super) fn rest(&mut self) {
        self.ready = None;
    }
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Key(…)")
    }
}

/// For whoever seals or opens: a nonce that is used once.
pub(super) fn once(nonce: [u8; NONCE_LEN]) -> Nonce {
    Nonce::assume_unique_for_key(nonce)
}

/// What TLS 1.3 derives one direction's keys from.
pub(super) struct Traffic {
    octets: Zeroizing<[u8; LONGEST_SECRET]>,
    hash: hkdf::Algorithm,
}

impl Traffic {
    /// Takes a secret as the library derived it; `None` when it is of no hash that is used here.
    pub(super) fn new(secret: &[u8]) -> Option<Self> {
        let hash = match secret.len() {
            32 => HKDF_SHA256,
            48 => HKDF_SHA384,
            _ => return None,
        };
        let mut octets = Zeroizing::new([0; LONGEST_SECRET]);
        octets.get_mut(..secret.len())?.copy_from_slice(secret);
        Some(Self { octets, hash })
    }

    /// The key that follows from this secret (RFC 8446 §7.3).
    pub(super) fn key(&self, algorithm: &'static Algorithm) -> Option<Key> {
        let (mut octets, mut iv) = (Zeroizing::new([0; LONGEST_KEY]), Zeroizing::new([0; NONCE_LEN]));
        let key = octets.get_mut(..algorithm.key_len())?;
        self.expand(b"key", key)?;
        self.expand(b"iv", &mut *iv)?;
        Key::new(algorithm, key, &*iv)
    }

    /// The secret that comes after this one (RFC 8446 §7.2).
    pub(super) fn next(&self) -> Option<Self> {
        let mut octets = Zeroizing::new([0; LONGEST_SECRET]);
        self.expand(b"traffic upd", octets.get_mut(..self.hash.len())?)?;
        Some(Self { octets, hash: self.hash })
    }

    /// HKDF-Expand-Label without a context (RFC 8446 §7.1).
    fn expand(&self, label: &[u8], out: &mut [u8]) -> Option<()> {
        let secret = Prk::new_less_safe(self.hash, self.octets.get(..self.hash.len())?);
        let prefix = b"tls13 ";
        let length = u16::try_from(out.len()).ok()?.to_be_bytes();
        let label_length = [u8::try_from(prefix.len() + label.len()).ok()?];
        let info = [&length[..], &label_length, prefix, label, &[0]];
        secret.expand(&info, Length(out.len())).ok()?.fill(out).ok()
    }
}

struct Length(usize);

impl KeyType for Length {
    fn len(&self) -> usize {
        self.0
    }
}

/// The traffic secrets of both directions.
pub(super) struct Secrets {
    pub(super) client: Traffic,
    pub(super) server: Traffic,
}

/// Catches the traffic secrets of one connection as the library derives them, for it gives away keys only, and the
/// keys after these come from the secrets.
#[derive(Default)]
pub(crate) struct Caught(Mutex<(Option<Traffic>, Option<Traffic>)>);

const CLIENT: &str = "CLIENT_TRAFFIC_SECRET_0";
const SERVER: &str = "SERVER_TRAFFIC_SECRET_0";

impl Caught {
    /// What was caught; none in TLS 1.2, where keys are never renewed.
    pub(super) fn take(&self) -> Option<Secrets> {
        let mut caught = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let (client, server) = std::mem::take(&mut *caught);
        Some(Secrets { client: client?, server: server? })
    }
}

impl KeyLog for Caught {
    fn will_log(&self, label: &str) -> bool {
        matches!(label, CLIENT | SERVER)
    }

    fn log(&self, label: &str, _: &[u8], secret: &[u8]) {
        let mut caught = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        match label {
            CLIENT => caught.0 = Traffic::new(secret),
            SERVER => caught.1 = Traffic::new(secret),
            _ => {}
        }
    }
}

impl fmt::Debug for Caught {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Caught(…)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn octets(hex: &str) -> Vec<u8> {
        let digits: Vec<char> = hex.chars().filter(|c| !c.is_whitespace()).collect();
        digits.chunks(2).map(|two| u8::from_str_radix(&two.iter().collect::<String>(), 16).unwrap()).collect()
    }

    #[test]
    fn keys_follow_from_a_secret_as_in_rfc_8448() {
        // §3: what the server reads application data with.
        let secret = octets("9e40646ce79a7f9dc05af8889bce6552 875afa0b06df0087f792ebb7c17504a5");
        let key = Traffic::new(&secret).unwrap().key(&AES_128_GCM).unwrap();
        assert_eq!(key.octets[..16], octets("17422dda596ed5d9acd890e3c63f5051"));
        assert_eq!(key.iv[..], octets("5b78923dee08579033e523d9"));
    }

    #[test]
    fn a_nonce_is_the_number_laid_over_the_secret_part() {
        let key = Key::new(&AES_128_GCM, &[0; 16], &[0xff; 12]).unwrap();
        assert_eq!(key.nonce(0), [0xff; 12]);
        assert_eq!(key.nonce(0x0102)[..10], [0xff; 10]);
        assert_eq!(key.nonce(0x0102)[10..], [0xfe, 0xfd]);
        assert_eq!(key.nonce_with([7; 8]), [255, 255, 255, 255, 7, 7, 7, 7, 7, 7, 7, 7]);
    }

    #[test]
    fn nothing_secret_is_shown() {
        let key = Key::new(&AES_128_GCM, &[0xab; 16], &[0xcd; 12]).unwrap();
        let caught = Caught::default();
        caught.log(CLIENT, &[], &[0xab; 32]);
        let shown = format!("{key:?} {caught:?}");
        assert_eq!(shown, "Key(…) Caught(…)");
    }

    #[test]
    fn secrets_are_caught_in_pairs_and_handed_out_once() {
        let caught = Caught::default();
        assert!(caught.take().is_none());
        caught.log(CLIENT, &[], &[1; 32]);
        assert!(caught.take().is_none());
        for label in [CLIENT, SERVER, "EXPORTER_SECRET"] {
            caught.log(label, &[], &[1; 48]);
        }
        assert!(!caught.will_log("EXPORTER_SECRET") && !caught.will_log("CLIENT_RANDOM"));
        assert!(caught.take().is_some() && caught.take().is_none());
    }
}
