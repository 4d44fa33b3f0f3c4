//! The files of certificates and their keys: named by the configuration, opened here, read by the keyholder only.

use std::fs::{File, OpenOptions};
use std::io;
use std::os::fd::AsFd;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::Path;

use bstr::BString;
use rustix::fs::OFlags;
use wharf_config::{Config, Problem, Severity};
use wharf_ipc::keyholder::{Files, Refused};

use super::files::{self, Version};

/// A certificate's file and its key's, open.
#[derive(Debug)]
pub(super) struct Pair {
    names: &'static Names,
    certificate: Opened,
    /// `None` when the key stands in the certificate's file.
    key: Option<Opened>,
}

#[derive(Debug)]
struct Opened {
    name: String,
    file: File,
    version: Version,
    mode: u32,
}

/// What a pair is called in the configuration, and in vsftpd's messages.
#[derive(Debug)]
struct Names {
    kind: &'static str,
    certificate: &'static str,
    key: &'static str,
}

const RSA: Names = Names { kind: "RSA", certificate: "rsa_cert_file", key: "rsa_private_key_file" };
const DSA: Names = Names { kind: "DSA", certificate: "dsa_cert_file", key: "dsa_private_key_file" };

/// What all files looked like, in the order of [`open`]; `None` for one that is not there.
pub(super) type Versions = Vec<Option<Version>>;

/// The pairs that a configuration names: certificate, and key if it has a file of its own.
fn wanted(config: &Config) -> impl Iterator<Item = (&'static Names, &BString, Option<&BString>)> {
    let tls = &config.tls;
    let rsa = (&RSA, &tls.rsa_cert_file, &tls.rsa_private_key_file);
    let dsa = (&DSA, &tls.dsa_cert_file, &tls.dsa_private_key_file);
    [rsa, dsa].into_iter().filter_map(|(names, certificate, key)| {
        let certificate = certificate.as_ref()?;
        Some((names, certificate, key.as_ref().filter(|key| *key != certificate)))
    })
}

/// Looks what stands now under the names of a configuration.
pub(super) fn versions(config: &Config) -> Versions {
    wanted(config)
        .flat_map(|(_, certificate, key)| [Some(certificate), key])
        .flatten()
        .map(|name| std::fs::metadata(path(name)).ok().as_ref().map(files::version))
        .collect()
}

/// Opens all pairs.
///
/// # Errors
/// vsftpd's words for the file that cannot be opened, with the reason.
pub(super) fn open(config: &Config) -> Result<Vec<Pair>, Problem> {
    wanted(config)
        .map(|(names, certificate, key)| {
            let certificate = open_one(certificate).map_err(|error| {
                names.problem(false, names.certificate, &shown(certificate), &error.to_string())
            })?;
            let open_key = |key| {
                open_one(key).map_err(|error| names.problem(true, names.key, &shown(key), &error.to_string()))
            };
            let key = key.map(open_key).transpose()?;
            Ok(Pair { names, certificate, key })
        })
        .collect()
}

fn open_one(name: &BString) -> io::Result<Opened> {
    // A pipe or a terminal under that name must not hold the monitor up.
    let flags = OFlags::NONBLOCK | OFlags::NOCTTY;
    let file = OpenOptions::new().read(true).custom_flags(flags.bits().cast_signed()).open(path(name))?;
    let metadata = file.metadata()?;
    Ok(Opened { name: shown(name), version: files::version(&metadata), mode: metadata.mode(), file })
}

impl Pair {
    /// The pair for the keyholder.
    pub(super) fn files(&self) -> Files<'_> {
        Files { certificate: self.certificate.borrowed(), key: self.key.as_ref().map(Opened::borrowed) }
    }

    /// What its files looked like when they were opened.
    pub(super) fn versions(&self) -> impl Iterator<Item = Option<Version>> {
        [Some(&self.certificate), self.key.as_ref()].into_iter().flatten().map(|opened| Some(opened.version))
    }

    /// The certificate's file.
    pub(super) fn name(&self) -> &str {
        &self.certificate.name
    }

    /// A warning when everybody on the machine can read the key.
    pub(super) fn exposed(&self) -> Option<Problem> {
        let Opened { name, mode, .. } = self.key.as_ref().unwrap_or(&self.certificate);
        let permissions = mode & 0o7777;
        (mode & 0o004 != 0).then(|| Problem {
            severity: Severity::Warning,
            suggestion: Some(format!("chmod 600 {name}, and get a new key if this machine has other users")),
            ..Problem::error(format!("everybody can read the private key in {name} (mode {permissions:04o})"))
        })
    }
}

impl Opened {
    fn borrowed(&self) -> (&str, std::os::fd::BorrowedFd<'_>) {
        (&self.name, self.file.as_fd())
    }
}

impl Names {
    /// Says in vsftpd's words that a certificate or its key cannot be used, and which option names the file.
    fn problem(&self, is_key: bool, option: &str, file: &str, reason: &str) -> Problem {
        let what = if is_key { "private key" } else { "certificate" };
        Problem {
            text: format!("{option}={file}").into(),
            suggestion: Some(format!("mend the file, name another in {option}, or set ssl_enable=NO")),
            ..Problem::error(format!("SSL: cannot load {} {what}: {file}: {reason}", self.kind))
        }
    }
}

/// The keyholder's judgement in vsftpd's words.
pub(super) fn refused(pairs: &[Pair], refused: &Refused) -> Problem {
    let Refused { file, reason } = refused;
    let fault = pairs.iter().find_map(|pair| {
        if pair.certificate.name == *file {
            // Compat: a key that is missing in the file, or that belongs to another certificate, is the key's fault.
            let is_key = reason.contains("key");
            return Some(pair.names.problem(is_key, pair.names.certificate, file, reason));
        }
        let key = pair.key.as_ref().filter(|key| key.name == *file)?;
        Some(pair.names.problem(true, pair.names.key, &key.name, reason))
    });
    fault.unwrap_or_else(|| Problem::error(format!("SSL: cannot load RSA certificate: {file}: {reason}")))
}

fn shown(name: &BString) -> String {
    String::from_utf8_lossy(name).into_owned()
}

fn path(name: &BString) -> &Path {
    Path::new(std::ffi::OsStr::from_bytes(name))
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    fn config(text: &str) -> Config {
        wharf_config::parse(text.as_bytes(), None, &Config::default()).unwrap().config
    }

    /// A place with files, and a configuration that names them.
    fn place(lines: &str) -> (tempfile::TempDir, Config) {
        let place = tempfile::tempdir().unwrap();
        for name in ["c", "k", "d"] {
            fs::write(place.path().join(name), name).unwrap();
            fs::set_permissions(place.path().join(name), fs::Permissions::from_mode(0o600)).unwrap();
        }
        let config = config(&lines.replace('@', &place.path().display().to_string()));
        (place, config)
    }

    const BOTH: &str =
        "rsa_cert_file=@/c\nrsa_private_key_file=@/k\ndsa_cert_file=@/d\ndsa_private_key_file=@/d\n";

    #[test]
    fn a_key_in_the_certificates_file_is_one_file_however_it_is_written() {
        let (_place, config) = place(BOTH);
        let pairs = open(&config).unwrap();
        let keys: Vec<_> = pairs.iter().map(|pair| pair.files().key.is_some()).collect();
        assert_eq!(keys, [true, false]);
    }

    #[test]
    fn what_was_opened_is_what_stands_there_until_a_file_is_replaced() {
        let (place, config) = place(BOTH);
        let opened: Versions = open(&config).unwrap().iter().flat_map(Pair::versions).collect();
        assert_eq!(opened, versions(&config));
        fs::write(place.path().join("new"), "k").unwrap();
        fs::rename(place.path().join("new"), place.path().join("k")).unwrap();
        assert_ne!(opened, versions(&config));
        fs::remove_file(place.path().join("k")).unwrap();
        assert_eq!(versions(&config).iter().filter(|version| version.is_none()).count(), 1);
    }

    #[test]
    fn a_fault_is_told_of_the_option_that_names_the_file() {
        let (place, config) = place(BOTH);
        let pairs = open(&config).unwrap();
        let told = |file: &str, reason: &str| {
            let file = place.path().join(file).display().to_string();
            let problem = refused(&pairs, &Refused { file: file.clone(), reason: reason.into() });
            (problem.message.replace(&file, "@"), problem.text.to_string().replace(&file, "@"))
        };
        let expected = |message: &str, text: &str| (message.to_owned(), text.to_owned());
        assert_eq!(
            told("c", "damaged"),
            expected("SSL: cannot load RSA certificate: @: damaged", "rsa_cert_file=@")
        );
        assert_eq!(
            told("k", "damaged"),
            expected("SSL: cannot load RSA private key: @: damaged", "rsa_private_key_file=@")
        );
        assert_eq!(
            told("d", "no key"),
            expected("SSL: cannot load DSA private key: @: no key", "dsa_cert_file=@")
        );
    }

    #[test]
    fn only_a_key_for_all_eyes_is_exposed() {
        let (place, config) = place(BOTH);
        for (name, mode, count) in [("c", 0o644, 0), ("k", 0o640, 0), ("k", 0o604, 1), ("d", 0o644, 2)] {
            fs::set_permissions(place.path().join(name), fs::Permissions::from_mode(mode)).unwrap();
            assert_eq!(open(&config).unwrap().iter().filter_map(Pair::exposed).count(), count, "{name}");
        }
    }

    #[test]
    fn a_pipe_does_not_hold_the_monitor_up() {
        let (place, _) = place("");
        let pipe = place.path().join("pipe");
        rustix::fs::mknodat(rustix::fs::CWD, &pipe, rustix::fs::FileType::Fifo, rustix::fs::Mode::RUSR, 0)
            .unwrap();
        assert_eq!(open(&config(&format!("rsa_cert_file={}", pipe.display()))).unwrap().len(), 1);
    }
}
