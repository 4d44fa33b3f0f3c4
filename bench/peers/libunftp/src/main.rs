//! A small server on libunftp: anonymous sessions over a directory, for `wharf-bench` to measure. Nothing else uses it.
//!
//! Arguments: the address to listen on, the directory to serve, the first and the last passive port; for a server that
//! speaks TLS also the files of its certificate and its key. The default authenticator lets everybody in; logging and
//! metrics are off. Both versions of TLS
//! are on, which the library leaves to its user, and sessions can be resumed.
#![forbid(unsafe_code)]

use std::error::Error;
use std::path::PathBuf;

use libunftp::ServerBuilder;
use libunftp::options::TlsFlags;
use unftp_sbe_fs::Filesystem;

const USAGE: &str = "usage: wharf-bench-libunftp ADDRESS DIRECTORY FIRST-PORT LAST-PORT [CERTIFICATE KEY]";

type Done = Result<(), Box<dyn Error + Send + Sync>>;

fn main() -> Done {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let ([address, directory, first, last], tls) = arguments.split_first_chunk().ok_or(USAGE)?;
    let ports = first.parse()?..=last.parse()?;
    // A worker for each core, as tokio chooses by itself.
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    runtime.block_on(serve(address.clone(), PathBuf::from(directory), ports, tls))
}

async fn serve(
    address: String,
    directory: PathBuf,
    ports: std::ops::RangeInclusive<u16>,
    tls: &[String],
) -> Done {
    // Opened once, so that a wrong directory is told at the start and not to the first client.
    Filesystem::new(&directory)?;
    let storage = move || Filesystem::new(&directory).expect("the directory was there at the start");
    let mut server =
        ServerBuilder::new(Box::new(storage)).passive_ports(ports).idle_session_timeout(3600);
    if let [certificate, key, ..] = tls {
        let flags = TlsFlags::LATEST_VERSIONS | TlsFlags::RESUMPTION_TICKETS;
        server = server.ftps(certificate, key).ftps_tls_flags(flags);
    }
    Ok(server.build()?.listen(address).await?)
}
