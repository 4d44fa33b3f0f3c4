//! Temporary accounts and PAM services, for tests that run as root.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicU32, Ordering};

use crate::run;

static NEXT: AtomicU32 = AtomicU32::new(0);

/// Returns whether the tests run as root.
pub fn is_root() -> bool {
    rustix::process::geteuid().is_root()
}

fn unique(prefix: &str) -> String {
    format!("{prefix}{:x}-{:x}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed))
}

/// An account with a password and a home directory; removed when it goes out of scope.
#[derive(Debug)]
pub struct Account {
    /// The name to log in with.
    pub name: String,
    /// The password.
    pub password: String,
    /// The user's id.
    pub uid: u32,
    /// The group's id.
    pub gid: u32,
    /// The home directory, owned by the user.
    pub home: PathBuf,
}

impl Account {
    /// Makes an account whose home lies in a directory. Needs root; panics when `useradd` fails.
    pub fn make(within: &Path) -> Self {
        let name = unique("wt");
        let home = within.join(&name);
        let _turn = turn();
        let mut useradd = Command::new("useradd");
        useradd
            .args(["--create-home", "--user-group", "--shell", "/bin/sh", "--home-dir"])
            .arg(&home)
            .arg(&name);
        let added = run(&mut useradd, "");
        assert!(added.success, "useradd {name}: {}", added.stderr);
        let password = format!("secret-{name}");
        let set = run(&mut Command::new("chpasswd"), &format!("{name}:{password}\n"));
        assert!(set.success, "chpasswd {name}: {}", set.stderr);
        let user = nix::unistd::User::from_name(&name).ok().flatten().expect("the account was just made");
        Self { name, password, uid: user.uid.as_raw(), gid: user.gid.as_raw(), home }
    }

    /// Writes a file into the home directory, owned by the user; returns its path.
    pub fn file(&self, name: &str, content: &[u8]) -> PathBuf {
        let path = self.home.join(name);
        fs::write(&path, content).expect("root can write there");
        self.own(&path);
        path
    }

    /// Gives a file or directory to the user.
    pub fn own(&self, path: &Path) {
        std::os::unix::fs::chown(path, Some(self.uid), Some(self.gid)).expect("root can give files away");
    }
}

impl Drop for Account {
    fn drop(&mut self) {
        let _turn = turn();
        let removed = run(Command::new("userdel").arg("--force").arg(&self.name), "");
        if !removed.success && !std::thread::panicking() {
            panic!("userdel {}: {}", self.name, removed.stderr);
        }
    }
}

/// Waits until no other test is changing the user database, which refuses two at a time.
fn turn() -> File {
    let file = File::create("/tmp/wharf-test-accounts.lock").expect("/tmp is writable for root");
    file.lock().expect("a local file can be locked");
    file
}

/// A PAM service that asks the password database; removed when it goes out of scope.
#[derive(Debug)]
pub struct PamService {
    /// The name for `pam_service_name`.
    pub name: String,
    path: PathBuf,
}

impl PamService {
    /// Makes a service that judges by the password database alone. Needs root.
    pub fn make() -> Self {
        Self::with(
            "auth required pam_unix.so nodelay\naccount required pam_unix.so\nsession required pam_permit.so\n",
        )
    }

    /// Makes a service with this text, as `/etc/pam.d` has it. Needs root.
    pub fn with(text: &str) -> Self {
        let name = unique("wharf-test-");
        let path = Path::new("/etc/pam.d").join(&name);
        fs::write(&path, text).expect("root can write PAM services");
        Self { name, path }
    }
}

impl Drop for PamService {
    fn drop(&mut self) {
        fs::remove_file(&self.path).unwrap_or_default();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_account_exists_until_it_is_dropped() {
        crate::needs_root!();
        let place = tempfile::tempdir().unwrap();
        let account = Account::make(place.path());
        let name = account.name.clone();
        assert!(account.home.is_dir());
        assert!(nix::unistd::User::from_name(&name).unwrap().is_some());
        drop(account);
        assert!(nix::unistd::User::from_name(&name).unwrap().is_none());
    }
}
