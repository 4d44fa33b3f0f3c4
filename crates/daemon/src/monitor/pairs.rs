//! The files of certificates and their keys: named by the configuration, opened here, read by the keyholder only.

use std::fs::{File, OpenOptions};
use std::io;
use std::os::fd::AsFd;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use bstr::BString;
use rustix::fs::OFlags;
use wharf_config::{Config, Problem, Severity};
use wharf_ipc::keyholder::{Files, Refused};

use super::files::{self, Version};

/// A certificate's file and its key's, open.
#[derive(Debug)]
pub(super) struct Pair {
    names: &'static Names,
    /// What the configuration says when that is a directory of certificates.
    directory: Option<String>,
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

/// A pair that is wanted: whose it is, its certificate, its key if that has a file of its own, and its directory.
struct Wanted {
    names: &'static Names,
    directory: Option<BString>,
    certificate: BString,
    key: Option<BString>,
}

const RSA: Names = Names { kind: "RSA", certificate: "rsa_cert_file", key: "rsa_private_key_file" };
const DSA: Names = Names { kind: "DSA", certificate: "dsa_cert_file", key: "dsa_private_key_file" };

const DIRECTORY: Names = Names { kind: "", certificate: "ssl_cert_dir", key: "ssl_cert_dir" };

const ORDERED: Names = Names { kind: "", certificate: "acme_dir", key: "acme_dir" };

/// What all files looked like, in the order of [`open`]; `None` for one that is not there.
pub(super) type Versions = Vec<Option<Version>>;

/// The pairs that a configuration names, the one for everybody first.
fn wanted(config: &Config) -> io::Result<Vec<Wanted>> {
    let tls = &config.tls;
    let rsa = (&RSA, &tls.rsa_cert_file, &tls.rsa_private_key_file);
    let dsa = (&DSA, &tls.dsa_cert_file, &tls.dsa_private_key_file);
    let named = [rsa, dsa].into_iter().filter_map(|(names, certificate, key)| {
        let certificate = certificate.clone()?;
        let key = key.clone().filter(|key| *key != certificate);
        Some(Wanted { names, directory: None, certificate, key })
    });
    let mut wanted: Vec<_> = named.collect();
    if let Some(order) = config.acme_order() {
        // It takes the place of the RSA pair, of which there is only the default then.
        wanted.retain(|it| it.names.certificate != RSA.certificate);
        let directory = config.acme.acme_dir.clone();
        let certificate = BString::from(order.certificate().into_os_string().into_vec());
        wanted.insert(0, Wanted { names: &ORDERED, directory, certificate, key: None });
    }
    if let Some(directory) = &config.wharf.ssl_cert_dir {
        let octets = |path: PathBuf| BString::from(path.into_os_string().into_vec());
        wanted.extend(wharf_config::certificate_pairs(path(directory))?.into_iter().map(
            |(certificate, key)| Wanted {
                names: &DIRECTORY,
                directory: Some(directory.clone()),
                certificate: octets(certificate),
                key: key.map(octets),
            },
        ));
    }
    Ok(wanted)
}

/// Looks what stands now under the names of a configuration; a directory that cannot be read is one file that is missing.
pub(super) fn versions(config: &Config) -> Versions {
    let Ok(wanted) = wanted(config) else { return vec![None] };
    wanted
        .into_iter()
        .flat_map(|it| [Some(it.certificate), it.key])
        .flatten()
        .map(|name| std::fs::metadata(path(&name)).ok().as_ref().map(files::version))
        .collect()
}

/// Opens all pairs.
///
/// # Errors
/// vsftpd's words for the file that cannot be opened, with the reason.
pub(super) fn open(config: &Config) -> Result<Vec<Pair>, Problem> {
    let wanted = wanted(config).map_err(|error| {
        let directory = config.wharf.ssl_cert_dir.as_ref().map(shown).unwrap_or_default();
        DIRECTORY.problem(false, DIRECTORY.certificate, &directory, None, &error.to_string())
    })?;
    if wanted.is_empty() {
        return Err(no_certificate(config));
    }
    wanted.into_iter().map(open_pair).collect()
}

fn open_pair(wanted: Wanted) -> Result<Pair, Problem> {
    let Wanted { names, certificate, key, .. } = wanted;
    let directory = wanted.directory.as_ref().map(shown);
    let bad = |is_key, option, file: &BString, error: &io::Error| {
        names.problem(is_key, option, &shown(file), directory.as_deref(), &error.to_string())
    };
    let open = open_one(&certificate).map_err(|error| bad(false, names.certificate, &certificate, &error))?;
    let key =
        key.map(|key| open_one(&key).map_err(|error| bad(true, names.key, &key, &error))).transpose()?;
    Ok(Pair { names, directory, certificate: open, key })
}

/// Only an empty directory leaves nothing at all: the rest is checked with the configuration.
fn no_certificate(config: &Config) -> Problem {
    let directory = config.wharf.ssl_cert_dir.as_ref().map(shown).unwrap_or_default();
    Problem {
        text: format!("ssl_cert_dir={directory}").into(),
        suggestion: Some(
            "put NAME/fullchain.pem and NAME/privkey.pem there, or NAME.pem with both, or set rsa_cert_file"
                .into(),
        ),
        ..Problem::error(format!("SSL: cannot load certificates: there is none in {directory}"))
    }
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
    /// Says in vsftpd's words that a certificate or its key cannot be used, and which option names the file, or the
    /// directory that it is in.
    fn problem(
        &self,
        is_key: bool,
        option: &str,
        file: &str,
        directory: Option<&str>,
        reason: &str,
    ) -> Problem {
        let what = if is_key { "private key" } else { "certificate" };
        let kind = if self.kind.is_empty() { String::new() } else { format!("{} ", self.kind) };
        let cure = match directory {
            None => format!("mend the file, name another in {option}, or set ssl_enable=NO"),
            Some(directory) => format!("mend the file, or take it out of {directory}"),
        };
        Problem {
            text: format!("{option}={}", directory.unwrap_or(file)).into(),
            suggestion: Some(cure),
            ..Problem::error(format!("SSL: cannot load {kind}{what}: {file}: {reason}"))
        }
    }
}

/// The keyholder's judgement in vsftpd's words.
pub(super) fn refused(pairs: &[Pair], refused: &Refused) -> Problem {
    let Refused { file, reason } = refused;
    let fault = pairs.iter().find_map(|pair| {
        let problem = |is_key, option, name: &str| {
            pair.names.problem(is_key, option, name, pair.directory.as_deref(), reason)
        };
        if pair.certificate.name == *file {
            // Compat: a key that is missing in the file, or that belongs to another certificate, is the key's fault.
            return Some(problem(reason.contains("key"), pair.names.certificate, file));
        }
        let key = pair.key.as_ref().filter(|key| key.name == *file)?;
        Some(problem(true, pair.names.key, &key.name))
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
    fn a_directory_adds_its_pairs_behind_the_one_for_everybody() {
        let (place, config) = place("rsa_cert_file=@/c\nssl_cert_dir=@/more\n");
        assert!(open(&config).unwrap_err().message.starts_with("SSL: cannot load certificate: "));
        let more = place.path().join("more");
        fs::create_dir(&more).unwrap();
        assert_eq!(open(&config).unwrap().len(), 1);
        let before = versions(&config);
        fs::write(more.join("b.pem"), "b").unwrap();
        fs::create_dir(more.join("a")).unwrap();
        fs::write(more.join("a/fullchain.pem"), "a").unwrap();
        assert_ne!(versions(&config), before);
        let missing = open(&config).unwrap_err();
        assert_eq!(missing.text, format!("ssl_cert_dir={}", more.display()));
        fs::write(more.join("a/privkey.pem"), "k").unwrap();
        let pairs = open(&config).unwrap();
        let names: Vec<_> = pairs.iter().map(|pair| pair.name().rsplit('/').next().unwrap()).collect();
        assert_eq!(names, ["c", "fullchain.pem", "b.pem"]);
        let opened: Versions = pairs.iter().flat_map(Pair::versions).collect();
        assert_eq!(opened, versions(&config));
    }

    #[test]
    fn an_ordered_certificate_takes_the_first_place_and_a_fault_is_told_of_its_directory() {
        let text = "ssl_enable=YES\nacme_domains=a.example\nacme_accept_terms=YES\nacme_dir=@\n";
        let (place, config) = place(&format!("{text}dsa_cert_file=@/d\n"));
        let file = place.path().join("certificate.pem");
        fs::write(&file, "c").unwrap();
        let pairs = open(&config).unwrap();
        let names: Vec<_> = pairs.iter().map(|pair| pair.name().rsplit('/').next().unwrap()).collect();
        assert_eq!(names, ["certificate.pem", "d"]);
        let problem =
            refused(&pairs, &Refused { file: file.display().to_string(), reason: "damaged".into() });
        assert_eq!(problem.text, format!("acme_dir={}", place.path().display()));
        let cure = format!("mend the file, or take it out of {}", place.path().display());
        assert_eq!(problem.suggestion, Some(cure));
    }

    #[test]
    fn a_directory_with_nothing_in_it_is_no_certificate() {
        let (place, config) = place("rsa_cert_file=\nssl_cert_dir=@/more\n");
        fs::create_dir(place.path().join("more")).unwrap();
        assert!(open(&config).unwrap_err().message.contains("there is none in"));
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
