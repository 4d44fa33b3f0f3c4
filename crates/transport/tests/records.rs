//! Our record layer against the library's: both versions, every suite, octets split anywhere, keys renewed in between,
//! and what happens when the wire is cut or bent.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test may panic")]

mod common;

use std::io::Write;
use std::sync::{Arc, LazyLock};

use common::{Pair, certificates, client_of, heard, made};
use proptest::prelude::*;
use rustls::version::{TLS12, TLS13};
use rustls::{AlertDescription, CipherSuite, Error};
use wharf_transport::{Cause, Frame, Settings, Site};

const SUITES: [CipherSuite; 6] = [
    CipherSuite::TLS13_AES_128_GCM_SHA256,
    CipherSuite::TLS13_AES_256_GCM_SHA384,
    CipherSuite::TLS13_CHACHA20_POLY1305_SHA256,
    CipherSuite::TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256,
    CipherSuite::TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384,
    CipherSuite::TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256,
];

static SITE: LazyLock<Arc<Site>> = LazyLock::new(|| {
    let one = made(&["ftp.example"], &rcgen::PKCS_ECDSA_P256_SHA256);
    Site::new(certificates(&[one]), &Settings::default()).unwrap()
});

fn connected(suite: CipherSuite) -> Pair {
    let version = if is_13(suite) { &TLS13 } else { &TLS12 };
    let config = client_of(version, |known| known == suite);
    let session = SITE.session().unwrap();
    let mut pair = Pair::connect(&Arc::new(config), "ftp.example", session.accept_control()).unwrap();
    pair.client.set_buffer_limit(None);
    assert_eq!(pair.server.suite(), suite.as_str());
    pair
}

fn is_13(suite: CipherSuite) -> bool {
    suite.as_str().unwrap().starts_with("TLS13")
}

fn octets(length: usize, seed: u8) -> Vec<u8> {
    (0..length).map(|n| (n as u8).wrapping_mul(31).wrapping_add(seed).wrapping_add((n >> 8) as u8)).collect()
}

/// Seals octets in their places, as a download does.
fn sealed(pair: &mut Pair, plaintext: &[u8]) -> Vec<u8> {
    let records = plaintext.len().div_ceil(Frame::RECORD);
    let mut room = vec![0xee; records * Frame::ROOM];
    let mut rest = plaintext;
    for place in pair.server.frame().unwrap().places(&mut room, plaintext.len()) {
        place.copy_from_slice(&rest[..place.len()]);
        rest = &rest[place.len()..];
    }
    assert!(rest.is_empty());
    let length = pair.server.seal(&mut room, plaintext.len()).unwrap();
    let mut wire = Vec::new();
    pair.server.take_tls(&mut wire);
    wire.extend_from_slice(&room[..length]);
    wire
}

fn client_hears(pair: &mut Pair, wire: &[u8]) -> Vec<u8> {
    let (mut rest, mut all) = (wire, Vec::new());
    while !rest.is_empty() {
        pair.client.read_tls(&mut rest).unwrap();
        pair.client.process_new_packets().unwrap();
        all.extend(heard(&mut pair.client));
    }
    all
}

#[derive(Debug, Clone)]
enum Step {
    ClientSays(usize),
    ServerWrites(usize),
    ServerSeals(usize),
    ClientRenewsKeys,
    ServerRests,
}

fn step() -> impl Strategy<Value = Step> {
    let length = || prop_oneof![4 => 0..200_usize, 2 => 16_000..17_000_usize, 1 => 0..200_000_usize];
    prop_oneof![
        3 => length().prop_map(Step::ClientSays),
        3 => length().prop_map(Step::ServerWrites),
        3 => length().prop_map(Step::ServerSeals),
        1 => Just(Step::ClientRenewsKeys),
        1 => Just(Step::ServerRests),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 96, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn every_octet_arrives_whatever_happens_in_between(
        suite in prop::sample::select(&SUITES[..]),
        steps in prop::collection::vec(step(), 1..12),
        split in prop_oneof![1..64_usize, 1000..70_000_usize],
    ) {
        let mut pair = connected(suite);
        for (number, step) in steps.into_iter().enumerate() {
            match step {
                Step::ClientSays(length) => {
                    let said = octets(length, number as u8);
                    pair.client.writer().write_all(&said).unwrap();
                    let wire = pair.said();
                    pair.plaintext.clear();
                    for piece in wire.chunks(split) {
                        pair.feed(piece).unwrap();
                    }
                    prop_assert!(pair.plaintext == said);
                }
                Step::ServerWrites(length) => {
                    let said = octets(length, number as u8);
                    prop_assert_eq!(pair.server.write(&said), length);
                    let mut wire = Vec::new();
                    pair.server.take_tls(&mut wire);
                    prop_assert!(client_hears(&mut pair, &wire) == said);
                }
                Step::ServerSeals(length) => {
                    let said = octets(length, number as u8);
                    let wire = sealed(&mut pair, &said);
                    prop_assert!(client_hears(&mut pair, &wire) == said);
                }
                Step::ClientRenewsKeys if is_13(suite) => {
                    pair.client.refresh_traffic_keys().unwrap();
                    let wire = pair.said();
                    for piece in wire.chunks(split) {
                        pair.feed(piece).unwrap();
                    }
                    // The answer waits for our next data.
                    prop_assert!(!pair.server.wants_write());
                }
                Step::ClientRenewsKeys => {}
                Step::ServerRests => pair.server.rest(),
            }
        }
        pair.server.close();
        pair.client.send_close_notify();
        pair.settle().unwrap();
        prop_assert!(pair.server.is_closed_cleanly());
        prop_assert!(pair.client.process_new_packets().unwrap().peer_has_closed());
    }

    #[test]
    fn a_wire_that_was_bent_or_cut_never_gives_wrong_octets(
        suite in prop::sample::select(&SUITES[..]),
        length in 1..50_000_usize,
        at in any::<prop::sample::Index>(),
        flip in 1..=255_u8,
    ) {
        let said = octets(length, 1);
        let mut pair = connected(suite);
        pair.client.writer().write_all(&said).unwrap();
        let mut wire = pair.said();
        let at = at.index(wire.len());

        let mut cut = connected(suite);
        cut.client.writer().write_all(&said).unwrap();
        let half = cut.said();
        cut.feed(&half[..at]).unwrap();
        prop_assert!(cut.plaintext.len() < said.len() && said.starts_with(&cut.plaintext));
        prop_assert_eq!(cut.server.end_of_stream().unwrap_err().cause, Cause::Truncated);

        wire[at] ^= flip;
        match pair.feed(&wire) {
            // A length that was made longer waits for octets that do not come.
            Ok(()) => prop_assert_eq!(pair.server.end_of_stream().unwrap_err().cause, Cause::Truncated),
            Err(fault) => {
                prop_assert_eq!(fault.cause, Cause::Broken);
                prop_assert!(matches!(pair.answer(), Err(Error::AlertReceived(_))));
                prop_assert!(!pair.server.wants_write() && pair.server.write(b"x") == 0);
            }
        }
        prop_assert!(pair.plaintext.len() < said.len() && said.starts_with(&pair.plaintext));
    }
}

#[test]
fn a_bent_record_is_told_so_by_its_alert() {
    for suite in SUITES {
        let mut pair = connected(suite);
        pair.client.writer().write_all(b"good").unwrap();
        let mut wire = pair.said();
        pair.client.writer().write_all(b"bent").unwrap();
        wire.extend(pair.said());
        *wire.last_mut().unwrap() ^= 0x80;
        assert_eq!(pair.feed(&wire).unwrap_err().cause, Cause::Broken);
        assert_eq!(pair.plaintext, b"good", "what was good before is given");
        assert_eq!(pair.answer().unwrap_err(), Error::AlertReceived(AlertDescription::BadRecordMac));
    }
}

#[test]
fn a_record_that_comes_twice_or_in_another_place_is_refused() {
    for suite in SUITES {
        let mut pair = connected(suite);
        pair.client.writer().write_all(b"DELE a").unwrap();
        let first = pair.said();
        pair.client.writer().write_all(b"DELE b").unwrap();
        let second = pair.said();
        pair.feed(&first).unwrap();
        assert!(pair.feed(&first).is_err(), "twice");
        let mut other = connected(suite);
        other.client.writer().write_all(b"DELE a").unwrap();
        let _dropped = other.said();
        assert!(other.feed(&second).is_err(), "another connection's");
    }
}

#[test]
fn keys_are_renewed_many_times_both_ways() {
    for suite in SUITES.into_iter().filter(|&suite| is_13(suite)) {
        let mut pair = connected(suite);
        for round in 0..40_u8 {
            pair.client.refresh_traffic_keys().unwrap();
            pair.client.writer().write_all(&[round]).unwrap();
            pair.settle().unwrap();
            assert_eq!(pair.plaintext.pop(), Some(round));
            let wire = sealed(&mut pair, &[round; 20_000]);
            assert!(client_hears(&mut pair, &wire) == [round; 20_000]);
        }
    }
}

#[test]
fn thirty_two_mebibytes_are_sealed_in_place() {
    const BATCH: usize = 16 * Frame::RECORD;
    for suite in SUITES {
        let mut pair = connected(suite);
        let block = octets(BATCH, 9);
        for _ in 0..32 * 1024 * 1024 / BATCH {
            let wire = sealed(&mut pair, &block);
            assert!(client_hears(&mut pair, &wire) == block);
        }
    }
}

#[test]
fn nothing_secret_is_shown() {
    let pair = connected(SUITES[0]);
    let shown = format!("{:?}", pair.server);
    assert!(shown.len() < 400 && !shown.contains("key") && !shown.contains("secret"), "{shown}");
}
