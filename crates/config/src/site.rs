//! Holds a configuration against the machine: accounts, files, directories, ports.
//!
//! Everything found here can change while the server runs, so nothing here replaces the checks where
//! the files are used. Rules that need no machine are in `check/`.

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
/// Reads the account database, file metadata and `/proc`; opens no log and changes nothing. The worst
/// come first.
pub fn check_site(config: &Config) -> Vec<Problem> {
    let mut problems = Vec::new();
    accounts(config, &mut problems);
    lists(config, &mut problems);
    directories(config, &mut problems);
    logs(config, &mut problems);
    problems.extend(pam_service(config));
    problems.extend(passive_ports(config));
    problems.extend(missing_interface(config));
    problems.sort_by_key(|problem| problem.severity);
    problems
}

fn accounts(config: &Config, problems: &mut Vec<Problem>) {
    let anonymous = &config.anonymous;
    if anonymous.anonymous_enable {
        problems.extend(account("ftp_username", anonymous.ftp_username.as_ref()));
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
            .suggest(format!("create the account, or name another in {option}"))
    })
}

fn user(name: &BString) -> Option<User> {
    User::from_name(name.to_str().ok()?).ok().flatten()
}

fn lists(config: &Config, problems: &mut Vec<Problem>) {
    let (access, anonymous) = (&config.access, &config.anonymous);
    let jailed = access.local_enable && config.jail.chroot_list_enable;
    let banned = anonymous.anonymous_enable && anonymous.deny_email_enable;
    let admitted = anonymous.anonymous_enable && anonymous.secure_email_list_enable;
    let listed = access.local_enable && access.userlist_enable;
    for (used, what, file) in [
        (listed, "cannot read user list file", &access.userlist_file),
        (jailed, "could not read chroot() list file", &config.jail.chroot_list_file),
        (banned, "cannot read anon e-mail list file", &anonymous.banned_email_file),
        (admitted, "cannot read email passwords file", &anonymous.email_password_file),
        (true, "cannot read banner file", &config.messages.banner_file),
    ] {
        let path = file.as_ref().filter(|_| used).map(path);
        problems.extend(path.and_then(|path| unreadable(what, &path)));
    }
}

fn unreadable(what: &str, path: &Path) -> Option<Problem> {
    let shown = printable(path.as_os_str().as_bytes());
    let suggestion = match fs::metadata(path) {
        Ok(metadata) if metadata.is_file() => {
            return fs::File::open(path)
                .err()
                .map(|error| Problem::error(format!("{what}:{shown}")).suggest(error.to_string()));
        }
        Ok(_) => "it is not a file".to_owned(),
        Err(error) => format!("{error}; create the file, or name another"),
    };
    Some(Problem::error(format!("{what}:{shown}")).suggest(suggestion))
}

fn directories(config: &Config, problems: &mut Vec<Problem>) {
    if config.anonymous.anonymous_enable {
        problems.extend(anonymous_root(config));
    }
    if let Some(directory) = config.access.user_config_dir.as_ref().map(path)
        && directory_at(&directory).is_none()
    {
        let problem = Problem::warning(format!("user_config_dir is no directory: {}", directory.display()));
        problems.push(problem.suggest("create it, owned by root, or remove the line"));
    }
    // Relative paths begin at each user's home, and `$USER` is not known here.
    let root = config.jail.local_root.as_ref().map(path);
    if let Some(root) = root.filter(|root| config.access.local_enable && root.is_absolute())
        && config.guest.user_sub_token.is_none()
        && directory_at(&root).is_none()
    {
        let problem = Problem::warning(format!("cannot change directory:{}", root.display()));
        problems.push(problem.suggest("create the directory that local_root names"));
    }
}

fn anonymous_root(config: &Config) -> Option<Problem> {
    let user = user(config.anonymous.ftp_username.as_ref()?)?;
    let root = config.anonymous.anon_root.as_ref().map_or_else(|| user.dir.clone(), path);
    let Some(metadata) = directory_at(&root) else {
        let problem = Problem::error(format!("cannot change directory:{}", root.display()));
        return Some(problem.suggest("create the directory, owned by root, or name another in anon_root"));
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
    for (used, what, file) in [
        (sinks.detailed, "failed to open vsftpd log file", detailed),
        (sinks.standard, "failed to open xferlog log file", standard),
    ] {
        let Some(path) = file.as_ref().filter(|_| used).map(path) else { continue };
        let has_place = path.parent().is_some_and(Path::is_dir);
        if !has_place || path.is_dir() {
            let problem = Problem::error(format!("{what}:{}", path.display()));
            problems.push(problem.suggest("name a file in a directory that exists"));
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
        Problem::warning(format!("there is no PAM service {shown}, so PAM asks the service `other`"))
            .suggest(format!("create /etc/pam.d/{shown}, or name an existing service in pam_service_name"))
    })
}

/// Answers whether all services stand in one file, as on old machines.
fn is_in_one_file() -> bool {
    let text = fs::read_to_string("/etc/pam.conf").unwrap_or_default();
    text.lines().any(|line| !line.trim().is_empty() && !line.trim_start().starts_with('#'))
}

fn passive_ports(config: &Config) -> Option<Problem> {
    let data = &config.data;
    let lowest = data.pasv_min_port.max(1024);
    let highest = if data.pasv_max_port < lowest { u16::MAX } else { data.pasv_max_port };
    let ports = u32::from(highest - lowest) + 1;
    if !data.pasv_enable || ports >= config.limits.max_per_ip.clamp(1, 10) {
        return None;
    }
    let message = format!("only {ports} passive ports ({lowest} to {highest}) for all clients");
    let problem = Problem::warning(message);
    Some(problem.suggest("widen the range of pasv_min_port and pasv_max_port, here and in the firewall"))
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
    fn lists_are_looked_at_only_when_they_are_used() {
        let missing = "local_enable=YES\nuserlist_file=/nonexistent/list\n";
        let told = |text: &str| found(text).iter().any(|message| message.contains("/nonexistent/list"));
        assert!(!told(missing));
        assert!(told(&format!("{missing}userlist_enable=YES")));
    }

    #[test]
    fn a_narrow_range_of_passive_ports_is_told() {
        let told = |text: &str| found(text).iter().any(|message| message.starts_with("only 2 passive"));
        assert!(told("pasv_min_port=40000\npasv_max_port=40001"));
        assert!(!told("pasv_min_port=40000\npasv_max_port=40100"));
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
