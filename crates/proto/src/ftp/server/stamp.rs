//! The times of MDTM and MFMT: `YYYYMMDDhhmmss`, always UTC (RFC 3659 §2.3).

use crate::entry::Time;
use crate::ftp::listing::date::Civil;

/// Shows a time with whole seconds, which every client reads.
pub(super) fn show(time: Time) -> String {
    let mut out = Vec::with_capacity(14);
    Civil::of(time.seconds).push_stamp(&mut out);
    String::from_utf8_lossy(&out).into_owned()
}

/// Reads a time that a calendar knows; a fraction may follow and is dropped.
pub(super) fn read_strictly(text: &[u8]) -> Option<Time> {
    let civil = fields(whole_seconds(text)?)?;
    let seconds = civil.seconds();
    // What carries over into another field is no date: 30 February, 25 o'clock.
    (Civil::of(seconds) == civil).then_some(Time { seconds, nanoseconds: 0 })
}

/// Reads a time as vsftpd does: the clock may be left out, and fields carry over as in `mktime`.
pub(super) fn read_as_mktime(text: &[u8]) -> Option<Time> {
    let civil = match text.len() {
        8 => fields(&[text, b"000000"].concat())?,
        _ => fields(whole_seconds(text)?)?,
    };
    Some(Time { seconds: civil.seconds(), nanoseconds: 0 })
}

fn whole_seconds(text: &[u8]) -> Option<&[u8]> {
    let mut halves = text.splitn(2, |&octet| octet == b'.');
    let seconds = halves.next()?;
    match halves.next() {
        Some(fraction) if fraction.is_empty() || !fraction.iter().all(u8::is_ascii_digit) => None,
        _ => Some(seconds),
    }
}

fn fields(digits: &[u8]) -> Option<Civil> {
    if digits.len() != 14 || !digits.iter().all(u8::is_ascii_digit) {
        return None;
    }
    let pair =
        |at: usize| digits.get(at..at + 2).map_or(0, |two| two.iter().fold(0, |n, d| n * 10 + (d - b'0')));
    Some(Civil {
        year: i64::from(pair(0)) * 100 + i64::from(pair(2)),
        month: pair(4),
        day: pair(6),
        hour: pair(8),
        minute: pair(10),
        second: pair(12),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_is_read_and_shown_alike() {
        for text in ["20200229123456", "19691231235959", "99991231235959", "00010101000000"] {
            assert_eq!(show(read_strictly(text.as_bytes()).unwrap()), text);
        }
        assert_eq!(read_strictly(b"19700101000001.999").unwrap().seconds, 1);
    }

    #[test]
    fn what_no_calendar_knows_is_refused() {
        for text in [
            "20210229000000",
            "20201301000000",
            "20200101240000",
            "2020010100000",
            "2020010100000x",
            "20200101000000.",
        ] {
            assert_eq!(read_strictly(text.as_bytes()), None, "{text}");
        }
    }

    #[test]
    fn mdtm_carries_over_and_may_leave_out_the_clock() {
        assert_eq!(show(read_as_mktime(b"20201301000000").unwrap()), "20210101000000");
        assert_eq!(show(read_as_mktime(b"20200203").unwrap()), "20200203000000");
        assert_eq!(read_as_mktime(b"2020020304"), None);
    }
}
