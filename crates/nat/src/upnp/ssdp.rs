//! Finding a gateway: the search and its answers (UPnP device architecture 1.1 §1.3).

use std::net::{Ipv4Addr, SocketAddrV4};

use super::http::Url;
use crate::Fault;

/// Where devices listen, all at once.
pub const EVERYBODY: SocketAddrV4 = SocketAddrV4::new(Ipv4Addr::new(239, 255, 255, 250), PORT);

/// The port of the search.
pub const PORT: u16 = 1900;

/// The longest answer that is read.
pub const MAX_MESSAGE: usize = 2048;

/// What is searched for. A gateway of version 2 answers to the first too; some answer to one service only.
pub const TARGETS: [&str; 3] = [
    "urn:schemas-upnp-org:device:InternetGatewayDevice:1",
    "urn:schemas-upnp-org:device:InternetGatewayDevice:2",
    "urn:schemas-upnp-org:service:WANIPConnection:1",
];

/// Writes a search for one target.
#[must_use]
pub fn search(target: &str) -> Vec<u8> {
    format!(
        "M-SEARCH * HTTP/1.1\r\nHOST: {EVERYBODY}\r\nMAN: \"ssdp:discover\"\r\nMX: 1\r\nST: {target}\r\n\r\n"
    )
    .into_bytes()
}

/// Reads where a device's description is.
///
/// # Errors
/// [`Fault::Malformed`] when it is no answer to a search, or names another machine than the one that answered.
pub fn read_answer(message: &[u8], sender: Ipv4Addr) -> Result<Url, Fault> {
    let text =
        message.get(..message.len().min(MAX_MESSAGE)).and_then(|octets| std::str::from_utf8(octets).ok());
    let mut lines = text.ok_or(Fault::Malformed("it is no text"))?.lines();
    let status = lines.next().unwrap_or_default();
    if !status.starts_with("HTTP/1.") || status.split_whitespace().nth(1) != Some("200") {
        return Err(Fault::Malformed("it is no answer to a search"));
    }
    let location = lines
        .filter_map(|line| line.split_once(':'))
        .find(|(name, _)| name.trim().eq_ignore_ascii_case("location"))
        .ok_or(Fault::Malformed("it names no description"))?;
    let url = Url::parse(location.1.trim())?;
    // Security: any machine of the network could answer and send us somewhere else.
    if *url.host.ip() != sender {
        return Err(Fault::Malformed("it sends us to another machine"));
    }
    Ok(url)
}

#[cfg(test)]
mod tests {
    use super::*;

    const ROUTER: Ipv4Addr = Ipv4Addr::new(192, 168, 1, 1);

    #[test]
    fn a_search_is_addressed_to_everybody() {
        let text = String::from_utf8(search(TARGETS[0])).unwrap();
        assert!(text.starts_with("M-SEARCH * HTTP/1.1\r\nHOST: 239.255.255.250:1900\r\n"), "{text}");
        assert!(text.ends_with("\r\n\r\n"));
    }

    #[test]
    fn the_place_of_the_description_is_read() {
        let told = b"HTTP/1.1 200 OK\r\nST: x\r\nLocation:  http://192.168.1.1:5000/rootDesc.xml\r\n\r\n";
        let url = read_answer(told, ROUTER).unwrap();
        assert_eq!((url.host.port(), url.path.as_str()), (5000, "/rootDesc.xml"));
    }

    #[test]
    fn nobody_is_sent_to_another_machine() {
        let told = b"HTTP/1.1 200 OK\r\nLOCATION: http://192.168.1.66/evil\r\n\r\n";
        assert!(read_answer(told, ROUTER).is_err());
        assert!(read_answer(b"NOTIFY * HTTP/1.1\r\nLOCATION: http://192.168.1.1/\r\n\r\n", ROUTER).is_err());
    }
}
