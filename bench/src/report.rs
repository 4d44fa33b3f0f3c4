//! The page: machine, versions, settings, tables, and what they do not say.

use std::fmt::Write as _;
use std::fs;
use std::io;
use std::path::Path;

use crate::figures::Row;
use crate::idle::{Held, SESSIONS};
use crate::options::Options;
use crate::server::{COMMON, Contender};
use crate::stage::Stage;
use crate::work::Unit;

const NOTES: &str = "
## What to keep in mind

- The load generator and everything else on the machine share the cores with the server. Rates are what is left for
  the server; the processor time is the better figure. Differences below 15 % mean nothing.
- The generator is made light (data is discarded in the kernel, uploads are `sendfile` from memory), but it is not free.
- Loopback and memory only: no network, no disk, no encryption. A slow network hides most of these differences.
- Processor time is that of all the server's processes, those that have ended included. Work that the kernel does on its
  own threads, such as taking down the network namespace of an ended vsftpd session, is charged to nobody.
- Memory is the proportional set size, so shared pages are divided among their users. Kernel memory (sockets, tasks,
  namespaces) is not in it, and there vsftpd needs more: it has two processes per session.
- One anonymous user. Logins with a password would go through PAM in both servers and are not measured here.
";

/// A page in the making.
#[derive(Debug)]
pub(crate) struct Page(String);

impl Page {
    /// Begins with what is measured, and where; the word is the one that has `wharf-bench` write this page.
    pub(crate) fn begin(title: &str, word: &str, contenders: &[Contender]) -> io::Result<Self> {
        let mut text = format!("# {title}\n\nWritten by `cargo run --release -p wharf-bench -- {word}`.\n\n");
        let read = |file| fs::read_to_string(file).unwrap_or_default();
        let processor = read("/proc/cpuinfo");
        let processor =
            processor.lines().find_map(|line| line.strip_prefix("model name\t: ")).unwrap_or("unknown");
        let cores = std::thread::available_parallelism()?;
        let kernel = read("/proc/sys/kernel/osrelease");
        let load = read("/proc/loadavg");
        let load = load.split(' ').next().unwrap_or_default();
        line(&mut text, &format!("- Machine: {cores} cores, {processor}; Linux {}", kernel.trim()));
        line(&mut text, &format!("- Load average of the whole machine at the start: {load}"));
        let congestion = Stage::congestion()?;
        line(&mut text, &format!("- Own network namespace, loopback, {congestion}; files on tmpfs"));
        for contender in contenders.iter().filter(|one| !one.only_sessions) {
            line(&mut text, &format!("- {}", contender.version()?));
        }
        let mut page = Self(text);
        page.settings(contenders);
        Ok(page)
    }

    fn settings(&mut self, contenders: &[Contender]) {
        self.line(&format!(
            "\nThe servers got these lines, and their own ports and paths:\n\n```\n{COMMON}```"
        ));
        for contender in contenders.iter().filter(|one| !one.extra.is_empty()) {
            self.line(&format!("\n\"{}\" also got:\n\n```\n{}```", contender.name, contender.extra));
        }
    }

    /// Adds a line, or a paragraph.
    pub(crate) fn line(&mut self, text: &str) {
        line(&mut self.0, text);
    }

    /// Adds how often everything was done for a comparison.
    pub(crate) fn comparison(&mut self, options: &Options) {
        let runs = options.runs();
        self.line(&format!(
            "\nMedians of {runs} turns each, interleaved, after one uncounted; idle sessions at most 3."
        ));
    }

    /// Adds the table of rates and processor time.
    pub(crate) fn work(&mut self, rows: &[Row]) {
        line(&mut self.0, "\n## Speed and processor time\n\nA ratio above 1 says that wharfd is better.\n");
        line(&mut self.0, "| Work | Server | Rate (lowest–highest) | Ratio | Processor time | Ratio |");
        line(&mut self.0, "|---|---|---|---|---|---|");
        for row in rows {
            let ours = rows.iter().find(|other| other.work == row.work).unwrap_or(row);
            let (per_second, scale, per_unit) = match row.unit {
                Unit::Gibibyte => ("GiB/s", 1.0, "s/GiB"),
                Unit::Piece => ("/s", 1e6, "µs each"),
            };
            let rate =
                format!("{} {per_second} ({}–{})", short(row.rate), short(row.range.0), short(row.range.1));
            let cost = format!("{} {per_unit}", short(row.cost * scale));
            let (speed, thrift) = (ratio(ours.rate, row.rate), ratio(row.cost, ours.cost));
            line(
                &mut self.0,
                &format!("| {} | {} | {rate} | {speed} | {cost} | {thrift} |", row.work, row.name),
            );
        }
    }

    /// Adds the table of idle sessions.
    pub(crate) fn idle(&mut self, rows: &[Held]) {
        line(&mut self.0, &format!("\n## {SESSIONS} idle sessions, logged in\n"));
        line(&mut self.0, "| Server | PSS per session | Ratio | PSS in all | Processes | Opened in |");
        line(&mut self.0, "|---|---|---|---|---|---|");
        let ours = rows.first().map_or(0.0, |row| row.each);
        for row in rows {
            let (each, whole, opening) = (short(row.each), short(row.whole / 1024.0), short(row.opening));
            let (ratio, processes) = (ratio(row.each, ours), row.processes);
            line(
                &mut self.0,
                &format!("| {} | {each} KiB | {ratio} | {whole} MiB | {processes} | {opening} s |", row.name),
            );
        }
        self.0.push_str(NOTES);
    }

    /// Returns what there is of it.
    pub(crate) fn text(&self) -> &str {
        &self.0
    }

    /// Writes it to a file.
    pub(crate) fn save(&self, file: &Path) -> io::Result<()> {
        if let Some(directory) = file.parent() {
            fs::create_dir_all(directory)?;
        }
        fs::write(file, &self.0).map_err(|error| io::Error::other(format!("{}: {error}", file.display())))
    }
}

fn line(text: &mut String, line: &str) {
    // Writing to a string cannot fail.
    writeln!(text, "{line}").unwrap_or_default();
}

/// Returns three digits that mean something.
pub(crate) fn short(value: f64) -> String {
    let decimals = match value {
        value if value >= 100.0 => 0,
        value if value >= 10.0 => 1,
        value if value >= 1.0 => 2,
        _ => 3,
    };
    format!("{value:.decimals$}")
}

fn ratio(better: f64, worse: f64) -> String {
    if worse > 0.0 { format!("{:.2}", better / worse) } else { "–".into() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_have_three_digits() {
        assert_eq!([0.0456, 3.217, 45.67, 1234.5].map(short), ["0.046", "3.22", "45.7", "1234"]);
    }

    #[test]
    fn nothing_is_divided_by_nothing() {
        assert_eq!(ratio(2.0, 0.0), "–");
        assert_eq!(ratio(3.0, 2.0), "1.50");
    }
}
