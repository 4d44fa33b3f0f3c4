//! Addresses of a directory: `https` only, and no more of RFC 3986 than authorities use.

use crate::shown;

/// An address that can be asked over HTTPS.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Url {
    host: String,
    port: u16,
    /// With the query; begins with `/`.
    path: String,
}

/// The longest address that is taken, in octets.
const LONGEST: usize = 2048;

impl Url {
    /// Reads an address.
    ///
    /// # Errors
    /// What is wrong with it, in words.
    pub fn parse(text: &str) -> Result<Self, String> {
        let wrong = |why: &str| Err(format!("'{}' cannot be used as an address: {why}", shown(text)));
        if text.len() > LONGEST || !text.bytes().all(|octet| octet.is_ascii_graphic()) {
            return wrong("it is too long or holds strange characters");
        }
        let Some(rest) = text.strip_prefix("https://") else {
            return wrong("it must begin with https://");
        };
        let (authority, path) = match rest.find(['/', '?', '#']) {
            Some(at) => rest.split_at(at),
            None => (rest, "/"),
        };
        if !path.starts_with('/') || path.contains(['#', '"', '\\']) {
            return wrong("the part behind the host is not understood");
        }
        let Some((host, port)) = host_and_port(authority) else {
            return wrong("the host is not understood");
        };
        Ok(Self { host, port, path: path.to_owned() })
    }

    /// The host, in small letters; an IPv6 address without brackets.
    #[must_use]
    pub fn host(&self) -> &str {
        &self.host
    }

    /// The port, 443 when none is written.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.port
    }

    /// The path with the query.
    pub(crate) fn path(&self) -> &str {
        &self.path
    }

    /// Tells whether both lead to the same server.
    pub(crate) fn is_beside(&self, other: &Self) -> bool {
        self.host == other.host && self.port == other.port
    }

    /// Host and port as a request names them.
    pub(crate) fn authority(&self) -> String {
        let host = if self.host.contains(':') { format!("[{}]", self.host) } else { self.host.clone() };
        if self.port == 443 { host } else { format!("{host}:{}", self.port) }
    }
}

impl std::fmt::Display for Url {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "https://{}{}", self.authority(), self.path)
    }
}

fn host_and_port(authority: &str) -> Option<(String, u16)> {
    let (host, rest) = match authority.strip_prefix('[') {
        Some(rest) => {
            let (host, rest) = rest.split_once(']')?;
            (host.parse::<std::net::Ipv6Addr>().ok()?.to_string(), rest)
        }
        None => {
            let (host, rest) = authority.split_at(authority.find(':').unwrap_or(authority.len()));
            let fits = |octet: u8| octet.is_ascii_alphanumeric() || matches!(octet, b'-' | b'.');
            let is_host = !host.is_empty() && host.len() <= 253 && host.bytes().all(fits);
            (is_host.then(|| host.to_ascii_lowercase())?, rest)
        }
    };
    let port = match rest.strip_prefix(':') {
        None if rest.is_empty() => 443,
        None => return None,
        Some(digits) if digits.bytes().all(|octet| octet.is_ascii_digit()) => {
            digits.parse().ok().filter(|port| *port != 0)?
        }
        Some(_) => return None,
    };
    Some((host, port))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_taken_apart_and_written_again() {
        for (text, host, port, path) in [
            ("https://ca.example/dir?x=1", "ca.example", 443, "/dir?x=1"),
            ("https://CA.example", "ca.example", 443, "/"),
            ("https://127.0.0.1:14000/dir", "127.0.0.1", 14000, "/dir"),
            ("https://[::1]:14000/dir", "::1", 14000, "/dir"),
        ] {
            let url = Url::parse(text).unwrap();
            assert_eq!((url.host(), url.port(), url.path()), (host, port, path), "{text}");
            assert_eq!(Url::parse(&url.to_string()).unwrap(), url);
        }
    }

    #[test]
    fn what_is_no_such_address_is_refused() {
        for text in [
            "",
            "http://ca.example/",
            "https://",
            "https:///dir",
            "https://user@ca.example/",
            "https://ca.example:0/",
            "https://ca.example:70000/",
            "https://ca.example:+1/",
            "https://[::1/",
            "https://[::1]x/",
            "https://ca.example/\"",
            "https://ca.example/a b",
            "https://ca.example?x",
            "https://ca.example/\r\nHost: x",
        ] {
            assert!(Url::parse(text).is_err(), "{text}");
        }
    }

    #[test]
    fn another_host_or_port_is_another_server() {
        let one = Url::parse("https://ca.example/a").unwrap();
        assert!(one.is_beside(&Url::parse("https://ca.example:443/b").unwrap()));
        assert!(!one.is_beside(&Url::parse("https://ca.example:444/a").unwrap()));
        assert!(!one.is_beside(&Url::parse("https://ca.example.org/a").unwrap()));
    }

    proptest::proptest! {
        #[test]
        fn no_text_makes_the_reader_panic(text in "(https://)?\\PC{0,60}") {
            if let Ok(url) = Url::parse(&text) {
                proptest::prop_assert_eq!(Url::parse(&url.to_string()).unwrap(), url);
            }
        }
    }
}
