//! Rules about certificates that are ordered.
//!
//! An order that cannot succeed is an error at the start: an authority counts failures, and the administrator would look
//! for them in the log of the next day.

use super::{Rule, in_vain, is_changed, line};
use crate::Config;
use crate::acme;
use crate::problem::Problem;

pub(super) const RULES: &[Rule] = &[
    the_terms_are_not_accepted,
    a_name_cannot_be_ordered,
    two_certificates_for_one_place,
    the_directory_is_no_address,
    the_challenge_is_unknown,
    the_port_is_none,
    the_mail_address_is_none,
    failures_are_repeated_at_once,
    nobody_stays_to_renew,
    an_order_waits_for_encryption,
];

fn orders(config: &Config) -> bool {
    config.tls.ssl_enable && config.acme.acme_domains.is_some()
}

fn the_terms_are_not_accepted(config: &Config) -> Option<Problem> {
    (orders(config) && !config.acme.acme_accept_terms).then(|| {
        Problem::error("acme_domains needs your agreement to the authority's terms of service")
            .quote(line(config, "acme_domains"))
            .suggest(
                "read them (https://letsencrypt.org/repository/ for Let's Encrypt) and set acme_accept_terms=YES",
            )
    })
}

fn a_name_cannot_be_ordered(config: &Config) -> Option<Problem> {
    let names = acme::written(config).filter(|_| orders(config))?;
    let quoted = |text: String| Problem::error(text).quote(line(config, "acme_domains"));
    if names.is_empty() || names.len() > acme::MAX_DOMAINS {
        let most = acme::MAX_DOMAINS;
        return Some(
            quoted(format!("acme_domains holds {} names", names.len()))
                .suggest(format!("name 1 to {most} hosts, separated by commas")),
        );
    }
    let bad = names.iter().find(|name| !acme::is_host_name(name))?;
    let advice = if bad.starts_with("*.") {
        "patterns cannot be proved by http-01 and tls-alpn-01: name each host"
    } else {
        "write full names of hosts, such as ftp.example.org, separated by commas (names in other scripts as xn--…)"
    };
    Some(quoted(format!("acme_domains: no certificate can be ordered for '{bad}'")).suggest(advice))
}

fn two_certificates_for_one_place(config: &Config) -> Option<Problem> {
    let is_set = ["rsa_cert_file", "rsa_private_key_file"].into_iter().find(|name| {
        let is_empty = crate::row(name.as_bytes()).is_some_and(|row| row.value(config).is_empty());
        is_changed(config, name) && !is_empty
    });
    let name = is_set.filter(|_| orders(config))?;
    Some(
        Problem::error(format!("acme_domains and {name} both say where the certificate comes from"))
            .quote(line(config, name))
            .suggest(format!(
                "remove {name} to use the ordered certificate, or acme_domains to use the file"
            )),
    )
}

fn the_directory_is_no_address(config: &Config) -> Option<Problem> {
    let written = config.acme.acme_directory.as_ref();
    let is_fit = written.is_some_and(|text| {
        text.strip_prefix(b"https://").is_some_and(|rest| !rest.is_empty() && !rest.starts_with(b"/"))
    });
    (orders(config) && !is_fit).then(|| {
        Problem::error("acme_directory must be an address that begins with https://")
            .quote(line(config, "acme_directory"))
            .suggest(
                "take the address from the authority's documentation, or remove the line for Let's Encrypt",
            )
    })
}

fn the_challenge_is_unknown(config: &Config) -> Option<Problem> {
    (orders(config) && acme::challenge(config).is_none()).then(|| {
        Problem::error("acme_challenge knows two ways to prove a name: http-01 and tls-alpn-01")
            .quote(line(config, "acme_challenge"))
            .suggest("set acme_challenge=http-01, which needs port 80, or tls-alpn-01, which needs port 443")
    })
}

fn the_port_is_none(config: &Config) -> Option<Problem> {
    (orders(config) && config.acme.acme_port > u32::from(u16::MAX)).then(|| {
        Problem::error(format!("acme_port={} is no port", config.acme.acme_port))
            .quote(line(config, "acme_port"))
            .suggest("set a number up to 65535, or remove the line")
    })
}

fn the_mail_address_is_none(config: &Config) -> Option<Problem> {
    let email = config.acme.acme_email.as_ref().filter(|_| orders(config))?;
    let fits = |octet: &u8| octet.is_ascii_graphic() && !b"\"\\,<>".contains(octet);
    let is_address = email.iter().all(fits) && email.iter().filter(|octet| **octet == b'@').count() == 1;
    (!is_address).then(|| {
        Problem::error("acme_email must be one plain mail address")
            .quote(line(config, "acme_email"))
            .suggest("write it as in acme_email=hostmaster@example.org, or remove the line")
    })
}

fn failures_are_repeated_at_once(config: &Config) -> Option<Problem> {
    (orders(config) && config.acme.acme_retry_delay == 0).then(|| {
        Problem::error("acme_retry_delay=0 would try without a pause, and authorities shut out who does that")
            .quote(line(config, "acme_retry_delay"))
            .suggest("set a number of seconds, or remove the line for 15 minutes")
    })
}

fn nobody_stays_to_renew(config: &Config) -> Option<Problem> {
    let listens = config.listen.listen || config.listen.listen_ipv6;
    (orders(config) && !listens).then(|| {
        Problem::error(
            "acme_domains needs a server that stays: started by inetd, it ends with each connection",
        )
        .quote(line(config, "acme_domains"))
        .suggest("set listen=YES or listen_ipv6=YES, or name a certificate in rsa_cert_file")
    })
}

fn an_order_waits_for_encryption(config: &Config) -> Option<Problem> {
    (config.acme.acme_domains.is_some() && !config.tls.ssl_enable)
        .then(|| in_vain(config, "acme_domains", "ssl_enable=YES"))
}

#[cfg(test)]
mod tests {
    use super::super::tests::{errors, notes, warnings};

    const GOOD: &str =
        "ssl_enable=YES\nacme_domains=ftp.example.org, FILES.example.org\nacme_accept_terms=YES\n";

    fn refused(lines: &str) -> String {
        errors(&format!("{GOOD}{lines}")).join("; ")
    }

    #[test]
    fn two_lines_are_enough() {
        assert_eq!(errors(GOOD), Vec::<String>::new());
        assert_eq!(warnings(GOOD), Vec::<String>::new());
        // Set to nothing is not set.
        assert_eq!(refused("rsa_cert_file=\n"), "");
        let waiting = GOOD.replace("ssl_enable=YES", "ssl_enable=NO");
        assert_eq!(errors(&waiting), Vec::<String>::new());
        assert!(notes(&waiting).iter().any(|note| note.contains("acme_domains has no effect")));
    }

    #[test]
    fn an_order_that_cannot_succeed_is_an_error() {
        for (line, piece) in [
            ("acme_accept_terms=NO", "agreement"),
            ("acme_domains=*.example.org", "'*.example.org'"),
            ("acme_domains=localhost", "'localhost'"),
            ("acme_domains=192.0.2.1", "'192.0.2.1'"),
            ("acme_domains=ftp.m\u{fc}ller.example", "'ftp.m\u{fc}ller.example'"),
            ("acme_domains=a.example b.example", "'a.example b.example'"),
            ("acme_domains=,", "holds 0 names"),
            ("rsa_cert_file=/etc/ssl/x.pem", "acme_domains and rsa_cert_file both"),
            ("rsa_private_key_file=/etc/ssl/x.key", "acme_domains and rsa_private_key_file both"),
            ("acme_directory=http://ca.example/", "begins with https://"),
            ("acme_directory=", "begins with https://"),
            ("acme_challenge=dns-01", "http-01 and tls-alpn-01"),
            ("acme_port=70000", "no port"),
            ("acme_email=Root <root@example.org>", "one plain mail address"),
            ("acme_email=root", "one plain mail address"),
            ("acme_retry_delay=0", "without a pause"),
            ("listen=NO", "needs a server that stays"),
        ] {
            assert!(refused(line).contains(piece), "{line}: {}", refused(line));
        }
    }
}
