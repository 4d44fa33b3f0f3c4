//! A small server on libunftp: anonymous sessions over a directory, for `wharf-bench` to measure. Nothing else uses it.
//!
//! Arguments: the address to listen on, the directory to serve, the first and the last passive port. The default
//! authenticator lets everybody in; logging and metrics are off.
#![forbid(unsafe_code)]

use std::error::Error;
use std::path::PathBuf;

use libunftp::ServerBuilder;
use unftp_sbe_fs::Filesystem;

type Done = Result<(), Box<dyn Error + Send + Sync>>;

fn main() -> Done {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [address, directory, first, last] = arguments.as_slice() else {
        return Err("usage: wharf-bench-libunftp ADDRESS DIRECTORY FIRST-PORT LAST-PORT".into());
    };
    let ports = first.parse()?..=last.parse()?;
    // A worker for each core, as tokio chooses by itself.
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    runtime.block_on(serve(address.clone(), PathBuf::from(directory), ports))
}

async fn serve(address: String, directory: PathBuf, ports: std::ops::RangeInclusive<u16>) -> Done {
    // Opened once, so that a wrong directory is told at the start and not to the first client.
    Filesystem::new(&directory)?;
    let storage = move || Filesystem::new(&directory).expect("the directory was there at the start");
    let server =
        ServerBuilder::new(Box::new(storage)).passive_ports(ports).idle_session_timeout(3600).build()?;
    Ok(server.listen(address).await?)
}
