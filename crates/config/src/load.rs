//! Loads files and command-line settings, left to right, into one configuration.
//!
//! The rules for files are vsftpd's: a regular file, owned by the user who starts the daemon, at most
//! 100 000 octets. Where vsftpd ignores what lies beyond, we refuse: a rule that is cut off in
//! silence may be the one that forbids something.

use std::ffi::OsStr;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Read};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use bstr::BString;
use nix::libc::O_NONBLOCK;

use crate::Config;
use crate::check::{left_out, overriding, several_files};
use crate::problem::{Problem, Severity, printable};
use crate::read::{Loaded, parse, parse_setting};

/// The longest configuration file that is read, in octets; vsftpd reads no further either.
pub const FILE_LIMIT: usize = 100_000;

/// Something to load: a file, or one setting from the command line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Source {
    /// A configuration file.
    File(PathBuf),
    /// The text behind `-o`: `name=value`.
    Setting(BString),
}

/// Loads all sources from left to right on top of the defaults; later ones win.
///
/// Fails with the problems of all sources when one of them is an error, so that a person sees
/// everything at once. Tells where one source overrides another by surprise, and which options are
/// left out whose default is not the same everywhere. Rules across options are a second step:
/// [`Loaded::check`].
pub fn load(sources: &[Source]) -> Result<Loaded, Vec<Problem>> {
    let mut sum = Loaded::default();
    for source in sources {
        match load_one(source, &sum.config) {
            Ok(loaded) => add(&mut sum, loaded),
            Err(problems) => sum.problems.extend(problems),
        }
    }
    let files: Vec<&Path> = sources.iter().filter_map(Source::file).collect();
    sum.problems.extend(several_files(&files));
    // A file with an error has set nothing, so what it leaves out is not known.
    if sum.problems.iter().any(|problem| problem.severity == Severity::Error) {
        return Err(sum.problems);
    }
    if let Some(last) = files.last() {
        let told = left_out(&sum, last);
        sum.problems.extend(told);
    }
    Ok(sum)
}

impl Source {
    fn file(&self) -> Option<&Path> {
        match self {
            Self::File(path) => Some(path),
            Self::Setting(_) => None,
        }
    }
}

/// Loads one source on top of a configuration: a layer for some clients.
///
/// The same rules hold as for the others; its errors must turn those clients away.
pub fn load_over(base: &Config, source: &Source) -> Result<Loaded, Vec<Problem>> {
    load_one(source, base)
}

fn load_one(source: &Source, base: &Config) -> Result<Loaded, Vec<Problem>> {
    match source {
        Source::Setting(text) => parse_setting(text, base),
        Source::File(path) => {
            let (text, advice) = read_file(path).map_err(|problem| vec![problem.at(Some(path), None)])?;
            with(advice, path, parse(&text, Some(path), base))
        }
    }
}

/// Adds what there is to say about a file itself in front of what there is to say about its text.
fn with(
    advice: Option<Problem>,
    path: &Path,
    read: Result<Loaded, Vec<Problem>>,
) -> Result<Loaded, Vec<Problem>> {
    let Some(advice) = advice.map(|problem| problem.at(Some(path), None)) else { return read };
    match read {
        Ok(mut loaded) => {
            loaded.problems.insert(0, advice);
            Ok(loaded)
        }
        Err(mut problems) => {
            problems.insert(0, advice);
            Err(problems)
        }
    }
}

impl Config {
    /// Reads the file of user_config_dir that is named after `user` on top of this configuration.
    ///
    /// Answers `None` when there is no such directory or file, or when the name cannot be that of a file
    /// in it. The file is held to the same rules as the main one; its errors must end the login, and come
    /// first among the problems.
    pub fn load_user(&self, user: &[u8]) -> Result<Option<Loaded>, Vec<Problem>> {
        let Some(directory) = &self.access.user_config_dir else { return Ok(None) };
        // Security: the name comes from the client; it must not lead out of the directory.
        if user.is_empty() || user == b"." || user == b".." || user.iter().any(|octet| b"/\0".contains(octet))
        {
            return Ok(None);
        }
        let path = Path::new(OsStr::from_bytes(directory)).join(OsStr::from_bytes(user));
        match fs::metadata(&path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => {
                let problem = Problem::error("error opening per-user config file").suggest(error.to_string());
                return Err(vec![problem.at(Some(&path), None)]);
            }
            Ok(_) => {}
        }
        let (text, advice) = read_file(&path).map_err(|problem| vec![problem.at(Some(&path), None)])?;
        with(advice, &path, self.for_user(&text, &path)).map(Some).map_err(|mut problems| {
            problems.sort_by_key(|problem| problem.severity);
            problems
        })
    }
}

fn add(sum: &mut Loaded, loaded: Loaded) {
    sum.config = loaded.config;
    sum.problems.extend(loaded.problems);
    let overridden = loaded.settings.iter().filter_map(|new| {
        let old = sum.settings.iter().find(|old| old.name == new.name && old.value != new.value)?;
        overriding(old, new)
    });
    sum.problems.extend(overridden);
    sum.settings.retain(|old| loaded.settings.iter().all(|new| new.name != old.name));
    sum.settings.extend(loaded.settings);
}

/// Reads a file whole, with a warning when others may change it.
fn read_file(path: &Path) -> Result<(Vec<u8>, Option<Problem>), Problem> {
    let file = open(path).map_err(|error| cannot_read(path, &error))?;
    let advice = check_owner(path, &file)?;
    let mut text = Vec::new();
    let limit = FILE_LIMIT as u64 + 1;
    file.take(limit).read_to_end(&mut text).map_err(|error| cannot_read(path, &error))?;
    if text.len() > FILE_LIMIT {
        let message = format!("config file is longer than {FILE_LIMIT} octets; vsftpd ignores the rest");
        return Err(Problem::error(message).suggest("shorten the comments, or move rules to user_config_dir"));
    }
    Ok((text, advice))
}

/// Opens a file without waiting, should it be a pipe that nobody writes to.
fn open(path: &Path) -> io::Result<File> {
    OpenOptions::new().read(true).custom_flags(O_NONBLOCK).open(path)
}

// Security: whoever can write the file decides who gets in; the descriptor is asked, not the name.
fn check_owner(path: &Path, file: &File) -> Result<Option<Problem>, Problem> {
    let metadata = file.metadata().map_err(|error| cannot_read(path, &error))?;
    let me = nix::unistd::getuid().as_raw();
    let shown = printable(path.as_os_str().as_bytes());
    if metadata.is_file() && metadata.uid() == me {
        let open_to_all = metadata.mode() & 0o002 != 0;
        return Ok(open_to_all.then(|| {
            Problem::warning("everybody on this machine may change this file")
                .suggest(format!("chmod o-w {shown}"))
        }));
    }
    let suggestion = if metadata.is_file() {
        format!("it belongs to uid {} and is read as uid {me}; try: chown {me} {shown}", metadata.uid())
    } else {
        "name a regular file".to_owned()
    };
    Err(Problem::error("config file not owned by correct user, or not a file").suggest(suggestion))
}

fn cannot_read(path: &Path, error: &io::Error) -> Problem {
    let suggestion = match error.kind() {
        io::ErrorKind::NotFound => "no such file; check the name".to_owned(),
        io::ErrorKind::PermissionDenied => "permission denied; start as the owner of the file".to_owned(),
        _ => error.to_string(),
    };
    let shown = printable(path.as_os_str().as_bytes());
    Problem::error(format!("cannot read config file: {shown}")).suggest(suggestion)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(text: &[u8]) -> (tempfile::TempDir, Source) {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("wharfd.conf");
        fs::write(&path, text).unwrap();
        (directory, Source::File(path))
    }

    #[test]
    fn later_sources_win() {
        let (_keep, file) = file(b"listen_port=2121\nwrite_enable=YES\n");
        let loaded = load(&[
            Source::Setting("write_enable=NO".into()),
            file,
            Source::Setting("listen_port=2222".into()),
        ])
        .unwrap();
        assert_eq!(loaded.config.listen.listen_port, 2222);
        assert!(loaded.config.upload.write_enable);
        let port = loaded.settings.iter().find(|setting| setting.name == "listen_port").unwrap();
        assert_eq!(port.file, None, "the origin is the one that won");
    }

    #[test]
    fn a_file_that_is_too_long_is_refused_rather_than_cut() {
        let (_keep, source) = file(&b"# filler\n".repeat(12_000));
        assert!(load(&[source]).unwrap_err()[0].message.contains("longer"));
    }

    #[test]
    fn a_missing_file_is_an_error_that_names_it() {
        let problems = load(&[Source::File("/nonexistent/wharfd.conf".into())]).unwrap_err();
        assert_eq!(problems.len(), 1, "{problems:?}");
        assert_eq!(problems[0].message, "cannot read config file: /nonexistent/wharfd.conf");
    }

    #[test]
    fn a_directory_is_no_configuration() {
        let problems = load(&[Source::File("/etc".into())]).unwrap_err();
        assert_eq!(problems[0].message, "config file not owned by correct user, or not a file");
    }

    #[test]
    fn a_file_of_another_owner_is_refused() {
        if !nix::unistd::getuid().is_root() {
            eprintln!("skipped: only root can give a file away");
            return;
        }
        let (_keep, source) = file(b"listen_port=2121\n");
        let Source::File(path) = &source else { unreachable!() };
        std::os::unix::fs::chown(path, Some(65534), None).unwrap();
        let problems = load(&[source]).unwrap_err();
        assert_eq!(problems[0].message, "config file not owned by correct user, or not a file");
    }

    #[test]
    fn a_user_has_a_file_of_the_own_name_or_none() {
        let directory = tempfile::tempdir().unwrap();
        fs::write(directory.path().join("alice"), "write_enable=YES\n").unwrap();
        fs::create_dir(directory.path().join("users")).unwrap();
        let mut config = Config::default();
        assert_eq!(config.load_user(b"alice"), Ok(None), "no directory is named");
        let users = directory.path().join("users");
        config.access.user_config_dir = Some(users.to_str().unwrap().into());
        for outside in [&b"../alice"[..], b"..", b".", b"", b"alice\0", b"bob"] {
            assert_eq!(config.load_user(outside), Ok(None), "{outside:?}");
        }
        config.access.user_config_dir = Some(directory.path().to_str().unwrap().into());
        assert!(config.load_user(b"alice").unwrap().unwrap().config.upload.write_enable);
        assert!(config.load_user(b"users").is_err(), "a directory is no file");
        fs::write(directory.path().join("alice"), "write_enable = YES\nhide_ids=ON\n").unwrap();
        let problems = config.load_user(b"alice").unwrap_err();
        assert_eq!(problems[0].severity, Severity::Error, "the client is told the first: {problems:?}");
    }

    fn messages(sources: &[Source], severity: Severity) -> Vec<String> {
        let problems = load(sources).unwrap().problems;
        problems.into_iter().filter(|problem| problem.severity == severity).map(|p| p.to_string()).collect()
    }

    #[test]
    fn a_file_that_overrides_a_setting_before_it_is_told() {
        let (_keep, file) = file(b"anonymous_enable=NO\nlisten_port=21\n");
        let setting = Source::Setting("listen_port=2121".into());
        let told = messages(&[setting.clone(), file.clone()], Severity::Warning);
        assert!(
            told[0].contains("wharfd.conf:2: warning: -olisten_port=2121 is read before this file"),
            "{told:?}"
        );
        assert!(told[0].contains("= help: name the file first"), "{told:?}");
        assert_eq!(messages(&[file, setting], Severity::Warning), Vec::<String>::new());
    }

    #[test]
    fn two_files_are_one_configuration_and_that_is_told() {
        let (_keep, first) = file(b"listen_port=21\nanonymous_enable=NO\n");
        let (_keep_too, second) = file(b"listen_port=2121\nanonymous_enable=NO\n");
        let sources = [first, second];
        let told = messages(&sources, Severity::Warning);
        assert!(
            told[0].contains("wharfd.conf:1: warning: listen_port is set in") && told.len() == 1,
            "{told:?}"
        );
        assert!(
            messages(&sources, Severity::Note).iter().any(|note| note.contains("2 files are read into one"))
        );
    }

    #[test]
    fn a_file_that_everybody_may_change_is_told() {
        let (_keep, source) = file(b"anonymous_enable=NO\n");
        let Source::File(path) = &source else { unreachable!() };
        fs::set_permissions(path, std::os::unix::fs::PermissionsExt::from_mode(0o646)).unwrap();
        assert!(messages(&[source], Severity::Warning)[0].contains("everybody on this machine may change"));
    }

    #[test]
    fn a_default_that_lets_strangers_in_is_told_with_the_file() {
        let (_keep, source) = file(b"local_enable=YES\npam_service_name=vsftpd\n");
        let told = messages(&[source], Severity::Warning);
        assert!(told[0].contains("wharfd.conf: warning: anonymous_enable is not set"), "{told:?}");
    }

    #[test]
    fn the_problems_of_all_sources_are_told_at_once() {
        let settings = ["a=1", "listen=ON"].map(|text| Source::Setting(text.into()));
        assert_eq!(load(&settings).unwrap_err().len(), 2);
    }
}
