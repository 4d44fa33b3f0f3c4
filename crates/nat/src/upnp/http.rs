//! As much of HTTP/1.1 as a gateway needs: one request, one answer, then the connection ends (RFC 9112).

use std::net::SocketAddrV4;

use crate::Fault;

/// The longest answer that is read, head and body.
pub const MAX_ANSWER: usize = 128 << 10;

/// A place on a gateway. Its host is a number, so no name is ever looked up for a router.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Url {
    /// Which machine and port.
    pub host: SocketAddrV4,
    /// Begins with a slash.
    pub path: String,
}

impl Url {
    /// Reads `http://ADDRESS[:PORT]/PATH`.
    ///
    /// # Errors
    /// [`Fault::Malformed`] for another scheme, a host name, or characters that could break a request.
    pub fn parse(text: &str) -> Result<Self, Fault> {
        let bad = Fault::Malformed("the URL is not of the form http://ADDRESS[:PORT]/PATH");
        let scheme = text.get(..7).filter(|scheme| scheme.eq_ignore_ascii_case("http://"));
        let rest = scheme.and_then(|_| text.get(7..)).ok_or(bad.clone())?;
        let (authority, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
        let host = match authority.parse::<SocketAddrV4>() {
            Ok(host) => host,
            Err(_) => SocketAddrV4::new(authority.parse().map_err(|_| bad)?, 80),
        };
        Ok(Self { host, path: checked(if path.is_empty() { "/" } else { path })? })
    }

    /// Finds what a document at this place means by a reference; never another machine.
    ///
    /// # Errors
    /// As [`Self::parse`].
    pub fn join(&self, reference: &str) -> Result<Self, Fault> {
        if reference.contains("://") {
            let url = Self::parse(reference)?;
            // Security: a description must not send us somewhere else.
            if url.host.ip() != self.host.ip() {
                return Err(Fault::Malformed("the description sends us to another machine"));
            }
            return Ok(url);
        }
        let path = match reference.starts_with('/') {
            true => reference.to_owned(),
            false => {
                let directory = self.path.rsplit_once('/').map_or("", |(directory, _)| directory);
                format!("{directory}/{reference}")
            }
        };
        Ok(Self { host: self.host, path: checked(&path)? })
    }
}

fn checked(path: &str) -> Result<String, Fault> {
    let is_plain = path.bytes().all(|octet| octet.is_ascii_graphic());
    match is_plain && path.len() <= 512 {
        true => Ok(path.to_owned()),
        false => Err(Fault::Malformed("the path of the URL cannot stand in a request")),
    }
}

/// Writes a request for a document.
#[must_use]
pub fn get(url: &Url) -> Vec<u8> {
    format!("GET {} HTTP/1.1\r\nHost: {}\r\nConnection: close\r\n\r\n", url.path, url.host).into_bytes()
}

/// Writes a SOAP request.
#[must_use]
pub fn post(url: &Url, action: &str, body: &str) -> Vec<u8> {
    format!(
        "POST {} HTTP/1.1\r\nHost: {}\r\nConnection: close\r\nContent-Type: text/xml; charset=\"utf-8\"\r\n\
         SOAPAction: \"{action}\"\r\nContent-Length: {}\r\n\r\n{body}",
        url.path,
        url.host,
        body.len()
    )
    .into_bytes()
}

/// An answer: its status and its body.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    /// 200 when all went well.
    pub status: u16,
    /// The text; octets that are no UTF-8 are replaced.
    pub body: String,
}

/// Reads an answer from what has come so far; `None` while more is to come.
///
/// # Errors
/// [`Fault::Malformed`] for what is no HTTP, and for what is longer than [`MAX_ANSWER`].
pub fn read_answer(octets: &[u8], is_over: bool) -> Result<Option<Answer>, Fault> {
    if octets.len() > MAX_ANSWER {
        return Err(Fault::Malformed("it is too long"));
    }
    let Some(end) = find(octets, b"\r\n\r\n") else {
        return if is_over { Err(Fault::Malformed("it ends too early")) } else { Ok(None) };
    };
    let (head, body) = octets.split_at_checked(end + 4).unwrap_or((octets, &[]));
    let head = String::from_utf8_lossy(head);
    let mut lines = head.lines();
    let mut status = lines.next().unwrap_or_default().split_whitespace();
    if !status.next().is_some_and(|version| version.starts_with("HTTP/1.")) {
        return Err(Fault::Malformed("it is no HTTP"));
    }
    let status =
        status.next().and_then(|code| code.parse().ok()).ok_or(Fault::Malformed("it has no status"))?;
    let field = |wanted: &str| {
        head.lines()
            .filter_map(|line| line.split_once(':'))
            .find(|(name, _)| name.eq_ignore_ascii_case(wanted))
            .map(|(_, value)| value.trim().to_owned())
    };
    let body = if field("transfer-encoding").is_some_and(|how| how.eq_ignore_ascii_case("chunked")) {
        chunks(body)?
    } else if let Some(length) = field("content-length") {
        let length: usize = length.parse().map_err(|_| Fault::Malformed("its length is no number"))?;
        if length > MAX_ANSWER {
            return Err(Fault::Malformed("it is too long"));
        }
        body.get(..length).map(<[u8]>::to_vec)
    } else {
        is_over.then(|| body.to_vec())
    };
    match body {
        Some(body) => Ok(Some(Answer { status, body: String::from_utf8_lossy(&body).into_owned() })),
        None if is_over => Err(Fault::Malformed("it ends too early")),
        None => Ok(None),
    }
}

/// Puts chunks together; `None` while the last has not come (RFC 9112 §7.1).
fn chunks(mut octets: &[u8]) -> Result<Option<Vec<u8>>, Fault> {
    let mut whole = Vec::new();
    loop {
        let Some(end) = find(octets, b"\r\n") else { return Ok(None) };
        let (line, rest) = octets.split_at_checked(end).unwrap_or((octets, &[]));
        let line = String::from_utf8_lossy(line);
        let size = line.split(';').next().unwrap_or_default().trim();
        let size = usize::from_str_radix(size, 16).map_err(|_| Fault::Malformed("a chunk has no size"))?;
        if size > MAX_ANSWER {
            return Err(Fault::Malformed("it is too long"));
        }
        if size == 0 {
            return Ok(Some(whole));
        }
        let Some(chunk) = rest.get(2..2 + size) else { return Ok(None) };
        whole.extend_from_slice(chunk);
        let Some(next) = rest.get(size + 4..) else { return Ok(None) };
        octets = next;
    }
}

fn find(octets: &[u8], wanted: &[u8]) -> Option<usize> {
    octets.windows(wanted.len()).position(|window| window == wanted)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str, is_over: bool) -> Result<Option<String>, Fault> {
        read_answer(text.as_bytes(), is_over).map(|answer| answer.map(|answer| answer.body))
    }

    #[test]
    fn an_answer_ends_by_its_length_its_chunks_or_the_connection() {
        let told = "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nbodymore";
        assert_eq!(read(told, false), Ok(Some("body".into())));
        let told = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nbo\r\n2;x=y\r\ndy\r\n0\r\n\r\n";
        assert_eq!(read(told, false), Ok(Some("body".into())));
        let told = "HTTP/1.0 200 OK\r\n\r\nbody";
        assert_eq!(read(told, false), Ok(None));
        assert_eq!(read(told, true), Ok(Some("body".into())));
    }

    #[test]
    fn half_an_answer_is_waited_for_and_missed_when_nothing_more_comes() {
        let told = "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nbody";
        assert_eq!(read(told, false), Ok(None));
        assert!(read(told, true).is_err());
        assert!(read("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nffffff\r\n", false).is_err());
        assert!(read("220 FTP\r\n\r\n", false).is_err());
    }

    #[test]
    fn a_description_leads_only_to_its_own_machine() {
        let base = Url::parse("http://192.168.1.1:5000/igd/root.xml").unwrap();
        assert_eq!(base.join("/ctl/IPConn").unwrap().path, "/ctl/IPConn");
        assert_eq!(base.join("ctl").unwrap().path, "/igd/ctl");
        assert_eq!(base.join("http://192.168.1.1:49152/x").unwrap().host.port(), 49152);
        assert!(base.join("http://10.0.0.1/x").is_err());
        assert!(base.join("/a b\r\nX: y").is_err());
        assert!(Url::parse("http://router.example/x").is_err());
        assert!(Url::parse("https://192.168.1.1/").is_err());
    }
}
