//! Who asks, and how far the name is known.

use std::net::{IpAddr, SocketAddr};

/// What is known of a host's name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Name {
    /// Nobody has looked yet; rules that need the name answer [`Judgement::NeedsName`](crate::Judgement::NeedsName).
    NotAsked,
    /// The address has no name, or it could not be found out in time.
    Unknown,
    /// The name that the address has, and that has the address.
    Known(String),
    /// The address has a name that does not lead back to the address.
    Mismatched,
}

/// A client as rules see it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Client {
    /// Where it comes from; an IPv4 address in IPv6 clothes is taken as IPv4. The port is for `%r` alone and may be 0.
    pub address: SocketAddr,
    /// Its name.
    pub name: Name,
}

/// One end of a connection, ready to be compared with patterns.
#[derive(Debug)]
pub(crate) struct Host {
    pub(crate) address: IpAddr,
    pub(crate) port: u16,
    /// The address as text.
    pub(crate) text: String,
    pub(crate) name: Name,
}

impl Host {
    pub(crate) fn new(address: SocketAddr, name: Name) -> Self {
        let ip = address.ip().to_canonical();
        Self { address: ip, port: address.port(), text: ip.to_string(), name: sober(name) }
    }

    /// The name as patterns see it; `None` while nobody has looked.
    pub(crate) fn name(&self) -> Option<&str> {
        match &self.name {
            Name::NotAsked => None,
            Name::Unknown => Some("unknown"),
            Name::Known(name) => Some(name),
            Name::Mismatched => Some("paranoid"),
        }
    }

    /// The name if there is one, else the address; `None` while nobody has looked.
    pub(crate) fn name_or_address(&self) -> Option<&str> {
        match &self.name {
            Name::NotAsked => None,
            Name::Known(name) => Some(name),
            Name::Unknown | Name::Mismatched => Some(&self.text),
        }
    }
}

/// Takes names that would pass for something else as what they are.
///
/// Security: who rules a reverse zone chooses the name. A host called `unknown` is not known, one called `paranoid` is
/// not to be trusted, and one called like an address is lying.
fn sober(name: Name) -> Name {
    let Name::Known(mut text) = name else { return name };
    if text.ends_with('.') {
        text.pop();
    }
    if text.is_empty() || text.eq_ignore_ascii_case("unknown") {
        Name::Unknown
    } else if text.eq_ignore_ascii_case("paranoid") || text.parse::<IpAddr>().is_ok() {
        Name::Mismatched
    } else {
        Name::Known(text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn known(name: &str) -> Name {
        Host::new("192.0.2.1:1".parse().unwrap(), Name::Known(name.into())).name
    }

    #[test]
    fn names_that_pass_for_something_else_are_not_believed() {
        assert_eq!(known("Unknown"), Name::Unknown);
        assert_eq!(known(""), Name::Unknown);
        assert_eq!(known("."), Name::Unknown);
        assert_eq!(known("PARANOID"), Name::Mismatched);
        assert_eq!(known("10.0.0.1"), Name::Mismatched);
        assert_eq!(known("::1"), Name::Mismatched);
        assert_eq!(known("a.example."), Name::Known("a.example".into()));
    }

    #[test]
    fn a_mapped_address_is_plain() {
        let host = Host::new("[::ffff:192.0.2.1]:1".parse().unwrap(), Name::NotAsked);
        assert_eq!(host.text, "192.0.2.1");
        assert!(host.address.is_ipv4());
    }
}
