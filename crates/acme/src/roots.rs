//! Whom we believe that a directory is who it says: the machine's trusted roots, from a file that the monitor opened.

use std::fs::File;
use std::os::unix::fs::FileExt;
use std::sync::Arc;

use rustls::crypto::aws_lc_rs;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use rustls::{ClientConfig, RootCertStore};

/// The longest file that is read. What distributions ship has some 250 KiB.
const MAX_FILE: usize = 2 * 1024 * 1024;

/// Makes a client's side of TLS that believes these roots.
///
/// # Errors
/// What is wrong with the file, for the administrator.
pub(crate) fn client(file: &File) -> Result<Arc<ClientConfig>, String> {
    let octets = read(file).map_err(|why| format!("the file of trusted authorities {why} (acme_ca_file)"))?;
    let mut roots = RootCertStore::empty();
    let certificates = CertificateDer::pem_slice_iter(&octets).filter_map(Result::ok);
    let (taken, _) = roots.add_parsable_certificates(certificates);
    if taken == 0 {
        return Err("the file of trusted authorities holds no certificate (acme_ca_file)".to_owned());
    }
    let mut config = ClientConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(|error| format!("TLS cannot be used: {error}"))?
        .with_root_certificates(roots)
        .with_no_client_auth();
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(Arc::new(config))
}

fn read(file: &File) -> Result<Vec<u8>, String> {
    let mut octets = vec![0; MAX_FILE];
    let mut length = 0;
    while let Some(room) = octets.get_mut(length..).filter(|room| !room.is_empty()) {
        match file.read_at(room, length as u64) {
            Ok(0) => {
                octets.truncate(length);
                return Ok(octets);
            }
            Ok(read) => length += read,
            Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
            Err(error) => return Err(format!("cannot be read: {error}")),
        }
    }
    Err(format!("is longer than {} KiB", MAX_FILE / 1024))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_without_certificates_is_told() {
        let empty = File::open("/dev/null").unwrap();
        assert!(client(&empty).unwrap_err().contains("holds no certificate"));
        let endless = File::open("/dev/zero").unwrap();
        assert!(client(&endless).unwrap_err().contains("longer than"));
        let directory = File::open("/").unwrap();
        assert!(client(&directory).unwrap_err().contains("cannot be read"));
    }
}
