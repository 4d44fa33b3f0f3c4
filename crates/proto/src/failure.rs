//! Why something could not be done, in the few kinds a protocol can act on.
//!
//! Storage answers these; one table turns them into FTP replies, another will turn them into SFTP status codes.

use serde::{Deserialize, Serialize};

/// The kinds of refusal and failure that storage reports.
///
/// The kind is for the peer; the cause (an errno, a sentence) goes to the log of the process that saw it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Failure {
    /// There is no such file or directory, or a component of the path is not a directory.
    NotFound,
    /// The kernel or the site's policy forbids it.
    Denied,
    /// The site's list of forbidden names speaks of it (`deny_file`).
    Forbidden,
    /// The name is taken.
    Exists,
    /// The directory still holds something.
    NotEmpty,
    /// The disk or the quota is full.
    NoSpace,
    /// Somebody else holds the file's lock, and asking again later is how to wait for its end.
    Locked,
    /// It is in use: being executed, leased, or something is mounted on it.
    Busy,
    /// A limit on open files, processes or memory is reached.
    TooMany,
    /// It is there, but not of the kind that is needed: a directory for a file, a device, a FIFO.
    WrongKind,
    /// Anything else: an input/output error, a broken link loop, a name the file system cannot hold.
    Broken,
}
