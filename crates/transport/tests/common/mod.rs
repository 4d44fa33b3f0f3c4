//! What the tests of this room share: certificates made on the spot, a signer, and a client in the same memory.
#![allow(dead_code, reason = "each test uses its part")]
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test may panic")]

use std::io::{self, Read, Write};
use std::sync::Arc;

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::aws_lc_rs as provider;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime};
use rustls::sign::SigningKey;
use rustls::{
    CipherSuite, ClientConfig, ClientConnection, DigitallySignedStruct, SignatureScheme,
    SupportedProtocolVersion,
};
use wharf_transport::{Certificate, Certificates, Channel, Fault, KeyId, ServerSide, Settings, Site};

/// A certificate with a key that the test's own signer holds.
pub(crate) struct Made {
    pub(crate) der: Vec<u8>,
    pub(crate) pem: String,
    pub(crate) key_pem: String,
    pub(crate) key: Arc<dyn SigningKey>,
}

pub(crate) fn made(names: &[&str], algorithm: &'static rcgen::SignatureAlgorithm) -> Made {
    let key = rcgen::KeyPair::generate_for(algorithm).unwrap();
    let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
    let certificate = rcgen::CertificateParams::new(names).unwrap().self_signed(&key).unwrap();
    let der = PrivateKeyDer::try_from(key.serialize_der()).unwrap();
    Made {
        der: certificate.der().to_vec(),
        pem: certificate.pem(),
        key_pem: key.serialize_pem(),
        key: provider::sign::any_supported_type(&der).unwrap(),
    }
}

/// Certificates whose keys are in this process, as no server of ours has them.
pub(crate) fn certificates(list: &[Made]) -> Certificates {
    let keys: Vec<_> = list.iter().map(|one| Arc::clone(&one.key)).collect();
    let sign = move |key: KeyId, scheme: u16, message: &[u8]| {
        let key = keys.get(key.0 as usize).ok_or(io::ErrorKind::NotFound)?;
        let signer =
            key.choose_scheme(&[SignatureScheme::from(scheme)]).ok_or(io::ErrorKind::InvalidInput)?;
        signer.sign(message).map_err(io::Error::other)
    };
    Certificates::new(&public(list), Arc::new(sign)).unwrap()
}

pub(crate) fn public(list: &[Made]) -> Vec<Certificate> {
    let one = |(number, made): (usize, &Made)| Certificate {
        key: KeyId(number as u64),
        schemes: [0x0807, 0x0403, 0x0503, 0x0804, 0x0401]
            .into_iter()
            .filter(|&scheme| made.key.choose_scheme(&[SignatureScheme::from(scheme)]).is_some())
            .collect(),
        chain: vec![made.der.clone()],
    };
    list.iter().enumerate().map(one).collect()
}

pub(crate) fn site(settings: &Settings) -> Arc<Site> {
    let one = made(&["ftp.example"], &rcgen::PKCS_ECDSA_P256_SHA256);
    Site::new(certificates(&[one]), settings).unwrap()
}

pub(crate) fn session() -> ServerSide {
    site(&Settings::default()).session().unwrap()
}

/// A client that believes every server, and remembers sessions.
pub(crate) fn client(versions: &[&'static SupportedProtocolVersion]) -> ClientConfig {
    client_with(versions, |_| true)
}

/// A client of one version that knows only some suites.
pub(crate) fn client_of(
    version: &'static SupportedProtocolVersion,
    knows: impl Fn(CipherSuite) -> bool,
) -> ClientConfig {
    client_with(&[version], knows)
}

fn client_with(
    versions: &[&'static SupportedProtocolVersion],
    knows: impl Fn(CipherSuite) -> bool,
) -> ClientConfig {
    let mut provider = provider::default_provider();
    provider.cipher_suites.retain(|suite| versions.contains(&suite.version()) && knows(suite.suite()));
    ClientConfig::builder_with_provider(Arc::new(provider))
        .with_protocol_versions(versions)
        .unwrap()
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(Anyone))
        .with_no_client_auth()
}

#[derive(Debug)]
struct Anyone;

impl ServerCertVerifier for Anyone {
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
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let algorithms = provider::default_provider().signature_verification_algorithms;
        rustls::crypto::verify_tls12_signature(message, certificate, signed, &algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let algorithms = provider::default_provider().signature_verification_algorithms;
        rustls::crypto::verify_tls13_signature(message, certificate, signed, &algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        provider::default_provider().signature_verification_algorithms.supported_schemes()
    }
}

/// A client and the server's channel, with nothing between them.
pub(crate) struct Pair {
    pub(crate) client: ClientConnection,
    pub(crate) server: Channel,
    /// What the server has decrypted.
    pub(crate) plaintext: Vec<u8>,
    pending: Vec<u8>,
}

impl Pair {
    pub(crate) fn new(client: &Arc<ClientConfig>, name: &str, server: Channel) -> Self {
        let name = ServerName::try_from(name.to_owned()).unwrap();
        let client = ClientConnection::new(Arc::clone(client), name).unwrap();
        Self { client, server, plaintext: Vec::new(), pending: Vec::new() }
    }

    /// Gives the server ciphertext.
    pub(crate) fn feed(&mut self, ciphertext: &[u8]) -> Result<(), Fault> {
        feed(&mut self.server, &mut self.pending, ciphertext, &mut self.plaintext)
    }

    /// Gives the client what the server has to send.
    pub(crate) fn answer(&mut self) -> Result<(), rustls::Error> {
        let mut octets = Vec::new();
        self.server.take_tls(&mut octets);
        let mut rest = &octets[..];
        while !rest.is_empty() {
            self.client.read_tls(&mut rest).unwrap();
            self.client.process_new_packets()?;
        }
        Ok(())
    }

    /// What the client has to send.
    pub(crate) fn said(&mut self) -> Vec<u8> {
        let mut octets = Vec::new();
        while self.client.wants_write() {
            self.client.write_tls(&mut octets).unwrap();
        }
        octets
    }

    /// Carries octets both ways until nobody has any.
    pub(crate) fn settle(&mut self) -> Result<(), Fault> {
        let mut octets = Vec::new();
        loop {
            octets.clear();
            while self.client.wants_write() {
                self.client.write_tls(&mut octets).unwrap();
            }
            let outcome = self.feed(&octets);
            let mut back = Vec::new();
            self.server.take_tls(&mut back);
            let mut rest = &back[..];
            while !rest.is_empty() {
                self.client.read_tls(&mut rest).unwrap();
                if let Err(error) = self.client.process_new_packets() {
                    outcome?;
                    // Tell the server why.
                    octets.clear();
                    self.client.write_tls(&mut octets).unwrap();
                    self.feed(&octets)?;
                    panic!("the client gave up: {error}");
                }
            }
            outcome?;
            if octets.is_empty() && back.is_empty() {
                return Ok(());
            }
        }
    }

    /// Connects, and shakes hands.
    pub(crate) fn connect(client: &Arc<ClientConfig>, name: &str, server: Channel) -> Result<Self, Fault> {
        let mut pair = Self::new(client, name, server);
        pair.settle()?;
        Ok(pair)
    }
}

/// Gives a server ciphertext, and takes the plaintext; what is no whole record yet is `pending`.
pub(crate) fn feed(
    server: &mut Channel,
    pending: &mut Vec<u8>,
    ciphertext: &[u8],
    plaintext: &mut Vec<u8>,
) -> Result<(), Fault> {
    pending.extend_from_slice(ciphertext);
    let taken = server.shake(pending)?;
    pending.drain(..taken);
    let taken = server.open(pending, |octets| plaintext.extend_from_slice(octets))?;
    pending.drain(..taken);
    Ok(())
}

/// Reads everything that the client has decrypted.
pub(crate) fn heard(client: &mut ClientConnection) -> Vec<u8> {
    let mut octets = Vec::new();
    // `WouldBlock` says that there is no more now.
    let _ = client.reader().read_to_end(&mut octets);
    octets
}

/// Serves one connection over a socket: answers what `respond` makes of the plaintext so far, then closes.
pub(crate) fn serve(
    stream: &mut std::net::TcpStream,
    channel: &mut Channel,
    respond: impl Fn(&[u8]) -> Option<Vec<u8>>,
) -> Result<Vec<u8>, Fault> {
    let (mut heard, mut buffer) = (Vec::new(), vec![0; 65536]);
    let (mut out, mut pending) = (Vec::new(), Vec::new());
    let mut has_answered = false;
    loop {
        let read = match stream.read(&mut buffer) {
            Ok(read) => read,
            Err(error) if error.kind() == io::ErrorKind::ConnectionReset => 0,
            Err(error) => panic!("{error}"),
        };
        if read == 0 {
            return channel.end_of_stream().map(|()| heard);
        }
        let fed = feed(channel, &mut pending, &buffer[..read], &mut heard);
        flush(stream, channel, &mut out);
        fed?;
        if !has_answered && let Some(answer) = respond(&heard) {
            has_answered = true;
            let mut rest = &answer[..];
            while !rest.is_empty() {
                let written = channel.write(&rest[..rest.len().min(256 * 1024)]);
                rest = &rest[written..];
                flush(stream, channel, &mut out);
            }
            channel.close();
            flush(stream, channel, &mut out);
        }
        if channel.is_closed_cleanly() {
            return Ok(heard);
        }
    }
}

fn flush(stream: &mut std::net::TcpStream, channel: &mut Channel, out: &mut Vec<u8>) {
    out.clear();
    channel.take_tls(out);
    // A client that has gone is told by the next read.
    let _ = stream.write_all(out);
}
