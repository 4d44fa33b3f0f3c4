//! Runs the executable on a configuration file, and looks for what it says.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::process::{Command, Stdio};

use wharf_testkit::is_root;

/// What a run of the executable left behind.
pub(crate) struct Run {
    pub(crate) status: Option<i32>,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

pub(crate) fn run(command: &mut Command) -> Run {
    let output = command.stdin(Stdio::null()).output().unwrap();
    Run {
        status: output.status.code(),
        stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
        stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
    }
}

pub(crate) fn wharfd() -> Command {
    Command::new(env!("CARGO_BIN_EXE_wharfd"))
}

/// A configuration file in a directory of its own.
pub(crate) struct File {
    pub(crate) place: tempfile::TempDir,
    pub(crate) path: PathBuf,
}

impl File {
    /// A file that is right but for the lines given; they come first, so that they have the first numbers.
    pub(crate) fn with(lines: &str) -> Self {
        let place = tempfile::tempdir().unwrap();
        fs::set_permissions(place.path(), fs::Permissions::from_mode(0o755)).unwrap();
        let path = place.path().join("wharfd.conf");
        let name = |line: &str| line.split('=').next().unwrap_or_default().trim().to_owned();
        let given: Vec<String> = lines.lines().map(name).collect();
        let rest = [
            "listen_address=127.0.0.1",
            "listen_port=0",
            "anonymous_enable=YES",
            "ftp_username=nobody",
            "anon_root=/usr",
        ];
        let rest = rest.into_iter().filter(|line| !given.contains(&name(line)));
        let unless_root = (!is_root()).then_some("run_as_launching_user=YES");
        let rest: Vec<&str> = rest.chain(unless_root).collect();
        fs::write(&path, format!("{lines}\n{}\n", rest.join("\n"))).unwrap();
        Self { place, path }
    }

    pub(crate) fn check(&self) -> Run {
        run(wharfd().arg("check").arg(&self.path))
    }

    pub(crate) fn start(&self) -> Run {
        run(wharfd().arg(&self.path))
    }
}

/// Both `wharfd check FILE` and `wharfd FILE` end with status 2 and say this about one line, with a cure.
pub(crate) fn refused_at(line: usize, lines: &str, message: &str, cure: &str) {
    let file = File::with(lines);
    let (check, start) = (file.check(), file.start());
    assert_eq!((check.status, start.status), (Some(2), Some(2)), "{lines}\n{}{}", check.stdout, start.stderr);
    let text = lines.lines().nth(line - 1).unwrap().trim();
    let whole = format!("{}:{line}: error: {message}\n  | {text}\n  = help: {cure}", file.path.display());
    assert!(check.stdout.contains(&whole), "{whole}\nwas expected of check, which said\n{}", check.stdout);
    assert!(
        start.stderr.contains(&whole),
        "{whole}\nwas expected at the start, which said\n{}",
        start.stderr
    );
}

/// Both end with status 2 and say this; the place may be missing, as it belongs to no single line.
pub(crate) fn refused(lines: &str, message: &str) {
    let file = File::with(lines);
    let (check, start) = (file.check(), file.start());
    assert_eq!(check.status, Some(2), "{lines}\n{}", check.stdout);
    assert_eq!(start.status, Some(2), "{lines}\n{}", start.stderr);
    assert!(check.stdout.contains(message), "{message}\nwas expected of check, which said\n{}", check.stdout);
    assert!(check.stdout.contains("  = help: "), "{}", check.stdout);
    assert!(
        start.stderr.contains(message),
        "{message}\nwas expected at the start, which said\n{}",
        start.stderr
    );
}

/// `wharfd check FILE` finds no error.
pub(crate) fn accepted(lines: &str) -> Run {
    let check = File::with(lines).check();
    assert_eq!(check.status, Some(0), "{lines}\n{}", check.stdout);
    check
}
