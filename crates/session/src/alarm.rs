//! A time limit that is begun anew again and again and hardly ever met.

use std::pin::Pin;
use std::time::Duration;

use tokio::time::{Instant, Sleep};

/// A timer that is kept and moved only when it goes off too early.
///
/// Setting a timer wakes the event loop, and taking one away is not free either: an idle time limit that begins with
/// every command would cost both each time.
#[derive(Default)]
pub(crate) struct Alarm(Option<Pin<Box<Sleep>>>);

impl Alarm {
    /// Waits until `limit` is over, counted from now; without a limit for ever. Dropping the wait keeps the timer.
    pub(crate) async fn after(&mut self, limit: Option<Duration>) {
        let Some(limit) = limit else { return std::future::pending().await };
        let end = Instant::now() + limit;
        let timer = self.0.get_or_insert_with(|| Box::pin(tokio::time::sleep_until(end)));
        if timer.deadline() > end {
            timer.as_mut().reset(end);
        }
        loop {
            timer.as_mut().await;
            if Instant::now() >= end {
                return;
            }
            timer.as_mut().reset(end);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    async fn give_up_after(time: Duration, wait: impl Future<Output = ()>) {
        assert!(tokio::time::timeout(time, wait).await.is_err(), "it went off too early");
    }

    #[tokio::test(start_paused = true)]
    async fn the_limit_counts_from_each_beginning() {
        let mut alarm = Alarm::default();
        for _ in 0..5 {
            give_up_after(9 * SECOND, alarm.after(Some(10 * SECOND))).await;
        }
        let begin = Instant::now();
        alarm.after(Some(10 * SECOND)).await;
        let took = begin.elapsed();
        assert!(took >= 10 * SECOND && took < 11 * SECOND, "{took:?}");
    }

    #[tokio::test(start_paused = true)]
    async fn a_shorter_limit_holds_at_once_and_none_for_ever() {
        let mut alarm = Alarm::default();
        give_up_after(SECOND, alarm.after(Some(300 * SECOND))).await;
        give_up_after(1000 * SECOND, alarm.after(None)).await;
        let begin = Instant::now();
        alarm.after(Some(2 * SECOND)).await;
        assert!(begin.elapsed() < 3 * SECOND);
    }
}
