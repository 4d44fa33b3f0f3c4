//! HTTP-01 (RFC 8555 §8.3): a text at a well-known place, over HTTP.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpStream};

use super::{Step, after, until_hung_up};

/// The longest request that is read, in octets.
const MAX_REQUEST: usize = 4096;

const PLACE: &str = "/.well-known/acme-challenge/";

/// What is shown, and where.
#[derive(Debug)]
pub(super) struct Proof {
    path: String,
    authorization: String,
}

impl Proof {
    pub(super) fn new(token: &str, authorization: &str) -> Self {
        Self { path: format!("{PLACE}{token}"), authorization: authorization.to_owned() }
    }
}

/// A talk with one caller.
#[derive(Debug, Default)]
pub(super) struct Plain {
    request: Vec<u8>,
    /// What is left to be written; `None` while the request is read.
    answer: Option<Vec<u8>>,
}

impl Plain {
    pub(super) fn is_writing(&self) -> bool {
        self.answer.as_ref().is_some_and(|left| !left.is_empty())
    }

    pub(super) fn go_on(&mut self, socket: &mut TcpStream, proof: Option<&Proof>) -> Step {
        if self.answer.is_none()
            && let Some(step) = self.hear(socket, proof)
        {
            return step;
        }
        self.say(socket)
    }

    /// Reads on; `None` when the answer is known.
    fn hear(&mut self, socket: &mut TcpStream, proof: Option<&Proof>) -> Option<Step> {
        let mut room = [0; 1024];
        match socket.read(&mut room) {
            Ok(0) => return Some(Step::Leave),
            Ok(length) => self.request.extend_from_slice(room.get(..length).unwrap_or_default()),
            Err(error) => return Some(after(&error, Step::Read)),
        }
        match answer(&self.request, proof) {
            Some(answer) => self.answer = Some(answer),
            None => return Some(Step::Read),
        }
        None
    }

    fn say(&mut self, socket: &mut TcpStream) -> Step {
        let Some(left) = &mut self.answer else { return Step::Read };
        while !left.is_empty() {
            match socket.write(left) {
                Ok(written) => drop(left.drain(..written)),
                Err(error) => return after(&error, Step::Write),
            }
        }
        match socket.shutdown(Shutdown::Write) {
            Ok(()) => until_hung_up(socket),
            Err(_) => Step::Leave,
        }
    }
}

/// The answer to a request; `None` while it is not whole.
fn answer(request: &[u8], proof: Option<&Proof>) -> Option<Vec<u8>> {
    let mut fields = [httparse::EMPTY_HEADER; 64];
    let mut head = httparse::Request::new(&mut fields);
    let (status, body) = match head.parse(request) {
        Ok(httparse::Status::Partial) if request.len() < MAX_REQUEST => return None,
        Ok(httparse::Status::Complete(_)) => {
            let is_asked = |proof: &&Proof| head.method == Some("GET") && head.path == Some(&proof.path);
            match proof.filter(is_asked) {
                Some(proof) => ("200 OK", proof.authorization.as_str()),
                None => ("404 Not Found", ""),
            }
        }
        _ => ("400 Bad Request", ""),
    };
    let length = body.len();
    let head = format!(
        "HTTP/1.1 {status}\r\nContent-Type: application/octet-stream\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n"
    );
    Some([head.as_bytes(), body.as_bytes()].concat())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(request: &str) -> Option<String> {
        let proof = Proof::new("token", "token.thumbprint");
        answer(request.as_bytes(), Some(&proof)).map(|answer| String::from_utf8(answer).unwrap())
    }

    #[test]
    fn the_proof_stands_at_its_place_and_nowhere_else() {
        let asked = told("GET /.well-known/acme-challenge/token HTTP/1.1\r\nHost: a\r\n\r\n").unwrap();
        assert!(
            asked.starts_with("HTTP/1.1 200 OK\r\n") && asked.ends_with("\r\n\r\ntoken.thumbprint"),
            "{asked}"
        );
        for request in [
            "GET / HTTP/1.1\r\n\r\n",
            "GET /.well-known/acme-challenge/other HTTP/1.1\r\n\r\n",
            "GET /.well-known/acme-challenge/token/ HTTP/1.1\r\n\r\n",
            "POST /.well-known/acme-challenge/token HTTP/1.1\r\n\r\n",
        ] {
            assert!(told(request).unwrap().starts_with("HTTP/1.1 404"), "{request}");
        }
        assert!(
            answer(b"GET /.well-known/acme-challenge/token HTTP/1.1\r\n\r\n", None)
                .unwrap()
                .starts_with(b"HTTP/1.1 404")
        );
    }

    #[test]
    fn a_request_is_waited_for_but_not_for_ever() {
        assert_eq!(told("GET / HTTP/1.1\r\nHost:"), None);
        assert!(told("hello\0\r\n\r\n").unwrap().starts_with("HTTP/1.1 400"));
        let long = format!("GET / HTTP/1.1\r\nX: {}", "x".repeat(MAX_REQUEST));
        assert!(told(&long).unwrap().starts_with("HTTP/1.1 400"));
    }

    proptest::proptest! {
        #[test]
        fn no_request_makes_the_answer_panic(request in proptest::collection::vec(proptest::prelude::any::<u8>(), 0..300)) {
            let _ = answer(&request, None);
        }
    }
}
