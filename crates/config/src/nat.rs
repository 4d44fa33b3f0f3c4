//! The values of the chapter `nat` that are more than a text: networks, a server, the way to map ports.

use std::net::Ipv4Addr;

use bstr::ByteSlice;

use crate::Config;

/// The most ports that a router is asked for; home routers hold a few hundred mappings for everybody.
pub const MOST_MAPPED: usize = 128;

/// One rule of pasv_address_for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ForNetwork {
    /// The network's address.
    pub network: Ipv4Addr,
    /// How many of its bits count, 0 to 32.
    pub length: u8,
    /// What its clients are told.
    pub address: Ipv4Addr,
}

/// The way a router is asked to forward ports.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PortMapping {
    /// It is not asked.
    Off,
    /// By the first protocol that works.
    Auto,
    /// RFC 6887.
    Pcp,
    /// RFC 6886.
    NatPmp,
    /// UPnP Internet gateway.
    Upnp,
}

/// A host and a port.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Server {
    /// A name or an IPv4 address.
    pub host: String,
    /// The port.
    pub port: u16,
}

/// The port of stun_server unless another is written (RFC 8489 §18.6).
const STUN_PORT: u16 = 3478;

impl Config {
    /// Answers whether the address in 227 is to be found out (`pasv_address=auto`).
    pub fn finds_its_address(&self) -> bool {
        self.data.pasv_address.as_ref().is_some_and(|text| text.trim().eq_ignore_ascii_case(b"auto"))
    }

    /// Reads pasv_address_for, the longest network first.
    ///
    /// Fails with the first rule that cannot be read.
    pub fn addresses_for(&self) -> Result<Vec<ForNetwork>, String> {
        let rules = self.nat.pasv_address_for.iter().flatten();
        let mut rules = rules
            .map(|text| text.to_str().ok().and_then(for_network).ok_or_else(|| text.to_string()))
            .collect::<Result<Vec<_>, _>>()?;
        rules.sort_by_key(|rule| std::cmp::Reverse(rule.length));
        Ok(rules)
    }

    /// Reads port_mapping; `None` when it says nothing that is known.
    pub fn port_mapping(&self) -> Option<PortMapping> {
        let text = self.nat.port_mapping.as_ref().map_or(&b"off"[..], |text| text.trim());
        match text.to_ascii_lowercase().as_slice() {
            b"off" | b"no" => Some(PortMapping::Off),
            b"auto" => Some(PortMapping::Auto),
            b"pcp" => Some(PortMapping::Pcp),
            b"natpmp" | b"nat-pmp" => Some(PortMapping::NatPmp),
            b"upnp" => Some(PortMapping::Upnp),
            _ => None,
        }
    }

    /// Reads stun_server; an error when it is set and neither HOST nor HOST:PORT.
    pub fn stun_server(&self) -> Result<Option<Server>, String> {
        let Some(text) = &self.nat.stun_server else { return Ok(None) };
        let bad = || text.to_string();
        let text = text.to_str().map_err(|_| bad())?.trim();
        let (host, port) = match text.split_once(':') {
            Some((host, port)) => (host, port.parse().ok().filter(|port| *port > 0).ok_or_else(bad)?),
            None => (text, STUN_PORT),
        };
        let is_name = |octet: u8| octet.is_ascii_alphanumeric() || matches!(octet, b'.' | b'-');
        if host.is_empty() || host.starts_with('-') || host.len() > 253 || !host.bytes().all(is_name) {
            return Err(bad());
        }
        Ok(Some(Server { host: host.to_owned(), port }))
    }

    /// The lowest and the highest passive port, as the listener understands the two options.
    pub fn passive_range(&self) -> (u16, u16) {
        let lowest = self.data.pasv_min_port.max(1024);
        let highest = if self.data.pasv_max_port < lowest { u16::MAX } else { self.data.pasv_max_port };
        (lowest, highest)
    }

    /// Lists the ports that clients connect to: of the control connection, then the passive ones.
    pub fn ports_for_clients(&self) -> Vec<u16> {
        let (lowest, highest) = self.passive_range();
        let passive = (lowest..=highest).filter(|port| *port != self.listen.listen_port);
        std::iter::once(self.listen.listen_port).chain(passive.filter(|_| self.data.pasv_enable)).collect()
    }
}

fn for_network(text: &str) -> Option<ForNetwork> {
    let (network, address) = text.split_once('=')?;
    let (network, length) = network.trim().split_once('/').unwrap_or((network.trim(), "32"));
    let length = length.parse().ok().filter(|length| *length <= 32)?;
    Some(ForNetwork { network: network.parse().ok()?, length, address: address.trim().parse().ok()? })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config(text: &str) -> Config {
        crate::parse(text.as_bytes(), None, &Config::default()).unwrap().config
    }

    #[test]
    fn the_longest_network_comes_first_and_a_single_address_is_one() {
        let config =
            config("pasv_address_for=192.168.0.0/16=192.168.0.5, 192.168.7.0/24=10.0.0.1,10.9.9.9=10.0.0.2");
        let rules = config.addresses_for().unwrap();
        assert_eq!(rules.iter().map(|rule| rule.length).collect::<Vec<_>>(), [32, 24, 16]);
        assert_eq!(rules[2].address, Ipv4Addr::new(192, 168, 0, 5));
    }

    #[test]
    fn a_rule_that_cannot_be_read_is_named() {
        for text in ["192.168.0.0/33=10.0.0.1", "lan=10.0.0.1", "10.0.0.0/8", "10.0.0.0/8=ftp"] {
            let told = config(&format!("pasv_address_for={text}")).addresses_for().unwrap_err();
            assert!(told.eq_ignore_ascii_case(text), "{told}");
        }
    }

    #[test]
    fn a_server_is_a_name_with_or_without_a_port() {
        let server = |text: &str| config(&format!("stun_server={text}")).stun_server();
        assert_eq!(
            server("stun.example.org"),
            Ok(Some(Server { host: "stun.example.org".into(), port: 3478 }))
        );
        assert_eq!(server("192.0.2.1:19302").unwrap().unwrap().port, 19302);
        assert!(server("--name-of").is_err() && server("a b").is_err() && server("host:0").is_err());
    }

    #[test]
    fn the_ports_for_clients_are_the_listening_one_and_the_passive_ones() {
        let text = "listen_port=2121\npasv_min_port=40000\npasv_max_port=40002";
        assert_eq!(config(text).ports_for_clients(), [2121, 40000, 40001, 40002]);
        assert_eq!(config(&format!("{text}\npasv_enable=NO")).ports_for_clients(), [2121]);
    }
}
