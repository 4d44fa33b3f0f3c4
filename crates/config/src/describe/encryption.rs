//! What goes over the network encrypted.

use crate::Config;

/// Says how clients come to TLS, and who must use it.
pub(super) fn sentences(config: &Config) -> Vec<String> {
    let tls = &config.tls;
    if !tls.ssl_enable {
        return vec!["without encryption".to_owned()];
    }
    let how = if tls.implicit_ssl { "with TLS from the first octet" } else { "with TLS for who asks for it" };
    let mut sentences = vec![how.to_owned()];
    if let Some(order) = config.acme_order() {
        sentences.push(format!(
            "the certificate for {} is ordered from {} and renewed by itself",
            order.domains.join(", "),
            order.directory
        ));
    }
    if config.access.local_enable {
        sentences.push(demanded(
            "users with an account",
            tls.force_local_logins_ssl,
            tls.force_local_data_ssl,
        ));
    }
    if config.anonymous.anonymous_enable {
        sentences.push(match tls.allow_anon_ssl || tls.force_anon_logins_ssl {
            true => demanded("anonymous users", tls.force_anon_logins_ssl, tls.force_anon_data_ssl),
            false => "anonymous users may not encrypt".to_owned(),
        });
    }
    sentences.extend(certificates(config));
    sentences
}

/// What client certificates are good for.
fn certificates(config: &Config) -> Option<String> {
    let (tls, wharf) = (&config.tls, &config.wharf);
    let users = wharf.cert_user_file.as_ref().map(|file| {
        let beside = if wharf.cert_user_password { " and password" } else { " alone" };
        format!("the accounts of {} log in by certificate{beside}", crate::problem::printable(file))
    });
    let checked = if tls.validate_cert { " that an authority of ca_certs_file vouches for" } else { "" };
    users.or_else(|| tls.require_cert.then(|| format!("clients must have a certificate{checked}")))
}

fn demanded(who: &str, logins: bool, data: bool) -> String {
    match (logins, data) {
        (true, true) => format!("{who} must encrypt logins and data"),
        (true, false) => format!("{who} must encrypt logins, and may encrypt data"),
        (false, true) => format!("{who} must encrypt data, and may encrypt logins"),
        (false, false) => format!("{who} may encrypt"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::parse;

    fn told(text: &str) -> String {
        sentences(&parse(text.as_bytes(), None, &Config::default()).unwrap().config).join("; ")
    }

    #[test]
    fn who_must_encrypt_is_told_for_each_kind_of_user() {
        assert_eq!(told("local_enable=YES"), "without encryption");
        assert_eq!(
            told("ssl_enable=YES\nlocal_enable=YES"),
            "with TLS for who asks for it; users with an account must encrypt logins and data; \
             anonymous users may not encrypt"
        );
        let ordered = "ssl_enable=YES\nanonymous_enable=NO\nacme_domains=a.example\nacme_accept_terms=YES\nacme_directory=https://ca.example/";
        assert_eq!(
            told(ordered),
            "with TLS for who asks for it; the certificate for a.example is ordered from https://ca.example/ and renewed \
             by itself"
        );
        let validated = "ssl_enable=YES\nvalidate_cert=YES\nca_certs_file=/ca\n";
        assert!(
            told(&format!("{validated}cert_user_file=/users"))
                .ends_with("the accounts of /users log in by certificate alone")
        );
        assert!(
            told(&format!("{validated}require_cert=YES"))
                .ends_with("must have a certificate that an authority of ca_certs_file vouches for")
        );
        let mixed = "ssl_enable=YES\nimplicit_ssl=YES\nlocal_enable=YES\nforce_local_data_ssl=NO\n\
                     force_anon_logins_ssl=YES\nforce_anon_data_ssl=YES";
        assert_eq!(
            told(mixed),
            "with TLS from the first octet; users with an account must encrypt logins, and may encrypt data; \
             anonymous users must encrypt logins and data"
        );
    }
}
