//! Files that a session's policy is made of and only the monitor can open; changes act without a signal.

use std::fs::{File, Metadata};
use std::io::Read;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use wharf_config::Config;

/// How much of a list is read; vsftpd's number.
const LIMIT: u64 = 100_000;

/// The open files.
#[derive(Debug, Default)]
pub(super) struct Files {
    /// `banner_file`.
    pub(super) banner: Option<Watched>,
    /// `userlist_file` with `userlist_enable`.
    pub(super) user_list: Option<Watched>,
    /// `ca_certs_file` with `ssl_enable`.
    pub(super) authorities: Option<Watched>,
}

/// An open file, and what it looked like when it was opened.
#[derive(Debug)]
pub(super) struct Watched {
    file: File,
    version: Version,
}

/// What tells a file from what stood under its name before: device, inode, size, and time of the last change.
pub(super) type Version = (u64, u64, u64, i64, i64);

pub(super) fn version(it: &Metadata) -> Version {
    (it.dev(), it.ino(), it.size(), it.mtime(), it.mtime_nsec())
}

impl Files {
    /// Opens what the configuration names.
    ///
    /// # Errors
    /// vsftpd's words for the file that cannot be opened.
    pub(super) fn open(config: &Config) -> Result<Self, String> {
        let banner = config.messages.banner_file.as_ref().map(|path| open(path, "banner")).transpose()?;
        let wants_list = config.access.userlist_enable && config.access.local_enable;
        let user_list = config
            .access
            .userlist_file
            .as_ref()
            .filter(|_| wants_list)
            .map(|path| open(path, "user list"))
            .transpose()?;
        let authorities = config
            .tls
            .ca_certs_file
            .as_ref()
            .filter(|_| config.tls.ssl_enable)
            .map(authorities)
            .transpose()?;
        Ok(Self { banner, user_list, authorities })
    }

    /// The descriptors for a worker, in the order of the message.
    pub(super) fn descriptors(&self) -> std::io::Result<Vec<OwnedFd>> {
        [&self.banner, &self.user_list, &self.authorities]
            .into_iter()
            .flatten()
            .map(|watched| watched.file.as_fd().try_clone_to_owned())
            .collect()
    }

    /// Opens a file again that was replaced or changed; true when there was one.
    pub(super) fn follow_changes(&mut self, config: &Config) -> bool {
        let names = [
            config.messages.banner_file.as_ref(),
            config.access.userlist_file.as_ref(),
            config.tls.ca_certs_file.as_ref(),
        ];
        let mut changed = false;
        let files = [&mut self.banner, &mut self.user_list, &mut self.authorities];
        for (file, name) in files.into_iter().zip(names) {
            if let (Some(open), Some(name)) = (file.as_ref(), name)
                && let Some(newer) = newer(open, name)
            {
                *file = Some(newer);
                changed = true;
            }
        }
        changed
    }
}

fn newer(open: &Watched, name: &[u8]) -> Option<Watched> {
    let there = watch(File::open(path(name)).ok()?).ok()?;
    (there.version != open.version).then_some(there)
}

fn watch(file: File) -> std::io::Result<Watched> {
    Ok(Watched { version: version(&file.metadata()?), file })
}

/// Reads a list of whole lines for a decision of our own (e-mail lists, `chroot_list_file`).
///
/// # Errors
/// As the system says.
pub(super) fn lines(name: &[u8]) -> std::io::Result<Vec<Vec<u8>>> {
    let mut content = Vec::new();
    File::open(path(name))?.take(LIMIT).read_to_end(&mut content)?;
    Ok(content.split(|&octet| octet == b'\n').filter(|line| !line.is_empty()).map(<[u8]>::to_vec).collect())
}

fn open(name: &[u8], what: &str) -> Result<Watched, String> {
    File::open(path(name))
        .and_then(watch)
        .map_err(|error| format!("cannot read {what} file:{} ({error})", path(name).display()))
}

fn authorities(name: &bstr::BString) -> Result<Watched, String> {
    File::open(path(name))
        .and_then(watch)
        .map_err(|error| format!("SSL: could not load verify file: {}: {error}", path(name).display()))
}

fn path(name: &[u8]) -> &Path {
    Path::new(std::ffi::OsStr::from_bytes(name))
}
