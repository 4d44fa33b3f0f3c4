//! Reads a certificate and its key from open files, and says in words what is wrong with them.
//!
//! PEM (RFC 7468): the chain as certificates, the server's own first; the key as PKCS#8, SEC 1 or PKCS#1. Whether a
//! certificate has expired is not judged: a server that does not start is worse than a client that complains.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::sync::Arc;

use rustls::crypto::aws_lc_rs::sign::any_supported_type;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::sign::{CertifiedKey, SigningKey};
use rustls::{Error, InconsistentKeys, SignatureScheme};
use serde_bytes::ByteBuf;
use wharf_ipc::keyholder::{KeyId, MAX_CHAIN, Public, Refused};
use zeroize::{Zeroize, Zeroizing};

/// The longest file that is read. A key and a chain of ten certificates have some 20 KiB.
const MAX_FILE: usize = 512 * 1024;

/// What TLS 1.2 and 1.3 can sign with, best first; a key can do some of it.
const SCHEMES: [SignatureScheme; 10] = [
    SignatureScheme::ED25519,
    SignatureScheme::ECDSA_NISTP256_SHA256,
    SignatureScheme::ECDSA_NISTP384_SHA384,
    SignatureScheme::ECDSA_NISTP521_SHA512,
    SignatureScheme::RSA_PSS_SHA256,
    SignatureScheme::RSA_PSS_SHA384,
    SignatureScheme::RSA_PSS_SHA512,
    SignatureScheme::RSA_PKCS1_SHA256,
    SignatureScheme::RSA_PKCS1_SHA384,
    SignatureScheme::RSA_PKCS1_SHA512,
];

/// A file by the name the administrator gave it.
#[derive(Debug)]
pub(crate) struct Named {
    pub(crate) name: String,
    pub(crate) file: File,
}

/// Reads a pair, and proves that the key belongs to the certificate.
pub(crate) fn pair(
    id: KeyId,
    certificate: &Named,
    key: Option<&Named>,
) -> Result<(Public, Arc<dyn SigningKey>), Refused> {
    let octets = octets(certificate)?;
    let chain = chain(certificate, &octets)?;
    let signing = match key {
        None => signing_key(certificate, &octets)?,
        Some(key) => signing_key(key, &self::octets(key)?)?,
    };
    let key = key.unwrap_or(certificate);
    belongs(certificate, key, &chain, &signing)?;
    let schemes =
        SCHEMES.into_iter().filter(|&scheme| signing.choose_scheme(&[scheme]).is_some()).map(u16::from);
    let public = Public {
        key: id,
        schemes: schemes.collect(),
        chain: chain.iter().map(|certificate| ByteBuf::from(certificate.as_ref())).collect(),
    };
    Ok((public, signing))
}

/// Wiped when dropped: a certificate's file may hold the key as well.
pub(crate) fn octets(from: &Named) -> Result<Zeroizing<Vec<u8>>, Refused> {
    // Allocated whole, because growing would leave copies behind.
    let mut octets = Zeroizing::new(vec![0; MAX_FILE + 1]);
    let mut length = 0;
    while let Some(room) = octets.get_mut(length..).filter(|room| !room.is_empty()) {
        match from.file.read_at(room, length as u64) {
            Ok(0) => break,
            Ok(read) => length += read,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(refused(from, unreadable(&error))),
        }
    }
    if length > MAX_FILE {
        return Err(refused(from, format!("the file is longer than {} KiB", MAX_FILE / 1024)));
    }
    // What is cut off is zeros.
    octets.truncate(length);
    Ok(octets)
}

fn unreadable(error: &io::Error) -> String {
    if error.kind() == io::ErrorKind::NotSeekable {
        return "this is not a regular file".to_owned();
    }
    format!("the file cannot be read: {error}")
}

fn chain(from: &Named, octets: &[u8]) -> Result<Vec<CertificateDer<'static>>, Refused> {
    let chain: Vec<_> = CertificateDer::pem_slice_iter(octets)
        .collect::<Result<_, _>>()
        .map_err(|error| refused(from, format!("the file is damaged: {error}")))?;
    if chain.is_empty() {
        return Err(refused(
            from,
            "there is no certificate in this file (a PEM file with BEGIN CERTIFICATE)",
        ));
    }
    if chain.iter().map(|certificate| certificate.len()).sum::<usize>() > MAX_CHAIN {
        let words = format!(
            "the chain is longer than {} KiB: leave out what is not on the way to the root",
            MAX_CHAIN / 1024
        );
        return Err(refused(from, words));
    }
    Ok(chain)
}

fn signing_key(from: &Named, octets: &[u8]) -> Result<Arc<dyn SigningKey>, Refused> {
    let mut der = PrivateKeyDer::from_pem_slice(octets).map_err(|error| match error {
        _ if is_encrypted(octets) => refused(
            from,
            "the key is protected by a password: store it without one (openssl pkey -in KEY -out NEW)",
        ),
        rustls::pki_types::pem::Error::NoItemsFound => {
            refused(from, "there is no private key in this file (a PEM file with BEGIN PRIVATE KEY)")
        }
        other => refused(from, format!("the file is damaged: {other}")),
    })?;
    let key = any_supported_type(&der);
    der.zeroize();
    key.map_err(|_| {
        refused(
            from,
            "the key is damaged or of a kind that cannot be used: ECDSA (P-256, P-384, P-521), \
             Ed25519 and RSA (2048 to 8192 bits) can",
        )
    })
}

fn is_encrypted(octets: &[u8]) -> bool {
    let contains = |words: &[u8]| octets.windows(words.len()).any(|window| window == words);
    contains(b"BEGIN ENCRYPTED PRIVATE KEY") || contains(b"Proc-Type: 4,ENCRYPTED")
}

fn belongs(
    certificate: &Named,
    key: &Named,
    chain: &[CertificateDer<'static>],
    signing: &Arc<dyn SigningKey>,
) -> Result<(), Refused> {
    let fits = |chain: &[CertificateDer<'static>]| {
        CertifiedKey::new(chain.to_vec(), Arc::clone(signing)).keys_match()
    };
    match fits(chain) {
        Ok(()) => Ok(()),
        Err(Error::InconsistentKeys(InconsistentKeys::KeyMismatch)) => {
            let later = chain.iter().skip(1).any(|one| fits(std::slice::from_ref(one)).is_ok());
            let words = if later {
                "the server's own certificate must be the first in the file".to_owned()
            } else {
                format!("the key in {} does not belong to this certificate", key.name)
            };
            Err(refused(certificate, words))
        }
        Err(error) => Err(refused(certificate, format!("the first certificate cannot be used: {error}"))),
    }
}

fn refused(file: &Named, reason: impl Into<String>) -> Refused {
    Refused { file: file.name.clone(), reason: reason.into() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;

    fn named(name: &str, text: &str) -> Named {
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(text.as_bytes()).unwrap();
        Named { name: name.into(), file }
    }

    fn made(algorithm: &'static rcgen::SignatureAlgorithm) -> (String, String) {
        let key = rcgen::KeyPair::generate_for(algorithm).unwrap();
        let certificate =
            rcgen::CertificateParams::new(vec!["ftp.example".into()]).unwrap().self_signed(&key).unwrap();
        (certificate.pem(), key.serialize_pem())
    }

    fn reason(certificate: &str, key: Option<&str>) -> Refused {
        let key = key.map(|key| named("key.pem", key));
        pair(KeyId(1), &named("cert.pem", certificate), key.as_ref()).map(|(public, _)| public).unwrap_err()
    }

    #[test]
    fn every_kind_of_key_tells_what_it_can_sign() {
        for (algorithm, scheme) in [
            (&rcgen::PKCS_ECDSA_P256_SHA256, 0x0403),
            (&rcgen::PKCS_ECDSA_P384_SHA384, 0x0503),
            (&rcgen::PKCS_ED25519, 0x0807),
        ] {
            let (certificate, key) = made(algorithm);
            let (public, _) =
                pair(KeyId(7), &named("cert.pem", &certificate), Some(&named("key.pem", &key))).unwrap();
            assert_eq!((public.key, public.schemes, public.chain.len()), (KeyId(7), vec![scheme], 1));
        }
    }

    #[test]
    fn a_key_may_stand_in_the_certificates_file() {
        let (certificate, key) = made(&rcgen::PKCS_ECDSA_P256_SHA256);
        assert!(pair(KeyId(1), &named("both.pem", &(key + &certificate)), None).is_ok());
    }

    #[test]
    fn a_wrong_key_is_named_with_its_file() {
        let (certificate, _) = made(&rcgen::PKCS_ECDSA_P256_SHA256);
        let (other, key) = made(&rcgen::PKCS_ECDSA_P256_SHA256);
        let said = reason(&certificate, Some(&key));
        assert_eq!(said.file, "cert.pem");
        assert!(said.reason.contains("key.pem does not belong"), "{said:?}");
        let said = reason(&(certificate + &other), Some(&key));
        assert!(said.reason.contains("must be the first"), "{said:?}");
    }

    #[test]
    fn what_is_missing_or_locked_is_said() {
        let (certificate, key) = made(&rcgen::PKCS_ECDSA_P256_SHA256);
        assert!(reason(&key, None).reason.contains("no certificate"));
        assert!(reason(&certificate, None).reason.contains("no private key"));
        let locked = "-----BEGIN ENCRYPTED PRIVATE KEY-----\nAAAA\n-----END ENCRYPTED PRIVATE KEY-----\n";
        let said = reason(&certificate, Some(locked));
        assert!(said.file == "key.pem" && said.reason.contains("password"), "{said:?}");
        let damaged = "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n";
        assert!(reason(&certificate, Some(damaged)).reason.contains("damaged"));
        let nothing = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
        assert!(reason(nothing, Some(&key)).reason.contains("cannot be used"));
        assert!(reason(&" ".repeat(MAX_FILE + 1), None).reason.contains("longer"));
    }

    #[test]
    fn a_pipe_is_no_file() {
        let (reader, _writer) = io::pipe().unwrap();
        let pipe = Named { name: "pipe".into(), file: File::from(std::os::fd::OwnedFd::from(reader)) };
        assert!(pair(KeyId(1), &pipe, None).err().unwrap().reason.contains("regular"));
    }

    proptest::proptest! {
        #[test]
        fn no_octets_make_a_reader_panic(text in "(-----BEGIN (CERTIFICATE|EC PRIVATE KEY|PRIVATE KEY|RSA PRIVATE KEY)-----\n[A-Za-z0-9+/=\n]{0,80}\n-----END (CERTIFICATE|PRIVATE KEY)-----\n|\\PC{0,40}){0,4}") {
            let _ = pair(KeyId(1), &named("any", &text), None);
        }
    }
}
