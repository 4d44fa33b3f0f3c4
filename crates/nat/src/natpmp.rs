//! NAT-PMP: the external address, and mappings of TCP ports (RFC 6886 §3).

use std::net::Ipv4Addr;

use crate::Fault;
use crate::octets::Octets;

pub use crate::pcp::PORT;

const VERSION: u8 = 0;
const ADDRESS: u8 = 0;
const MAP_TCP: u8 = 2;
const ANSWER: u8 = 0x80;

/// Asks for the address outside.
pub const ADDRESS_REQUEST: [u8; 2] = [VERSION, ADDRESS];

/// The address outside, as a router tells it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Outside {
    /// The router's clock, for [`crate::epoch`].
    pub epoch: u32,
    /// The address; `None` while the router has none.
    pub address: Option<Ipv4Addr>,
}

/// What a router grants.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Mapped {
    /// The router's clock, for [`crate::epoch`].
    pub epoch: u32,
    /// The port inside.
    pub internal: u16,
    /// The port outside; perhaps another one than was asked for.
    pub external: u16,
    /// For how many seconds.
    pub lifetime: u32,
}

/// Writes a request to map a TCP port under its own number; a lifetime of 0 withdraws the mapping.
#[must_use]
pub fn map_request(port: u16, lifetime: u32) -> [u8; 12] {
    let [inside, within] = port.to_be_bytes();
    let [outside, without] = if lifetime == 0 { [0, 0] } else { [inside, within] };
    let [a, b, c, d] = lifetime.to_be_bytes();
    [VERSION, MAP_TCP, 0, 0, inside, within, outside, without, a, b, c, d]
}

/// Reads the answer to [`ADDRESS_REQUEST`].
///
/// # Errors
/// [`Fault::Malformed`] for what is no answer to it, [`Fault::Refused`] for a no.
pub fn read_address(message: &[u8]) -> Result<Outside, Fault> {
    let (epoch, mut octets) = header(message, ADDRESS)?;
    let address = Ipv4Addr::from(octets.array::<4>()?);
    Ok(Outside { epoch, address: Some(address).filter(|address| !address.is_unspecified()) })
}

/// Reads the answer to a [`map_request`] for a port.
///
/// # Errors
/// As [`read_address`].
pub fn read_mapping(message: &[u8], port: u16) -> Result<Mapped, Fault> {
    let (epoch, mut octets) = header(message, MAP_TCP)?;
    let (internal, external, lifetime) = (octets.u16()?, octets.u16()?, octets.u32()?);
    if internal != port {
        return Err(Fault::Malformed("it answers another request"));
    }
    Ok(Mapped { epoch, internal, external, lifetime })
}

fn header(message: &[u8], operation: u8) -> Result<(u32, Octets<'_>), Fault> {
    let mut octets = Octets(message);
    let (version, code, result) = (octets.u8()?, octets.u8()?, octets.u16()?);
    if code != operation | ANSWER {
        return Err(Fault::Malformed("it answers something else"));
    }
    let epoch = octets.u32()?;
    match (version, result) {
        (VERSION, 0) => Ok((epoch, octets)),
        (VERSION, result) => Err(Fault::refused(result, refusal(result))),
        // A router that speaks PCP only says so in that protocol (RFC 6887 §9).
        _ => Err(Fault::refused(1, refusal(1))),
    }
}

/// The meanings of result codes (RFC 6886 §3.5).
fn refusal(result: u16) -> &'static str {
    match result {
        1 => "the router does not speak this version",
        2 => "the router is told not to map ports",
        3 => "the router has no network outside",
        4 => "the router has no room for another mapping",
        5 => "the router does not map ports",
        _ => "the router refuses",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requests_have_the_shape_of_the_rfc() {
        assert_eq!(map_request(2121, 3600), [0, 2, 0, 0, 8, 0x49, 8, 0x49, 0, 0, 0x0e, 0x10]);
        assert_eq!(map_request(2121, 0), [0, 2, 0, 0, 8, 0x49, 0, 0, 0, 0, 0, 0]);
    }

    #[test]
    fn the_address_outside_is_read_and_none_is_none() {
        let told = [0, 128, 0, 0, 0, 0, 0, 9, 203, 0, 113, 9];
        let address = Some(Ipv4Addr::new(203, 0, 113, 9));
        assert_eq!(read_address(&told), Ok(Outside { epoch: 9, address }));
        assert_eq!(read_address(&[0, 128, 0, 0, 0, 0, 0, 9, 0, 0, 0, 0]).unwrap().address, None);
    }

    #[test]
    fn a_mapping_is_read_only_by_who_asked_for_it() {
        let told = [0, 130, 0, 0, 0, 0, 0, 9, 8, 0x49, 8, 0x50, 0, 0, 0, 60];
        assert_eq!(read_mapping(&told, 2121).unwrap().external, 2128);
        assert!(read_mapping(&told, 21).is_err());
        assert!(read_address(&told).is_err());
    }

    #[test]
    fn a_refusal_is_told_in_words() {
        let told = [0, 130, 0, 2, 0, 0, 0, 9];
        assert_eq!(
            read_mapping(&told, 2121).unwrap_err(),
            Fault::refused(2, "the router is told not to map ports")
        );
    }
}
