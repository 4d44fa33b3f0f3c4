//! Lines as `ls -l` prints them, on UNIX and on the many systems that imitate it, NetWare among them.

use super::words::{self, Word, words};
use super::{Line, Listed, Moment, entry};
use crate::entry::{Kind, Time};
use crate::ftp::listing::date::Civil;

/// More words than any line has before its name.
const COLUMNS: usize = 14;

/// A listing may be a day ahead of our clock: zones differ.
const DAY: i64 = 86_400;

pub(super) fn read(line: &[u8], now: Time) -> Option<Line> {
    let words = words(line, COLUMNS);
    let first = words.first()?;
    if first.text.eq_ignore_ascii_case(b"total") && words.len() <= 3 {
        return words.get(1).filter(|word| words::number(word.text).is_some()).map(|_| Line::Other);
    }
    let kind = kind(*first.text.first()?)?;
    let rights = rights(line, first)?;
    let date = words.iter().enumerate().skip(1).find_map(|(at, _)| date(line, &words, at, now))?;
    let size = words.get(date.first.checked_sub(1)?)?;
    let is_device =
        date.first >= 2 && words.get(date.first - 2).is_some_and(|word| word.text.ends_with(b","));
    let before = words.get(rights.words..date.first - 1 - usize::from(is_device)).unwrap_or_default();
    let (owner, group) = owners(before);
    let (name, target) = match (kind, split_at_arrow(date.name)) {
        (Kind::Symlink, Some((name, target))) => (name, Some(target.to_vec())),
        _ => (date.name, None),
    };
    Some(entry(Listed {
        name: name.to_vec(),
        kind: Some(kind),
        size: if is_device { None } else { words::grouped(size.text) },
        modified: Some(date.moment),
        mode: rights.mode,
        owner,
        group,
        target,
        ..Listed::default()
    }))
}

fn kind(letter: u8) -> Option<Kind> {
    Some(match letter {
        b'-' | b'f' | b'F' => Kind::File,
        b'd' | b'D' => Kind::Directory,
        b'l' | b'L' => Kind::Symlink,
        b'p' => Kind::Fifo,
        b's' => Kind::Socket,
        b'c' => Kind::CharacterDevice,
        b'b' => Kind::BlockDevice,
        // Doors, whiteouts, migrated files and the like.
        b'o' | b'w' | b'm' | b'?' => Kind::Unknown,
        _ => return None,
    })
}

/// The rights, and how many words they and the type take.
struct Rights {
    mode: Option<u32>,
    words: usize,
}

/// Reads `rwxr-xr-x`, or NetWare's `[RWCEAFMS]`, behind the type.
fn rights(line: &[u8], first: &Word<'_>) -> Option<Rights> {
    let letters = first.text.get(1..)?;
    if letters.is_empty() || letters.starts_with(b"[") {
        // NetWare: `d [R----F--] …` or `d[R----F--]`.
        let open = line.iter().position(|octet| *octet == b'[')?;
        let inside = line.get(open + 1..)?;
        let close = inside.iter().position(|octet| *octet == b']')?;
        let is_right = |octet: &u8| octet.is_ascii_alphabetic() || matches!(octet, b'-' | b' ');
        return inside
            .get(..close)?
            .iter()
            .all(is_right)
            .then_some(Rights { mode: None, words: if letters.is_empty() { 2 } else { 1 } });
    }
    // An access control list or a security context is told by one more letter.
    let nine = letters.get(..9)?;
    let is_mark = |octet: &u8| matches!(octet, b'+' | b'.' | b'@' | b'*') || octet.is_ascii_digit();
    let behind = letters.get(9..)?;
    if !behind.iter().all(is_mark) {
        return None;
    }
    let mut mode = 0;
    for (place, letter) in nine.iter().enumerate() {
        mode |= right(place, *letter)?;
    }
    Some(Rights { mode: Some(mode), words: 1 })
}

/// One letter of nine: its own bit, and the special bit of its class.
fn right(place: usize, letter: u8) -> Option<u32> {
    let own = 0o400 >> place;
    let special = [0o4000, 0o2000, 0o1000].get(place / 3).copied()?;
    Some(match (place % 3, letter) {
        (_, b'-') => 0,
        (0, b'r') | (1, b'w') | (2, b'x') => own,
        (2, b's' | b't') => own | special,
        (2, b'S' | b'T' | b'l' | b'L') => special,
        _ => return None,
    })
}

/// Where the date stands, what it says, and the name behind it.
struct Date<'a> {
    /// The number of its first word.
    first: usize,
    moment: Moment,
    name: &'a [u8],
}

/// Finds a date that begins with the word `at` and has the size before it.
fn date<'a>(line: &'a [u8], words: &[Word<'_>], at: usize, now: Time) -> Option<Date<'a>> {
    words::grouped(words.get(at.checked_sub(1)?)?.text)?;
    let text = |place: usize| words.get(place).map(|word| word.text).unwrap_or_default();
    // 2026-11-22 07:15, as `ls --time-style=long-iso` has it.
    if let Some((year, month, day)) = iso(text(at)) {
        let clock = words::clock(text(at + 1))?;
        let moment = words::moment(year, month, day, Some(clock))?;
        return Some(Date { first: at, moment, name: name(line, words.get(at + 1)?) });
    }
    let (month, day) = match words::month(text(at)) {
        Some(month) => (month, words::within(text(at + 1), 1, 31)?),
        None => (words::month(text(at + 1))?, words::within(text(at), 1, 31)?),
    };
    let last = text(at + 2);
    if let Some(clock) = words::clock(last) {
        // Some print the year as well, behind the hour.
        let (year, behind) = match words::year(text(at + 3)).filter(|_| text(at + 3).len() == 4) {
            Some(year) if last.len() > 5 => (Some(year), at + 3),
            _ => (None, at + 2),
        };
        let year = year.unwrap_or_else(|| year_of(month, day, now));
        let moment = words::moment(year, month, day, Some(clock))?;
        return Some(Date { first: at, moment, name: name(line, words.get(behind)?) });
    }
    let moment = words::moment(words::year(last).filter(|_| last.len() == 4)?, month, day, None)?;
    Some(Date { first: at, moment, name: name(line, words.get(at + 2)?) })
}

/// The name begins behind one blank: further blanks are its own.
fn name<'a>(line: &'a [u8], last: &Word<'_>) -> &'a [u8] {
    words::behind(line, last)
}

fn iso(text: &[u8]) -> Option<(i64, u8, u8)> {
    let mut fields = text.splitn(3, |octet| *octet == b'-');
    let year = fields.next().filter(|field| field.len() == 4).and_then(words::year)?;
    let month = words::within(fields.next()?, 1, 12)?;
    Some((year, month, words::within(fields.next()?, 1, 31)?))
}

/// A date without a year is the last such day that was, or tomorrow.
fn year_of(month: u8, day: u8, now: Time) -> i64 {
    let latest = now.seconds.saturating_add(DAY);
    let year = Civil::of(latest).year;
    let this = Civil { year, month, day, hour: 0, minute: 0, second: 0 };
    // The 29th of February stands for the last one there was.
    (year - 8..=year)
        .rev()
        .map(|year| Civil { year, ..this })
        .find(|civil| civil.seconds() <= latest && Civil::of(civil.seconds()) == *civil)
        .map_or(year, |civil| civil.year)
}

/// Owner and group from the words between rights and size; the number of links comes first where there is one.
fn owners(words: &[Word<'_>]) -> (Option<Vec<u8>>, Option<Vec<u8>>) {
    let has_links = words.len() > 1 && words.first().is_some_and(|word| words::number(word.text).is_some());
    let mut rest = words.iter().skip(usize::from(has_links)).map(|word| word.text.to_vec());
    (rest.next(), rest.next())
}

fn split_at_arrow(name: &[u8]) -> Option<(&[u8], &[u8])> {
    let at = name.windows(4).position(|window| window == b" -> ")?;
    Some((name.get(..at)?, name.get(at + 4..)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// 2026-11-25.
    const NOW: Time = Time { seconds: 1_795_600_000, nanoseconds: 0 };

    fn listed(line: &str) -> Listed {
        match read(line.as_bytes(), NOW) {
            Some(Line::Entry(listed)) => listed,
            other => panic!("{line}: {other:?}"),
        }
    }

    fn year(line: &str) -> i64 {
        Civil::of(listed(line).modified.unwrap().seconds).year
    }

    #[test]
    fn every_column_is_read_and_the_name_keeps_its_blanks() {
        let read = listed("-rwsr-xr-T    1 jane     users        1234 Nov 22 07:15  two  blanks ");
        assert_eq!(read.name, b" two  blanks ");
        assert_eq!((read.kind, read.size, read.mode), (Some(Kind::File), Some(1234), Some(0o5754)));
        assert_eq!((read.owner.unwrap(), read.group.unwrap()), (b"jane".to_vec(), b"users".to_vec()));
    }

    #[test]
    fn a_date_without_a_year_is_the_last_one_there_was() {
        assert_eq!(year("-rw-r--r-- 1 a b 7 Nov 22 07:15 x"), 2026);
        assert_eq!(year("-rw-r--r-- 1 a b 7 Nov 26 07:15 x"), 2026, "another zone is a day ahead");
        assert_eq!(year("-rw-r--r-- 1 a b 7 Dec 24 07:15 x"), 2025);
        assert_eq!(year("-rw-r--r-- 1 a b 7 Feb 29 07:15 x"), 2024);
        assert_eq!(year("-rw-r--r-- 1 a b 7 Sep 09  2001 x"), 2001);
    }

    #[test]
    fn a_link_is_split_and_a_file_of_that_look_is_not() {
        let link = listed("lrwxrwxrwx 1 a b 6 Jan 1 00:00 from -> to -> there");
        assert_eq!((link.name, link.target), (b"from".to_vec(), Some(b"to -> there".to_vec())));
        assert_eq!(listed("-rw-r--r-- 1 a b 6 Jan 1 00:00 a -> b").name, b"a -> b");
    }

    #[test]
    fn a_device_has_no_size() {
        let device = listed("crw-rw---- 1 root tty 5, 1 Nov 22 07:15 tty1");
        assert_eq!((device.size, device.kind), (None, Some(Kind::CharacterDevice)));
        assert_eq!(device.group.as_deref(), Some(&b"tty"[..]));
    }

    #[test]
    fn a_user_named_like_a_month_or_a_number_confuses_nobody() {
        let read = listed("-rw-r--r-- 1 12 May 7 Nov 22 07:15 May 7 2020 x");
        assert_eq!(read.name, b"May 7 2020 x");
        assert_eq!(read.group.as_deref(), Some(&b"May"[..]));
    }

    #[test]
    fn dates_of_other_styles_are_read() {
        assert_eq!(listed("-rw-r--r--+ 1 a b 7 2026-11-22 07:15 x y").name, b"x y");
        assert_eq!(listed("drwxr-xr-x 1 a b 4,096 22 Nov 07:15 x").size, Some(4096));
        assert_eq!(listed("d [RWCEAFMS] supervisor 512 Jan 16 18:53 login").owner.unwrap(), b"supervisor");
    }

    #[test]
    fn a_total_and_the_directory_itself_are_no_entries() {
        assert_eq!(read(b"total 12", NOW), Some(Line::Other));
        assert_eq!(read(b"drwxr-xr-x 2 a b 4096 Nov 22 07:15 ..", NOW), Some(Line::Other));
        assert_eq!(read(b"drwxr-xr-x 2 a b", NOW), None);
        assert_eq!(read(b"drwxr-xr-z 2 a b 7 Nov 22 07:15 x", NOW), None);
    }
}
