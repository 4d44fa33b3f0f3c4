//! The targets themselves, row by row, and where each number is found in the outcomes.

use super::{Aim, Claim};
use crate::figures::{Entry, Merit, Outcome};
use crate::peer::Kind;
use crate::table::columns::{failed, growth, longest};
use crate::tls::Protection;
use crate::work::{Sample, Task, Unit};

/// 10⁹ octets in units of 2³⁰.
const GIGABYTE: f64 = 1e9 / (1u64 << 30) as f64;

/// Whom wharfd is compared with.
#[derive(Debug, Clone, Copy)]
enum Rival {
    BestPeer,
    /// The best of those that serve all sessions from few processes.
    BestAsynchronousPeer,
    One(Kind),
}

/// Where a number comes from.
#[derive(Debug, Clone, Copy)]
enum Source {
    /// How many times the other's rate.
    Rate(Rival),
    /// How many times the other's time.
    Time(Rival),
    /// How many times the other's processor time.
    Processor(Rival),
    /// Processor time of a unit: µs of a piece, s/GB of bulk.
    Cost,
    FirstOctet,
    Growth,
    Each,
    NoopShare,
    NoopLongest,
    ListShare,
    Slowest,
    Failed,
    /// How many times the processor time of the same work without a limit.
    Unlimited,
}

/// Returns all claims that a run can be judged by.
pub(crate) fn claims(outcomes: &[Outcome]) -> Vec<Claim> {
    let of = |outcome: &Outcome| {
        let value = |(source, aim): (Source, Aim)| Claim {
            work: outcome.job.name.clone(),
            aim,
            value: source.read(outcome, outcomes),
            noise: source.merit().and_then(|merit| outcome.noise(merit)).map_or(1.0, |(_, most)| most),
        };
        targets(outcome.job.task).into_iter().map(value).collect::<Vec<_>>()
    };
    outcomes.iter().flat_map(of).collect()
}

/// Returns what was set for a row.
fn targets(task: Task) -> Vec<(Source, Aim)> {
    use Rival::{BestAsynchronousPeer, BestPeer, One};
    use Source::{
        Cost, Each, Failed, FirstOctet, Growth, ListShare, NoopLongest, NoopShare, Processor, Rate,
    };
    let least = |source, what, must, goal| (source, Aim::least(what, must, goal));
    let most = |source, what, unit, must, goal| (source, Aim::most(what, unit, must, goal));
    let rate = |must, goal| least(Rate(BestPeer), "rate, to the best peer", must, goal);
    let processor = |most_of: f64| {
        most(Processor(BestPeer), "processor time, to the best peer", " ×", None, Some(most_of))
    };
    match task {
        Task::Retrieve { streams, protection: Protection::Clear } => {
            let goal = if streams == 1 { 1.3 } else { 1.25 };
            vec![rate(Some(1.0), Some(goal)), processor(0.7)]
        }
        Task::Store { protection: Protection::Clear, .. } => {
            vec![rate(Some(1.05), Some(1.25)), processor(0.8)]
        }
        Task::Retrieve { protection: Protection::ChaCha20, .. } => vec![rate(Some(1.0), None)],
        Task::Retrieve { .. } => vec![
            least(Rate(One(Kind::Pureftpd)), "rate, to Pure-FTPd", Some(1.3), Some(1.7)),
            least(Rate(One(Kind::Vsftpd)), "rate, to vsftpd", Some(3.0), Some(6.0)),
            most(Cost, "processor time", " s/GB", None, Some(0.35)),
        ],
        Task::Store { .. } => vec![
            least(Rate(One(Kind::Pureftpd)), "rate, to Pure-FTPd", Some(1.15), None),
            least(Rate(One(Kind::Vsftpd)), "rate, to vsftpd", Some(3.0), None),
            most(Cost, "processor time", " s/GB", Some(0.65), None),
        ],
        Task::SmallRetrieve { protection: Protection::Clear, .. } => {
            let mut all = small();
            all.push(most(Cost, "processor time of each", " µs", None, Some(35.0)));
            all
        }
        Task::SmallStore { .. } => small(),
        Task::SmallRetrieve { .. } => vec![rate(Some(1.5), Some(2.5))],
        Task::Logins { is_local: false, .. } => vec![
            least(Rate(One(Kind::Libunftp)), "rate, to libunftp", Some(0.9), Some(1.0)),
            least(Rate(One(Kind::Vsftpd)), "rate, to vsftpd", Some(10.0), Some(20.0)),
            most(Cost, "processor time of each", " µs", None, Some(90.0)),
        ],
        Task::Logins { .. } => {
            vec![least(Rate(One(Kind::Vsftpd)), "rate, to vsftpd", Some(1.0), Some(2.0))]
        }
        Task::List { .. } => vec![
            rate(Some(1.2), None),
            most(Source::Time(One(Kind::Bare)), "time, to the bare listing", " ×", None, Some(1.15)),
            most(FirstOctet, "first octet after", " ms", None, Some(15.0)),
            most(Growth, "growth of memory", " MB", None, Some(2.0)),
        ],
        Task::Rush { .. } => vec![
            rate(Some(1.05), Some(1.25)),
            most(Processor(BestPeer), "processor time, to the best peer", " ×", Some(0.8), None),
            most(NoopShare, "NOOP of others, 99 %", " ms", None, Some(3.0)),
            most(ListShare, "LIST of others, 99 %", " ms", None, Some(8.0)),
            most(Source::Slowest, "slowest client, to the median", " ×", None, Some(3.0)),
        ],
        Task::Cold => {
            vec![most(NoopLongest, "longest NOOP of others", " ms", Some(50.0), Some(10.0))]
        }
        Task::Limited { rate: Some(_), .. } => {
            vec![most(Source::Unlimited, "processor time, to no limit", " ×", Some(1.05), None)]
        }
        Task::Limited { rate: None, .. } => Vec::new(),
        Task::Handshakes { .. } => vec![
            least(Rate(BestAsynchronousPeer), "rate, to the best asynchronous peer", Some(1.0), None),
            most(Failed, "failed", "", Some(0.0), None),
        ],
        Task::Idle { .. } => vec![most(Each, "memory of each", " KiB", Some(12.0), Some(4.0))],
    }
}

/// Returns what holds for small files in either direction.
fn small() -> Vec<(Source, Aim)> {
    vec![
        (Source::Rate(Rival::One(Kind::Pureftpd)), Aim::least("rate, to Pure-FTPd", Some(1.0), Some(1.3))),
        (Source::Rate(Rival::One(Kind::Vsftpd)), Aim::least("rate, to vsftpd", Some(5.0), None)),
    ]
}

impl Source {
    /// Returns which noise the number has, if it is known.
    fn merit(self) -> Option<Merit> {
        match self {
            Self::Rate(_) | Self::Time(_) => Some(Merit::Speed),
            Self::Processor(_) | Self::Cost | Self::Unlimited => Some(Merit::Thrift),
            _ => None,
        }
    }

    fn read(self, outcome: &Outcome, all: &[Outcome]) -> Option<f64> {
        let ours = outcome.ours().filter(|ours| ours.has_run())?;
        let ratio = |merit, rival: Rival| outcome.ratio(merit, rival.find(outcome, merit)?);
        let millis = |value: fn(&Sample) -> Option<std::time::Duration>| {
            Some(ours.median_of(|sample| Some(value(sample)?.as_secs_f64()))? * 1e3)
        };
        match self {
            Self::Rate(rival) => ratio(Merit::Speed, rival),
            Self::Time(rival) => Some(1.0 / ratio(Merit::Speed, rival)?),
            Self::Processor(rival) => Some(1.0 / ratio(Merit::Thrift, rival)?),
            Self::Cost if outcome.job.unit == Unit::Gibibyte => Some(ours.median(Sample::cost) * GIGABYTE),
            Self::Cost => Some(ours.median(Sample::cost) * 1e6),
            Self::FirstOctet => millis(|sample| sample.more.first),
            Self::Growth => Some(growth(ours)? * 1024.0 / 1e6),
            Self::Each => ours.median_of(|sample| sample.more.each),
            Self::NoopShare => millis(|sample| Some(sample.more.noop?.0)),
            Self::NoopLongest => Some(longest(ours)? * 1e3),
            Self::ListShare => millis(|sample| sample.more.list),
            Self::Slowest => ours.median_of(|sample| sample.more.slowest),
            Self::Failed => failed(ours).map(|count| count as f64),
            Self::Unlimited => {
                let is_free = |one: &&Outcome| matches!(one.job.task, Task::Limited { rate: None, .. });
                let free = all.iter().find(is_free)?.ours().filter(|free| free.has_run())?;
                Some(ours.median(Sample::cost) / free.median(Sample::cost))
            }
        }
    }
}

impl Rival {
    fn find(self, outcome: &Outcome, merit: Merit) -> Option<&Entry> {
        match self {
            Self::BestPeer => outcome.best_peer(merit),
            Self::BestAsynchronousPeer => {
                outcome.best_of(merit, |one| matches!(one.kind, Kind::Pyftpdlib | Kind::Libunftp))
            }
            Self::One(kind) => outcome.of(kind),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::figures::tests::{entry, outcome};
    use crate::server::Part;

    fn with(task: Task, mut outcome: Outcome) -> Outcome {
        outcome.job.task = task;
        outcome
    }

    #[test]
    fn wharfd_is_judged_by_the_peer_that_was_named() {
        let outcome = outcome(vec![
            entry("wharfd", Kind::Wharfd, Part::All, &[2]),
            entry("vsftpd", Kind::Vsftpd, Part::All, &[12]),
            entry("Pure-FTPd", Kind::Pureftpd, Part::All, &[3]),
            entry("libunftp", Kind::Libunftp, Part::All, &[1]),
        ]);
        let task = Task::SmallRetrieve { sessions: 1, protection: Protection::Clear };
        let claims = claims(&[with(task, outcome)]);
        let values: Vec<_> = claims.iter().map(|claim| claim.value).collect();
        assert_eq!(values.first(), Some(&Some(1.5)));
        assert_eq!(values.get(1), Some(&Some(6.0)));
    }

    #[test]
    fn a_limit_is_compared_with_the_same_work_without() {
        let row = |rate, seconds| {
            let one = outcome(vec![entry("wharfd", Kind::Wharfd, Part::All, &[seconds])]);
            with(Task::Limited { clients: 8, rate }, one)
        };
        let claims = claims(&[row(None, 3), row(Some(1), 6)]);
        assert_eq!(claims.len(), 1);
        assert_eq!(claims.first().and_then(|claim| claim.value), Some(2.0));
    }

    #[test]
    fn what_a_peer_failed_at_is_not_measured() {
        let mut failed = entry("vsftpd", Kind::Vsftpd, Part::All, &[]);
        failed.missing = Some("failed".into());
        let outcome = outcome(vec![entry("wharfd", Kind::Wharfd, Part::All, &[2]), failed]);
        let task = Task::Logins { sessions: 1, at_once: 1, is_local: true };
        assert_eq!(claims(&[with(task, outcome)]).first().and_then(|claim| claim.value), None);
    }

    #[test]
    fn gigabytes_are_smaller_than_gibibytes() {
        let outcome = outcome(vec![entry("wharfd", Kind::Wharfd, Part::All, &[6])]);
        let task = Task::Store { streams: 1, protection: Protection::AesGcm };
        let claims = claims(&[with(task, outcome)]);
        let cost = claims.last().and_then(|claim| claim.value).unwrap();
        assert!((cost - 0.5 * GIGABYTE).abs() < 1e-9, "{cost}");
    }
}
