//! Makes the files of a site as its tree says, whatever a dialogue left there.
//!
//! Directories that stay keep their inodes: a server may hold them open between two sessions.

use std::ffi::OsStr;
use std::fs;
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{PermissionsExt, lchown, symlink};
use std::path::Path;

use rustix::fs::{AtFlags, CWD, FileType, Mode, Timespec, Timestamps, mknodat, utimensat};

use crate::stage::Stage;
use crate::tree::{Entry, Kind, ROOTS, Tree};

/// 2020-02-03 04:05:06 UTC: so long ago that listings tell the year.
pub(crate) const LONG_AGO: i64 = 1_580_702_706;

/// The most octets that are really written into a file.
const MOST_WRITTEN: usize = 4 << 20;

const DAY: i64 = 24 * 60 * 60;

/// Makes the files of a tree, and removes all others.
pub(crate) fn restore(tree: &Tree, stage: &Stage) -> io::Result<()> {
    for root in ROOTS {
        clear(&stage.path_of(root.as_bytes()), root.as_bytes(), tree)?;
    }
    for entry in &tree.entries {
        make(entry, stage)?;
    }
    // From the leaves up, because each change in a directory sets its time.
    for entry in tree.entries.iter().rev() {
        date(&stage.path_of(&entry.path), entry.age, stage)?;
    }
    date(stage.place(), None, stage)
}

/// Removes everything but the directories of the tree.
fn clear(directory: &Path, name: &[u8], tree: &Tree) -> io::Result<()> {
    let entries = match fs::read_dir(directory) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        other => other?,
    };
    for entry in entries {
        let entry = entry?;
        let inner = [name, b"/", entry.file_name().as_bytes()].concat();
        let is_directory = entry.file_type()?.is_dir();
        match tree.at(&inner) {
            Some(wanted) if is_directory && wanted.kind == Kind::Directory => {
                clear(&entry.path(), &inner, tree)?;
            }
            _ if is_directory => fs::remove_dir_all(entry.path())?,
            _ => fs::remove_file(entry.path())?,
        }
    }
    Ok(())
}

fn make(entry: &Entry, stage: &Stage) -> io::Result<()> {
    let path = stage.path_of(&entry.path);
    match &entry.kind {
        Kind::Directory => match fs::create_dir(&path) {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
            other => other?,
        },
        Kind::File(content) => fs::write(&path, content)?,
        Kind::Filled(count) => fill(&path, *count)?,
        Kind::Link(target) => symlink(OsStr::from_bytes(target), &path)?,
        Kind::Pipe => mknodat(CWD, &path, FileType::Fifo, Mode::from_raw_mode(0o600), 0)?,
    }
    let (uid, gid) = stage.ids(entry.owner);
    lchown(&path, Some(uid), Some(gid))?;
    if !matches!(entry.kind, Kind::Link(_)) {
        fs::set_permissions(&path, fs::Permissions::from_mode(entry.mode))?;
    }
    Ok(())
}

/// Makes a file of so many octets; of a large one only the beginning is not zero, and takes room.
fn fill(path: &Path, count: usize) -> io::Result<()> {
    let line = b"0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcde\n";
    let mut content = line.repeat(count.min(MOST_WRITTEN).div_ceil(line.len()));
    content.truncate(count);
    fs::write(path, content)?;
    fs::OpenOptions::new().write(true).open(path)?.set_len(count as u64)
}

fn date(path: &Path, age: Option<u64>, stage: &Stage) -> io::Result<()> {
    let then = age.map_or(LONG_AGO, |days| stage.began - i64::try_from(days).unwrap_or(0) * DAY);
    let time = Timespec { tv_sec: then, tv_nsec: 0 };
    let times = Timestamps { last_access: time, last_modification: time };
    utimensat(CWD, path, &times, AtFlags::SYMLINK_NOFOLLOW)?;
    Ok(())
}
