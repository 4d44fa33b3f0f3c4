//! Rules about where paths begin, and what they hold that looks like more than a path.

use bstr::ByteSlice;

use super::{Rule, line};
use crate::Config;
use crate::problem::Problem;
use crate::table::row;

pub(super) const RULES: &[Rule] = &[a_path_depends_on_the_start, a_path_holds_a_sign_of_the_shell];

/// The options whose value is a path and must not depend on where the server is started.
// local_root may begin at a home, and message_file at each directory, so they are not here.
const PATHS: [&str; 10] = [
    "virtual_users_file",
    "user_config_dir",
    "userlist_file",
    "chroot_list_file",
    "banned_email_file",
    "email_password_file",
    "banner_file",
    "anon_root",
    "vsftpd_log_file",
    "xferlog_file",
];

fn a_path_depends_on_the_start(config: &Config) -> Option<Problem> {
    let name = PATHS.into_iter().find(|name| {
        let value = value(config, name);
        !value.is_empty() && !value.starts_with(b"/")
    })?;
    let problem = Problem::warning(format!(
        "{name} does not begin with /, so it depends on where the server is started"
    ));
    Some(problem.quote(line(config, name)).suggest("write the whole path"))
}

fn a_path_holds_a_sign_of_the_shell(config: &Config) -> Option<Problem> {
    let is_shell =
        |value: &[u8]| value.starts_with(b"~") || value.contains_str("${") || value.contains_str("$(");
    let name = PATHS.into_iter().chain(["local_root"]).find(|name| is_shell(&value(config, name)))?;
    let problem = Problem::warning(format!("{name} is a plain path: ~ and ${{…}} are taken as they stand"));
    Some(
        problem
            .quote(line(config, name))
            .suggest("write the path out; only user_sub_token is replaced, in local_root"),
    )
}

fn value(config: &Config, name: &str) -> bstr::BString {
    row(name.as_bytes()).map(|row| row.value(config)).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::super::tests::warnings;
    use crate::table::row;

    #[test]
    fn every_path_is_an_option() {
        assert!(super::PATHS.iter().all(|name| row(name.as_bytes()).is_some()));
    }

    #[test]
    fn a_relative_path_is_told() {
        assert!(warnings("banner_file=banner.txt")[0].starts_with("banner_file does not begin with /"));
        assert!(warnings("local_enable=YES\nlocal_root=public_html").is_empty(), "it begins at each home");
    }

    #[test]
    fn signs_of_the_shell_are_told() {
        assert!(warnings("local_enable=YES\nlocal_root=~/files")[0].contains("as they stand"));
        assert!(warnings("user_config_dir=/etc/${site}/users")[0].contains("as they stand"));
    }
}
