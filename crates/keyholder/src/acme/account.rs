//! The key of the account at the authority: read from its file or made, and what it signs (RFC 8555 §6.2).
//!
//! ES256 only: every authority knows it. The key signs what `request.rs` wrote and nothing else.

use std::io::Write;

use aws_lc_rs::digest;
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair};
use base64ct::{Base64UrlUnpadded, Encoding};
use rustls::pki_types::PrivateKeyDer;
use rustls::pki_types::pem::{self, PemObject};
use zeroize::Zeroize;

use super::made::pem as to_pem;
use crate::load::{Named, octets};

/// An uncompressed point: one octet, and 32 for each coordinate.
const COORDINATE: usize = 32;

/// The account's key.
pub(super) struct Account {
    key: EcdsaKeyPair,
    /// The public key as the protocol writes it (RFC 7517), members in the order of the thumbprint.
    jwk: String,
}

impl Account {
    /// Reads the key; in an empty file a new one is written.
    ///
    /// # Errors
    /// What is wrong with the file, for the administrator.
    pub(super) fn open(file: &Named) -> Result<Self, String> {
        let text = octets(file).map_err(|refused| refused.reason)?;
        if text.is_empty() {
            return Self::make(file);
        }
        let mut der = PrivateKeyDer::from_pem_slice(&text).map_err(|error| match error {
            pem::Error::NoItemsFound => "there is no private key in this file".to_owned(),
            other => format!("the file is damaged: {other}"),
        })?;
        let key = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, der.secret_der());
        der.zeroize();
        key.map_err(|_| {
            "the account's key must be ECDSA P-256 in PKCS#8 form; remove the file to get a new account"
                .to_owned()
        })
        .and_then(Self::of)
    }

    fn make(file: &Named) -> Result<Self, String> {
        let failed = |_| "a key for the account cannot be made".to_owned();
        let algorithm = &ECDSA_P256_SHA256_FIXED_SIGNING;
        let der = EcdsaKeyPair::generate_pkcs8(algorithm, &SystemRandom::new()).map_err(failed)?;
        let key = EcdsaKeyPair::from_pkcs8(algorithm, der.as_ref())
            .map_err(|_| "a key for the account cannot be made".to_owned())?;
        let text = to_pem("PRIVATE KEY", der.as_ref());
        (&file.file)
            .write_all(text.as_bytes())
            .map_err(|error| format!("the file cannot be written: {error}"))?;
        Self::of(key)
    }

    fn of(key: EcdsaKeyPair) -> Result<Self, String> {
        let point = key.public_key().as_ref();
        let coordinates = point.get(1..).and_then(|both| both.split_at_checked(COORDINATE));
        let (x, y) = coordinates.ok_or("the account's public key has a strange form")?;
        let (x, y) = (Base64UrlUnpadded::encode_string(x), Base64UrlUnpadded::encode_string(y));
        Ok(Self { jwk: format!(r#"{{"crv":"P-256","kty":"EC","x":"{x}","y":"{y}"}}"#), key })
    }

    /// The public key, as a request without an account carries it.
    pub(super) fn jwk(&self) -> &str {
        &self.jwk
    }

    /// The thumbprint of the public key (RFC 7638).
    pub(super) fn thumbprint(&self) -> String {
        Base64UrlUnpadded::encode_string(digest::digest(&digest::SHA256, self.jwk.as_bytes()).as_ref())
    }

    /// A request, signed: JWS in the flattened form (RFC 7515 §7.2.2). `None` when signing failed.
    pub(super) fn sign(&self, protected: &str, payload: &str) -> Option<String> {
        let protected = Base64UrlUnpadded::encode_string(protected.as_bytes());
        let payload = Base64UrlUnpadded::encode_string(payload.as_bytes());
        let signed = format!("{protected}.{payload}");
        let signature = self.key.sign(&SystemRandom::new(), signed.as_bytes()).ok()?;
        let signature = Base64UrlUnpadded::encode_string(signature.as_ref());
        Some(format!(r#"{{"protected":"{protected}","payload":"{payload}","signature":"{signature}"}}"#))
    }
}

#[cfg(test)]
mod tests {
    use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED, UnparsedPublicKey};

    use super::*;

    fn named() -> Named {
        Named { name: "account.key".into(), file: tempfile::tempfile().unwrap() }
    }

    #[test]
    fn a_key_is_made_once_and_found_again() {
        let file = named();
        let first = Account::open(&file).unwrap().thumbprint();
        assert_eq!(Account::open(&file).unwrap().thumbprint(), first);
        assert_ne!(Account::open(&named()).unwrap().thumbprint(), first);
        assert_eq!(first.len(), 43);
    }

    #[test]
    fn a_file_that_holds_something_else_is_no_account() {
        for (text, why) in [
            ("hello", "no private key"),
            ("-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n", "must be ECDSA P-256"),
        ] {
            let file = named();
            (&file.file).write_all(text.as_bytes()).unwrap();
            assert!(Account::open(&file).err().unwrap().contains(why), "{text}");
        }
    }

    #[test]
    fn a_signature_holds_for_what_was_signed() {
        let account = Account::open(&named()).unwrap();
        let body = account.sign("protected", "payload").unwrap();
        let member = |name: &str| {
            let from = body.find(&format!("\"{name}\":\"")).unwrap() + name.len() + 4;
            body[from..].split('"').next().unwrap().to_owned()
        };
        let decoded = |name| Base64UrlUnpadded::decode_vec(&member(name)).unwrap();
        assert_eq!((decoded("protected"), decoded("payload")), (b"protected".to_vec(), b"payload".to_vec()));
        let signed = format!("{}.{}", member("protected"), member("payload"));
        let key = UnparsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, account.key.public_key().as_ref());
        assert!(key.verify(signed.as_bytes(), &decoded("signature")).is_ok());
        assert!(key.verify(b"else", &decoded("signature")).is_err());
    }
}
