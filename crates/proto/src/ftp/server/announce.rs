//! Which address 227 tells to whom (RFC 959 §4.1.2 `PASV`).
//!
//! EPSV tells none, which is why it is the better command behind address translation.

use std::net::{IpAddr, Ipv4Addr};

use crate::scope;

/// What is told to whom.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Announce {
    /// Rules for clients of certain networks; the first that fits decides (`pasv_address_for`).
    pub by_network: Vec<(Network, Ipv4Addr)>,
    /// What all others are told.
    pub otherwise: Otherwise,
}

/// An IPv4 network.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Network {
    /// Any of its addresses.
    pub address: Ipv4Addr,
    /// How many bits count; more than 32 count as 32.
    pub length: u8,
}

impl Network {
    /// Tells whether an address lies in it.
    #[must_use]
    pub fn holds(self, address: Ipv4Addr) -> bool {
        let mask = u32::MAX.checked_shl(32 - u32::from(self.length.min(32))).unwrap_or(0);
        (u32::from(self.address) ^ u32::from(address)) & mask == 0
    }
}

/// What is told to clients without a rule of their own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Otherwise {
    /// The address they connected to.
    #[default]
    Local,
    /// This one (`pasv_address`, a number).
    Fixed(Ipv4Addr),
    /// The one that was looked up last (`pasv_address`, a name).
    LookedUp,
    /// Clients of private networks: the address they connected to. Others: that too if the whole Internet reaches it,
    /// and the address outside if not (`pasv_address=auto`).
    ByClient,
}

impl Announce {
    /// Chooses what one client is told. `outside` is what was looked up last.
    ///
    /// Over IPv6 the address they connected to is 0.0.0.0, as vsftpd has it; clients then take the one they know.
    #[must_use]
    pub fn address(&self, peer: IpAddr, local: IpAddr, outside: Option<Ipv4Addr>) -> Ipv4Addr {
        let local = match local.to_canonical() {
            IpAddr::V4(address) => address,
            IpAddr::V6(_) => Ipv4Addr::UNSPECIFIED,
        };
        if let IpAddr::V4(peer) = peer.to_canonical()
            && let Some((_, address)) = self.by_network.iter().find(|(network, _)| network.holds(peer))
        {
            return *address;
        }
        match self.otherwise {
            Otherwise::Local => local,
            Otherwise::Fixed(address) => address,
            Otherwise::LookedUp => outside.unwrap_or(local),
            Otherwise::ByClient if local.is_unspecified() => local,
            Otherwise::ByClient if scope::is_public_client(peer) && scope::is_local(local) => {
                outside.unwrap_or(local)
            }
            Otherwise::ByClient => local,
        }
    }
}

/// Tells whether a client of the public Internet was told an address that it cannot reach.
#[must_use]
pub fn leads_nowhere(peer: IpAddr, announced: Ipv4Addr) -> bool {
    !announced.is_unspecified()
        && peer.is_ipv4()
        && scope::is_public_client(peer)
        && scope::is_local(announced)
}

#[cfg(test)]
mod tests {
    use super::*;

    const OUTSIDE: Ipv4Addr = Ipv4Addr::new(198, 51, 100, 7);

    fn told(announce: &Announce, peer: &str, local: &str, outside: Option<Ipv4Addr>) -> String {
        announce.address(peer.parse().unwrap(), local.parse().unwrap(), outside).to_string()
    }

    #[test]
    fn auto_tells_each_client_the_address_it_can_reach() {
        let auto = Announce { otherwise: Otherwise::ByClient, ..Announce::default() };
        assert_eq!(told(&auto, "192.168.1.9", "192.168.1.5", Some(OUTSIDE)), "192.168.1.5");
        assert_eq!(told(&auto, "203.0.113.4", "192.168.1.5", Some(OUTSIDE)), "198.51.100.7");
        assert_eq!(told(&auto, "203.0.113.4", "203.0.113.9", Some(OUTSIDE)), "203.0.113.9");
        assert_eq!(told(&auto, "203.0.113.4", "192.168.1.5", None), "192.168.1.5");
        assert_eq!(told(&auto, "2001:db8::4", "2001:db8::5", Some(OUTSIDE)), "0.0.0.0");
    }

    #[test]
    fn a_rule_for_a_network_comes_before_everything() {
        let network = Network { address: Ipv4Addr::new(10, 8, 0, 0), length: 24 };
        let rules = Announce {
            by_network: vec![(network, Ipv4Addr::new(10, 8, 0, 1))],
            otherwise: Otherwise::Fixed(OUTSIDE),
        };
        assert_eq!(told(&rules, "10.8.0.77", "192.168.1.5", None), "10.8.0.1");
        assert_eq!(told(&rules, "::ffff:10.8.0.77", "192.168.1.5", None), "10.8.0.1");
        assert_eq!(told(&rules, "10.8.1.77", "192.168.1.5", None), "198.51.100.7");
    }

    #[test]
    fn a_name_is_told_to_everybody_as_in_vsftpd() {
        let named = Announce { otherwise: Otherwise::LookedUp, ..Announce::default() };
        assert_eq!(told(&named, "192.168.1.9", "192.168.1.5", Some(OUTSIDE)), "198.51.100.7");
    }

    #[test]
    fn a_network_holds_what_shares_its_bits() {
        let network = |length| Network { address: Ipv4Addr::new(172, 16, 0, 0), length };
        assert!(network(12).holds(Ipv4Addr::new(172, 31, 255, 255)));
        assert!(!network(12).holds(Ipv4Addr::new(172, 32, 0, 0)));
        assert!(network(0).holds(Ipv4Addr::BROADCAST));
        assert!(!network(32).holds(Ipv4Addr::new(172, 16, 0, 1)));
    }

    #[test]
    fn only_a_public_client_with_a_private_address_is_led_nowhere() {
        let nowhere =
            |peer: &str, address: &str| leads_nowhere(peer.parse().unwrap(), address.parse().unwrap());
        assert!(nowhere("203.0.113.4", "192.168.1.5") && nowhere("203.0.113.4", "100.64.1.1"));
        assert!(!nowhere("192.168.1.9", "192.168.1.5") && !nowhere("203.0.113.4", "198.51.100.7"));
        assert!(!nowhere("203.0.113.4", "0.0.0.0") && !nowhere("2001:db8::1", "10.0.0.1"));
    }
}
