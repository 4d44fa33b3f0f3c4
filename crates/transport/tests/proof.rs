//! What a client proved in its handshake is judged again elsewhere, and nothing else passes for it.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on stops at the line that says why")]

mod common;

use std::sync::Arc;

use common::{Made, Pair, client, made, site};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::version::{TLS12, TLS13};
use wharf_transport::{Authorities, ClientCertificate, Proof, ServerSide, Settings};

/// The only one that is believed: a certificate that vouches for itself.
fn authorities(who: &Made) -> Authorities {
    Authorities { file: "ca.pem".into(), certificates: who.pem.clone().into(), revoked: None }
}

fn session(who: &Made) -> ServerSide {
    let client_certificate = ClientCertificate::Asked { issued_by: Some(authorities(who)) };
    site(&Settings { client_certificate, ..Settings::default() }).session().unwrap()
}

fn proof(who: &Made, version: &'static rustls::SupportedProtocolVersion) -> Proof {
    let mut with = client(&[version]);
    let chain = vec![CertificateDer::from(who.der.clone())];
    let key = PrivateKeyDer::from_pem_slice(who.key_pem.as_bytes()).unwrap();
    let signing = rustls::crypto::aws_lc_rs::sign::any_supported_type(&key).unwrap();
    with.client_auth_cert_resolver =
        Arc::new(rustls::sign::SingleCertAndKey::from(rustls::sign::CertifiedKey::new(chain, signing)));
    let session = session(who);
    assert_eq!(session.proof(), None);
    Pair::connect(&Arc::new(with), "a.example", session.accept_control()).unwrap();
    session.proof().unwrap()
}

#[test]
fn a_proof_of_either_version_is_accepted_where_its_authority_is() {
    let stranger = made(&["client"], &rcgen::PKCS_ECDSA_P256_SHA256);
    for kind in [&rcgen::PKCS_ECDSA_P256_SHA256, &rcgen::PKCS_ECDSA_P384_SHA384, &rcgen::PKCS_ED25519] {
        for version in [&TLS12, &TLS13] {
            let who = made(&["client"], kind);
            let proof = proof(&who, version);
            assert_eq!((proof.is_tls13, &proof.chain[0]), (std::ptr::eq(version, &TLS13), &who.der));
            authorities(&who).verify(&proof).unwrap();
            authorities(&stranger).verify(&proof).unwrap_err();
        }
    }
}

#[test]
fn a_proof_that_was_changed_is_none() {
    let who = made(&["client"], &rcgen::PKCS_ECDSA_P256_SHA256);
    let other = made(&["client"], &rcgen::PKCS_ECDSA_P256_SHA256);
    let judge = authorities(&who);
    for version in [&TLS12, &TLS13] {
        let good = proof(&who, version);
        let bent = |change: fn(&mut Proof)| {
            let mut bent = good.clone();
            change(&mut bent);
            judge.verify(&bent).unwrap_err().to_string()
        };
        assert!(bent(|it| *it.message.last_mut().unwrap() ^= 1).contains("signature"));
        assert!(bent(|it| *it.signature.last_mut().unwrap() ^= 1).contains("signature"));
        assert!(bent(|it| it.scheme = 0x0807).contains("signature"));
        assert!(bent(|it| it.message.insert(0, 9)).contains("no client's part"));
        assert!(bent(|it| it.chain.clear()).contains("no certificate"));
        // The server's part of the same handshake is not the client's.
        assert!(
            bent(|it| it.message =
                [&[b' '; 64][..], b"TLS 1.3, server CertificateVerify\0", &[1; 32]].concat())
            .contains("no client's part")
        );
        // Another's certificate beside it.
        let stolen = Proof { chain: vec![other.der.clone()], ..good.clone() };
        authorities(&other).verify(&stolen).unwrap_err();
    }
}

#[test]
fn who_is_not_asked_or_has_none_proves_nothing() {
    let who = made(&["client"], &rcgen::PKCS_ECDSA_P256_SHA256);
    let session = session(&who);
    Pair::connect(&Arc::new(client(&[&TLS13])), "a.example", session.accept_control()).unwrap();
    assert_eq!(session.proof(), None);
    let unasked = common::session();
    Pair::connect(&Arc::new(client(&[&TLS13])), "a.example", unasked.accept_control()).unwrap();
    assert_eq!(unasked.proof(), None);
}

#[test]
fn files_that_cannot_be_used_are_named() {
    let who = made(&["client"], &rcgen::PKCS_ECDSA_P256_SHA256);
    authorities(&who).check().unwrap();
    let damaged = Authorities {
        certificates: b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n".to_vec(),
        ..authorities(&who)
    };
    assert!(damaged.check().unwrap_err().to_string().starts_with("ca.pem: "));
    let told = |lists: &[u8]| {
        let revoked = Some(wharf_transport::Revoked { file: "crl.pem".into(), lists: lists.to_vec() });
        Authorities { revoked, ..authorities(&who) }.check().unwrap_err().to_string()
    };
    assert!(told(b"").starts_with("crl.pem: there is no revocation list"));
    assert!(
        told(b"-----BEGIN X509 CRL-----\nAAAA\n-----END X509 CRL-----\n")
            .starts_with("crl.pem: a revocation list")
    );
}
