//! Lines of MLSD and MLST (RFC 3659 §7.2): facts, one blank, and the name.

use super::{Line, Listed, Moment, Precision, entry};
use crate::entry::Kind;
use crate::ftp::listing::date::Civil;

pub(super) fn read(line: &[u8]) -> Option<Line> {
    let (listed, is_itself) = parse(line)?;
    // The directory itself and its parent may carry any name.
    Some(if is_itself { Line::Other } else { entry(listed) })
}

/// Reads one line of facts, that of a directory itself included.
///
/// For MLST, whose line begins with one blank that the caller has taken away, and whose name may be a whole path.
#[must_use]
pub fn read_facts(line: &[u8]) -> Option<Listed> {
    parse(line).map(|(listed, _)| listed)
}

/// Reads the facts, and whether they are those of the directory itself or its parent.
fn parse(line: &[u8]) -> Option<(Listed, bool)> {
    // A name may hold `;`, `=` and blanks; facts hold no blank (RFC 3659 §7.2).
    let blank = line.iter().position(|octet| *octet == b' ')?;
    let (facts, name) = line.split_at_checked(blank)?;
    if !facts.is_empty() && !facts.ends_with(b";") {
        return None;
    }
    let mut listed = Listed { name: name.get(1..)?.to_vec(), ..Listed::default() };
    let mut is_itself = false;
    for fact in facts.split(|octet| *octet == b';').filter(|fact| !fact.is_empty()) {
        let equals = fact.iter().position(|octet| *octet == b'=')?;
        let (word, value) = fact.split_at_checked(equals)?;
        let value = value.get(1..)?;
        is_itself |= note(&mut listed, &word.to_ascii_lowercase(), value);
    }
    Some((listed, is_itself))
}

/// Takes one fact in; facts that nobody knows are passed over. Tells whether it is `cdir` or `pdir`.
fn note(listed: &mut Listed, word: &[u8], value: &[u8]) -> bool {
    match word {
        b"type" => return note_type(listed, value),
        b"size" | b"sizd" => listed.size = super::words::number(value),
        b"modify" => listed.modified = stamp(value),
        b"perm" => listed.perm = Some(value.to_ascii_lowercase()),
        b"unique" => listed.unique = Some(value.to_vec()),
        b"unix.mode" => listed.mode = octal(value),
        b"unix.ownername" | b"unix.owner" => listed.owner = Some(value.to_vec()),
        b"unix.groupname" | b"unix.group" => listed.group = Some(value.to_vec()),
        // A name says more than a number, in whichever order they come.
        b"unix.uid" if listed.owner.is_none() => listed.owner = Some(value.to_vec()),
        b"unix.gid" if listed.group.is_none() => listed.group = Some(value.to_vec()),
        _ => {}
    }
    false
}

fn note_type(listed: &mut Listed, value: &[u8]) -> bool {
    let lower = value.to_ascii_lowercase();
    listed.kind = Some(match lower.as_slice() {
        b"file" => Kind::File,
        b"dir" | b"cdir" | b"pdir" => Kind::Directory,
        b"os.unix=symlink" | b"os.unix=slink" => Kind::Symlink,
        b"os.unix=fifo" => Kind::Fifo,
        b"os.unix=socket" => Kind::Socket,
        b"os.unix=chr" => Kind::CharacterDevice,
        b"os.unix=blk" => Kind::BlockDevice,
        other if other.starts_with(b"os.unix=slink:") || other.starts_with(b"os.unix=symlink:") => {
            let colon = value.iter().position(|octet| *octet == b':').unwrap_or(0);
            listed.target = value.get(colon + 1..).map(<[u8]>::to_vec);
            Kind::Symlink
        }
        other if other.starts_with(b"os.unix=chr") => Kind::CharacterDevice,
        other if other.starts_with(b"os.unix=blk") => Kind::BlockDevice,
        _ => Kind::Unknown,
    });
    matches!(lower.as_slice(), b"cdir" | b"pdir")
}

/// Reads `YYYYMMDDHHMMSS`, with any fraction (RFC 3659 §2.3).
fn stamp(value: &[u8]) -> Option<Moment> {
    let digits = value.split(|octet| *octet == b'.').next()?;
    if digits.len() != 14 {
        return None;
    }
    let field = |from: usize, to: usize| super::words::number(digits.get(from..to)?);
    let small = |from: usize| u8::try_from(field(from, from + 2)?).ok();
    let civil = Civil {
        year: i64::try_from(field(0, 4)?).ok()?,
        month: small(4)?,
        day: small(6)?,
        hour: small(8)?,
        minute: small(10)?,
        // A leap second is told as the second before it.
        second: small(12)?.min(59),
    };
    let seconds = civil.seconds();
    (Civil::of(seconds) == civil).then_some(Moment { seconds, precision: Precision::Second, is_utc: true })
}

fn octal(value: &[u8]) -> Option<u32> {
    u32::from_str_radix(std::str::from_utf8(value).ok()?, 8).ok().map(|mode| mode & 0o7777)
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
    fn every_fact_is_read_whatever_its_case() {
        let read = listed(
            "Type=File;SIZE=42;Modify=20261122071559.123;Perm=AdFrw;Unique=8g2a;UNIX.mode=0644;UNIX.uid=7;\
             UNIX.ownername=jane;x.unknown=1; a;b=c d",
        );
        assert_eq!(read.name, b"a;b=c d");
        assert_eq!((read.kind, read.size, read.mode), (Some(Kind::File), Some(42), Some(0o644)));
        assert_eq!(read.perm.as_deref(), Some(&b"adfrw"[..]));
        assert_eq!(read.owner.as_deref(), Some(&b"jane"[..]));
        let modified = read.modified.unwrap();
        assert_eq!((modified.precision, modified.is_utc), (Precision::Second, true));
        assert_eq!(Civil::of(modified.seconds).second, 59);
    }

    #[test]
    fn a_name_keeps_its_blanks_and_may_come_without_facts() {
        assert_eq!(listed("type=file;  two blanks ").name, b" two blanks ");
        assert_eq!(listed(" bare").name, b"bare");
    }

    #[test]
    fn the_directory_itself_is_no_entry_of_it() {
        assert_eq!(read(b"type=cdir;modify=20260101000000; /home"), Some(Line::Other));
        assert_eq!(read(b"type=pdir; .."), Some(Line::Other));
        assert_eq!(read_facts(b"type=cdir; /home").unwrap().kind, Some(Kind::Directory));
    }

    #[test]
    fn a_link_tells_where_it_points() {
        let read = listed("type=OS.unix=slink:/Else/Where; link");
        assert_eq!((read.kind, read.target.as_deref()), (Some(Kind::Symlink), Some(&b"/Else/Where"[..])));
    }

    #[test]
    fn what_is_no_line_of_facts_is_refused_and_bad_values_are_left_out() {
        assert_eq!(read(b"type=file;size=1 "), None);
        assert_eq!(read(b"no-facts-here"), None);
        assert_eq!(read(b"-rw-r--r-- 1 a b 7 Nov 22 07:15 x"), None);
        let read = listed("type=file;size=99999999999999999999;modify=20261322000000; x");
        assert_eq!((read.size, read.modified), (None, None));
    }
}
