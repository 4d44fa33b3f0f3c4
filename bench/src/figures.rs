//! From samples to figures: medians, ranges, and ratios of turns that were neighbours in time.

use crate::peer::Kind;
use crate::server::Part;
use crate::work::{Job, Sample};

/// What one contender did at one piece of work.
#[derive(Debug)]
pub(crate) struct Entry {
    pub(crate) name: &'static str,
    pub(crate) kind: Kind,
    pub(crate) part: Part,
    /// The part of the work that it did each time, if not the whole.
    pub(crate) does_only: Option<String>,
    /// Those that count.
    pub(crate) samples: Vec<Sample>,
    /// Why there are none to be trusted.
    pub(crate) missing: Option<String>,
}

/// What all contenders did at one piece of work.
#[derive(Debug)]
pub(crate) struct Outcome {
    pub(crate) job: Job,
    pub(crate) entries: Vec<Entry>,
}

/// One of the two things in which servers are compared. More is better in both.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Merit {
    /// Work done in a time.
    Speed,
    /// Work done for an amount of processor time.
    Thrift,
}

impl Merit {
    fn of(self, sample: &Sample) -> f64 {
        match self {
            Self::Speed => sample.rate(),
            Self::Thrift => 1.0 / sample.cost().max(1e-12),
        }
    }
}

/// How a ratio is to be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Verdict {
    Ahead,
    /// A server differs as much from itself.
    Even,
    Behind,
}

impl Entry {
    /// Returns whether there is something to show.
    pub(crate) fn has_run(&self) -> bool {
        self.missing.is_none() && !self.samples.is_empty()
    }

    /// Returns the median of a value.
    pub(crate) fn median(&self, value: impl Fn(&Sample) -> f64) -> f64 {
        median(self.samples.iter().map(value))
    }

    /// Returns the median of a value that only some pieces of work have.
    pub(crate) fn median_of(&self, value: impl Fn(&Sample) -> Option<f64>) -> Option<f64> {
        let mut values = self.samples.iter().filter_map(value).peekable();
        values.peek()?;
        Some(median(values))
    }

    /// Returns the lowest and the highest of a value.
    pub(crate) fn range(&self, value: impl Fn(&Sample) -> f64) -> (f64, f64) {
        let values = || self.samples.iter().map(&value);
        (values().fold(f64::INFINITY, f64::min), values().fold(0.0, f64::max))
    }
}

impl Outcome {
    /// Returns what wharfd did.
    pub(crate) fn ours(&self) -> Option<&Entry> {
        self.entries.iter().find(|entry| entry.kind == Kind::Wharfd && entry.part == Part::All)
    }

    /// Returns what a server did in its main configuration.
    pub(crate) fn of(&self, kind: Kind) -> Option<&Entry> {
        self.entries.iter().find(|entry| entry.kind == kind && entry.part == Part::All && entry.has_run())
    }

    /// Returns the peer that is best in something, in whichever configuration.
    pub(crate) fn best_peer(&self, merit: Merit) -> Option<&Entry> {
        self.best_of(merit, |one| Kind::PEERS.contains(&one.kind))
    }

    /// As [`Self::best_peer`], among some only.
    pub(crate) fn best_of(&self, merit: Merit, is_among: impl Fn(&Entry) -> bool) -> Option<&Entry> {
        let peers = self.entries.iter().filter(|one| is_among(one) && one.has_run());
        peers.max_by(|a, b| {
            let of = |entry: &Entry| entry.median(|sample| merit.of(sample));
            of(a).total_cmp(&of(b))
        })
    }

    /// Returns how many times better wharfd is: the median over the turns.
    pub(crate) fn ratio(&self, merit: Merit, theirs: &Entry) -> Option<f64> {
        let ratios = ratios(merit, self.ours()?, theirs);
        (!ratios.is_empty()).then(|| median(ratios.into_iter()))
    }

    /// Returns how many times wharfd was better than itself: the median, and the most in either direction.
    pub(crate) fn noise(&self, merit: Merit) -> Option<(f64, f64)> {
        let again = self.entries.iter().find(|entry| entry.part == Part::Noise && entry.has_run())?;
        let ratios = ratios(merit, self.ours()?, again);
        let most = ratios.iter().map(|ratio| ratio.max(1.0 / ratio)).fold(1.0, f64::max);
        (!ratios.is_empty()).then(|| (median(ratios.into_iter()), most))
    }

    /// Returns how a ratio is to be read beside the noise; without a measure of noise, nothing is claimed.
    pub(crate) fn verdict(&self, merit: Merit, ratio: f64) -> Verdict {
        let most = self.noise(merit).map_or(f64::INFINITY, |(_, most)| most);
        match ratio {
            ratio if ratio > most => Verdict::Ahead,
            ratio if ratio < 1.0 / most => Verdict::Behind,
            _ => Verdict::Even,
        }
    }
}

/// Returns the ratio of each turn: what both did at nearly the same time.
fn ratios(merit: Merit, ours: &Entry, theirs: &Entry) -> Vec<f64> {
    let pairs = ours.samples.iter().zip(&theirs.samples);
    pairs.map(|(ours, theirs)| merit.of(ours) / merit.of(theirs)).collect()
}

/// Returns the middle of the values; of an even number, the mean of the two in the middle; of none, zero.
pub(crate) fn median(values: impl Iterator<Item = f64>) -> f64 {
    let mut values: Vec<f64> = values.collect();
    values.sort_by(f64::total_cmp);
    let middle = values.len() / 2;
    let at = |index: usize| values.get(index).copied().unwrap_or_default();
    if values.len().is_multiple_of(2) {
        f64::midpoint(at(middle.saturating_sub(1)), at(middle))
    } else {
        at(middle)
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use std::time::Duration;

    use super::*;
    use crate::options::Options;
    use crate::stage::Sizes;
    use crate::work::{More, jobs};

    pub(crate) fn entry(name: &'static str, kind: Kind, part: Part, seconds: &[u64]) -> Entry {
        let sample = |&seconds: &u64| Sample {
            amount: 12.0,
            elapsed: Duration::from_secs(seconds),
            used: Duration::from_secs(seconds),
            generator: Duration::ZERO,
            memory: 1024,
            more: More::default(),
        };
        Entry {
            name,
            kind,
            part,
            does_only: None,
            samples: seconds.iter().map(sample).collect(),
            missing: None,
        }
    }

    pub(crate) fn outcome(entries: Vec<Entry>) -> Outcome {
        let options = Options::from_arguments(std::iter::empty()).unwrap();
        let job = jobs(&options, &Sizes { large: 1 << 30, small: 1, crowd: 1 }).remove(0);
        Outcome { job, entries }
    }

    #[test]
    fn one_wild_value_does_not_move_the_median() {
        assert_eq!(median([3.0, 1.0, 900.0, 2.0, 2.5].into_iter()), 2.5);
        assert_eq!(median([1.0, 2.0].into_iter()), 1.5);
        assert_eq!(median(std::iter::empty()), 0.0);
    }

    #[test]
    fn a_slow_minute_for_everybody_changes_no_ratio() {
        let ours = entry("wharfd", Kind::Wharfd, Part::All, &[1, 10, 1]);
        let theirs = entry("vsftpd", Kind::Vsftpd, Part::All, &[2, 20, 2]);
        let outcome = outcome(vec![ours, theirs]);
        let best = outcome.best_peer(Merit::Speed).unwrap();
        assert_eq!(outcome.ratio(Merit::Speed, best), Some(2.0));
    }

    #[test]
    fn what_lies_within_the_noise_is_no_victory() {
        let ours = entry("wharfd", Kind::Wharfd, Part::All, &[4, 4, 4]);
        let again = entry("wharfd again", Kind::Wharfd, Part::Noise, &[4, 6, 4]);
        let outcome = outcome(vec![ours, again]);
        assert_eq!(outcome.noise(Merit::Speed), Some((1.0, 1.5)));
        assert_eq!(outcome.verdict(Merit::Speed, 1.4), Verdict::Even);
        assert_eq!(outcome.verdict(Merit::Speed, 1.6), Verdict::Ahead);
        assert_eq!(outcome.verdict(Merit::Thrift, 0.5), Verdict::Behind);
    }

    #[test]
    fn a_peer_that_failed_is_not_the_best() {
        let mut failed = entry("vsftpd", Kind::Vsftpd, Part::All, &[1]);
        failed.missing = Some("failed".into());
        let slow = entry("ProFTPD", Kind::Proftpd, Part::All, &[9]);
        let outcome = outcome(vec![entry("wharfd", Kind::Wharfd, Part::All, &[1]), failed, slow]);
        assert_eq!(outcome.best_peer(Merit::Speed).map(|one| one.name), Some("ProFTPD"));
    }
}
