//! The directory of ordered certificates (`acme_dir`): opened once for each order, and then nothing by pathname.
//!
//! | | |
//! |---|---|
//! | `account.key` | the key of the account; written by the keyholder |
//! | `certificate.pem` | key and chain in one file, so that one rename replaces both |
//! | `renewal` | what was ordered when, see `renewal.rs` |

use std::fs::{DirBuilder, File};
use std::io::{self, Read, Write};
use std::os::fd::OwnedFd;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};

use rustix::fs::{AtFlags, Mode, OFlags};

pub(super) const ACCOUNT: &str = "account.key";
pub(super) const CERTIFICATE: &str = "certificate.pem";
pub(super) const RENEWAL: &str = "renewal";

/// The longest `renewal` that is read, in octets.
const MAX_RENEWAL: u64 = 64 * 1024;

const PRIVATE: Mode = Mode::RUSR.union(Mode::WUSR);

/// Where this machine keeps the authorities that it trusts, by distribution: Debian, Red Hat, SUSE, Alpine.
const MACHINES_ROOTS: [&str; 4] = [
    "/etc/ssl/certs/ca-certificates.crt",
    "/etc/pki/tls/certs/ca-bundle.crt",
    "/var/lib/ca-certificates/ca-bundle.pem",
    "/etc/ssl/cert.pem",
];

/// The directory, open.
#[derive(Debug)]
pub(super) struct Place {
    directory: OwnedFd,
    path: PathBuf,
}

impl Place {
    /// Opens the directory; one that is not there is made.
    ///
    /// # Errors
    /// With the path, and what to try.
    pub(super) fn open(path: &Path) -> Result<Self, String> {
        let failed = |error: io::Error| format!("{}: {error} (acme_dir)", path.display());
        DirBuilder::new().recursive(true).mode(0o700).create(path).map_err(failed)?;
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let directory = rustix::fs::open(path, flags, Mode::empty()).map_err(|errno| failed(errno.into()))?;
        let it = rustix::fs::fstat(&directory).map_err(|errno| failed(errno.into()))?;
        let (ours, _) = wharf_os::identity::current();
        // Security: who can write here could put another key in place.
        if it.st_uid != ours || it.st_mode & 0o022 != 0 {
            let shown = path.display();
            return Err(format!(
                "{shown}: others can write to this directory (acme_dir): chown root {shown}; chmod 700 {shown}"
            ));
        }
        Ok(Self { directory, path: path.to_owned() })
    }

    /// The path of a file, for messages.
    pub(super) fn shown(&self, name: &str) -> String {
        self.path.join(name).display().to_string()
    }

    /// Tells whether a file is there.
    pub(super) fn has(&self, name: &str) -> bool {
        rustix::fs::statat(&self.directory, name, AtFlags::SYMLINK_NOFOLLOW).is_ok()
    }

    /// Opens the account's file, to be read and written; an empty one is made when there is none.
    pub(super) fn account(&self) -> Result<File, String> {
        self.file(ACCOUNT, OFlags::RDWR | OFlags::CREATE)
    }

    /// Makes a new file that will take another's place.
    pub(super) fn fresh(&self, name: &str) -> Result<File, String> {
        let new = new_name(name);
        // What an order that was broken off has left.
        let _ = rustix::fs::unlinkat(&self.directory, &new, AtFlags::empty());
        self.file(&new, OFlags::RDWR | OFlags::CREATE | OFlags::EXCL)
    }

    fn file(&self, name: &str, flags: OFlags) -> Result<File, String> {
        // Security: a link, or a pipe that holds us up, is nothing we made.
        let flags = flags | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
        rustix::fs::openat(&self.directory, name, flags, PRIVATE)
            .map(File::from)
            .map_err(|errno| format!("{}: {}", self.shown(name), io::Error::from(errno)))
    }

    /// Puts a new file in the place of the one it is to replace, for good.
    pub(super) fn put(&self, fresh: &File, name: &str) -> Result<(), String> {
        let put = || -> io::Result<()> {
            fresh.sync_all()?;
            rustix::fs::renameat(&self.directory, new_name(name), &self.directory, name)?;
            Ok(rustix::fs::fsync(&self.directory)?)
        };
        put().map_err(|error| format!("{}: {error}", self.shown(name)))
    }

    /// Reads the record of orders; empty when there is none.
    pub(super) fn renewal(&self) -> String {
        let mut text = String::new();
        if let Ok(file) = self.file(RENEWAL, OFlags::RDONLY) {
            // One that cannot be read is as good as none.
            let _ = file.take(MAX_RENEWAL).read_to_string(&mut text);
        }
        text
    }

    /// Writes the record of orders.
    pub(super) fn set_renewal(&self, text: &str) -> Result<(), String> {
        let mut file = self.fresh(RENEWAL)?;
        file.write_all(text.as_bytes()).map_err(|error| format!("{}: {error}", self.shown(RENEWAL)))?;
        self.put(&file, RENEWAL)
    }
}

fn new_name(name: &str) -> String {
    format!("{name}.new")
}

/// Opens the authorities that the directory of an authority is checked against.
pub(super) fn roots(configured: Option<&Path>) -> Result<File, String> {
    let named = |path: &Path| File::open(path).map_err(|error| format!("{}: {error}", path.display()));
    if let Some(path) = configured {
        return named(path).map_err(|error| format!("{error} (acme_ca_file)"));
    }
    MACHINES_ROOTS.iter().find_map(|path| named(Path::new(path)).ok()).ok_or_else(|| {
        "this machine has no file of trusted authorities: install the package ca-certificates, or set acme_ca_file"
            .to_owned()
    })
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn the_directory_and_its_files_are_for_one_user_only() {
        let above = tempfile::tempdir().unwrap();
        let path = above.path().join("lib/acme");
        let place = Place::open(&path).unwrap();
        drop(place.account().unwrap());
        let mode = |path: &Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
        assert_eq!((mode(&path), mode(&path.join(ACCOUNT))), (0o700, 0o600));
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o770)).unwrap();
        assert!(Place::open(&path).unwrap_err().contains("others can write"));
    }

    #[test]
    fn a_new_file_replaces_the_old_one_at_once_or_not_at_all() {
        let above = tempfile::tempdir().unwrap();
        let place = Place::open(above.path()).unwrap();
        assert_eq!((place.renewal(), place.has(RENEWAL)), (String::new(), false));
        place.set_renewal("one").unwrap();
        drop(place.fresh(RENEWAL).unwrap());
        assert_eq!(place.renewal(), "one");
        place.set_renewal("two").unwrap();
        assert_eq!(place.renewal(), "two");
    }

    #[test]
    fn links_are_not_followed() {
        let above = tempfile::tempdir().unwrap();
        let place = Place::open(above.path()).unwrap();
        std::os::unix::fs::symlink("/etc/passwd", above.path().join(ACCOUNT)).unwrap();
        std::os::unix::fs::symlink("/etc/passwd", above.path().join(RENEWAL)).unwrap();
        assert!(place.account().is_err());
        assert_eq!(place.renewal(), "");
    }
}
