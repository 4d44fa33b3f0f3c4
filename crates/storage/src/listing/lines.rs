//! From a name in an open directory to a line of the listing.

use std::time::{SystemTime, UNIX_EPOCH};

use rustix::fs::readlinkat;
use wharf_proto::entry::{Access, Entry, Kind, Time};
use wharf_proto::ftp::listing::{mlsx, names, push_name, unix};
use wharf_proto::path::VirtualPath;
use wharf_proto::store::{Facts, Format};

use super::Wish;
use super::walk::Walk;
use crate::local::{Local, entry_at, is_accessible};

/// Appends the line that names a directory of a recursive listing.
pub(super) fn header(out: &mut Vec<u8>, shown: &[u8], is_first: bool) {
    if !is_first {
        out.extend_from_slice(b"\r\n");
    }
    push_name(out, shown);
    out.extend_from_slice(b":\r\n");
}

/// Appends an entry's line, if the entry is still there; true when it is a directory to be listed too.
pub(super) fn line(out: &mut Vec<u8>, walk: &Walk, name: &[u8], wish: &Wish, local: &mut Local) -> bool {
    let flags = wish.flags;
    let is_bare = matches!(wish.format, Format::Names) && !flags.classify && !flags.recurse;
    if is_bare && !walk.is_single {
        // A bare name costs no look at the file.
        names::line(out, &walk.prefix, name, Kind::Unknown, false);
        return false;
    }
    // What is above the root is not shown; there the root is its own parent.
    let looked_at: &[u8] = if walk.is_root && name == b".." { b"." } else { name };
    let Ok(entry) = entry_at(&walk.directory, looked_at) else { return false };
    match &wish.format {
        Format::Names => names::line(out, &walk.prefix, name, entry.kind, flags.classify),
        Format::Long => long(out, walk, name, &entry, flags.classify, local),
        Format::Facts(facts) => with_facts(out, walk, name, &entry, facts, local),
    }
    flags.recurse && entry.kind == Kind::Directory && !matches!(name, b"." | b"..")
}

fn long(out: &mut Vec<u8>, walk: &Walk, name: &[u8], entry: &Entry, classify: bool, local: &mut Local) {
    let target =
        if entry.kind == Kind::Symlink { readlinkat(&walk.directory, name, Vec::new()).ok() } else { None };
    let offset = local.zone.offset(entry.modified.seconds);
    let frame = unix::Frame { owners: &local.owners, now: now(), classify };
    unix::line(out, entry, name, target.as_ref().map(|target| target.as_bytes()), &frame, offset);
}

/// MLSx tells what a link leads to (RFC 3659 §7.5.1 has no portable word for links); a broken one is told as a link.
fn with_facts(out: &mut Vec<u8>, walk: &Walk, name: &[u8], entry: &Entry, facts: &Facts, local: &Local) {
    let own = || {
        if !facts.perm {
            return Access::default();
        }
        let may_take = walk.is_writable && local.may_take(&walk.directory, entry);
        local.narrowed(entry, |access| is_accessible(&walk.directory, name, access), may_take)
    };
    let led = if entry.kind == Kind::Symlink {
        VirtualPath::resolve(&walk.path, name).ok().and_then(|path| local.look_unasked(&path, true).ok())
    } else {
        None
    };
    match led {
        Some(looked) => mlsx::line(out, facts, &looked.entry, looked.access, name, &local.owners),
        None => mlsx::line(out, facts, entry, own(), name, &local.owners),
    }
}

fn now() -> Time {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Time { seconds: i64::try_from(since.as_secs()).unwrap_or(i64::MAX), nanoseconds: since.subsec_nanos() }
}
