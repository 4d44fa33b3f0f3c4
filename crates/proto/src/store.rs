//! What a protocol asks of storage, and what storage answers.
//!
//! These are the words of files and directories; no command of any protocol appears in them. Between our
//! processes they travel as they stand: a session asks the broker of its identity.

use serde::{Deserialize, Serialize};

use crate::entry::{Access, Entry, Time};
use crate::failure::Failure;
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
    /// `perm=`.
    pub perm: bool,
    /// `unique=`.
    pub unique: bool,
    /// `UNIX.mode=`.
    pub unix_mode: bool,
    /// `UNIX.uid=`, or `UNIX.owner=` by name.
    pub unix_owner: bool,
    /// `UNIX.gid=`, or `UNIX.group=` by name.
    pub unix_group: bool,
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
}

/// What storage answers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Answer {
    /// To [`Request::Enter`].
    Entered(Entered),
    /// To [`Request::Look`].
    Looked(Looked),
    /// To [`Request::OpenRead`]; one descriptor comes along.
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
