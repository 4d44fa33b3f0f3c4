//! Where a server says it waits for the data connection: 227 (RFC 959, RFC 1123 §4.1.2.6) and 229 (RFC 2428 §3).
//!
//! Compat: the text around the numbers is anybody's; some leave the parentheses out.

use std::net::{IpAddr, Ipv4Addr, SocketAddrV4};

/// Reads the six numbers of 227: in parentheses if there are any, else wherever they stand.
#[must_use]
pub fn parse_227(text: &[u8]) -> Option<SocketAddrV4> {
    // RFC 1123: look for the first digit rather than for a parenthesis.
    let inside = text.iter().position(|octet| *octet == b'(').and_then(|at| text.get(at + 1..));
    inside.and_then(six_numbers).or_else(|| six_numbers(text))
}

/// Finds the first six numbers in a row with commas between them.
fn six_numbers(text: &[u8]) -> Option<SocketAddrV4> {
    let is_part = |octet: &u8| octet.is_ascii_digit() || matches!(octet, b',' | b' ');
    text.split(|octet| !is_part(octet)).find_map(|run| {
        let numbers: Vec<u8> = run
            .split(|octet| *octet == b',')
            .map(|field| std::str::from_utf8(field.trim_ascii()).ok()?.parse().ok())
            .collect::<Option<_>>()?;
        let [a, b, c, d, high, low] = numbers.as_slice().try_into().ok()?;
        let port = u16::from_be_bytes([high, low]);
        (port != 0).then_some(SocketAddrV4::new(Ipv4Addr::new(a, b, c, d), port))
    })
}

/// Reads the port of 229: `(|||port|)`, with any delimiter.
#[must_use]
pub fn parse_229(text: &[u8]) -> Option<u16> {
    let open = text.iter().position(|octet| *octet == b'(')?;
    let (&delimiter, rest) = text.get(open + 1..)?.split_first()?;
    if !(33..=126).contains(&delimiter) || delimiter.is_ascii_digit() {
        return None;
    }
    let mut fields = rest.split(|octet| *octet == delimiter);
    // Compat: protocol and address should be empty; a server that fills them in means its own address.
    let (_, _, port) = (fields.next()?, fields.next()?, fields.next()?);
    fields.next()?;
    std::str::from_utf8(port).ok()?.parse().ok().filter(|port| *port != 0)
}

/// Tells whether the address of 227 cannot be meant: nobody can connect there from where the peer is.
///
/// A private address told by a server whose own is public, an unspecified one, loopback from elsewhere.
#[must_use]
pub fn is_unroutable(told: Ipv4Addr, peer: IpAddr) -> bool {
    let IpAddr::V4(peer) = peer.to_canonical() else { return true };
    let is_inner = |address: Ipv4Addr| {
        let [a, b, ..] = address.octets();
        address.is_private()
            || address.is_link_local()
            || address.is_loopback()
            || (a == 100 && (64..128).contains(&b))
    };
    told.is_unspecified()
        || told.is_multicast()
        || told.is_broadcast()
        || (is_inner(told) && !is_inner(peer))
        || (told.is_loopback() && !peer.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_six_numbers_are_found_in_any_text() {
        let expected = Some("192.168.20.2:46265".parse().unwrap());
        for text in [
            "Entering Passive Mode (192,168,20,2,180,185).",
            "Entering Passive Mode 192,168,20,2,180,185",
            "(vsFTPd 3 says) =192, 168, 20, 2, 180, 185;",
            "Entering Passive Mode (192,168,20,2,180,185",
        ] {
            assert_eq!(parse_227(text.as_bytes()), expected, "{text}");
        }
        for bad in ["", "(1,2,3,4,5)", "(1,2,3,4,5,256)", "(1,2,3,4,5,6,7)", "(1,2,3,4,0,0)", "a,b,c,d,e,f"] {
            assert_eq!(parse_227(bad.as_bytes()), None, "{bad}");
        }
    }

    #[test]
    fn the_port_is_found_between_any_delimiters() {
        assert_eq!(parse_229(b"Entering Extended Passive Mode (|||21229|)"), Some(21_229));
        assert_eq!(parse_229(b"ok (!!!6446!)"), Some(6446));
        for bad in ["", "(|||)", "(|||0|)", "(|||65536|)", "(|||12", "(1112231)", "|||12|"] {
            assert_eq!(parse_229(bad.as_bytes()), None, "{bad}");
        }
    }

    #[test]
    fn an_inner_address_is_believed_only_from_inside() {
        let unroutable = |told: &str, peer: &str| is_unroutable(told.parse().unwrap(), peer.parse().unwrap());
        assert!(unroutable("192.168.1.5", "203.0.113.9"));
        assert!(unroutable("100.64.1.1", "203.0.113.9"));
        assert!(unroutable("0.0.0.0", "192.168.1.5"));
        assert!(unroutable("127.0.0.1", "192.168.1.5"));
        assert!(!unroutable("192.168.1.5", "192.168.1.1"));
        assert!(!unroutable("127.0.0.1", "::ffff:127.0.0.1"));
        assert!(!unroutable("198.51.100.7", "203.0.113.9"), "another public address is a choice");
    }
}
