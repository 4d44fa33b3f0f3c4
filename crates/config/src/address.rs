//! The addresses a configuration listens on, as socket addresses.

use std::fmt;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr, SocketAddrV4, SocketAddrV6};

use bstr::{BString, ByteSlice};

use crate::Config;
use crate::problem::printable;

/// A listen_address or listen_address6 that is no numeric address; words as in vsftpd.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BadAddress {
    /// The option it stands in.
    pub option: &'static str,
    /// What stands there.
    pub value: BString,
}

impl fmt::Display for BadAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "bad {}: {}", self.option, printable(&self.value))
    }
}

impl std::error::Error for BadAddress {}

impl Config {
    /// Lists the control connection addresses to bind: none, IPv4, IPv6 or both.
    ///
    /// Looks up the index of an interface named after `%` in listen_address6. The IPv6 address is meant
    /// to be bound for IPv6 only when an IPv4 address is listed too.
    pub fn listen_addresses(&self) -> Result<Vec<SocketAddr>, BadAddress> {
        let mut addresses = Vec::new();
        let port = self.listen.listen_port;
        if self.listen.listen {
            addresses.push(SocketAddrV4::new(self.ipv4()?, port).into());
        }
        if self.listen.listen_ipv6 {
            let (address, scope) = self.ipv6()?;
            let index = scope.as_deref().map_or(Some(0), interface_index);
            let index = index.ok_or_else(|| self.bad_ipv6())?;
            addresses.push(SocketAddrV6::new(address, port, 0, index).into());
        }
        Ok(addresses)
    }

    pub(crate) fn ipv4(&self) -> Result<Ipv4Addr, BadAddress> {
        let Some(value) = &self.listen.listen_address else { return Ok(Ipv4Addr::UNSPECIFIED) };
        let address = value.to_str().ok().and_then(|text| text.parse().ok());
        address.ok_or_else(|| BadAddress { option: "listen_address", value: value.clone() })
    }

    /// Reads listen_address6 and the interface named in it.
    pub(crate) fn ipv6(&self) -> Result<(Ipv6Addr, Option<String>), BadAddress> {
        let Some(value) = &self.listen.listen_address6 else { return Ok((Ipv6Addr::UNSPECIFIED, None)) };
        let text = value.to_str().map_err(|_| self.bad_ipv6())?;
        let (address, scope) = match text.split_once('%') {
            Some((address, scope)) => (address, Some(scope)),
            None => (text, None),
        };
        let is_interface = |scope: &str| !scope.is_empty() && scope.len() < 16 && !scope.contains('/');
        if scope.is_some_and(|scope| !is_interface(scope)) {
            return Err(self.bad_ipv6());
        }
        let address = address.parse().map_err(|_| self.bad_ipv6())?;
        Ok((address, scope.map(str::to_owned)))
    }

    fn bad_ipv6(&self) -> BadAddress {
        let value = self.listen.listen_address6.clone().unwrap_or_default();
        BadAddress { option: "listen_address6", value }
    }
}

fn interface_index(scope: &str) -> Option<u32> {
    scope.parse().ok().or_else(|| {
        let index = std::fs::read_to_string(format!("/sys/class/net/{scope}/ifindex")).ok()?;
        index.trim().parse().ok()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn listening(text: &str) -> Result<Vec<SocketAddr>, BadAddress> {
        crate::parse(text.as_bytes(), None, &Config::default()).unwrap().config.listen_addresses()
    }

    #[test]
    fn both_families_can_listen_at_once() {
        let addresses = listening("listen_ipv6=YES\nlisten_port=2121").unwrap();
        assert_eq!(addresses, ["0.0.0.0:2121".parse().unwrap(), "[::]:2121".parse().unwrap()]);
    }

    #[test]
    fn an_interface_can_be_named() {
        let text = "listen=NO\nlisten_ipv6=YES\nlisten_address6=fe80::1%lo";
        let [SocketAddr::V6(address)] = listening(text).unwrap()[..] else { panic!("one IPv6 address") };
        assert_eq!(address.scope_id(), 1);
    }

    #[test]
    fn host_names_are_refused_in_vsftpds_words() {
        let bad = listening("listen_address=ftp.example.org").unwrap_err();
        assert_eq!(bad.to_string(), "bad listen_address: ftp.example.org");
        assert!(listening("listen_ipv6=YES\nlisten_address6=::1%../../x").is_err());
    }
}
