//! From options and certificates to what sessions are begun with.

use std::io;
use std::sync::Arc;

use wharf_config::{Config, Switch};
use wharf_ipc::keyholder::{self, Public, Signatures};
use wharf_proto::ftp::server::policy::{Reuse, TlsRules};
use wharf_transport::{
    Authorities, Certificate, Certificates, ClientCertificate, KeyId, Revoked, Settings, Sign, Site, Suites,
    Version,
};

/// The one suite that vsftpd speaks unless told otherwise. With it a certificate with another kind of key would have no
/// TLS 1.2 at all, so it stands for "nothing was asked".
const UNASKED_CIPHERS: &[u8] = b"ECDHE-RSA-AES256-GCM-SHA384";

/// The way to the keyholder, and the certificates whose keys it holds.
#[derive(Default)]
pub(crate) struct Keys {
    signatures: Option<Arc<Signatures>>,
    /// The set that is arriving.
    coming: Vec<Certificate>,
    certificates: Option<Certificates>,
}

/// Has the keyholder sign.
struct Distant(Arc<Signatures>);

impl Sign for Distant {
    fn sign(&self, key: KeyId, scheme: u16, message: &[u8]) -> io::Result<Vec<u8>> {
        self.0.sign(keyholder::KeyId(key.0), scheme, message)
    }
}

impl Keys {
    /// A keyholder can be asked; it may take the place of one that died.
    pub(crate) fn reach(&mut self, link: std::os::fd::OwnedFd) -> io::Result<()> {
        match &self.signatures {
            Some(signatures) => signatures.replace(link),
            None => {
                self.signatures = Some(Arc::new(Signatures::new(link)?));
                Ok(())
            }
        }
    }

    /// One more certificate of a set, which is in force when its last has come.
    ///
    /// Sessions that run see it at their next handshake.
    pub(crate) fn take(&mut self, public: Public, is_last: bool) -> io::Result<()> {
        let chain = public.chain.into_iter().map(serde_bytes::ByteBuf::into_vec).collect();
        self.coming.push(Certificate { key: KeyId(public.key.0), schemes: public.schemes, chain });
        if !is_last {
            return Ok(());
        }
        let set = std::mem::take(&mut self.coming);
        match (&self.certificates, &self.signatures) {
            (Some(certificates), _) => certificates.replace(&set).map_err(io::Error::other),
            (None, Some(signatures)) => {
                let signs: Arc<dyn Sign> = Arc::new(Distant(Arc::clone(signatures)));
                self.certificates = Some(Certificates::new(&set, signs).map_err(io::Error::other)?);
                Ok(())
            }
            (None, None) => Err(io::Error::other("certificates came before the way to their keys")),
        }
    }

    /// What sessions of this configuration are begun with; `None` without `ssl_enable`.
    ///
    /// Security: without certificates it is an error, for a site that wants encryption must not go on in clear.
    pub(crate) fn site(
        &self,
        config: &Config,
        authorities: Option<&[u8]>,
        revoked: Option<&[u8]>,
    ) -> io::Result<Option<Arc<Site>>> {
        if !config.tls.ssl_enable {
            return Ok(None);
        }
        let Some(certificates) = self.certificates.clone() else {
            return Err(io::Error::other("ssl_enable is on, and no certificate has come"));
        };
        let settings = settings(config, authorities, revoked);
        if !settings.suites.unmapped().is_empty() {
            wharf_os::say!(
                "wharfd: session: ssl_ciphers names what is not spoken here and is passed over: {}",
                settings.suites.unmapped().join(", ")
            );
        }
        Site::new(certificates, &settings).map(Some).map_err(io::Error::other)
    }
}

fn settings(config: &Config, authorities: Option<&[u8]>, revoked: Option<&[u8]>) -> Settings {
    let tls = &config.tls;
    let shown = |name: &Option<bstr::BString>| name.as_ref().map(ToString::to_string).unwrap_or_default();
    let suites = match &tls.ssl_ciphers {
        Some(list) if list.as_slice() != UNASKED_CIPHERS => Suites::from_openssl(&list.to_string()),
        _ => Suites::all(),
    };
    let issued_by = authorities.filter(|_| tls.validate_cert).map(|certificates| Authorities {
        file: shown(&tls.ca_certs_file),
        certificates: certificates.to_vec(),
        revoked: revoked
            .map(|lists| Revoked { file: shown(&config.wharf.ca_crl_file), lists: lists.to_vec() }),
    });
    Settings {
        oldest: if tls.ssl_tlsv1_2 { Version::Tls12 } else { Version::Tls13 },
        newest: if tls.ssl_tlsv1_3 { Version::Tls13 } else { Version::Tls12 },
        suites,
        client_certificate: match (tls.require_cert, tls.ssl_request_cert) {
            (true, _) => ClientCertificate::Required { issued_by },
            (false, true) if tls.validate_cert => ClientCertificate::Asked { issued_by },
            // Compat: vsftpd asks even where nothing follows from the answer; some clients then bother their users.
            (false, _) => ClientCertificate::NotAsked,
        },
        only_name: tls.ssl_sni_hostname.as_ref().map(ToString::to_string),
    }
}

/// The machine's rules about TLS; `is_ready` says that there are certificates.
pub(crate) fn rules(config: &Config, is_ready: bool) -> Option<TlsRules> {
    let tls = &config.tls;
    (tls.ssl_enable && is_ready).then_some(TlsRules {
        implicit: tls.implicit_ssl,
        allow_anonymous: tls.allow_anon_ssl,
        force_anonymous_logins: tls.force_anon_logins_ssl,
        force_local_logins: tls.force_local_logins_ssl,
        force_anonymous_data: tls.force_anon_data_ssl,
        force_local_data: tls.force_local_data_ssl,
        reuse: match tls.require_ssl_reuse {
            Switch::Off => Reuse::NotRequired,
            Switch::Auto => Reuse::OnceShown,
            Switch::On => Reuse::Required,
        },
        certificate_logins: config.wharf.cert_user_file.is_some() && tls.validate_cert,
        strict_read_eof: tls.strict_ssl_read_eof,
        strict_write_shutdown: tls.strict_ssl_write_shutdown,
        clear_control: config.wharf.ccc_enable,
        debug: tls.debug_ssl,
    })
}
