//! What is said to the service that maps ports, and what it answers (UPnP IGD, `WANIPConnection` §2.4).

use std::net::Ipv4Addr;

use super::http::Answer;
use super::xml;
use crate::Fault;

/// The router knows permanent mappings only: they stay until they are withdrawn.
pub const ONLY_PERMANENT: u16 = 725;

/// One request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Action<'a> {
    /// The address outside.
    ExternalAddress,
    /// A TCP port under its own number.
    Add {
        /// Which.
        port: u16,
        /// To which machine inside.
        client: Ipv4Addr,
        /// For how many seconds; 0 for ever.
        lifetime: u32,
        /// What the router's pages show.
        name: &'a str,
    },
    /// Whom a port leads to.
    Ask {
        /// Which.
        port: u16,
    },
    /// Withdraws a mapping.
    Delete {
        /// Which.
        port: u16,
    },
}

impl Action<'_> {
    /// The action's name.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            Self::ExternalAddress => "GetExternalIPAddress",
            Self::Add { .. } => "AddPortMapping",
            Self::Ask { .. } => "GetSpecificPortMappingEntry",
            Self::Delete { .. } => "DeletePortMapping",
        }
    }

    /// Writes the `SOAPAction` field and the body, for a service of a type.
    #[must_use]
    pub fn to_soap(&self, kind: &str) -> (String, String) {
        let name = self.name();
        let which = |port: u16| {
            format!(
                "<NewRemoteHost></NewRemoteHost><NewExternalPort>{port}</NewExternalPort><NewProtocol>TCP</NewProtocol>"
            )
        };
        let arguments = match self {
            Self::ExternalAddress => String::new(),
            Self::Ask { port } | Self::Delete { port } => which(*port),
            Self::Add { port, client, lifetime, name } => format!(
                "{}<NewInternalPort>{port}</NewInternalPort><NewInternalClient>{client}</NewInternalClient>\
                 <NewEnabled>1</NewEnabled><NewPortMappingDescription>{name}</NewPortMappingDescription>\
                 <NewLeaseDuration>{lifetime}</NewLeaseDuration>",
                which(*port)
            ),
        };
        let body = format!(
            "<?xml version=\"1.0\"?>\r\n<s:Envelope xmlns:s=\"http://schemas.xmlsoap.org/soap/envelope/\" \
             s:encodingStyle=\"http://schemas.xmlsoap.org/soap/encoding/\"><s:Body><u:{name} xmlns:u=\"{kind}\">\
             {arguments}</u:{name}></s:Body></s:Envelope>"
        );
        (format!("{kind}#{name}"), body)
    }
}

/// Takes the body of a good answer, or tells why it is none.
///
/// # Errors
/// [`Fault::Refused`] with the gateway's own reason.
pub fn accepted(answer: Answer) -> Result<String, Fault> {
    if answer.status == 200 {
        return Ok(answer.body);
    }
    let code = xml::text(&answer.body, "errorCode").and_then(|code| code.parse().ok());
    let reason = xml::text(&answer.body, "errorDescription").unwrap_or_else(|| "the router refuses".into());
    Err(Fault::refused(code.unwrap_or(answer.status), &reason))
}

/// Reads the address outside; `None` while the router has none.
#[must_use]
pub fn external_address(body: &str) -> Option<Ipv4Addr> {
    let address: Ipv4Addr = xml::text(body, "NewExternalIPAddress")?.parse().ok()?;
    Some(address).filter(|address| !address.is_unspecified())
}

/// Reads whom a port leads to, and for how many more seconds; 0 is for ever.
#[must_use]
pub fn entry(body: &str) -> Option<(Ipv4Addr, u32)> {
    let client = xml::text(body, "NewInternalClient")?.parse().ok()?;
    let left = xml::text(body, "NewLeaseDuration").and_then(|left| left.parse().ok()).unwrap_or(0);
    Some((client, left))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mapping_is_asked_for_under_its_own_number() {
        let client = Ipv4Addr::new(192, 168, 1, 5);
        let action = Action::Add { port: 2121, client, lifetime: 60, name: "wharfd" };
        let (header, body) = action.to_soap("urn:k");
        assert_eq!(header, "urn:k#AddPortMapping");
        for part in [
            "<NewExternalPort>2121</NewExternalPort>",
            "<NewInternalPort>2121</NewInternalPort>",
            "<NewInternalClient>192.168.1.5</NewInternalClient>",
            "<NewLeaseDuration>60</NewLeaseDuration>",
        ] {
            assert!(body.contains(part), "{body}");
        }
    }

    #[test]
    fn a_refusal_is_told_in_the_gateways_words() {
        let body = "<s:Fault><detail><UPnPError><errorCode>725</errorCode><errorDescription>OnlyPermanent\
            </errorDescription></UPnPError></detail></s:Fault>";
        let no = accepted(Answer { status: 500, body: body.into() }).unwrap_err();
        assert_eq!(no, Fault::refused(ONLY_PERMANENT, "OnlyPermanent"));
    }

    #[test]
    fn addresses_and_entries_are_read_and_nonsense_is_none() {
        let body = "<NewExternalIPAddress>203.0.113.9</NewExternalIPAddress>";
        assert_eq!(external_address(body), Some(Ipv4Addr::new(203, 0, 113, 9)));
        assert_eq!(external_address("<NewExternalIPAddress>0.0.0.0</NewExternalIPAddress>"), None);
        assert_eq!(external_address("<NewExternalIPAddress>x"), None);
        let body = "<NewInternalClient>10.0.0.2</NewInternalClient><NewLeaseDuration>7</NewLeaseDuration>";
        assert_eq!(entry(body), Some((Ipv4Addr::new(10, 0, 0, 2), 7)));
    }
}
