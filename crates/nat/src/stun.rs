//! STUN binding: a server on the Internet tells which address our packets arrive from (RFC 8489).
//!
//! No authentication and no other method: an answer is believed when it carries the transaction that was asked, which
//! nobody knows who cannot read our packets.

use std::net::{Ipv4Addr, SocketAddrV4};

use crate::Fault;
use crate::octets::Octets;

/// Where servers listen unless they say otherwise.
pub const PORT: u16 = 3478;

/// The longest answer that is read.
pub const MAX_MESSAGE: usize = 1280;

/// How many octets a message has before its attributes; over TCP they tell the length of the rest.
pub const HEADER: usize = 20;

const BINDING: u16 = 0x0001;
const SUCCESS: u16 = 0x0101;
const REFUSAL: u16 = 0x0111;
const COOKIE: u32 = 0x2112_a442;
const MAPPED_ADDRESS: u16 = 0x0001;
const ERROR_CODE: u16 = 0x0009;
const XOR_MAPPED_ADDRESS: u16 = 0x0020;
const IPV4: u8 = 1;

/// What tells one question from another; random.
pub type Transaction = [u8; 12];

/// Writes a binding request.
#[must_use]
pub fn request(transaction: Transaction) -> Vec<u8> {
    let mut octets = BINDING.to_be_bytes().to_vec();
    octets.extend(0_u16.to_be_bytes());
    octets.extend(COOKIE.to_be_bytes());
    octets.extend(transaction);
    octets
}

/// Tells from a message's first [`HEADER`] octets how many follow; for streams.
///
/// # Errors
/// [`Fault::Malformed`] when that is no STUN, or more than is read.
pub fn rest_of(header: &[u8]) -> Result<usize, Fault> {
    let mut octets = Octets(header);
    let (_, length, cookie) = (octets.u16()?, usize::from(octets.u16()?), octets.u32()?);
    if cookie != COOKIE || length % 4 != 0 || length > MAX_MESSAGE - HEADER {
        return Err(Fault::Malformed("it is no STUN"));
    }
    Ok(length)
}

/// Reads the answer to a request: our address as the server saw it.
///
/// # Errors
/// [`Fault::Malformed`] for what is no answer to it, [`Fault::Refused`] for a no.
pub fn read_answer(message: &[u8], transaction: Transaction) -> Result<SocketAddrV4, Fault> {
    let length = rest_of(message)?;
    let mut octets = Octets(message);
    let kind = octets.u16()?;
    octets.take(6)?;
    if octets.array::<12>()? != transaction {
        return Err(Fault::Malformed("it answers another request"));
    }
    let attributes = Octets(octets.take(length)?);
    match kind {
        SUCCESS => mapped(attributes),
        REFUSAL => Err(refused(attributes)),
        _ => Err(Fault::Malformed("it is no answer")),
    }
}

/// The hidden form comes first: some routers rewrite the plain one on the way (RFC 8489 §14.2).
fn mapped(attributes: Octets<'_>) -> Result<SocketAddrV4, Fault> {
    let mut plain = None;
    for (kind, value) in list(attributes)? {
        match kind {
            XOR_MAPPED_ADDRESS => {
                let seen = address(value)?;
                let port = seen.port() ^ 0x2112;
                return Ok(SocketAddrV4::new(Ipv4Addr::from(u32::from(*seen.ip()) ^ COOKIE), port));
            }
            MAPPED_ADDRESS => plain = Some(address(value)?),
            _ => {}
        }
    }
    plain.ok_or(Fault::Malformed("it tells no address"))
}

fn address(value: &[u8]) -> Result<SocketAddrV4, Fault> {
    let mut octets = Octets(value);
    if (octets.u8()?, octets.u8()?) != (0, IPV4) {
        return Err(Fault::Malformed("it tells no IPv4 address"));
    }
    let port = octets.u16()?;
    Ok(SocketAddrV4::new(Ipv4Addr::from(octets.array::<4>()?), port))
}

fn refused(attributes: Octets<'_>) -> Fault {
    let read = || -> Option<Fault> {
        let list = list(attributes).ok()?;
        let (_, value) = list.into_iter().find(|(kind, _)| *kind == ERROR_CODE)?;
        let (head, text) = value.split_at_checked(4)?;
        let code = u16::from(head.get(2)? & 7) * 100 + u16::from(*head.get(3)?);
        Some(Fault::refused(code, &String::from_utf8_lossy(text)))
    };
    read().unwrap_or(Fault::Refused { code: 0, reason: "the STUN server refuses".into() })
}

/// Splits attributes; each is padded to four octets.
fn list(mut octets: Octets<'_>) -> Result<Vec<(u16, &[u8])>, Fault> {
    let mut found = Vec::new();
    while !octets.0.is_empty() {
        let (kind, length) = (octets.u16()?, usize::from(octets.u16()?));
        found.push((kind, octets.take(length)?));
        let padding = length.next_multiple_of(4) - length;
        octets.take(padding.min(octets.0.len()))?;
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    const ASKED: Transaction = *b"twelve octet";

    fn answer(kind: u16, attributes: &[u8]) -> Vec<u8> {
        let mut octets = kind.to_be_bytes().to_vec();
        octets.extend(u16::try_from(attributes.len()).unwrap().to_be_bytes());
        octets.extend(COOKIE.to_be_bytes());
        octets.extend(ASKED);
        octets.extend(attributes);
        octets
    }

    #[test]
    fn a_request_has_the_shape_of_the_rfc() {
        let octets = request(ASKED);
        assert_eq!((octets.len(), &octets[..8]), (20, &[0, 1, 0, 0, 0x21, 0x12, 0xa4, 0x42][..]));
    }

    #[test]
    fn the_hidden_address_comes_before_the_plain_one() {
        // 192.0.2.1:32853, as in the test vectors of RFC 5769 §2.2.
        let hidden = [0, 0x20, 0, 8, 0, 1, 0xa1, 0x47, 0xe1, 0x12, 0xa6, 0x43];
        let plain = [0, 1, 0, 8, 0, 1, 0x12, 0x34, 10, 0, 0, 1];
        let both = [plain, hidden].concat();
        let seen = read_answer(&answer(SUCCESS, &both), ASKED).unwrap();
        assert_eq!(seen, "192.0.2.1:32853".parse().unwrap());
        assert_eq!(read_answer(&answer(SUCCESS, &plain), ASKED).unwrap(), "10.0.0.1:4660".parse().unwrap());
    }

    #[test]
    fn an_answer_to_another_question_is_not_ours() {
        let hidden = [0, 0x20, 0, 8, 0, 1, 0xa1, 0x47, 0xe1, 0x12, 0xa6, 0x43];
        assert!(read_answer(&answer(SUCCESS, &hidden), *b"other octets").is_err());
    }

    #[test]
    fn a_refusal_is_told_in_the_servers_words() {
        let no = read_answer(&answer(REFUSAL, &[0, 9, 0, 6, 0, 0, 4, 1, b'n', b'o', 0, 0]), ASKED);
        assert_eq!(no, Err(Fault::refused(401, "no")));
    }

    #[test]
    fn a_stream_is_read_no_further_than_an_answer_can_be_long() {
        let mut header = request(ASKED);
        assert_eq!(rest_of(&header), Ok(0));
        header[2] = 0xff;
        assert!(rest_of(&header).is_err());
    }
}
