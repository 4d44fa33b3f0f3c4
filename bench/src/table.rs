//! The tables and plots of the comparison, and what they come to in one sentence.

use crate::compare::{SLOW_TURNS, longest};
use crate::figures::{Entry, Merit, Outcome, Verdict};
use crate::options::Options;
use crate::peer::Kind;
use crate::plot::{Bar, Panel, Tone, draw};
use crate::report::{Page, short};
use crate::server::Part;
use crate::work::{Group, Job, Sample, Unit};

const NOTES: &str = "
## What to keep in mind

- The clients share the cores with the server. Rates are what is left for the server; the processor time is the
  better figure. The clients are made light (what comes is discarded in the kernel, what goes is `sendfile` from memory),
  and each table says how many cores they kept busy: where one session's client is busy all the time, it was the limit.
- \"A/A\" is wharfd beside a second wharfd with the same settings. What differs less than these two did in their worst turn
  is noise, and is called \"even\".
- Loopback and memory only, but for the rows that name the disk: no network, no encryption. A slow network hides most of
  these differences. The disk may be a virtual one whose host has the file in its own memory.
- Processor time is that of all the server's processes, those that have ended included. Work that the kernel does on its
  own threads, such as taking down the network namespace of an ended vsftpd session, is charged to nobody.
- Memory is the proportional set size, so shared pages are divided among their users. What the kernel holds for sockets,
  tasks and namespaces is not in it.
- The password of the login through PAM has the cheapest hash there is, so that servers are compared and not the hash.
- Where EPSV is answered with 425, it is said again, at most five times: sessions of ProFTPD now and then take the same port.
- \"bare\" is no server that anybody could use: it says what the kernel asks for, not what is possible with checks.
";

/// Adds everything about the comparison.
pub(crate) fn fill(page: &mut Page, options: &Options, outcomes: &[Outcome]) {
    page.line(&format!(
        "\nThe servers took turns, A, B, C … then … C, B, A: {} turns each after one uncounted. Figures are medians, with \
         the lowest and the highest. Small files and logins end after {} s in each turn; a server whose first turn took longer \
         than 10 s got {SLOW_TURNS} turns. Ratios are medians of the ratios of each turn, and above 1 wharfd is better.",
        options.runs(),
        longest(options).as_secs()
    ));
    for (merit, title) in [(Merit::Speed, "Speed"), (Merit::Thrift, "Processor time")] {
        page.line(&format!("\n## {title}\n"));
        page.line(&sentence(merit, outcomes));
        page.line("\n| Work | wharfd | to vsftpd | to the best peer | to bare | A/A, worst turn |\n|---|---|---|---|---|---|");
        for outcome in outcomes {
            page.line(&summary(merit, outcome));
        }
    }
    page.line("\n**Bold**: ahead by more than the noise. *Slanted*: behind by more. Otherwise even.");
    for group in Group::ALL {
        let of_group = || outcomes.iter().filter(move |one| one.job.group == group);
        if of_group().next().is_none() {
            continue;
        }
        page.line(&format!("\n## {}\n\n![{}]({})", group.title(), group.title(), group.plot()));
        of_group().for_each(|outcome| details(page, outcome));
        let rows: Vec<_> = of_group().map(panels).collect();
        page.plot(group.plot(), draw(&rows));
    }
    page.line(NOTES.trim_end());
}

/// Says how often wharfd is ahead of the best of the peers.
fn sentence(merit: Merit, outcomes: &[Outcome]) -> String {
    let verdicts: Vec<Verdict> = outcomes
        .iter()
        .filter(|one| merit == Merit::Thrift || one.job.limit().is_none())
        .filter_map(|one| Some(one.verdict(merit, one.ratio(merit, one.best_peer(merit)?)?)))
        .collect();
    let count = |verdict| verdicts.iter().filter(|one| **one == verdict).count();
    format!(
        "Beside the best peer of each row, wharfd is ahead in {}, even in {} and behind in {} of {} rows.",
        count(Verdict::Ahead),
        count(Verdict::Even),
        count(Verdict::Behind),
        verdicts.len()
    )
}

fn summary(merit: Merit, outcome: &Outcome) -> String {
    let none = || "–".to_owned();
    let name = &outcome.job.name;
    let Some(ours) = outcome.ours().filter(|ours| ours.has_run()) else {
        return format!("| {name} | – | – | – | – | – |");
    };
    let is_limited = merit == Merit::Speed && outcome.job.limit().is_some();
    let ratio = |theirs: Option<&Entry>| {
        let ratio = theirs.and_then(|theirs| outcome.ratio(merit, theirs)).filter(|_| !is_limited)?;
        let text = format!("{ratio:.2}");
        Some(match outcome.verdict(merit, ratio) {
            Verdict::Ahead => format!("**{text}**"),
            Verdict::Even => text,
            Verdict::Behind => format!("*{text}*"),
        })
    };
    let own = match merit {
        Merit::Speed => rate(&outcome.job, ours.median(Sample::rate)),
        Merit::Thrift => cost(&outcome.job, ours.median(Sample::cost)),
    };
    let best = outcome.best_peer(merit);
    let best = ratio(best).zip(best).map_or_else(none, |(ratio, best)| format!("{ratio} {}", best.name));
    let vsftpd = ratio(outcome.of(Kind::Vsftpd)).unwrap_or_else(none);
    let bare = ratio(outcome.of(Kind::Bare)).unwrap_or_else(none);
    let noise = outcome.noise(merit);
    let noise = noise.map_or_else(none, |(ratio, most)| format!("{ratio:.2}, {most:.2}"));
    format!("| {name} | {own} | {vsftpd} | {best} | {bare} | {noise} |")
}

fn details(page: &mut Page, outcome: &Outcome) {
    let job = &outcome.job;
    page.line(&format!("\n### {}\n", job.name));
    let columns: Vec<_> =
        COLUMNS.iter().filter(|(_, value)| outcome.entries.iter().any(|one| value(one).is_some())).collect();
    let titles: Vec<_> = columns.iter().map(|(title, _)| format!(" {title} |")).collect();
    page.line(&format!(
        "| Server | Rate | Processor time | Memory | Cores of the clients |{} Turns |",
        titles.concat()
    ));
    page.line(&format!("|---|---|---|---|---|{}---|", "---|".repeat(columns.len())));
    for entry in outcome.entries.iter().filter(|entry| entry.has_run()) {
        let (speed, price) = (entry.median(Sample::rate), entry.median(Sample::cost));
        let (low, high) = entry.range(Sample::rate);
        let (least, most) = entry.range(Sample::cost);
        let scale = scale(job);
        let more =
            columns.iter().map(|(_, value)| format!(" {} |", value(entry).unwrap_or_else(|| "–".into())));
        page.line(&format!(
            "| {} | {} ({}–{}) | {} ({}–{}) | {} MiB | {} |{} {} |",
            entry.name,
            rate(job, speed),
            short(low),
            short(high),
            cost(job, price),
            short(least * scale),
            short(most * scale),
            short(entry.median(|sample| sample.memory as f64 / 1024.0)),
            short(entry.median(Sample::generator)),
            more.collect::<String>(),
            entry.samples.len()
        ));
    }
    for entry in &outcome.entries {
        if let Some(why) = &entry.missing {
            page.line(&format!("\n{} is not in the table: {why}.", entry.name));
        }
    }
}

/// A column that only some tables have.
type Column = (&'static str, fn(&Entry) -> Option<String>);

const COLUMNS: [Column; 4] = [
    ("First octet after", |entry| Some(millis(entry.median_of(|one| Some(one.more.first?.as_secs_f64()))?))),
    ("NOOP of others, 99 %", |entry| {
        Some(millis(entry.median_of(|one| Some(one.more.noop?.0.as_secs_f64()))?))
    }),
    ("NOOP of others, longest of all turns", |entry| {
        let longest = entry.samples.iter().filter_map(|one| one.more.noop).map(|noop| noop.1).max()?;
        Some(millis(longest.as_secs_f64()))
    }),
    ("Slowest client to median", |entry| Some(short(entry.median_of(|one| one.more.slowest)?))),
];

fn panels(outcome: &Outcome) -> (Panel, Panel) {
    let job = &outcome.job;
    let bars = |value: fn(&Sample) -> f64, label: fn(&Job, f64) -> String| {
        let shown = outcome.entries.iter().filter(|entry| entry.has_run());
        let bar = |entry: &Entry| Bar {
            name: entry.name,
            value: entry.median(value),
            range: entry.range(value),
            label: label(job, entry.median(value)),
            tone: match entry.kind {
                Kind::Wharfd if entry.part == Part::Noise => Tone::Again,
                Kind::Wharfd => Tone::Ours,
                Kind::Bare => Tone::Reference,
                _ => Tone::Peer,
            },
        };
        shown.map(bar).collect()
    };
    let speed = Panel { title: format!("{}: rate", job.name), bars: bars(Sample::rate, rate) };
    let thrift = Panel { title: "processor time, less is better".into(), bars: bars(Sample::cost, cost) };
    (speed, thrift)
}

fn rate(job: &Job, value: f64) -> String {
    let unit = if job.unit == Unit::Gibibyte { " GiB/s" } else { " /s" };
    format!("{}{unit}", short(value))
}

fn cost(job: &Job, value: f64) -> String {
    let unit = if job.unit == Unit::Gibibyte { "s/GiB" } else { "µs" };
    format!("{} {unit}", short(value * scale(job)))
}

/// Returns by what the processor seconds of a unit are multiplied to be shown.
fn scale(job: &Job) -> f64 {
    if job.unit == Unit::Gibibyte { 1.0 } else { 1e6 }
}

fn millis(seconds: f64) -> String {
    format!("{} ms", short(seconds * 1e3))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::figures::tests::{entry, outcome};

    #[test]
    fn the_summary_names_the_best_peer_and_weighs_the_noise() {
        let outcome = outcome(vec![
            entry("wharfd", Kind::Wharfd, Part::All, &[2, 2]),
            entry("vsftpd", Kind::Vsftpd, Part::All, &[8, 8]),
            entry("ProFTPD", Kind::Proftpd, Part::All, &[4, 4]),
            entry("wharfd again", Kind::Wharfd, Part::Noise, &[2, 3]),
        ]);
        let line = summary(Merit::Speed, &outcome);
        assert!(line.contains("| **4.00** | **2.00** ProFTPD | – |"), "{line}");
        assert!(sentence(Merit::Speed, &[outcome]).contains("ahead in 1, even in 0 and behind in 0 of 1"));
    }

    #[test]
    fn a_server_that_failed_stands_below_the_table() {
        let mut failed = entry("ProFTPD", Kind::Proftpd, Part::All, &[]);
        failed.missing = Some("failed: no room".into());
        let outcome = outcome(vec![entry("wharfd", Kind::Wharfd, Part::All, &[2]), failed]);
        let mut page = Page::empty();
        details(&mut page, &outcome);
        assert!(page.text().contains("ProFTPD is not in the table: failed: no room."));
    }
}
