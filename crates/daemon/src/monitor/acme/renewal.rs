//! When the next certificate is due: what was ordered, how long it is valid, and how the last orders went.
//!
//! It is kept in a file, so that a server that is restarted again and again orders no more often than one that runs.

use std::fmt::Write as _;

use wharf_config::AcmeOrder;
use wharf_ipc::acme::Validity;

/// The least time between two orders, in seconds, whatever happens; less only where `acme_retry_delay` is less.
const LEAST: u64 = 60;

/// The longest pause after failures.
const LONGEST: u64 = 24 * 3600;

/// What is known of orders, in seconds since 1970 where it is a time.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Renewal {
    /// What the certificate was ordered for: directory and names.
    subject: String,
    /// Of the certificate that was issued; `None` when none was.
    validity: Option<Validity>,
    /// The certificate is one of our own, for the time being.
    is_placeholder: bool,
    /// When the last order began.
    last: u64,
    /// How many failed since one succeeded.
    failures: u32,
    /// The authority wants to hear nothing before.
    rest_until: u64,
}

impl Renewal {
    /// Reads a record; what cannot be understood counts for nothing.
    pub(super) fn read(text: &str) -> Self {
        let mut read = Self::default();
        let (mut not_before, mut not_after) = (None, None);
        for (name, value) in text.lines().filter_map(|line| line.split_once('=')) {
            let number = value.parse::<u64>().ok();
            match (name, number) {
                ("ordered", _) => value.clone_into(&mut read.subject),
                ("not_before", number) => not_before = number,
                ("not_after", number) => not_after = number,
                ("placeholder", number) => read.is_placeholder = number == Some(1),
                ("last_order", Some(number)) => read.last = number,
                ("failures", Some(number)) => read.failures = u32::try_from(number).unwrap_or(u32::MAX),
                ("rest_until", Some(number)) => read.rest_until = number,
                _ => {}
            }
        }
        if let (Some(not_before), Some(not_after)) = (not_before, not_after) {
            read.validity = Some(Validity { not_before, not_after });
        }
        read
    }

    /// Writes a record.
    pub(super) fn text(&self) -> String {
        let mut text =
            "# Written by wharfd. To order a new certificate at once, remove this file and send SIGHUP.\n\
                        # Times are in seconds since 1970.\n"
                .to_owned();
        let mut line = |name: &str, value: &dyn std::fmt::Display| {
            let _ = writeln!(text, "{name}={value}");
        };
        line("ordered", &self.subject);
        if let Some(validity) = self.validity {
            line("not_before", &validity.not_before);
            line("not_after", &validity.not_after);
        }
        line("placeholder", &u8::from(self.is_placeholder));
        line("last_order", &self.last);
        line("failures", &self.failures);
        line("rest_until", &self.rest_until);
        text
    }

    /// Tells whether the certificate is what is wanted now.
    pub(super) fn has(&self, order: &AcmeOrder) -> bool {
        self.validity.is_some() && self.subject == subject(order)
    }

    /// The record of a site that shows a certificate of its own.
    pub(super) fn of_a_placeholder() -> Self {
        Self { is_placeholder: true, ..Self::default() }
    }

    /// What clients see while there is no new certificate.
    pub(super) fn shown(&self, now: u64) -> String {
        match self.validity.map(|validity| validity.not_after.saturating_sub(now)) {
            None if self.is_placeholder => "one that nobody vouches for".to_owned(),
            None => "the one that was there before".to_owned(),
            Some(0) => "the one before, which has expired".to_owned(),
            Some(left) => format!("the one before, which is valid for another {}", span(left)),
        }
    }

    /// When the next order is due: at once, when a third of the certificate's life is left, or after a failure's pause.
    pub(super) fn due(&self, order: &AcmeOrder, retry_delay: u32, now: u64) -> u64 {
        let wanted = match self.validity {
            Some(Validity { not_before, not_after }) if self.has(order) => {
                not_after.saturating_sub(not_after.saturating_sub(not_before) / 3)
            }
            _ => 0,
        };
        // A clock that was put back must not hold the next order up for long.
        let last = self.last.min(now);
        let delay = u64::from(retry_delay);
        let pause = match self.failures {
            0 => least(retry_delay),
            failures => delay.saturating_mul(1 << (failures - 1).min(20)).min(LONGEST.max(delay)),
        };
        let rest = self.rest_until.min(now + LONGEST);
        wanted.max(last + pause).max(rest)
    }

    /// An order begins.
    pub(super) fn begun(&mut self, now: u64) {
        self.last = now;
        // Counted before it is known, so that an order that ends the server counts as well.
        self.failures = self.failures.saturating_add(1);
        self.rest_until = 0;
    }

    /// It succeeded.
    pub(super) fn issued(&mut self, order: &AcmeOrder, validity: Validity) {
        self.subject = subject(order);
        self.validity = Some(validity);
        self.is_placeholder = false;
        self.failures = 0;
    }

    /// It failed, and the authority may have asked to be left alone for a time.
    pub(super) fn failed(&mut self, retry_after: Option<u32>, now: u64) {
        // The administrator may have had a word meanwhile.
        self.failures = self.failures.max(1);
        self.rest_until = retry_after.map_or(0, |seconds| now + u64::from(seconds));
    }

    /// The administrator has a word: pauses end, but for the least one.
    pub(super) fn encourage(&mut self) {
        self.failures = 0;
        self.rest_until = 0;
    }
}

/// The least time between two orders, in seconds.
pub(super) fn least(retry_delay: u32) -> u64 {
    u64::from(retry_delay).clamp(1, LEAST)
}

fn subject(order: &AcmeOrder) -> String {
    format!("{} {}", order.directory, order.domains.join(","))
}

/// A span of time for people.
pub(super) fn span(seconds: u64) -> String {
    let (count, unit) = match seconds {
        0..120 => (seconds, "second"),
        120..7200 => (seconds / 60, "minute"),
        7200..172_800 => (seconds / 3600, "hour"),
        _ => (seconds / 86_400, "day"),
    };
    format!("{count} {unit}{}", if count == 1 { "" } else { "s" })
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: u64 = 1_800_000_000;
    const DELAY: u32 = 900;

    fn order(names: &str) -> AcmeOrder {
        let text = format!("ssl_enable=YES\nacme_accept_terms=YES\nacme_domains={names}\n");
        let default = wharf_config::Config::default();
        wharf_config::parse(text.as_bytes(), None, &default).unwrap().config.acme_order().unwrap()
    }

    fn issued() -> Renewal {
        let mut renewal = Renewal::default();
        renewal.begun(NOW);
        renewal.issued(
            &order("a.example"),
            Validity { not_before: NOW - 3600, not_after: NOW - 3600 + 90 * 86_400 },
        );
        renewal
    }

    #[test]
    fn a_certificate_is_renewed_when_a_third_of_its_life_is_left() {
        let due = issued().due(&order("a.example"), DELAY, NOW);
        assert_eq!(due, NOW - 3600 + 60 * 86_400);
        // Nothing is there, or it is for other names.
        assert_eq!(Renewal::default().due(&order("a.example"), DELAY, NOW), 60);
        assert_eq!(issued().due(&order("b.example"), DELAY, NOW), NOW + 60);
        assert!(issued().has(&order("a.example")) && !issued().has(&order("a.example,b.example")));
    }

    #[test]
    fn pauses_double_up_to_a_day_and_end_with_a_word_of_the_administrator() {
        let mut renewal = Renewal::default();
        let pauses: Vec<u64> = (0..9)
            .map(|_| {
                renewal.begun(NOW);
                renewal.due(&order("a.example"), DELAY, NOW) - NOW
            })
            .collect();
        assert_eq!(pauses, [900, 1800, 3600, 7200, 14_400, 28_800, 57_600, 86_400, 86_400]);
        renewal.failures = u32::MAX;
        renewal.begun(NOW);
        assert_eq!(renewal.due(&order("a.example"), DELAY, NOW) - NOW, 86_400);
        renewal.encourage();
        assert_eq!(renewal.due(&order("a.example"), DELAY, NOW) - NOW, 60);
        assert_eq!(renewal.due(&order("a.example"), 1, NOW) - NOW, 1);
    }

    #[test]
    fn an_authority_that_wants_rest_gets_it_for_a_day_at_most() {
        let mut renewal = Renewal::default();
        renewal.begun(NOW);
        renewal.failed(Some(7200), NOW);
        assert_eq!(renewal.due(&order("a.example"), DELAY, NOW), NOW + 7200);
        renewal.failed(Some(u32::MAX), NOW);
        assert_eq!(renewal.due(&order("a.example"), DELAY, NOW), NOW + LONGEST);
    }

    #[test]
    fn a_clock_that_was_put_back_holds_nothing_up() {
        let mut renewal = Renewal::default();
        renewal.begun(NOW + 1_000_000);
        assert_eq!(renewal.due(&order("a.example"), DELAY, NOW), NOW + 900);
    }

    #[test]
    fn a_record_is_read_as_it_was_written_and_a_damaged_one_counts_for_nothing() {
        let mut renewal = issued();
        renewal.failed(Some(5), NOW);
        assert_eq!(Renewal::read(&renewal.text()), renewal);
        for text in ["", "hello", "not_before=1", "failures=x\nlast_order=-1\nnot_after=\n=\n"] {
            assert_eq!(Renewal::read(text), Renewal::default(), "{text}");
        }
    }

    #[test]
    fn what_clients_see_is_told_as_far_as_it_is_known() {
        assert_eq!(Renewal::of_a_placeholder().shown(NOW), "one that nobody vouches for");
        // Somebody removed the record.
        assert_eq!(Renewal::default().shown(NOW), "the one that was there before");
        assert_eq!(issued().shown(NOW), "the one before, which is valid for another 89 days");
        assert_eq!(issued().shown(NOW + 90 * 86_400), "the one before, which has expired");
        let read = Renewal::read(&Renewal::of_a_placeholder().text());
        assert_eq!(read, Renewal::of_a_placeholder());
    }

    #[test]
    fn spans_are_told_in_a_unit_that_people_use() {
        let told = [1, 119, 900, 7200, 86_400 * 60].map(span);
        assert_eq!(told, ["1 second", "119 seconds", "15 minutes", "2 hours", "60 days"]);
    }
}
