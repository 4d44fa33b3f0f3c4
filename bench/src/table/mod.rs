//! The tables and plots of the comparison, and what they come to in one sentence.

pub(crate) mod columns;

use crate::figures::{Entry, Merit, Outcome, Verdict};
use crate::options::Options;
use crate::peer::Kind;
use crate::plot::{Bar, Panel, Tone, draw};
use crate::report::{Page, short};
use crate::server::Part;
use crate::targets;
use crate::work::{Group, Job, Sample, Unit};
use columns::COLUMNS;

const NOTES: &str = "
## What to keep in mind

- The clients share the cores with the server. Rates are what is left for the server; the processor time is the
  better figure. The clients are made light (what comes is discarded in the kernel, what goes is `sendfile` from memory),
  and each table says how many cores they kept busy: where one session's client is busy all the time, it was the limit.
- \"A/A\" is wharfd beside a second wharfd with the same settings. What differs less than these two did in their worst turn
  is noise, and is called \"even\".
- Loopback and memory only, but for the rows that name the disk: no network. A slow network hides most of
  these differences. The disk may be a virtual one whose host has the file in its own memory.
- Processor time is that of all the server's processes, those that have ended included. Work that the kernel does on its
  own threads, such as taking down the network namespace of an ended vsftpd session, is charged to nobody.
- In rows about FTPS every server shows the same self-signed certificate with a key on P-256. The clients offer X25519 and
  P-256, and for bulk TLS 1.3 with AES-GCM or ChaCha20 alone; they check no certificate, open and seal bulk data in place
  with 16 records for each call, and resume the session of the control connection with tickets, each used once. A login
  that fails before a row begins is tried again, at most twenty times; in the row about handshakes nothing is tried again.
- Growth of memory is that of resident pages, at the highest, since the server was started for the row or the session began.
- Memory of each idle session is by how much a server started for this turn is larger with all of them than with none, after
  16 that came and went.
- Memory is the proportional set size, so shared pages are divided among their users. What the kernel holds for sockets,
  tasks and namespaces is not in it.
- The password of the login through PAM has the cheapest hash there is, so that servers are compared and not the hash.
- Where EPSV is answered with 425, it is said again, at most five times: sessions of ProFTPD now and then take the same port.
- \"bare\" is no server that anybody could use: it says what the kernel asks for, not what is possible with checks.
";

/// Adds everything about the comparison.
pub(crate) fn fill(page: &mut Page, options: &Options, outcomes: &[Outcome]) {
    let pace = options.pace();
    page.line(&format!(
        "\nThe servers took turns, A, B, C … then … C, B, A, after one uncounted with a part of the work: {} each, fewer in \
         rows that take long, as the tables say. Small files, logins and handshakes end after {} s in each turn; a peer that \
         would have needed more than {} s for something else did only a part of it, which the table names. Figures are \
         medians, with the lowest and the highest. Ratios are medians of the ratios of each turn, and above 1 wharfd is better.",
        pace.most,
        pace.longest.as_secs_f64(),
        pace.slow.as_secs_f64()
    ));
    targets::fill(page, &targets::claims(outcomes));
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
        .filter(|one| merit == Merit::Thrift || !one.job.is_limited())
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
    let is_limited = merit == Merit::Speed && outcome.job.is_limited();
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
            entry
                .does_only
                .as_ref()
                .map_or_else(|| entry.name.into(), |part| format!("{}, {part}", entry.name)),
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
