//! The facts of MLST and MLSD (RFC 3659 §7): UTC, exact sizes, and rights as the kernel tells them.

use super::date::{Civil, Stamps};
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
    if facts.create
        && let Some(created) = entry.created
    {
        out.extend_from_slice(b"create=");
        Civil::of(created.seconds).push_stamp(out);
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
    push_owners(out, facts, entry, owners);
}

/// Whom it belongs to, in the three ways that clients look for.
fn push_owners(out: &mut Vec<u8>, facts: &Facts, entry: &Entry, owners: &Owners) {
    let hidden = *owners == Owners::Hidden;
    let (user, group) = (owners.user(entry.uid), owners.group(entry.gid));
    let (uid, gid) = if hidden { (0, 0) } else { (entry.uid, entry.gid) };
    if facts.unix_uid {
        push_number_fact(out, b"UNIX.uid=", uid);
    }
    if facts.unix_gid {
        push_number_fact(out, b"UNIX.gid=", gid);
    }
    for (is_wanted, fact, name, number) in
        [(facts.unix_owner, &b"UNIX.owner="[..], user, uid), (facts.unix_group, b"UNIX.group=", group, gid)]
    {
        match name {
            _ if !is_wanted => {}
            Some(name) => push_name_fact(out, fact, name),
            None => push_number_fact(out, fact, number),
        }
    }
    if let Some(name) = user.filter(|_| facts.unix_owner_name) {
        push_name_fact(out, b"UNIX.ownername=", name);
    }
    if let Some(name) = group.filter(|_| facts.unix_group_name) {
        push_name_fact(out, b"UNIX.groupname=", name);
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

fn push_name_fact(out: &mut Vec<u8>, fact: &[u8], name: &[u8]) {
    out.extend_from_slice(fact);
    push_name(out, name);
    out.push(b';');
}

fn push_number_fact(out: &mut Vec<u8>, fact: &[u8], number: u32) {
    out.extend_from_slice(fact);
    push_number(out, u64::from(number), 0);
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

    const NUMBERS: Facts =
        Facts { unix_uid: true, unix_gid: true, unix_owner: false, unix_group: false, ..Facts::USUAL };
    const EVERYTHING: Access = Access { read: true, write: true, execute: true, parent_write: true };

    fn entry(kind: Kind) -> Entry {
        let modified = Time { seconds: 1_580_702_706, nanoseconds: 5 };
        let created = Some(Time { seconds: 1, nanoseconds: 0 });
        Entry {
            kind,
            mode: 0o644,
            links: 1,
            uid: 7,
            gid: 8,
            size: 12,
            modified,
            created,
            device: 0x801,
            inode: 255,
        }
    }

    fn text(facts: &Facts, entry: &Entry, access: Access, owners: &Owners) -> String {
        let mut out = Vec::new();
        Lines::default().line(&mut out, facts, entry, access, b" a;b", owners);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn a_file_with_all_facts() {
        assert_eq!(
            text(&NUMBERS, &entry(Kind::File), EVERYTHING, &Owners::Numbers),
            "type=file;size=12;modify=20200203040506;perm=adfrw;unique=801gff;UNIX.mode=0644;UNIX.uid=7;UNIX.gid=8;  a;b\r\n"
        );
    }

    #[test]
    fn a_directory_has_no_size_and_letters_of_its_own() {
        let facts = Facts { unique: false, modify: false, unix_mode: false, ..Facts::USUAL };
        assert_eq!(
            text(&facts, &entry(Kind::Directory), EVERYTHING, &Owners::Hidden),
            "type=dir;perm=cdeflmp;UNIX.owner=ftp;UNIX.group=ftp;  a;b\r\n"
        );
    }

    #[test]
    fn no_rights_make_an_empty_fact_and_no_facts_a_line_of_two_blanks() {
        let none = Facts::NONE;
        let perm = Facts { perm: true, ..none };
        assert_eq!(text(&perm, &entry(Kind::File), Access::default(), &Owners::Numbers), "perm=;  a;b\r\n");
        assert_eq!(text(&none, &entry(Kind::File), EVERYTHING, &Owners::Numbers), "  a;b\r\n");
    }
    #[test]
    fn owners_are_told_in_each_form_that_is_asked_for() {
        let facts = Facts {
            create: true,
            unix_uid: true,
            unix_gid: true,
            unix_owner: true,
            unix_group: true,
            unix_owner_name: true,
            unix_group_name: true,
            ..Facts::NONE
        };
        let told = |owners: &Owners| text(&facts, &entry(Kind::File), EVERYTHING, owners);
        let start = "create=19700101000001;UNIX.uid=";
        assert_eq!(
            told(&Owners::Numbers),
            format!("{start}7;UNIX.gid=8;UNIX.owner=7;UNIX.group=8;  a;b\r\n")
        );
        let named =
            Owners::Names { users: [(7, b"ann".to_vec()), (9, b"bob".to_vec())].into(), groups: [].into() };
        let line = format!("{start}7;UNIX.gid=8;UNIX.owner=ann;UNIX.group=8;UNIX.ownername=ann;  a;b\r\n");
        assert_eq!(told(&named), line);
        assert_eq!(told(&named.of(7, 8)), line);
        assert_eq!(named.of(8, 8), Owners::Names { users: [].into(), groups: [].into() });
        assert_eq!(
            told(&Owners::Hidden),
            format!(
                "{start}0;UNIX.gid=0;UNIX.owner=ftp;UNIX.group=ftp;UNIX.ownername=ftp;UNIX.groupname=ftp;  a;b\r\n"
            )
        );
    }

    #[test]
    fn a_birth_that_nobody_knows_is_left_out() {
        let facts = Facts { create: true, ..Facts::NONE };
        let unknown = Entry { created: None, ..entry(Kind::File) };
        assert_eq!(text(&facts, &unknown, EVERYTHING, &Owners::Numbers), "  a;b\r\n");
    }
}
