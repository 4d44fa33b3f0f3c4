//! The words `ps` shows for a process: its role, and what it is doing.
//!
//! The kernel reads a process's command line from the memory where its arguments lie. [`crate::spawn`] makes
//! that area roomy; here it is found and written over. In a process that somebody else started, the area may be
//! short, and the title is cut.
#![allow(unsafe_code, reason = "the argument area can be reached by address only")]

use std::io;
use std::time::{Duration, Instant};

use rustix::thread::set_name;

use crate::context::{Context, invalid_data};

/// The longest argument area we write to; what lies beyond belongs to arguments nobody padded.
const LONGEST: usize = 4096;

/// How often a title changes at most: faster than that nobody reads, and each change costs as much as a small file.
const PACE: Duration = Duration::from_millis(100);

/// The argument area of this process.
///
/// There should be one per process. It is not made for threads: [`std::env::args`] reads the same memory, so take
/// the arguments first and do not ask for them again.
#[derive(Debug)]
pub struct Title {
    start: usize,
    length: usize,
    /// How many octets of the area are not zero.
    written: usize,
}

/// Keeps a title from being changed too often, and tells when what could not be shown yet is due.
///
/// The first change after a pause is shown at once, so a quiet process needs no timer.
#[derive(Debug, Default)]
pub struct Pace {
    shown: Option<Instant>,
    is_stale: bool,
}

impl Pace {
    /// Tells whether the title may be changed now; if not, it is due at [`Self::due`].
    pub fn permits(&mut self, now: Instant) -> bool {
        self.is_stale = self.shown.is_some_and(|shown| now < shown + PACE);
        if !self.is_stale {
            self.shown = Some(now);
        }
        !self.is_stale
    }

    /// Tells when to show what was not permitted; `None` when everything is shown.
    #[must_use]
    pub fn due(&self) -> Option<Instant> {
        self.shown.filter(|_| self.is_stale).map(|shown| shown + PACE)
    }
}

impl Title {
    /// Finds the area.
    ///
    /// Without `/proc`, and where the numbers make no sense, the title has no room and [`Self::set`] names the
    /// process by its short name only.
    pub fn prepare() -> Self {
        match argument_area() {
            Ok((start, length)) => {
                let length = length.min(LONGEST);
                Self { start, length, written: length }
            }
            Err(_) => Self { start: 0, length: 0, written: 0 },
        }
    }

    /// Tells how many octets of a title can be shown.
    pub fn room(&self) -> usize {
        self.length.saturating_sub(1)
    }

    /// Shows `text`, cut to the room there is, and gives the process its short name (15 octets).
    ///
    /// A prefix that ends with `": "` is left out of the short name, where space is dear: `wharfd: session 3`
    /// becomes `session 3`. Control characters are shown as blanks, for names from outside end up on terminals.
    pub fn set(&mut self, text: &str) {
        let clean: String = text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
        self.write(cut(&clean, self.room()).as_bytes());
        let short = clean.split_once(": ").map_or(clean.as_str(), |(_, rest)| rest);
        if let Ok(short) = std::ffi::CString::new(cut(short, 15)) {
            // A name is a courtesy; its failure is not worth a word.
            let _ = set_name(&short);
        }
    }

    fn write(&mut self, text: &[u8]) {
        if self.length == 0 {
            return;
        }
        let length = text.len().min(self.room());
        // Behind the last title there are zeros already.
        for offset in 0..self.written.max(length + 1).min(self.length) {
            // The last octet stays zero, so that whoever reads the area as strings finds an end.
            let octet = text.get(offset).copied().filter(|_| offset < self.room()).unwrap_or(0);
            let address = std::ptr::with_exposed_provenance_mut::<u8>(self.start + offset);
            // SAFETY: [start, start + length) lies within the argument area the kernel reported for this
            // process: mapped, writable stack memory that lives as long as the process. Rust keeps no
            // reference into it (std::env::args copies on every call), and `&mut self` keeps writers apart.
            unsafe { address.write_volatile(octet) };
        }
        self.written = length;
    }
}

/// Cuts at a character border.
fn cut(text: &str, room: usize) -> &str {
    let end = (0..=room.min(text.len())).rev().find(|end| text.is_char_boundary(*end)).unwrap_or(0);
    text.get(..end).unwrap_or("")
}

fn argument_area() -> io::Result<(usize, usize)> {
    let stat = std::fs::read_to_string("/proc/self/stat").context(|| "cannot read /proc/self/stat".into())?;
    area_in(&stat).ok_or_else(|| invalid_data("/proc/self/stat has no argument area"))
}

/// Reads fields 48 and 49 (`arg_start`, `arg_end`) of proc(5)'s `stat`.
///
/// The second field is a name in brackets that may hold anything, so counting begins behind its last bracket.
fn area_in(stat: &str) -> Option<(usize, usize)> {
    let (_, rest) = stat.rsplit_once(')')?;
    let mut fields = rest.split_ascii_whitespace().skip(48 - 3);
    let start: usize = fields.next()?.parse().ok()?;
    let end: usize = fields.next()?.parse().ok()?;
    (start != 0 && end > start).then(|| (start, end - start))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_title_is_cut_between_characters() {
        assert_eq!(cut("서버", 4), "서");
        assert_eq!(cut("abc", 9), "abc");
        assert_eq!(cut("서", 2), "");
    }

    #[test]
    fn a_process_name_with_brackets_does_not_shift_the_fields() {
        let fields: Vec<String> = (4..=52).map(|n| n.to_string()).collect();
        let stat = format!("1 (od) d ) name) S {}", fields.join(" "));
        assert_eq!(area_in(&stat), Some((48, 1)));
        assert_eq!(area_in("1 (x) S 0 0"), None);
    }

    #[test]
    fn a_burst_of_changes_is_shown_twice_at_once_and_when_it_is_due() {
        let (mut pace, begin) = (Pace::default(), Instant::now());
        assert!(pace.permits(begin));
        assert_eq!(pace.due(), None);
        assert!(!pace.permits(begin + PACE / 4));
        assert!(!pace.permits(begin + PACE / 2));
        assert_eq!(pace.due(), Some(begin + PACE));
        assert!(pace.permits(begin + PACE));
        assert_eq!(pace.due(), None);
    }

    #[test]
    fn a_short_title_leaves_nothing_of_a_longer_one() {
        let area = Box::leak(Box::new([b'x'; 32]));
        let start = area.as_mut_ptr().expose_provenance();
        let mut title = Title { start, length: 32, written: 32 };
        for (text, shown) in [("wharfd: a long title", 20), ("wharfd: no", 10), ("wharfd: longer", 14)] {
            title.write(text.as_bytes());
            assert_eq!(&area[..shown], text.as_bytes());
            assert!(area[shown..].iter().all(|octet| *octet == 0), "{area:?}");
        }
        title.write(&[b'y'; 40]);
        assert_eq!((area[30], area[31]), (b'y', 0));
    }

    #[test]
    fn no_room_is_not_an_error() {
        let mut title = Title { start: 0, length: 0, written: 0 };
        title.set("wharfd: nothing to see");
        assert_eq!(title.room(), 0);
    }
}
