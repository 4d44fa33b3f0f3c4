//! Tells addresses that the whole Internet reaches from those that only some networks do (RFC 6890).

use std::net::{IpAddr, Ipv4Addr};

/// Tells whether only some networks reach an address: private, link-local, loopback, a carrier's, or none at all.
///
/// Addresses of documentation count as public: they stand for public ones in examples and tests.
#[must_use]
pub fn is_local(address: Ipv4Addr) -> bool {
    address.is_private()
        || address.is_loopback()
        || address.is_link_local()
        || address.is_unspecified()
        || address.is_broadcast()
        || is_carriers(address)
}

/// Tells whether a carrier shares the address among customers (100.64.0.0/10, RFC 6598).
#[must_use]
pub fn is_carriers(address: Ipv4Addr) -> bool {
    let [first, second, ..] = address.octets();
    first == 100 && second & 0xc0 == 64
}

/// Tells whether somebody comes from the public Internet; also for IPv4 in an IPv6 coat.
#[must_use]
pub fn is_public_client(address: IpAddr) -> bool {
    match address.to_canonical() {
        IpAddr::V4(address) => !is_local(address),
        IpAddr::V6(address) => {
            !(address.is_loopback() || address.is_unique_local() || address.is_unicast_link_local())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_networks_that_the_internet_does_not_reach_are_local() {
        for text in
            ["10.1.2.3", "172.31.0.1", "192.168.1.1", "169.254.1.1", "127.0.0.1", "100.64.0.1", "0.0.0.0"]
        {
            assert!(is_local(text.parse().unwrap()), "{text}");
        }
        for text in ["172.32.0.1", "100.128.0.1", "100.63.255.255", "8.8.8.8", "203.0.113.5"] {
            assert!(!is_local(text.parse().unwrap()), "{text}");
        }
    }

    #[test]
    fn a_client_is_judged_by_its_own_family() {
        assert!(!is_public_client("::ffff:10.0.0.1".parse().unwrap()));
        assert!(!is_public_client("fd00::1".parse().unwrap()));
        assert!(is_public_client("2001:db8::1".parse().unwrap()));
    }
}
