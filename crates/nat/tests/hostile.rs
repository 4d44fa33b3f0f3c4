//! Whatever a router or server sends, nothing panics, and what is written can be read.
#![forbid(unsafe_code)]

use std::net::Ipv4Addr;

use proptest::prelude::*;
use wharf_nat::upnp::http::{Url, read_answer};
use wharf_nat::upnp::{description, soap, ssdp};
use wharf_nat::{natpmp, pcp, stun};

const TRANSACTION: [u8; 12] = *b"twelve octet";

fn asked(port: u16) -> pcp::Map {
    pcp::Map { port, lifetime: 60, client: Ipv4Addr::new(10, 0, 0, 2), nonce: TRANSACTION }
}

/// Octets that begin like an answer, so that the inner parts are reached too.
fn like(head: &'static [u8]) -> impl Strategy<Value = Vec<u8>> {
    proptest::collection::vec(any::<u8>(), 0..200).prop_map(move |tail| [head, &tail].concat())
}

proptest! {
    #[test]
    fn any_octets_are_survived(octets in proptest::collection::vec(any::<u8>(), 0..3000)) {
        let _ = asked(21).read_answer(&octets);
        let _ = natpmp::read_address(&octets);
        let _ = natpmp::read_mapping(&octets, 21);
        let _ = stun::read_answer(&octets, TRANSACTION);
        let _ = ssdp::read_answer(&octets, Ipv4Addr::LOCALHOST);
        let _ = read_answer(&octets, false);
        let _ = read_answer(&octets, true);
    }

    #[test]
    fn octets_that_begin_like_answers_are_survived(
        pcp in like(&[2, 0x81, 0, 0]),
        natpmp in like(&[0, 130, 0, 0]),
        stun in like(b"\x01\x01\x00\x20\x21\x12\xa4\x42twelve octet"),
        http in like(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"),
    ) {
        let _ = asked(21).read_answer(&pcp);
        let _ = natpmp::read_mapping(&natpmp, 21);
        let _ = stun::read_answer(&stun, TRANSACTION);
        let _ = read_answer(&http, false);
    }

    #[test]
    fn any_document_is_survived(
        text in "(<|>|/|service|serviceType|controlURL|URLBase|:|!--|-->|http://|[a-z ]|\\PC){0,60}"
    ) {
        let at = Url::parse("http://192.168.1.1:5000/d.xml").unwrap();
        if let Ok(found) = description::services(&text, &at) {
            prop_assert!(found.iter().all(|service| service.control.host.ip() == at.host.ip()));
        }
        let _ = soap::external_address(&text);
        let _ = soap::entry(&text);
    }

    #[test]
    fn any_reference_stays_on_its_machine_and_on_its_line(reference in "\\PC{0,40}|http://[0-9.:/]{0,20}") {
        let at = Url::parse("http://192.168.1.1:5000/a/d.xml").unwrap();
        if let Ok(url) = at.join(&reference) {
            prop_assert_eq!(url.host.ip(), at.host.ip());
            prop_assert!(url.path.starts_with('/') && !url.path.contains([' ', '\r', '\n']));
        }
    }

    #[test]
    fn what_a_router_grants_is_what_is_read(port: u16, external: u16, lifetime: u32, epoch: u32, ip: [u8; 4]) {
        let mut octets = vec![2, 0x81, 0, 0];
        octets.extend(lifetime.to_be_bytes());
        octets.extend(epoch.to_be_bytes());
        octets.extend([0; 12]);
        octets.extend(TRANSACTION);
        octets.extend([6, 0, 0, 0]);
        octets.extend(port.to_be_bytes());
        octets.extend(external.to_be_bytes());
        octets.extend(Ipv4Addr::from(ip).to_ipv6_mapped().octets());
        let mapped = asked(port).read_answer(&octets).unwrap();
        prop_assert_eq!((mapped.lifetime, mapped.epoch, mapped.external), (lifetime, epoch, external));
    }
}
