//! The offset of local time, for listings under `use_localtime`.
//!
//! The zone is loaded before the broker is confined; afterwards its file cannot be read.

use jiff::Timestamp;
use jiff::tz::TimeZone;

/// Offsets change on the quarter of an hour at most.
const QUARTER: i64 = 900;
const REMEMBERED: usize = 64;

/// A time zone that remembers its last answers, for files of one directory tend to be of one age.
#[derive(Debug)]
pub struct Zone {
    zone: Option<TimeZone>,
    remembered: [(i64, i64); REMEMBERED],
}

impl Zone {
    /// UTC.
    #[must_use]
    pub fn utc() -> Self {
        Self { zone: None, remembered: [(i64::MIN, 0); REMEMBERED] }
    }

    /// The system's zone (`TZ`, `/etc/localtime`); UTC when there is none.
    #[must_use]
    pub fn system() -> Self {
        Self::of(TimeZone::system())
    }

    fn of(zone: TimeZone) -> Self {
        Self { zone: Some(zone), ..Self::utc() }
    }

    /// Tells the seconds to add to UTC at a time; zero for times beyond the calendar's end.
    pub fn offset(&mut self, seconds: i64) -> i64 {
        let Some(zone) = &self.zone else { return 0 };
        let quarter = seconds.div_euclid(QUARTER);
        let place = usize::try_from(quarter.rem_euclid(REMEMBERED as i64)).unwrap_or(0);
        let Some(remembered) = self.remembered.get_mut(place) else { return 0 };
        if remembered.0 != quarter {
            let offset = Timestamp::from_second(seconds).map_or(0, |time| zone.to_offset(time).seconds());
            *remembered = (quarter, i64::from(offset));
        }
        remembered.1
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn summer_and_winter_differ_and_are_remembered_apart() {
        let mut zone = Zone::of(TimeZone::posix("CET-1CEST,M3.5.0,M10.5.0/3").unwrap());
        for _ in 0..2 {
            assert_eq!(zone.offset(1_593_561_600), 7_200, "2020-07-01");
            assert_eq!(zone.offset(1_580_702_706), 3_600, "2020-02-03");
        }
        assert_eq!(Zone::utc().offset(1_593_561_600), 0);
        assert_eq!(zone.offset(i64::MAX), 0);
    }
}
