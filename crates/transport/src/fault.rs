//! What goes wrong in TLS, in words for the log. The peer hears its alert and nothing else.

use std::fmt;

use rustls::{AlertDescription, CertificateError, Error, InvalidMessage, PeerIncompatible};

/// Why a connection, or a configuration, cannot be used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    /// What the caller may act on.
    pub cause: Cause,
    words: String,
}

/// The kinds of faults.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cause {
    /// What came is not TLS at all: a client that speaks in clear, or a scanner.
    NotTls,
    /// No version or suite in common.
    NothingInCommon,
    /// The client speaks nothing newer than TLS 1.1 (RFC 8996).
    OldVersion,
    /// The client speaks another protocol inside TLS (RFC 7301): an attack across protocols, or a browser.
    OtherProtocol,
    /// The client wants another server (`ssl_sni_hostname`).
    OtherName,
    /// The client's certificate is missing, or was not accepted.
    ClientCertificate,
    /// The peer ended the handshake or the connection with an alert.
    PeerSaidNo,
    /// No signature was to be had from the keyholder.
    NoSignature,
    /// The connection ended without close_notify.
    Truncated,
    /// The peer broke the rules of TLS.
    Broken,
    /// The administrator's settings cannot be used.
    Settings,
}

impl Fault {
    pub(crate) fn new(cause: Cause, words: impl Into<String>) -> Self {
        Self { cause, words: words.into() }
    }

    pub(crate) fn settings(words: impl Into<String>) -> Self {
        Self::new(Cause::Settings, words)
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.words)
    }
}

impl std::error::Error for Fault {}

impl From<Error> for Fault {
    fn from(error: Error) -> Self {
        let (cause, words) = match &error {
            Error::InvalidMessage(InvalidMessage::InvalidContentType) => {
                (Cause::NotTls, "what the client sent is not TLS".to_owned())
            }
            Error::AlertReceived(alert) => (Cause::PeerSaidNo, alert_words(*alert)),
            Error::PeerIncompatible(what) => (Cause::NothingInCommon, incompatible(what)),
            Error::NoApplicationProtocol => {
                (Cause::OtherProtocol, "the client wants to speak another protocol than FTP".to_owned())
            }
            Error::NoCertificatesPresented => {
                (Cause::ClientCertificate, "the client sent no certificate".to_owned())
            }
            Error::InvalidCertificate(why) => {
                let words = certificate_words(why);
                (Cause::ClientCertificate, format!("the client's certificate was not accepted: {words}"))
            }
            Error::General(words) => (general(words), words.clone()),
            other => (Cause::Broken, other.to_string()),
        };
        Self { cause, words }
    }
}

/// The library passes our own errors through as text.
fn general(words: &str) -> Cause {
    if words.starts_with(crate::sign::NO_SIGNATURE) { Cause::NoSignature } else { Cause::Broken }
}

/// What is wrong with a certificate.
pub(crate) fn certificate_words(why: &CertificateError) -> String {
    match why {
        CertificateError::BadEncoding => "it is damaged".to_owned(),
        CertificateError::Expired | CertificateError::ExpiredContext { .. } => "it has expired".to_owned(),
        CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => {
            "it is not valid yet".to_owned()
        }
        CertificateError::Revoked => "it was revoked".to_owned(),
        CertificateError::UnknownIssuer => "nobody who is believed has issued it (ca_certs_file)".to_owned(),
        CertificateError::UnknownRevocationStatus => {
            "there is no revocation list of its issuer (ca_crl_file)".to_owned()
        }
        CertificateError::ExpiredRevocationList | CertificateError::ExpiredRevocationListContext { .. } => {
            "the revocation list of its issuer is past its date (ca_crl_file)".to_owned()
        }
        CertificateError::InvalidPurpose | CertificateError::InvalidPurposeContext { .. } => {
            "it is not for clients".to_owned()
        }
        other => other.to_string(),
    }
}

fn alert_words(alert: AlertDescription) -> String {
    let meaning = match alert {
        AlertDescription::UnknownCA => "it does not know who issued our certificate",
        AlertDescription::BadCertificate | AlertDescription::CertificateUnknown => {
            "it does not accept our certificate"
        }
        AlertDescription::CertificateExpired => "our certificate has expired",
        AlertDescription::UnsupportedCertificate => "it cannot use our kind of certificate",
        AlertDescription::ProtocolVersion => "it does not speak our versions of TLS",
        AlertDescription::HandshakeFailure => "it found nothing in common with us",
        AlertDescription::UserCanceled => "its user gave up",
        _ => "",
    };
    let name = alert.as_str().map_or_else(|| format!("alert {}", u8::from(alert)), str::to_owned);
    match meaning {
        "" => format!("the client ended the connection: {name}"),
        meaning => format!("the client ended the connection: {meaning} ({name})"),
    }
}

fn incompatible(what: &PeerIncompatible) -> String {
    match what {
        // Clients before TLS 1.2 do not say which signatures they can check.
        PeerIncompatible::Tls12NotOffered
        | PeerIncompatible::Tls12NotOfferedOrEnabled
        | PeerIncompatible::SupportedVersionsExtensionRequired
        | PeerIncompatible::SignatureAlgorithmsExtensionRequired => {
            "the client offered no version of TLS that is allowed here".to_owned()
        }
        // A client that knows only key exchange without Diffie and Hellman names no group either.
        PeerIncompatible::NoCipherSuitesInCommon
        | PeerIncompatible::NoKxGroupsInCommon
        | PeerIncompatible::NamedGroupsExtensionRequired => {
            "no cipher suite in common with the client (see ssl_ciphers, and the kind of certificate)"
                .to_owned()
        }
        PeerIncompatible::NoSignatureSchemesInCommon => {
            "the client cannot check the signatures of our certificate's key".to_owned()
        }
        other => format!("the client cannot speak with us: {other:?}"),
    }
}
