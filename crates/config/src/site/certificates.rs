//! The files of encryption, from outside: whether they can be read, and by whom else. What stands in them is judged by the
//! process that holds the keys, when the server starts.

use std::fs::{self, File};
use std::io::{Error, ErrorKind};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use bstr::BString;

use super::path;
use crate::problem::{Problem, Severity, printable};
use crate::{CertUsers, Config, certificate_pairs};

/// Looks at certificates, keys and authorities, when they are used.
pub(super) fn look(config: &Config, problems: &mut Vec<Problem>) {
    let tls = &config.tls;
    if !tls.ssl_enable {
        return;
    }
    let rsa = ("RSA", "rsa_cert_file", &tls.rsa_cert_file, "rsa_private_key_file", &tls.rsa_private_key_file);
    let dsa = ("DSA", "dsa_cert_file", &tls.dsa_cert_file, "dsa_private_key_file", &tls.dsa_private_key_file);
    for (kind, option, certificate, key_option, key) in [rsa, dsa] {
        let Some(certificate) = certificate else { continue };
        if option == "rsa_cert_file" && config.acme_order().is_some() {
            continue;
        }
        let what = format!("SSL: cannot load {kind} certificate");
        problems.extend(unreadable(option, certificate, &what));
        let key = key.as_ref().filter(|key| *key != certificate);
        if let Some(key) = key {
            problems.extend(unreadable(key_option, key, &format!("SSL: cannot load {kind} private key")));
        }
        problems.extend(exposed(if key.is_some() { key_option } else { option }, key.unwrap_or(certificate)));
    }
    if let Some(authorities) = &tls.ca_certs_file {
        problems.extend(unreadable("ca_certs_file", authorities, "SSL: could not load verify file"));
    }
    if let Some(authorities) = tls.ca_certs_file.as_ref().filter(|_| tls.validate_cert) {
        problems.extend(changeable("ca_certs_file", authorities, "have their own certificates believed"));
    }
    if let Some(revoked) = &config.wharf.ca_crl_file {
        problems.extend(changeable("ca_crl_file", revoked, "have revoked certificates believed"));
        problems.extend(unreadable("ca_crl_file", revoked, "SSL: could not load revocation lists"));
    }
    if let Some(directory) = &config.wharf.ssl_cert_dir {
        problems.extend(of_directory(directory));
    }
    if let Some(users) = &config.wharf.cert_user_file {
        problems.extend(unreadable("cert_user_file", users, "cannot read the file of certificate users"));
        problems.extend(
            changeable("cert_user_file", users, "log in as anybody")
                .map(|problem| Problem { severity: Severity::Error, ..problem }),
        );
        problems.extend(bad_rule(users));
    }
}

fn of_directory(name: &BString) -> Vec<Problem> {
    let option = "ssl_cert_dir";
    let told = |problem: Problem| problem.quote(format!("{option}={name}"));
    let pairs = match certificate_pairs(&path(name)) {
        Ok(pairs) => pairs,
        Err(error) => {
            let problem =
                Problem::error(format!("SSL: cannot load certificates: {}: {error}", printable(name)));
            return vec![told(problem).suggest("name a directory of certificates, or remove the line")];
        }
    };
    if pairs.is_empty() {
        let empty = format!("there is no certificate in {}", printable(name));
        let cure = "put NAME/fullchain.pem and NAME/privkey.pem there, or NAME.pem with both";
        return vec![told(Problem::warning(empty)).suggest(cure)];
    }
    let files = pairs.into_iter().flat_map(|(certificate, key)| {
        let (certificate, key) = (octets(&certificate), key.as_deref().map(octets));
        let bad = unreadable(option, &certificate, "SSL: cannot load certificate").into_iter();
        let bad_key = key.as_ref().and_then(|key| unreadable(option, key, "SSL: cannot load private key"));
        bad.chain(bad_key).chain(exposed(option, key.as_ref().unwrap_or(&certificate))).collect::<Vec<_>>()
    });
    files.map(told).collect()
}

/// A rule that cannot be read admits nobody, which is told before somebody stands at the door.
fn bad_rule(name: &BString) -> Option<Problem> {
    let text = fs::read(path(name)).ok()?;
    let bad = CertUsers::read(&text).err()?;
    let problem = Problem::error(format!("{}: line {}: {}", printable(name), bad.line, bad.reason));
    Some(problem.quote(format!("cert_user_file={name}")).suggest("mend the line, or put # before it"))
}

fn octets(path: &Path) -> BString {
    BString::from(path.as_os_str().as_bytes())
}

fn unreadable(option: &str, name: &BString, what: &str) -> Option<Problem> {
    let file = path(name);
    let reason = match fs::metadata(&file) {
        // A pipe would hold up whoever opens it.
        Ok(it) if !it.is_file() => Error::new(ErrorKind::InvalidInput, "this is not a regular file"),
        Ok(_) => File::open(&file).err()?,
        Err(error) => error,
    };
    Some(
        Problem::error(format!("{what}: {}: {reason}", printable(name)))
            .quote(format!("{option}={name}"))
            .suggest(format!("name a readable file in PEM form in {option}, or set ssl_enable=NO")),
    )
}

/// Tells when others than root, or the one who runs this, can change what is believed, and so what they can do.
fn changeable(option: &str, name: &BString, power: &str) -> Option<Problem> {
    let it = fs::metadata(path(name)).ok().filter(fs::Metadata::is_file)?;
    let is_ours = it.uid() == 0 || it.uid() == nix::unistd::getuid().as_raw();
    if is_ours && it.mode() & 0o022 == 0 {
        return None;
    }
    let (shown, mode, uid) = (printable(name), it.mode() & 0o7777, it.uid());
    Some(
        Problem::warning(format!("others can change {shown} (mode {mode:04o}, uid {uid}), and so {power}"))
            .quote(format!("{option}={name}"))
            .suggest(format!("chown root {shown} && chmod 644 {shown}")),
    )
}

/// Tells when others than root, or the one who runs this, can read a key or put another in its place.
fn exposed(option: &str, name: &BString) -> Option<Problem> {
    let it = fs::metadata(path(name)).ok().filter(fs::Metadata::is_file)?;
    let shown = printable(name);
    let (what, cure) = if it.uid() != 0 && it.uid() != nix::unistd::getuid().as_raw() {
        (format!("the private key in {shown} belongs to uid {}", it.uid()), format!("chown root {shown}"))
    } else if it.mode() & 0o026 != 0 {
        let mode = it.mode() & 0o7777;
        let who = if it.mode() & 0o004 != 0 { "everybody can read" } else { "others can change" };
        (format!("{who} the private key in {shown} (mode {mode:04o})"), format!("chmod 600 {shown}"))
    } else {
        return None;
    };
    Some(
        Problem::warning(what)
            .quote(format!("{option}={name}"))
            .suggest(format!("{cure}, and get a new key if this machine has other users")),
    )
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::PermissionsExt;

    use crate::{Config, Severity, check_site, parse};

    fn found(text: &str) -> Vec<(Severity, String)> {
        let config = parse(text.as_bytes(), None, &Config::default()).unwrap().config;
        let told = check_site(&config).into_iter();
        told.filter(|it| it.message.contains("SSL") || it.message.contains("private key"))
            .map(|it| (it.severity, it.message))
            .collect()
    }

    #[test]
    fn files_that_cannot_be_read_are_errors_in_vsftpds_words() {
        let place = tempfile::tempdir().unwrap();
        let place = place.path().display();
        let text = format!(
            "ssl_enable=YES\nrsa_cert_file={place}\nrsa_private_key_file={place}/no-key\n\
             dsa_cert_file={place}/none\nca_certs_file={place}/nobody"
        );
        let messages: Vec<_> = found(&text)
            .into_iter()
            .map(|(severity, message)| {
                assert_eq!(severity, Severity::Error);
                message.replace(&place.to_string(), "DIR").replace(" (os error 2)", "")
            })
            .collect();
        assert_eq!(
            messages,
            [
                "SSL: cannot load RSA certificate: DIR: this is not a regular file",
                "SSL: cannot load RSA private key: DIR/no-key: No such file or directory",
                "SSL: cannot load DSA certificate: DIR/none: No such file or directory",
                "SSL: could not load verify file: DIR/nobody: No such file or directory",
            ]
        );
        assert_eq!(found(&text.replace("ssl_enable=YES", "ssl_enable=NO")), []);
    }

    #[test]
    fn certificates_of_a_directory_are_looked_at_like_the_others() {
        let place = tempfile::tempdir().unwrap();
        let text = format!("ssl_enable=YES\nrsa_cert_file=\nssl_cert_dir={}", place.path().display());
        let told = |text: &str| {
            let config = parse(text.as_bytes(), None, &Config::default()).unwrap().config;
            check_site(&config)
                .into_iter()
                .map(|it| it.message)
                .filter(|it| it.contains("certificate") || it.contains("key"))
                .map(|it| it.replace(&place.path().display().to_string(), "DIR"))
                .collect::<Vec<_>>()
        };
        assert_eq!(told(&text), ["there is no certificate in DIR"]);
        fs::create_dir(place.path().join("a.example")).unwrap();
        fs::write(place.path().join("a.example/fullchain.pem"), "").unwrap();
        assert_eq!(
            told(&text),
            [
                "SSL: cannot load private key: DIR/a.example/privkey.pem: No such file or directory (os error 2)"
            ]
        );
        fs::write(place.path().join("a.example/privkey.pem"), "").unwrap();
        assert_eq!(
            told(&text),
            ["everybody can read the private key in DIR/a.example/privkey.pem (mode 0644)"]
        );
        assert!(told(&format!("{text}/none"))[0].starts_with("SSL: cannot load certificates: DIR/none: "));
    }

    #[test]
    fn a_rule_about_certificates_that_cannot_be_read_is_an_error() {
        let file = tempfile::NamedTempFile::new().unwrap();
        fs::write(file.path(), "anna cn:Anna\nbob bob\n").unwrap();
        fs::set_permissions(file.path(), fs::Permissions::from_mode(0o666)).unwrap();
        let text = format!("ssl_enable=YES\ncert_user_file={}", file.path().display());
        let config = parse(text.as_bytes(), None, &Config::default()).unwrap().config;
        let told = check_site(&config);
        assert!(
            told.iter().any(|it| it.severity == Severity::Error && it.message.contains("log in as anybody"))
        );
        assert!(
            told.iter()
                .any(|it| it.severity == Severity::Error && it.message.contains("line 2: write KIND:VALUE")),
            "{told:?}"
        );
    }

    #[test]
    fn a_key_that_others_can_read_or_change_is_told() {
        let place = tempfile::tempdir().unwrap();
        let (certificate, key) = (place.path().join("cert"), place.path().join("key"));
        fs::write(&certificate, "").unwrap();
        fs::write(&key, "").unwrap();
        let text = format!("ssl_enable=YES\nrsa_cert_file={}", certificate.display());
        let with_key = format!("{text}\nrsa_private_key_file={}", key.display());
        for (mode, told) in [(0o600, None), (0o640, None), (0o644, Some("read")), (0o620, Some("change"))] {
            fs::set_permissions(&key, fs::Permissions::from_mode(mode)).unwrap();
            match (found(&with_key).as_slice(), told) {
                ([], None) => {}
                ([(Severity::Warning, message)], Some(what)) => {
                    assert!(message.contains(what) && message.contains(&format!("mode {mode:04o}")));
                }
                (found, told) => panic!("{mode:o}: {found:?} instead of {told:?}"),
            }
        }
        // The key stands in the certificate's file.
        fs::set_permissions(&certificate, fs::Permissions::from_mode(0o644)).unwrap();
        assert!(found(&text)[0].1.contains("everybody can read the private key in "));
    }
}
