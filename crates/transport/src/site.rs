//! Certificates and settings as one thing that sessions are begun from.

use std::sync::Arc;

use rustls::crypto::CryptoProvider;
use rustls::server::danger::ClientCertVerifier;
use rustls::version::{TLS12, TLS13};
use rustls::{ServerConfig, SupportedProtocolVersion};

use crate::certificates::{Certificates, Chooser};
use crate::client_certificate::verifier;
use crate::fault::Fault;
use crate::proof::Witness;
use crate::server::ServerSide;
use crate::settings::{Settings, Version};
use crate::suites::Suites;

/// One configuration of TLS; a reload makes another, and running sessions keep theirs.
#[derive(Debug, Clone)]
pub struct Site {
    pub(crate) base: ServerConfig,
    pub(crate) only_name: Option<Box<str>>,
    /// Who judges clients' certificates, and how the rest was made, to be made again with another judge.
    judge: Arc<dyn ClientCertVerifier>,
    made_of: Arc<Making>,
}

#[derive(Debug)]
struct Making {
    provider: Arc<CryptoProvider>,
    versions: Vec<&'static SupportedProtocolVersion>,
    chooser: Arc<Chooser>,
}

impl Making {
    fn config(&self, judge: Arc<dyn ClientCertVerifier>) -> Result<ServerConfig, Fault> {
        Ok(ServerConfig::builder_with_provider(Arc::clone(&self.provider))
            .with_protocol_versions(&self.versions)?
            .with_client_cert_verifier(judge)
            .with_cert_resolver(Arc::clone(&self.chooser) as Arc<_>))
    }
}

impl Site {
    /// Checks settings and makes them ready.
    ///
    /// Without a suite for TLS 1.2, that version is not spoken.
    ///
    /// # Errors
    /// When no version is left, or the authorities' file cannot be used.
    pub fn new(certificates: Certificates, settings: &Settings) -> Result<Arc<Self>, Fault> {
        let versions = versions(settings)?;
        let suites = Suites::tls13().chain(settings.suites.tls12());
        let provider = Arc::new(CryptoProvider {
            // The library chooses a certificate by the suites, also those of a version that is off.
            cipher_suites: suites.filter(|suite| versions.contains(&suite.version())).collect(),
            ..rustls::crypto::aws_lc_rs::default_provider()
        });
        let judge = verifier(&settings.client_certificate, &provider)?;
        let making = Making { provider, versions, chooser: Arc::new(Chooser(certificates)) };
        let base = making.config(Arc::clone(&judge))?;
        let only_name = settings.only_name.as_deref().map(Box::from);
        Ok(Arc::new(Self { base, only_name, judge, made_of: Arc::new(making) }))
    }

    /// What one control connection is begun with when its client is asked for a certificate: somebody remembers what was
    /// proved. `None` when nobody is asked.
    pub(crate) fn witnessed(&self) -> Result<Option<(ServerConfig, Arc<Witness>)>, Fault> {
        if !self.judge.offer_client_auth() {
            return Ok(None);
        }
        let witness = Arc::new(Witness::new(Arc::clone(&self.judge)));
        let config = self.made_of.config(Arc::clone(&witness) as Arc<_>)?;
        Ok(Some((config, witness)))
    }

    /// Begins a control session.
    ///
    /// # Errors
    /// When the system has no random numbers.
    pub fn session(self: &Arc<Self>) -> Result<ServerSide, Fault> {
        ServerSide::new(Arc::clone(self))
    }
}

fn versions(settings: &Settings) -> Result<Vec<&'static SupportedProtocolVersion>, Fault> {
    let allowed = |version| settings.oldest <= version && version <= settings.newest;
    let mut versions = Vec::new();
    if allowed(Version::Tls13) {
        versions.push(&TLS13);
    }
    if allowed(Version::Tls12) && settings.suites.tls12().next().is_some() {
        versions.push(&TLS12);
    }
    if !versions.is_empty() {
        return Ok(versions);
    }
    Err(Fault::settings(if allowed(Version::Tls12) {
        "none of the ciphers in ssl_ciphers can be spoken, and TLS 1.3 is off"
    } else {
        "neither TLS 1.2 nor TLS 1.3 is allowed, and no other version is spoken"
    }))
}
