//! TLS for the clients and for the reference: the library shakes hands, and what is moved in bulk is sealed and opened by hand.
//!
//! A load generator must not be the limit: by hand a record is opened where it was received and thrown away there, and
//! 16 records are sealed in place for each call (RFC 8446 §5.2). Certificates are not checked. Not for earnest use.

pub(crate) mod records;
mod shake;
pub(crate) mod wire;

use std::io;
use std::sync::Arc;

use rustls::client::Resumption;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::aws_lc_rs::{self, cipher_suite as suite, kx_group};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::version::{TLS12, TLS13};
use rustls::{
    CipherSuite, ClientConfig, ClientConnection, DigitallySignedStruct, HandshakeKind, ProtocolVersion,
    SignatureScheme,
};

pub(crate) use shake::{in_hand, within_the_library};

/// How the connections of a session are protected (RFC 4217).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Protection {
    Clear,
    /// TLS 1.3 with AES-256-GCM, which servers and clients agree on when both do as they like best.
    AesGcm,
    /// TLS 1.3 with ChaCha20-Poly1305, the only one offered.
    ChaCha20,
    /// TLS 1.2 with AES-GCM.
    Tls12,
}

impl Protection {
    /// Returns the end of the name of a row.
    pub(crate) fn words(self) -> &'static str {
        match self {
            Self::Clear => "",
            Self::AesGcm => " over FTPS",
            Self::ChaCha20 => " over FTPS, ChaCha20",
            Self::Tls12 => " over FTPS, TLS 1.2",
        }
    }
}

/// What clients offer.
#[derive(Debug, Clone)]
pub(crate) struct Terms(ClientConfig);

impl Terms {
    /// Returns what is offered for a kind of protection; nothing when there is none.
    ///
    /// # Errors
    /// When the library does not know the suites.
    pub(crate) fn of(protection: Protection) -> io::Result<Option<Self>> {
        let (suites, version) = match protection {
            Protection::Clear => return Ok(None),
            Protection::AesGcm => {
                (vec![suite::TLS13_AES_256_GCM_SHA384, suite::TLS13_AES_128_GCM_SHA256], &TLS13)
            }
            Protection::ChaCha20 => (vec![suite::TLS13_CHACHA20_POLY1305_SHA256], &TLS13),
            Protection::Tls12 => (
                vec![
                    suite::TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384,
                    suite::TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256,
                ],
                &TLS12,
            ),
        };
        let mut provider = aws_lc_rs::default_provider();
        provider.cipher_suites = suites;
        // As clients of today prefer them; a server that knows only the second asks again.
        provider.kx_groups = vec![kx_group::X25519, kx_group::SECP256R1];
        let config = ClientConfig::builder_with_provider(Arc::new(provider));
        let config = config.with_protocol_versions(&[version]).map_err(io::Error::other)?;
        let config = config.dangerous().with_custom_certificate_verifier(Arc::new(Anybody));
        let mut config = config.with_no_client_auth();
        config.enable_secret_extraction = true;
        Ok(Some(Self(config)))
    }

    /// Returns those of one session: it resumes what it began itself, and nothing else.
    pub(crate) fn session(&self) -> Arc<ClientConfig> {
        let mut config = self.0.clone();
        config.resumption = Resumption::in_memory_sessions(8);
        Arc::new(config)
    }
}

/// Begins a connection.
pub(crate) fn connection(config: &Arc<ClientConfig>) -> io::Result<ClientConnection> {
    let name = ServerName::try_from("localhost").map_err(io::Error::other)?;
    ClientConnection::new(Arc::clone(config), name).map_err(io::Error::other)
}

/// What a handshake came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Agreed {
    pub(crate) version: ProtocolVersion,
    pub(crate) suite: CipherSuite,
    pub(crate) is_resumed: bool,
}

impl Agreed {
    /// Returns what the library says after the handshake.
    fn of(state: &rustls::CommonState) -> io::Result<Self> {
        let suite = state.negotiated_cipher_suite().map(|suite| suite.suite());
        let (Some(version), Some(suite)) = (state.protocol_version(), suite) else {
            return Err(io::Error::other("the handshake has not ended"));
        };
        Ok(Self { version, suite, is_resumed: state.handshake_kind() == Some(HandshakeKind::Resumed) })
    }
}

/// Takes any certificate: a client that checks would be measured as well.
#[derive(Debug)]
struct Anybody;

impl ServerCertVerifier for Anybody {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn verify_tls13_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        vec![
            SignatureScheme::ECDSA_NISTP256_SHA256,
            SignatureScheme::ED25519,
            SignatureScheme::RSA_PSS_SHA256,
        ]
    }
}
