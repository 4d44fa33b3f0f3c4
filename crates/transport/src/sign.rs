//! A key that is not here: whatever must be signed is given away, and the signature comes back.

use std::fmt;
use std::io;
use std::sync::Arc;

use rustls::sign::{Signer, SigningKey};
use rustls::{Error, SignatureAlgorithm, SignatureScheme};

/// How the text of our own error begins on its way through the library.
pub(crate) const NO_SIGNATURE: &str = "no signature from the keyholder";

/// The number of a key, as the keyholder gave it out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct KeyId(pub u64);

/// Who signs. Every function of that form does.
pub trait Sign: Send + Sync {
    /// Has a message signed in a TLS signature scheme (RFC 8446 §4.2.3), and waits for it.
    ///
    /// # Errors
    /// When there is no signature in time; the handshake fails, the server goes on.
    fn sign(&self, key: KeyId, scheme: u16, message: &[u8]) -> io::Result<Vec<u8>>;
}

impl<F> Sign for F
where
    F: Fn(KeyId, u16, &[u8]) -> io::Result<Vec<u8>> + Send + Sync,
{
    fn sign(&self, key: KeyId, scheme: u16, message: &[u8]) -> io::Result<Vec<u8>> {
        self(key, scheme, message)
    }
}

/// The public side of a key elsewhere.
#[derive(Clone)]
pub(crate) struct DistantKey {
    id: KeyId,
    schemes: Vec<SignatureScheme>,
    algorithm: SignatureAlgorithm,
    signs: Arc<dyn Sign>,
}

impl DistantKey {
    /// `None` when there is no scheme that we know.
    pub(crate) fn new(id: KeyId, schemes: &[u16], signs: Arc<dyn Sign>) -> Option<Self> {
        let schemes: Vec<_> = schemes.iter().copied().map(SignatureScheme::from).collect();
        let algorithm = schemes.iter().copied().find_map(algorithm)?;
        Some(Self { id, schemes, algorithm, signs })
    }
}

/// Tells which kind of key signs in a scheme; `None` for schemes of old versions.
pub(crate) fn algorithm(scheme: SignatureScheme) -> Option<SignatureAlgorithm> {
    use SignatureScheme as S;
    match scheme {
        S::ED25519 => Some(SignatureAlgorithm::ED25519),
        S::ECDSA_NISTP256_SHA256 | S::ECDSA_NISTP384_SHA384 | S::ECDSA_NISTP521_SHA512 => {
            Some(SignatureAlgorithm::ECDSA)
        }
        S::RSA_PKCS1_SHA256
        | S::RSA_PKCS1_SHA384
        | S::RSA_PKCS1_SHA512
        | S::RSA_PSS_SHA256
        | S::RSA_PSS_SHA384
        | S::RSA_PSS_SHA512 => Some(SignatureAlgorithm::RSA),
        _ => None,
    }
}

impl SigningKey for DistantKey {
    fn choose_scheme(&self, offered: &[SignatureScheme]) -> Option<Box<dyn Signer>> {
        let scheme = self.schemes.iter().copied().find(|scheme| offered.contains(scheme))?;
        Some(Box::new(DistantSigner { key: self.id, scheme, signs: Arc::clone(&self.signs) }))
    }

    fn algorithm(&self) -> SignatureAlgorithm {
        self.algorithm
    }
}

impl fmt::Debug for DistantKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DistantKey").field("id", &self.id).finish_non_exhaustive()
    }
}

struct DistantSigner {
    key: KeyId,
    scheme: SignatureScheme,
    signs: Arc<dyn Sign>,
}

impl Signer for DistantSigner {
    fn sign(&self, message: &[u8]) -> Result<Vec<u8>, Error> {
        self.signs
            .sign(self.key, self.scheme.into(), message)
            .map_err(|error| Error::General(format!("{NO_SIGNATURE}: {error}")))
    }

    fn scheme(&self) -> SignatureScheme {
        self.scheme
    }
}

impl fmt::Debug for DistantSigner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DistantSigner").field("key", &self.key).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(schemes: &[u16]) -> Option<DistantKey> {
        let signs = |_: KeyId, scheme: u16, message: &[u8]| {
            if message.is_empty() {
                Err(io::Error::other("asleep"))
            } else {
                Ok(scheme.to_be_bytes().to_vec())
            }
        };
        DistantKey::new(KeyId(1), schemes, Arc::new(signs))
    }

    #[test]
    fn the_keyholders_best_scheme_that_the_client_knows_is_asked_for() {
        let key = key(&[0x0804, 0x0401]).unwrap();
        assert_eq!(key.algorithm(), SignatureAlgorithm::RSA);
        let offered = [SignatureScheme::RSA_PKCS1_SHA256, SignatureScheme::RSA_PSS_SHA256];
        let signer = key.choose_scheme(&offered).unwrap();
        assert_eq!(signer.sign(b"x").unwrap(), [8, 4]);
        assert!(key.choose_scheme(&[SignatureScheme::ED25519]).is_none());
    }

    #[test]
    fn a_key_that_does_nothing_we_know_is_none() {
        assert!(key(&[]).is_none() && key(&[0x0201]).is_none());
    }

    #[test]
    fn a_keyholder_that_fails_is_named_in_the_fault() {
        let signer = key(&[0x0807]).unwrap().choose_scheme(&[SignatureScheme::ED25519]).unwrap();
        let fault = crate::Fault::from(signer.sign(b"").unwrap_err());
        assert_eq!(fault.cause, crate::Cause::NoSignature);
        assert!(fault.to_string().ends_with("asleep"), "{fault}");
    }
}
