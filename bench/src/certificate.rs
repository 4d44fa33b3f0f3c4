//! The certificate that every server shows: signed by itself, with a key on the curve P-256.

use std::fs::{self, Permissions};
use std::io;
use std::os::unix::fs::{PermissionsExt, chown};
use std::path::{Path, PathBuf};

use rcgen::{CertificateParams, KeyPair, PKCS_ECDSA_P256_SHA256};

/// Where it is, in PEM form.
#[derive(Debug, Clone)]
pub(crate) struct Certificate {
    pub(crate) chain: PathBuf,
    pub(crate) key: PathBuf,
    /// Key and certificate in one file, as some servers want them.
    pub(crate) both: PathBuf,
}

impl Certificate {
    /// Makes one in a new directory, readable by root and this user, as whom some servers run from the start.
    ///
    /// # Errors
    /// When it cannot be made or written.
    pub(crate) fn new(directory: &Path, (user, group): (u32, u32)) -> io::Result<Self> {
        fs::create_dir(directory)?;
        let key = KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256).map_err(io::Error::other)?;
        let parameters = CertificateParams::new(["localhost".to_owned()]).map_err(io::Error::other)?;
        let chain = parameters.self_signed(&key).map_err(io::Error::other)?.pem();
        let key = key.serialize_pem();
        let at = |name: &str| directory.join(name);
        let made = Self { chain: at("chain.pem"), key: at("key.pem"), both: at("both.pem") };
        let both = [key.as_str(), chain.as_str()].concat();
        for (file, text) in [(&made.chain, &chain), (&made.key, &key), (&made.both, &both)] {
            fs::write(file, text)?;
            fs::set_permissions(file, Permissions::from_mode(0o600))?;
            chown(file, Some(user), Some(group))?;
        }
        Ok(made)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn key_and_certificate_stand_in_one_file_too() {
        let directory = std::env::temp_dir().join(format!("wharf-bench-certificate-{}", std::process::id()));
        let us = (rustix::process::geteuid().as_raw(), rustix::process::getegid().as_raw());
        let made = Certificate::new(&directory, us).unwrap();
        let read = |file| fs::read_to_string(file).unwrap();
        assert_eq!(read(&made.both), read(&made.key) + &read(&made.chain));
        assert!(read(&made.key).contains("PRIVATE KEY"));
        fs::remove_dir_all(directory).unwrap();
    }
}
