//! Two ends of our own, so that limits can be low and messages odd. Against the library's: `tests/records.rs`.

use aws_lc_rs::aead::{AES_128_GCM, AES_256_GCM, Algorithm, CHACHA20_POLY1305};

use super::alert::Alert;
use super::keys::{Key, Secrets, Traffic};
use super::layer::Records;
use super::open::Opener;
use super::seal::Sealer;
use super::{Content, Frame, MOST};
use crate::Cause;
use crate::settings::Version;

const SUITES: [&Algorithm; 3] = [&AES_128_GCM, &AES_256_GCM, &CHACHA20_POLY1305];
const VERSIONS: [Version; 2] = [Version::Tls12, Version::Tls13];

fn secret(octet: u8) -> Traffic {
    Traffic::new(&[octet; 32]).unwrap()
}

/// The server under test, and a client that seals and opens as we do.
struct Ends {
    records: Records,
    client: Sealer,
    from_server: Opener,
    out: Vec<u8>,
}

impl Ends {
    fn new(version: Version, algorithm: &'static Algorithm, limit: Option<u64>) -> Self {
        let key = |octet| secret(octet).key(algorithm).unwrap();
        let mut sealer = Sealer::new(version, key(2), 0);
        if let Some(limit) = limit {
            sealer.limit_to(limit);
        }
        let secrets = Secrets { client: secret(1), server: secret(2) };
        let secrets = (version == Version::Tls13).then_some(secrets);
        Self {
            records: Records::new(version, sealer, Opener::new(version, key(1), 0), secrets),
            client: Sealer::new(version, key(1), 0),
            from_server: Opener::new(version, key(2), 0),
            out: Vec::new(),
        }
    }

    /// What the server makes of the client's records.
    fn hear(&mut self, records: &[(Content, &[u8])]) -> Result<Vec<u8>, crate::Fault> {
        let mut wire = Vec::new();
        for (content, inside) in records {
            self.client.append(*content, inside, &mut wire).unwrap();
        }
        let mut heard = Vec::new();
        self.records.open(&mut wire, &mut self.out, &mut |octets| heard.extend_from_slice(octets))?;
        Ok(heard)
    }

    /// The records that the server has sent, opened.
    fn said(&mut self) -> Vec<(Content, Vec<u8>)> {
        let mut rest = &mut std::mem::take(&mut self.out)[..];
        let mut said = Vec::new();
        while let Some(length) = self.from_server.length(rest).unwrap() {
            let (record, behind) = rest.split_at_mut(length);
            rest = behind;
            let (content, inside) = self.from_server.open(record).unwrap();
            said.push((content, inside.to_vec()));
        }
        said
    }

    fn refuses(&mut self, records: &[(Content, &[u8])]) -> (Cause, Vec<(Content, Vec<u8>)>) {
        (self.hear(records).unwrap_err().cause, self.said())
    }
}

fn told(alert: Alert) -> (Cause, Vec<(Content, Vec<u8>)>) {
    (Cause::Broken, vec![(Content::Alert, alert.octets().to_vec())])
}

const UPDATE: &[u8] = &[24, 0, 0, 1, 0];
const UPDATE_WANTED: &[u8] = &[24, 0, 0, 1, 1];

#[test]
fn what_is_sealed_in_its_places_is_what_is_written() {
    for version in VERSIONS {
        for algorithm in SUITES {
            for length in [0, 1, MOST - 1, MOST, MOST + 1, 3 * MOST + 77] {
                let plaintext: Vec<u8> = (0..length).map(|n| (n % 251) as u8).collect();
                let mut ends = Ends::new(version, algorithm, None);
                let mut room = vec![0; 4 * Frame::ROOM];
                let mut rest = &plaintext[..];
                for place in ends.records.frame().places(&mut room, length) {
                    place.copy_from_slice(&rest[..place.len()]);
                    rest = &rest[place.len()..];
                }
                let sealed = ends.records.seal(&mut room, length, &mut ends.out).unwrap();
                let mut written = Vec::new();
                let mut other = Ends::new(version, algorithm, None);
                other.records.write(&plaintext, &mut written).unwrap();
                assert!(ends.out.is_empty() && room[..sealed] == written[..], "{version:?} {length}");
                ends.out = written;
                assert!(ends.said().concat_data() == plaintext);
            }
        }
    }
}

trait ConcatData {
    fn concat_data(&self) -> Vec<u8>;
}

impl ConcatData for Vec<(Content, Vec<u8>)> {
    fn concat_data(&self) -> Vec<u8> {
        self.iter().filter(|one| one.0 == Content::Data).flat_map(|one| one.1.clone()).collect()
    }
}

#[test]
fn a_room_that_is_too_small_is_no_panic() {
    let mut ends = Ends::new(Version::Tls13, &AES_128_GCM, None);
    assert!(ends.records.seal(&mut [0; 40], 100, &mut ends.out).is_err());
    let mut ends = Ends::new(Version::Tls13, &AES_128_GCM, None);
    assert!(ends.records.seal(&mut vec![0; Frame::ROOM], 2 * MOST, &mut ends.out).is_err());
}

#[test]
fn a_key_that_has_sealed_enough_is_renewed_in_tls_13() {
    let mut ends = Ends::new(Version::Tls13, &AES_256_GCM, Some(4));
    for _ in 0..4 {
        ends.records.write(b"data", &mut ends.out).unwrap();
    }
    assert_eq!(ends.said().len(), 4);
    ends.records.write(b"more", &mut ends.out).unwrap();
    let rest = ends.out.split_off(5 + 5 + 17);
    assert_eq!(ends.said(), [(Content::Handshake, UPDATE.to_vec())]);
    ends.from_server.renew(secret(2).next().unwrap().key(&AES_256_GCM).unwrap());
    ends.out = rest;
    assert_eq!(ends.said(), [(Content::Data, b"more".to_vec())]);
}

#[test]
fn a_batch_that_would_be_too_much_for_its_key_goes_out_with_the_next() {
    let mut ends = Ends::new(Version::Tls13, &AES_128_GCM, Some(4));
    let mut room = vec![0; 4 * Frame::ROOM];
    ends.records.seal(&mut room, 3 * MOST, &mut ends.out).unwrap();
    assert!(ends.out.is_empty());
    let sealed = ends.records.seal(&mut room, 2 * MOST, &mut ends.out).unwrap();
    assert_eq!(ends.out.len(), 5 + 5 + 17);
    let mut next = Opener::new(Version::Tls13, secret(2).next().unwrap().key(&AES_128_GCM).unwrap(), 0);
    let length = next.length(&room[..sealed]).unwrap().unwrap();
    assert!(next.open(&mut room[..length]).is_ok());
}

#[test]
fn a_key_that_has_sealed_enough_ends_a_connection_of_tls_12() {
    let mut ends = Ends::new(Version::Tls12, &AES_128_GCM, Some(2));
    ends.records.write(&[7; 2 * MOST], &mut ends.out).unwrap();
    assert!(ends.records.write(b"more", &mut ends.out).is_err());
    assert!(ends.records.is_closed_by_us());
    let said = ends.said();
    assert_eq!(said[2..], [(Content::Alert, Alert::CloseNotify.octets().to_vec())]);
}

#[test]
fn an_asked_for_renewal_comes_before_the_next_data_and_not_sooner() {
    let mut ends = Ends::new(Version::Tls13, &CHACHA20_POLY1305, None);
    for octet in 1..=3 {
        ends.hear(&[(Content::Handshake, UPDATE_WANTED)]).unwrap();
        let mut next = secret(1);
        for _ in 0..octet {
            next = next.next().unwrap();
        }
        ends.client.renew(next.key(&CHACHA20_POLY1305).unwrap());
        assert_eq!(ends.hear(&[(Content::Data, b"x")]).unwrap(), b"x");
        assert!(ends.out.is_empty());
    }
    ends.records.write(b"y", &mut ends.out).unwrap();
    ends.out.truncate(5 + 5 + 17);
    assert_eq!(ends.said(), [(Content::Handshake, UPDATE.to_vec())]);
}

#[test]
fn renewals_without_data_end_sometime() {
    let mut ends = Ends::new(Version::Tls13, &AES_128_GCM, None);
    let mut next = secret(1);
    for number in 0..=32 {
        let heard = ends.hear(&[(Content::Handshake, UPDATE)]);
        assert_eq!(heard.is_err(), number == 32, "{number}");
        next = next.next().unwrap();
        ends.client.renew(next.key(&AES_128_GCM).unwrap());
    }
    assert_eq!(ends.said(), told(Alert::UnexpectedMessage).1);
}

#[test]
fn messages_with_no_place_here_are_refused_with_their_alert() {
    let new = || Ends::new(Version::Tls13, &AES_128_GCM, None);
    let hello: &[u8] = &[1, 0, 0, 1, 0];
    assert_eq!(new().refuses(&[(Content::Handshake, hello)]), told(Alert::UnexpectedMessage));
    assert_eq!(new().refuses(&[(Content::Handshake, &[24, 0, 0, 1, 9])]), told(Alert::IllegalParameter));
    assert_eq!(
        new().refuses(&[(Content::Handshake, &[24, 0]), (Content::Data, b"x")]),
        told(Alert::UnexpectedMessage)
    );
    assert_eq!(new().refuses(&[(Content::Handshake, b"")]), told(Alert::UnexpectedMessage));
    assert_eq!(new().refuses(&[(Content::Alert, &[1])]), told(Alert::DecodeError));
    assert_eq!(new().refuses(&[(Content::Alert, &[9, 40])]), told(Alert::IllegalParameter));
}

#[test]
fn alerts_of_the_peer_end_the_connection_and_are_not_answered() {
    for version in VERSIONS {
        let mut ends = Ends::new(version, &AES_128_GCM, None);
        assert_eq!(ends.refuses(&[(Content::Alert, &[2, 40])]), (Cause::PeerSaidNo, vec![]));
        assert!(ends.records.write(b"x", &mut ends.out).is_err());
    }
    let mut ends = Ends::new(Version::Tls13, &AES_128_GCM, None);
    assert_eq!(ends.refuses(&[(Content::Alert, &[1, 112])]).0, Cause::PeerSaidNo);
    // TLS 1.2 knows warnings; four of them.
    let mut ends = Ends::new(Version::Tls12, &AES_128_GCM, None);
    for _ in 0..4 {
        ends.hear(&[(Content::Alert, &[1, 112])]).unwrap();
    }
    assert_eq!(ends.refuses(&[(Content::Alert, &[1, 112])]), told(Alert::UnexpectedMessage));
}

#[test]
fn a_new_handshake_is_declined_once() {
    let hello: &[u8] = &[1, 0, 0, 2, 3, 3];
    let mut ends = Ends::new(Version::Tls12, &AES_256_GCM, None);
    assert_eq!(ends.hear(&[(Content::Handshake, hello), (Content::Data, b"go on")]).unwrap(), b"go on");
    assert_eq!(ends.said(), [(Content::Alert, Alert::NoRenegotiation.octets().to_vec())]);
    assert_eq!(ends.refuses(&[(Content::Handshake, hello)]), told(Alert::UnexpectedMessage));
}

#[test]
fn padding_is_taken_off_and_a_record_of_nothing_else_is_refused() {
    // Content type and padding stand where the plaintext ends: data of type "Data" with zeros behind.
    let mut ends = Ends::new(Version::Tls13, &AES_128_GCM, None);
    let padded = [b"secret".as_slice(), &[23, 0, 0, 0]].concat();
    let mut wire = vec![23, 3, 3, 0, 0];
    wire[4] = (padded.len() + 16) as u8;
    let mut key = secret(1).key(&AES_128_GCM).unwrap();
    let seal = |key: &mut Key, number, header: &[u8], inside: &[u8]| {
        let header: [u8; 5] = header.try_into().unwrap();
        let mut inside = inside.to_vec();
        let nonce = super::keys::once(key.nonce(number));
        key.ready()
            .unwrap()
            .seal_in_place_append_tag(nonce, aws_lc_rs::aead::Aad::from(header), &mut inside)
            .unwrap();
        inside
    };
    let sealed = seal(&mut key, 0, &wire, &padded);
    wire.extend(sealed);
    let mut heard = Vec::new();
    ends.records.open(&mut wire, &mut ends.out, &mut |octets| heard.extend_from_slice(octets)).unwrap();
    assert_eq!(heard, b"secret");
    let mut wire = vec![23, 3, 3, 0, 20];
    let sealed = seal(&mut key, 1, &wire, &[0; 4]);
    wire.extend(sealed);
    assert!(ends.records.open(&mut wire, &mut ends.out, &mut |_| {}).is_err());
    assert_eq!(ends.said(), told(Alert::UnexpectedMessage).1);
}

#[test]
fn a_record_that_is_too_long_or_of_another_kind_is_refused_by_its_header() {
    let alert = |version, header: [u8; 5]| {
        let mut ends = Ends::new(version, &AES_128_GCM, None);
        assert!(ends.records.open(&mut header.to_vec(), &mut ends.out, &mut |_| {}).is_err(), "{header:?}");
        ends.said()
    };
    assert_eq!(alert(Version::Tls13, [23, 3, 3, 0x41, 1]), told(Alert::RecordOverflow).1);
    assert_eq!(alert(Version::Tls12, [23, 3, 3, 0x48, 1]), told(Alert::RecordOverflow).1);
    assert_eq!(alert(Version::Tls13, [20, 3, 3, 0, 1]), told(Alert::UnexpectedMessage).1);
    assert_eq!(alert(Version::Tls13, [21, 3, 3, 0, 2]), told(Alert::UnexpectedMessage).1);
    assert_eq!(alert(Version::Tls12, [20, 3, 3, 0, 1]), told(Alert::UnexpectedMessage).1);
    assert_eq!(alert(Version::Tls12, [23, 3, 1, 0, 9]), told(Alert::ProtocolVersion).1);
    assert_eq!(alert(Version::Tls13, *b"USER "), told(Alert::UnexpectedMessage).1);
}

#[test]
fn a_session_at_rest_wakes_up_where_it_was() {
    for version in VERSIONS {
        let mut ends = Ends::new(version, &AES_256_GCM, None);
        for _ in 0..3 {
            assert_eq!(ends.hear(&[(Content::Data, b"NOOP")]).unwrap(), b"NOOP");
            ends.records.write(b"200", &mut ends.out).unwrap();
            ends.records.rest();
            assert_eq!(ends.said().concat_data(), b"200");
        }
    }
}
