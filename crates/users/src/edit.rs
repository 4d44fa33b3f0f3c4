//! Changes the file so that a login sees the old one or the new one, and two who edit at once lose nothing.
//!
//! The lock is on the file itself and the change is a new file in its place, so whoever gets the lock looks whether the
//! file is still the one that stands there. All that is not the changed line stays as it was, octet for octet; so do
//! owner and mode. Extended attributes are not carried over: the directory's defaults apply.

use std::fs::{self, File, Metadata};
use std::io::{self, Write};
use std::os::unix::fs::{MetadataExt, fchown};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use rustix::fs::{Mode, OFlags};
use wharf_os::file_lock::{Lock, try_lock};

use crate::fault::{Fault, Kind};
use crate::guard::{self, Access};
use crate::hash::Hash;
use crate::line::{self, User};

/// How long somebody else may be editing. One edit takes milliseconds; many at once wait for each other.
const PATIENCE: Duration = Duration::from_secs(30);

/// How often the lock is tried; it cannot be waited for.
const PAUSE: Duration = Duration::from_millis(5);

/// A file that nobody else edits until this is dropped.
#[derive(Debug)]
pub struct Edit {
    /// Where the file really is; a symbolic link stays one.
    path: PathBuf,
    /// Holds the lock.
    _file: File,
    metadata: Metadata,
    text: Vec<u8>,
}

impl Edit {
    /// Locks and reads the file that must exist.
    ///
    /// # Errors
    /// As [`crate::Users::read`], and when somebody else edits it for half a minute.
    pub fn begin(path: &Path) -> Result<Self, Fault> {
        Self::start(path, Access::Edit)
    }

    /// Locks and reads the file; makes an empty one with mode 0600 where there is none.
    ///
    /// # Errors
    /// As [`Edit::begin`], and when it cannot be made.
    pub fn begin_or_make(path: &Path) -> Result<Self, Fault> {
        Self::start(path, Access::Make)
    }

    fn start(named: &Path, access: Access) -> Result<Self, Fault> {
        let end = Instant::now() + PATIENCE;
        loop {
            let (file, metadata) = guard::open(named, access)?;
            let path = named.canonicalize().map_err(|error| Fault::system(named, "find", &error))?;
            let is_locked =
                try_lock(&file, Lock::Write).map_err(|error| Fault::system(&path, "lock", &error))?;
            if is_locked && is_still_there(&path, &metadata)? {
                let text = guard::read(&path, &file, &metadata)?;
                return Ok(Self { path, _file: file, metadata, text });
            }
            if Instant::now() > end {
                let shown = path.display();
                return Err(Fault::refused(format!("somebody else is editing {shown}: try again")));
            }
            std::thread::sleep(PAUSE);
        }
    }

    /// Adds a user at the end.
    ///
    /// # Errors
    /// When a field or the hash is not allowed, a line names the user already, or the file would become too long.
    pub fn add(&mut self, user: &User, hash: &str) -> Result<(), Fault> {
        user.check().map_err(Fault::refused)?;
        Hash::parse(hash.as_bytes()).map_err(Fault::refused)?;
        if let Some((number, _)) = self.named(user.name.as_bytes()).next() {
            return Err(Fault::refused(format!(
                "{}:{number}: there is a user {} already",
                self.shown(),
                user.name
            )));
        }
        let line = user.line(hash);
        guard::fits(&self.path, self.text.len() + line.len() + 2)?;
        if self.text.last().is_some_and(|last| *last != b'\n') {
            self.text.push(b'\n');
        }
        self.text.extend_from_slice(&line);
        self.text.push(b'\n');
        Ok(())
    }

    /// Gives a user another hash.
    ///
    /// # Errors
    /// When the hash is not allowed, no line or more than one names the user, or the line is wrong in another field.
    pub fn set_hash(&mut self, name: &str, hash: &str) -> Result<(), Fault> {
        Hash::parse(hash.as_bytes()).map_err(Fault::refused)?;
        let (first, twin) = {
            let mut named = self.named(name.as_bytes());
            (named.next(), named.next())
        };
        let (number, line) = first.ok_or_else(|| self.nobody(name))?;
        if let Some((twin, _)) = twin {
            let text = format!("line {number} names {name} too: remove one of them");
            return Err(Fault::at(&self.path, twin, &text));
        }
        // The old hash may be the very thing that is wrong.
        let old = line::hash_of(line);
        let tail = line.get(name.len() + 1 + old.len()..).unwrap_or_default();
        let new = [name.as_bytes(), b":", hash.as_bytes(), tail].concat();
        line::parse(&new).map_err(|fault| Fault::at(&self.path, number, &fault))?;
        self.replace(|at| (at == number).then(|| new.clone()))
    }

    /// Removes all lines that name a user, wrong ones too.
    ///
    /// # Errors
    /// When there is none.
    pub fn remove(&mut self, name: &str) -> Result<(), Fault> {
        let gone: Vec<usize> = self.named(name.as_bytes()).map(|(number, _)| number).collect();
        if gone.is_empty() {
            return Err(self.nobody(name));
        }
        self.replace(|at| gone.contains(&at).then(Vec::new))
    }

    /// Puts the changed file in the place of the old one.
    ///
    /// It is on the disk when this returns. After a failure the old file stands there still.
    ///
    /// # Errors
    /// When the new file cannot be written beside the old one, or not renamed.
    pub fn commit(self) -> Result<(), Fault> {
        let directory = self.path.parent().unwrap_or(Path::new("/"));
        let new = new_name(&self.path);
        let done = self.write(&new).and_then(|()| fs::rename(&new, &self.path));
        if let Err(error) = done {
            let _ = fs::remove_file(&new);
            let shown = self.shown();
            return Err(Fault::new(
                Kind::Broken,
                format!("cannot write {shown}: {error}; nothing was changed"),
            ));
        }
        File::open(directory)
            .and_then(|directory| directory.sync_all())
            .map_err(|error| Fault::system(directory, "write", &error))
    }

    fn write(&self, new: &Path) -> io::Result<()> {
        // What lies there is left of an edit that was cut off: we hold the lock.
        match fs::remove_file(new) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let mut file = File::from(rustix::fs::open(new, flags, Mode::RUSR | Mode::WUSR)?);
        file.write_all(&self.text)?;
        if file.metadata()?.gid() != self.metadata.gid() {
            fchown(&file, None, Some(self.metadata.gid()))?;
        }
        file.set_permissions(self.metadata.permissions())?;
        file.sync_all()
    }

    /// The lines that name a user, with their numbers.
    fn named<'a>(&'a self, name: &'a [u8]) -> impl Iterator<Item = (usize, &'a [u8])> {
        line::entries(&self.text).filter(move |(_, line)| line::name_of(line) == name)
    }

    /// Puts other text in the place of some lines, and nothing where that is empty.
    fn replace(&mut self, other: impl Fn(usize) -> Option<Vec<u8>>) -> Result<(), Fault> {
        let mut text = Vec::with_capacity(self.text.len() + crate::hash::LONGEST);
        for (number, line) in (1..).zip(line::lines(&self.text)) {
            match other(number) {
                Some(new) if new.is_empty() => continue,
                Some(new) => text.extend_from_slice(&new),
                None => text.extend_from_slice(line),
            }
            text.push(b'\n');
        }
        guard::fits(&self.path, text.len())?;
        self.text = text;
        Ok(())
    }

    fn nobody(&self, name: &str) -> Fault {
        Fault::refused(format!("{} knows no user {}", self.shown(), name.escape_default()))
    }

    fn shown(&self) -> std::path::Display<'_> {
        self.path.display()
    }
}

/// Tells whether the file that was locked is the one that stands there now.
fn is_still_there(path: &Path, ours: &Metadata) -> Result<bool, Fault> {
    match fs::metadata(path) {
        Ok(there) => Ok((there.dev(), there.ino()) == (ours.dev(), ours.ino())),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
        Err(error) => Err(Fault::system(path, "look at", &error)),
    }
}

/// The name of the file that is written before it takes the old one's place.
fn new_name(path: &Path) -> PathBuf {
    let mut name = std::ffi::OsString::from(".");
    name.push(path.file_name().unwrap_or_default());
    name.push(".new");
    path.with_file_name(name)
}

#[cfg(test)]
mod tests;
