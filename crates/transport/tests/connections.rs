//! What a channel does with honest, odd and hostile clients, in memory.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test may panic")]

mod common;

use std::io::Write;
use std::sync::Arc;

use common::{Made, Pair, certificates, client, heard, made, public, session, site};
use proptest::prelude::*;
use rustls::ClientConfig;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::version::{TLS12, TLS13};
use wharf_transport::{
    Authorities, Cause, Certificates, Channel, ClientCertificate, Fault, Flow, KeyId, Revoked, Settings,
    Site, Suites, Version,
};

fn any_version() -> Arc<ClientConfig> {
    Arc::new(client(&[&TLS13, &TLS12]))
}

fn connected() -> Pair {
    Pair::connect(&any_version(), "ftp.example", session().accept_control()).unwrap()
}

fn fault(client: ClientConfig, server: Channel) -> Fault {
    Pair::connect(&Arc::new(client), "ftp.example", server).map(|_| ()).unwrap_err()
}

#[test]
fn words_go_both_ways() {
    let mut pair = connected();
    assert_eq!((pair.server.version(), pair.server.server_name()), (Some("TLSv1.3"), Some("ftp.example")));
    assert!(pair.server.suite().unwrap().contains("AES_256"));
    pair.client.writer().write_all(b"USER anonymous\r\n").unwrap();
    pair.settle().unwrap();
    assert_eq!(pair.plaintext, b"USER anonymous\r\n");
    assert_eq!(pair.server.write(b"331 \r\n"), 6);
    assert!(pair.server.wants_write());
    pair.settle().unwrap();
    assert_eq!(heard(&mut pair.client), b"331 \r\n");
}

#[test]
fn nothing_is_written_before_the_handshake_or_after_the_end() {
    let mut early = session().accept_control();
    assert_eq!(early.write(b"220 \r\n"), 0);
    assert!(early.is_handshaking() && !early.wants_write());
    let mut pair = connected();
    pair.server.close();
    assert!(pair.server.has_sent_close() && !pair.server.is_closed_cleanly());
    assert_eq!(pair.server.write(b"more"), 0);
    pair.settle().unwrap();
    assert!(pair.client.process_new_packets().unwrap().peer_has_closed());
}

#[test]
fn an_end_with_close_notify_is_clean_and_one_without_is_truncated() {
    let mut clean = connected();
    clean.client.writer().write_all(b"all of it").unwrap();
    clean.client.send_close_notify();
    clean.settle().unwrap();
    assert!(clean.server.is_closed_cleanly());
    clean.server.end_of_stream().unwrap();
    assert!(!clean.server.is_truncated());
    assert_eq!(clean.plaintext, b"all of it");
    // What comes afterwards is nobody's.
    assert_eq!(clean.server.open(&mut b"junk".to_vec(), |_| panic!("plaintext")).unwrap(), 4);

    let mut cut = connected();
    cut.client.writer().write_all(b"half of").unwrap();
    cut.settle().unwrap();
    assert_eq!(cut.server.end_of_stream().unwrap_err().cause, Cause::Truncated);
    assert!(cut.server.is_truncated() && !cut.server.is_closed_cleanly());
    assert_eq!(cut.plaintext, b"half of");
    assert_eq!(session().accept_control().end_of_stream().unwrap_err().cause, Cause::Truncated);
}

#[test]
fn a_peer_that_does_not_read_costs_a_bounded_amount() {
    let mut pair = connected();
    let block = vec![7; 256 * 1024];
    let mut written = 0;
    loop {
        match pair.server.write(&block) {
            0 => break,
            more => written += more,
        }
        assert!(written <= 1024 * 1024);
    }
    let mut out = Vec::new();
    pair.server.take_tls(&mut out);
    assert!(out.len() >= written && out.len() < 2 * written);
    assert_eq!(pair.server.write(&block), block.len(), "room again");
}

#[test]
fn sixty_four_mebibytes_go_each_way() {
    const BLOCK: usize = 256 * 1024;
    let mut pair = connected();
    pair.client.set_buffer_limit(None);
    let block: Vec<u8> = (0..BLOCK).map(|n| (n % 251) as u8).collect();
    let mut wire = Vec::with_capacity(BLOCK * 2);
    for _ in 0..256 {
        wire.clear();
        assert_eq!(pair.server.write(&block), BLOCK);
        pair.server.take_tls(&mut wire);
        let (mut rest, mut all) = (&wire[..], Vec::new());
        while !rest.is_empty() {
            pair.client.read_tls(&mut rest).unwrap();
            pair.client.process_new_packets().unwrap();
            all.extend(heard(&mut pair.client));
        }
        assert!(all == block);

        pair.client.writer().write_all(&block).unwrap();
        let wire = pair.said();
        pair.plaintext.clear();
        pair.feed(&wire).unwrap();
        assert!(pair.plaintext == block);
    }
}

#[test]
fn only_ftp_is_spoken_inside() {
    let with = |names: &[&str]| {
        let mut config = client(&[&TLS13, &TLS12]);
        config.alpn_protocols = names.iter().map(|name| name.as_bytes().to_vec()).collect();
        config
    };
    let session = session();
    for names in [&[][..], &["ftp"], &["h2", "ftp"]] {
        assert!(
            Pair::connect(&Arc::new(with(names)), "x.example", session.accept_control()).is_ok(),
            "{names:?}"
        );
    }
    for names in [&["ftp-data"][..], &["ftp"], &[]] {
        let data = session.accept_data(Flow::ToClient);
        assert!(Pair::connect(&Arc::new(with(names)), "x.example", data).is_ok(), "{names:?}");
    }
    for names in [&["h2", "http/1.1"][..], &["smtp"], &["ftp-data"]] {
        assert_eq!(fault(with(names), session.accept_control()).cause, Cause::OtherProtocol, "{names:?}");
    }
    assert_eq!(fault(with(&["http/1.1"]), session.accept_data(Flow::ToClient)).cause, Cause::OtherProtocol);
}

#[test]
fn a_first_message_of_many_kilobytes_is_heard_whole_however_it_is_split() {
    for size in [1, 5, 4096, 1 << 20] {
        let mut config = client(&[&TLS13, &TLS12]);
        config.alpn_protocols = (0..120).map(|number| vec![number; 100]).collect();
        config.alpn_protocols.push(b"ftp".to_vec());
        let mut pair = Pair::new(&Arc::new(config), "ftp.example", session().accept_control());
        let hello = pair.said();
        assert!(hello.len() > 12_000);
        for piece in hello.chunks(size) {
            pair.feed(piece).unwrap();
        }
        pair.settle().unwrap();
        assert!(!pair.server.is_handshaking(), "in pieces of {size}");
    }
}

#[test]
fn another_server_name_is_refused_with_its_alert() {
    let settings = Settings { only_name: Some("FTP.example".into()), ..Settings::default() };
    let session = site(&settings).session().unwrap();
    assert!(Pair::connect(&any_version(), "ftp.example", session.accept_control()).is_ok());
    for name in ["other.example", "192.0.2.1"] {
        let mut pair = Pair::new(&any_version(), name, session.accept_control());
        let mut hello = Vec::new();
        pair.client.write_tls(&mut hello).unwrap();
        let fault = pair.server.shake(&hello).unwrap_err();
        assert_eq!(fault.cause, Cause::OtherName);
        let mut alert = Vec::new();
        pair.server.take_tls(&mut alert);
        pair.client.read_tls(&mut &alert[..]).unwrap();
        let told = pair.client.process_new_packets().unwrap_err();
        assert_eq!(told, rustls::Error::AlertReceived(rustls::AlertDescription::UnrecognisedName));
        assert!(pair.server.shake(b"more").is_err() && !pair.server.wants_write());
    }
}

#[test]
fn versions_and_suites_are_kept_to() {
    let session = |settings: &Settings| site(settings).session().unwrap();
    let new = session(&Settings { oldest: Version::Tls13, ..Settings::default() });
    let said = fault(client(&[&TLS12]), new.accept_control());
    assert_eq!(said.cause, Cause::NothingInCommon);
    assert!(said.to_string().ends_with("it offered TLS 1.2"), "{said}");
    let old = session(&Settings { newest: Version::Tls12, ..Settings::default() });
    let pair = Pair::connect(&any_version(), "a.example", old.accept_control()).unwrap();
    assert_eq!(pair.server.version(), Some("TLSv1.2"));

    // vsftpd's default list has no suite for a certificate of ECDSA.
    let suites = Suites::from_openssl("ECDHE-RSA-AES256-GCM-SHA384");
    let rsa_only = session(&Settings { suites, ..Settings::default() });
    assert!(fault(client(&[&TLS12]), rsa_only.accept_control()).to_string().contains("ssl_ciphers"));
    assert!(Pair::connect(&any_version(), "a.example", rsa_only.accept_control()).is_ok());
}

#[test]
fn vsftpds_default_list_serves_a_certificate_of_rsa() {
    let suites = Suites::from_openssl("ECDHE-RSA-AES256-GCM-SHA384");
    let list =
        [made(&["a.example"], &rcgen::PKCS_ECDSA_P256_SHA256), made(&["a.example"], &rcgen::PKCS_RSA_SHA256)];
    let settings = Settings { suites, ..Settings::default() };
    let session = Site::new(certificates(&list), &settings).unwrap().session().unwrap();
    let shown = |version| {
        let pair =
            Pair::connect(&Arc::new(client(&[version])), "a.example", session.accept_control()).unwrap();
        (pair.client.peer_certificates().unwrap()[0].to_vec(), pair.server.suite().unwrap())
    };
    assert_eq!(shown(&TLS12), (list[1].der.clone(), "TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384"));
    assert_eq!(shown(&TLS13).0, list[0].der, "TLS 1.3 is not governed by the list");
}

#[test]
fn a_revoked_certificate_is_refused() {
    let ca_key = rcgen::KeyPair::generate().unwrap();
    let mut parameters = rcgen::CertificateParams::new(vec![]).unwrap();
    parameters.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
    parameters.key_usages = vec![rcgen::KeyUsagePurpose::KeyCertSign, rcgen::KeyUsagePurpose::CrlSign];
    let ca = rcgen::CertifiedIssuer::self_signed(parameters, ca_key).unwrap();
    let issue = |number: u64| {
        let key = rcgen::KeyPair::generate().unwrap();
        let mut parameters = rcgen::CertificateParams::new(vec!["client".into()]).unwrap();
        parameters.serial_number = Some(number.into());
        let certificate = parameters.signed_by(&key, &ca).unwrap();
        let der = PrivateKeyDer::try_from(key.serialize_der()).unwrap();
        Made {
            der: certificate.der().to_vec(),
            pem: certificate.pem(),
            key_pem: key.serialize_pem(),
            key: rustls::crypto::aws_lc_rs::sign::any_supported_type(&der).unwrap(),
        }
    };
    let (good, bad) = (issue(1), issue(2));
    let list = rcgen::CertificateRevocationListParams {
        this_update: rcgen::date_time_ymd(2024, 1, 1),
        next_update: rcgen::date_time_ymd(2199, 1, 1),
        crl_number: 1.into(),
        issuing_distribution_point: None,
        revoked_certs: vec![rcgen::RevokedCertParams {
            serial_number: 2.into(),
            revocation_time: rcgen::date_time_ymd(2024, 1, 1),
            reason_code: None,
            invalidity_date: None,
        }],
        key_identifier_method: rcgen::KeyIdMethod::Sha256,
    };
    let revoked = list.signed_by(&ca).unwrap().pem().unwrap().into_bytes();
    let issued_by = Some(Authorities {
        file: "ca.pem".into(),
        certificates: ca.pem().into(),
        revoked: Some(Revoked { file: "crl.pem".into(), lists: revoked }),
    });
    let client_certificate = ClientCertificate::Required { issued_by };
    let session = site(&Settings { client_certificate, ..Settings::default() }).session().unwrap();
    let tried = |who| Pair::connect(&Arc::new(with_certificate(who)), "a.example", session.accept_control());
    assert!(tried(&good).is_ok());
    let said = tried(&bad).map(|_| ()).unwrap_err();
    assert!(said.cause == Cause::ClientCertificate && said.to_string().contains("it was revoked"), "{said}");
}

#[test]
fn settings_that_leave_nothing_are_refused_in_words() {
    let refuse = |settings: &Settings| {
        let one = made(&["a"], &rcgen::PKCS_ED25519);
        Site::new(certificates(&[one]), settings).map(|_| ()).unwrap_err().to_string()
    };
    let none = Settings {
        newest: Version::Tls12,
        suites: Suites::from_openssl("AES128-SHA"),
        ..Settings::default()
    };
    assert!(refuse(&none).contains("ssl_ciphers"));
    let crossed = Settings { oldest: Version::Tls13, newest: Version::Tls12, ..Settings::default() };
    assert!(refuse(&crossed).contains("neither"));
    let issued_by = Some(Authorities { file: "ca.pem".into(), ..Authorities::default() });
    let empty =
        Settings { client_certificate: ClientCertificate::Asked { issued_by }, ..Settings::default() };
    assert!(refuse(&empty).contains("ca.pem: there is no certificate"));
}

#[test]
fn the_certificate_follows_the_name_and_what_the_client_can_check() {
    let list = [
        made(&["default.example"], &rcgen::PKCS_ECDSA_P256_SHA256),
        made(&["*.files.example"], &rcgen::PKCS_ECDSA_P256_SHA256),
        made(&["two.example"], &rcgen::PKCS_ED25519),
        made(&["two.example"], &rcgen::PKCS_ECDSA_P384_SHA384),
        made(&["*.many.example"], &rcgen::PKCS_ECDSA_P256_SHA256),
        made(&["One.many.example", "other.example"], &rcgen::PKCS_ECDSA_P256_SHA256),
    ];
    let shown: Vec<_> = list.iter().map(|one| one.der.clone()).collect();
    let certificates = certificates(&list);
    let session = Site::new(certificates.clone(), &Settings::default()).unwrap().session().unwrap();
    let seen = |name: &str| {
        let pair = Pair::connect(&any_version(), name, session.accept_control()).unwrap();
        let first = pair.client.peer_certificates().unwrap()[0].to_vec();
        shown.iter().position(|known| *known == first).unwrap()
    };
    assert_eq!(seen("a.files.example"), 1);
    assert_eq!(seen("unknown.example"), 0);
    assert_eq!(seen("192.0.2.1"), 0);
    assert_eq!(seen("two.example"), 2);
    assert_eq!(seen("two.many.example"), 4);
    assert_eq!(seen("ONE.many.example"), 5, "the name itself comes before a wildcard");
    assert_eq!(seen("a.b.many.example"), 0, "a wildcard is one label");
    assert_eq!(seen("many.example"), 0);

    // A renewed certificate reaches sessions that are under way.
    certificates.replace(&public(&list)[1..2]).unwrap();
    assert_eq!(seen("unknown.example"), 1);
    assert!(certificates.replace(&[]).is_err());
    assert_eq!(seen("unknown.example"), 1);
}

fn with_certificate(who: &Made) -> ClientConfig {
    let mut with = client(&[&TLS13, &TLS12]);
    let chain = vec![CertificateDer::from(who.der.clone())];
    let key = PrivateKeyDer::from_pem_slice(who.key_pem.as_bytes()).unwrap();
    let signing = rustls::crypto::aws_lc_rs::sign::any_supported_type(&key).unwrap();
    with.client_auth_cert_resolver =
        Arc::new(rustls::sign::SingleCertAndKey::from(rustls::sign::CertifiedKey::new(chain, signing)));
    with
}

#[test]
fn a_clients_certificate_is_asked_for_as_configured() {
    let who = made(&["client"], &rcgen::PKCS_ECDSA_P256_SHA256);
    let stranger = made(&["stranger"], &rcgen::PKCS_ECDSA_P256_SHA256);
    let issued_by =
        || Some(Authorities { file: "ca.pem".into(), certificates: who.pem.clone().into(), revoked: None });
    let session =
        |client_certificate| site(&Settings { client_certificate, ..Settings::default() }).session().unwrap();
    let tried = |wanted, config: ClientConfig| {
        let pair = Pair::connect(&Arc::new(config), "a.example", session(wanted).accept_control())?;
        Ok::<_, Fault>(pair.server.peer_certificate().map(<[u8]>::to_vec))
    };
    let bare = || client(&[&TLS13, &TLS12]);
    let cause = |outcome: Result<_, Fault>| outcome.unwrap_err().cause;

    assert_eq!(tried(ClientCertificate::NotAsked, with_certificate(&who)).unwrap(), None);
    let asked = ClientCertificate::Asked { issued_by: None };
    assert_eq!(tried(asked.clone(), with_certificate(&stranger)).unwrap(), Some(stranger.der.clone()));
    assert_eq!(tried(asked, bare()).unwrap(), None);
    let required = ClientCertificate::Required { issued_by: None };
    assert_eq!(tried(required.clone(), with_certificate(&stranger)).unwrap(), Some(stranger.der.clone()));
    assert_eq!(cause(tried(required, bare())), Cause::ClientCertificate);
    let validated = ClientCertificate::Asked { issued_by: issued_by() };
    assert_eq!(tried(validated.clone(), with_certificate(&who)).unwrap(), Some(who.der.clone()));
    assert_eq!(cause(tried(validated, with_certificate(&stranger))), Cause::ClientCertificate);
}

#[test]
fn a_resumed_connection_shows_the_same_certificate() {
    let who = made(&["client"], &rcgen::PKCS_ECDSA_P256_SHA256);
    let client_certificate = ClientCertificate::Required { issued_by: None };
    let session = site(&Settings { client_certificate, ..Settings::default() }).session().unwrap();
    let client = Arc::new(with_certificate(&who));
    let _control = Pair::connect(&client, "a.example", session.accept_control()).unwrap();
    let data = Pair::connect(&client, "a.example", session.accept_data(Flow::ToClient)).unwrap();
    assert_eq!(data.server.handshake_kind(), Some(wharf_transport::Kind::Resumed));
    assert_eq!(data.server.peer_certificate(), Some(&who.der[..]));
}

#[test]
fn a_keyholder_that_is_silent_costs_one_handshake() {
    let one = made(&["a.example"], &rcgen::PKCS_ECDSA_P256_SHA256);
    let silent = |_: KeyId, _: u16, _: &[u8]| Err(std::io::ErrorKind::TimedOut.into());
    let certificates = Certificates::new(&public(&[one]), Arc::new(silent)).unwrap();
    let session = Site::new(certificates, &Settings::default()).unwrap().session().unwrap();
    for version in [&TLS13, &TLS12] {
        let mut pair = Pair::new(&Arc::new(client(&[version])), "a.example", session.accept_control());
        let mut hello = Vec::new();
        pair.client.write_tls(&mut hello).unwrap();
        assert_eq!(pair.server.shake(&hello).unwrap_err().cause, Cause::NoSignature);
    }
}

#[test]
fn words_in_clear_are_no_tls() {
    let mut channel = session().accept_control();
    assert_eq!(channel.shake(b"USER anonymous\r\n").unwrap_err().cause, Cause::NotTls);
}

#[test]
fn an_octet_that_was_changed_ends_the_connection_with_an_alert() {
    let mut pair = connected();
    pair.client.writer().write_all(b"DELE file\r\n").unwrap();
    let mut octets = Vec::new();
    pair.client.write_tls(&mut octets).unwrap();
    *octets.last_mut().unwrap() ^= 1;
    assert_eq!(pair.feed(&octets).unwrap_err().cause, Cause::Broken);
    assert!(pair.plaintext.is_empty());
    let told = pair.answer().unwrap_err();
    assert_eq!(told, rustls::Error::AlertReceived(rustls::AlertDescription::BadRecordMac));
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn no_octets_make_a_channel_panic(octets in prop::collection::vec(any::<u8>(), 0..600), cut in 0..400_usize, flip in any::<(usize, u8)>()) {
        let session = session();
        let _ = session.accept_control().shake(&octets);
        let record = [&[22, 3, 1, (octets.len() >> 8) as u8, octets.len() as u8][..], &octets].concat();
        let _ = session.accept_control().shake(&record);

        // An honest beginning that goes wrong.
        let mut pair = Pair::new(&any_version(), "a.example", session.accept_control());
        let mut hello = Vec::new();
        pair.client.write_tls(&mut hello).unwrap();
        let at = flip.0 % hello.len();
        hello[at] ^= flip.1;
        hello.truncate(hello.len().min(cut.max(1) * 2));
        let _ = pair.feed(&hello);
        let _ = pair.feed(&octets);
        pair.server.take_tls(&mut hello);
        let _ = pair.server.write(&octets);

        // A connection that goes wrong.
        let mut pair = connected();
        let _ = pair.feed(&octets);
        let _ = pair.server.end_of_stream();
        pair.server.close();
        pair.server.take_tls(&mut hello);
    }
}
