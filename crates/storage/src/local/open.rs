//! Opening regular files for a session to read or write, and ending its uploads.

use std::os::fd::OwnedFd;

use rustix::fs::{AtFlags, Mode, OFlags, fcntl_setfl, openat, unlinkat};
use rustix::io::Errno;
use wharf_ipc::broker::Rules;
use wharf_os::file_lock::{Lock, try_lock};
use wharf_proto::entry::Entry;
use wharf_proto::failure::Failure;
use wharf_proto::path::VirtualPath;
use wharf_proto::store::{Fate, OpenedForWriting, Writing};

use super::Local;
use super::alone::Umask;
use super::attributes::{entry_at, entry_of};
use crate::failure;

/// How many names `Writing::Unique` tries; a directory with more of them is no place for another.
const UNIQUE_NAMES: u32 = 10_000;

/// A file whose upload is not finished.
#[derive(Debug)]
pub struct Upload {
    parent: OwnedFd,
    name: Vec<u8>,
    created: bool,
    device: u64,
    inode: u64,
}

/// A file opened for writing, and the directory and name where it really is.
struct Opened {
    file: OwnedFd,
    parent: OwnedFd,
    name: Vec<u8>,
    created: bool,
}

impl Upload {
    /// Keeps the file or removes it.
    ///
    /// # Errors
    /// As `unlinkat`. A name that is another file's by now is left alone, and that is no error.
    pub fn finish(self, fate: Fate, rules: &Rules) -> Result<(), Failure> {
        let goes = match fate {
            Fate::Kept => false,
            Fate::Broken => rules.delete_broken,
            Fate::Unused => self.created,
        };
        if goes { self.remove() } else { Ok(()) }
    }

    /// Ends the upload of a session that is gone.
    pub fn abandon(self, rules: &Rules) {
        if let Err(failure) = self.finish(Fate::Broken, rules) {
            wharf_os::say!("wharfd: broker: cannot remove a broken upload: {failure:?}");
        }
    }

    /// Security: the directory is held open, and only the very file that was written is removed; renaming things
    /// meanwhile makes nobody remove another's file.
    fn remove(self) -> Result<(), Failure> {
        match entry_at(&self.parent, &self.name) {
            Ok(entry) if (entry.device, entry.inode) == (self.device, self.inode) => {
                unlinkat(&self.parent, self.name.as_slice(), AtFlags::empty()).map_err(failure::of)
            }
            _ => Ok(()),
        }
    }
}

impl Local {
    pub(crate) fn open_read(&self, path: &VirtualPath) -> Result<(OwnedFd, u64), Failure> {
        Self::only_if(self.rules.may_read)?;
        self.permit(path)?;
        let (file, entry) = self.open_regular(path, OFlags::RDONLY)?;
        self.permit_reading(&entry)?;
        self.lock(&file, Lock::Read)?;
        Ok((file, entry.size))
    }

    /// Opens a regular file and nothing else, and never waits.
    ///
    /// Opening a device or a FIFO can act on whoever is behind it, so what it is gets looked at first; the second look
    /// is for what was exchanged between the two.
    pub(super) fn open_regular(&self, path: &VirtualPath, how: OFlags) -> Result<(OwnedFd, Entry), Failure> {
        only_regular(&entry_of(self.open(path, OFlags::PATH)?)?)?;
        let file = self.open(path, how | OFlags::NONBLOCK)?;
        let entry = entry_of(&file)?;
        only_regular(&entry)?;
        // The session moves octets with calls that take the file's flags for their own.
        fcntl_setfl(&file, how).map_err(failure::of)?;
        Ok((file, entry))
    }

    pub(crate) fn open_write(
        &self,
        path: &VirtualPath,
        writing: Writing,
        umask: u32,
    ) -> Result<(OwnedFd, OpenedForWriting, Upload), Failure> {
        self.permit(path)?;
        let Opened { file, parent, name, created } = match writing {
            Writing::Unique => self.make_unique(path, umask)?,
            Writing::Store | Writing::Append => self.make_or_open(path, writing, umask)?,
        };
        let entry = entry_of(&file)?;
        let upload = Upload { parent, name, created, device: entry.device, inode: entry.inode };
        if let Err(failure) = self.lock(&file, Lock::Write) {
            // It would be left behind empty, and its session has no upload to finish.
            upload.finish(Fate::Unused, &self.rules)?;
            return Err(failure);
        }
        let path = match writing {
            Writing::Unique => {
                VirtualPath::resolve(&path.parent(), &upload.name).map_err(|_| Failure::Broken)?
            }
            Writing::Store | Writing::Append => path.clone(),
        };
        Ok((file, OpenedForWriting { path, created, size: entry.size }, upload))
    }

    /// Makes the file if that is allowed and the name is free, else opens what is there if that is allowed.
    ///
    /// Making it exclusively first is what makes `created` exact.
    fn make_or_open(&self, path: &VirtualPath, writing: Writing, umask: u32) -> Result<Opened, Failure> {
        let rules = &self.rules;
        let (may_make, may_open) = match writing {
            Writing::Append => (rules.may_append, rules.may_append),
            Writing::Store | Writing::Unique => (rules.may_create, rules.may_overwrite),
        };
        let (parent, name) = self.parent(path)?;
        if may_make {
            match self.make(&parent, name, umask) {
                Ok(file) => return Ok(Opened { file, parent, name: name.to_vec(), created: true }),
                Err(Errno::EXIST) if may_open => {}
                Err(errno) => return Err(failure::of(errno)),
            }
        }
        Self::only_if(may_open)?;
        match self.open_regular(path, OFlags::WRONLY) {
            Ok((file, entry)) => {
                let (parent, name) = self.name_behind(path, &entry).unwrap_or((parent, name.to_vec()));
                Ok(Opened { file, parent, name, created: false })
            }
            Err(Failure::NotFound) if may_make => self.make_behind_link(path, umask),
            Err(Failure::NotFound) => Err(Failure::Denied),
            Err(failure) => Err(failure),
        }
    }

    /// Makes the file that a symbolic link names and that is not there yet.
    ///
    /// Security: whoever lays a link in a directory that others write to would choose where their files are made. So
    /// only links of the user's own and of the directory's owner are followed, which is the kernel's rule for sticky
    /// directories, and where they lead the file is made as exclusively as anywhere.
    fn make_behind_link(&self, link: &VirtualPath, umask: u32) -> Result<Opened, Failure> {
        let user = rustix::process::geteuid().as_raw();
        let is_trusted = |directory: &OwnedFd, name: &[u8]| {
            let (holder, link) = (entry_of(directory), entry_at(directory, name));
            link.is_ok_and(|link| link.uid == user || holder.is_ok_and(|holder| holder.uid == link.uid))
        };
        let target = self.resolved(link, is_trusted).ok_or(Failure::NotFound)?;
        self.permit(&target)?;
        let (parent, name) = self.parent(&target)?;
        let file = self.make(&parent, name, umask).map_err(failure::of)?;
        Ok(Opened { file, parent, name: name.to_vec(), created: true })
    }

    fn make_unique(&self, wish: &VirtualPath, umask: u32) -> Result<Opened, Failure> {
        Self::only_if(self.rules.may_create)?;
        let (parent, wish) = self.parent(wish)?;
        let mut name = wish.to_vec();
        for number in 1..=UNIQUE_NAMES {
            match self.make(&parent, &name, umask) {
                Ok(file) => return Ok(Opened { file, parent, name, created: true }),
                Err(Errno::EXIST) => {}
                Err(errno) => return Err(failure::of(errno)),
            }
            name.truncate(wish.len());
            name.push(b'.');
            if self.rules.random_unique {
                name.extend_from_slice(&random_ending()?);
            } else {
                name.extend_from_slice(number.to_string().as_bytes());
            }
        }
        Err(Failure::Exists)
    }

    fn make(&self, parent: &OwnedFd, name: &[u8], umask: u32) -> rustix::io::Result<OwnedFd> {
        let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let _umask = Umask::set(umask);
        openat(parent, name, flags, Mode::from_raw_mode(self.rules.file_mode & 0o777))
    }

    fn lock(&self, file: &OwnedFd, lock: Lock) -> Result<(), Failure> {
        if !self.rules.lock || try_lock(file, lock).map_err(failure::of)? {
            Ok(())
        } else {
            Err(Failure::Locked)
        }
    }
}

fn only_regular(entry: &Entry) -> Result<(), Failure> {
    if entry.is_file() { Ok(()) } else { Err(Failure::WrongKind) }
}

/// Six characters in the manner of `mkstemp`, which nobody can foretell.
fn random_ending() -> Result<[u8; 6], Failure> {
    const LETTERS: &[u8; 62] = b"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789";
    let mut random = [0; 8];
    rustix::rand::getrandom(&mut random, rustix::rand::GetRandomFlags::empty()).map_err(failure::of)?;
    let mut number = u64::from_ne_bytes(random);
    Ok(std::array::from_fn(|_| {
        let place = usize::try_from(number % 62).unwrap_or(0);
        number /= 62;
        LETTERS.get(place).copied().unwrap_or(b'x')
    }))
}
