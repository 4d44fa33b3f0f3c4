//! Monitor → broker (once), then session ↔ broker: opening, listing and changing files as one identity.
//!
//! A session holds one channel per login and asks one thing at a time; the broker answers in order. Being logged
//! in *is* holding such a channel, so no message here says who somebody is.

use serde::{Deserialize, Serialize};
use wharf_proto::failure::Failure;
use wharf_proto::path::VirtualPath;

pub use wharf_proto::store::{Answer, Finished, Request};

/// Monitor → broker: whom it serves and within which rules. The first message, exactly once.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Start {
    /// The login name, for the process title only.
    #[serde(with = "serde_bytes")]
    pub user: Vec<u8>,
    /// Who to become, for good; `None` when the server itself does not run as root.
    pub identity: Option<Identity>,
    /// The host directory that becomes `/`; entered with the identity's rights.
    #[serde(with = "serde_bytes")]
    pub root: Vec<u8>,
    /// Host directories in the order in which they are tried as the start directory, each below `root`. When none of
    /// them can be entered, the login cannot be served.
    pub start: Vec<serde_bytes::ByteBuf>,
    /// What this identity may do.
    pub rules: Rules,
}

/// The numbers a process becomes.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Identity {
    /// User.
    pub uid: u32,
    /// Primary group.
    pub gid: u32,
    /// Supplementary groups.
    pub groups: Vec<u32>,
}

/// What the broker enforces, whatever the session believes.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
pub struct Rules {
    /// Files may be opened for reading.
    pub may_read: bool,
    /// Directories may be listed.
    pub may_list: bool,
    /// New files may be made (STOR, STOU).
    pub may_create: bool,
    /// Existing files may be written: replaced, appended to, resumed.
    pub may_overwrite: bool,
    /// Existing files may be appended to and new ones made by appending (APPE).
    pub may_append: bool,
    /// Directories may be made.
    pub may_make_directory: bool,
    /// Entries may be removed and renamed.
    pub may_remove: bool,
    /// Permission bits may be changed.
    pub may_set_mode: bool,
    /// Modification times may be changed.
    pub may_set_time: bool,
    /// Symbolic links may be made (`symlink_enable`).
    pub may_link: bool,
    /// Only what carries the other-read bit may be read or listed (`anon_world_readable_only`).
    pub world_readable_only: bool,
    /// Mode of new files before the umask (`file_open_mode`).
    pub file_mode: u32,
    /// A broken upload is removed (`delete_failed_uploads`).
    pub delete_broken: bool,
    /// Uploads take a write lock, downloads a read lock (`lock_upload_files`).
    pub lock: bool,
    /// A new name for STOU gets a random ending rather than a counter when it is taken (`better_stou`).
    pub random_unique: bool,
    /// New names have their letters whole, and names are found in either spelling of Unicode (`normalize`).
    pub composes_names: bool,
    /// The charset of names that are no UTF-8 (`disk_charset`).
    pub disk_charset: Option<serde_bytes::ByteBuf>,
    /// Names that may not be touched (`deny_file`), in the pattern language of `wharf_proto::pattern`.
    pub deny: Option<serde_bytes::ByteBuf>,
    /// Names left out of listings (`hide_file`).
    pub hide: Option<serde_bytes::ByteBuf>,
    /// Dot files are always shown (`force_dot_files`).
    pub show_dot_files: bool,
    /// Owner and group are shown as `ftp` (`hide_ids`).
    pub hide_owners: bool,
    /// Owner and group are shown by name (`text_userdb_names`).
    pub name_owners: bool,
    /// Home directories are told by name (`tilde_user_enable`), out of the password file below the root.
    pub name_homes: bool,
    /// Listing times are local, not UTC (`use_localtime`).
    pub local_time: bool,
    /// The `R` flag is honoured (`ls_recurse_enable`).
    pub recurse: bool,
    /// The file shown when a directory is entered (`message_file` with `dirmessage_enable`).
    pub message_file: Option<serde_bytes::ByteBuf>,
    /// Directories up to this many entries are listed in name order.
    pub sort_limit: u32,
}

/// Broker → monitor: the answer to [`Start`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Started {
    /// It serves; logins begin in this directory.
    Ready(VirtualPath),
    /// The root or start directory cannot be entered.
    Unusable {
        /// The host directory.
        #[serde(with = "serde_bytes")]
        directory: Vec<u8>,
        /// Why.
        failure: Failure,
    },
}

/// Monitor → broker, after [`Started::Ready`]: a new login; its channel comes as the descriptor.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct NewLogin {
    /// Counts the logins of this broker, from 1.
    pub number: u64,
}

/// Broker → session, through the pipe of a task: how it ended.
#[must_use]
pub fn encode_finished(finished: &Finished) -> Vec<u8> {
    // It holds no map and no length that is not known beforehand, so nothing can fail.
    postcard::to_allocvec(finished).unwrap_or_default()
}

/// Takes back what [`encode_finished`] made; `None` for anything else, and for a pipe that ended without a word.
#[must_use]
pub fn decode_finished(octets: &[u8]) -> Option<Finished> {
    match postcard::take_from_bytes(octets) {
        Ok((finished, [])) => Some(finished),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use wharf_proto::store::Part;

    #[test]
    fn an_end_is_told_whole_or_not_at_all() {
        let part = Part { start: 1, end: 2 };
        let finished = Finished::Digest { part, octets: vec![7; 64] };
        let octets = encode_finished(&finished);
        assert_eq!(decode_finished(&octets), Some(finished));
        assert_eq!(decode_finished(&octets[..octets.len() - 1]), None);
        assert_eq!(decode_finished(&[octets, vec![0]].concat()), None);
        assert_eq!(decode_finished(b""), None);
    }
}
