//! The facts of MLST and MLSD (RFC 3659 §7): UTC, exact sizes, and rights as the kernel tells them.

use super::date::Stamps;
use super::{Owners, push_name, push_number};
use crate::entry::{Access, Entry, Kind};
use crate::store::Facts;

/// Writes the lines of one MLSD listing.
#[derive(Debug, Clone, Default)]
pub struct Lines {
    stamps: Stamps,
}

impl Lines {
    /// Appends one line: the facts, one blank, the name, CR LF.
    pub fn line(
        &mut self,
        out: &mut Vec<u8>,
        facts: &Facts,
        entry: &Entry,
        access: Access,
        name: &[u8],
        owners: &Owners,
    ) {
        push(out, &mut self.stamps, facts, entry, access, owners);
        out.push(b' ');
        push_name(out, name);
        out.extend_from_slice(b"\r\n");
    }
}

/// Appends the facts alone, each with its `;`, for MLST, which puts a whole pathname behind them.
pub fn push_facts(out: &mut Vec<u8>, facts: &Facts, entry: &Entry, access: Access, owners: &Owners) {
    push(out, &mut Stamps::default(), facts, entry, access, owners);
}

fn push(
    out: &mut Vec<u8>,
    stamps: &mut Stamps,
    facts: &Facts,
    entry: &Entry,
    access: Access,
    owners: &Owners,
) {
    if facts.kind {
        push_kind(out, entry.kind);
    }
    // RFC 3659 §7.5.7: a directory's size means nothing to a client.
    if facts.size && entry.kind != Kind::Directory {
        out.extend_from_slice(b"size=");
        push_number(out, entry.size, 0);
        out.push(b';');
    }
    if facts.modify {
        out.extend_from_slice(b"modify=");
        stamps.push(out, entry.modified.seconds);
        out.push(b';');
    }
    if facts.perm {
        push_perm(out, entry.kind, access);
    }
    if facts.unique {
        out.extend_from_slice(b"unique=");
        push_hexadecimal(out, entry.device);
        out.push(b'g');
        push_hexadecimal(out, entry.inode);
        out.push(b';');
    }
    if facts.unix_mode {
        out.extend_from_slice(b"UNIX.mode=0");
        let mode = entry.mode;
        for shift in [9, 6, 3, 0] {
            let digit = mode >> shift & 7;
            if shift != 9 || digit != 0 {
                out.push(b'0' + u8::try_from(digit).unwrap_or(0));
            }
        }
        out.push(b';');
    }
    if facts.unix_owner {
        push_owner(out, [b"UNIX.owner=", b"UNIX.uid="], owners.user(entry.uid), entry.uid);
    }
    if facts.unix_group {
        push_owner(out, [b"UNIX.group=", b"UNIX.gid="], owners.group(entry.gid), entry.gid);
    }
}

/// The `type` fact. Storage follows links before it asks; one that is still a link leads nowhere.
fn push_kind(out: &mut Vec<u8>, kind: Kind) {
    out.extend_from_slice(match kind {
        Kind::File => b"type=file;".as_slice(),
        Kind::Directory => b"type=dir;",
        Kind::Symlink => b"type=OS.unix=symlink;",
        Kind::Fifo => b"type=OS.unix=fifo;",
        Kind::Socket => b"type=OS.unix=socket;",
        Kind::CharacterDevice => b"type=OS.unix=chr;",
        Kind::BlockDevice => b"type=OS.unix=blk;",
        Kind::Unknown => b"type=OS.unix=unknown;",
    });
}

/// The `perm` fact (RFC 3659 §7.5.5), letters in the order of the alphabet.
fn push_perm(out: &mut Vec<u8>, kind: Kind, access: Access) {
    out.extend_from_slice(b"perm=");
    let letters: &[(u8, bool)] = match kind {
        Kind::Directory => {
            let change = access.write && access.execute;
            &[
                (b'c', change),
                (b'd', access.parent_write),
                (b'e', access.execute),
                (b'f', access.parent_write),
                (b'l', access.read && access.execute),
                (b'm', change),
                (b'p', change),
            ]
        }
        Kind::File => &[
            (b'a', access.write),
            (b'd', access.parent_write),
            (b'f', access.parent_write),
            (b'r', access.read),
            (b'w', access.write),
        ],
        _ => &[(b'd', access.parent_write), (b'f', access.parent_write)],
    };
    out.extend(letters.iter().filter(|(_, may)| *may).map(|(letter, _)| letter));
    out.push(b';');
}

fn push_owner(out: &mut Vec<u8>, facts: [&[u8]; 2], name: Option<&[u8]>, number: u32) {
    let [by_name, by_number] = facts;
    if let Some(name) = name {
        out.extend_from_slice(by_name);
        push_name(out, name);
    } else {
        out.extend_from_slice(by_number);
        push_number(out, u64::from(number), 0);
    }
    out.push(b';');
}

fn push_hexadecimal(out: &mut Vec<u8>, number: u64) {
    let digits = (64 - number.leading_zeros()).div_ceil(4).max(1);
    for place in (0..digits).rev() {
        let digit = u8::try_from(number >> (4 * place) & 15).unwrap_or(0);
        out.push(if digit < 10 { b'0' + digit } else { b'a' + digit - 10 });
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::entry::Time;

    const ALL: Facts = Facts {
        kind: true,
        size: true,
        modify: true,
        perm: true,
        unique: true,
        unix_mode: true,
        unix_owner: true,
        unix_group: true,
    };
    const EVERYTHING: Access = Access { read: true, write: true, execute: true, parent_write: true };

    fn entry(kind: Kind) -> Entry {
        let modified = Time { seconds: 1_580_702_706, nanoseconds: 5 };
        Entry { kind, mode: 0o644, links: 1, uid: 7, gid: 8, size: 12, modified, device: 0x801, inode: 255 }
    }

    fn text(facts: &Facts, entry: &Entry, access: Access, owners: &Owners) -> String {
        let mut out = Vec::new();
        Lines::default().line(&mut out, facts, entry, access, b" a;b", owners);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn a_file_with_all_facts() {
        assert_eq!(
            text(&ALL, &entry(Kind::File), EVERYTHING, &Owners::Numbers),
            "type=file;size=12;modify=20200203040506;perm=adfrw;unique=801gff;UNIX.mode=0644;UNIX.uid=7;UNIX.gid=8;  a;b\r\n"
        );
    }

    #[test]
    fn a_directory_has_no_size_and_letters_of_its_own() {
        let facts = Facts { unique: false, modify: false, unix_mode: false, ..ALL };
        assert_eq!(
            text(&facts, &entry(Kind::Directory), EVERYTHING, &Owners::Hidden),
            "type=dir;perm=cdeflmp;UNIX.owner=ftp;UNIX.group=ftp;  a;b\r\n"
        );
    }

    #[test]
    fn no_rights_make_an_empty_fact_and_no_facts_a_line_of_two_blanks() {
        let none = Facts {
            kind: false,
            size: false,
            modify: false,
            perm: false,
            unique: false,
            unix_mode: false,
            unix_owner: false,
            unix_group: false,
        };
        let perm = Facts { perm: true, ..none };
        assert_eq!(text(&perm, &entry(Kind::File), Access::default(), &Owners::Numbers), "perm=;  a;b\r\n");
        assert_eq!(text(&none, &entry(Kind::File), EVERYTHING, &Owners::Numbers), "  a;b\r\n");
    }
}
