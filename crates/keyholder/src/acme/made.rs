//! Keys that are made here: their requests for a certificate (PKCS#10), a certificate of their own, and PEM.

use std::sync::Arc;

use base64ct::{Base64, Encoding};
use rcgen::{CertificateParams, DistinguishedName, DnType, KeyPair, PKCS_ECDSA_P256_SHA256};
use rustls::crypto::aws_lc_rs::sign::any_supported_type;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};
use rustls::sign::SigningKey;
use zeroize::{Zeroize, Zeroizing};

/// Whom the certificate says it is from, while there is no better one.
const PLACEHOLDER: &str = "Wharf: no certificate was issued yet";

/// A key of ECDSA P-256, which every client knows, and its names.
pub(super) struct Made {
    pair: KeyPair,
    domains: Vec<String>,
}

impl Drop for Made {
    fn drop(&mut self) {
        self.pair.zeroize();
    }
}

impl Made {
    /// Makes a key.
    ///
    /// # Errors
    /// When the names are no host names, or there is no randomness.
    pub(super) fn new(domains: &[String]) -> Result<Self, String> {
        let pair = KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256).map_err(failed)?;
        Ok(Self { pair, domains: domains.to_vec() })
    }

    /// The request for a certificate, in DER.
    pub(super) fn request(&self, domains: &[String]) -> Result<Vec<u8>, String> {
        let mut wanted = CertificateParams::new(domains).map_err(failed)?;
        // The names stand in the extension; authorities decide about the rest.
        wanted.distinguished_name = DistinguishedName::new();
        Ok(wanted.serialize_request(&self.pair).map_err(failed)?.der().to_vec())
    }

    /// A certificate that nobody vouches for.
    pub(super) fn self_signed(&self) -> Result<CertificateDer<'static>, String> {
        let mut wanted = CertificateParams::new(self.domains.clone()).map_err(failed)?;
        wanted.distinguished_name = DistinguishedName::new();
        wanted.distinguished_name.push(DnType::CommonName, PLACEHOLDER);
        Ok(wanted.self_signed(&self.pair).map_err(failed)?.der().clone())
    }

    /// The key as the TLS library takes it.
    pub(super) fn signing(&self) -> Result<Arc<dyn SigningKey>, String> {
        let mut der = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(self.pair.serialize_der()));
        let key = any_supported_type(&der).map_err(failed);
        der.zeroize();
        key
    }

    /// Key and chain as one text, so that one rename puts both in place.
    pub(super) fn with_chain(&self, chain: &[CertificateDer<'_>]) -> Zeroizing<String> {
        let key = pem("PRIVATE KEY", self.pair.serialized_der());
        let chain: Vec<_> = chain.iter().map(|certificate| pem("CERTIFICATE", certificate)).collect();
        let length = key.len() + chain.iter().map(|text| text.len()).sum::<usize>();
        // Allocated whole, because growing would leave copies of the key behind.
        let mut text = Zeroizing::new(String::with_capacity(length));
        text.push_str(&key);
        chain.iter().for_each(|certificate| text.push_str(certificate));
        text
    }
}

/// Writes PEM (RFC 7468): lines of 64 characters.
pub(super) fn pem(label: &str, der: &[u8]) -> Zeroizing<String> {
    let encoded = Zeroizing::new(Base64::encode_string(der));
    let mut text =
        Zeroizing::new(String::with_capacity(encoded.len() + encoded.len() / 64 + 2 * label.len() + 40));
    text.push_str("-----BEGIN ");
    text.push_str(label);
    text.push_str("-----\n");
    for line in encoded.as_bytes().chunks(64) {
        text.push_str(std::str::from_utf8(line).unwrap_or_default());
        text.push('\n');
    }
    text.push_str("-----END ");
    text.push_str(label);
    text.push_str("-----\n");
    text
}

fn failed(error: impl std::fmt::Display) -> String {
    format!("a key or a request for a certificate cannot be made: {error}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use rustls::pki_types::pem::PemObject;

    #[test]
    fn pem_can_be_read_back_whatever_its_length() {
        for length in [0, 1, 47, 48, 49, 96, 1000] {
            let der: Vec<u8> = (0..length).map(|at| at as u8).collect();
            let text = pem("CERTIFICATE", &der);
            assert!(text.lines().all(|line| line.len() <= 64));
            assert_eq!(CertificateDer::from_pem_slice(text.as_bytes()).unwrap().as_ref(), der);
        }
    }

    #[test]
    fn a_name_that_is_none_is_an_error() {
        let made = Made::new(&["f\u{fc}r.example".to_owned()]).unwrap();
        assert!(made.request(&["f\u{fc}r.example".to_owned()]).is_err());
        assert!(made.self_signed().is_err());
    }
}
