//! Holds a configuration against the machine: accounts, files, directories, ports.
//!
//! Everything found here can change while the server runs, so nothing here replaces the checks where
//! the files are used. Rules that need no machine are in `check/`. Lists of names, files for single
//! users, certificates, and hosts.allow have a file each in `site/`.

mod certificates;
mod hosts;
mod lists;
mod users;

use std::ffi::OsStr;
use std::fs::{self, Metadata};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use bstr::{BString, ByteSlice};
use nix::unistd::User;

use crate::Config;
use crate::check::sinks;
use crate::problem::{Problem, printable};

/// Where PAM looks for services.
const PAM_DIRECTORIES: [&str; 3] = ["/etc/pam.d", "/usr/lib/pam.d", "/usr/share/pam.d"];

/// Looks whether the accounts, files and directories that a configuration names are there and fit.
///
/// Reads the account database, file metadata, the lists and the files for single users that are named,
/// each up to a bound; opens no log and changes nothing. The worst come first.
pub fn check_site(config: &Config) -> Vec<Problem> {
    let mut problems = Vec::new();
    accounts(config, &mut problems);
    lists::look(config, &mut problems);
    users::look(config, &mut problems);
    directories(config, &mut problems);
    logs(config, &mut problems);
    certificates::look(config, &mut problems);
    problems.extend(pam_service(config));
    problems.extend(virtual_users(config));
    problems.extend(missing_interface(config));
    problems.extend(hosts::unasked(config));
    problems.sort_by_key(|problem| problem.severity);
    problems
}

fn accounts(config: &Config, problems: &mut Vec<Problem>) {
    let anonymous = &config.anonymous;
    if anonymous.anonymous_enable {
        problems.extend(account("ftp_username", anonymous.ftp_username.as_ref()));
    }
    if config.guest.guest_enable {
        problems.extend(account("guest_username", config.guest.guest_username.as_ref()));
    }
    if anonymous.chown_uploads {
        problems.extend(account("chown_username", anonymous.chown_username.as_ref()));
    }
    if !config.process.run_as_launching_user
        && let Some(name) = config.process.nopriv_user.as_ref()
        && user(name).is_none()
    {
        let problem = Problem::error(format!("cannot locate user entry:{}", printable(name)));
        problems.push(problem.suggest("create the account, or name another in nopriv_user"));
    }
}

fn account(option: &str, name: Option<&BString>) -> Option<Problem> {
    let name = name.cloned().unwrap_or_default();
    user(&name).is_none().then(|| {
        Problem::error(format!("vsftpd: cannot locate user specified in '{option}':{}", printable(&name)))
            .quote(format!("{option}={name}"))
            .suggest(format!("create the account, or name another in {option}"))
    })
}

fn user(name: &BString) -> Option<User> {
    User::from_name(name.to_str().ok()?).ok().flatten()
}

fn directories(config: &Config, problems: &mut Vec<Problem>) {
    if config.anonymous.anonymous_enable {
        problems.extend(anonymous_root(config));
    }
    if let Some(directory) = config.access.user_config_dir.as_ref().map(path)
        && directory_at(&directory).is_none()
    {
        let problem = Problem::warning(format!("user_config_dir is no directory: {}", directory.display()));
        problems.push(
            problem
                .quote(format!("user_config_dir={}", directory.display()))
                .suggest("create it, owned by root, or remove the line"),
        );
    }
    problems.extend(local_root(config));
}

fn local_root(config: &Config) -> Option<Problem> {
    let whole = config.jail.local_root.as_ref().filter(|_| config.access.local_enable)?;
    // Behind the token each user has a directory of the own name, and none is known here.
    let token = config.guest.user_sub_token.as_ref();
    let fixed = match token.and_then(|token| whole.find(token)) {
        Some(at) => {
            let before = whole.get(..at).unwrap_or_default();
            let whole_names = before.rfind_byte(b'/').map_or(0, |slash| slash + 1);
            path(&before.get(..whole_names).unwrap_or_default().into())
        }
        None => path(whole),
    };
    // Relative paths begin at each user's home.
    (fixed.is_absolute() && directory_at(&fixed).is_none()).then(|| {
        Problem::warning(format!("cannot change directory:{}", fixed.display()))
            .quote(format!("local_root={whole}"))
            .suggest("create the directory that local_root names")
    })
}

fn anonymous_root(config: &Config) -> Option<Problem> {
    let user = user(config.anonymous.ftp_username.as_ref()?)?;
    let root = config.anonymous.anon_root.as_ref().map_or_else(|| user.dir.clone(), path);
    let Some(metadata) = directory_at(&root) else {
        let problem = Problem::error(format!("cannot change directory:{}", root.display()));
        let line = config.anonymous.anon_root.as_ref().map(|root| format!("anon_root={root}"));
        return Some(
            problem
                .quote(line.unwrap_or_default())
                .suggest("create the directory, owned by root, or name another in anon_root"),
        );
    };
    is_writable_by(&metadata, &user).then(|| {
        let (root, user) = (root.display(), user.name);
        Problem::warning(format!("the anonymous root {root} is writable by {user} itself")).suggest(format!(
            "safe here, but vsftpd refuses it, and write options then reach the root; try: chown root {root}"
        ))
    })
}

/// Answers from the mode bits and the account's own group whether it may write.
fn is_writable_by(metadata: &Metadata, user: &User) -> bool {
    let bit = if user.uid.is_root() {
        return true;
    } else if metadata.uid() == user.uid.as_raw() {
        0o200
    } else if metadata.gid() == user.gid.as_raw() {
        0o020
    } else {
        0o002
    };
    metadata.mode() & bit != 0
}

fn logs(config: &Config, problems: &mut Vec<Problem>) {
    let sinks = sinks(config);
    let (detailed, standard) = (&config.log.vsftpd_log_file, &config.log.xferlog_file);
    for (used, option, what, file) in [
        (sinks.detailed, "vsftpd_log_file", "failed to open vsftpd log file", detailed),
        (sinks.standard, "xferlog_file", "failed to open xferlog log file", standard),
    ] {
        let Some(path) = file.as_ref().filter(|_| used).map(path) else { continue };
        let has_place = path.parent().is_some_and(Path::is_dir);
        if !has_place || path.is_dir() {
            let problem = Problem::error(format!("{what}:{}", path.display()));
            let line = format!("{option}={}", path.display());
            problems.push(problem.quote(line).suggest("name a file in a directory that exists"));
        }
    }
}

fn pam_service(config: &Config) -> Option<Problem> {
    let service = config.access.pam_service_name.as_ref().filter(|_| config.access.local_enable)?;
    let name = path(service);
    let has_file = |directory: &&str| Path::new(directory).join(&name).is_file();
    let found = PAM_DIRECTORIES.iter().any(has_file) || is_in_one_file();
    (!found).then(|| {
        let shown = printable(service);
        let other = "on Debian it lets every account in, past ftpusers and pam_shells, elsewhere nobody";
        Problem::warning(format!("there is no PAM service {shown}, so PAM asks the service `other`: {other}"))
            .quote(format!("pam_service_name={service}"))
            .suggest(format!("create /etc/pam.d/{shown}, or name an existing service in pam_service_name"))
    })
}

/// Looks at the file of virtual users from outside; its lines are shown by `wharfd user list`.
fn virtual_users(config: &Config) -> Option<Problem> {
    let file = path(config.wharf.virtual_users_file.as_ref().filter(|_| config.access.local_enable)?);
    let shown = printable(file.as_os_str().as_bytes());
    let (what, cure) = match fs::metadata(&file) {
        Err(error) => (
            error.to_string(),
            format!("make the first user: wharfd user add NAME --root DIR --file {shown}"),
        ),
        Ok(it) if !it.is_file() => ("it is not a file".to_owned(), "name a file".to_owned()),
        Ok(it) if it.uid() != 0 && it.uid() != nix::unistd::getuid().as_raw() => {
            (format!("it belongs to uid {}", it.uid()), format!("chown root {shown}"))
        }
        Ok(it) if it.mode() & 0o026 != 0 => (
            format!("others may read or change it (mode {:04o})", it.mode() & 0o7777),
            format!("chmod 600 {shown}"),
        ),
        Ok(_) => return None,
    };
    let problem = Problem::error(format!("the users of {shown} cannot log in: {what}"));
    Some(problem.quote(format!("virtual_users_file={shown}")).suggest(cure))
}

/// Answers whether all services stand in one file, as on old machines.
fn is_in_one_file() -> bool {
    let text = fs::read_to_string("/etc/pam.conf").unwrap_or_default();
    text.lines().any(|line| !line.trim().is_empty() && !line.trim_start().starts_with('#'))
}

fn missing_interface(config: &Config) -> Option<Problem> {
    let (_, scope) = config.ipv6().ok().filter(|_| config.listen.listen_ipv6)?;
    scope?;
    let bad = config.listen_addresses().err()?;
    Some(Problem::error(bad.to_string()).suggest("there is no such interface; see `ip link`"))
}

fn path(text: &BString) -> PathBuf {
    PathBuf::from(OsStr::from_bytes(text))
}

fn directory_at(path: &Path) -> Option<Metadata> {
    fs::metadata(path).ok().filter(Metadata::is_dir)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::parse;

    fn found(text: &str) -> Vec<String> {
        let config = parse(text.as_bytes(), None, &Config::default()).unwrap().config;
        check_site(&config).into_iter().map(|problem| problem.message).collect()
    }

    #[test]
    fn accounts_that_are_missing_are_named_in_vsftpds_words() {
        let found = found("ftp_username=no-such-user\nnopriv_user=nor-this");
        assert!(
            found.contains(&"vsftpd: cannot locate user specified in 'ftp_username':no-such-user".into())
        );
        assert!(found.contains(&"cannot locate user entry:nor-this".into()));
    }

    #[test]
    fn an_anonymous_root_that_is_writable_is_told() {
        let directory = tempfile::tempdir().unwrap();
        let root = directory.path();
        fs::set_permissions(root, std::os::unix::fs::PermissionsExt::from_mode(0o777)).unwrap();
        let text = format!("ftp_username=nobody\nanon_root={}", root.display());
        assert!(found(&text).iter().any(|message| message.contains("is writable by nobody")));
    }

    #[test]
    fn a_root_with_the_login_name_is_looked_at_up_to_the_name() {
        let text = "local_enable=YES\nuser_sub_token=$USER\n";
        let told = |root: &str| {
            found(&format!("{text}local_root={root}"))
                .contains(&"cannot change directory:/nonexistent/".to_owned())
        };
        assert!(told("/nonexistent/$USER/files") && !told("/tmp/$USER/files"));
    }

    #[test]
    fn the_account_of_guests_must_exist() {
        let message = "vsftpd: cannot locate user specified in 'guest_username':no-such-user".to_owned();
        let text = "local_enable=YES\nguest_username=no-such-user\n";
        assert!(found(&format!("{text}guest_enable=YES")).contains(&message));
        assert!(!found(text).contains(&message));
    }

    #[test]
    fn a_file_of_virtual_users_that_cannot_be_used_is_told() {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("users");
        let text = format!("local_enable=YES\nvirtual_users_file={}\n", file.display());
        let told =
            |what: &str| found(&text).iter().any(|m| m.starts_with("the users of /") && m.contains(what));
        assert!(told("No such file"));
        for (mode, what) in [(0o622, "mode 0622"), (0o604, "mode 0604"), (0o600, "never")] {
            fs::write(&file, "").unwrap();
            fs::set_permissions(&file, std::os::unix::fs::PermissionsExt::from_mode(mode)).unwrap();
            assert_eq!(told(what), mode != 0o600, "{mode:o}");
        }
        assert!(!told("cannot log in"));
    }

    #[test]
    fn a_missing_pam_service_is_told_for_local_users() {
        let told = |text: &str| found(text).iter().any(|message| message.contains("no PAM service no-such"));
        assert!(told("local_enable=YES\npam_service_name=no-such"));
        assert!(!told("pam_service_name=no-such"));
    }

    #[test]
    fn a_log_in_a_missing_directory_is_an_error() {
        let text = "xferlog_enable=YES\nvsftpd_log_file=/nonexistent/log";
        assert!(found(text).contains(&"failed to open vsftpd log file:/nonexistent/log".into()));
    }
}
