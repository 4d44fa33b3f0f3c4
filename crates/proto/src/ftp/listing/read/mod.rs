//! Listings as a client gets them: what a server wrote, read back as entries.
//!
//! MLSD is a standard (RFC 3659 §7) and is read to the letter; LIST is whatever the server's system prints, so each format
//! is a file here, and the first line that one of them understands decides which is tried first. Lines that nobody
//! understands are counted, never guessed at: a wrong size or a wrong name is worse than a missing one.
//!
//! Security: names are given as they came. A client must ask [`Listed::is_plain`] before it makes a file of that name.

mod as400;
mod dos;
mod eplf;
mod facts;
mod mvs;
#[cfg(test)]
mod samples;
mod unix;
mod vms;
mod words;

pub use facts::read_facts;

use crate::entry::{Kind, Time};

/// The longest line that is read, in octets: a path of 4,096 octets and its columns, four times over.
pub const MAX_LINE: usize = 16 * 1024;

/// One entry as a server told it; what it did not tell is `None`.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Listed {
    /// The name's octets as they came.
    pub name: Vec<u8>,
    /// What it is.
    pub kind: Option<Kind>,
    /// Size in octets.
    pub size: Option<u64>,
    /// When it last changed.
    pub modified: Option<Moment>,
    /// Permission bits, set-id and sticky bits included.
    pub mode: Option<u32>,
    /// The owner's name or number.
    pub owner: Option<Vec<u8>>,
    /// The group's name or number.
    pub group: Option<Vec<u8>>,
    /// Where a symbolic link points.
    pub target: Option<Vec<u8>>,
    /// The letters of the `perm` fact (RFC 3659 §7.5.5).
    pub perm: Option<Vec<u8>>,
    /// The `unique` fact (RFC 3659 §7.5.2): equal for two names of one file.
    pub unique: Option<Vec<u8>>,
}

impl Listed {
    /// Tells whether the name is one step of a path: not empty, neither `.` nor `..`, and without `/`, `\` and NUL.
    ///
    /// Security: a server may send `../../.ssh/authorized_keys` as a name.
    #[must_use]
    pub fn is_plain(&self) -> bool {
        !matches!(self.name.as_slice(), b"" | b"." | b"..")
            && !self.name.iter().any(|octet| matches!(octet, b'/' | b'\\' | 0))
    }
}

/// A point in time as a listing tells it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Moment {
    /// Seconds since 1970-01-01T00:00:00 in the zone of the listing.
    pub seconds: i64,
    /// How exactly.
    pub precision: Precision,
    /// Whether the zone is known to be UTC; a LIST line never says.
    pub is_utc: bool,
}

/// How exactly a time was told.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Precision {
    /// The day.
    Day,
    /// The minute.
    Minute,
    /// The second.
    Second,
}

/// What one line was.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Line {
    /// An entry.
    Entry(Listed),
    /// Not about an entry: a heading, a total, `.` and `..`, an empty line.
    Other,
    /// Nothing that any format knows.
    Unknown,
}

/// How a line is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Format {
    Facts,
    Unix,
    Dos,
    Eplf,
    Vms,
    As400,
    Mvs,
}

/// The formats of LIST, those that are hard to mistake for another first.
const LIST: [Format; 6] = [Format::Eplf, Format::Unix, Format::Dos, Format::Vms, Format::As400, Format::Mvs];

impl Format {
    fn read(self, line: &[u8], now: Time) -> Option<Line> {
        match self {
            Self::Facts => facts::read(line),
            Self::Unix => unix::read(line, now),
            Self::Dos => dos::read(line),
            Self::Eplf => eplf::read(line),
            Self::Vms => vms::read(line),
            Self::As400 => as400::read(line),
            Self::Mvs => mvs::read(line),
        }
    }
}

/// Reads one listing, octets in, entries out.
#[derive(Debug, Clone)]
pub struct Reader {
    now: Time,
    /// What is tried first.
    format: Option<Format>,
    is_facts: bool,
    /// The beginning of a line whose end has not come.
    begun: Vec<u8>,
    /// The rest of the present line is passed over.
    is_too_long: bool,
    /// A VMS name whose columns are on the next line.
    name: Option<Vec<u8>>,
    unknown: u64,
}

impl Reader {
    /// Reads what LIST gives. `now` decides the year of dates that are told without one.
    #[must_use]
    pub fn list(now: Time) -> Self {
        Self {
            now,
            format: None,
            is_facts: false,
            begun: Vec::new(),
            is_too_long: false,
            name: None,
            unknown: 0,
        }
    }

    /// Reads what MLSD gives.
    #[must_use]
    pub fn mlsd() -> Self {
        Self { format: Some(Format::Facts), is_facts: true, ..Self::list(Time::default()) }
    }

    /// How many lines nobody understood so far, those that were too long included.
    #[must_use]
    pub fn unknown(&self) -> u64 {
        self.unknown
    }

    /// Takes octets in any pieces and gives the entries that became whole with them.
    pub fn feed(&mut self, octets: &[u8], mut give: impl FnMut(Listed)) {
        let mut rest = octets;
        while let Some(end) = rest.iter().position(|&octet| octet == b'\n') {
            let (head, tail) = rest.split_at(end);
            rest = tail.get(1..).unwrap_or_default();
            if self.begun.is_empty() && !self.is_too_long {
                self.take(head, &mut give);
            } else {
                self.keep(head);
                self.end(&mut give);
            }
        }
        self.keep(rest);
    }

    /// Ends the listing: a last line may lack its end.
    pub fn finish(&mut self, mut give: impl FnMut(Listed)) {
        if !self.begun.is_empty() || self.is_too_long {
            self.end(&mut give);
        }
        if self.name.take().is_some() {
            self.unknown += 1;
        }
    }

    /// Reads one line without its end.
    pub fn line(&mut self, line: &[u8]) -> Line {
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        if let Some(name) = self.name.take() {
            let joined = [name.as_slice(), b" ", line].concat();
            if let Some(read) = vms::read(&joined) {
                return read;
            }
        }
        if line.iter().all(u8::is_ascii_whitespace) {
            return Line::Other;
        }
        if let Some(read) = self.format.and_then(|format| format.read(line, self.now)) {
            return read;
        }
        if !self.is_facts {
            for format in LIST {
                if let Some(read) = format.read(line, self.now) {
                    if matches!(read, Line::Entry(_)) {
                        self.format = Some(format);
                    }
                    return read;
                }
            }
            if vms::is_name_alone(line) {
                self.name = Some(line.to_vec());
                return Line::Other;
            }
        }
        Line::Unknown
    }

    fn take(&mut self, line: &[u8], give: &mut impl FnMut(Listed)) {
        match self.line(line) {
            Line::Entry(entry) => give(entry),
            Line::Other => {}
            Line::Unknown => self.unknown += 1,
        }
    }

    fn keep(&mut self, octets: &[u8]) {
        if self.is_too_long || self.begun.len() + octets.len() > MAX_LINE {
            self.is_too_long = true;
            self.begun = Vec::new();
        } else {
            self.begun.extend_from_slice(octets);
        }
    }

    fn end(&mut self, give: &mut impl FnMut(Listed)) {
        if std::mem::take(&mut self.is_too_long) {
            self.unknown += 1;
            return;
        }
        let line = std::mem::take(&mut self.begun);
        self.take(&line, give);
    }
}

/// Makes a line of an entry; `.` and `..` are about the directory itself.
fn entry(listed: Listed) -> Line {
    match listed.name.as_slice() {
        b"." | b".." => Line::Other,
        b"" => Line::Unknown,
        _ => Line::Entry(listed),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Time = Time { seconds: 1_795_600_000, nanoseconds: 0 };

    fn names(reader: &mut Reader, pieces: &[&[u8]]) -> Vec<String> {
        let mut names = Vec::new();
        let mut give = |entry: Listed| names.push(String::from_utf8(entry.name).unwrap());
        for piece in pieces {
            reader.feed(piece, &mut give);
        }
        reader.finish(&mut give);
        names
    }

    #[test]
    fn lines_may_come_in_any_pieces_and_the_last_without_its_end() {
        let text = b"total 8\r\n-rw-r--r--    1 0        0               7 Nov 22 07:15 first\r\n\
            drwxr-xr-x    2 0        0            4096 Sep 09  2001 second";
        for split in 0..text.len() {
            let (head, tail) = text.split_at(split);
            let mut reader = Reader::list(NOW);
            assert_eq!(names(&mut reader, &[head, tail]), ["first", "second"], "split at {split}");
            assert_eq!(reader.unknown(), 0);
        }
    }

    #[test]
    fn a_line_without_end_costs_no_memory_and_the_next_is_read() {
        let mut reader = Reader::list(NOW);
        let long = vec![b'x'; MAX_LINE];
        let read = names(&mut reader, &[&long, &long, b"\n-rw-r--r-- 1 a b 7 Nov 22 07:15 next\n"]);
        assert_eq!(read, ["next"]);
        assert_eq!(reader.unknown(), 1);
        assert!(reader.begun.capacity() == 0);
    }

    #[test]
    fn what_nobody_understands_is_counted_and_nothing_is_guessed() {
        let mut reader = Reader::list(NOW);
        assert!(names(&mut reader, &[b"what is this\n???? 12 hello\n"]).is_empty());
        assert_eq!(reader.unknown(), 2);
    }

    #[test]
    fn a_name_that_leads_elsewhere_is_not_plain() {
        let named = |name: &[u8]| Listed { name: name.to_vec(), ..Listed::default() }.is_plain();
        for bad in [&b""[..], b".", b"..", b"../x", b"/etc/passwd", b"a\\b", b"a\0b"] {
            assert!(!named(bad), "{bad:?}");
        }
        assert!(named(b"...") && named("한글.txt".as_bytes()) && named(b" a b "));
    }
}
