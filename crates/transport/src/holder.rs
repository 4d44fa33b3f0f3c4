//! Whom a certificate names (RFC 5280 §4.1.2.6, §4.2.1.6), in words that a log shows and a rule can be held against.
//!
//! Whether the certificate is worth anything is not asked here.

use aws_lc_rs::digest::{SHA256, digest};
use x509_parser::objects::{oid_registry, oid2abbrev};
use x509_parser::prelude::{FromDer, GeneralName, X509Certificate, X509Name};

/// How many names of one certificate are looked at; a certificate with more is one that wants to be everybody.
const MOST_NAMES: usize = 64;

/// The longest name that is looked at, in octets.
const LONGEST: usize = 512;

/// Names a certificate's holder as `openssl x509 -nameopt compat` does: `/O=Example/CN=Anna`; `None` for what cannot be
/// read.
///
/// A slash or backslash inside a value has a backslash before it, and control characters are written out, so that no
/// value looks like two.
#[must_use]
pub fn subject(certificate: &[u8]) -> Option<String> {
    let (_, parsed) = X509Certificate::from_der(certificate).ok()?;
    Some(one_line(parsed.subject()))
}

/// Lists everything that a certificate says about its holder, each as `KIND:VALUE`: `subject`, `cn`, `email`, `dns`, `uri`,
/// and the `sha256` of the certificate itself.
///
/// What is no text, or longer than names are, is left out.
#[must_use]
pub fn names(certificate: &[u8]) -> Vec<String> {
    let mut names = vec![format!("sha256:{}", hexadecimal(digest(&SHA256, certificate).as_ref()))];
    let Ok((_, parsed)) = X509Certificate::from_der(certificate) else { return names };
    names.push(format!("subject:{}", one_line(parsed.subject())));
    let of_subject = |kind: &'static str, values: Vec<&str>| {
        values.into_iter().map(move |value| format!("{kind}:{value}")).collect::<Vec<_>>()
    };
    let texts =
        |attribute: &x509_parser::x509::AttributeTypeAndValue<'_>| attribute.as_str().ok().map(str::to_owned);
    let common: Vec<_> = parsed.subject().iter_common_name().filter_map(texts).collect();
    let email: Vec<_> = parsed.subject().iter_email().filter_map(texts).collect();
    names.extend(of_subject("cn", common.iter().map(String::as_str).collect()));
    names.extend(of_subject("email", email.iter().map(String::as_str).collect()));
    if let Ok(Some(alternative)) = parsed.subject_alternative_name() {
        names.extend(alternative.value.general_names.iter().filter_map(|name| match name {
            GeneralName::RFC822Name(name) => Some(format!("email:{name}")),
            GeneralName::DNSName(name) => Some(format!("dns:{name}")),
            GeneralName::URI(name) => Some(format!("uri:{name}")),
            _ => None,
        }));
    }
    names.retain(|name| name.len() <= LONGEST && !name.contains(char::is_control));
    names.truncate(MOST_NAMES);
    names
}

/// The names of hosts that a certificate is for, in small letters.
pub(crate) fn hosts(certificate: &[u8]) -> Vec<String> {
    let dns = names(certificate).into_iter();
    dns.filter_map(|name| name.strip_prefix("dns:").map(str::to_ascii_lowercase)).collect()
}

pub(crate) fn one_line(name: &X509Name<'_>) -> String {
    let mut line = String::new();
    for attribute in name.iter_attributes() {
        let kind = attribute.attr_type();
        let kind = oid2abbrev(kind, oid_registry()).map_or_else(|_| kind.to_id_string(), str::to_owned);
        line.push('/');
        line.push_str(&kind);
        line.push('=');
        match attribute.as_str() {
            Ok(text) => text.chars().for_each(|character| escaped(character, &mut line)),
            Err(_) => line.push_str(&format!("#{}", hexadecimal(attribute.as_slice()))),
        }
    }
    line
}

fn escaped(character: char, line: &mut String) {
    match character {
        '/' | '\\' => line.extend(['\\', character]),
        control if control.is_control() => line.push_str(&format!("\\x{:02X}", u32::from(control))),
        other => line.push(other),
    }
}

fn hexadecimal(octets: &[u8]) -> String {
    octets.iter().map(|octet| format!("{octet:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use rcgen::{CertificateParams, DnType, KeyPair, SanType};

    use super::*;

    fn made(change: impl FnOnce(&mut CertificateParams)) -> Vec<u8> {
        let mut parameters = CertificateParams::new(Vec::<String>::new()).unwrap();
        parameters.distinguished_name = rcgen::DistinguishedName::new();
        change(&mut parameters);
        parameters.self_signed(&KeyPair::generate().unwrap()).unwrap().der().to_vec()
    }

    #[test]
    fn a_holder_is_named_by_everything_the_certificate_says() {
        let der = made(|it| {
            it.distinguished_name.push(DnType::OrganizationName, "Example");
            it.distinguished_name.push(DnType::CommonName, "Anna Kim");
            it.subject_alt_names = vec![
                SanType::Rfc822Name("anna@example.org".try_into().unwrap()),
                SanType::DnsName("Host.example".try_into().unwrap()),
                SanType::URI("urn:x".try_into().unwrap()),
            ];
        });
        assert_eq!(subject(&der).unwrap(), "/O=Example/CN=Anna Kim");
        let names = names(&der);
        assert!(names[0].starts_with("sha256:") && names[0].len() == 7 + 64);
        assert_eq!(
            names[1..],
            [
                "subject:/O=Example/CN=Anna Kim",
                "cn:Anna Kim",
                "email:anna@example.org",
                "dns:Host.example",
                "uri:urn:x"
            ]
        );
        assert_eq!(hosts(&der), ["host.example"]);
    }

    #[test]
    fn a_value_cannot_pretend_to_be_two() {
        let der = made(|it| it.distinguished_name.push(DnType::CommonName, "x/O=Example\\\n"));
        assert_eq!(subject(&der).unwrap(), "/CN=x\\/O=Example\\\\\\x0A");
        // A rule about a common name is held against the value as it is, unless it has control characters.
        assert!(!names(&der).iter().any(|name| name.starts_with("cn:")));
    }

    #[test]
    fn what_is_no_certificate_has_a_fingerprint_and_nothing_else() {
        assert_eq!(subject(b"nothing"), None);
        assert_eq!(names(b"nothing").len(), 1);
    }
}
