//! What storage tells of one file: enough for a listing line, SIZE, MDTM and the facts of RFC 3659.

use serde::{Deserialize, Serialize};

/// What kind of thing a directory entry is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Kind {
    /// A regular file.
    File,
    /// A directory.
    Directory,
    /// A symbolic link, not followed.
    Symlink,
    /// A FIFO.
    Fifo,
    /// A socket in the file system.
    Socket,
    /// A character device.
    CharacterDevice,
    /// A block device.
    BlockDevice,
    /// Something this system has and we do not know.
    Unknown,
}

/// A point in time: seconds since 1970-01-01T00:00:00Z (may be negative) and nanoseconds (0..1e9).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default, Serialize, Deserialize)]
pub struct Time {
    /// Whole seconds since the epoch, UTC.
    pub seconds: i64,
    /// Nanoseconds within the second.
    pub nanoseconds: u32,
}

/// The attributes of one file, as `statx` tells them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry {
    /// What it is.
    pub kind: Kind,
    /// The permission bits, set-id and sticky bits included (0..=0o7777).
    pub mode: u32,
    /// How many names it has.
    pub links: u64,
    /// The owner's number.
    pub uid: u32,
    /// The group's number.
    pub gid: u32,
    /// Size in octets; meaningless for devices.
    pub size: u64,
    /// When the content last changed.
    pub modified: Time,
    /// When it was made, where the file system knows.
    pub created: Option<Time>,
    /// The device it lives on.
    pub device: u64,
    /// Its number on that device; with `device` it makes the RFC 3659 `unique` fact.
    pub inode: u64,
}

impl Entry {
    /// Tells whether RETR, SIZE and MDTM may speak of it.
    #[must_use]
    pub fn is_file(&self) -> bool {
        self.kind == Kind::File
    }
}

/// What the session's own user may do with an entry: the RFC 3659 §7.5.5 `perm` fact's ingredients.
///
/// Taken by the process that runs as that user, so that ACLs and capabilities are the kernel's word, not ours.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Access {
    /// It can be opened for reading (a directory: listed).
    pub read: bool,
    /// It can be opened for writing (a directory: entries can be made and removed).
    pub write: bool,
    /// A directory can be entered.
    pub execute: bool,
    /// The directory that holds it lets its entries be renamed and removed.
    pub parent_write: bool,
}
