//! Monitor ↔ mapper: what is to be asked of the router and of a STUN server, and what came of it.

use std::net::{Ipv4Addr, SocketAddrV4};

use serde::{Deserialize, Serialize};

/// The most ports of a wish: the most passive ones that are mapped, and that of the control connection.
pub const MOST_PORTS: usize = 129;

/// Monitor → mapper.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum ToMapper {
    /// The first message: as whom to run; `None` for the starting user.
    Start(Option<(u32, u32)>),
    /// What is wanted from now on.
    Wish(Wish),
    /// Withdraw every mapping, then end.
    Withdraw,
}

/// What is wanted.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Wish {
    /// The router in front, when there is one.
    pub router: Option<Ipv4Addr>,
    /// How ports are mapped; `None` for not at all.
    pub mapping: Option<Mapping>,
    /// Which, at most [`MOST_PORTS`].
    pub ports: Vec<u16>,
    /// What tells our mappings from those of others (RFC 6887 §11.2); the same as long as the server lives.
    pub nonce: [u8; 12],
    /// For how many seconds a mapping is asked for.
    pub lifetime: u32,
    /// Whether the address outside is wanted.
    pub outside: bool,
    /// The server that is asked for it.
    pub stun: Option<SocketAddrV4>,
    /// After how many seconds it is looked for again; 0 is never.
    pub refresh: u32,
    /// Only look which of the ports lead to us already, where the router's protocol can tell.
    pub look: bool,
}

/// Which protocols may be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Mapping {
    /// The first that works.
    Any,
    /// This one.
    Only(Protocol),
}

/// A protocol to speak to a router by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Protocol {
    /// RFC 6887.
    Pcp,
    /// RFC 6886.
    NatPmp,
    /// UPnP Internet gateway.
    Upnp,
}

impl std::fmt::Display for Protocol {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Pcp => "PCP",
            Self::NatPmp => "NAT-PMP",
            Self::Upnp => "UPnP",
        })
    }
}

/// Mapper → monitor: how things stand, whenever that changed.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Report {
    /// Our address towards the router.
    pub local: Option<Ipv4Addr>,
    /// The protocol that the router answers.
    pub protocol: Option<Protocol>,
    /// The ports that the router forwards to us.
    pub mapped: Vec<u16>,
    /// For how many seconds it promised that last; 0 is until it is told otherwise.
    pub lifetime: u32,
    /// The ports that it does not forward.
    pub refused: Vec<u16>,
    /// Why not, or why no router could be asked; one line.
    pub trouble: Option<String>,
    /// How often the router was found to have been restarted.
    pub restarts: u32,
    /// The address outside, as the router tells it.
    pub by_router: Option<Ipv4Addr>,
    /// The address outside, as the STUN server sees it.
    pub by_stun: Option<Ipv4Addr>,
    /// Why the STUN server told nothing; one line.
    pub stun_trouble: Option<String>,
}
