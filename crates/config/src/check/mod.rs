//! Rules that span options, with the sentence the administrator sees.
//!
//! Each rule is a function named after the fact it finds; a file for each part of the configuration
//! lists its rules. Nothing here looks at the machine: that is `site.rs`. What depends on the text
//! rather than on the values, such as an option that is left out, is in `unset.rs`, and told by `load`.

mod acme;
mod commands;
mod guests;
mod limits;
mod logins;
mod logs;
mod names;
mod nat;
mod network;
mod order;
mod paths;
mod patterns;
mod states;
mod tls;
mod unset;
mod writing;

use bstr::BString;

use crate::Config;
use crate::problem::Problem;
use crate::read::Loaded;
use crate::table::row;

pub(crate) use logs::sinks;
pub(crate) use order::{overriding, several_files};
pub(crate) use unset::left_out;

/// A rule: looks at a configuration and finds a problem, or none.
type Rule = fn(&Config) -> Option<Problem>;

const ALL_RULES: [&[Rule]; 13] = [
    network::RULES,
    names::RULES,
    nat::RULES,
    limits::RULES,
    logins::RULES,
    guests::RULES,
    writing::RULES,
    patterns::RULES,
    commands::RULES,
    paths::RULES,
    logs::RULES,
    tls::RULES,
    acme::RULES,
];

/// Checks the rules across options, and lists what is set without meaning here.
///
/// Errors mean that the server must not start: nobody could log in, or it would let in or expose more
/// than was asked for. Worth calling for the result of [`Config::for_user`] too, as a per-user file
/// can set something that has no meaning here. The worst come first.
pub fn check(config: &Config) -> Vec<Problem> {
    let mut problems: Vec<Problem> =
        ALL_RULES.iter().flat_map(|rules| rules.iter()).filter_map(|rule| rule(config)).collect();
    problems.extend(states::problems(config));
    problems.sort_by_key(|problem| problem.severity);
    problems
}

impl Loaded {
    /// Checks as [`check`] does, and says of each problem in which file and line its option was set.
    pub fn check(&self) -> Vec<Problem> {
        let mut problems = check(&self.config);
        problems.extend(tls::demanded_and_off(self));
        problems.sort_by_key(|problem| problem.severity);
        self.placed(problems)
    }

    /// Checks as [`crate::check_site`] does, and says in which file and line an option was set.
    pub fn check_site(&self) -> Vec<Problem> {
        self.placed(crate::check_site(&self.config))
    }

    /// Puts problems that quote a setting to the line that decided it.
    fn placed(&self, problems: Vec<Problem>) -> Vec<Problem> {
        problems.into_iter().map(|problem| self.place(problem)).collect()
    }

    fn place(&self, problem: Problem) -> Problem {
        let name = problem.text.split(|octet| *octet == b'=').next().unwrap_or_default();
        let setting = self.settings.iter().find(|setting| setting.name.as_bytes() == name);
        match setting.filter(|_| problem.file.is_none()) {
            Some(setting) => problem.at(setting.file.as_deref(), setting.line),
            None => problem,
        }
    }
}

/// Writes the line that sets an option as it is set, for a problem to quote.
fn line(config: &Config, name: &'static str) -> BString {
    let value = row(name.as_bytes()).map(|row| row.value(config)).unwrap_or_default();
    BString::from(format!("{name}={value}"))
}

/// Answers whether an option differs from its default.
fn is_changed(config: &Config, name: &str) -> bool {
    row(name.as_bytes()).is_some_and(|row| row.value(config) != row.default_value())
}

/// Tells that `name` was set in vain, because the switch `needs` is not as it would have to be.
fn in_vain(config: &Config, name: &'static str, needs: &'static str) -> Problem {
    let option = needs.split('=').next().unwrap_or(needs);
    Problem::note(format!("{name} has no effect while {option} is {}", opposite(needs)))
        .quote(line(config, name))
        .suggest(format!("set {needs}, or remove the line"))
}

fn opposite(needs: &str) -> &'static str {
    if needs.ends_with("=YES") { "NO" } else { "YES" }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Severity, parse};

    /// Checks a configuration text, and returns the messages of one severity.
    pub(super) fn found(text: &str, severity: Severity) -> Vec<String> {
        let config = parse(text.as_bytes(), None, &Config::default()).unwrap().config;
        let problems = check(&config);
        problems.into_iter().filter(|p| p.severity == severity).map(|p| p.message).collect()
    }

    pub(super) fn errors(text: &str) -> Vec<String> {
        found(text, Severity::Error)
    }

    pub(super) fn warnings(text: &str) -> Vec<String> {
        found(text, Severity::Warning)
    }

    pub(super) fn notes(text: &str) -> Vec<String> {
        found(text, Severity::Note)
    }

    #[test]
    fn the_defaults_are_no_error() {
        assert_eq!(errors(""), Vec::<String>::new());
        assert_eq!(warnings(""), Vec::<String>::new());
    }

    #[test]
    fn the_files_that_distributions_ship_are_accepted() {
        let debian = "listen=NO\nlisten_ipv6=YES\nanonymous_enable=NO\nlocal_enable=YES\n\
            dirmessage_enable=YES\nuse_localtime=YES\nxferlog_enable=YES\nconnect_from_port_20=YES\n\
            secure_chroot_dir=/var/run/vsftpd/empty\npam_service_name=vsftpd\n\
            rsa_cert_file=/etc/ssl/certs/ssl-cert-snakeoil.pem\n\
            rsa_private_key_file=/etc/ssl/private/ssl-cert-snakeoil.key\nssl_enable=NO\n";
        let red_hat = "anonymous_enable=NO\nlocal_enable=YES\nwrite_enable=YES\nlocal_umask=022\n\
            dirmessage_enable=YES\nxferlog_enable=YES\nconnect_from_port_20=YES\n\
            xferlog_std_format=YES\nlisten=NO\nlisten_ipv6=YES\npam_service_name=vsftpd\n\
            userlist_enable=YES\n";
        for text in [debian, red_hat] {
            assert_eq!((errors(text), warnings(text)), (vec![], vec![]), "{text}");
            let loaded = parse(text.as_bytes(), None, &Config::default()).unwrap();
            let mut told = left_out(&loaded, std::path::Path::new("/etc/vsftpd.conf"));
            told.extend(loaded.problems);
            assert!(told.iter().all(|problem| problem.severity == Severity::Note), "{told:?}");
        }
    }

    #[test]
    fn a_problem_names_the_line_that_set_its_option() {
        let text = b"# two lines\nanonymous_enable=YES\nxferlog_enable=YES\nxferlog_file=/var/log/x\n";
        let file = std::path::Path::new("/etc/vsftpd.conf");
        let loaded = parse(text, Some(file), &Config::default()).unwrap();
        let problems = loaded.check();
        let problem = problems.iter().find(|problem| problem.message.starts_with("xferlog_file")).unwrap();
        assert_eq!((problem.file.as_deref(), problem.line), (Some(file), Some(4)));
        let of_defaults = problems.iter().find(|problem| problem.text.is_empty());
        assert!(of_defaults.is_none_or(|problem| problem.line.is_none()));
    }

    #[test]
    fn the_worst_problems_come_first() {
        let config = parse(b"ftp_enable=NO\nuse_sendfile=NO\npasv_max_port=2000", None, &Config::default());
        let severities: Vec<_> = check(&config.unwrap().config).iter().map(|p| p.severity).collect();
        assert!(severities.is_sorted() && severities.len() > 2, "{severities:?}");
    }

    #[test]
    fn rules_name_options_that_exist() {
        let default = Config::default();
        let rules = ALL_RULES.iter().flat_map(|rules| rules.iter());
        assert!(rules.clone().count() > 55);
        rules.for_each(|rule| drop(rule(&default)));
        assert!(line(&default, "listen_port").ends_with(b"=21"));
    }
}
