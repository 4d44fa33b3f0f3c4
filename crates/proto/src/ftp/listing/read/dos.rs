//! Lines as `dir` prints them on MS-DOS and Windows: `11-22-26  07:15AM  <DIR>  name`.

use super::words::{self, words};
use super::{Line, Listed, entry};
use crate::entry::Kind;

pub(super) fn read(line: &[u8]) -> Option<Line> {
    let words = words(line, 4);
    let [date, clock, size, _] = words.as_slice() else { return None };
    let (year, month, day) = day(date.text)?;
    let modified = words::moment(year, month, day, Some(words::clock(clock.text)?))?;
    let (kind, size_told) = match size.text {
        b"<DIR>" | b"<dir>" => (Kind::Directory, None),
        b"<JUNCTION>" | b"<SYMLINKD>" | b"<SYMLINK>" => (Kind::Symlink, None),
        digits => (Kind::File, Some(words::grouped(digits)?)),
    };
    // The column of names begins at the same place in every line: a name's own blanks before it cannot be told.
    let name = words::behind_blanks(line, size);
    let (name, target) = match kind {
        Kind::Symlink => junction(name),
        _ => (name, None),
    };
    Some(entry(Listed {
        name: name.to_vec(),
        kind: Some(kind),
        size: size_told,
        modified: Some(modified),
        target,
        ..Listed::default()
    }))
}

/// `11-22-26`, `11-22-2026` or `11/22/2026`: month first; `2026-11-22` and `22.11.2026` say what they mean.
fn day(text: &[u8]) -> Option<(i64, u8, u8)> {
    let mark = *text.iter().find(|octet| matches!(octet, b'-' | b'/' | b'.'))?;
    let fields: Vec<&[u8]> = text.split(|octet| *octet == mark).collect();
    let [first, second, third] = fields.as_slice() else { return None };
    let (year, month, day) = match (first.len(), mark) {
        (4, _) => (first, second, third),
        (_, b'.') => (third, second, first),
        _ => (third, first, second),
    };
    let (month, day) = (words::number(month)?, words::number(day)?);
    // Whoever writes 22-11-2026 puts the day first.
    let (month, day) = if month > 12 && first.len() < 4 { (day, month) } else { (month, day) };
    let small = |number: u64, most: u8| u8::try_from(number).ok().filter(|read| (1..=most).contains(read));
    Some((words::year(year)?, small(month, 12)?, small(day, 31)?))
}

/// `name [C:\target]`.
fn junction(name: &[u8]) -> (&[u8], Option<Vec<u8>>) {
    let open = name.windows(2).rposition(|window| window == b" [");
    match (open, name.strip_suffix(b"]")) {
        (Some(open), Some(inside)) => {
            (name.get(..open).unwrap_or_default(), inside.get(open + 2..).map(<[u8]>::to_vec))
        }
        _ => (name, None),
    }
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
    fn files_and_directories_are_told_apart() {
        let file = listed("11-22-26  02:40PM               1,234 two words.txt");
        assert_eq!((file.name, file.size), (b"two words.txt".to_vec(), Some(1234)));
        assert_eq!(Civil::of(file.modified.unwrap().seconds).hour, 14);
        assert_eq!(listed("07-14-17  02:40AM       <DIR>          한글").kind, Some(Kind::Directory));
    }

    #[test]
    fn dates_of_other_countries_are_read() {
        for line in [
            "2026-11-22  07:15  7 x",
            "22.11.2026  07:15  7 x",
            "22/11/2026 07:15 7 x",
            "11/22/26 07:15a 7 x",
        ] {
            let civil = Civil::of(listed(line).modified.unwrap().seconds);
            assert_eq!((civil.year, civil.month, civil.day), (2026, 11, 22), "{line}");
        }
    }

    #[test]
    fn a_junction_tells_where_it_points() {
        let read = listed("11-22-26  07:15AM  <JUNCTION>  here [D:\\there]");
        assert_eq!((read.name, read.target), (b"here".to_vec(), Some(b"D:\\there".to_vec())));
    }

    #[test]
    fn other_formats_are_not_taken_for_this_one() {
        for line in
            ["-rw-r--r-- 1 a b 7 Nov 22 07:15 x", "11-22-26  07:15AM  seven x", "13-32-26 07:15 7 x", ""]
        {
            assert_eq!(read(line.as_bytes()), None, "{line}");
        }
    }
}
