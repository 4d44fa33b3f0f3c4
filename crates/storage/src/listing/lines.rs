//! From a name in an open directory to a line of the listing.

use std::ffi::CStr;
use std::os::fd::OwnedFd;
use std::time::{SystemTime, UNIX_EPOCH};

use rustix::fs::{OFlags, readlinkat};
use wharf_proto::entry::{Access, Kind, Time};
use wharf_proto::failure::Failure;
use wharf_proto::ftp::listing::{mlsx, names, push_name, unix};
use wharf_proto::path::VirtualPath;
use wharf_proto::store::{Facts, Format};

use super::Wish;
use super::look::{Found, look};
use super::rights::Rights;
use crate::local::{Local, entry_of, is_accessible};

/// A directory whose entries are shown, and what its lines need.
#[derive(Debug)]
pub(super) struct Place {
    pub(super) directory: OwnedFd,
    pub(super) path: VirtualPath,
    /// The directory as typed, for headers.
    pub(super) shown: Vec<u8>,
    /// What stands before names in [`Format::Names`].
    pub(super) prefix: Vec<u8>,
    /// Whether one name is listed that nobody has read, and that may not be there.
    pub(super) is_single: bool,
    /// Whether `..` must not be looked at, for it is outside.
    is_root: bool,
    /// Whether this user may make and remove entries here, by the kernel's word.
    is_writable: bool,
    rights: Rights,
    columns: unix::Columns,
    facts: mlsx::Lines,
}

impl Place {
    pub(super) fn new(
        directory: OwnedFd,
        path: VirtualPath,
        shown: Vec<u8>,
        prefix: Vec<u8>,
        local: &Local,
    ) -> Result<Self, Failure> {
        let own = entry_of(&directory)?;
        let root = entry_of(local.open(&VirtualPath::root(), OFlags::PATH)?)?;
        let change = rustix::fs::Access::WRITE_OK | rustix::fs::Access::EXEC_OK;
        Ok(Self {
            is_root: (own.device, own.inode) == (root.device, root.inode),
            is_writable: is_accessible(&directory, b".", change),
            rights: Rights::of(&directory, &own),
            columns: unix::Columns::default(),
            facts: mlsx::Lines::default(),
            is_single: false,
            directory,
            path,
            shown,
            prefix,
        })
    }

    /// Appends an entry's line, if the entry is still there; true when it is a directory to be listed too.
    ///
    /// `kind` is what the directory told of it, `now` the time of the listing.
    pub(super) fn line(
        &mut self,
        out: &mut Vec<u8>,
        (name, kind): (&CStr, Kind),
        wish: &Wish,
        local: &mut Local,
        now: Time,
    ) -> bool {
        let flags = wish.flags;
        let text = name.to_bytes();
        let is_below = |kind| flags.recurse && kind == Kind::Directory && !matches!(text, b"." | b"..");
        let needs_kind = flags.classify || flags.recurse;
        if matches!(wish.format, Format::Names) && !self.is_single && (!needs_kind || kind != Kind::Unknown) {
            // What the directory told is enough; no look at the file.
            names::line(out, &self.prefix, text, kind, flags.classify);
            return is_below(kind);
        }
        // What is above the root is not shown; there the root is its own parent.
        let looked_at = if self.is_root && text == b".." { c"." } else { name };
        let Some(found) = look(&self.directory, looked_at) else { return false };
        match &wish.format {
            Format::Names => names::line(out, &self.prefix, text, found.entry.kind, flags.classify),
            Format::Long => self.long(out, name, &found, flags.classify, local, now),
            Format::Facts(facts) => self.with_facts(out, name, &found, facts, local),
        }
        is_below(found.entry.kind)
    }

    fn long(
        &mut self,
        out: &mut Vec<u8>,
        name: &CStr,
        found: &Found,
        classify: bool,
        local: &mut Local,
        now: Time,
    ) {
        let entry = &found.entry;
        let target = if entry.kind == Kind::Symlink {
            readlinkat(&self.directory, name, Vec::new()).ok()
        } else {
            None
        };
        let offset = local.zone.offset(entry.modified.seconds);
        let frame = unix::Frame { owners: &local.owners, now, classify };
        let target = target.as_ref().map(|target| target.as_bytes());
        self.columns.line(out, entry, name.to_bytes(), target, &frame, offset);
    }

    /// MLSx tells what a link leads to (RFC 3659 §7.5.1 has no portable word for links); a broken one is told as a link.
    fn with_facts(&mut self, out: &mut Vec<u8>, name: &CStr, found: &Found, facts: &Facts, local: &Local) {
        let (entry, text) = (&found.entry, name.to_bytes());
        let led = if entry.kind == Kind::Symlink {
            VirtualPath::resolve(&self.path, text).ok().and_then(|path| local.look_unasked(&path, true).ok())
        } else {
            None
        };
        if let Some(looked) = led {
            self.facts.line(out, facts, &looked.entry, looked.access, text, &local.owners);
            return;
        }
        let access = if facts.perm { self.access(name, found, local) } else { Access::default() };
        self.facts.line(out, facts, entry, access, text, &local.owners);
    }

    fn access(&mut self, name: &CStr, found: &Found, local: &Local) -> Access {
        let Self { directory, rights, .. } = self;
        let may_take = self.is_writable && rights.may_take(local, directory, &found.entry);
        rights.turn_to(&found.entry);
        local.narrowed(&found.entry, |access| rights.may(directory, name, found, access), may_take)
    }
}

/// Appends the line that names a directory of a recursive listing.
pub(super) fn header(out: &mut Vec<u8>, shown: &[u8], is_first: bool) {
    if !is_first {
        out.extend_from_slice(b"\r\n");
    }
    push_name(out, shown);
    out.extend_from_slice(b":\r\n");
}

pub(super) fn now() -> Time {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Time { seconds: i64::try_from(since.as_secs()).unwrap_or(i64::MAX), nanoseconds: since.subsec_nanos() }
}
