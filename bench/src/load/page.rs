//! The page about load.

use std::io;
use std::time::Duration;

use super::crowd::{LONGEST, MOST};
use super::noop::Latency;
use super::{Plan, Visit};
use crate::peer::Kind;
use crate::plot::{Bar, Panel, Tone, draw};
use crate::report::{Page, short, thousands};
use crate::server::Field;
use crate::stage::MEDIUM;
use crate::targets::{self, Aim, Claim};

/// What is promised of a NOOP while the downloads run, 99 times of 100.
const PROMISE: Duration = Duration::from_millis(10);

/// The picture beside the page.
const PLOT: &str = "load.svg";

const NOTES: &str = "
## What to keep in mind

- Clients and server share the cores, and the downloads take all that is left: loopback has no limit of its own. A network
  would set one, and leave the server idle most of the time.
- A NOOP's time is counted from the call that sends it to the call that receives the answer. NOOPs are sent at their rate
  whether or not earlier ones have been answered, so nobody who waits is forgotten. The thread that sends them has the
  highest priority, so that waking the client is not measured; \"sent late\" says how far it fell behind all the same.
- Each client has an address of its own, as in life, so neither ports nor a limit per address end the opening.
- PSS is the proportional set size of the server's processes: shared pages are divided among their users. \"Whole
  machine\" is what `MemAvailable` lost per session: it adds the kernel's part (sockets of both ends, tasks,
  namespaces), but also whatever else happened on the machine in the meantime.
- Loopback and memory only: no network, no disk, no encryption.
";

/// Begins with what is done.
pub(super) fn begin(plan: &Plan, field: &Field, files: u64) -> io::Result<Page> {
    let title = format!("{} idle sessions beside {} downloads", thousands(plan.sessions), plan.downloads);
    let mut page = Page::begin(&title, "load", field)?;
    page.line(&format!(
        "\nAnonymous sessions are opened, 32 logins at a time, until there are {}, {} s are over, or {} GiB of the \
         machine's memory are used. Then NOOPs are sent on sessions chosen at random, {} each second: for {} s while \
         nothing else happens, and for {} s while {} further clients fetch a file of {} MiB again and again. At the end \
         every session is asked once more. Every process may have {files} files open.",
        thousands(plan.sessions),
        LONGEST.as_secs(),
        MOST >> 20,
        plan.rate,
        plan.quiet.as_secs(),
        plan.busy.as_secs(),
        plan.downloads,
        MEDIUM >> 20
    ));
    Ok(page)
}

/// Adds the tables.
pub(super) fn fill(page: &mut Page, plan: &Plan, visits: &[Visit], failed: &[(&str, String)]) {
    targets::fill(page, &claims(plan, visits));
    sessions(page, plan, visits);
    noops(page, plan, visits);
    downloads(page, visits);
    page.line(&format!("\n![Memory, opening and waiting]({PLOT})"));
    page.plot(PLOT, plot(visits));
    for (name, why) in failed {
        page.line(&format!("\n{name} is not in the tables, since it failed: {why}."));
    }
    page.line(NOTES.trim_end());
}

/// What is promised of the sessions while nothing else happens.
const AIMS: [Aim; 4] = [
    Aim::most("PSS of all processes, by sessions", " KiB", Some(6.0), Some(3.0)),
    Aim::most("all opened in", " s", None, Some(2.0)),
    Aim::most("NOOP, 99 %", " ms", None, Some(0.3)),
    Aim::most("threads, by sessions", "", Some(0.1), None),
];

fn claims(plan: &Plan, visits: &[Visit]) -> Vec<Claim> {
    // With fewer sessions than wanted nothing is reached.
    let ours = visits.first().filter(|visit| visit.kind == Kind::Wharfd && visit.held >= plan.sessions);
    let values = ours.map(|visit| {
        let each = |number: u64| number as f64 / visit.held.max(1) as f64;
        let millis = visit.quiet.p99.as_secs_f64() * 1e3;
        [each(visit.with.processes), visit.opening.as_secs_f64(), millis, each(visit.threads)]
    });
    let work = format!("{} idle sessions", thousands(plan.sessions));
    let claim = |(index, aim): (usize, Aim)| Claim {
        work: work.clone(),
        aim,
        value: values.and_then(|values| values.get(index).copied()),
        noise: 1.0,
    };
    AIMS.into_iter().enumerate().map(claim).collect()
}

fn sessions(page: &mut Page, plan: &Plan, visits: &[Visit]) {
    page.line("\n## The sessions\n");
    page.line("| Server | Sessions held | Opened in | PSS before | PSS with them | PSS each | Whole machine, each | Processes | Threads | Alive at the end |");
    page.line("|---|---|---|---|---|---|---|---|---|---|");
    for visit in visits {
        let each = |kib: u64| short(kib as f64 / visit.held.max(1) as f64);
        page.line(&format!(
            "| {} | {} | {} s | {} MiB | {} MiB | {} KiB | {} KiB | {} | {} | {} |",
            visit.name,
            visit.held,
            short(visit.opening.as_secs_f64()),
            short(visit.before.processes as f64 / 1024.0),
            short(visit.with.processes as f64 / 1024.0),
            each(visit.with.processes.saturating_sub(visit.before.processes)),
            each(visit.before.available.saturating_sub(visit.with.available)),
            visit.processes,
            visit.threads,
            visit.alive
        ));
    }
    for visit in visits.iter().filter(|visit| visit.held < plan.sessions) {
        let why = visit.stopped.as_deref().unwrap_or("unknown");
        page.line(&format!("\n{} ended at {} sessions: {why}.", visit.name, visit.held));
    }
}

fn noops(page: &mut Page, plan: &Plan, visits: &[Visit]) {
    page.line("\n## NOOP\n");
    page.line(
        "| Server | Sessions | Meanwhile | Answered | Median | 90 % | 99 % | Longest | Sent late, 99 % |",
    );
    page.line("|---|---|---|---|---|---|---|---|---|");
    let downloads = format!("{} downloads", plan.downloads);
    for visit in visits {
        for (meanwhile, latency) in [("nothing", &visit.quiet), (downloads.as_str(), &visit.busy)] {
            page.line(&format!("| {} | {} | {meanwhile} | {} |", visit.name, visit.asked, row(latency)));
        }
    }
    let Some(ours) = visits.first() else { return };
    let is_kept = ours.busy.p99 <= PROMISE && ours.alive >= plan.sessions;
    page.line(&format!(
        "\nThe promise is that {} sessions are held and 99 of 100 NOOPs answered within {} ms while the downloads run: \
         {}.",
        thousands(plan.sessions),
        PROMISE.as_millis(),
        if is_kept { "kept" } else { "**not kept**" }
    ));
}

fn row(latency: &Latency) -> String {
    let times = [latency.median, latency.p90, latency.p99, latency.longest, latency.late];
    let times = times.map(|time| format!("{} ms", short(time.as_secs_f64() * 1e3)));
    format!("{} | {}", latency.count, times.join(" | "))
}

fn downloads(page: &mut Page, visits: &[Visit]) {
    page.line("\n## The downloads\n");
    page.line("| Server | Whole files | Rate | Cores the server used | Cores the downloading clients used | Core the NOOP client used |");
    page.line("|---|---|---|---|---|---|");
    for visit in visits {
        let moved = &visit.downloads;
        let rate = moved.octets as f64 / f64::from(1 << 30) / moved.elapsed.as_secs_f64().max(0.001);
        page.line(&format!(
            "| {} | {} | {} GiB/s | {} | {} | {} |",
            visit.name,
            moved.files,
            short(rate),
            short(visit.used),
            short(moved.used),
            short(visit.busy.used)
        ));
    }
}

fn plot(visits: &[Visit]) -> String {
    let panel = |title: &str, unit: &str, value: fn(&Visit) -> f64| Panel {
        title: format!("{title}, less is better"),
        bars: visits
            .iter()
            .map(|visit| Bar {
                name: visit.name,
                value: value(visit),
                range: (value(visit), value(visit)),
                label: format!("{} {unit}", short(value(visit))),
                tone: if visit.kind == Kind::Wharfd { Tone::Ours } else { Tone::Peer },
            })
            .collect(),
    };
    draw(&[
        (
            panel("Memory of a session", "KiB", |one| {
                let added = one.with.processes.saturating_sub(one.before.processes);
                added as f64 / one.held.max(1) as f64
            }),
            // By session, since not everybody holds as many.
            panel("Opening a session", "ms", |one| one.opening.as_secs_f64() * 1e3 / one.held.max(1) as f64),
        ),
        (
            panel("99 % of NOOPs, nothing else", "ms", |one| one.quiet.p99.as_secs_f64() * 1e3),
            panel("99 % of NOOPs, downloads", "ms", |one| one.busy.p99.as_secs_f64() * 1e3),
        ),
    ])
}

#[cfg(test)]
mod tests {
    use super::super::Memory;
    use super::super::downloads::Downloads;
    use super::*;

    fn visit(held: usize) -> Visit {
        let latency = || Latency {
            count: 1,
            median: Duration::ZERO,
            p90: Duration::ZERO,
            p99: Duration::from_millis(1),
            longest: Duration::ZERO,
            late: Duration::ZERO,
            used: 0.0,
        };
        let memory = |processes| Memory { processes, available: 0 };
        Visit {
            name: "wharfd",
            kind: Kind::Wharfd,
            held,
            asked: held,
            opening: Duration::from_secs(1),
            stopped: None,
            before: memory(0),
            with: memory(500),
            processes: 5,
            threads: 5,
            quiet: latency(),
            busy: latency(),
            downloads: Downloads::default(),
            used: 0.0,
            alive: held,
        }
    }

    #[test]
    fn a_server_that_holds_fewer_sessions_has_reached_nothing() {
        let plan = Plan { sessions: 100, ..Plan::new(false) };
        let values =
            |held| claims(&plan, &[visit(held)]).into_iter().map(|one| one.value).collect::<Vec<_>>();
        assert_eq!(values(100), [Some(5.0), Some(1.0), Some(1.0), Some(0.05)]);
        assert_eq!(values(99), [None; 4]);
    }
}
