//! Finds a gateway's service for port mappings in its description (UPnP device architecture 1.1 §2.3).

use super::http::Url;
use super::xml;
use crate::Fault;

/// How many services of a description are looked at.
const MOST_SERVICES: usize = 64;

/// The services that map ports, the best first.
const KINDS: [&str; 3] = [
    "urn:schemas-upnp-org:service:WANIPConnection:2",
    "urn:schemas-upnp-org:service:WANIPConnection:1",
    "urn:schemas-upnp-org:service:WANPPPConnection:1",
];

/// A service that maps ports.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Service {
    /// Its type, which every request repeats.
    pub kind: &'static str,
    /// Where it takes requests.
    pub control: Url,
}

/// Lists the services of a description that map ports, the best first.
///
/// # Errors
/// [`Fault::Malformed`] when there are none on the machine the description came from.
pub fn services(document: &str, at: &Url) -> Result<Vec<Service>, Fault> {
    let base = xml::text(document, "URLBase").filter(|base| !base.is_empty());
    let base = base.map_or_else(|| Ok(at.clone()), |base| at.join(&base))?;
    let mut found: Vec<Service> = xml::elements(document, "service")
        .into_iter()
        .take(MOST_SERVICES)
        .filter_map(|service| {
            let named = xml::text(service, "serviceType")?;
            let kind = KINDS.into_iter().find(|kind| *kind == named)?;
            let control = base.join(&xml::text(service, "controlURL")?).ok()?;
            Some(Service { kind, control })
        })
        .collect();
    found.sort_by_key(|service| KINDS.iter().position(|kind| *kind == service.kind));
    if found.is_empty() {
        Err(Fault::Malformed("it describes no service for port mappings"))
    } else {
        Ok(found)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_service_is_found_in_the_device_within_the_device() {
        let document = "<root><device><serviceList><service><serviceType>urn:x:Layer3Forwarding:1</serviceType>\
            <controlURL>/L3F</controlURL></service></serviceList><deviceList><device><serviceList><service>\
            <serviceType>urn:schemas-upnp-org:service:WANPPPConnection:1</serviceType><controlURL>/ppp</controlURL>\
            </service><service><serviceType>urn:schemas-upnp-org:service:WANIPConnection:2</serviceType>\
            <controlURL>/ip</controlURL></service></serviceList></device></deviceList></device></root>";
        let at = Url::parse("http://192.168.1.1:5000/rootDesc.xml").unwrap();
        let found = services(document, &at).unwrap();
        let paths: Vec<&str> = found.iter().map(|service| service.control.path.as_str()).collect();
        assert_eq!(paths, ["/ip", "/ppp"]);
    }

    #[test]
    fn a_service_on_another_machine_is_none() {
        let document = "<service><serviceType>urn:schemas-upnp-org:service:WANIPConnection:1</serviceType>\
            <controlURL>http://10.0.0.1/ip</controlURL></service>";
        assert!(services(document, &Url::parse("http://192.168.1.1/d").unwrap()).is_err());
    }
}
