//! From samples to the figures of a row.

use crate::work::{Job, Sample, Unit};

/// The medians of one contender at one piece of work.
#[derive(Debug)]
pub(crate) struct Row {
    /// The piece of work.
    pub(crate) work: String,
    /// The contender.
    pub(crate) name: &'static str,
    /// What is counted.
    pub(crate) unit: Unit,
    /// Units per second.
    pub(crate) rate: f64,
    /// The lowest and the highest rate.
    pub(crate) range: (f64, f64),
    /// Processor seconds per unit.
    pub(crate) cost: f64,
}

impl Row {
    /// Sums the samples up.
    pub(crate) fn new(job: &Job, name: &'static str, samples: &[Sample]) -> Self {
        let rates = || samples.iter().map(|sample| job.amount / sample.elapsed.as_secs_f64());
        Self {
            work: job.name.clone(),
            name,
            unit: job.unit,
            rate: median(rates()),
            range: (rates().fold(f64::INFINITY, f64::min), rates().fold(0.0, f64::max)),
            cost: median(samples.iter().map(|sample| sample.used.as_secs_f64() / job.amount)),
        }
    }
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
mod tests {
    use super::*;

    #[test]
    fn one_wild_value_does_not_move_the_median() {
        assert_eq!(median([3.0, 1.0, 900.0, 2.0, 2.5].into_iter()), 2.5);
    }

    #[test]
    fn the_median_of_two_lies_between_them() {
        assert_eq!(median([1.0, 2.0].into_iter()), 1.5);
        assert_eq!(median(std::iter::empty()), 0.0);
    }
}
