//! The pieces of work: the rows of the page.

mod drive;
mod many;

use std::io;
use std::time::Duration;

use crate::options::Options;
use crate::peer::Ability;
use crate::server::{Contender, Part, Running};
use crate::stage::{COLD, MEDIUM, Sizes, Stage, TEN};

/// A piece of work.
#[derive(Debug, Clone)]
pub(crate) struct Job {
    /// How the page calls it.
    pub(crate) name: String,
    /// Which plot it belongs to.
    pub(crate) group: Group,
    /// What is counted.
    pub(crate) unit: Unit,
    /// What a server must be able to do.
    ability: Ability,
    task: Task,
}

/// What is done.
#[derive(Debug, Clone)]
enum Task {
    /// Streams of one large file, or of quarters of it.
    Retrieve {
        streams: usize,
    },
    Store {
        streams: usize,
    },
    /// Files on the disk, none of them in memory.
    Cold,
    /// So many clients come for a file at the same moment.
    Rush {
        clients: usize,
    },
    /// So many clients, each held back to so many octets per second.
    Limited {
        clients: usize,
        rate: u64,
    },
    SmallRetrieve {
        sessions: usize,
    },
    SmallStore {
        sessions: usize,
    },
    Logins {
        sessions: usize,
        at_once: usize,
        is_local: bool,
    },
    List {
        verb: &'static str,
    },
}

/// What belongs together.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Group {
    Transfers,
    Files,
    Sessions,
    Listings,
}

impl Group {
    pub(crate) const ALL: [Self; 4] = [Self::Transfers, Self::Files, Self::Sessions, Self::Listings];

    /// Returns its title, whose last word also names its plot.
    pub(crate) fn title(self) -> &'static str {
        match self {
            Self::Transfers => "Large transfers",
            Self::Files => "Small files",
            Self::Sessions => "Logins",
            Self::Listings => "Listings",
        }
    }

    /// Returns the name of its plot.
    pub(crate) fn plot(self) -> &'static str {
        match self {
            Self::Transfers => "peers-transfers.svg",
            Self::Files => "peers-files.svg",
            Self::Sessions => "peers-logins.svg",
            Self::Listings => "peers-listings.svg",
        }
    }
}

/// What is counted.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Unit {
    /// 2³⁰ octets.
    Gibibyte,
    /// A file, a login or a listing.
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
    /// By how much the slowest client took longer than the one in the middle.
    pub(crate) slowest: Option<f64>,
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

/// Returns all pieces of work that are wanted.
pub(crate) fn jobs(options: &Options, sizes: &Sizes) -> Vec<Job> {
    let mut jobs = Vec::new();
    let mut add = |group, unit, ability, task: Task| {
        let name = task.name(sizes);
        jobs.push(Job { name, group, unit, ability, task });
    };
    let (clients, sessions, local, rate) =
        if options.quick { (100, 300, 40, 32 << 20) } else { (500, 3_000, 400, 16 << 20) };
    for task in [
        Task::Retrieve { streams: 1 },
        Task::Retrieve { streams: 4 },
        Task::Store { streams: 1 },
        Task::Store { streams: 4 },
        Task::Rush { clients },
        Task::Cold,
    ] {
        add(Group::Transfers, Unit::Gibibyte, Ability::Basic, task);
    }
    add(Group::Transfers, Unit::Gibibyte, Ability::Rate, Task::Limited { clients: 8, rate });
    for sessions in [1, 16] {
        add(Group::Files, Unit::Piece, Ability::Basic, Task::SmallRetrieve { sessions });
        add(Group::Files, Unit::Piece, Ability::Basic, Task::SmallStore { sessions });
    }
    let logins = Task::Logins { sessions, at_once: 64, is_local: false };
    add(Group::Sessions, Unit::Piece, Ability::Basic, logins);
    let logins = Task::Logins { sessions: local, at_once: 4, is_local: true };
    add(Group::Sessions, Unit::Piece, Ability::Pam, logins);
    for (verb, ability) in [("LIST", Ability::Basic), ("MLSD", Ability::Mlsd), ("NLST", Ability::Basic)] {
        add(Group::Listings, Unit::Piece, ability, Task::List { verb });
    }
    jobs.retain(|job| options.rows.as_ref().is_none_or(|words| job.name.contains(words)));
    jobs
}

impl Job {
    /// Returns whether a contender takes part.
    pub(crate) fn concerns(&self, contender: &Contender) -> bool {
        contender.part != Part::Sessions || matches!(self.task, Task::Logins { .. })
    }

    /// Returns why a contender cannot do it.
    pub(crate) fn is_lacked_by(&self, contender: &Contender) -> Option<&'static str> {
        contender.lacks(self.ability)
    }

    /// Returns the limit that the servers are given, for which they must be started anew.
    pub(crate) fn limit(&self) -> Option<u64> {
        match self.task {
            Task::Limited { rate, .. } => Some(rate),
            _ => None,
        }
    }

    /// Does the work once.
    ///
    /// # Errors
    /// When the server fails at it, or did less than it said.
    pub(crate) fn measure(
        &self,
        server: &Running<'_>,
        stage: &Stage,
        longest: Duration,
    ) -> io::Result<Sample> {
        drive::measure(&self.task, server, stage, longest)
    }
}

impl Task {
    fn name(&self, sizes: &Sizes) -> String {
        match self {
            Self::Retrieve { streams: 1 } => format!("RETR {}, 1 stream", size(sizes.large)),
            Self::Retrieve { streams } => format!("RETR {}, {streams} streams", size(sizes.large)),
            Self::Store { streams: 1 } => format!("STOR {}, 1 stream", size(sizes.large)),
            Self::Store { streams } => format!("STOR {}, {streams} streams", size(sizes.large)),
            Self::Cold => format!("RETR from the disk, {} × {}", COLD.0, size(COLD.1)),
            Self::Rush { clients } => format!("RETR {}, {clients} clients at once", size(TEN)),
            Self::Limited { clients, rate } => {
                format!("RETR {}, {clients} clients held to {}/s each", size(MEDIUM), size(*rate))
            }
            Self::SmallRetrieve { sessions } => format!("RETR 1 KiB, {}", session(*sessions)),
            Self::SmallStore { sessions } => format!("STOR 1 KiB, {}", session(*sessions)),
            Self::Logins { at_once, is_local: false, .. } => {
                format!("Anonymous login and QUIT, {at_once} at a time")
            }
            Self::Logins { at_once, .. } => format!("Login through PAM and QUIT, {at_once} at a time"),
            Self::List { verb } => format!("{verb} of {} entries", crate::report::thousands(sizes.crowd)),
        }
    }
}

fn size(octets: u64) -> String {
    if octets >= 1 << 30 { format!("{} GiB", octets >> 30) } else { format!("{} MiB", octets >> 20) }
}

fn session(count: usize) -> String {
    if count == 1 { "1 session".into() } else { format!("{count} sessions") }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(arguments: &[&str], sizes: &Sizes) -> Vec<String> {
        let arguments = arguments.iter().map(std::ffi::OsString::from);
        let options = Options::from_arguments(arguments).unwrap();
        jobs(&options, sizes).into_iter().map(|job| job.name).collect()
    }

    #[test]
    fn every_row_has_a_name_of_its_own() {
        let sizes = Sizes { large: 4 << 30, small: 10_000, crowd: 100_000 };
        let names = names(&[], &sizes);
        assert_eq!(names.iter().collect::<std::collections::HashSet<_>>().len(), names.len());
        assert!(names.contains(&"RETR 4 GiB, 4 streams".to_owned()));
        assert!(names.contains(&"LIST of 100,000 entries".to_owned()));
    }

    #[test]
    fn rows_are_chosen_by_a_part_of_their_name() {
        let sizes = Sizes { large: 1 << 29, small: 1, crowd: 1 };
        assert!(names(&["--rows", "LIST"], &sizes).iter().all(|name| name.contains("LIST")));
        assert!(names(&["--rows", "no such row"], &sizes).is_empty());
    }
}
