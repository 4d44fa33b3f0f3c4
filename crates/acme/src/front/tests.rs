//! Callers of every kind, over real connections.

use std::io::{Read, Write};
use std::net::SocketAddr;
use std::os::fd::AsFd;
use std::sync::Arc;
use std::thread::JoinHandle;

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::aws_lc_rs as provider;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{ClientConfig, ClientConnection, DigitallySignedStruct, SignatureScheme, Stream};
use wharf_os::socket::{Family, listening, local_address};

use super::*;

const PATIENCE: Duration = Duration::from_secs(20);

fn front(challenge: Challenge) -> (Front, SocketAddr) {
    let socket = listening("127.0.0.1:0".parse().unwrap(), Family::Only).unwrap();
    let address = local_address(&socket).unwrap();
    let mut front = Front::new(vec![socket], challenge);
    front.prove("ftp.example", "token", "token.thumbprint").unwrap();
    (front, address)
}

/// Serves until the other thread has ended.
fn serve_while<T>(front: &mut Front, caller: JoinHandle<T>) -> T {
    let end = Instant::now() + PATIENCE;
    while !caller.is_finished() {
        assert!(Instant::now() < end, "the caller waits for ever");
        front.wait(None, Instant::now() + Duration::from_millis(20)).unwrap();
    }
    caller.join().unwrap()
}

fn said(address: SocketAddr, request: &str) -> String {
    let mut socket = TcpStream::connect(address).unwrap();
    socket.set_read_timeout(Some(PATIENCE)).unwrap();
    socket.write_all(request.as_bytes()).unwrap();
    let mut answer = String::new();
    socket.read_to_string(&mut answer).unwrap();
    answer
}

#[test]
fn a_caller_gets_the_text_however_many_say_nothing() {
    let (mut front, address) = front(Challenge::Http01);
    let silent: Vec<_> = (0..3 * MAX_CALLERS).map(|_| TcpStream::connect(address).unwrap()).collect();
    let request = "GET /.well-known/acme-challenge/token HTTP/1.1\r\nHost: ftp.example\r\n\r\n";
    let answer = serve_while(&mut front, std::thread::spawn(move || said(address, request)));
    assert!(answer.ends_with("\r\n\r\ntoken.thumbprint"), "{answer}");
    drop(silent);
    front.forget();
    let answer = serve_while(&mut front, std::thread::spawn(move || said(address, request)));
    assert!(answer.starts_with("HTTP/1.1 404"), "{answer}");
}

#[test]
fn a_caller_that_says_nothing_is_forgotten_in_time() {
    let (mut front, address) = front(Challenge::Http01);
    let mut silent = TcpStream::connect(address).unwrap();
    while front.callers.is_empty() {
        front.wait(None, Instant::now() + Duration::from_millis(20)).unwrap();
    }
    front.callers[0].until = Instant::now();
    front.wait(None, Instant::now() + Duration::from_millis(20)).unwrap();
    assert!(front.callers.is_empty());
    assert_eq!(silent.read(&mut [0; 1]).unwrap(), 0);
}

#[test]
fn what_is_waited_for_is_told_even_while_callers_are_served() {
    let (mut front, address) = front(Challenge::Http01);
    let _silent = TcpStream::connect(address).unwrap();
    let (reader, mut writer) = io::pipe().unwrap();
    let soon = || Instant::now() + Duration::from_millis(50);
    assert!(!front.wait(Some((reader.as_fd(), PollFlags::IN)), soon()).unwrap());
    writer.write_all(b"x").unwrap();
    assert!(front.wait(Some((reader.as_fd(), PollFlags::IN)), Instant::now() + PATIENCE).unwrap());
}

/// Takes any certificate: what is looked at is the certificate itself.
#[derive(Debug)]
struct Anything;

impl ServerCertVerifier for Anything {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn verify_tls13_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        provider::default_provider().signature_verification_algorithms.supported_schemes()
    }
}

/// The certificate that a caller is shown, and the protocol that was agreed on.
fn shown(address: SocketAddr, name: &str, protocol: &[u8]) -> Result<(Vec<u8>, Vec<u8>), String> {
    let mut config = ClientConfig::builder_with_provider(Arc::new(provider::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(Anything))
        .with_no_client_auth();
    config.alpn_protocols = vec![protocol.to_vec()];
    let name = ServerName::try_from(name.to_owned()).unwrap();
    let mut tls = ClientConnection::new(Arc::new(config), name).unwrap();
    let mut socket = TcpStream::connect(address).unwrap();
    socket.set_read_timeout(Some(PATIENCE)).unwrap();
    let mut rest = Vec::new();
    Stream::new(&mut tls, &mut socket).read_to_end(&mut rest).map_err(|error| error.to_string())?;
    let certificate = tls.peer_certificates().unwrap()[0].to_vec();
    Ok((certificate, tls.alpn_protocol().unwrap().to_vec()))
}

#[test]
fn the_certificate_of_the_proof_is_shown_to_who_asks_for_it_only() {
    let (mut front, address) = front(Challenge::TlsAlpn01);
    let mut ask = |name: &'static str, protocol: &'static [u8]| {
        serve_while(&mut front, std::thread::spawn(move || shown(address, name, protocol)))
    };
    let (certificate, protocol) = ask("ftp.example", b"acme-tls/1").unwrap();
    assert_eq!(protocol, b"acme-tls/1");
    let digest = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, b"token.thumbprint");
    // id-pe-acmeIdentifier, critical, an OCTET STRING in the extension's own (RFC 8737 §3).
    let extension =
        [&[6, 8, 43, 6, 1, 5, 5, 7, 1, 31, 1, 1, 255, 4, 34, 4, 32][..], digest.as_ref()].concat();
    assert!(certificate.windows(extension.len()).any(|window| window == extension));
    assert!(ask("other.example", b"acme-tls/1").is_err());
    assert!(ask("ftp.example", b"http/1.1").is_err());
}
