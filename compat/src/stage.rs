//! What one worker of the suite owns: accounts, a place for files, and ports; and the names they have in rows.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixDatagram;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::SystemTime;

use tempfile::TempDir;
use wharf_shadow::Variables;
use wharf_testkit::{Account, PamService, Ports, run};

use crate::surroundings;
use crate::tree::Owner;

/// The e-mail address that anonymous users give.
const EMAIL: &str = "me@example.org";

/// Everything a site is played on. Removed when it goes out of scope.
pub(crate) struct Stage {
    place: TempDir,
    pub(crate) user: Account,
    other: Account,
    anon: Account,
    split: Account,
    pam: PamService,
    any: AnyName,
    /// Ports of the original, and of ours.
    pub(crate) ports: [Ports; 2],
    /// What is the system's log for sites that have one of their own.
    pub(crate) system_log: UnixDatagram,
    /// When the suite began, in seconds.
    pub(crate) began: i64,
}

/// A PAM service that admits every name with every password, for users that no password file knows. Only a
/// server that is told to asks it, and it is removed when it goes out of scope.
struct AnyName {
    name: String,
    path: PathBuf,
}

impl AnyName {
    fn make() -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let name =
            format!("wharf-compat-{:x}-{:x}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed));
        let path = Path::new("/etc/pam.d").join(&name);
        let text =
            "auth required pam_permit.so\naccount required pam_permit.so\nsession required pam_permit.so\n";
        std::fs::write(&path, text).expect("root can write PAM services");
        Self { name, path }
    }
}

impl Drop for AnyName {
    fn drop(&mut self) {
        std::fs::remove_file(&self.path).unwrap_or_default();
    }
}

/// Gives an account a home with the mark `/./`, which splits it into a jail and a start directory.
fn mark_home(account: &Account) {
    let home = format!("{}/./start", account.home.display());
    let done = run(Command::new("usermod").args(["--home", &home, &account.name]), "");
    assert!(done.success, "usermod {}: {}", account.name, done.stderr);
}

impl Stage {
    /// Sets up a stage. Needs root; panics, as `testkit` does, when accounts cannot be made.
    pub(crate) fn set(began: i64) -> Self {
        let place = tempfile::Builder::new().prefix("wharf-compat-").tempdir().expect("/tmp has room");
        std::fs::set_permissions(place.path(), std::fs::Permissions::from_mode(0o755)).expect("it is ours");
        for name in ["pub", "files", "etc", "empty", "old", "new"] {
            std::fs::create_dir(place.path().join(name)).expect("it is ours");
        }
        let [user, other, anon, split] = [(); 4].map(|()| Account::make(place.path()));
        mark_home(&split);
        Self {
            system_log: surroundings::system_log(place.path()).expect("it is ours"),
            user,
            other,
            anon,
            split,
            pam: PamService::make(),
            any: AnyName::make(),
            ports: [(); 2].map(|()| Ports::claim()),
            place,
            began,
        }
    }

    /// Returns the present time, as the suite counts it.
    pub(crate) fn now() -> i64 {
        let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
        now.ok().and_then(|now| i64::try_from(now.as_secs()).ok()).unwrap_or_default()
    }

    /// Returns the directory that holds everything of this stage.
    pub(crate) fn place(&self) -> &Path {
        self.place.path()
    }

    /// Returns where a file of a tree lies.
    pub(crate) fn path_of(&self, name: &[u8]) -> PathBuf {
        let (root, rest) = match name.iter().position(|octet| *octet == b'/') {
            Some(at) => (name.get(..at).unwrap_or_default(), name.get(at + 1..).unwrap_or_default()),
            None => (name, &b""[..]),
        };
        let root = match root {
            b"home" => self.user.home.clone(),
            b"other" => self.other.home.clone(),
            b"split" => self.split.home.clone(),
            other => self.place().join(OsStr::from_bytes(other)),
        };
        if rest.is_empty() { root } else { root.join(OsStr::from_bytes(rest)) }
    }

    /// Returns the ids of an owner.
    pub(crate) fn ids(&self, owner: Owner) -> (u32, u32) {
        match owner {
            Owner::User => (self.user.uid, self.user.gid),
            Owner::Other => (self.other.uid, self.other.gid),
            Owner::Split => (self.split.uid, self.split.gid),
            Owner::Anon => (self.anon.uid, self.anon.gid),
            Owner::Root => (0, 0),
        }
    }

    /// Returns what rows call a user or group.
    pub(crate) fn name_of(&self, id: u32) -> String {
        let named =
            [(&self.user, "user"), (&self.other, "other"), (&self.anon, "anon"), (&self.split, "split")];
        let found = named.iter().find(|(account, _)| account.uid == id || account.gid == id);
        match found {
            Some((_, name)) => (*name).to_owned(),
            None if id == 0 => "root".to_owned(),
            None => id.to_string(),
        }
    }

    /// Returns the names that stand for what changes from run to run, longest values first.
    fn names(&self) -> Vec<(&'static str, String)> {
        let path = |name: &[u8]| self.path_of(name).display().to_string();
        let mut names = vec![
            ("HOME", path(b"home")),
            ("OTHERHOME", path(b"other")),
            ("ANONHOME", self.anon.home.display().to_string()),
            ("SPLIT", self.split.name.clone()),
            ("SPLITPASS", self.split.password.clone()),
            ("SPLITHOME", path(b"split")),
            ("PUB", path(b"pub")),
            ("FILES", path(b"files")),
            ("PLACE", self.place().display().to_string()),
            ("PASS", self.user.password.clone()),
            ("OTHERPASS", self.other.password.clone()),
            ("USER", self.user.name.clone()),
            ("OTHER", self.other.name.clone()),
            ("ANON", self.anon.name.clone()),
            ("PAM", self.pam.name.clone()),
            ("ANYPAM", self.any.name.clone()),
        ];
        names.sort_by_key(|(_, value)| std::cmp::Reverse(value.len()));
        names
    }

    /// Returns what dialogues may use.
    pub(crate) fn variables(&self) -> Variables {
        let mut variables = Variables::default();
        for (name, value) in self.names() {
            variables.set(name, value.as_bytes());
        }
        variables.set("EMAIL", EMAIL.as_bytes());
        variables.set("LONG", "x".repeat(4000).as_bytes());
        variables
    }

    /// Replaces names by what they stand for.
    pub(crate) fn expanded(&self, text: &[u8]) -> Vec<u8> {
        let names = self.names().into_iter().chain([("CR", "\r".to_owned())]);
        names.fold(text.to_vec(), |text, (name, value)| {
            let text = String::from_utf8(text);
            match text {
                Ok(text) => text.replace(&format!("${{{name}}}"), &value).into_bytes(),
                // Content that is no text names nothing.
                Err(error) => error.into_bytes(),
            }
        })
    }

    /// Replaces what changes from run to run by the names that rows use.
    pub(crate) fn named(&self, line: &str) -> String {
        let line = self
            .names()
            .into_iter()
            .fold(line.to_owned(), |line, (name, value)| line.replace(&value, &format!("${{{name}}}")));
        let ids = [(self.user.uid, "${UID}"), (self.other.uid, "${OTHERUID}"), (self.anon.uid, "${ANONUID}")];
        let word = |word: &str| {
            let id = word.parse().ok().and_then(|id: u32| ids.iter().find(|(known, _)| *known == id));
            id.map_or_else(|| word.to_owned(), |(_, name)| (*name).to_owned())
        };
        line.split(' ').map(word).collect::<Vec<_>>().join(" ")
    }
}
