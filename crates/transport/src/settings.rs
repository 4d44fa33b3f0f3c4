//! What an administrator decides about TLS, as plain values.

use crate::suites::Suites;

/// A version of TLS that is spoken here; 1.0 and 1.1 are not (RFC 8996).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Version {
    /// RFC 5246.
    Tls12,
    /// RFC 8446.
    Tls13,
}

/// Everything about TLS but the certificates.
#[derive(Debug, Clone)]
pub struct Settings {
    /// The oldest version allowed.
    pub oldest: Version,
    /// The newest version allowed.
    pub newest: Version,
    /// The suites of TLS 1.2 (`ssl_ciphers`).
    pub suites: Suites,
    /// What is asked of clients.
    pub client_certificate: ClientCertificate,
    /// The only name that clients may ask for (`ssl_sni_hostname`); one that asks for none is refused as well.
    pub only_name: Option<String>,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            oldest: Version::Tls12,
            newest: Version::Tls13,
            suites: Suites::all(),
            client_certificate: ClientCertificate::NotAsked,
            only_name: None,
        }
    }
}

/// What is asked of clients (`ssl_request_cert`, `require_cert`, `validate_cert`).
#[derive(Debug, Clone, Default)]
pub enum ClientCertificate {
    /// No certificate.
    #[default]
    NotAsked,
    /// A certificate, if the client has one.
    Asked {
        /// Who may have issued it; `None` accepts every certificate whose key the client has.
        issued_by: Option<Authorities>,
    },
    /// A certificate; without one the handshake fails.
    Required {
        /// Who may have issued it; `None` accepts every certificate whose key the client has.
        issued_by: Option<Authorities>,
    },
}

/// Whose certificates are believed (`ca_certs_file`), as the monitor read them.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Authorities {
    /// The file's name, for messages.
    pub file: String,
    /// Its certificates in PEM.
    pub certificates: Vec<u8>,
    /// Whose certificates are believed no more (`ca_crl_file`).
    pub revoked: Option<Revoked>,
}

/// Revocation lists (RFC 5280 §5). With them, a certificate whose issuer has none is refused, and so is every certificate
/// once its issuer's list is past its date.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Revoked {
    /// The file's name, for messages.
    pub file: String,
    /// The lists in PEM.
    pub lists: Vec<u8>,
}
