//! One protocol to one router: the three are asked alike, and answer alike.

use std::net::{Ipv4Addr, SocketAddrV4};

use wharf_ipc::mapper::Protocol;
use wharf_nat::ask::{self, Gateway, Router};
use wharf_nat::{Fault, pcp};

/// How a router is spoken to.
pub(super) enum Way {
    Pcp(Router),
    NatPmp(Router),
    Upnp(Gateway),
}

/// What a router grants: for how many seconds, its clock if it tells it, its address outside if it tells that too.
pub(super) struct Grant {
    pub(super) lifetime: u32,
    pub(super) epoch: Option<u32>,
    pub(super) address: Option<Ipv4Addr>,
}

impl Way {
    /// Prepares to speak to a router; UPnP has to be searched for.
    pub(super) fn find(protocol: Protocol, router: Ipv4Addr) -> Result<Self, Fault> {
        Ok(match protocol {
            Protocol::Pcp => Self::Pcp(Router::at(router)?),
            Protocol::NatPmp => Self::NatPmp(Router::at(router)?),
            Protocol::Upnp => Self::Upnp(Gateway::find(router)?),
        })
    }

    /// Our address towards the router.
    pub(super) fn client(&self) -> Ipv4Addr {
        match self {
            Self::Pcp(router) | Self::NatPmp(router) => router.client(),
            Self::Upnp(gateway) => gateway.client(),
        }
    }

    /// Asks for one port. Another number outside is of no use: FTP tells clients the number inside.
    pub(super) fn ask(&self, port: u16, lifetime: u32, nonce: pcp::Nonce) -> Result<Grant, Fault> {
        let elsewhere = |external: u16| Fault::Refused {
            code: 11,
            reason: format!(
                "port {port} is taken outside; the router offers {external}, which no client would find"
            ),
        };
        match self {
            Self::Pcp(router) => {
                let mapped = router.map_by_pcp(port, lifetime, nonce)?;
                if lifetime > 0 && mapped.external != port {
                    let _ = router.map_by_pcp(port, 0, nonce);
                    return Err(elsewhere(mapped.external));
                }
                Ok(Grant { lifetime: mapped.lifetime, epoch: Some(mapped.epoch), address: mapped.address })
            }
            Self::NatPmp(router) => {
                let mapped = router.map_by_natpmp(port, lifetime)?;
                if lifetime > 0 && mapped.external != port {
                    let _ = router.map_by_natpmp(port, 0);
                    return Err(elsewhere(mapped.external));
                }
                Ok(Grant { lifetime: mapped.lifetime, epoch: Some(mapped.epoch), address: None })
            }
            Self::Upnp(gateway) if lifetime == 0 => {
                gateway.withdraw(port)?;
                Ok(Grant { lifetime, epoch: None, address: None })
            }
            Self::Upnp(gateway) => {
                Ok(Grant { lifetime: gateway.map(port, lifetime)?, epoch: None, address: None })
            }
        }
    }
}

/// A no that another protocol would hear as well: the way is right, the port is not to be had.
pub(super) fn is_about_the_port(protocol: Protocol, fault: &Fault) -> bool {
    let Fault::Refused { code, .. } = fault else { return false };
    match protocol {
        Protocol::Pcp => matches!(code, 2 | 7 | 8 | 10 | 11),
        Protocol::NatPmp => matches!(code, 2..=4 | 11),
        // It was found and has answered.
        Protocol::Upnp => true,
    }
}

/// Asks a STUN server, over TCP where no datagram comes back.
pub(super) fn stun(server: SocketAddrV4) -> Result<Ipv4Addr, Fault> {
    ask::stun(server).or_else(|fault| ask::stun_over_tcp(server).map_err(|_| fault))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refused_port_is_no_reason_to_try_another_protocol() {
        let refused = |code| Fault::Refused { code, reason: String::new() };
        assert!(is_about_the_port(Protocol::Pcp, &refused(11)));
        assert!(!is_about_the_port(Protocol::Pcp, &refused(1)));
        assert!(!is_about_the_port(Protocol::NatPmp, &Fault::Silent));
        assert!(is_about_the_port(Protocol::Upnp, &refused(718)));
    }
}
