//! Lays two recordings of one script beside each other.

use std::collections::BTreeMap;

use crate::diff::{self, Line, Sign};
use crate::mask::Mask;
use crate::run::Recording;

/// What two servers answered differently.
#[derive(Debug)]
pub struct Comparison {
    /// The steps that differ, in the order of the script.
    pub differences: Vec<Difference>,
    /// How many steps were compared.
    pub steps: usize,
    /// Which masks hid something, and in how many lines.
    pub masked: BTreeMap<Mask, usize>,
}

/// A step in which the servers differ.
#[derive(Debug)]
pub struct Difference {
    /// The line of the script; 0 for the greeting and the end.
    pub line: usize,
    /// What was said there, as typed.
    pub said: String,
    /// Both answers; at least one line is signed.
    pub lines: Vec<Line>,
}

impl Comparison {
    /// Returns whether nothing differs.
    pub fn is_same(&self) -> bool {
        self.differences.is_empty()
    }
}

/// Compares what two servers answered to the same script.
pub fn compare(old: &Recording, new: &Recording) -> Comparison {
    let mut masked = BTreeMap::new();
    let both = [old, new].into_iter().flat_map(|recording| &recording.steps);
    for mask in both.flat_map(|step| &step.lines).flat_map(|line| &line.by) {
        *masked.entry(*mask).or_insert(0) += 1;
    }
    let differences = old.steps.iter().zip(&new.steps).filter_map(|(one, two)| {
        let lines = diff::between(&one.lines, &two.lines);
        let differs = lines.iter().any(|line| line.sign != Sign::Both);
        differs.then(|| Difference { line: one.line, said: one.shown.clone(), lines })
    });
    Comparison { differences: differences.collect(), steps: old.steps.len(), masked }
}
