//! TLS-ALPN-01 (RFC 8737): a certificate of a special kind, shown to who asks for `acme-tls/1`.
//!
//! Its key is made for one proof and forgotten with it; it is not the key of the certificate that is ordered.

use std::net::TcpStream;
use std::sync::Arc;

use aws_lc_rs::digest;
use rcgen::{CertificateParams, CustomExtension, KeyPair};
use rustls::crypto::aws_lc_rs as provider;
use rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;
use rustls::{ServerConfig, ServerConnection};

use super::{Step, after, until_hung_up};

/// The protocol's name (RFC 8737 §4).
const PROTOCOL: &[u8] = b"acme-tls/1";

/// The certificate that proves a name.
#[derive(Debug)]
pub(super) struct Proof {
    config: Arc<ServerConfig>,
}

/// Shows the certificate to who asks for the name by the protocol; to others none.
#[derive(Debug)]
struct Shown {
    name: String,
    certificate: Arc<CertifiedKey>,
}

impl ResolvesServerCert for Shown {
    fn resolve(&self, hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        let asks = hello.alpn().is_some_and(|mut names| names.any(|name| name == PROTOCOL));
        let is_named = hello.server_name().is_some_and(|name| name.eq_ignore_ascii_case(&self.name));
        (asks && is_named).then(|| Arc::clone(&self.certificate))
    }
}

impl Proof {
    pub(super) fn new(name: &str, authorization: &str) -> Result<Self, String> {
        let failed = |error: &dyn std::fmt::Display| format!("the proof of {name} cannot be made: {error}");
        let key = KeyPair::generate().map_err(|error| failed(&error))?;
        let mut wanted = CertificateParams::new(vec![name.to_owned()]).map_err(|error| failed(&error))?;
        let digest = digest::digest(&digest::SHA256, authorization.as_bytes());
        wanted.custom_extensions = vec![CustomExtension::new_acme_identifier(digest.as_ref())];
        let certificate = wanted.self_signed(&key).map_err(|error| failed(&error))?;
        let der = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(key.serialize_der()));
        let signing = provider::sign::any_supported_type(&der).map_err(|error| failed(&error))?;
        let shown = Shown {
            name: name.to_owned(),
            certificate: Arc::new(CertifiedKey::new(vec![certificate.der().clone()], signing)),
        };
        let mut config = ServerConfig::builder_with_provider(Arc::new(provider::default_provider()))
            .with_safe_default_protocol_versions()
            .map_err(|error| failed(&error))?
            .with_no_client_auth()
            .with_cert_resolver(Arc::new(shown));
        config.alpn_protocols = vec![PROTOCOL.to_vec()];
        config.send_tls13_tickets = 0;
        Ok(Self { config: Arc::new(config) })
    }
}

/// A handshake with one caller; nothing is said after it.
#[derive(Debug)]
pub(super) struct Secure {
    tls: ServerConnection,
    has_said_goodbye: bool,
}

impl Secure {
    pub(super) fn new(proof: &Proof) -> Result<Self, rustls::Error> {
        Ok(Self { tls: ServerConnection::new(Arc::clone(&proof.config))?, has_said_goodbye: false })
    }

    pub(super) fn is_writing(&self) -> bool {
        self.tls.wants_write()
    }

    pub(super) fn go_on(&mut self, socket: &mut TcpStream) -> Step {
        if self.has_said_goodbye && !self.tls.wants_write() {
            return until_hung_up(socket);
        }
        if !self.tls.wants_write() {
            match self.tls.read_tls(socket) {
                Ok(0) => return Step::Leave,
                Ok(_) => {}
                Err(error) => return after(&error, Step::Read),
            }
            if self.tls.process_new_packets().is_err() {
                // The alert tells the caller why.
                let _ = self.tls.write_tls(socket);
                return Step::Leave;
            }
        }
        if !self.tls.is_handshaking() && !self.has_said_goodbye {
            self.tls.send_close_notify();
            self.has_said_goodbye = true;
        }
        while self.tls.wants_write() {
            if let Err(error) = self.tls.write_tls(socket) {
                return after(&error, Step::Write);
            }
        }
        Step::Read
    }
}
