//! What a protocol asks of storage, and what storage answers.
//!
//! These are the words of files and directories; no command of any protocol appears in them. Between our
//! processes they travel as they stand: a session asks the broker of its identity.

use serde::{Deserialize, Serialize};

use crate::entry::{Access, Entry, Time};
use crate::failure::Failure;
use crate::ftp::listing::Owners;
use crate::path::VirtualPath;

/// A session asks its storage, one thing at a time; each gets exactly one [`Answer`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Request {
    /// Can this directory be entered? Answered with [`Answer::Entered`].
    Enter(VirtualPath),
    /// What is this? Answered with [`Answer::Looked`].
    Look {
        /// Which.
        path: VirtualPath,
        /// Whether a final symbolic link is followed.
        follow: bool,
    },
    /// Open a regular file for reading. Answered with [`Answer::Opened`] and a descriptor.
    OpenRead(VirtualPath),
    /// Open a regular file for writing. Answered with [`Answer::OpenedForWriting`] and a descriptor.
    OpenWrite {
        /// Which; for [`Writing::Unique`] the wished name.
        path: VirtualPath,
        /// How.
        writing: Writing,
        /// The session's umask.
        umask: u32,
    },
    /// The upload opened last is over. Only after `OpenWrite`, once each. Answered with [`Answer::Done`], except that
    /// [`Fate::Kept`] has no answer: nothing can fail then, and nobody has to wait.
    Finish(Fate),
    /// Write a listing into a pipe. Answered with [`Answer::Listing`] and the pipe's reading end.
    List(List),
    /// Change the tree. Answered with [`Answer::Done`].
    Change(Change),
    /// Where is this user's home directory? Answered with [`Answer::Home`].
    Home {
        /// The login name.
        #[serde(with = "serde_bytes")]
        name: Vec<u8>,
    },
    /// How much room is left where this is, or would be? Answered with [`Answer::Room`].
    Room(VirtualPath),
    /// Begin what may take long. Answered with [`Answer::Begun`] and a pipe's reading end, which brings one
    /// [`Finished`] and then its end; closing it breaks the work off.
    Begin(Task),
    /// Send a part of a regular file through a pipe. Answered with [`Answer::Opened`] (the part's size) and the
    /// pipe's reading end.
    OpenPart(VirtualPath, Part),
}

impl Request {
    /// Shows every pathname of the request to a function that may spell it anew.
    pub fn each_path(&mut self, spell: &mut dyn FnMut(&mut VirtualPath)) {
        match self {
            Self::Enter(path) | Self::OpenRead(path) | Self::Room(path) | Self::OpenPart(path, _) => {
                spell(path);
            }
            Self::Look { path, .. } | Self::OpenWrite { path, .. } => spell(path),
            Self::List(list) => spell(&mut list.path),
            Self::Change(change) => change.each_path(spell),
            Self::Begin(task) => task.each_path(spell),
            Self::Finish(_) | Self::Home { .. } => {}
        }
    }
}

impl Task {
    fn each_path(&mut self, spell: &mut dyn FnMut(&mut VirtualPath)) {
        match self {
            Self::Hash { path, .. } | Self::RemoveTree(path) | Self::Measure(path) => spell(path),
            Self::Copy { from, to, .. } => [from, to].into_iter().for_each(spell),
            Self::Join { whole, parts, .. } => {
                spell(whole);
                parts.iter_mut().for_each(spell);
            }
        }
    }
}

impl Change {
    fn each_path(&mut self, spell: &mut dyn FnMut(&mut VirtualPath)) {
        match self {
            Self::MakeDirectory { path, .. }
            | Self::RemoveDirectory(path)
            | Self::Delete(path)
            | Self::SetMode { path, .. }
            | Self::SetModified { path, .. }
            | Self::SetTimes { path, .. }
            | Self::SetGroup { path, .. }
            | Self::MakeDirectories { path, .. } => spell(path),
            Self::Rename { from, to } => [from, to].into_iter().for_each(spell),
            Self::MakeLink { target, link } => [target, link].into_iter().for_each(spell),
        }
    }
}

/// Work that takes as long as files are large; it is done in pieces, between other requests.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Task {
    /// Take the hash of a regular file. Ends with [`Finished::Digest`].
    Hash {
        /// Which.
        path: VirtualPath,
        /// By which method.
        algorithm: Algorithm,
        /// Of which part; `None` means the whole, and that may be remembered from an earlier time.
        part: Option<Part>,
    },
    /// Copy a regular file, replacing what is there. Ends with [`Finished::Done`].
    Copy {
        /// What.
        from: VirtualPath,
        /// Its new name.
        to: VirtualPath,
        /// The session's umask.
        umask: u32,
    },
    /// Join files to one, then remove them. Ends with [`Finished::Done`].
    Join {
        /// The whole: a new name, or the first part.
        whole: VirtualPath,
        /// The parts in their order.
        parts: Vec<VirtualPath>,
        /// The session's umask.
        umask: u32,
    },
    /// Remove a directory with all that is in it. Ends with [`Finished::Done`].
    RemoveTree(VirtualPath),
    /// Add up the sizes of all regular files in a tree. Ends with [`Finished::Octets`].
    Measure(VirtualPath),
}

/// A part of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Part {
    /// Its first octet, counted from 0.
    pub start: u64,
    /// The octet behind its last one; beyond the file's end means up to it.
    pub end: u64,
}

/// What [`Task`]s end with.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Finished {
    /// All is done.
    Done,
    /// A number of octets.
    Octets(u64),
    /// A hash.
    Digest {
        /// What it was taken of.
        part: Part,
        /// Its octets.
        #[serde(with = "serde_bytes")]
        octets: Vec<u8>,
    },
    /// It could not be done, or not all of it.
    Failed(Failure),
}

/// How a hash is taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Algorithm {
    /// FIPS 180-4.
    Sha256,
    /// FIPS 180-4.
    Sha512,
    /// FIPS 180-4; against accidents only.
    Sha1,
    /// RFC 1321; against accidents only.
    Md5,
    /// The polynomial of ISO 3309, as in zip files; against accidents only.
    Crc32,
    /// BLAKE3.
    Blake3,
}

impl Algorithm {
    /// All of them, the default first.
    pub const ALL: [Self; 6] = [Self::Sha256, Self::Sha512, Self::Sha1, Self::Md5, Self::Crc32, Self::Blake3];

    /// The name that draft-bryan-ftp-hash and IANA's registry of hash functions use.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Sha256 => "SHA-256",
            Self::Sha512 => "SHA-512",
            Self::Sha1 => "SHA-1",
            Self::Md5 => "MD5",
            Self::Crc32 => "CRC32",
            Self::Blake3 => "BLAKE3",
        }
    }

    /// Finds one by its name, in any case.
    #[must_use]
    pub fn named(name: &[u8]) -> Option<Self> {
        Self::ALL.into_iter().find(|one| one.name().as_bytes().eq_ignore_ascii_case(name))
    }

    /// How many octets it gives.
    #[must_use]
    pub fn octets(self) -> usize {
        match self {
            Self::Sha256 | Self::Blake3 => 32,
            Self::Sha512 => 64,
            Self::Sha1 => 20,
            Self::Md5 => 16,
            Self::Crc32 => 4,
        }
    }
}

/// How a file is opened for writing. Nothing is ever truncated here: the session does that when data flows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Writing {
    /// Make it, or open it to be replaced or written in the middle (STOR, REST + STOR).
    Store,
    /// Make it, or open it to be continued at its end (APPE).
    Append,
    /// Make a new file; when the name is taken try `name.1`, `name.2` …, or random endings (STOU).
    Unique,
}

/// How an upload ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Fate {
    /// All octets arrived.
    Kept,
    /// It broke off after some octets: kept or removed as configured.
    Broken,
    /// No octet was ever moved: a file that this upload made is removed again.
    Unused,
}

/// A wish to list.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct List {
    /// A directory, a file, or `directory/pattern`.
    pub path: VirtualPath,
    /// The pathname as the client typed it; its directory stands before each name in [`Format::Names`].
    #[serde(with = "serde_bytes")]
    pub prefix: Vec<u8>,
    /// Whether the last component may be a pattern.
    pub pattern: bool,
    /// How lines look.
    pub format: Format,
    /// Which entries and in which order.
    pub flags: ListFlags,
}

/// How a listing's lines look. Every line ends in CR LF.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Format {
    /// As `ls -l` (LIST, STAT).
    Long,
    /// Bare names (NLST).
    Names,
    /// RFC 3659 §7 lines with these facts.
    Facts(Facts),
}

/// Which facts an MLSx line carries, in the order of the fields.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[expect(clippy::struct_excessive_bools, reason = "each is a fact of its own that OPTS MLST switches")]
pub struct Facts {
    /// `type=`.
    pub kind: bool,
    /// `size=`.
    pub size: bool,
    /// `modify=`.
    pub modify: bool,
    /// `create=`, where the file system knows it.
    pub create: bool,
    /// `perm=`.
    pub perm: bool,
    /// `unique=`.
    pub unique: bool,
    /// `UNIX.mode=`.
    pub unix_mode: bool,
    /// `UNIX.uid=`: a number.
    pub unix_uid: bool,
    /// `UNIX.gid=`: a number.
    pub unix_gid: bool,
    /// `UNIX.owner=`: a name, or a number where no name is told.
    pub unix_owner: bool,
    /// `UNIX.group=`: a name, or a number where no name is told.
    pub unix_group: bool,
    /// `UNIX.ownername=`: a name, or nothing.
    pub unix_owner_name: bool,
    /// `UNIX.groupname=`: a name, or nothing.
    pub unix_group_name: bool,
}

impl Facts {
    /// No fact at all, which is a choice too.
    pub const NONE: Self = Self {
        kind: false,
        size: false,
        modify: false,
        create: false,
        perm: false,
        unique: false,
        unix_mode: false,
        unix_uid: false,
        unix_gid: false,
        unix_owner: false,
        unix_group: false,
        unix_owner_name: false,
        unix_group_name: false,
    };

    /// What a client gets that has chosen nothing: all that is told in one way only, and owners as clients show them.
    pub const USUAL: Self = Self {
        kind: true,
        size: true,
        modify: true,
        perm: true,
        unique: true,
        unix_mode: true,
        unix_owner: true,
        unix_group: true,
        ..Self::NONE
    };
}

/// The flags of LIST and NLST that mean something.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct ListFlags {
    /// `a`: dot files, `.` and `..` too.
    pub all: bool,
    /// `r`: reverse.
    pub reverse: bool,
    /// `t`: newest first.
    pub by_time: bool,
    /// `F`: a mark behind directories and links.
    pub classify: bool,
    /// `R`: directories below, too.
    pub recurse: bool,
}

/// A change to the tree.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Change {
    /// Make one directory, mode 0777 less the umask.
    MakeDirectory {
        /// Which.
        path: VirtualPath,
        /// The session's umask.
        umask: u32,
    },
    /// Remove an empty directory.
    RemoveDirectory(VirtualPath),
    /// Remove anything but a directory.
    Delete(VirtualPath),
    /// Rename, replacing what is there as rename(2) does.
    Rename {
        /// The present name.
        from: VirtualPath,
        /// The new name.
        to: VirtualPath,
    },
    /// Set the permission bits (0..=0o777).
    SetMode {
        /// Which; links are followed.
        path: VirtualPath,
        /// The bits.
        mode: u32,
    },
    /// Set the modification (and access) time of a regular file.
    SetModified {
        /// Which; links are followed.
        path: VirtualPath,
        /// When, UTC.
        modified: Time,
    },
    /// Set both times of a regular file.
    SetTimes {
        /// Which; links are followed.
        path: VirtualPath,
        /// When it was last read, UTC.
        accessed: Time,
        /// When its content last changed, UTC.
        modified: Time,
    },
    /// Give a file or directory to another group that the user belongs to.
    SetGroup {
        /// Which; links are followed.
        path: VirtualPath,
        /// The group's number, or its name where names are told.
        #[serde(with = "serde_bytes")]
        group: Vec<u8>,
    },
    /// Make a directory and those above it that are missing; one that is there is no error.
    MakeDirectories {
        /// Which.
        path: VirtualPath,
        /// The session's umask.
        umask: u32,
    },
    /// Make a symbolic link to something below the same root.
    MakeLink {
        /// What it leads to; it need not be there.
        target: VirtualPath,
        /// The link's own name.
        link: VirtualPath,
    },
}

/// What storage answers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Answer {
    /// To [`Request::Enter`].
    Entered(Entered),
    /// To [`Request::Look`].
    Looked(Looked),
    /// To [`Request::OpenRead`] and [`Request::OpenPart`]; one descriptor comes along.
    Opened {
        /// Size in octets at this moment.
        size: u64,
    },
    /// To [`Request::OpenWrite`]; one descriptor comes along.
    OpenedForWriting(OpenedForWriting),
    /// To [`Request::List`]; the pipe's reading end comes along.
    Listing {
        /// False when the directory could not be opened (the pipe is then empty).
        opened: bool,
    },
    /// To [`Request::Finish`] and [`Request::Change`].
    Done,
    /// To [`Request::Home`]: the home as it is seen below the root; `None` when nobody is called so.
    Home(Option<VirtualPath>),
    /// To [`Request::Room`]: how many octets this user may still store there.
    Room(u64),
    /// To [`Request::Begin`]; the pipe's reading end comes along.
    Begun,
    /// To any of them.
    Refused(Failure),
}

/// A directory that can be entered.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entered {
    /// Its path with links resolved, as `getcwd` tells it.
    pub path: VirtualPath,
    /// The first [`MESSAGE_OCTETS`] octets of its message file, if there is one and the rules want it.
    #[serde(with = "serde_bytes")]
    pub message: Option<Vec<u8>>,
}

/// How much of a message file is shown; vsftpd's number.
pub const MESSAGE_OCTETS: usize = 4000;

/// What [`Request::Look`] finds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Looked {
    /// Its attributes.
    pub entry: Entry,
    /// What this identity may do with it, by the kernel's word and the rules.
    pub access: Access,
    /// The names of its owner and group, as far as they are told.
    pub owners: Owners,
}

/// A file that waits for octets.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OpenedForWriting {
    /// Its path: for [`Writing::Unique`] the name that was free.
    pub path: VirtualPath,
    /// Whether this upload made it.
    pub created: bool,
    /// Its size in octets at this moment.
    pub size: u64,
}
