//! The keymaker role: makes the certificate of a server that has none from an authority, keeps it, and ends.
//!
//! The key is made in a process of its own, which meets nobody and is gone before anybody is served, so that no other
//! process ever has it in memory. It is ECDSA over P-256, which every client can check. Whoever starts first makes it; a
//! second one that starts at the same moment takes what the first has made. Nobody vouches for such a certificate but the
//! people who compare its fingerprint.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::atomic::{AtomicU32, Ordering};

use aws_lc_rs::digest::{SHA256, digest};
use rcgen::{CertificateParams, DnType, KeyPair, KeyUsagePurpose, PKCS_ECDSA_P256_SHA256};
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use wharf_ipc::link::Link;
use wharf_ipc::own::{Answer, Own};
use wharf_os::process;
use wharf_os::spawn::Inherited;
use zeroize::Zeroizing;

/// The longest file that is read; a key of this kind has 241 octets.
const LONGEST: u64 = 64 * 1024;

/// Names of the two files in their directory.
const CERTIFICATE: &str = "share.crt";
const KEY: &str = "share.key";

/// Runs the role: the arguments are the directory and the host names, the answer goes to the descriptor `monitor`.
#[must_use]
pub fn run(inherited: &mut Inherited) -> ExitCode {
    match serve(inherited) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            wharf_os::say!("wharfd: keymaker: {error}");
            ExitCode::FAILURE
        }
    }
}

fn serve(inherited: &mut Inherited) -> io::Result<()> {
    process::die_with_parent()?;
    process::no_core()?;
    process::not_dumpable()?;
    process::no_new_privileges()?;
    let monitor: Link<Answer, ()> = Link::from(inherited.require("monitor")?);
    let arguments = inherited.arguments();
    let (directory, hosts) = arguments.split_first().ok_or(io::ErrorKind::InvalidInput)?;
    let hosts: Vec<String> = hosts.iter().map(|host| host.to_string_lossy().into_owned()).collect();
    monitor.send(&keep(Path::new(directory), &hosts))
}

/// Finds the certificate in a directory, or makes it there.
///
/// # Errors
/// What is wrong with which file, and what to try.
fn keep(directory: &Path, hosts: &[String]) -> Result<Own, String> {
    let at = |path: &Path, error: &dyn std::fmt::Display| format!("{}: {error}", path.display());
    DirBuilder::new().recursive(true).mode(0o700).create(directory).map_err(|error| at(directory, &error))?;
    let (certificate, key) = (directory.join(CERTIFICATE), directory.join(KEY));
    let pair = match read_key(&key).map_err(|error| at(&key, &error))? {
        Some(pair) => pair,
        None => {
            make_key(&key).map_err(|error| at(&key, &error))?;
            // Another's, when somebody was faster.
            read_key(&key).map_err(|error| at(&key, &error))?.ok_or_else(|| at(&key, &"it is gone again"))?
        }
    };
    if !certificate.exists() {
        let made = made(&pair, hosts).map_err(|error| at(&certificate, &error))?;
        put(&certificate, made.as_bytes(), 0o644).map_err(|error| at(&certificate, &error))?;
    }
    let fingerprint = fingerprint(&certificate).map_err(|error| at(&certificate, &error))?;
    let named =
        |path: PathBuf| path.into_os_string().into_string().map_err(|_| "the path is no UTF-8".to_owned());
    Ok(Own { certificate: named(certificate)?, key: named(key)?, fingerprint })
}

/// Reads the key; `None` when there is none yet.
fn read_key(path: &Path) -> io::Result<Option<KeyPair>> {
    // Security: a link would lead wherever somebody else likes.
    let flags = rustix::fs::OFlags::NOFOLLOW | rustix::fs::OFlags::NONBLOCK;
    let file = match OpenOptions::new().read(true).custom_flags(flags.bits().cast_signed()).open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error),
    };
    let it = file.metadata()?;
    if !it.is_file() || it.uid() != wharf_os::identity::current().0 || it.mode() & 0o077 != 0 {
        return Err(io::Error::other(
            "the key must be a file of the user who shares, with mode 0600: remove it, and another is made",
        ));
    }
    let mut text = Zeroizing::new(String::with_capacity(4096));
    file.take(LONGEST).read_to_string(&mut text)?;
    KeyPair::from_pem(&text).map(Some).map_err(|error| {
        io::Error::other(format!("the key is damaged ({error}): remove it, and another is made"))
    })
}

fn make_key(path: &Path) -> io::Result<()> {
    let pair = KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256).map_err(io::Error::other)?;
    let text = Zeroizing::new(pair.serialize_pem());
    put(path, text.as_bytes(), 0o600)
}

fn made(pair: &KeyPair, hosts: &[String]) -> Result<String, rcgen::Error> {
    let mut parameters = CertificateParams::new(hosts.to_vec())?;
    parameters.distinguished_name = rcgen::DistinguishedName::new();
    let host = hosts.first().map_or("localhost", String::as_str);
    parameters.distinguished_name.push(DnType::CommonName, format!("Wharf on {host}"));
    parameters.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    parameters.extended_key_usages = vec![rcgen::ExtendedKeyUsagePurpose::ServerAuth];
    // The clocks of the machines that come may be wrong, and nobody renews this.
    parameters.not_before = rcgen::date_time_ymd(2020, 1, 1);
    parameters.not_after = rcgen::date_time_ymd(2049, 12, 31);
    Ok(parameters.self_signed(pair)?.pem())
}

/// Tells the files of one process apart that are not under their name yet.
static NEW_FILES: AtomicU32 = AtomicU32::new(0);

/// Puts a file under a name that nothing has; when something has it by now, that stays.
fn put(path: &Path, content: &[u8], mode: u32) -> io::Result<()> {
    let mut name = path.as_os_str().to_owned();
    name.push(format!(".{}-{}", std::process::id(), NEW_FILES.fetch_add(1, Ordering::Relaxed)));
    let new = PathBuf::from(name);
    // A leftover of a process with our number that was killed is nobody's any more.
    let _ = fs::remove_file(&new);
    let linked = write(&new, content, mode).and_then(|()| fs::hard_link(&new, path));
    let _ = fs::remove_file(&new);
    match linked {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => Err(error),
        _ => Ok(()),
    }
}

fn write(path: &Path, content: &[u8], mode: u32) -> io::Result<()> {
    let mut file = OpenOptions::new().write(true).create_new(true).mode(mode).open(path)?;
    file.write_all(content)?;
    file.sync_all()
}

fn fingerprint(path: &Path) -> io::Result<String> {
    let mut text = Vec::new();
    File::open(path)?.take(LONGEST).read_to_end(&mut text)?;
    let certificate = CertificateDer::from_pem_slice(&text).map_err(|error| {
        io::Error::other(format!("no certificate ({error}): remove it, and another is made"))
    })?;
    let octets = digest(&SHA256, &certificate);
    Ok(octets.as_ref().iter().map(|octet| format!("{octet:02X}")).collect::<Vec<_>>().join(":"))
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;
    use std::sync::Barrier;

    use super::*;

    fn hosts() -> Vec<String> {
        vec!["host.example".to_owned(), "127.0.0.1".to_owned()]
    }

    #[test]
    fn what_was_made_once_is_kept() {
        let place = tempfile::tempdir().unwrap();
        let directory = place.path().join("state/wharf");
        let first = keep(&directory, &hosts()).unwrap();
        assert_eq!(first.fingerprint.len(), 32 * 3 - 1);
        assert_eq!(keep(&directory, &["other.example".to_owned()]).unwrap(), first);
        let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o7777;
        assert_eq!((mode(&directory), mode(Path::new(&first.key))), (0o700, 0o600));
        assert_eq!(fs::read_dir(&directory).unwrap().count(), 2, "nothing else is left");
    }

    #[test]
    fn the_key_belongs_to_the_certificate() {
        let place = tempfile::tempdir().unwrap();
        let own = keep(place.path(), &hosts()).unwrap();
        let named = |name: &str| crate::load::Named { name: name.into(), file: File::open(name).unwrap() };
        let id = wharf_ipc::keyholder::KeyId::new(1, 0);
        let (public, _) = crate::load::pair(id, &named(&own.certificate), Some(&named(&own.key))).unwrap();
        assert_eq!(public.schemes, [0x0403]);
    }

    #[test]
    fn those_who_start_together_agree() {
        let place = tempfile::tempdir().unwrap();
        let barrier = Barrier::new(4);
        let one = || {
            barrier.wait();
            keep(place.path(), &hosts()).unwrap().fingerprint
        };
        let fingerprints: Vec<_> = std::thread::scope(|scope| {
            let threads: Vec<_> = (0..4).map(|_| scope.spawn(one)).collect();
            threads.into_iter().map(|thread| thread.join().unwrap()).collect()
        });
        assert!(fingerprints.windows(2).all(|two| two[0] == two[1]), "{fingerprints:?}");
    }

    #[test]
    fn a_key_that_others_can_read_is_not_used() {
        let place = tempfile::tempdir().unwrap();
        let own = keep(place.path(), &hosts()).unwrap();
        fs::set_permissions(&own.key, fs::Permissions::from_mode(0o640)).unwrap();
        assert!(keep(place.path(), &hosts()).unwrap_err().contains("mode 0600"));
        fs::write(&own.key, "nothing").unwrap();
        fs::set_permissions(&own.key, fs::Permissions::from_mode(0o600)).unwrap();
        assert!(keep(place.path(), &hosts()).unwrap_err().contains("damaged"));
        fs::remove_file(&own.key).unwrap();
        std::os::unix::fs::symlink("/etc/passwd", &own.key).unwrap();
        keep(place.path(), &hosts()).unwrap_err();
    }
}
