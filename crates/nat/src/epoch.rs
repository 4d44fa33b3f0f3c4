//! Notices a router that lost its mappings: its clock of seconds did not go on as ours did (RFC 6886 §3.6, RFC 6887 §8.5).

use std::time::Duration;

/// The last epoch a router told, and when by our own clock.
#[derive(Debug, Clone, Copy, Default)]
pub struct Epoch {
    last: Option<(u32, Duration)>,
}

impl Epoch {
    /// Takes a new value in, and tells whether the router has forgotten us since the last one.
    ///
    /// `now` is any clock that only goes forward.
    pub fn is_reset_by(&mut self, told: u32, now: Duration) -> bool {
        let before = self.last.replace((told, now));
        let Some((last, then)) = before else { return false };
        let theirs = match told.checked_sub(last) {
            Some(went_on) => u64::from(went_on),
            // A packet that was overtaken may be a second old, and then its clock stood still for us.
            None if last - told <= 1 => 0,
            None => return true,
        };
        // Their clock and ours may differ by a sixteenth, and by two seconds of rounding, either way.
        let ours = now.saturating_sub(then).as_secs();
        ours + 2 < theirs - theirs / 16 || theirs + 2 < ours - ours / 16
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn after(steps: &[(u32, u64)]) -> Vec<bool> {
        let mut epoch = Epoch::default();
        steps.iter().map(|(told, now)| epoch.is_reset_by(*told, Duration::from_secs(*now))).collect()
    }

    #[test]
    fn a_clock_that_goes_on_is_the_same_router() {
        assert_eq!(after(&[(1000, 5), (1060, 65), (1061, 65), (1060, 66), (4661, 3700)]), [false; 5]);
    }

    #[test]
    fn a_clock_that_fell_back_or_ran_away_is_a_restart() {
        assert_eq!(after(&[(1000, 5), (3, 65)]), [false, true]);
        assert_eq!(after(&[(10, 5), (5000, 65)]), [false, true]);
        // One that had only just begun when it was restarted.
        assert_eq!(after(&[(1, 5), (0, 17)]), [false, true]);
        // It was restarted and had run for longer than before when it was asked again.
        assert_eq!(after(&[(10, 5), (100, 3600)]), [false, true]);
    }
}
