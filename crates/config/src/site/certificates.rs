//! The files of encryption, from outside: whether they can be read, and by whom else. What stands in them is judged by the
//! process that holds the keys, when the server starts.

use std::fs::{self, File};
use std::io::{Error, ErrorKind};
use std::os::unix::fs::MetadataExt;

use bstr::BString;

use super::path;
use crate::Config;
use crate::problem::{Problem, printable};

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
