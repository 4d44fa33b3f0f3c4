//! Options that a file leaves out, where builds of vsftpd or its manual page disagree about the default.
//!
//! These depend on the text, not on the values: who wrote the line out has decided. Defaults that all
//! builds and manuals agree on are not told.

use std::path::Path;

use crate::problem::Problem;
use crate::read::Loaded;

/// Finds something to say about options that were left out, or nothing.
type Rule = fn(&Loaded) -> Option<Problem>;

const RULES: &[Rule] = &[
    strangers_are_let_in_by_default,
    listening_depends_on_the_build,
    the_pam_service_depends_on_the_build,
    the_list_lies_elsewhere,
    limits_are_not_what_the_manual_says,
    passive_ports_are_not_what_the_manual_says,
    encryption_is_not_what_the_manual_says,
];

/// Lists what there is to know about options that were left out of `file`, the last that was read.
pub(crate) fn left_out(loaded: &Loaded, file: &Path) -> Vec<Problem> {
    RULES.iter().filter_map(|rule| rule(loaded)).map(|problem| problem.at(Some(file), None)).collect()
}

fn lacks(loaded: &Loaded, name: &str) -> bool {
    loaded.settings.iter().all(|setting| setting.name != name)
}

fn strangers_are_let_in_by_default(loaded: &Loaded) -> Option<Problem> {
    let config = &loaded.config;
    if !config.anonymous.anonymous_enable || !lacks(loaded, "anonymous_enable") {
        return None;
    }
    let message = "anonymous_enable is not set, which means YES: anybody may log in without an account";
    let cure =
        "write anonymous_enable=NO, or YES if it is meant; Debian's manual says NO, its program says YES";
    // Without other logins nothing else can have been meant.
    let local = config.access.local_enable;
    let problem = if local { Problem::warning(message) } else { Problem::note(message) };
    Some(problem.suggest(cure))
}

fn listening_depends_on_the_build(loaded: &Loaded) -> Option<Problem> {
    let listen = &loaded.config.listen;
    if !listen.listen || !lacks(loaded, "listen") {
        return None;
    }
    if listen.listen_ipv6 && listen.listen_address6.is_some() && listen.listen_address.is_none() {
        let message = "listen is not set, which means YES: every IPv4 address listens too, whatever listen_address6 says";
        return Some(Problem::warning(message).suggest("write listen=NO, or set listen_address"));
    }
    let message = if listen.listen_ipv6 {
        "listen is not set, which means YES, so IPv4 gets a socket of its own"
    } else {
        "listen is not set, which means YES here and in vsftpd's own source, and NO in Debian's builds"
    };
    Some(
        Problem::note(message)
            .suggest("write listen=YES or listen=NO, and the file means the same everywhere"),
    )
}

fn the_pam_service_depends_on_the_build(loaded: &Loaded) -> Option<Problem> {
    let access = &loaded.config.access;
    let service = access.pam_service_name.as_ref().filter(|_| access.local_enable)?;
    lacks(loaded, "pam_service_name").then(|| {
        Problem::warning(format!(
            "pam_service_name is not set, which means {service} here; in Debian's builds, vsftpd"
        ))
        .suggest(
            "write pam_service_name=vsftpd, or the name of the file in /etc/pam.d that shall judge logins",
        )
    })
}

fn the_list_lies_elsewhere(loaded: &Loaded) -> Option<Problem> {
    let (config, anonymous) = (&loaded.config, &loaded.config.anonymous);
    let local = config.access.local_enable;
    let name = [
        ("userlist_file", local && config.access.userlist_enable),
        ("chroot_list_file", local && config.jail.chroot_list_enable),
        ("banned_email_file", anonymous.anonymous_enable && anonymous.deny_email_enable),
        ("email_password_file", anonymous.anonymous_enable && anonymous.secure_email_list_enable),
    ]
    .into_iter()
    .find_map(|(name, used)| (used && lacks(loaded, name)).then_some(name))?;
    let value = crate::row(name.as_bytes())?.value(config).to_string();
    let red_hat = value.replacen("/etc/vsftpd.", "/etc/vsftpd/", 1);
    Some(
        Problem::note(format!("{name} is not set, which means {value} here; in builds of RHEL, {red_hat}"))
            .suggest(format!("write {name}= with the path of the list")),
    )
}

fn limits_are_not_what_the_manual_says(loaded: &Loaded) -> Option<Problem> {
    let limits = &loaded.config.limits;
    let left_out: Vec<String> = [("max_clients", limits.max_clients), ("max_per_ip", limits.max_per_ip)]
        .into_iter()
        .filter(|(name, limit)| *limit != 0 && lacks(loaded, name))
        .map(|(name, limit)| format!("{name} is {limit}"))
        .collect();
    (!left_out.is_empty()).then(|| {
        let left_out = left_out.join(" and ");
        Problem::note(format!("not set: {left_out}, as in vsftpd, whose manual says that there is no limit"))
            .suggest("write the limits out; 0 means none")
    })
}

fn passive_ports_are_not_what_the_manual_says(loaded: &Loaded) -> Option<Problem> {
    let data = &loaded.config.data;
    if !data.pasv_enable || !lacks(loaded, "pasv_min_port") {
        return None;
    }
    let lowest = data.pasv_min_port;
    let message = format!("pasv_min_port is not set, which means {lowest}; vsftpd's manual says any port");
    let cure = "set pasv_min_port and pasv_max_port to the range that the firewall lets in";
    // Who set one end has a range in mind.
    let half = data.pasv_max_port != 0;
    let problem = if half { Problem::warning(message) } else { Problem::note(message) };
    Some(problem.suggest(cure))
}

fn encryption_is_not_what_the_manual_says(loaded: &Loaded) -> Option<Problem> {
    (loaded.config.tls.ssl_enable && lacks(loaded, "strict_ssl_read_eof")).then(|| {
        Problem::note("not set: strict_ssl_read_eof is YES (the manual says NO)")
            .suggest("write it out, and the file means the same everywhere")
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Config, Severity, parse};

    fn told(text: &str) -> Vec<(Severity, String)> {
        let file = Path::new("/etc/vsftpd.conf");
        let loaded = parse(text.as_bytes(), Some(file), &Config::default()).unwrap();
        let problems = left_out(&loaded, file);
        assert!(problems.iter().all(|problem| problem.file.is_some() && problem.suggestion.is_some()));
        problems.into_iter().map(|problem| (problem.severity, problem.message)).collect()
    }

    fn severity(text: &str, message: &str) -> Option<Severity> {
        told(text).into_iter().find(|(_, told)| told.starts_with(message)).map(|(severity, _)| severity)
    }

    #[test]
    fn anonymous_logins_by_default_are_a_warning_beside_others() {
        let message = "anonymous_enable is not set";
        assert_eq!(severity("local_enable=YES", message), Some(Severity::Warning));
        assert_eq!(severity("", message), Some(Severity::Note));
        assert_eq!(severity("anonymous_enable=YES", message), None);
    }

    #[test]
    fn listening_by_default_is_told() {
        assert_eq!(severity("", "listen is not set"), Some(Severity::Note));
        let exposed = "listen_ipv6=YES\nlisten_address6=::1";
        assert_eq!(severity(exposed, "listen is not set"), Some(Severity::Warning));
        assert_eq!(severity("listen=NO\nlisten_ipv6=YES", "listen is not set"), None);
    }

    #[test]
    fn defaults_that_depend_on_the_build_are_told_where_they_matter() {
        assert_eq!(severity("local_enable=YES", "pam_service_name is not set"), Some(Severity::Warning));
        assert_eq!(severity("", "pam_service_name is not set"), None);
        let list = "local_enable=YES\nuserlist_enable=YES";
        assert_eq!(severity(list, "userlist_file is not set"), Some(Severity::Note));
        assert!(told(list).iter().any(|(_, told)| told.ends_with("/etc/vsftpd/user_list")));
        assert_eq!(severity("local_enable=YES", "userlist_file is not set"), None);
    }

    #[test]
    fn limits_and_ports_that_the_manual_gets_wrong_are_told() {
        assert_eq!(severity("", "not set: max_clients is 2000 and max_per_ip is 50"), Some(Severity::Note));
        assert_eq!(severity("max_clients=0", "not set: max_per_ip is 50"), Some(Severity::Note));
        assert_eq!(severity("", "pasv_min_port is not set"), Some(Severity::Note));
        assert_eq!(severity("pasv_max_port=50100", "pasv_min_port is not set"), Some(Severity::Warning));
        assert_eq!(severity("pasv_enable=NO", "pasv_min_port is not set"), None);
    }

    #[test]
    fn defaults_of_encryption_are_told_only_with_encryption() {
        assert_eq!(severity("ssl_enable=YES", "not set: strict_ssl_read_eof"), Some(Severity::Note));
        assert_eq!(severity("", "not set: strict_ssl_read_eof"), None);
    }
}
