//! LIST lines as `ls -l` writes them: the one format that every client reads.
//!
//! Compat: the columns are vsftpd's, octet for octet: links of width 4, owner and group of width 8, size of
//! width 8, a two-digit day, English months.

use super::date::Civil;
use super::{Owners, push_blanks, push_name, push_number, push_two};
use crate::entry::{Entry, Kind, Time};

const MONTHS: [&[u8; 3]; 12] =
    [b"Jan", b"Feb", b"Mar", b"Apr", b"May", b"Jun", b"Jul", b"Aug", b"Sep", b"Oct", b"Nov", b"Dec"];

/// How old a time may be to be shown with its hour instead of its year.
const HALF_A_YEAR: i64 = 182 * 86_400;

/// What is the same for all lines of a listing.
#[derive(Debug, Clone, Copy)]
pub struct Frame<'a> {
    /// How owners are told.
    pub owners: &'a Owners,
    /// The time at which the listing is made.
    pub now: Time,
    /// Whether a `/` is put behind directories (flag `F`).
    pub classify: bool,
}

/// Writes the lines of one listing, and remembers the columns that many entries of a directory have in common.
///
/// All lines must be written with the same [`Frame::owners`].
#[derive(Debug, Clone, Default)]
pub struct Columns {
    /// Mode, links, owner and group with the blanks around them, and of which entry.
    common: Vec<u8>,
    common_of: Option<Common>,
    /// The date, and of which moments.
    date: Vec<u8>,
    date_of: Option<Moments>,
}

/// What decides the columns before the size.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Common {
    kind: Kind,
    mode: u32,
    links: u64,
    uid: u32,
    gid: u32,
}

/// What decides the date: the minute of local time, and whether the hour or the year is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Moments {
    minute: i64,
    is_recent: bool,
}

impl Columns {
    /// Appends one line with its CR LF.
    ///
    /// `target` is where a symbolic link points; `offset` is the zone's, in seconds east of UTC, at the entry's time.
    pub fn line(
        &mut self,
        out: &mut Vec<u8>,
        entry: &Entry,
        name: &[u8],
        target: Option<&[u8]>,
        frame: &Frame<'_>,
        offset: i64,
    ) {
        out.extend_from_slice(self.common(entry, frame.owners));
        push_number(out, entry.size, 8);
        out.extend_from_slice(self.date(entry.modified, frame.now, offset));
        push_name(out, name);
        if let Some(target) = target {
            out.extend_from_slice(b" -> ");
            push_name(out, target);
        }
        if frame.classify && entry.kind == Kind::Directory {
            out.push(b'/');
        }
        out.extend_from_slice(b"\r\n");
    }

    fn common(&mut self, entry: &Entry, owners: &Owners) -> &[u8] {
        let Entry { kind, mode, links, uid, gid, .. } = *entry;
        let wanted = Some(Common { kind, mode, links, uid, gid });
        if self.common_of != wanted {
            self.common_of = wanted;
            self.common.clear();
            push_mode(&mut self.common, entry);
            self.common.push(b' ');
            push_number(&mut self.common, links, 4);
            self.common.push(b' ');
            push_owner(&mut self.common, owners.user(uid), uid);
            push_owner(&mut self.common, owners.group(gid), gid);
        }
        &self.common
    }

    fn date(&mut self, modified: Time, now: Time, offset: i64) -> &[u8] {
        let age = now.seconds.saturating_sub(modified.seconds);
        let local = modified.seconds.saturating_add(offset);
        let moments = Moments { minute: local.div_euclid(60), is_recent: (0..=HALF_A_YEAR).contains(&age) };
        if self.date_of != Some(moments) {
            self.date_of = Some(moments);
            self.date.clear();
            self.date.push(b' ');
            push_date(&mut self.date, &Civil::of(local), moments.is_recent);
            self.date.push(b' ');
        }
        &self.date
    }
}

/// Appends the type letter and the nine permission bits.
fn push_mode(out: &mut Vec<u8>, entry: &Entry) {
    let letter = match entry.kind {
        Kind::File => b'-',
        Kind::Directory => b'd',
        Kind::Symlink => b'l',
        Kind::Socket => b's',
        Kind::Fifo => b'p',
        Kind::CharacterDevice => b'c',
        Kind::BlockDevice => b'b',
        Kind::Unknown => b'?',
    };
    let mode = entry.mode;
    let bit = |mask: u32, yes: u8| if mode & mask == 0 { b'-' } else { yes };
    let execute = |mask: u32, special: u32, both: u8, alone: u8| match (mode & mask != 0, mode & special != 0)
    {
        (true, true) => both,
        (false, true) => alone,
        (true, false) => b'x',
        (false, false) => b'-',
    };
    out.extend_from_slice(&[
        letter,
        bit(0o400, b'r'),
        bit(0o200, b'w'),
        execute(0o100, 0o4000, b's', b'S'),
        bit(0o040, b'r'),
        bit(0o020, b'w'),
        execute(0o010, 0o2000, b's', b'S'),
        bit(0o004, b'r'),
        bit(0o002, b'w'),
        execute(0o001, 0o1000, b't', b'T'),
    ]);
}

/// Appends an owner, left-aligned in eight columns, and a blank.
fn push_owner(out: &mut Vec<u8>, name: Option<&[u8]>, number: u32) {
    let start = out.len();
    match name {
        Some(name) => push_name(out, name),
        None => push_number(out, u64::from(number), 0),
    }
    let length = out.len() - start;
    push_blanks(out, 8_usize.saturating_sub(length) + 1);
}

fn push_date(out: &mut Vec<u8>, civil: &Civil, is_recent: bool) {
    let month = usize::from(civil.month).checked_sub(1).and_then(|index| MONTHS.get(index));
    out.extend_from_slice(month.copied().unwrap_or(b"???"));
    out.push(b' ');
    push_two(out, civil.day);
    out.push(b' ');
    if is_recent {
        push_two(out, civil.hour);
        out.push(b':');
        push_two(out, civil.minute);
    } else {
        out.push(b' ');
        push_number(out, u64::try_from(civil.year).unwrap_or(0), 4);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const NOW: Time = Time { seconds: 1_604_312_400, nanoseconds: 0 }; // 2020-11-02T10:20:00Z

    fn entry(kind: Kind, mode: u32, links: u64, size: u64, seconds: i64) -> Entry {
        let modified = Time { seconds, nanoseconds: 0 };
        Entry { kind, mode, links, uid: 1005, gid: 1005, size, modified, created: None, device: 1, inode: 2 }
    }

    fn text(entry: &Entry, name: &str, target: Option<&[u8]>, owners: &Owners) -> String {
        let mut out = Vec::new();
        let frame = Frame { owners, now: NOW, classify: false };
        Columns::default().line(&mut out, entry, name.as_bytes(), target, &frame, 0);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn lines_are_vsftpds_octet_for_octet() {
        let old = entry(Kind::File, 0o644, 1, 12, 1_580_702_706);
        assert_eq!(
            text(&old, "a.txt", None, &Owners::Numbers),
            "-rw-r--r--    1 1005     1005           12 Feb 03  2020 a.txt\r\n"
        );
        let directory = entry(Kind::Directory, 0o1777, 2, 4096, NOW.seconds);
        assert_eq!(
            text(&directory, "d2", None, &Owners::Numbers),
            "drwxrwxrwt    2 1005     1005         4096 Nov 02 10:20 d2\r\n"
        );
        let link = entry(Kind::Symlink, 0o777, 1, 5, NOW.seconds);
        assert_eq!(
            text(&link, "link", Some(b"a.txt"), &Owners::Numbers),
            "lrwxrwxrwx    1 1005     1005            5 Nov 02 10:20 link -> a.txt\r\n"
        );
        assert_eq!(
            text(&entry(Kind::File, 0o6755, 1, 1, NOW.seconds), "x", None, &Owners::Hidden),
            "-rwsr-sr-x    1 ftp      ftp             1 Nov 02 10:20 x\r\n"
        );
    }

    #[test]
    fn special_bits_without_execute_are_capitals() {
        let odd = entry(Kind::File, 0o7644, 1, 1, NOW.seconds);
        assert!(text(&odd, "x", None, &Owners::Numbers).starts_with("-rwSr-Sr-T "));
    }

    #[test]
    fn the_future_and_half_a_year_ago_are_shown_with_their_year() {
        let shown = |seconds| text(&entry(Kind::File, 0o644, 1, 1, seconds), "x", None, &Owners::Numbers);
        assert!(shown(NOW.seconds + 1).contains(" Nov 02  2020 x"));
        assert!(shown(NOW.seconds - HALF_A_YEAR).contains(" May 04 10:20 x"));
        assert!(shown(NOW.seconds - HALF_A_YEAR - 1).contains(" May 04  2020 x"));
    }

    #[test]
    fn long_owners_push_the_line_wider_and_line_ends_cannot_forge() {
        let users = [(1005, b"verylongname".to_vec())].into();
        let owners = Owners::Names { users, groups: [].into() };
        let line = text(&entry(Kind::File, 0o644, 1, 1, NOW.seconds), "a\r\nb", None, &owners);
        assert_eq!(line, "-rw-r--r--    1 verylongname 1005            1 Nov 02 10:20 a??b\r\n");
    }

    proptest! {
        #[test]
        fn remembered_columns_are_not_taken_for_others(
            several in prop::collection::vec((0..3_u32, 1..3_u64, 0..3_u32, -70..70_i64, 0..3_i64), 1..40),
        ) {
            let users = [(1005, b"somebody".to_vec())].into();
            let owners = Owners::Names { users, groups: [].into() };
            let mut remembering = Columns::default();
            for (mode, links, owner, seconds, zone) in several {
                // Around the minute, and around the half year, where the same minute is shown in two ways.
                let modified = NOW.seconds - i64::from(mode & 1) * HALF_A_YEAR + seconds;
                let mut entry = entry(Kind::File, mode, links, seconds.unsigned_abs(), modified);
                (entry.uid, entry.gid) = (1004 + owner, 1004 + owner * links as u32);
                if owner == 2 {
                    entry.kind = Kind::Directory;
                }
                let frame = Frame { owners: &owners, now: NOW, classify: true };
                let (mut out, mut expected) = (Vec::new(), Vec::new());
                remembering.line(&mut out, &entry, b"name", None, &frame, zone * 1800);
                Columns::default().line(&mut expected, &entry, b"name", None, &frame, zone * 1800);
                prop_assert_eq!(out, expected);
            }
        }
    }
}
