//! The networks of proxy_protocol_from.

use std::net::IpAddr;

use bstr::ByteSlice;

use crate::Config;

/// Addresses that begin with the same bits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Network {
    address: IpAddr,
    /// How many bits count.
    length: u8,
}

impl Network {
    /// Answers whether an address belongs to it. IPv4 is IPv4, also as `::ffff:192.0.2.1`.
    #[must_use]
    pub fn contains(&self, address: IpAddr) -> bool {
        match (self.address, address.to_canonical()) {
            (IpAddr::V4(network), IpAddr::V4(address)) => {
                begins_alike(u32::from(network).into(), u32::from(address).into(), 32, self.length)
            }
            (IpAddr::V6(network), IpAddr::V6(address)) => {
                begins_alike(network.into(), address.into(), 128, self.length)
            }
            _ => false,
        }
    }
}

fn begins_alike(one: u128, other: u128, width: u8, length: u8) -> bool {
    let rest = u32::from(width.saturating_sub(length));
    one.checked_shr(rest) == other.checked_shr(rest)
}

impl Config {
    /// Reads proxy_protocol_from.
    ///
    /// Fails with the first network that cannot be read.
    pub fn proxies(&self) -> Result<Vec<Network>, String> {
        let written = self.wharf.proxy_protocol_from.iter().flatten();
        written.map(|text| text.to_str().ok().and_then(network).ok_or_else(|| text.to_string())).collect()
    }
}

/// `10.0.0.0/8`, `2001:db8::/32`, or one address.
fn network(text: &str) -> Option<Network> {
    let (address, length) = match text.split_once('/') {
        Some((address, length)) => (address, Some(length.parse::<u8>().ok()?)),
        None => (text, None),
    };
    let address: IpAddr = address.trim().parse().ok()?;
    let most = if address.is_ipv4() { 32 } else { 128 };
    let length = length.unwrap_or(most);
    (length <= most).then_some(Network { address, length })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn contains(networks: &str, address: &str) -> bool {
        let text = format!("proxy_protocol_from={networks}\n");
        let config = crate::parse(text.as_bytes(), None, &Config::default()).unwrap().config;
        config.proxies().unwrap().iter().any(|network| network.contains(address.parse().unwrap()))
    }

    #[test]
    fn an_address_belongs_to_a_network_by_its_first_bits() {
        for (networks, inside, outside) in [
            ("10.0.0.0/8", "10.255.0.1", "11.0.0.1"),
            ("10.1.2.3", "10.1.2.3", "10.1.2.4"),
            ("192.0.2.128/25", "192.0.2.200", "192.0.2.1"),
            ("fd00::/8,10.0.0.1", "fdff::1", "fe80::1"),
            ("0.0.0.0/0", "203.0.113.9", "2001:db8::1"),
            ("::/0", "2001:db8::1", "203.0.113.9"),
        ] {
            assert!(contains(networks, inside), "{inside} in {networks}");
            assert!(!contains(networks, outside), "{outside} in {networks}");
        }
        assert!(contains("10.0.0.0/8", "::ffff:10.0.0.1"));
        assert!(!contains("", "10.0.0.1"));
    }

    #[test]
    fn what_is_no_network_is_named() {
        for bad in ["10.0.0.0/33", "PROXY.EXAMPLE.ORG", "10.0.0.0/", "::/129", "10.0.0.0/-1"] {
            let text = format!("proxy_protocol_from={bad}\n");
            let config = crate::parse(text.as_bytes(), None, &Config::default()).unwrap().config;
            assert_eq!(config.proxies().unwrap_err(), bad);
        }
    }
}
