//! What the project has set itself, and whether a run has reached it: the table at the top of each page.
//!
//! The program judges itself by numbers that were written down before. Nothing here measures.

mod rows;

use crate::report::{Page, short};
pub(crate) use rows::claims;

/// Something that is to be reached.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Claim {
    /// The piece of work.
    pub(crate) work: String,
    pub(crate) aim: Aim,
    /// What came out, if it was measured.
    pub(crate) value: Option<f64>,
    /// How many times a server differed from itself in the worst turn; 1 where that is not known.
    pub(crate) noise: f64,
}

/// What is to be reached, as it was written down.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Aim {
    /// What the number is.
    pub(crate) what: &'static str,
    pub(crate) unit: &'static str,
    pub(crate) bound: Bound,
    pub(crate) must: Option<f64>,
    pub(crate) goal: Option<f64>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Bound {
    AtLeast,
    AtMost,
}

/// How a claim stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Standing {
    Goal,
    Must,
    /// What had to be is reached or was not set; the goal is not.
    ShortOfGoal,
    /// Not reached, by less than a server differs from itself.
    Near,
    Missed,
    NotMeasured,
}

impl Aim {
    /// Returns one that wants much of something.
    pub(crate) const fn least(what: &'static str, must: Option<f64>, goal: Option<f64>) -> Self {
        Self { what, unit: " ×", bound: Bound::AtLeast, must, goal }
    }

    /// Returns one that wants little of something.
    pub(crate) const fn most(
        what: &'static str,
        unit: &'static str,
        must: Option<f64>,
        goal: Option<f64>,
    ) -> Self {
        Self { what, unit, bound: Bound::AtMost, must, goal }
    }

    fn is_reached(&self, value: f64, wanted: f64) -> bool {
        match self.bound {
            Bound::AtLeast => value >= wanted,
            Bound::AtMost => value <= wanted,
        }
    }

    fn show(&self, value: f64) -> String {
        // Bare numbers are counts, or parts of such.
        if self.unit.is_empty() { plain(value) } else { format!("{}{}", short(value), self.unit) }
    }

    /// Returns a wanted number with its direction.
    fn wanted(&self, wanted: Option<f64>) -> String {
        let sign = if self.bound == Bound::AtLeast { '≥' } else { '≤' };
        wanted.map_or_else(|| "–".into(), |wanted| format!("{sign} {}{}", plain(wanted), self.unit))
    }
}

impl Claim {
    fn standing(&self) -> Standing {
        let Some(value) = self.value else { return Standing::NotMeasured };
        let reached = |wanted: f64| self.aim.is_reached(value, wanted);
        // As if the worst of the noise had been against us.
        let at_best = match self.aim.bound {
            Bound::AtLeast => value * self.noise,
            Bound::AtMost => value / self.noise,
        };
        match (self.aim.must, self.aim.goal) {
            (_, Some(goal)) if reached(goal) => Standing::Goal,
            (Some(must), None) if reached(must) => Standing::Must,
            (Some(must), Some(_)) if reached(must) => Standing::ShortOfGoal,
            (None, _) => Standing::ShortOfGoal,
            (Some(must), _) if self.aim.is_reached(at_best, must) => Standing::Near,
            (Some(_), _) => Standing::Missed,
        }
    }

    fn line(&self) -> String {
        let aim = &self.aim;
        let standing = match self.standing() {
            Standing::Goal => "yes, the goal",
            Standing::Must => "yes",
            Standing::ShortOfGoal if aim.must.is_some() => "yes; not the goal",
            Standing::ShortOfGoal => "not the goal",
            Standing::Near => "no, but within the noise",
            Standing::Missed => "**no**",
            Standing::NotMeasured => "not measured",
        };
        let value = self.value.map_or_else(|| "–".into(), |value| aim.show(value));
        let (must, goal) = (aim.wanted(aim.must), aim.wanted(aim.goal));
        format!("| {} | {} | {value} | {must} | {goal} | {standing} |", self.work, aim.what)
    }
}

/// Adds the table, and how many are reached.
pub(crate) fn fill(page: &mut Page, claims: &[Claim]) {
    if claims.is_empty() {
        return;
    }
    let count = |wanted: &[Standing]| claims.iter().filter(|one| wanted.contains(&one.standing())).count();
    let musts: Vec<_> = claims.iter().filter(|one| one.aim.must.is_some()).collect();
    let missed = count(&[Standing::Missed]);
    let near = count(&[Standing::Near]);
    let unknown = musts.iter().filter(|one| one.standing() == Standing::NotMeasured).count();
    let goals: Vec<_> = claims.iter().filter(|one| one.aim.goal.is_some()).collect();
    page.line("\n## Targets\n");
    page.line(&format!(
        "Of {} things that must be, {} are reached, {near} are missed by less than the noise, {missed} by more, {unknown} were \
         not measured. Of {} goals, {} are reached.\n",
        musts.len(),
        musts.len() - missed - near - unknown,
        goals.len(),
        count(&[Standing::Goal]),
    ));
    page.line("| Work | What | wharfd | Must | Goal | Reached |\n|---|---|---|---|---|---|");
    claims.iter().for_each(|claim| page.line(&claim.line()));
}

/// Returns a number that somebody has chosen, as he wrote it: two decimals at most.
fn plain(value: f64) -> String {
    format!("{value:.2}").trim_end_matches('0').trim_end_matches('.').to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn claim(aim: Aim, value: f64, noise: f64) -> Claim {
        Claim { work: "RETR".into(), aim, value: Some(value), noise }
    }

    #[test]
    fn the_goal_the_must_and_the_noise_are_told_apart() {
        let aim = Aim::least("rate", Some(1.0), Some(1.3));
        let of = |value| claim(aim, value, 1.1).standing();
        assert_eq!(of(1.31), Standing::Goal);
        assert_eq!(of(1.0), Standing::ShortOfGoal);
        assert_eq!(of(0.95), Standing::Near);
        assert_eq!(of(0.9), Standing::Missed);
        assert_eq!(Claim { value: None, ..claim(aim, 0.0, 1.0) }.standing(), Standing::NotMeasured);
    }

    #[test]
    fn where_little_is_wanted_less_is_better() {
        let aim = Aim::most("CPU", " s/GB", Some(0.35), None);
        assert_eq!(claim(aim, 0.35, 1.0).standing(), Standing::Must);
        assert_eq!(claim(aim, 0.36, 1.05).standing(), Standing::Near);
        assert_eq!(claim(aim, 0.40, 1.05).standing(), Standing::Missed);
    }

    #[test]
    fn the_table_counts_what_is_reached() {
        let aim = Aim::least("rate", Some(1.0), Some(2.0));
        let mut page = Page::empty();
        fill(&mut page, &[claim(aim, 3.0, 1.0), claim(aim, 0.5, 1.0), claim(aim, 1.5, 1.0)]);
        let text = page.text();
        assert!(text.contains("Of 3 things that must be, 2 are reached, 0 are missed by less"), "{text}");
        assert!(text.contains("Of 3 goals, 1 are reached"), "{text}");
        assert!(text.contains("| RETR | rate | 0.500 × | ≥ 1 × | ≥ 2 × | **no** |"), "{text}");
    }
}
