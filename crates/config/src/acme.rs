//! What is ordered from an authority, as one checked value.

use std::path::PathBuf;

use bstr::{BString, ByteSlice};

use crate::Config;

/// The most names of one order.
pub(crate) const MAX_DOMAINS: usize = 100;

/// How names are proved to an authority.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AcmeChallenge {
    /// By a text on port 80 (RFC 8555 §8.3).
    Http01,
    /// By a handshake on port 443 (RFC 8737).
    TlsAlpn01,
}

/// Where a site's certificate is ordered, and for which names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AcmeOrder {
    /// The names, in small letters.
    pub domains: Vec<String>,
    /// The address of the directory.
    pub directory: String,
    /// How the names are proved.
    pub challenge: AcmeChallenge,
    /// The port that the authority's calls arrive on.
    pub port: u16,
    /// Where the authority may write to.
    pub email: Option<String>,
    /// Where everything is kept.
    pub place: PathBuf,
    /// The authorities that the directory is checked against, when not the machine's.
    pub roots: Option<PathBuf>,
}

impl AcmeOrder {
    /// The file of key and chain.
    pub fn certificate(&self) -> PathBuf {
        self.place.join("certificate.pem")
    }
}

impl Config {
    /// What is ordered by this configuration; `None` when nothing is.
    ///
    /// A configuration whose [`check`](crate::check) has errors may be `None` too.
    pub fn acme_order(&self) -> Option<AcmeOrder> {
        let acme = &self.acme;
        if !self.tls.ssl_enable || !acme.acme_accept_terms {
            return None;
        }
        let domains = written(self)?;
        if domains.is_empty() || domains.len() > MAX_DOMAINS || !domains.iter().all(|name| is_host_name(name))
        {
            return None;
        }
        let challenge = challenge(self)?;
        let port = match (acme.acme_port, challenge) {
            (0, AcmeChallenge::Http01) => 80,
            (0, AcmeChallenge::TlsAlpn01) => 443,
            (port, _) => u16::try_from(port).ok()?,
        };
        Some(AcmeOrder {
            domains,
            directory: text(acme.acme_directory.as_ref()?)?,
            challenge,
            port,
            email: acme.acme_email.as_ref().and_then(text),
            place: path(acme.acme_dir.as_ref()?),
            roots: acme.acme_ca_file.as_ref().map(path),
        })
    }
}

/// The names as they are written, in small letters and once each; `None` when the option is not set.
pub(crate) fn written(config: &Config) -> Option<Vec<String>> {
    let mut names: Vec<String> = Vec::new();
    for name in config.acme.acme_domains.as_ref()?.split_str(",") {
        let name = name.trim().to_str_lossy().to_lowercase();
        if !name.is_empty() && !names.contains(&name) {
            names.push(name);
        }
    }
    Some(names)
}

pub(crate) fn challenge(config: &Config) -> Option<AcmeChallenge> {
    match config.acme.acme_challenge.as_ref()?.as_slice() {
        b"http-01" => Some(AcmeChallenge::Http01),
        b"tls-alpn-01" => Some(AcmeChallenge::TlsAlpn01),
        _ => None,
    }
}

/// Tells a full host name (RFC 1123 §2.1) from addresses, patterns and single words.
pub(crate) fn is_host_name(name: &str) -> bool {
    let is_label = |label: &str| {
        let fits = |octet: u8| octet.is_ascii_lowercase() || octet.is_ascii_digit() || octet == b'-';
        (1..=63).contains(&label.len())
            && label.bytes().all(fits)
            && !label.starts_with('-')
            && !label.ends_with('-')
    };
    let is_number = |label: &str| label.bytes().all(|octet| octet.is_ascii_digit());
    name.len() <= 253
        && name.contains('.')
        && name.split('.').all(is_label)
        && !name.rsplit('.').next().is_some_and(is_number)
}

fn text(value: &BString) -> Option<String> {
    value.to_str().ok().map(str::to_owned)
}

fn path(value: &BString) -> PathBuf {
    value.to_path_lossy().into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::parse;

    fn order(text: &str) -> Option<AcmeOrder> {
        parse(text.as_bytes(), None, &Config::default()).unwrap().config.acme_order()
    }

    #[test]
    fn names_are_read_as_meant_and_ports_follow_the_challenge() {
        let text = "ssl_enable=YES\nacme_accept_terms=YES\nacme_domains=B.example, a.example,,b.example\n";
        let read = order(text).unwrap();
        assert_eq!(read.domains, ["b.example", "a.example"]);
        assert_eq!((read.challenge, read.port), (AcmeChallenge::Http01, 80));
        assert_eq!(read.place, PathBuf::from("/var/lib/wharf/acme"));
        assert!(read.directory.starts_with("https://acme-v02.api.letsencrypt.org/"));
        let other = order(&format!("{text}acme_challenge=tls-alpn-01\n")).unwrap();
        assert_eq!((other.challenge, other.port), (AcmeChallenge::TlsAlpn01, 443));
        assert_eq!(order(&format!("{text}acme_port=5002\n")).unwrap().port, 5002);
    }

    #[test]
    fn nothing_is_ordered_without_encryption_or_agreement() {
        assert_eq!(order(""), None);
        assert_eq!(order("ssl_enable=YES\nacme_domains=a.example"), None);
        assert_eq!(order("acme_accept_terms=YES\nacme_domains=a.example"), None);
    }

    #[test]
    fn a_host_name_is_told_from_what_only_looks_like_one() {
        for name in ["a.example", "xn--mller-kva.example", "1.example", "a-b.c.example"] {
            assert!(is_host_name(name), "{name}");
        }
        for name in [
            "localhost",
            "192.0.2.1",
            "*.example",
            "-a.example",
            "a-.example",
            "a..example",
            ".a",
            "a.",
            "A.b",
        ] {
            assert!(!is_host_name(name), "{name}");
        }
        assert!(!is_host_name(&format!("{}.example", "a".repeat(64))));
    }
}
