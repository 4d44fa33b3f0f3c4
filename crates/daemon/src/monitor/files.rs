//! Files that a session's policy is made of and only the monitor can open; changes act without a signal.

use std::fs::{File, Metadata};
use std::io::Read;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use wharf_config::Config;

use super::verifier::{self, Against};

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
    /// `ca_crl_file` with `ca_certs_file`.
    revoked: Option<Watched>,
    /// What the two files looked like when they were last told to be bad.
    told: Option<[Version; 2]>,
}

/// An open file, and what it looked like when it was opened.
#[derive(Debug)]
pub(super) struct Watched {
    name: String,
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
            .map(|path| of_clients(path, "verify file"))
            .transpose()?;
        let revoked = config
            .wharf
            .ca_crl_file
            .as_ref()
            .filter(|_| authorities.is_some())
            .map(|path| of_clients(path, "revocation lists"))
            .transpose()?;
        Ok(Self { banner, user_list, authorities, revoked, told: None })
    }

    /// The descriptors for a worker, in the order of the message.
    pub(super) fn descriptors(&self) -> std::io::Result<Vec<OwnedFd>> {
        [&self.banner, &self.user_list, &self.authorities, &self.revoked]
            .into_iter()
            .flatten()
            .map(|watched| watched.file.as_fd().try_clone_to_owned())
            .collect()
    }

    /// What client certificates are held against; `None` without `ca_certs_file`.
    pub(super) fn against(&self) -> Option<Against<'_>> {
        Some(against(self.authorities.as_ref()?, self.revoked.as_ref()))
    }

    /// Has the content of what client certificates are held against judged; says what should be known of it.
    ///
    /// # Errors
    /// What is wrong with which file.
    pub(super) fn judge(&self) -> Result<Option<String>, String> {
        self.against().map_or(Ok(None), verifier::judge)
    }

    /// Takes changed authorities or revocation lists over when they can be used; otherwise those before stay, and that is
    /// told once.
    fn follow_authorities(&mut self, config: &Config) -> bool {
        let Some(authorities) = &self.authorities else { return false };
        let newer_of = |open: &Watched, name: Option<&bstr::BString>| newer(open, name?);
        let new = newer_of(authorities, config.tls.ca_certs_file.as_ref());
        let lists = self.revoked.as_ref();
        let new_lists = lists.and_then(|open| newer_of(open, config.wharf.ca_crl_file.as_ref()));
        if new.is_none() && new_lists.is_none() {
            return false;
        }
        let there = (new.as_ref().unwrap_or(authorities), new_lists.as_ref().or(lists));
        let versions = [there.0.version, there.1.map_or(there.0.version, |lists| lists.version)];
        if self.told == Some(versions) {
            return false;
        }
        match verifier::judge(against(there.0, there.1)) {
            Ok(remark) => super::site::report(remark.map(|remark| verifier::warning(config, &remark)).iter()),
            Err(reason) => {
                super::site::report([&verifier::problem(config, &reason)]);
                wharf_os::say!(
                    "wharfd: monitor: what client certificates are held against has changed and cannot be used; what \
                     was there before stays in force"
                );
                self.told = Some(versions);
                return false;
            }
        }
        self.told = None;
        if new.is_some() {
            self.authorities = new;
        }
        if new_lists.is_some() {
            self.revoked = new_lists;
        }
        true
    }

    /// Opens a file again that was replaced or changed; true when there was one.
    pub(super) fn follow_changes(&mut self, config: &Config) -> bool {
        let names = [config.messages.banner_file.as_ref(), config.access.userlist_file.as_ref()];
        let mut changed = self.follow_authorities(config);
        let files = [&mut self.banner, &mut self.user_list];
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

fn against<'a>(authorities: &'a Watched, revoked: Option<&'a Watched>) -> Against<'a> {
    let lent = |watched: &'a Watched| (watched.name.as_str(), watched.file.as_fd());
    Against { authorities: lent(authorities), revoked: revoked.map(lent) }
}

fn newer(open: &Watched, name: &[u8]) -> Option<Watched> {
    let there = watch(name, File::open(path(name)).ok()?).ok()?;
    (there.version != open.version).then_some(there)
}

fn watch(name: &[u8], file: File) -> std::io::Result<Watched> {
    let name = String::from_utf8_lossy(name).into_owned();
    Ok(Watched { name, version: version(&file.metadata()?), file })
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
        .and_then(|file| watch(name, file))
        .map_err(|error| format!("cannot read {what} file:{} ({error})", path(name).display()))
}

fn of_clients(name: &bstr::BString, what: &str) -> Result<Watched, String> {
    File::open(path(name))
        .and_then(|file| watch(name, file))
        .map_err(|error| format!("SSL: could not load {what}: {}: {error}", path(name).display()))
}

fn path(name: &[u8]) -> &Path {
    Path::new(std::ffi::OsStr::from_bytes(name))
}
