//! What a client signed in its handshake, so that another process can judge it again.
//!
//! The process that speaks TLS with strangers is the one that sees a client prove that it has its certificate's key
//! (CertificateVerify: RFC 8446 §4.4.3, RFC 5246 §7.4.8). What it saw can be passed on: the certificates, the octets that
//! were signed, and the signature. Nobody can make one without the client's key. That the octets belong to a handshake of
//! this server and of this moment cannot be seen in them.

use std::sync::{Arc, Mutex, PoisonError};

use rustls::client::danger::HandshakeSignatureValid;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, CertificateRevocationListDer, UnixTime};
use rustls::server::danger::{ClientCertVerified, ClientCertVerifier};
use rustls::{DigitallySignedStruct, DistinguishedName, Error, SignatureScheme};

use x509_parser::prelude::FromDer;
use x509_parser::revocation_list::CertificateRevocationList;

use crate::client_certificate;
use crate::fault::{Cause, Fault};
use crate::holder::one_line;
use crate::settings::{Authorities, ClientCertificate};

/// RFC 8446 §4.4.3: 64 spaces, the context, a zero, and the hash of the handshake.
const TLS13_CONTEXT: &[u8] = b"TLS 1.3, client CertificateVerify\0";

/// The first octet of a ClientHello, with which everything begins that a client of TLS 1.2 signs.
const CLIENT_HELLO: u8 = 1;

/// A client's proof that it has the key of its certificate.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Proof {
    /// The chain in DER, the client's own first.
    pub chain: Vec<Vec<u8>>,
    /// Whether the handshake was one of TLS 1.3.
    pub is_tls13: bool,
    /// How it was signed (RFC 8446 §4.2.3).
    pub scheme: u16,
    /// What was signed, before hashing.
    pub message: Vec<u8>,
    /// The signature.
    pub signature: Vec<u8>,
}

impl Authorities {
    /// Tells whether these certificates and lists can be used.
    ///
    /// # Errors
    /// What is wrong with the file, with its name.
    pub fn check(&self) -> Result<(), Fault> {
        self.judge().map(drop)
    }

    /// Says which revocation list is past its date: it refuses everybody whom its issuer vouches for.
    #[must_use]
    pub fn stale(&self) -> Option<String> {
        let revoked = self.revoked.as_ref()?;
        let now = i64::try_from(UnixTime::now().as_secs()).ok()?;
        let lists = CertificateRevocationListDer::pem_slice_iter(&revoked.lists);
        lists.flatten().find_map(|list| {
            let (_, list) = CertificateRevocationList::from_der(&list).ok()?;
            let until = list.next_update().filter(|until| until.timestamp() < now)?;
            let issuer = one_line(list.issuer());
            Some(format!("{}: the list of {issuer} is past its date ({until})", revoked.file))
        })
    }

    /// Judges a proof as a handshake does: the chain, its dates, the revocation lists, and the signature.
    ///
    /// # Errors
    /// Why the certificate is not accepted, or that the signature is no proof.
    pub fn verify(&self, proof: &Proof) -> Result<(), Fault> {
        let judge = self.judge()?;
        let chain: Vec<_> = proof.chain.iter().cloned().map(CertificateDer::from).collect();
        let no = |words: &str| Fault::new(Cause::ClientCertificate, words);
        let Some((own, others)) = chain.split_first() else { return Err(no("there is no certificate")) };
        judge.verify_client_cert(own, others, UnixTime::now())?;
        if !is_clients_part(proof) {
            return Err(no("what was signed is no client's part of a handshake"));
        }
        if is_signed(proof, own) { Ok(()) } else { Err(no("the signature is not the certificate's")) }
    }

    fn judge(&self) -> Result<Arc<dyn ClientCertVerifier>, Fault> {
        let wanted = ClientCertificate::Required { issued_by: Some(self.clone()) };
        client_certificate::verifier(&wanted, &Arc::new(rustls::crypto::aws_lc_rs::default_provider()))
    }
}

/// Security: a key that signs other things, too, must not have vouched for a login with one of those.
fn is_clients_part(proof: &Proof) -> bool {
    if !proof.is_tls13 {
        return proof.message.first() == Some(&CLIENT_HELLO);
    }
    let Some((spaces, rest)) = proof.message.split_at_checked(64) else { return false };
    let hash = rest.strip_prefix(TLS13_CONTEXT);
    spaces.iter().all(|&octet| octet == b' ') && hash.is_some_and(|hash| matches!(hash.len(), 32 | 48))
}

fn is_signed(proof: &Proof, own: &CertificateDer<'_>) -> bool {
    let Ok(certificate) = webpki::EndEntityCert::try_from(own) else { return false };
    let algorithms = rustls::crypto::aws_lc_rs::default_provider().signature_verification_algorithms;
    let scheme = SignatureScheme::from(proof.scheme);
    let known = algorithms.mapping.iter().find(|(known, _)| *known == scheme);
    // TLS 1.3 binds a scheme to one curve; in TLS 1.2 it names the hash, and any curve will do.
    let most = if proof.is_tls13 { 1 } else { usize::MAX };
    known.is_some_and(|(_, algorithms)| {
        algorithms.iter().take(most).any(|algorithm| {
            certificate.verify_signature(*algorithm, &proof.message, &proof.signature).is_ok()
        })
    })
}

/// A judge that remembers what the client of one connection proved.
#[derive(Debug)]
pub(crate) struct Witness {
    judge: Arc<dyn ClientCertVerifier>,
    seen: Mutex<Option<Proof>>,
}

impl Witness {
    pub(crate) fn new(judge: Arc<dyn ClientCertVerifier>) -> Self {
        Self { judge, seen: Mutex::default() }
    }

    /// What was proved; `None` as long as nothing was.
    pub(crate) fn proof(&self) -> Option<Proof> {
        let seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        seen.clone().filter(|proof| !proof.signature.is_empty())
    }

    fn signed(&self, is_tls13: bool, message: &[u8], by: &DigitallySignedStruct) {
        if let Some(proof) = &mut *self.seen.lock().unwrap_or_else(PoisonError::into_inner) {
            proof.is_tls13 = is_tls13;
            proof.scheme = by.scheme.into();
            proof.message = message.to_vec();
            proof.signature = by.signature().to_vec();
        }
    }
}

impl ClientCertVerifier for Witness {
    fn offer_client_auth(&self) -> bool {
        self.judge.offer_client_auth()
    }

    fn client_auth_mandatory(&self) -> bool {
        self.judge.client_auth_mandatory()
    }

    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        self.judge.root_hint_subjects()
    }

    fn verify_client_cert(
        &self,
        own: &CertificateDer<'_>,
        others: &[CertificateDer<'_>],
        now: UnixTime,
    ) -> Result<ClientCertVerified, Error> {
        let verified = self.judge.verify_client_cert(own, others, now)?;
        let chain = std::iter::once(own).chain(others).map(|one| one.to_vec()).collect();
        let empty = Proof { chain, is_tls13: false, scheme: 0, message: Vec::new(), signature: Vec::new() };
        *self.seen.lock().unwrap_or_else(PoisonError::into_inner) = Some(empty);
        Ok(verified)
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let valid = self.judge.verify_tls12_signature(message, certificate, signed)?;
        self.signed(false, message, signed);
        Ok(valid)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let valid = self.judge.verify_tls13_signature(message, certificate, signed)?;
        self.signed(true, message, signed);
        Ok(valid)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.judge.supported_verify_schemes()
    }
}
