//! Lines of OS/400 and IBM i: `QSYS  77824  02/23/26  15:09:55  *DIR  NAME/`.

use super::words::{self, words};
use super::{Line, Listed, entry};
use crate::entry::Kind;

pub(super) fn read(line: &[u8]) -> Option<Line> {
    let words = words(line, 6);
    // A member of a file has neither size nor time.
    if let [owner, kind, _] | [owner, kind, _, ..] = words.as_slice()
        && kind.text == b"*MEM"
    {
        let name = words::behind_blanks(line, kind).to_vec();
        let owner = Some(owner.text.to_vec());
        return Some(entry(Listed { name, kind: Some(Kind::File), owner, ..Listed::default() }));
    }
    let [owner, size, date, clock, kind, _] = words.as_slice() else { return None };
    let told = kind.text.strip_prefix(b"*")?;
    let size = words::number(size.text)?;
    let (year, month, day) = day(date.text)?;
    let modified = words::moment(year, month, day, Some(words::clock(clock.text)?))?;
    let name = words::behind_blanks(line, kind);
    let is_directory = name.ends_with(b"/") || matches!(told, b"DIR" | b"LIB" | b"FLR" | b"DDIR");
    Some(entry(Listed {
        name: name.strip_suffix(b"/").unwrap_or(name).to_vec(),
        kind: Some(if is_directory { Kind::Directory } else { Kind::File }),
        size: (!is_directory).then_some(size),
        modified: Some(modified),
        owner: Some(owner.text.to_vec()),
        ..Listed::default()
    }))
}

/// `02/23/26`, `26/02/23` or `23.02.26`: the machine's own habit, told apart where the numbers allow it.
fn day(text: &[u8]) -> Option<(i64, u8, u8)> {
    let mark = *text.iter().find(|octet| matches!(octet, b'/' | b'.' | b'-'))?;
    let fields: Vec<u64> = text.split(|octet| *octet == mark).map(words::number).collect::<Option<_>>()?;
    let [first, second, third] = fields.as_slice().try_into().ok()?;
    let (year, month, day) = match mark {
        b'.' => (third, second, first),
        _ if first > 31 || (first > 12 && third <= 31 && second <= 12) => (first, second, third),
        _ => (third, first, second),
    };
    let small = |number: u64, most: u8| u8::try_from(number).ok().filter(|read| (1..=most).contains(read));
    let year = match i64::try_from(year).ok()? {
        year @ 0..70 => 2000 + year,
        year @ 70..100 => 1900 + year,
        year => year,
    };
    Some((year, small(month, 12)?, small(day, 31)?))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ftp::listing::date::Civil;

    fn listed(line: &str) -> Listed {
        match read(line.as_bytes()) {
            Some(Line::Entry(listed)) => listed,
            other => panic!("{line}: {other:?}"),
        }
    }

    #[test]
    fn objects_are_read_with_owner_size_and_time() {
        let directory = listed("QSYS            77824 02/23/26 15:09:55 *DIR       QOpenSys/");
        assert_eq!((directory.name, directory.kind), (b"QOpenSys".to_vec(), Some(Kind::Directory)));
        let file = listed("JANE              512 23.02.26 15:09:55 *STMF      two words.txt");
        assert_eq!((file.name, file.size), (b"two words.txt".to_vec(), Some(512)));
        let civil = Civil::of(file.modified.unwrap().seconds);
        assert_eq!((civil.year, civil.month, civil.day), (2026, 2, 23));
    }

    #[test]
    fn a_member_has_a_name_and_little_else() {
        let member = listed("JANE                                    *MEM       SRC.MBR");
        assert_eq!((member.name, member.size, member.kind), (b"SRC.MBR".to_vec(), None, Some(Kind::File)));
    }
}
