//! The Port Control Protocol: `MAP` requests and their answers (RFC 6887 §7, §11).
//!
//! `PEER`, `ANNOUNCE` and third parties are left out: nothing here needs them. Addresses are IPv4, in their mapped form.

use std::net::{Ipv4Addr, Ipv6Addr};

use crate::Fault;
use crate::octets::Octets;

/// Where routers listen for this protocol and for NAT-PMP.
pub const PORT: u16 = 5351;

/// The longest message either side may send.
pub const MAX_MESSAGE: usize = 1100;

const VERSION: u8 = 2;
const MAP: u8 = 1;
const ANSWER: u8 = 0x80;
const TCP: u8 = 6;
/// `PREFER_FAILURE`: another external port than the one suggested is of no use (RFC 6887 §13.2).
const PREFER_FAILURE: [u8; 4] = [2, 0, 0, 0];

/// What tells our mappings from those of others; keep it for renewing and withdrawing.
pub type Nonce = [u8; 12];

/// A TCP port that is asked for, under its own number outside.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Map {
    /// Ours, and the one wanted outside.
    pub port: u16,
    /// For how many seconds; 0 withdraws.
    pub lifetime: u32,
    /// The address we speak to the router from.
    pub client: Ipv4Addr,
    /// See [`Nonce`].
    pub nonce: Nonce,
}

/// What a router grants.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Mapped {
    /// For how many seconds.
    pub lifetime: u32,
    /// The router's clock, for [`crate::epoch`].
    pub epoch: u32,
    /// The port inside.
    pub internal: u16,
    /// The port outside.
    pub external: u16,
    /// The address outside; `None` when it is no IPv4 address or none at all.
    pub address: Option<Ipv4Addr>,
}

impl Map {
    /// Writes the request.
    #[must_use]
    pub fn to_octets(&self) -> Vec<u8> {
        let mut octets = vec![VERSION, MAP, 0, 0];
        octets.extend(self.lifetime.to_be_bytes());
        octets.extend(self.client.to_ipv6_mapped().octets());
        octets.extend(self.nonce);
        octets.extend([TCP, 0, 0, 0]);
        octets.extend(self.port.to_be_bytes());
        octets.extend(if self.lifetime == 0 { 0 } else { self.port }.to_be_bytes());
        // "Any of your IPv4 addresses."
        octets.extend(Ipv4Addr::UNSPECIFIED.to_ipv6_mapped().octets());
        if self.lifetime > 0 {
            octets.extend(PREFER_FAILURE);
        }
        octets
    }

    /// Reads the answer to this request.
    ///
    /// # Errors
    /// [`Fault::Malformed`] for what is no answer to it and should be passed over, [`Fault::Refused`] for a no.
    pub fn read_answer(&self, message: &[u8]) -> Result<Mapped, Fault> {
        let mut octets = Octets(message);
        let version = octets.u8()?;
        if octets.u8()? & ANSWER == 0 {
            return Err(Fault::Malformed("it is no answer"));
        }
        if version != VERSION {
            // A router that speaks NAT-PMP only says so in that protocol (RFC 6887 §9).
            return Err(Fault::refused(1, refusal(1)));
        }
        if message.get(1) != Some(&(MAP | ANSWER)) || message.len() > MAX_MESSAGE {
            return Err(Fault::Malformed("it answers something else"));
        }
        let (_, result) = (octets.u8()?, octets.u8()?);
        let (lifetime, epoch) = (octets.u32()?, octets.u32()?);
        octets.take(12)?;
        if result != 0 && octets.0.is_empty() {
            return Err(Fault::refused(result.into(), refusal(result)));
        }
        let nonce: Nonce = octets.array()?;
        let protocol = octets.u8()?;
        octets.take(3)?;
        let (internal, external) = (octets.u16()?, octets.u16()?);
        // Security: who cannot read our packets cannot know the nonce, and so cannot answer for the router.
        if nonce != self.nonce || protocol != TCP || internal != self.port {
            return Err(Fault::Malformed("it answers another request"));
        }
        let address = Ipv6Addr::from(octets.array::<16>()?).to_ipv4_mapped();
        if result != 0 {
            return Err(Fault::refused(result.into(), refusal(result)));
        }
        let address = address.filter(|address| !address.is_unspecified());
        Ok(Mapped { lifetime, epoch, internal, external, address })
    }
}

/// The meanings of result codes (RFC 6887 §7.4).
fn refusal(result: u8) -> &'static str {
    match result {
        1 => "the router does not speak this version",
        2 => "the router is told not to map ports",
        3 => "the router cannot read the request",
        4 => "the router does not map ports",
        5 => "the router does not know the option",
        6 => "the router finds the option malformed",
        7 => "the router has no network outside",
        8 => "the router has no room for another mapping",
        9 => "the router does not map TCP",
        10 => "the router lets one machine map no more ports",
        11 => "the port outside is taken or not permitted",
        12 => "the router sees us at another address: there is another translation on the way",
        13 => "the router takes no more filters",
        _ => "the router refuses",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ASKED: Map =
        Map { port: 2121, lifetime: 3600, client: Ipv4Addr::new(192, 168, 1, 5), nonce: *b"twelve octet" };

    /// An answer as a router gives it.
    fn answer(result: u8, lifetime: u32, address: &str) -> Vec<u8> {
        let mut octets = vec![2, 0x81, 0, result];
        octets.extend(lifetime.to_be_bytes());
        octets.extend(77_u32.to_be_bytes());
        octets.extend([0; 12]);
        octets.extend(ASKED.nonce);
        octets.extend([6, 0, 0, 0, 0x08, 0x49, 0x08, 0x49]);
        octets.extend(address.parse::<Ipv6Addr>().unwrap().octets());
        octets
    }

    #[test]
    fn a_request_has_the_shape_of_the_rfc() {
        let octets = ASKED.to_octets();
        assert_eq!(octets.len(), 64);
        assert_eq!(&octets[..8], &[2, 1, 0, 0, 0, 0, 0x0e, 0x10]);
        assert_eq!(&octets[18..24], &[0xff, 0xff, 192, 168, 1, 5]);
        assert_eq!(&octets[36..44], &[6, 0, 0, 0, 0x08, 0x49, 0x08, 0x49]);
        assert_eq!(&octets[60..], &[2, 0, 0, 0]);
        let withdrawal = Map { lifetime: 0, ..ASKED }.to_octets();
        assert_eq!((withdrawal.len(), &withdrawal[42..44]), (60, &[0, 0][..]));
    }

    #[test]
    fn a_grant_says_for_how_long_and_under_which_address() {
        let mapped = ASKED.read_answer(&answer(0, 1200, "::ffff:203.0.113.9")).unwrap();
        assert_eq!((mapped.lifetime, mapped.epoch, mapped.external), (1200, 77, 2121));
        assert_eq!(mapped.address, Some(Ipv4Addr::new(203, 0, 113, 9)));
        assert_eq!(ASKED.read_answer(&answer(0, 1200, "::ffff:0.0.0.0")).unwrap().address, None);
    }

    #[test]
    fn an_answer_to_another_nonce_or_port_is_not_ours() {
        let theirs = answer(0, 1200, "::ffff:203.0.113.9");
        let other = Map { nonce: *b"other octets", ..ASKED };
        assert!(matches!(other.read_answer(&theirs), Err(Fault::Malformed(_))));
        assert!(matches!(Map { port: 21, ..ASKED }.read_answer(&theirs), Err(Fault::Malformed(_))));
    }

    #[test]
    fn a_refusal_is_told_in_words_and_an_old_router_by_its_version() {
        let no = ASKED.read_answer(&answer(11, 30, "::")).unwrap_err();
        assert_eq!(no, Fault::refused(11, "the port outside is taken or not permitted"));
        // A NAT-PMP router answers version 0, opcode 128+, result 1.
        let old = ASKED.read_answer(&[0, 0x81, 0, 1, 0, 0, 0, 9]).unwrap_err();
        assert!(matches!(old, Fault::Refused { code: 1, .. }));
    }
}
