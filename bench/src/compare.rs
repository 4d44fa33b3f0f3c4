//! Lets the contenders take turns at each piece of work: A, B, C, then C, B, A, and so on.

use std::io;
use std::time::Duration;

use crate::figures::{Entry, Outcome};
use crate::options::Options;
use crate::server::{Contender, Field, Running};
use crate::stage::Stage;
use crate::work::{Job, Sample, jobs};

/// One that takes longer than this to warm up gets fewer turns: what it is slower by is known well enough.
const SLOW: Duration = Duration::from_secs(10);

/// How many turns it gets.
pub(crate) const SLOW_TURNS: usize = 3;

/// How long one turn of many small pieces goes on at most.
pub(crate) fn longest(options: &Options) -> Duration {
    Duration::from_secs(if options.quick { 4 } else { 15 })
}

/// Does all the work that is wanted; a server that fails at one piece is started anew for the next.
///
/// # Errors
/// When nothing can be measured at all, not when a server fails.
pub(crate) fn compare(options: &Options, stage: &Stage, field: &Field) -> io::Result<Vec<Outcome>> {
    let mut seats: Vec<Seat<'_>> = field.contenders.iter().map(Seat::new).collect();
    let mut outcomes = Vec::new();
    for job in jobs(options, &stage.sizes) {
        eprintln!("{} …", job.name);
        let outcome = match job.limit() {
            Some(rate) => {
                let can = |one: &&Contender| job.is_lacked_by(one).is_none();
                let limited: Vec<_> =
                    field.contenders.iter().filter(can).map(|one| one.limited(rate)).collect();
                let mut limited: Vec<Seat<'_>> = limited.iter().map(Seat::new).collect();
                let mut outcome = contest(&job, &mut limited, stage, options)?;
                outcome.entries.extend(absent(&job, &seats));
                outcome
            }
            None => contest(&job, &mut seats, stage, options)?,
        };
        outcomes.push(outcome);
    }
    Ok(outcomes)
}

/// Returns the entries of those who were not even started, with their reasons.
fn absent<'a>(job: &'a Job, seats: &'a [Seat<'_>]) -> impl Iterator<Item = Entry> + 'a {
    let entries = seats.iter().filter(|seat| job.concerns(seat.contender)).map(|seat| seat.entry(job));
    entries.filter(|entry| entry.missing.is_some())
}

/// A contender, and its server if it runs.
struct Seat<'a> {
    contender: &'a Contender,
    server: Option<Running<'a>>,
}

impl<'a> Seat<'a> {
    fn new(contender: &'a Contender) -> Self {
        Self { contender, server: None }
    }

    fn entry(&self, job: &Job) -> Entry {
        let one = self.contender;
        let missing = job.is_lacked_by(one).map(str::to_owned);
        Entry { name: one.name, kind: one.kind, part: one.part, samples: Vec::new(), missing }
    }

    fn measure(&mut self, job: &Job, stage: &Stage, longest: Duration) -> io::Result<Sample> {
        let server = match self.server.take() {
            Some(server) => server,
            None => Running::start(self.contender)?,
        };
        let sample = job.measure(&server, stage, longest)?;
        server.calm()?;
        self.server = Some(server);
        Ok(sample)
    }
}

/// Returns the first and the last line of an error: what failed, and the last words of who did.
fn brief(error: &io::Error) -> String {
    let text = error.to_string();
    let mut lines = text.lines().map(str::trim).filter(|line| !line.is_empty());
    let first = lines.next().unwrap_or_default().to_owned();
    lines.next_back().map_or(first.clone(), |last| format!("{first} {last}"))
}

fn contest(job: &Job, seats: &mut [Seat<'_>], stage: &Stage, options: &Options) -> io::Result<Outcome> {
    let takes_part = |seat: &&mut Seat<'_>| job.concerns(seat.contender);
    let mut entrants: Vec<_> =
        seats.iter_mut().filter(takes_part).map(|seat| (seat.entry(job), seat, options.runs())).collect();
    // The first turn warms caches and starts helpers; it is not counted.
    for turn in 0..=options.runs() {
        // There and back: nobody always comes after the same neighbour.
        entrants.reverse();
        for (entry, seat, turns) in &mut entrants {
            if entry.missing.is_some() || turn > *turns {
                continue;
            }
            match seat.measure(job, stage, longest(options)) {
                Ok(sample) if turn > 0 => entry.samples.push(sample),
                Ok(sample) if sample.elapsed > SLOW => *turns = SLOW_TURNS.min(*turns),
                Ok(_) => {}
                Err(error) => {
                    let (name, said) = (seat.contender.name, seat.contender.said());
                    eprintln!("{name}, {}: {error}; the server said:\n{said}", job.name);
                    entry.missing = Some(format!("failed: {}", brief(&error)));
                    stage.clear_incoming()?;
                }
            }
        }
    }
    if options.runs().is_multiple_of(2) {
        entrants.reverse();
    }
    let entries = entrants.into_iter().map(|(entry, ..)| entry).collect();
    Ok(Outcome { job: job.clone(), entries })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_error_is_told_in_one_line() {
        let error = io::Error::other("it failed; it said:\nTraceback\n  somewhere\nNo room\n\n");
        assert_eq!(brief(&error), "it failed; it said: No room");
        assert_eq!(brief(&io::Error::other("it failed")), "it failed");
    }
}
