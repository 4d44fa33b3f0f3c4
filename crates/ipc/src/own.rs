//! Keymaker → monitor: the certificate that a server has made for itself (`wharfd share`).

use serde::{Deserialize, Serialize};

/// A certificate that vouches for itself, and is kept.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Own {
    /// The file of the certificate.
    pub certificate: String,
    /// The file of its key.
    pub key: String,
    /// SHA-256 of the certificate, as people compare it: `AB:CD:…`.
    pub fingerprint: String,
}

/// The one answer: the certificate, or why there is none.
pub type Answer = Result<Own, String>;
