//! The reference with TLS: the library shakes hands; a large file is read straight into the places of 16 records, which are
//! sealed there and sent with one call, and the other way round.

use std::fs::File;
use std::io::{self, IoSlice, IoSliceMut, Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::sync::Arc;

use rustls::crypto::aws_lc_rs::{Ticketer, default_provider};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{Connection, ServerConfig, ServerConnection, StreamOwned};

use crate::tls;
use crate::tls::wire::Wire;

/// Files up to this size are left to the library.
const SMALL: u64 = 64 << 10;

/// Reads certificate and key.
///
/// # Errors
/// When they cannot be read or do not belong together.
pub(super) fn config(chain: &Path, key: &Path) -> io::Result<Arc<ServerConfig>> {
    let chain = CertificateDer::pem_file_iter(chain).map_err(io::Error::other)?;
    let chain = chain.collect::<Result<Vec<_>, _>>().map_err(io::Error::other)?;
    let key = PrivateKeyDer::from_pem_file(key).map_err(io::Error::other)?;
    let config = ServerConfig::builder_with_provider(Arc::new(default_provider()));
    let config = config.with_safe_default_protocol_versions().map_err(io::Error::other)?;
    let config = config.with_no_client_auth().with_single_cert(chain, key);
    let mut config = config.map_err(io::Error::other)?;
    config.enable_secret_extraction = true;
    config.ticketer = Ticketer::new().map_err(io::Error::other)?;
    Ok(Arc::new(config))
}

/// Shakes hands and leaves the rest to the library too.
pub(super) fn accept(config: &Arc<ServerConfig>, mut socket: TcpStream) -> io::Result<Wire> {
    let mut connection = ServerConnection::new(Arc::clone(config)).map_err(io::Error::other)?;
    while connection.is_handshaking() {
        connection.complete_io(&mut socket)?;
    }
    Ok(Wire::Server(Box::new(StreamOwned::new(connection, socket))))
}

/// Sends a file over a new data connection.
pub(super) fn send(config: &Arc<ServerConfig>, mut file: &File, data: TcpStream) -> io::Result<()> {
    if file.metadata()?.len() <= SMALL {
        let mut wire = accept(config, data)?;
        let mut octets = Vec::new();
        file.read_to_end(&mut octets)?;
        wire.write_all(&octets)?;
        return wire.end();
    }
    let connection = ServerConnection::new(silent(config)).map_err(io::Error::other)?;
    let (_, mut out, _) = tls::in_hand(Connection::Server(connection), &data)?;
    loop {
        let mut places: Vec<_> = out.places().map(IoSliceMut::new).collect();
        let octets = file.read_vectored(&mut places)?;
        if octets == 0 {
            return out.end(&data);
        }
        out.send(&data, octets)?;
    }
}

/// Receives a file over a new data connection.
pub(super) fn receive(config: &Arc<ServerConfig>, data: &TcpStream, mut file: &File) -> io::Result<()> {
    let connection = ServerConnection::new(silent(config)).map_err(io::Error::other)?;
    let (mut inbound, mut out, _) = tls::in_hand(Connection::Server(connection), data)?;
    while let Some(places) = inbound.receive(data)? {
        let places = places.to_vec();
        let octets: usize = places.iter().map(ExactSizeIterator::len).sum();
        let slices: Vec<_> = places.into_iter().map(|place| IoSlice::new(inbound.payload(place))).collect();
        if file.write_vectored(&slices)? != octets {
            return Err(io::ErrorKind::WriteZero.into());
        }
    }
    out.end(data)
}

/// Returns settings for much: no ticket follows.
fn silent(config: &Arc<ServerConfig>) -> Arc<ServerConfig> {
    let mut config = ServerConfig::clone(config);
    config.send_tls13_tickets = 0;
    Arc::new(config)
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::net::TcpListener;
    use std::thread;

    use super::super::{Ports, Session};
    use super::*;
    use crate::certificate::Certificate;
    use crate::client::{Client, HOME, Piece};
    use crate::tls::{Protection, Terms};

    /// A client that is logged in to the reference, with its data protected.
    fn visit(protection: Protection, root: &Path, work: impl FnOnce(Client)) {
        fs::create_dir_all(root).unwrap();
        let us = (rustix::process::geteuid().as_raw(), rustix::process::getegid().as_raw());
        let files = Certificate::new(&root.join("tls"), us).unwrap();
        let tls = config(&files.chain, &files.key).unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let ports = Ports { first: 62_000, last: 62_999, next: 0.into() };
        let path = root.to_owned();
        let server = thread::spawn(move || {
            let session = Session::new(listener.accept().unwrap().0, &path, &ports, Some(tls));
            session.unwrap().converse().unwrap();
        });
        let terms = Terms::of(protection).unwrap();
        work(Client::login_on(terms.as_ref(), HOME, address).unwrap().private().unwrap());
        server.join().unwrap();
        fs::remove_dir_all(root).unwrap();
    }

    fn place(name: &str) -> std::path::PathBuf {
        std::env::temp_dir().join(format!("wharf-bench-secure-{name}-{}", std::process::id()))
    }

    #[test]
    fn much_goes_both_ways_by_hand_and_whole() {
        for (name, protection) in [("aes", Protection::AesGcm), ("chacha", Protection::ChaCha20)] {
            let root = place(name);
            visit(protection, &root, |client| {
                let mut client = client.in_hand();
                client.store("STOR large\r\n", &Piece::new(0).unwrap(), 6 << 20).unwrap();
                assert_eq!(fs::metadata(root.join("large")).unwrap().len(), 6 << 20);
                assert_eq!(client.fetch("RETR large\r\n").unwrap().octets, 6 << 20);
                assert_eq!(client.seen().resumed, 2);
                client.quit().unwrap();
            });
        }
    }

    #[test]
    fn small_files_resume_the_session_in_both_versions() {
        for (name, protection) in [("small", Protection::AesGcm), ("tls12", Protection::Tls12)] {
            let root = place(name);
            visit(protection, &root, |mut client| {
                fs::write(root.join("f"), [b'w'; 1024]).unwrap();
                for _ in 0..20 {
                    assert_eq!(client.fetch("RETR f\r\n").unwrap().octets, 1024);
                }
                let seen = client.seen();
                assert_eq!((seen.handshakes, seen.resumed), (20, 20));
                client.quit().unwrap();
            });
        }
    }
}
