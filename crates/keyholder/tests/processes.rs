//! The role as a process of its own, shut in as in the daemon, and a server of TLS beside it that never has a key.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test may panic")]

mod stage;

use std::fs::File;
use std::io::{Read, Seek, SeekFrom, Write};
use std::os::fd::{AsFd, OwnedFd};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use rustls::crypto::aws_lc_rs::sign::any_supported_type;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::{ClientConfig, ClientConnection, RootCertStore};
use wharf_ipc::keyholder::{
    self, Files, FromKeyholder, KeyId, Public, Question, Refused, Signatures, ToKeyholder,
};
use wharf_ipc::link::{Link, scratch};
use wharf_os::spawn::{Child, Inherited, Launch};
use wharf_transport::{Certificate, Certificates, Channel, Settings, Site};
use zeroize::Zeroizing;

const PATIENCE: Duration = Duration::from_secs(20);
const NOBODY: u32 = 65534;

const TESTS: &[(&str, fn())] = &[
    ("a_server_shakes_hands_without_the_key_in_its_memory", a_server_without_the_key),
    ("a_bad_set_is_refused_and_the_old_one_stays", a_bad_set_is_refused),
    ("every_kind_of_key_signs_inside_the_walls", every_kind_of_key_signs),
    ("a_worker_that_breaks_the_rules_loses_its_link_alone", a_bad_worker),
    ("a_monitor_that_breaks_the_rules_ends_the_role", a_bad_monitor),
];

fn main() -> ExitCode {
    match Inherited::from_arguments(std::env::args_os().skip(1)) {
        Ok(None) => stage::direct(TESTS),
        Ok(Some(mut inherited)) => match inherited.role() {
            "keyholder" => wharf_keyholder::run(inherited.require("monitor").unwrap()),
            _ => server(&mut inherited),
        },
        Err(error) => panic!("a child could not begin: {error}"),
    }
}

/// A keyholder under way.
struct Keyholder {
    link: Link<ToKeyholder, FromKeyholder>,
    child: Child,
}

impl Keyholder {
    fn start() -> Self {
        let (link, theirs) = Link::<ToKeyholder, FromKeyholder>::pair().unwrap();
        let child = Launch::new("keyholder").descriptor("monitor", theirs.as_fd()).start().unwrap();
        link.send(&ToKeyholder::Start(Some((NOBODY, NOBODY)))).unwrap();
        Self { link, child }
    }

    fn load(&self, set: u32, pairs: &[&Pair]) -> Result<Vec<Public>, Refused> {
        let files: Vec<_> = pairs
            .iter()
            .map(|pair| Files {
                certificate: ("cert.pem", pair.certificate.as_fd()),
                key: Some(("key.pem", pair.key.as_fd())),
            })
            .collect();
        keyholder::load(&self.link, set, &files, PATIENCE).unwrap()
    }

    /// A worker's link, handed over.
    fn worker(&self) -> OwnedFd {
        let (ours, theirs) = wharf_os::channel::Channel::pair().unwrap();
        self.link.send_with(&ToKeyholder::Worker, &[theirs.as_fd()]).unwrap();
        ours.into()
    }

    /// Closes the conversation and waits for the end.
    fn end(mut self) -> std::process::ExitStatus {
        drop(self.link);
        self.child.wait().unwrap()
    }
}

/// A certificate and its key, in files that only this process can open.
struct Pair {
    certificate: File,
    key: File,
    /// The octets to look for: the key's private number, as it stands in the file and as numbers stand in memory, and the
    /// text of the file.
    secrets: [Vec<u8>; 3],
    der: Vec<u8>,
    key_der: Vec<u8>,
}

fn file(text: &str) -> File {
    let mut file = tempfile::tempfile().unwrap();
    file.write_all(text.as_bytes()).unwrap();
    file
}

fn pair(algorithm: &'static rcgen::SignatureAlgorithm) -> Pair {
    let key = rcgen::KeyPair::generate_for(algorithm).unwrap();
    let certificate =
        rcgen::CertificateParams::new(vec!["ftp.example".into()]).unwrap().self_signed(&key).unwrap();
    // PKCS#8 around SEC 1: the private number is an OCTET STRING of 32 octets behind the version.
    let der = key.serialize_der();
    let at = der.windows(5).position(|w| w == [2, 1, 1, 4, 32]).map_or(der.len() - 32, |at| at + 5);
    let number = der[at..at + 32].to_vec();
    let text = key.serialize_pem();
    let line = text.lines().nth(1).unwrap().as_bytes().to_vec();
    Pair {
        certificate: file(&certificate.pem()),
        key: file(&text),
        secrets: [number.iter().rev().copied().collect(), number, line],
        der: certificate.der().to_vec(),
        key_der: der,
    }
}

fn handshake() -> Vec<u8> {
    [&[b' '; 64][..], b"TLS 1.3, server CertificateVerify\0", &[1; 32]].concat()
}

/// The other process: serves TLS on a channel of octets and then looks for the key in its own memory.
fn server(inherited: &mut Inherited) -> ExitCode {
    let signatures = Signatures::new(inherited.require("keyholder").unwrap()).unwrap();
    let report = wharf_os::channel::Channel::from(inherited.require("report").unwrap());
    // Nothing of a message may be left behind, for the search would find it.
    let hear = || {
        let mut buffer = Zeroizing::new(scratch());
        let length = report.receive(&mut buffer, &mut Vec::new()).unwrap().unwrap();
        buffer[..length].to_vec()
    };
    let (key, chain) = (hear(), hear());
    let key = wharf_transport::KeyId(u64::from_be_bytes(key.try_into().unwrap()));
    let sign = move |key: wharf_transport::KeyId, scheme: u16, message: &[u8]| {
        signatures.sign(KeyId(key.0), scheme, message)
    };
    let certificates =
        Certificates::new(&[Certificate { key, schemes: vec![0x0403], chain: vec![chain] }], Arc::new(sign))
            .unwrap();
    let session = Site::new(certificates, &Settings::default()).unwrap().session().unwrap();
    let mut channel: Channel = session.accept_control();
    while channel.is_handshaking() {
        let _ = channel.shake(&hear()).unwrap();
        let mut out = Vec::new();
        channel.take_tls(&mut out);
        if !out.is_empty() {
            report.send(&out, &[]).unwrap();
        }
    }
    report.send(b"ready", &[]).unwrap();
    // What to look for comes masked, for else it would be found in what asks for it.
    let mut own_key = None;
    loop {
        let word = Zeroizing::new(hear());
        match word.split_first() {
            Some((b'?', masked)) => report.send(&[u8::from(occurrences(masked) > 0)], &[]).unwrap(),
            Some((b'!', der)) => {
                let der = PrivateKeyDer::try_from(der).unwrap();
                own_key = Some(any_supported_type(&der).unwrap());
                report.send(b"loaded", &[]).unwrap();
            }
            _ => break,
        }
    }
    drop(own_key);
    ExitCode::SUCCESS
}

/// Counts where in this process's memory the octets stand whose complement is given.
fn occurrences(masked: &[u8]) -> usize {
    let maps = std::fs::read_to_string("/proc/self/maps").unwrap();
    let mut memory = File::open("/proc/self/mem").unwrap();
    let mut count = 0;
    for line in maps.lines().filter(|line| line.split(' ').nth(1).is_some_and(|may| may.starts_with('r'))) {
        let Some((from, to)) = line.split(' ').next().and_then(|range| range.split_once('-')) else {
            continue;
        };
        let (from, to) = (u64::from_str_radix(from, 16).unwrap(), u64::from_str_radix(to, 16).unwrap());
        let mut octets = vec![0; (to - from) as usize];
        // The kernel's own pages cannot be read, and are too high to seek to.
        if memory.seek(SeekFrom::Start(from)).is_ok() && memory.read_exact(&mut octets).is_ok() {
            let is_it = |window: &[u8]| window.iter().zip(masked).all(|(one, other)| *one == !*other);
            count += octets.windows(masked.len()).filter(|window| is_it(window)).count();
        }
        // The copy must not be found by the next search.
        octets.fill(0);
        std::hint::black_box(&octets);
    }
    count
}

fn a_server_without_the_key() {
    let keyholder = Keyholder::start();
    let pair = pair(&rcgen::PKCS_ECDSA_P256_SHA256);
    let public = keyholder.load(1, &[&pair]).unwrap();
    assert_eq!((public[0].chain[0].as_ref(), &public[0].schemes), (&pair.der[..], &vec![0x0403]));
    let worker = keyholder.worker();
    let (report, theirs) = wharf_os::channel::Channel::pair().unwrap();
    let mut child = Launch::new("server")
        .descriptor("keyholder", worker.as_fd())
        .descriptor("report", theirs.as_fd())
        .start()
        .unwrap();
    drop((worker, theirs));
    report.send(&public[0].key.0.to_be_bytes(), &[]).unwrap();
    report.send(&public[0].chain[0], &[]).unwrap();

    shake_hands(&report, &pair.der);

    let ask = |word: &[u8], octets: &[u8]| {
        report.send(&[word, octets].concat(), &[]).unwrap();
        let mut answer = [0; 8];
        report.receive(&mut answer, &mut Vec::new()).unwrap();
        answer[0]
    };
    let search = |octets: &[u8]| ask(b"?", &octets.iter().map(|octet| !octet).collect::<Vec<_>>()) == 1;
    for secret in &pair.secrets {
        assert!(!search(secret), "the key is in the server's memory");
    }
    // The search finds what is there: the certificate, and a key that is really held.
    assert!(search(&pair.der[20..60]));
    ask(b"!", &pair.key_der);
    assert!(pair.secrets.iter().any(|secret| search(secret)), "the search would not find a key");
    report.send(b".", &[]).unwrap();
    assert!(child.wait().unwrap().success());
    assert!(keyholder.end().success());
}

/// A client that believes this certificate and no other, so that the signature is really checked.
fn shake_hands(report: &wharf_os::channel::Channel, der: &[u8]) {
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from(der.to_vec())).unwrap();
    let config = ClientConfig::builder_with_provider(Arc::new(rustls::crypto::aws_lc_rs::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    let name = ServerName::try_from("ftp.example").unwrap();
    let mut client = ClientConnection::new(Arc::new(config), name).unwrap();
    let mut buffer = scratch();
    loop {
        let mut out = Vec::new();
        while client.wants_write() {
            client.write_tls(&mut out).unwrap();
        }
        if !out.is_empty() {
            report.send(&out, &[]).unwrap();
        }
        let length = report.receive(&mut buffer, &mut Vec::new()).unwrap().unwrap();
        if &buffer[..length] == b"ready" {
            return assert!(!client.is_handshaking());
        }
        client.read_tls(&mut &buffer[..length]).unwrap();
        client.process_new_packets().unwrap();
    }
}

fn a_bad_set_is_refused() {
    let keyholder = Keyholder::start();
    let (one, other) = (pair(&rcgen::PKCS_ECDSA_P256_SHA256), pair(&rcgen::PKCS_ED25519));
    let old = keyholder.load(1, &[&one]).unwrap()[0].key;
    let signatures = Signatures::new(keyholder.worker()).unwrap();
    let crossed = Pair { key: other.key.try_clone().unwrap(), ..pair(&rcgen::PKCS_ECDSA_P256_SHA256) };
    let refused = keyholder.load(2, &[&other, &crossed]).unwrap_err();
    assert!(refused.file == "cert.pem" && refused.reason.contains("key.pem does not belong"), "{refused:?}");
    assert!(signatures.sign(old, 0x0403, &handshake()).is_ok());
    assert!(
        signatures.sign(KeyId::new(2, 0), 0x0807, &handshake()).is_err(),
        "half of a refused set is in force"
    );

    let new = keyholder.load(3, &[&other]).unwrap()[0].key;
    assert!(signatures.sign(new, 0x0807, &handshake()).is_ok());
    assert!(signatures.sign(old, 0x0403, &handshake()).is_ok(), "handshakes under way go on");
    assert!(signatures.sign(new, 0x0403, &handshake()).is_err());
    assert!(signatures.sign(new, 0x0807, b"a token").is_err());
    drop(signatures);
    assert!(keyholder.end().success());
}

fn every_kind_of_key_signs() {
    let keyholder = Keyholder::start();
    let pairs = [
        pair(&rcgen::PKCS_ECDSA_P256_SHA256),
        pair(&rcgen::PKCS_ECDSA_P384_SHA384),
        pair(&rcgen::PKCS_ED25519),
        pair(&rcgen::PKCS_RSA_SHA256),
    ];
    let public = keyholder.load(1, &pairs.iter().collect::<Vec<_>>()).unwrap();
    let signatures = Signatures::new(keyholder.worker()).unwrap();
    let mut count = 0;
    for one in &public {
        for &scheme in &one.schemes {
            assert!(signatures.sign(one.key, scheme, &handshake()).is_ok(), "{scheme:#06x}");
            count += 1;
        }
    }
    assert_eq!(count, 1 + 1 + 1 + 6);
    assert!(keyholder.end().success());
}

fn a_bad_worker() {
    let keyholder = Keyholder::start();
    let pair = pair(&rcgen::PKCS_ED25519);
    let key = keyholder.load(1, &[&pair]).unwrap()[0].key;
    let honest = Signatures::new(keyholder.worker()).unwrap();
    let question = || Question { number: 1, key, scheme: 0x0807, message: handshake() };
    let heard_nothing = |link: &wharf_os::channel::Channel| {
        let mut buffer = scratch();
        matches!(link.receive(&mut buffer, &mut Vec::new()), Ok(None))
    };

    let nonsense = wharf_os::channel::Channel::from(keyholder.worker());
    nonsense.send(&[255; 40], &[]).unwrap();
    assert!(heard_nothing(&nonsense));

    let long = wharf_os::channel::Channel::from(keyholder.worker());
    long.send(&[0; 5000], &[]).unwrap();
    assert!(heard_nothing(&long));

    let giver = Link::<Question, keyholder::Answer>::from(keyholder.worker());
    giver.send_with(&question(), &[pair.key.as_fd()]).unwrap();
    assert!(giver.receive(&mut scratch()).unwrap().is_none());

    let deaf = Link::<Question, keyholder::Answer>::from(keyholder.worker());
    while deaf.send(&question()).is_ok() {}
    assert!(honest.sign(key, 0x0807, &handshake()).is_ok());
    assert!(keyholder.end().success());
}

fn a_bad_monitor() {
    for words in [
        &[ToKeyholder::Commit][..],
        &[ToKeyholder::Start(None)],
        &[ToKeyholder::Begin { set: 0 }],
        &[ToKeyholder::Begin { set: 2 }, ToKeyholder::Begin { set: 2 }],
        &[ToKeyholder::Begin { set: 1 }, ToKeyholder::Pair { certificate: "c".into(), key: None }],
    ] {
        let mut keyholder = Keyholder::start();
        for word in words {
            keyholder.link.send(word).unwrap();
        }
        assert!(!keyholder.child.wait().unwrap().success(), "{words:?}");
    }
}
