//! Addresses as commands and replies spell them: PORT and PASV (RFC 959 §4.1.2), EPRT and EPSV (RFC 2428).
//!
//! Whether an address may be used is the session's judgement, not this file's.

use std::net::{IpAddr, Ipv4Addr, SocketAddr, SocketAddrV4};

/// What is wrong with an EPRT argument.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BadEprt {
    /// The address family is none we know.
    Protocol,
    /// The port is no number.
    Port,
    /// The rest.
    Syntax,
}

/// Reads `h1,h2,h3,h4,p1,p2`; blanks after a comma are let through, as vsftpd does.
#[must_use]
pub fn parse_port(argument: &[u8]) -> Option<SocketAddrV4> {
    let mut fields = [0u8; 6];
    let mut parts = argument.split(|&octet| octet == b',');
    for (index, field) in fields.iter_mut().enumerate() {
        let part = parts.next()?;
        let part = if index == 0 { part } else { part.trim_ascii_start() };
        *field = u8::try_from(decimal(part, 3)?).ok()?;
    }
    if parts.next().is_some() {
        return None;
    }
    let [a, b, c, d, high, low] = fields;
    Some(SocketAddrV4::new(Ipv4Addr::new(a, b, c, d), u16::from_be_bytes([high, low])))
}

/// Reads `|family|address|port|`; the delimiter is the first octet and may be any of RFC 2428 §2's.
///
/// # Errors
/// [`BadEprt`]. The final delimiter may be missing, as in vsftpd.
pub fn parse_eprt(argument: &[u8]) -> Result<SocketAddr, BadEprt> {
    let (&delimiter, fields) = argument.split_first().ok_or(BadEprt::Protocol)?;
    // Letters are delimiters to the RFC, and typing mistakes to everybody else.
    if !(33..=126).contains(&delimiter) || delimiter.is_ascii_alphanumeric() {
        return Err(BadEprt::Syntax);
    }
    let fields = fields.strip_suffix(&[delimiter]).unwrap_or(fields);
    let mut fields = fields.split(|&octet| octet == delimiter);
    let family = fields.next().unwrap_or_default();
    if !matches!(family, b"1" | b"2") {
        return Err(BadEprt::Protocol);
    }
    let (Some(address), Some(port), None) = (fields.next(), fields.next(), fields.next()) else {
        return Err(BadEprt::Syntax);
    };
    let address = core::str::from_utf8(address).ok().and_then(|text| text.parse::<IpAddr>().ok());
    if !port.is_empty() && !port.iter().all(u8::is_ascii_digit) {
        return if address.is_some() { Err(BadEprt::Port) } else { Err(BadEprt::Syntax) };
    }
    let port = decimal(port, 5).and_then(|port| u16::try_from(port).ok());
    match (address, port) {
        (Some(address), Some(port)) if address.is_ipv4() == (family == b"1") => {
            Ok(SocketAddr::new(address, port))
        }
        _ => Err(BadEprt::Syntax),
    }
}

/// The six numbers of 227.
#[must_use]
pub fn six_numbers(address: Ipv4Addr, port: u16) -> String {
    let [a, b, c, d] = address.octets();
    let [high, low] = port.to_be_bytes();
    format!("{a},{b},{c},{d},{high},{low}")
}

/// A decimal number of 1 to `digits` digits, without a sign.
fn decimal(text: &[u8], digits: usize) -> Option<u32> {
    if text.is_empty() || text.len() > digits || !text.iter().all(u8::is_ascii_digit) {
        return None;
    }
    Some(text.iter().fold(0, |number, digit| number * 10 + u32::from(digit - b'0')))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn port_is_six_decimal_octets() {
        assert_eq!(parse_port(b"127,0,0,1,4,1"), Some("127.0.0.1:1025".parse().unwrap()));
        assert_eq!(parse_port(b"127, 0, 0, 1, 4, 1"), Some("127.0.0.1:1025".parse().unwrap()));
        for bad in
            ["", "1,2,3,4,5", "1,2,3,4,5,6,7", "256,0,0,1,4,1", "-1,0,0,1,4,1", "a,0,0,1,4,1", "1,2,3,4,5,"]
        {
            assert_eq!(parse_port(bad.as_bytes()), None, "{bad}");
        }
    }

    #[test]
    fn eprt_takes_both_families_and_any_delimiter() {
        assert_eq!(parse_eprt(b"|1|127.0.0.1|1025|"), Ok("127.0.0.1:1025".parse().unwrap()));
        assert_eq!(parse_eprt(b"|2|::1|1025"), Ok("[::1]:1025".parse().unwrap()));
        assert_eq!(parse_eprt(b"!1!127.0.0.1!1025!"), Ok("127.0.0.1:1025".parse().unwrap()));
    }

    #[test]
    fn eprt_tells_a_bad_family_from_bad_syntax() {
        for bad in ["", "||127.0.0.1|1025|", "|3|127.0.0.1|1025|", "|0|x|1|"] {
            assert_eq!(parse_eprt(bad.as_bytes()), Err(BadEprt::Protocol), "{bad}");
        }
        assert_eq!(parse_eprt(b"|1|127.0.0.1|x|"), Err(BadEprt::Port));
        for bad in [
            "|1|127.0.0.1||",
            "|1|127.0.0.1|65536|",
            "|1|localhost|1025|",
            "|1|::1|1025|",
            "|1|127.0.0.1|1|x",
            "1",
            "x",
        ] {
            assert_eq!(parse_eprt(bad.as_bytes()), Err(BadEprt::Syntax), "{bad}");
        }
    }

    #[test]
    fn six_numbers_hold_the_port_high_octet_first() {
        assert_eq!(six_numbers(Ipv4Addr::LOCALHOST, 21_181), "127,0,0,1,82,189");
    }
}
