//! What is asked of clients, as the library wants it.

use std::sync::Arc;

use rustls::client::danger::HandshakeSignatureValid;
use rustls::crypto::{CryptoProvider, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, CertificateRevocationListDer, UnixTime};
use rustls::server::WebPkiClientVerifier;
use rustls::server::danger::{ClientCertVerified, ClientCertVerifier};
use rustls::{DigitallySignedStruct, DistinguishedName, Error, RootCertStore, SignatureScheme};

use crate::fault::{Fault, certificate_words};
use crate::settings::{Authorities, ClientCertificate, Revoked};

/// Builds the judge of clients' certificates.
pub(crate) fn verifier(
    wanted: &ClientCertificate,
    provider: &Arc<CryptoProvider>,
) -> Result<Arc<dyn ClientCertVerifier>, Fault> {
    let (authorities, mandatory) = match wanted {
        ClientCertificate::NotAsked => return Ok(WebPkiClientVerifier::no_client_auth()),
        ClientCertificate::Asked { issued_by } => (issued_by, false),
        ClientCertificate::Required { issued_by } => (issued_by, true),
    };
    match authorities {
        Some(authorities) => chain_verifier(authorities, mandatory, provider),
        None => Ok(Arc::new(AnyCertificate { mandatory, provider: Arc::clone(provider) })),
    }
}

fn chain_verifier(
    authorities: &Authorities,
    mandatory: bool,
    provider: &Arc<CryptoProvider>,
) -> Result<Arc<dyn ClientCertVerifier>, Fault> {
    let file = &authorities.file;
    let wrong = |what: String| Fault::settings(format!("{file}: {what}"));
    let mut roots = RootCertStore::empty();
    for certificate in CertificateDer::pem_slice_iter(&authorities.certificates) {
        let certificate = certificate.map_err(|error| wrong(format!("the file is damaged: {error}")))?;
        roots.add(certificate).map_err(|error| {
            let words = match &error {
                Error::InvalidCertificate(why) => certificate_words(why),
                other => other.to_string(),
            };
            wrong(format!("a certificate cannot be used: {words}"))
        })?;
    }
    if roots.is_empty() {
        return Err(wrong(
            "there is no certificate in this file (a PEM file with BEGIN CERTIFICATE)".to_owned(),
        ));
    }
    let revoked = authorities.revoked.as_ref().map(lists).transpose()?;
    let mut builder = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), Arc::clone(provider));
    if let Some(revoked) = revoked {
        builder =
            builder.with_crls(revoked).only_check_end_entity_revocation().enforce_revocation_expiration();
    }
    if !mandatory {
        builder = builder.allow_unauthenticated();
    }
    builder.build().map_err(|error| wrong(error.to_string()))
}

/// Reads revocation lists; each is looked through once here, so that a handshake finds none that is damaged.
fn lists(revoked: &Revoked) -> Result<Vec<CertificateRevocationListDer<'static>>, Fault> {
    let wrong = |what: String| Fault::settings(format!("{}: {what}", revoked.file));
    let lists: Vec<_> = CertificateRevocationListDer::pem_slice_iter(&revoked.lists)
        .collect::<Result<_, _>>()
        .map_err(|error| wrong(format!("the file is damaged: {error}")))?;
    if lists.is_empty() {
        return Err(wrong(
            "there is no revocation list in this file (a PEM file with BEGIN X509 CRL)".to_owned(),
        ));
    }
    for list in &lists {
        webpki::BorrowedCertRevocationList::from_der(list)
            .map_err(|error| wrong(format!("a revocation list cannot be used: {error}")))?;
    }
    Ok(lists)
}

/// Believes every certificate whose key the client has: it is the same client as before, whoever that is.
#[derive(Debug)]
struct AnyCertificate {
    mandatory: bool,
    provider: Arc<CryptoProvider>,
}

impl ClientCertVerifier for AnyCertificate {
    fn client_auth_mandatory(&self) -> bool {
        self.mandatory
    }

    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        &[]
    }

    fn verify_client_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: UnixTime,
    ) -> Result<ClientCertVerified, Error> {
        Ok(ClientCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        verify_tls12_signature(message, certificate, signed, algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        verify_tls13_signature(message, certificate, signed, algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider.signature_verification_algorithms.supported_schemes()
    }
}
