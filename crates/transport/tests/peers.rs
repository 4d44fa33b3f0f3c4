//! Real clients over loopback: OpenSSL, Python and curl. One that is not installed is said so and left out.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test may panic")]

mod common;

use std::net::{SocketAddr, TcpListener};
use std::path::Path;
use std::process::{Command, Stdio};
use std::thread::{self, JoinHandle};

use common::{serve, session};
use wharf_transport::{Channel, Fault, Flow, Kind, ServerSide, WhyFull};

/// What became of one connection.
type Outcome = (Result<Vec<u8>, Fault>, Option<Kind>, Option<WhyFull>, Option<&'static str>);

/// Serves as many connections of one session as are asked for; the first is the control connection.
fn server(session: ServerSide, connections: usize) -> (SocketAddr, JoinHandle<Vec<Outcome>>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let serving = thread::spawn(move || {
        (0..connections)
            .map(|number| {
                let (mut stream, _) = listener.accept().unwrap();
                let mut channel: Channel =
                    if number == 0 { session.accept_control() } else { session.accept_data(Flow::ToClient) };
                let outcome = serve(&mut stream, &mut channel, respond);
                (outcome, channel.handshake_kind(), channel.why_full(), channel.version())
            })
            .collect()
    });
    (address, serving)
}

/// Answers a line with itself, and what a browser asks with as much as a browser wants.
fn respond(heard: &[u8]) -> Option<Vec<u8>> {
    if heard.ends_with(b"\r\n\r\n") {
        return Some(b"HTTP/1.1 200 ok\r\nContent-Length: 5\r\nConnection: close\r\n\r\nwharf".to_vec());
    }
    (heard.ends_with(b"\n") && !heard.starts_with(b"GET")).then(|| heard.to_vec())
}

fn is_here(program: &str, version: &str) -> bool {
    let found = Command::new(program).arg(version).output().is_ok_and(|output| output.status.success());
    if !found {
        println!("left out: there is no {program}");
    }
    found
}

fn s_client(address: SocketAddr, words: &[&str]) -> String {
    let mut child = Command::new("openssl")
        .args(["s_client", "-connect", &address.to_string(), "-servername", "ftp.example", "-ign_eof"])
        .args(words)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    // A client that was refused does not read.
    let _ = std::io::Write::write_all(&mut child.stdin.take().unwrap(), b"hello\n");
    let output = child.wait_with_output().unwrap();
    String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned()
}

#[test]
fn openssl_speaks_both_versions_and_resumes() {
    if !is_here("openssl", "version") {
        return;
    }
    let directory = tempfile::tempdir().unwrap();
    for (option, version) in [("-tls1_2", "TLSv1.2"), ("-tls1_3", "TLSv1.3")] {
        let (address, serving) = server(session(), 2);
        let kept = directory.path().join(version);
        let kept = kept.to_str().unwrap();
        let first = s_client(address, &[option, "-alpn", "ftp", "-sess_out", kept]);
        assert!(first.contains("hello") && Path::new(kept).exists(), "{first}");
        let second = s_client(address, &[option, "-sess_in", kept]);
        assert!(second.contains("Reused, TLSv1."), "{second}");
        let outcomes = serving.join().unwrap();
        assert_eq!(outcomes[0].1, Some(Kind::Full));
        assert_eq!((outcomes[1].1, outcomes[1].3), (Some(Kind::Resumed), Some(version)));
        assert_eq!(outcomes[1].0.as_deref().unwrap(), b"hello\n");
    }
}

#[test]
fn openssl_without_tickets_resumes_by_number() {
    if !is_here("openssl", "version") {
        return;
    }
    let directory = tempfile::tempdir().unwrap();
    let kept = directory.path().join("session");
    let kept = kept.to_str().unwrap();
    let (address, serving) = server(session(), 2);
    s_client(address, &["-tls1_2", "-no_ticket", "-sess_out", kept]);
    s_client(address, &["-tls1_2", "-no_ticket", "-sess_in", kept]);
    assert_eq!(serving.join().unwrap()[1].1, Some(Kind::Resumed));
}

#[test]
fn openssl_is_told_no_for_old_versions_and_other_protocols() {
    if !is_here("openssl", "version") {
        return;
    }
    let (address, serving) = server(session(), 3);
    s_client(address, &["-tls1", "-cipher", "ALL:@SECLEVEL=0"]);
    s_client(address, &["-alpn", "h2,http/1.1"]);
    s_client(address, &["-tls1_2", "-cipher", "AES128-SHA:@SECLEVEL=0"]);
    let faults: Vec<_> =
        serving.join().unwrap().into_iter().map(|one| one.0.unwrap_err().to_string()).collect();
    assert!(faults[0].contains("the client offers TLS 1.0 at most"), "{faults:?}");
    assert!(faults[1].contains("another protocol"), "{faults:?}");
    assert!(faults[2].contains("no cipher suite"), "{faults:?}");
}

const PYTHON: &str = r"
import socket, ssl, sys
context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
context.check_hostname = False
context.verify_mode = ssl.CERT_NONE
context.minimum_version = context.maximum_version = getattr(ssl.TLSVersion, sys.argv[2])
def connect(session):
    raw = socket.create_connection(('127.0.0.1', int(sys.argv[1])))
    return context.wrap_socket(raw, server_hostname='ftp.example', session=session)
control = connect(None)
control.sendall(b'hello\n')
assert control.recv(100) == b'hello\n'
assert control.recv(100) == b''
kept = control.session
control.unwrap()
for number in range(6):
    data = connect(kept)
    assert data.session_reused, number
    data.sendall(b'data\n')
    assert data.recv(100) == b'data\n'
    if number < 5:
        data.unwrap()
data.close()
";

#[test]
fn python_resumes_every_data_connection_and_its_rude_close_is_noticed() {
    if !is_here("python3", "--version") {
        return;
    }
    for version in ["TLSv1_2", "TLSv1_3"] {
        let (address, serving) = server(session(), 7);
        let output = Command::new("python3")
            .args(["-c", PYTHON, &address.port().to_string(), version])
            .output()
            .unwrap();
        assert!(output.status.success(), "{version}: {}", String::from_utf8_lossy(&output.stderr));
        let outcomes = serving.join().unwrap();
        assert!(outcomes[1..].iter().all(|one| one.1 == Some(Kind::Resumed)), "{version}: {outcomes:?}");
        assert!(outcomes[..6].iter().all(|one| one.0.is_ok()), "{version}: {outcomes:?}");
        let last = outcomes[6].0.as_ref().unwrap_err();
        assert_eq!(last.cause, wharf_transport::Cause::Truncated, "{version}");
    }
}

#[test]
fn curl_speaks_tls_with_us() {
    if !is_here("curl", "--version") {
        return;
    }
    let (address, serving) = server(session(), 1);
    let url = format!("https://{address}/");
    let output = Command::new("curl").args(["-sk", "--noproxy", "*", "--no-alpn", &url]).output().unwrap();
    assert_eq!(output.stdout, b"wharf", "{output:?}");
    assert!(serving.join().unwrap()[0].1.is_some());
}
