//! The pieces of work: the rows of the page.

mod drive;
mod many;
mod secure;
mod task;

use std::io;
use std::time::Duration;

use crate::client::Seen;
use crate::options::Options;
use crate::server::{Contender, Part, Running};
use crate::stage::{Sizes, Stage};
use crate::tls::Protection;
pub(crate) use task::{Share, Task};

/// A piece of work.
#[derive(Debug, Clone)]
pub(crate) struct Job {
    /// How the page calls it.
    pub(crate) name: String,
    /// Which plot it belongs to.
    pub(crate) group: Group,
    /// What is counted.
    pub(crate) unit: Unit,
    pub(crate) task: Task,
    /// What a part of it is, for those who do only that.
    pub(crate) part: Option<String>,
}

/// What belongs together.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Group {
    Transfers,
    Files,
    Sessions,
    Listings,
    Encryption,
}

impl Group {
    pub(crate) const ALL: [Self; 5] =
        [Self::Transfers, Self::Files, Self::Sessions, Self::Listings, Self::Encryption];

    /// Returns its title.
    pub(crate) fn title(self) -> &'static str {
        match self {
            Self::Transfers => "Large transfers",
            Self::Files => "Small files",
            Self::Sessions => "Logins",
            Self::Listings => "Listings",
            Self::Encryption => "FTPS",
        }
    }

    /// Returns the name of its plot.
    pub(crate) fn plot(self) -> &'static str {
        match self {
            Self::Transfers => "peers-transfers.svg",
            Self::Files => "peers-files.svg",
            Self::Sessions => "peers-logins.svg",
            Self::Listings => "peers-listings.svg",
            Self::Encryption => "peers-ftps.svg",
        }
    }
}

/// What is counted.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Unit {
    /// 2³⁰ octets.
    Gibibyte,
    /// A file, a session or a listing.
    Piece,
}

/// What one turn took.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Sample {
    /// How many units were done.
    pub(crate) amount: f64,
    /// From the first command to the last reply, as the client sees it.
    pub(crate) elapsed: Duration,
    /// Processor time of all the server's processes.
    pub(crate) used: Duration,
    /// Processor time of the clients.
    pub(crate) generator: Duration,
    /// Proportional set size of all the server's processes at the end, in KiB.
    pub(crate) memory: u64,
    pub(crate) more: More,
}

/// What is asked of some pieces of work only.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct More {
    /// From the command to the first octet.
    pub(crate) first: Option<Duration>,
    /// How long 99 of 100 NOOPs of other sessions took at most, and the longest of all.
    pub(crate) noop: Option<(Duration, Duration)>,
    /// How long 99 of 100 listings of a small directory took at most.
    pub(crate) list: Option<Duration>,
    /// By how much the slowest client took longer than the one in the middle.
    pub(crate) slowest: Option<f64>,
    /// By how much the processes grew at most while they worked, in KiB.
    pub(crate) growth: Option<u64>,
    /// By how much they are larger for each session, in KiB.
    pub(crate) each: Option<f64>,
    /// How many sessions failed.
    pub(crate) failed: Option<usize>,
    /// The handshakes.
    pub(crate) seen: Option<Seen>,
}

impl Sample {
    /// Returns units per second.
    pub(crate) fn rate(&self) -> f64 {
        self.amount / self.elapsed.as_secs_f64().max(1e-9)
    }

    /// Returns processor seconds per unit.
    pub(crate) fn cost(&self) -> f64 {
        self.used.as_secs_f64() / self.amount.max(1e-9)
    }

    /// Returns how many cores the clients kept busy.
    pub(crate) fn generator(&self) -> f64 {
        self.generator.as_secs_f64() / self.elapsed.as_secs_f64().max(1e-9)
    }
}

/// Returns all pieces of work that are wanted, those with the same setting of the servers together.
pub(crate) fn jobs(options: &Options, sizes: &Sizes) -> Vec<Job> {
    let mut jobs = Vec::new();
    let mut add = |group, unit, task: Task| {
        jobs.push(Job { name: task.name(sizes), group, unit, task, part: task.part(sizes) });
    };
    let (clients, logins, local, rate) =
        if options.quick { (100, 300, 40, 32 << 20) } else { (500, 3_000, 400, 16 << 20) };
    bulk(Protection::Clear, |task| add(Group::Transfers, Unit::Gibibyte, task));
    for task in [Task::Rush { clients }, Task::Cold, Task::Limited { clients: 8, rate: None }] {
        add(Group::Transfers, Unit::Gibibyte, task);
    }
    for sessions in [1, 16] {
        let retrieve = Task::SmallRetrieve { sessions, protection: Protection::Clear };
        add(Group::Files, Unit::Piece, retrieve);
        add(Group::Files, Unit::Piece, Task::SmallStore { sessions });
    }
    for (sessions, at_once, is_local) in [(logins, 64, false), (local, 4, true)] {
        add(Group::Sessions, Unit::Piece, Task::Logins { sessions, at_once, is_local });
    }
    for verb in ["LIST", "MLSD", "NLST"] {
        add(Group::Listings, Unit::Piece, Task::List { verb });
    }
    add(Group::Transfers, Unit::Gibibyte, Task::Limited { clients: 8, rate: Some(rate) });
    bulk(Protection::AesGcm, |task| add(Group::Encryption, Unit::Gibibyte, task));
    let chacha = Task::Retrieve { streams: 1, protection: Protection::ChaCha20 };
    add(Group::Encryption, Unit::Gibibyte, chacha);
    for (sessions, protection) in [(1, Protection::AesGcm), (16, Protection::AesGcm), (16, Protection::Tls12)]
    {
        add(Group::Encryption, Unit::Piece, Task::SmallRetrieve { sessions, protection });
    }
    let (handshakes, idle) = if options.quick { (500, 200) } else { (1_000, 1_000) };
    add(Group::Encryption, Unit::Piece, Task::Handshakes { sessions: handshakes, at_once: 64 });
    add(Group::Encryption, Unit::Piece, Task::Idle { sessions: idle });
    jobs.retain(|job| options.rows.as_ref().is_none_or(|words| job.name.contains(words)));
    jobs
}

/// One large file in each direction, and four.
fn bulk(protection: Protection, mut add: impl FnMut(Task)) {
    [1, 4].into_iter().for_each(|streams| add(Task::Retrieve { streams, protection }));
    [1, 4].into_iter().for_each(|streams| add(Task::Store { streams, protection }));
}

impl Job {
    /// Returns whether a contender takes part.
    pub(crate) fn concerns(&self, contender: &Contender) -> bool {
        contender.part != Part::Sessions || self.task.is_about_sessions()
    }

    /// Returns why a contender cannot do it.
    pub(crate) fn is_lacked_by(&self, contender: &Contender) -> Option<&'static str> {
        contender.lacks(self.task.ability())
    }

    /// Returns how long the whole would take, by what a part has taken.
    pub(crate) fn whole(&self, part: &Sample, sizes: &Sizes) -> Duration {
        let seconds = self.task.amount(sizes) / part.rate().max(1e-9);
        Duration::try_from_secs_f64(seconds).unwrap_or(Duration::MAX)
    }

    /// Returns whether the rate is what the servers were told, and nothing of theirs.
    pub(crate) fn is_limited(&self) -> bool {
        matches!(self.task, Task::Limited { rate: Some(_), .. })
    }

    /// Does the work once; many small pieces until the time is over.
    ///
    /// # Errors
    /// When the server fails at it, or did less than it said.
    pub(crate) fn measure(
        &self,
        share: Share,
        server: &Running<'_>,
        stage: &Stage,
        longest: Duration,
    ) -> io::Result<Sample> {
        drive::measure(self.task, share, server, stage, longest)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rows(arguments: &[&str], sizes: &Sizes) -> Vec<Job> {
        let arguments = arguments.iter().map(std::ffi::OsString::from);
        jobs(&Options::from_arguments(arguments).unwrap(), sizes)
    }

    #[test]
    fn every_row_has_a_name_of_its_own() {
        let sizes = Sizes { large: 4 << 30, small: 10_000, crowd: 100_000 };
        let names: Vec<_> = rows(&[], &sizes).into_iter().map(|job| job.name).collect();
        assert_eq!(names.iter().collect::<std::collections::HashSet<_>>().len(), names.len());
        assert!(names.contains(&"RETR 4 GiB, 4 streams".to_owned()));
        assert!(names.contains(&"LIST of 100,000 entries".to_owned()));
    }

    #[test]
    fn rows_are_chosen_by_a_part_of_their_name() {
        let sizes = Sizes { large: 1 << 29, small: 1, crowd: 1 };
        assert!(rows(&["--rows", "LIST"], &sizes).iter().all(|job| job.name.contains("LIST")));
        assert!(rows(&["--rows", "no such row"], &sizes).is_empty());
    }

    #[test]
    fn servers_are_set_anew_as_rarely_as_can_be() {
        let sizes = Sizes { large: 1 << 30, small: 1, crowd: 1 };
        let mut settings: Vec<_> = rows(&[], &sizes).iter().map(|job| job.task.setting()).collect();
        settings.dedup();
        assert_eq!(settings.len(), 3);
    }

    #[test]
    fn all_rows_about_encryption_can_be_asked_for_together() {
        let sizes = Sizes { large: 1 << 30, small: 1, crowd: 1 };
        let encrypted = |job: &&Job| job.task.setting() == crate::server::Setting::Encrypted;
        let all = rows(&[], &sizes);
        assert_eq!(rows(&["--rows", "FTPS"], &sizes).len(), all.iter().filter(encrypted).count());
    }
}
