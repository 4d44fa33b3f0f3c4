//! Lets the contenders take turns at each piece of work: A, B, C, then C, B, A, and so on.

use std::io;
use std::time::{Duration, Instant};

use crate::figures::{Entry, Outcome};
use crate::options::{Options, Pace};
use crate::peer::Kind;
use crate::server::{Contender, Field, Running, Setting};
use crate::stage::Stage;
use crate::work::{Job, Sample, Share, jobs};

/// Does all the work that is wanted; a server that fails at one piece is started anew for the next.
///
/// # Errors
/// When nothing can be measured at all, not when a server fails.
pub(crate) fn compare(options: &Options, stage: &Stage, field: &Field) -> io::Result<Vec<Outcome>> {
    let (jobs, began) = (jobs(options, &stage.sizes), Instant::now());
    let pace = options.pace();
    let (all, mut outcomes) = (jobs.len(), Vec::new());
    // Servers go on from row to row, as long as they are set the same.
    for jobs in jobs.chunk_by(|one, next| one.task.setting() == next.task.setting()) {
        let setting = jobs.first().map_or(Setting::Usual, |job| job.task.setting());
        let set = |one: &Contender| one.with(setting, &stage.certificate);
        let contenders: Vec<_> = field.contenders.iter().map(set).collect();
        let mut seats: Vec<Seat<'_>> = contenders.iter().map(Seat::new).collect();
        for job in jobs {
            eprint!("[{:4} s] {} … ", began.elapsed().as_secs(), job.name);
            let left = pace.all.saturating_sub(began.elapsed());
            let rows = u32::try_from(all - outcomes.len()).unwrap_or(1).max(1);
            let (outcome, spent) = contest(job, &mut seats, stage, pace, left / rows)?;
            eprintln!("{spent}");
            outcomes.push(outcome);
        }
    }
    Ok(outcomes)
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

    fn measure(&mut self, job: &Job, share: Share, stage: &Stage, longest: Duration) -> io::Result<Sample> {
        if job.task.wants_fresh_server(share) {
            self.server = None;
        }
        let server = match self.server.take() {
            Some(server) => server,
            None => Running::start(self.contender)?,
        };
        let sample = job.measure(share, &server, stage, longest)?;
        server.calm()?;
        self.server = Some(server);
        Ok(sample)
    }
}

/// One who takes part in a row.
struct Entrant<'a, 'b> {
    entry: Entry,
    seat: &'a mut Seat<'b>,
    share: Share,
    /// What all its turns took, with what lies between.
    spent: Duration,
}

impl<'a, 'b> Entrant<'a, 'b> {
    fn new(job: &Job, seat: &'a mut Seat<'b>) -> Self {
        let one = seat.contender;
        let missing = job.is_lacked_by(one).map(str::to_owned);
        let entry = Entry {
            name: one.name,
            kind: one.kind,
            part: one.part,
            does_only: None,
            samples: Vec::new(),
            missing,
        };
        Self { entry, seat, share: Share::Part, spent: Duration::ZERO }
    }

    /// The first turn warms caches and starts helpers, with a part of the work. It is not counted, but tells how much can be
    /// asked of this server.
    fn warm_up(&mut self, job: &Job, stage: &Stage, pace: Pace) -> io::Result<()> {
        let Some(sample) = self.turn(job, stage, pace)? else { return Ok(()) };
        let is_too_slow = job.whole(&sample, &stage.sizes) > pace.slow;
        // Ours does what the row says, come what may.
        let may_do_less = Kind::PEERS.contains(&self.entry.kind) && job.part.is_some();
        self.share = if is_too_slow && may_do_less { Share::Part } else { Share::Whole };
        self.entry.does_only = job.part.clone().filter(|_| self.share == Share::Part);
        Ok(())
    }

    /// Has the work done once; a failure is kept as the reason for being missing.
    fn turn(&mut self, job: &Job, stage: &Stage, pace: Pace) -> io::Result<Option<Sample>> {
        if self.entry.missing.is_some() {
            return Ok(None);
        }
        let began = Instant::now();
        let result = self.seat.measure(job, self.share, stage, pace.longest);
        self.spent += began.elapsed();
        match result {
            Ok(sample) => Ok(Some(sample)),
            Err(error) => {
                let (name, said) = (self.seat.contender.name, self.seat.contender.said());
                eprintln!("\n{name}, {}: {error}; the server said:\n{said}", job.name);
                self.entry.missing = Some(format!("failed: {}", brief(&error)));
                stage.clear_incoming()?;
                Ok(None)
            }
        }
    }
}

/// The fewest turns that a median is taken from, however late it is.
const FEWEST: usize = 2;

/// Returns whether everybody gets one more turn in a row that has a part of the time.
fn goes_on(turn: usize, spent: Duration, pace: Pace, part: Duration) -> bool {
    turn < FEWEST || (turn < pace.least && spent < part * 2) || (turn < pace.most && spent < part)
}

/// Returns the first and the last line of an error: what failed, and the last words of who did.
fn brief(error: &io::Error) -> String {
    let text = error.to_string();
    let mut lines = text.lines().map(str::trim).filter(|line| !line.is_empty());
    let first = lines.next().unwrap_or_default().to_owned();
    lines.next_back().map_or(first.clone(), |last| format!("{first} {last}"))
}

/// Returns the outcome of a row, and in words what it took.
fn contest(
    job: &Job,
    seats: &mut [Seat<'_>],
    stage: &Stage,
    pace: Pace,
    part: Duration,
) -> io::Result<(Outcome, String)> {
    let began = Instant::now();
    let takes_part = |seat: &&mut Seat<'_>| job.concerns(seat.contender);
    let mut entrants: Vec<_> =
        seats.iter_mut().filter(takes_part).map(|seat| Entrant::new(job, seat)).collect();
    for entrant in &mut entrants {
        entrant.warm_up(job, stage, pace)?;
    }
    let mut turn = 0;
    while goes_on(turn, began.elapsed(), pace, part) {
        // There and back: nobody always comes after the same neighbour.
        entrants.reverse();
        for entrant in &mut entrants {
            let sample = entrant.turn(job, stage, pace)?;
            entrant.entry.samples.extend(sample);
        }
        turn += 1;
    }
    if !turn.is_multiple_of(2) {
        entrants.reverse();
    }
    let spent = |one: &Entrant<'_, '_>| format!("{} {:.1}", one.entry.name, one.spent.as_secs_f64());
    let each: Vec<_> = entrants.iter().map(spent).collect();
    let spent = format!("{:.0} s ({})", began.elapsed().as_secs_f64(), each.join(", "));
    let entries = entrants.into_iter().map(|one| one.entry).collect();
    Ok((Outcome { job: job.clone(), entries }, spent))
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

    #[test]
    fn a_row_that_takes_long_has_fewer_turns() {
        let pace = Options::from_arguments(std::iter::empty()).unwrap().pace();
        let part = Duration::from_secs(40);
        let turns = |each: u64| {
            (0..).find(|&turn| !goes_on(turn, Duration::from_secs(each * turn as u64), pace, part)).unwrap()
        };
        assert_eq!([turns(5), turns(10), turns(20), turns(60)], [pace.most, 4, pace.least, FEWEST]);
    }
}
