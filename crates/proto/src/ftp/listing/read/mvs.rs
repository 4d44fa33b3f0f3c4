//! Data sets and members of MVS, OS/390 and z/OS.
//!
//! ```text
//! Volume Unit    Referred Ext Used Recfm Lrecl BlkSz Dsorg Dsname
//! WRK001 3390   2026/11/22  1   15  FB      80 27920  PO  JCL.LIB
//! Migrated                                                OLD.DATA
//!  Name     VV.MM   Created       Changed      Size  Init   Mod   Id
//! MEMBER1   01.03 2026/01/01 2026/11/22 07:15    12    10     0 JANE
//! ```

use super::words::{self, words};
use super::{Line, Listed, entry};
use crate::entry::Kind;

pub(super) fn read(line: &[u8]) -> Option<Line> {
    let words = words(line, 12);
    let text = |at: usize| words.get(at).map(|word| word.text).unwrap_or_default();
    match (text(0), text(1)) {
        (b"Volume", b"Unit") | (b"Name", b"VV.MM" | b"Size") => return Some(Line::Other),
        (b"Migrated" | b"MIGRAT" | b"ARCIVE", name) if words.len() == 2 => {
            return Some(entry(Listed { name: unquoted(name), ..Listed::default() }));
        }
        _ => {}
    }
    member(&words).or_else(|| data_set(&words)).map(entry)
}

/// `NAME VV.MM created changed hh:mm size init mod id`.
fn member(words: &[words::Word<'_>]) -> Option<Listed> {
    let [name, version, created, changed, clock, lines, init, modified, id] = words else { return None };
    let is_version = version.text.len() == 5 && version.text.get(2) == Some(&b'.');
    day(created.text)?;
    let (year, month, date) = day(changed.text)?;
    for count in [lines, init, modified] {
        words::number(count.text)?;
    }
    // The size is told in records, which is no number of octets.
    is_version.then_some(())?;
    Some(Listed {
        name: name.text.to_vec(),
        kind: Some(Kind::File),
        modified: words::moment(year, month, date, Some(words::clock(clock.text)?)),
        owner: Some(id.text.to_vec()),
        ..Listed::default()
    })
}

/// The last word is the name, the one before it the organization: `PO` is a library, which holds members.
fn data_set(words: &[words::Word<'_>]) -> Option<Listed> {
    let (name, before) = words.split_last()?;
    let (organization, columns) = before.split_last()?;
    let kind = match organization.text {
        b"PO" | b"PO-E" => Kind::Directory,
        b"PS" | b"PS-E" | b"DA" | b"IS" | b"VS" | b"VSAM" | b"GDG" => Kind::File,
        _ => return None,
    };
    (2..=9).contains(&columns.len()).then_some(())?;
    let referred = columns.iter().find_map(|word| day(word.text));
    Some(Listed {
        name: unquoted(name.text),
        kind: Some(kind),
        modified: referred.and_then(|(year, month, day)| words::moment(year, month, day, None)),
        ..Listed::default()
    })
}

fn unquoted(name: &[u8]) -> Vec<u8> {
    name.strip_prefix(b"'").and_then(|name| name.strip_suffix(b"'")).unwrap_or(name).to_vec()
}

fn day(text: &[u8]) -> Option<(i64, u8, u8)> {
    let mut fields = text.splitn(3, |octet| *octet == b'/');
    let year = fields.next().filter(|field| field.len() == 4).and_then(words::year)?;
    let month = words::within(fields.next()?, 1, 12)?;
    Some((year, month, words::within(fields.next()?, 1, 31)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn listed(line: &str) -> Listed {
        match read(line.as_bytes()) {
            Some(Line::Entry(listed)) => listed,
            other => panic!("{line}: {other:?}"),
        }
    }

    #[test]
    fn data_sets_and_members_are_read() {
        let library = listed("WRK001 3390   2026/11/22  1   15  FB      80 27920  PO  JCL.LIB");
        assert_eq!((library.name, library.kind), (b"JCL.LIB".to_vec(), Some(Kind::Directory)));
        let set = listed("WRK001 3390   2026/11/22  1   15  FB      80 27920  PS  'JANE.DATA'");
        assert_eq!((set.name, set.kind), (b"JANE.DATA".to_vec(), Some(Kind::File)));
        let member = listed("MEMBER1   01.03 2026/01/01 2026/11/22 07:15    12    10     0 JANE");
        assert_eq!((member.name, member.owner), (b"MEMBER1".to_vec(), Some(b"JANE".to_vec())));
        assert_eq!(listed("Migrated                      OLD.DATA").name, b"OLD.DATA");
    }

    #[test]
    fn headings_are_no_entries() {
        assert_eq!(
            read(b"Volume Unit    Referred Ext Used Recfm Lrecl BlkSz Dsorg Dsname"),
            Some(Line::Other)
        );
        assert_eq!(
            read(b" Name     VV.MM   Created       Changed      Size  Init   Mod   Id"),
            Some(Line::Other)
        );
        assert_eq!(read(b"just some words here"), None);
    }
}
