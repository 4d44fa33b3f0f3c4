//! Days and months from seconds and back, in the proleptic Gregorian calendar; no zone, no leap second.
//!
//! Used by LIST lines, the `modify` fact and MDTM. Zones are the caller's: it adds an offset first.

/// A point in time as a calendar shows it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Civil {
    /// The year; may be negative or beyond 9999.
    pub year: i64,
    /// 1..=12.
    pub month: u8,
    /// 1..=31.
    pub day: u8,
    /// 0..=23.
    pub hour: u8,
    /// 0..=59.
    pub minute: u8,
    /// 0..=59.
    pub second: u8,
}

const DAY: i64 = 86_400;
/// Days in 400 years.
const ERA: i64 = 146_097;
/// Days from 0000-03-01 to 1970-01-01. Counting years from March puts the leap day at the end.
const EPOCH: i64 = 719_468;

impl Civil {
    /// Reads seconds since 1970-01-01T00:00:00 as a calendar does.
    #[must_use]
    pub fn of(seconds: i64) -> Self {
        let clock = seconds.rem_euclid(DAY);
        let days = seconds.div_euclid(DAY) + EPOCH;
        let of_era = days.rem_euclid(ERA);
        let year_of_era = (of_era - of_era / 1_460 + of_era / 36_524 - of_era / 146_096) / 365;
        let of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
        let from_march = (5 * of_year + 2) / 153;
        let month = if from_march < 10 { from_march + 3 } else { from_march - 9 };
        Self {
            year: year_of_era + days.div_euclid(ERA) * 400 + i64::from(month <= 2),
            month: small(month),
            day: small(of_year - (153 * from_march + 2) / 5 + 1),
            hour: small(clock / 3_600),
            minute: small(clock / 60 % 60),
            second: small(clock % 60),
        }
    }

    /// Tells the seconds since 1970-01-01T00:00:00.
    ///
    /// Fields out of range carry over as `mktime` lets them: month 13 is January of the next year.
    #[must_use]
    pub fn seconds(&self) -> i64 {
        let months = i64::from(self.month) - 1;
        let year = self.year.saturating_add(months.div_euclid(12));
        let month = months.rem_euclid(12) + 1;
        let shifted = year.saturating_sub(i64::from(month <= 2));
        let of_era = shifted.rem_euclid(400);
        let from_march = (month + 9) % 12;
        let of_year = (153 * from_march + 2) / 5 + i64::from(self.day) - 1;
        let days = of_era * 365 + of_era / 4 - of_era / 100 + of_year;
        let days = shifted.div_euclid(400).saturating_mul(ERA).saturating_add(days - EPOCH);
        let clock = i64::from(self.hour) * 3_600 + i64::from(self.minute) * 60 + i64::from(self.second);
        days.saturating_mul(DAY).saturating_add(clock)
    }

    /// Appends `YYYYMMDDHHMMSS` (RFC 3659 §2.3); years beyond four digits are shown as they are.
    pub fn push_stamp(&self, out: &mut Vec<u8>) {
        self.push_minute(out);
        super::push_two(out, self.second);
    }

    fn push_minute(&self, out: &mut Vec<u8>) {
        let year = u64::try_from(self.year).unwrap_or(0);
        if year < 1000 {
            out.push(b'0');
            super::push_two(out, small(i64::try_from(year / 10).unwrap_or(0)));
            out.push(b'0' + small(i64::try_from(year % 10).unwrap_or(0)));
        } else {
            super::push_number(out, year, 4);
        }
        for field in [self.month, self.day, self.hour, self.minute] {
            super::push_two(out, field);
        }
    }
}

/// Writes stamps, and remembers the last one's minute: files of one directory tend to be of one age.
#[derive(Debug, Clone, Default)]
pub struct Stamps {
    minute: Option<i64>,
    text: Vec<u8>,
}

impl Stamps {
    /// Appends what [`Civil::push_stamp`] would for the seconds since 1970-01-01T00:00:00.
    pub fn push(&mut self, out: &mut Vec<u8>, seconds: i64) {
        let minute = seconds.div_euclid(60);
        if self.minute != Some(minute) {
            self.minute = Some(minute);
            self.text.clear();
            Civil::of(seconds).push_minute(&mut self.text);
        }
        out.extend_from_slice(&self.text);
        super::push_two(out, small(seconds.rem_euclid(60)));
    }
}

/// The calendar's fields are below 100 by construction.
fn small(number: i64) -> u8 {
    u8::try_from(number).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn stamp(seconds: i64) -> String {
        let mut out = Vec::new();
        Civil::of(seconds).push_stamp(&mut out);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn known_moments_are_told_right() {
        assert_eq!(stamp(0), "19700101000000");
        assert_eq!(stamp(-1), "19691231235959");
        assert_eq!(stamp(951_782_400), "20000229000000");
        assert_eq!(stamp(1_580_702_706), "20200203040506");
        assert_eq!(stamp(4_107_542_400), "21000301000000", "2100 is no leap year");
        assert_eq!(stamp(-62_135_596_800), "00010101000000");
    }

    #[test]
    fn month_thirteen_is_january_of_the_next_year() {
        let odd = Civil { year: 2020, month: 13, day: 1, hour: 0, minute: 0, second: 0 };
        assert_eq!(stamp(odd.seconds()), "20210101000000");
        let overflowing = Civil { year: 2020, month: 1, day: 32, hour: 24, minute: 60, second: 61 };
        assert_eq!(stamp(overflowing.seconds()), "20200202010101");
    }

    #[test]
    fn remembered_minutes_are_not_taken_for_others() {
        let mut stamps = Stamps::default();
        for seconds in [0, 59, 60, -1, -60, -61, 59, 4_107_542_400, 4_107_542_459, i64::MAX, i64::MIN] {
            let mut out = Vec::new();
            stamps.push(&mut out, seconds);
            assert_eq!(String::from_utf8(out).unwrap(), stamp(seconds));
        }
    }

    proptest! {
        #[test]
        fn seconds_come_back(seconds in -1_000_000_000_000_i64..1_000_000_000_000) {
            prop_assert_eq!(Civil::of(seconds).seconds(), seconds);
        }

        #[test]
        fn nothing_overflows(seconds: i64) {
            let _ = Civil::of(seconds).seconds();
            let _ = stamp(seconds);
        }
    }
}
