//! Whole orders with directories that behave well, badly and not at all: real TLS, a scripted directory.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::os::fd::AsFd;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use rcgen::{CertifiedKey, generate_simple_self_signed};
use rustls::crypto::aws_lc_rs as provider;
use rustls::pki_types::PrivateKeyDer;
use rustls::{ServerConfig, ServerConnection, StreamOwned};
use serde_bytes::ByteBuf;
use wharf_ipc::acme::{Answer, Challenge, Question, Request};

use super::*;

/// What a directory answers to a request: by method and path, with the number of the request.
type Script = fn(&str, &str, usize) -> String;

/// Says `BASE` where the directory's own address belongs.
const PLACES: &str = r#"{"newNonce":"BASE/nonce","newAccount":"BASE/account","newOrder":"BASE/order"}"#;

const ORDER: &str = r#"{"status":"STATUS","authorizations":["BASE/name"],"finalize":"BASE/finalize"}"#;

fn answer(status: &str, fields: &str, body: &str) -> String {
    format!("HTTP/1.1 {status}\r\nReplay-Nonce: n\r\n{fields}Content-Length: {}\r\n\r\n{body}", body.len())
}

fn ok(body: &str) -> String {
    answer("200 OK", "", body)
}

/// A directory where every name is proved already.
fn good(method: &str, path: &str, number: usize) -> String {
    match (method, path) {
        ("GET", "/dir") => ok(PLACES),
        ("HEAD", "/nonce") => "HTTP/1.1 200 OK\r\nReplay-Nonce: n\r\n\r\n".to_owned(),
        ("POST", "/account") => answer("200 OK", "Location: BASE/account/1\r\n", "{}"),
        ("POST", "/order") => {
            answer("201 Created", "Location: BASE/order/1\r\n", &ORDER.replace("STATUS", "pending"))
        }
        ("POST", "/name") => ok(r#"{"status":"valid","identifier":{"type":"dns","value":"ftp.example"}}"#),
        ("POST", "/order/1") if number < 7 => ok(&ORDER.replace("STATUS", "ready")),
        ("POST", "/order/1") => {
            ok(&ORDER.replace("STATUS", "valid").replace('}', r#","certificate":"BASE/chain"}"#))
        }
        ("POST", "/finalize") => ok(&ORDER.replace("STATUS", "processing")),
        ("POST", "/chain") => ok("the chain"),
        other => panic!("nobody should ask for {other:?}"),
    }
}

/// Reads a request's head and body; `None` at the end.
fn request(from: &mut impl Read) -> Option<(String, String)> {
    let mut text = Vec::new();
    let mut octet = [0];
    while !text.ends_with(b"\r\n\r\n") {
        from.read_exact(&mut octet).ok()?;
        text.push(octet[0]);
    }
    let text = String::from_utf8(text).unwrap();
    let length = text.lines().find_map(|line| line.strip_prefix("Content-Length: "));
    let mut body = vec![0; length.map_or(0, |length| length.parse().unwrap())];
    from.read_exact(&mut body).ok()?;
    let mut words = text.split(' ');
    Some((words.next()?.to_owned(), words.next()?.to_owned()))
}

/// Serves connections one after the other until a call that comes after the end.
fn serve(listener: &TcpListener, config: &Arc<ServerConfig>, script: Script, is_over: &AtomicBool) {
    let base = format!("https://127.0.0.1:{}", listener.local_addr().unwrap().port());
    let mut number = 0;
    for socket in listener.incoming() {
        if is_over.load(Ordering::SeqCst) {
            return;
        }
        let socket = socket.unwrap();
        let mut tls = StreamOwned::new(ServerConnection::new(Arc::clone(config)).unwrap(), socket);
        while let Some((method, path)) = request(&mut tls) {
            number += 1;
            let text = script(&method, &path, number);
            if text.is_empty() {
                break;
            }
            // The length is told for the text as it is sent.
            let (head, body) = text.split_once("\r\n\r\n").unwrap();
            let body = body.replace("BASE", &base);
            let head: Vec<_> = head
                .lines()
                .map(|line| match line.starts_with("Content-Length: ") {
                    true => format!("Content-Length: {}", body.len()),
                    false => line.replace("BASE", &base),
                })
                .collect();
            if tls.write_all(format!("{}\r\n\r\n{body}", head.join("\r\n")).as_bytes()).is_err() {
                break;
            }
        }
        let _ = tls.sock.shutdown(Shutdown::Both);
    }
}

fn file(text: &str) -> OwnedFd {
    let mut file = tempfile::tempfile().unwrap();
    file.write_all(text.as_bytes()).unwrap();
    file.into()
}

/// Runs an order with a directory that follows a script.
fn order_at(script: Script, is_trusted: bool) -> Result<Vec<u8>, Fault> {
    let CertifiedKey { cert, signing_key } =
        generate_simple_self_signed(vec!["127.0.0.1".to_owned()]).unwrap();
    let config = ServerConfig::builder_with_provider(Arc::new(provider::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(
            vec![cert.der().clone()],
            PrivateKeyDer::try_from(signing_key.serialize_der()).unwrap(),
        )
        .unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let is_over = Arc::new(AtomicBool::new(false));
    let until = Arc::clone(&is_over);
    let served = thread::spawn(move || serve(&listener, &Arc::new(config), script, &until));
    let (role, monitor) = Link::<FromAcme, ToAcme>::pair().unwrap();
    let calls = thread::spawn(move || {
        while let Ok(Some(received)) = monitor.receive(&mut scratch()) {
            assert_eq!(received.message, FromAcme::Connect);
            let socket = TcpStream::connect(address).unwrap();
            monitor.send_with(&ToAcme::Connection, &[socket.as_fd()]).unwrap();
        }
    });
    let (asks, writes) = Link::<Question, Answer>::pair().unwrap();
    let keyholder = thread::spawn(move || {
        let mut requests = Vec::new();
        while let Ok(Some(received)) = writes.receive(&mut scratch()) {
            let question: Question = received.message;
            assert_eq!(question.account.is_none(), question.request == Request::Account);
            requests.push(question.request);
            writes.send(&Ok(ByteBuf::from(b"{}"))).unwrap();
        }
    });
    let other = generate_simple_self_signed(vec!["127.0.0.1".to_owned()]).unwrap().cert;
    let roots = file(&if is_trusted { cert.pem() } else { other.pem() });
    let listening =
        wharf_os::socket::listening("127.0.0.1:0".parse().unwrap(), wharf_os::socket::Family::Only);
    let order = Order {
        user: None,
        directory: format!("https://127.0.0.1:{}/dir", address.port()),
        domains: vec!["ftp.example".to_owned()],
        challenge: Challenge::Http01,
        thumbprint: "thumbprint".to_owned(),
    };
    let outcome = obtain(&role, &order, roots, asks.into(), vec![listening.unwrap()]);
    drop(role);
    calls.join().unwrap();
    keyholder.join().unwrap();
    is_over.store(true, Ordering::SeqCst);
    drop(TcpStream::connect(address).unwrap());
    served.join().unwrap();
    outcome
}

fn refused(script: Script) -> Fault {
    order_at(script, true).unwrap_err()
}

#[test]
fn an_order_ends_with_the_chain() {
    assert_eq!(order_at(good, true).unwrap(), b"the chain");
}

#[test]
fn a_directory_that_nobody_vouches_for_is_told_nothing() {
    let fault = order_at(|_, _, _| panic!("it was asked"), false).unwrap_err();
    assert!(fault.reason.contains("TLS with the directory failed: "), "{fault:?}");
}

#[test]
fn a_connection_that_breaks_is_made_again() {
    let chain = order_at(
        |method, path, number| match number % 3 {
            0 => String::new(),
            _ => good(method, path, number),
        },
        true,
    );
    assert_eq!(chain.unwrap(), b"the chain");
    let fault = refused(|_, _, _| String::new());
    assert!(fault.reason.contains("the directory closed the connection"), "{fault:?}");
}

#[test]
fn a_directory_that_misbehaves_is_left_with_a_plain_word() {
    let cases: [(Script, &str); 12] = [
        (
            |_, _, _| answer("302 Found", "Location: https://127.0.0.1/\r\n", ""),
            "it leads elsewhere (status 302)",
        ),
        (|_, _, _| answer("503 Busy", "", "<html>"), "it answered with status 503"),
        (|_, _, _| ok("<html>"), "cannot be read"),
        (|_, _, _| ok(&"x".repeat(http::MAX_BODY + 1)), "the answer is too long"),
        (|_, _, _| format!("HTTP/1.1 200 OK\r\nX: {}\r\n\r\n", "x".repeat(200_000)), "too long"),
        (
            |_, _, _| ok(&PLACES.replace("BASE/nonce", "https://evil.example/")),
            "another server, evil.example",
        ),
        (|_, _, _| ok(&PLACES.replace("BASE/nonce", "http://127.0.0.1/")), "must begin with https://"),
        (
            |_, _, _| ok(&PLACES.replace('}', r#","meta":{"externalAccountRequired":true}}"#)),
            "external account binding",
        ),
        (
            |method, path, number| match path {
                "/account" => answer("400 Bad", "", r#"{"type":"urn:ietf:params:acme:error:badNonce"}"#),
                _ => good(method, path, number),
            },
            "it takes none of its own nonces",
        ),
        (
            |method, path, number| match path {
                "/order" => answer(
                    "201 Created",
                    "Location: BASE/order/1\r\n",
                    &ORDER.replace("[", r#"["BASE/more","#),
                ),
                _ => good(method, path, number),
            },
            "more proofs than there are names",
        ),
        (
            |method, path, number| match path {
                "/name" => ok(r#"{"status":"pending","identifier":{"type":"dns","value":"evil.example"}}"#),
                _ => good(method, path, number),
            },
            "a name that was not ordered",
        ),
        (
            |method, path, number| match path {
                "/order/1" => {
                    ok(&ORDER.replace("STATUS", "invalid").replace('}', r#","error":{"detail":"no"}}"#))
                }
                _ => good(method, path, number),
            },
            "the order failed: no ()",
        ),
    ];
    for (script, piece) in cases {
        let fault = refused(script);
        assert!(fault.reason.contains(piece), "{piece:?} is not in {fault:?}");
    }
}

#[test]
fn an_authority_that_wants_to_be_left_alone_is_heard() {
    let fault = refused(|method, path, number| match path {
        "/order" => {
            let problem = r#"{"type":"urn:ietf:params:acme:error:rateLimited","detail":"too many"}"#;
            answer("429 Too Many Requests", "Retry-After: 3600\r\n", problem)
        }
        _ => good(method, path, number),
    });
    assert_eq!(fault.retry_after, Some(3600));
    assert!(fault.reason.ends_with(": too many (rateLimited)"), "{fault:?}");
}
