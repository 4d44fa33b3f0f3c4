//! Not faster than so many octets a second: a bucket that fills with time.
//!
//! The fast path stays as it is: a limited transfer moves the same way, in smaller pieces with pauses between.

use std::cell::Cell;
use std::time::Duration;

use tokio::time::Instant;

/// The pauses of a limited transfer are about this long: short enough to look steady, long enough to cost nothing.
const PAUSE: Duration = Duration::from_millis(50);

/// One transfer's limit.
pub(super) struct Rate {
    per_second: u64,
    /// When the octets granted so far may have been sent at the earliest.
    paid_until: Cell<Option<Instant>>,
}

impl Rate {
    /// `per_second` octets; 0 is no limit.
    pub(super) fn new(per_second: u64) -> Self {
        Self { per_second, paid_until: Cell::new(None) }
    }

    /// Tells whether there is no limit.
    pub(super) fn is_free(&self) -> bool {
        self.per_second == 0
    }

    /// How many of `wanted` octets may be moved now. Waits until there is at least one.
    pub(super) async fn grant(&self, wanted: usize) -> usize {
        if self.per_second == 0 {
            return wanted;
        }
        if let Some(paid_until) = self.paid_until.get() {
            tokio::time::sleep_until(paid_until).await;
        }
        let piece = u128::from(self.per_second) * PAUSE.as_micros() / 1_000_000;
        wanted.min(usize::try_from(piece).unwrap_or(usize::MAX)).max(1)
    }

    /// Tells how many of the granted octets were really moved.
    pub(super) fn spend(&self, octets: usize) {
        if self.per_second == 0 {
            return;
        }
        let now = Instant::now();
        let micros = (octets as u128 * 1_000_000) / u128::from(self.per_second);
        let cost = Duration::from_micros(u64::try_from(micros).unwrap_or(u64::MAX));
        // A peer that was slow for a while does not save up for a burst longer than one pause.
        let from = self.paid_until.get().map_or(now, |paid| paid.max(now.checked_sub(PAUSE).unwrap_or(now)));
        self.paid_until.set(Some(from + cost));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn on_a_clock_turned_by_hand<T>(test: impl Future<Output = T>) -> T {
        tokio::runtime::Builder::new_current_thread()
            .enable_time()
            .start_paused(true)
            .build()
            .unwrap()
            .block_on(test)
    }

    #[test]
    fn a_megabyte_at_100_kilobytes_a_second_takes_ten_seconds() {
        on_a_clock_turned_by_hand(async {
            let rate = Rate::new(100_000);
            let begin = Instant::now();
            let mut left = 1_000_000;
            while left > 0 {
                let granted = rate.grant(left).await;
                rate.spend(granted);
                left -= granted;
            }
            let took = begin.elapsed();
            assert!(took > Duration::from_millis(9_900) && took < Duration::from_millis(10_100), "{took:?}");
        });
    }

    #[test]
    fn no_limit_grants_everything_at_once() {
        on_a_clock_turned_by_hand(async {
            assert_eq!(Rate::new(0).grant(1 << 20).await, 1 << 20);
        });
    }

    #[test]
    fn a_pause_of_the_peer_is_not_saved_up() {
        on_a_clock_turned_by_hand(async {
            let rate = Rate::new(1_000_000);
            rate.spend(rate.grant(usize::MAX).await);
            tokio::time::advance(Duration::from_secs(60)).await;
            let begin = Instant::now();
            let mut moved = 0;
            while begin.elapsed() < Duration::from_secs(1) {
                let granted = rate.grant(usize::MAX).await;
                rate.spend(granted);
                moved += granted;
            }
            assert!(moved <= 1_150_000, "{moved}");
        });
    }
}
