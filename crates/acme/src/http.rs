//! HTTP/1.1 (RFC 9112) as far as a directory needs it: one request, one answer, everything bounded.
//!
//! Redirects are not followed, compressed bodies not asked for.

use crate::url::Url;

/// The longest head of an answer, in octets.
const MAX_HEAD: usize = 16 * 1024;

/// The longest body. A chain of certificates is the largest thing that a directory sends.
pub(crate) const MAX_BODY: usize = 64 * 1024;

/// The most an answer may take with the marks of its pieces.
const MAX_ANSWER: usize = MAX_HEAD + 2 * MAX_BODY;

const MAX_FIELDS: usize = 64;

/// What a directory answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Response {
    pub(crate) status: u16,
    /// `Replay-Nonce`: for the next request (RFC 8555 §6.5).
    pub(crate) nonce: Option<String>,
    /// `Location`: the address of what was made.
    pub(crate) location: Option<String>,
    /// `Retry-After`, in seconds; dates are passed over.
    pub(crate) retry_after: Option<u32>,
    pub(crate) body: Vec<u8>,
    /// The connection can be used again.
    pub(crate) stays_open: bool,
}

/// How a request is made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Method<'a> {
    Head,
    Get,
    Post(&'a [u8]),
}

/// Writes a request.
pub(crate) fn request(method: Method<'_>, url: &Url) -> Vec<u8> {
    let (name, body) = match method {
        Method::Head => ("HEAD", None),
        Method::Get => ("GET", None),
        Method::Post(body) => ("POST", Some(body)),
    };
    let mut text = format!(
        "{name} {} HTTP/1.1\r\nHost: {}\r\nUser-Agent: wharfd/{}\r\nAccept: */*\r\nAccept-Language: en\r\n",
        url.path(),
        url.authority(),
        env!("CARGO_PKG_VERSION"),
    );
    if let Some(body) = body {
        text += &format!("Content-Type: application/jose+json\r\nContent-Length: {}\r\n", body.len());
    }
    text += "\r\n";
    [text.as_bytes(), body.unwrap_or_default()].concat()
}

/// Reads an answer from all that has come so far; `None` while something is missing.
///
/// # Errors
/// What is wrong with it, in words.
pub(crate) fn response(
    mut octets: &[u8],
    to_head: bool,
    has_ended: bool,
) -> Result<Option<Response>, &'static str> {
    if octets.len() > MAX_ANSWER {
        return Err("the answer is too long");
    }
    loop {
        let mut fields = [httparse::EMPTY_HEADER; MAX_FIELDS];
        let mut head = httparse::Response::new(&mut fields);
        let length = match head.parse(octets) {
            Ok(httparse::Status::Complete(length)) => length,
            Ok(httparse::Status::Partial) if octets.len() > MAX_HEAD => {
                return Err("the answer's head is too long");
            }
            Ok(httparse::Status::Partial) => return Ok(None),
            Err(_) => return Err("the answer is no HTTP"),
        };
        let body = octets.get(length..).unwrap_or_default();
        match head.code {
            // An interim answer; the real one follows.
            Some(100..=199) => octets = body,
            Some(status) => return read_body(status, head.headers, body, to_head, has_ended),
            None => return Err("the answer has no status"),
        }
    }
}

fn read_body(
    status: u16,
    fields: &[httparse::Header<'_>],
    octets: &[u8],
    to_head: bool,
    has_ended: bool,
) -> Result<Option<Response>, &'static str> {
    let is_empty = to_head || matches!(status, 204 | 304);
    let mut until_end = false;
    let body = match (is_empty, field(fields, "transfer-encoding")?, field(fields, "content-length")?) {
        (true, ..) => Some(Vec::new()),
        (_, Some(coding), None) if coding.eq_ignore_ascii_case("chunked") => pieces(octets)?,
        // Security: two lengths that disagree are how one answer is made to look like two (RFC 9112 §6.3).
        (_, Some(_), _) => return Err("the answer comes in a form that was not asked for"),
        (_, None, Some(length)) => counted(octets, length)?,
        (_, None, None) => {
            until_end = true;
            has_ended.then(|| octets.to_vec())
        }
    };
    let Some(body) = body else { return Ok(None) };
    if body.len() > MAX_BODY {
        return Err("the answer is too long");
    }
    let owned = |name| field(fields, name).map(|value| value.map(str::to_owned));
    let closes = field(fields, "connection")?.is_some_and(|value| value.eq_ignore_ascii_case("close"));
    Ok(Some(Response {
        status,
        nonce: owned("replay-nonce")?,
        location: owned("location")?,
        retry_after: field(fields, "retry-after")?.and_then(|value| value.trim().parse().ok()),
        body,
        stays_open: !closes && !until_end,
    }))
}

/// The only field of a name; an error when there are several.
fn field<'a>(fields: &[httparse::Header<'a>], name: &str) -> Result<Option<&'a str>, &'static str> {
    let mut found = fields.iter().filter(|field| field.name.eq_ignore_ascii_case(name));
    let Some(first) = found.next() else { return Ok(None) };
    // Authorities may send several of this one, and none is of use to us.
    if found.next().is_some() && name != "connection" {
        return Err("the answer says something twice");
    }
    std::str::from_utf8(first.value).map(Some).map_err(|_| "the answer holds strange characters")
}

fn counted(octets: &[u8], length: &str) -> Result<Option<Vec<u8>>, &'static str> {
    let length = length.trim();
    if !length.bytes().all(|octet| octet.is_ascii_digit()) {
        return Err("the answer's length is no number");
    }
    match length.parse::<usize>() {
        Ok(length) if length <= MAX_BODY => Ok(octets.get(..length).map(<[u8]>::to_vec)),
        _ => Err("the answer is too long"),
    }
}

/// A body in pieces (RFC 9112 §7.1), with the trailer behind it.
fn pieces(mut octets: &[u8]) -> Result<Option<Vec<u8>>, &'static str> {
    const WRONG: &str = "the answer's pieces do not fit together";
    let mut body = Vec::new();
    loop {
        let (begin, size) = match httparse::parse_chunk_size(octets) {
            Ok(httparse::Status::Complete(found)) => found,
            Ok(httparse::Status::Partial) => return Ok(None),
            Err(_) => return Err(WRONG),
        };
        octets = octets.get(begin..).unwrap_or_default();
        if size == 0 {
            return Ok(has_trailer(octets).then_some(body));
        }
        let size = usize::try_from(size).ok().filter(|size| body.len() + size <= MAX_BODY);
        let size = size.ok_or("the answer is too long")?;
        let Some((piece, rest)) = octets.split_at_checked(size) else { return Ok(None) };
        body.extend_from_slice(piece);
        octets = match rest {
            [b'\r', b'\n', rest @ ..] => rest,
            [] | [b'\r'] => return Ok(None),
            _ => return Err(WRONG),
        };
    }
}

/// Lines until an empty one.
fn has_trailer(octets: &[u8]) -> bool {
    octets.starts_with(b"\r\n") || octets.windows(4).any(|window| window == b"\r\n\r\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn whole(text: &str) -> Result<Option<Response>, &'static str> {
        response(text.as_bytes(), false, false)
    }

    fn body(text: &str) -> Vec<u8> {
        whole(text).unwrap().unwrap().body
    }

    #[test]
    fn a_request_says_to_whom_and_how_much() {
        let url = Url::parse("https://ca.example:14000/order").unwrap();
        let text = String::from_utf8(request(Method::Post(b"{}"), &url)).unwrap();
        assert!(
            text.starts_with("POST /order HTTP/1.1\r\nHost: ca.example:14000\r\nUser-Agent: wharfd/"),
            "{text}"
        );
        assert!(text.ends_with("jose+json\r\nContent-Length: 2\r\n\r\n{}"), "{text}");
        assert!(request(Method::Head, &url).ends_with(b"en\r\n\r\n"));
    }

    #[test]
    fn what_an_order_needs_is_read_from_the_head() {
        let text = "HTTP/1.1 201 Created\r\nReplay-Nonce: abc\r\nlocation: https://ca/1\r\nRetry-After: 3\r\n\
                    Link: <a>\r\nLink: <b>\r\nContent-Length: 2\r\n\r\n{}rest";
        let read = whole(text).unwrap().unwrap();
        assert_eq!((read.status, read.nonce.as_deref(), read.retry_after), (201, Some("abc"), Some(3)));
        assert_eq!((read.location.as_deref(), &read.body[..]), (Some("https://ca/1"), &b"{}"[..]));
        assert!(read.stays_open);
        let to_head = response(text.as_bytes(), true, false).unwrap().unwrap();
        assert!(to_head.body.is_empty());
    }

    #[test]
    fn a_body_comes_counted_in_pieces_or_until_the_end() {
        assert_eq!(body("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello"), b"hello");
        let pieces =
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nhel\r\n2;x=y\r\nlo\r\n0\r\n\r\n";
        assert_eq!(body(pieces), b"hello");
        assert_eq!(body(&pieces.replace("0\r\n\r\n", "0\r\nX: y\r\n\r\n")), b"hello");
        let open = b"HTTP/1.0 200 OK\r\n\r\nhello";
        assert_eq!(response(open, false, false), Ok(None));
        let ended = response(open, false, true).unwrap().unwrap();
        assert_eq!((&ended.body[..], ended.stays_open), (&b"hello"[..], false));
        assert_eq!(body("HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 204 No Content\r\n\r\n"), b"");
        assert!(
            !whole("HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 0\r\n\r\n")
                .unwrap()
                .unwrap()
                .stays_open
        );
    }

    #[test]
    fn an_answer_is_read_only_when_all_of_it_is_there() {
        for text in [
            "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello",
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n",
        ] {
            for length in 0..text.len() {
                assert_eq!(whole(&text[..length]), Ok(None), "{length} of {text}");
            }
            assert!(whole(text).unwrap().is_some());
        }
    }

    #[test]
    fn what_is_too_long_or_ambiguous_is_an_error() {
        let long = format!("HTTP/1.1 200 OK\r\nX: {}\r\n", "x".repeat(MAX_HEAD));
        let huge = format!("HTTP/1.1 200 OK\r\n\r\n{}", "x".repeat(MAX_ANSWER));
        for text in [
            "SMTP ready\r\n\r\n",
            "HTTP/1.1 200 OK\r\nContent-Length: 65537\r\n\r\n",
            "HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n",
            "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nxx",
            "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\n\r\n",
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n20000\r\n",
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nabc",
            &long,
            &huge,
        ] {
            assert!(whole(text).is_err(), "{text:.60}");
        }
    }

    proptest::proptest! {
        #[test]
        fn no_octets_make_the_reader_panic(
            head in "(HTTP/1\\.[01] [0-9]{3} \\PC{0,9}\r\n)?((Content-Length|Transfer-Encoding|Location|X): (chunked|[0-9]{0,7}|\\PC{0,9})\r\n){0,4}(\r\n)?",
            body in proptest::collection::vec(proptest::prelude::any::<u8>(), 0..200),
            to_head: bool,
            has_ended: bool,
        ) {
            let _ = response(&[head.as_bytes(), &body].concat(), to_head, has_ended);
        }

        #[test]
        fn pieces_of_any_size_make_the_same_body(body in proptest::collection::vec(proptest::prelude::any::<u8>(), 0..300), size in 1..50_usize) {
            let mut text = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n".to_vec();
            for piece in body.chunks(size) {
                text.extend_from_slice(format!("{:x}\r\n", piece.len()).as_bytes());
                text.extend_from_slice(piece);
                text.extend_from_slice(b"\r\n");
            }
            text.extend_from_slice(b"0\r\n\r\n");
            proptest::prop_assert_eq!(response(&text, false, false).unwrap().unwrap().body, body);
        }
    }
}
