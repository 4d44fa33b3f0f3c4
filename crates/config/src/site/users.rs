//! The files of user_config_dir, read before a user meets their errors.

use std::collections::HashSet;
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use super::{directory_at, path, user};
use crate::Config;
use crate::check::check;
use crate::problem::{Problem, Severity, printable};
use crate::read::Loaded;

/// How many files are read; more are told to be left out.
const FILES: usize = 1000;

/// Endings that editors and package managers give to files that nobody logs in as.
const LEFT_OVER: [&str; 9] =
    ["~", ".bak", ".conf", ".old", ".orig", ".rpmnew", ".rpmsave", ".dpkg-old", ".swp"];

pub(super) fn look(config: &Config, problems: &mut Vec<Problem>) {
    let Some(directory) = config.access.user_config_dir.as_ref().map(path) else { return };
    // A missing directory is told elsewhere.
    let Ok(entries) = fs::read_dir(&directory) else { return };
    problems.extend(changed_by_others(&directory));
    let is_file = |entry: &fs::DirEntry| entry.file_type().is_ok_and(|kind| !kind.is_dir());
    let mut names: Vec<_> =
        entries.flatten().filter(is_file).map(|entry| entry.file_name()).take(FILES + 1).collect();
    names.sort();
    if names.len() > FILES {
        names.truncate(FILES);
        let problem = Problem::note(format!("only {FILES} files of this directory were looked at"));
        problems.push(
            problem
                .suggest("check the others one by one, as a configuration of their own")
                .at(Some(&directory), None),
        );
    }
    let known = known(config);
    for name in names {
        problems.extend(never_read(config, &directory, name.as_bytes()));
        match config.load_user(name.as_bytes()) {
            Ok(Some(loaded)) => problems.extend(of_file(&loaded, &directory.join(&name), &known)),
            Ok(None) => {}
            Err(errors) => problems.extend(errors),
        }
    }
}

/// What is true of the main configuration already, so that it is not told again for each user.
fn known(config: &Config) -> HashSet<String> {
    check(config).into_iter().map(|problem| problem.message).collect()
}

fn of_file(loaded: &Loaded, file: &Path, known: &HashSet<String>) -> Vec<Problem> {
    let new = |problem: &Problem| problem.severity != Severity::Note && !known.contains(&problem.message);
    // Those that quote no line of this file stand nowhere else either.
    let found = loaded.check().into_iter().filter(new).map(|problem| match problem.file {
        Some(_) => problem,
        None => problem.at(Some(file), None),
    });
    let aborts = loaded
        .settings
        .iter()
        .find(|setting| setting.name == "chown_uploads" && setting.value.eq_ignore_ascii_case(b"YES"));
    let aborts = aborts.map(|setting| {
        Problem::note(
            "chown_uploads works for one user here; vsftpd breaks the upload off unless it is set for all",
        )
        .suggest("set it in the main configuration too if the file may go back to vsftpd")
        .quote("chown_uploads=YES")
        .at(Some(file), setting.line)
    });
    loaded.problems.iter().cloned().chain(found).chain(aborts).collect()
}

fn changed_by_others(directory: &Path) -> Option<Problem> {
    let metadata = directory_at(directory)?;
    let me = nix::unistd::getuid().as_raw();
    let open = metadata.mode() & 0o002 != 0 || (metadata.uid() != 0 && metadata.uid() != me);
    open.then(|| {
        let shown = printable(directory.as_os_str().as_bytes());
        Problem::warning("others than the administrator may put files into user_config_dir")
            .suggest(format!("chown root {shown}; chmod go-w {shown}"))
            .at(Some(directory), None)
    })
}

fn never_read(config: &Config, directory: &Path, name: &[u8]) -> Option<Problem> {
    let left_over =
        LEFT_OVER.iter().any(|ending| name.ends_with(ending.as_bytes())) || name.starts_with(b".");
    // Names of guests are known to PAM alone.
    let guests = config.guest.guest_enable;
    let is_anonymous = config.anonymous.anonymous_enable
        && config.anonymous.ftp_username.as_ref().is_some_and(|account| account.as_slice() == name);
    if is_anonymous || user(&name.into()).is_some() || (guests && !left_over) {
        return None;
    }
    let shown = printable(name);
    let problem = Problem::note(format!(
        "this file is read for a login named {shown} only, and there is no such account"
    ));
    let help = "a file is named after the user and nothing else; mind capital letters";
    Some(problem.suggest(help).at(Some(&directory.join(String::from_utf8_lossy(name).as_ref())), None))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::parse;

    fn told(main: &str, files: &[(&str, &str)]) -> Vec<String> {
        let directory = tempfile::tempdir().unwrap();
        for (name, text) in files {
            fs::write(directory.path().join(name), text).unwrap();
        }
        let text = format!(
            "local_enable=YES\nanonymous_enable=NO\nuser_config_dir={}\n{main}",
            directory.path().display()
        );
        let config = parse(text.as_bytes(), None, &Config::default()).unwrap().config;
        let mut problems = Vec::new();
        look(&config, &mut problems);
        problems.sort_by_key(|problem| problem.severity);
        let place = format!("{}/", directory.path().display());
        problems.iter().map(|problem| problem.to_string().replace(&place, "")).collect()
    }

    #[test]
    fn a_bad_line_in_a_user_file_is_told_with_its_place() {
        let told = told("", &[("root", "write_enable=YES\nlocal_umask=x\n")]);
        assert!(
            told[0].starts_with("root:2: error: bad number value in config file for: local_umask"),
            "{told:?}"
        );
        assert!(told[0].contains("= help: "), "{told:?}");
    }

    #[test]
    fn an_option_without_effect_is_told_with_its_place() {
        let told = told("", &[("root", "chroot_local_user=YES\n")]);
        assert!(told[0].starts_with("root:1: warning: chroot_local_user has no effect"), "{told:?}");
        assert!(told[0].contains("\n  | chroot_local_user=YES\n"), "{told:?}");
    }

    #[test]
    fn what_arises_from_a_user_file_is_told_once_and_with_its_place() {
        let told = told("", &[("root", "local_root=/srv/$USER\n"), ("daemon", "write_enable=NO\n")]);
        assert!(told[0].starts_with("root:1: warning: $USER in local_root"), "{told:?}");
        assert_eq!(told.len(), 1, "{told:?}");
    }

    #[test]
    fn a_file_that_no_login_reads_is_told() {
        let told = told("", &[("root.conf", "write_enable=YES\n"), ("root", "write_enable=YES\n")]);
        assert_eq!(told.len(), 1, "{told:?}");
        assert!(
            told[0].starts_with("root.conf: note: this file is read for a login named root.conf only"),
            "{told:?}"
        );
    }

    #[test]
    fn a_guest_needs_no_account_for_a_file() {
        assert!(
            told("guest_enable=YES\nguest_username=nobody", &[("alice", "write_enable=YES\n")]).is_empty()
        );
    }

    #[test]
    fn chown_uploads_for_one_user_is_told() {
        let told = told("", &[("root", "write_enable=YES\nchown_uploads=YES\n")]);
        assert!(
            told.iter().any(|told| told.starts_with("root:2: note: chown_uploads works for one user")),
            "{told:?}"
        );
    }

    #[test]
    fn a_directory_that_everybody_may_change_is_told() {
        let directory = tempfile::tempdir().unwrap();
        fs::set_permissions(directory.path(), std::os::unix::fs::PermissionsExt::from_mode(0o777)).unwrap();
        assert!(
            changed_by_others(directory.path()).unwrap().message.contains("others than the administrator")
        );
    }

    #[test]
    fn a_user_file_of_another_owner_is_an_error() {
        if !nix::unistd::getuid().is_root() {
            eprintln!("skipped: only root can give a file away");
            return;
        }
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("root");
        fs::write(&file, "write_enable=YES\n").unwrap();
        std::os::unix::fs::chown(&file, Some(65534), None).unwrap();
        let mut config = Config::default();
        config.access.user_config_dir = Some(directory.path().to_str().unwrap().into());
        let mut problems = Vec::new();
        look(&config, &mut problems);
        let problem = problems.iter().find(|problem| problem.severity == Severity::Error).unwrap();
        assert_eq!(problem.file.as_deref(), Some(file.as_path()));
        assert!(problem.message.starts_with("config file not owned by correct user"));
    }
}
