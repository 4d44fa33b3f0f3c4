//! Which certificate a client is shown: by the name it asks for, and by what it can check.

use std::fmt;
use std::sync::{Arc, PoisonError, RwLock};

use rustls::pki_types::CertificateDer;
use rustls::server::{ClientHello, ParsedCertificate, ResolvesServerCert};
use rustls::sign::CertifiedKey;

use crate::fault::Fault;
use crate::holder::hosts;
use crate::sign::{DistantKey, KeyId, Sign};

/// A certificate whose key is elsewhere.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Certificate {
    /// What to ask the keyholder for.
    pub key: KeyId,
    /// What the key can sign, best first.
    pub schemes: Vec<u16>,
    /// The chain in DER, the server's own first.
    pub chain: Vec<Vec<u8>>,
}

type Certified = Arc<[ForNames]>;

/// A certificate ready for handshakes, and the names it is for.
struct ForNames {
    key: Arc<CertifiedKey>,
    hosts: Vec<String>,
}

/// How well a certificate fits a name; the better is the greater.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Fit {
    /// It is for others.
    Not,
    /// By a `*` in the place of the first label (RFC 6125 §6.4.3).
    Wildcard,
    /// It names the name.
    Exact,
}

/// The certificates in force. Copies share them: a renewed certificate reaches every session's next handshake.
#[derive(Clone)]
pub struct Certificates {
    current: Arc<RwLock<Certified>>,
    signs: Arc<dyn Sign>,
}

impl Certificates {
    /// Begins with a list; the first is for clients that name no server, or one that no certificate is for.
    ///
    /// Several for one name are several kinds of keys: the first that the client can check is taken.
    ///
    /// # Errors
    /// When the list is empty, a chain cannot be read, or a key can sign nothing.
    pub fn new(list: &[Certificate], signs: Arc<dyn Sign>) -> Result<Self, Fault> {
        let current = Arc::new(RwLock::new(certified(list, &signs)?));
        Ok(Self { current, signs })
    }

    /// Puts other certificates in force, for running sessions as well.
    ///
    /// # Errors
    /// As [`Self::new`]; then those before stay.
    pub fn replace(&self, list: &[Certificate]) -> Result<(), Fault> {
        let new = certified(list, &self.signs)?;
        *self.current.write().unwrap_or_else(PoisonError::into_inner) = new;
        Ok(())
    }

    fn now(&self) -> Certified {
        Arc::clone(&self.current.read().unwrap_or_else(PoisonError::into_inner))
    }
}

fn certified(list: &[Certificate], signs: &Arc<dyn Sign>) -> Result<Certified, Fault> {
    if list.is_empty() {
        return Err(Fault::settings("there is no certificate"));
    }
    list.iter().map(|one| certify(one, signs)).collect()
}

fn certify(one: &Certificate, signs: &Arc<dyn Sign>) -> Result<ForNames, Fault> {
    let chain: Vec<_> = one.chain.iter().cloned().map(CertificateDer::from).collect();
    let first = chain.first().ok_or_else(|| Fault::settings("a chain without a certificate"))?;
    ParsedCertificate::try_from(first)
        .map_err(|error| Fault::settings(format!("a certificate cannot be read: {error}")))?;
    let key = DistantKey::new(one.key, &one.schemes, Arc::clone(signs))
        .ok_or_else(|| Fault::settings("a key can sign nothing that TLS knows"))?;
    let hosts = hosts(first);
    Ok(ForNames { key: Arc::new(CertifiedKey::new(chain, Arc::new(key))), hosts })
}

impl fmt::Debug for Certificates {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Certificates").field("count", &self.now().len()).finish_non_exhaustive()
    }
}

/// Chooses among the certificates.
#[derive(Debug)]
pub(crate) struct Chooser(pub(crate) Certificates);

impl ResolvesServerCert for Chooser {
    fn resolve(&self, hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        let all = self.0.now();
        // The library leaves only those schemes for which there is a suite in common.
        let usable = |one: &&ForNames| one.key.key.choose_scheme(hello.signature_schemes()).is_some();
        let name = hello.server_name().map(str::to_ascii_lowercase);
        let fit = |one: &ForNames| name.as_deref().map_or(Fit::Not, |name| one.fit(name));
        let best = all.iter().map(fit).max().unwrap_or(Fit::Not);
        let for_name = || all.iter().filter(|one| best > Fit::Not && fit(one) == best);
        // A certificate for the name that the client cannot check tells it more than one for another name.
        let chosen = for_name().find(usable).or_else(|| for_name().next());
        let chosen = chosen.or_else(|| all.iter().find(usable)).or_else(|| all.first());
        chosen.map(|one| Arc::clone(&one.key))
    }
}

impl ForNames {
    fn fit(&self, name: &str) -> Fit {
        let fit = |host: &String| match host.strip_prefix('*') {
            None if host == name => Fit::Exact,
            Some(parent) => {
                let label =
                    name.strip_suffix(parent).filter(|label| parent.starts_with('.') && !label.is_empty());
                if label.is_some_and(|label| !label.contains('.')) { Fit::Wildcard } else { Fit::Not }
            }
            None => Fit::Not,
        };
        self.hosts.iter().map(fit).max().unwrap_or(Fit::Not)
    }
}
