//! Rules about encryption.
//!
//! What is meant to be encrypted and would go in clear is worth an error where no client could be served as meant, and a
//! warning where vsftpd goes on without a word. The files themselves are looked at by `site.rs`.

use super::{Rule, in_vain, is_changed, line};
use crate::problem::Problem;
use crate::read::Loaded;
use crate::table::chapters;
use crate::{Config, State};

pub(super) const RULES: &[Rule] = &[
    no_version_is_left,
    there_is_no_certificate,
    nobody_vouches_for_clients,
    no_client_is_asked_for_what_is_checked,
    nobody_checks_who_logs_in_by_certificate,
    nobody_is_held_against_the_revoked,
    nobody_logs_in_by_certificate,
    anonymous_transfers_are_impossible,
    options_wait_for_encryption,
];

fn no_version_is_left(config: &Config) -> Option<Problem> {
    let tls = &config.tls;
    (tls.ssl_enable && !tls.ssl_tlsv1_2 && !tls.ssl_tlsv1_3).then(|| {
        Problem::error(
            "no version of TLS is left: ssl_tlsv1_2 and ssl_tlsv1_3 are off, and older ones are not spoken",
        )
        .quote(line(config, "ssl_tlsv1_2"))
        .suggest("set ssl_tlsv1_2=YES or ssl_tlsv1_3=YES, or both")
    })
}

fn there_is_no_certificate(config: &Config) -> Option<Problem> {
    let tls = &config.tls;
    let is_none =
        tls.rsa_cert_file.is_none() && tls.dsa_cert_file.is_none() && config.wharf.ssl_cert_dir.is_none();
    (tls.ssl_enable && is_none && config.acme.acme_domains.is_none()).then(|| {
        Problem::error(
            "ssl_enable=YES needs a certificate: rsa_cert_file, dsa_cert_file and ssl_cert_dir are all empty",
        )
        .quote(line(config, "rsa_cert_file"))
        .suggest("set rsa_cert_file to the file of the certificate and its chain")
    })
}

fn nobody_vouches_for_clients(config: &Config) -> Option<Problem> {
    let tls = &config.tls;
    let is_checked = tls.validate_cert && (tls.ssl_request_cert || tls.require_cert);
    (tls.ssl_enable && is_checked && tls.ca_certs_file.is_none()).then(|| {
        Problem::error("validate_cert=YES refuses every client certificate: ca_certs_file is not set")
            .quote(line(config, "validate_cert"))
            .suggest("set ca_certs_file to the certificates of the authorities that vouch for your clients")
    })
}

fn no_client_is_asked_for_what_is_checked(config: &Config) -> Option<Problem> {
    let tls = &config.tls;
    let is_asked = tls.ssl_request_cert || tls.require_cert;
    (tls.ssl_enable && tls.validate_cert && !is_asked)
        .then(|| in_vain(config, "validate_cert", "ssl_request_cert=YES"))
}

/// Whether a client's certificate is asked for and vouched for.
fn validates(config: &Config) -> bool {
    let tls = &config.tls;
    tls.validate_cert && (tls.ssl_request_cert || tls.require_cert)
}

/// Security: anybody can make a certificate with anybody's name in it.
fn nobody_checks_who_logs_in_by_certificate(config: &Config) -> Option<Problem> {
    let is_wanted = config.tls.ssl_enable && config.wharf.cert_user_file.is_some();
    (is_wanted && !validates(config)).then(|| {
        Problem::error("cert_user_file needs certificates that somebody vouches for: validate_cert is NO")
            .quote(line(config, "cert_user_file"))
            .suggest("set validate_cert=YES and ca_certs_file to the certificates of the authorities")
    })
}

fn nobody_is_held_against_the_revoked(config: &Config) -> Option<Problem> {
    let is_set = config.tls.ssl_enable && config.wharf.ca_crl_file.is_some();
    (is_set && !validates(config)).then(|| in_vain(config, "ca_crl_file", "validate_cert=YES"))
}

fn nobody_logs_in_by_certificate(config: &Config) -> Option<Problem> {
    let wharf = &config.wharf;
    (wharf.cert_user_password && wharf.cert_user_file.is_none()).then(|| {
        Problem::note("cert_user_password has no effect without cert_user_file")
            .quote(line(config, "cert_user_password"))
            .suggest("set cert_user_file, or remove the line")
    })
}

fn anonymous_transfers_are_impossible(config: &Config) -> Option<Problem> {
    let tls = &config.tls;
    let may_encrypt = tls.allow_anon_ssl || tls.force_anon_logins_ssl;
    let anonymous = config.anonymous.anonymous_enable;
    (tls.ssl_enable && anonymous && tls.force_anon_data_ssl && !may_encrypt).then(|| {
        Problem::warning(
            "anonymous sessions can transfer nothing: they must encrypt data and may not use TLS",
        )
        .quote(line(config, "force_anon_data_ssl"))
        .suggest("set allow_anon_ssl=YES")
    })
}

/// One note for all: a file that has encryption prepared and turned off is no odd one.
fn options_wait_for_encryption(config: &Config) -> Option<Problem> {
    if config.tls.ssl_enable {
        return None;
    }
    let rows = chapters().filter(|chapter| chapter.name == "tls").flat_map(|chapter| chapter.rows);
    let done = rows.filter(|row| row.state == State::Done).map(|row| row.name);
    let waiting: Vec<&str> = done
        .chain(["ccc_enable", "ssl_cert_dir", "ca_crl_file", "cert_user_file"])
        .filter(|name| is_changed(config, name))
        .collect();
    let first = waiting.first()?;
    let verb = if waiting.len() == 1 { "has" } else { "have" };
    Some(
        Problem::note(format!("{} {verb} no effect while ssl_enable is NO", waiting.join(", ")))
            .quote(line(config, first))
            .suggest("set ssl_enable=YES to encrypt"),
    )
}

/// Options whose YES means that something must not go in clear, or that not everybody may come in.
const DEMANDS: [&str; 7] = [
    "force_local_logins_ssl",
    "force_local_data_ssl",
    "force_anon_logins_ssl",
    "force_anon_data_ssl",
    "implicit_ssl",
    "require_cert",
    "validate_cert",
];

/// Tells when a file demands encryption and does not turn it on. Two of the demands are defaults, so this depends on
/// what was written, not on the values.
pub(super) fn demanded_and_off(loaded: &Loaded) -> Option<Problem> {
    let config = &loaded.config;
    let wrote = |name: &str| loaded.settings.iter().any(|setting| setting.name == name);
    let is_on = |name: &str| crate::row(name.as_bytes()).is_some_and(|row| row.value(config) == "YES");
    let name =
        DEMANDS.into_iter().find(|name| wrote(name) && is_on(name)).filter(|_| !config.tls.ssl_enable)?;
    Some(
        Problem::warning(format!(
            "{name}=YES has no effect while ssl_enable is NO: everything goes in clear"
        ))
        .quote(line(config, name))
        .suggest("set ssl_enable=YES to encrypt, or remove the line"),
    )
}

#[cfg(test)]
mod tests {
    use super::super::tests::{errors, notes, warnings};
    use crate::{Config, Severity, parse};

    fn has(found: &[String], piece: &str) -> bool {
        found.iter().any(|message| message.contains(piece))
    }

    #[test]
    fn encryption_is_accepted() {
        assert_eq!(errors("ssl_enable=YES"), Vec::<String>::new());
        assert_eq!(warnings("ssl_enable=YES"), Vec::<String>::new());
    }

    #[test]
    fn a_site_without_a_version_or_a_certificate_is_an_error() {
        let none = "ssl_tlsv12=NO\nssl_tlsv1_3=NO\nssl_tlsv1=YES";
        assert!(has(&errors(&format!("ssl_enable=YES\n{none}")), "no version of TLS is left"));
        assert_eq!(errors(none), Vec::<String>::new());
        assert!(errors("ssl_enable=YES\nssl_tlsv1_3=NO").is_empty());
        assert!(has(&errors("ssl_enable=YES\nrsa_cert_file="), "needs a certificate"));
        assert!(errors("ssl_enable=YES\nrsa_cert_file=\ndsa_cert_file=/x").is_empty());
        assert!(errors("ssl_enable=YES\nrsa_cert_file=\nssl_cert_dir=/x").is_empty());
    }

    #[test]
    fn logins_by_certificate_need_somebody_who_vouches() {
        let users = "ssl_enable=YES\ncert_user_file=/x";
        assert!(has(&errors(users), "cert_user_file needs certificates"));
        let validated = format!("{users}\nvalidate_cert=YES\nca_certs_file=/ca");
        assert!(errors(&validated).is_empty());
        assert!(has(&errors(&format!("{validated}\nssl_request_cert=NO")), "cert_user_file needs"));
        assert!(has(&notes("ssl_enable=YES\nca_crl_file=/x"), "ca_crl_file has no effect"));
        assert!(has(&notes("cert_user_password=YES"), "no effect without cert_user_file"));
    }

    #[test]
    fn versions_that_are_not_spoken_are_a_warning_in_every_spelling() {
        for name in ["ssl_sslv2", "ssl_sslv3", "ssl_tlsv1", "ssl_tlsv11", "ssl_tlsv1_1"] {
            let told = warnings(&format!("ssl_enable=YES\n{name}=YES"));
            assert!(
                has(&told, "not spoken; clients need TLS 1.2 or 1.3") || has(&told, "not spoken (RFC 8996)"),
                "{name}: {told:?}"
            );
        }
    }

    #[test]
    fn checks_of_client_certificates_need_somebody_who_vouches() {
        assert!(has(&errors("ssl_enable=YES\nvalidate_cert=YES"), "refuses every client certificate"));
        assert!(errors("ssl_enable=YES\nvalidate_cert=YES\nca_certs_file=/x").is_empty());
        let unasked = "ssl_enable=YES\nvalidate_cert=YES\nssl_request_cert=NO";
        assert!(has(&notes(unasked), "validate_cert has no effect"));
        assert!(has(&errors(&format!("{unasked}\nrequire_cert=YES")), "refuses every"));
    }

    #[test]
    fn anonymous_users_that_must_encrypt_and_may_not_are_told() {
        let text = "anonymous_enable=YES\nssl_enable=YES\nforce_anon_data_ssl=YES";
        assert!(has(&warnings(text), "can transfer nothing"));
        assert!(!has(&warnings(&format!("{text}\nforce_anon_logins_ssl=YES")), "can transfer nothing"));
    }

    #[test]
    fn what_waits_for_encryption_is_one_note() {
        let told = notes("rsa_cert_file=/c\nrsa_private_key_file=/k\nccc_enable=YES");
        assert!(has(&told, "rsa_cert_file, rsa_private_key_file, ccc_enable have no effect"), "{told:?}");
        assert!(!has(&notes("ssl_enable=YES\nccc_enable=YES"), "no effect"));
    }

    #[test]
    fn a_demand_without_encryption_is_a_warning_even_when_it_is_the_default() {
        let told = |text: &str| {
            let problems = parse(text.as_bytes(), None, &Config::default()).unwrap().check();
            problems
                .into_iter()
                .find(|problem| problem.message.contains("everything goes in clear"))
                .map(|problem| (problem.severity, problem.line))
        };
        assert_eq!(told("\nforce_local_logins_ssl=YES"), Some((Severity::Warning, Some(2))));
        assert_eq!(told("implicit_ssl=YES"), Some((Severity::Warning, Some(1))));
        assert_eq!(told("force_local_logins_ssl=YES\nssl_enable=YES"), None);
        assert_eq!(told("force_local_logins_ssl=NO"), None);
        assert_eq!(told(""), None);
    }
}
