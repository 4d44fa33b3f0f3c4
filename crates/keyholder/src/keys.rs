//! The keys in force, and those that were replaced a moment ago.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;
use std::time::{Duration, Instant};

use rustls::SignatureScheme;
use rustls::sign::SigningKey;
use wharf_ipc::keyholder::{KeyId, MAX_TO_SIGN, NotSigned};

use crate::shape::is_server_handshake;

/// How long a replaced key still signs: workers must have heard of the new one, and handshakes under way must end.
pub(crate) const GRACE: Duration = Duration::from_secs(120);

/// A set as it was loaded.
pub(crate) type Set = BTreeMap<KeyId, Arc<dyn SigningKey>>;

/// Every key that signs.
#[derive(Default)]
pub(crate) struct Keys {
    current: Set,
    /// With the time from which each signs no more.
    fading: Vec<(Instant, Set)>,
}

impl Keys {
    /// Puts a set in force; the one before goes on for [`GRACE`].
    pub(crate) fn replace(&mut self, set: Set, now: Instant) {
        let old = std::mem::replace(&mut self.current, set);
        if !old.is_empty() {
            self.fading.push((now + GRACE, old));
        }
    }

    /// Forgets what has had its time. The library wipes a key's memory when it gives it back.
    pub(crate) fn fade(&mut self, now: Instant) {
        self.fading.retain(|(end, _)| *end > now);
    }

    /// Tells how long it is until something has to be forgotten.
    pub(crate) fn next_fade(&self, now: Instant) -> Option<Duration> {
        self.fading.iter().map(|(end, _)| end.saturating_duration_since(now)).min()
    }

    /// Signs a server's part of a handshake.
    pub(crate) fn sign(&self, key: KeyId, scheme: u16, message: &[u8]) -> Result<Vec<u8>, NotSigned> {
        let sets = std::iter::once(&self.current).chain(self.fading.iter().map(|(_, set)| set));
        let key = sets.filter_map(|set| set.get(&key)).next().ok_or(NotSigned::UnknownKey)?;
        let signer = key.choose_scheme(&[SignatureScheme::from(scheme)]).ok_or(NotSigned::WrongScheme)?;
        if message.len() > MAX_TO_SIGN || !is_server_handshake(message) {
            return Err(NotSigned::NotAHandshake);
        }
        signer.sign(message).map_err(|_| NotSigned::Failed)
    }
}

/// Shows numbers only.
impl fmt::Debug for Keys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Keys")
            .field("current", &self.current.keys())
            .field("fading", &self.fading.len())
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rustls::crypto::aws_lc_rs::sign::any_supported_type;
    use rustls::pki_types::PrivateKeyDer;

    const ECDSA_P256: u16 = 0x0403;
    const RSA_PSS: u16 = 0x0804;

    fn set(number: u32) -> (KeyId, Set) {
        let pair = rcgen::KeyPair::generate().unwrap();
        let der = PrivateKeyDer::try_from(pair.serialize_der()).unwrap();
        let id = KeyId::new(number, 0);
        (id, Set::from([(id, any_supported_type(&der).unwrap())]))
    }

    fn handshake() -> Vec<u8> {
        [&[b' '; 64][..], b"TLS 1.3, server CertificateVerify\0", &[1; 32]].concat()
    }

    #[test]
    fn a_replaced_key_signs_until_its_grace_is_over() {
        let mut keys = Keys::default();
        let now = Instant::now();
        let ((old, first), (new, second)) = (set(1), set(2));
        keys.replace(first, now);
        assert_eq!(keys.next_fade(now), None);
        keys.replace(second, now);
        keys.fade(now + GRACE - Duration::from_millis(1));
        assert!(keys.sign(old, ECDSA_P256, &handshake()).is_ok());
        assert_eq!(keys.next_fade(now), Some(GRACE));
        keys.fade(now + GRACE);
        assert_eq!(keys.sign(old, ECDSA_P256, &handshake()), Err(NotSigned::UnknownKey));
        assert!(keys.sign(new, ECDSA_P256, &handshake()).is_ok());
    }

    #[test]
    fn a_key_signs_its_own_schemes_and_handshakes_only() {
        let mut keys = Keys::default();
        let (id, set) = set(1);
        keys.replace(set, Instant::now());
        assert_eq!(keys.sign(id, RSA_PSS, &handshake()), Err(NotSigned::WrongScheme));
        assert_eq!(keys.sign(id, 0, &handshake()), Err(NotSigned::WrongScheme));
        assert_eq!(keys.sign(id, ECDSA_P256, b"a token"), Err(NotSigned::NotAHandshake));
        assert_eq!(keys.sign(KeyId::new(1, 1), ECDSA_P256, &handshake()), Err(NotSigned::UnknownKey));
    }
}
