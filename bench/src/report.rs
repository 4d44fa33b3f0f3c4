//! A page: machine, versions, settings, who is missing; others add their tables.

use std::fmt::Write as _;
use std::fs;
use std::io;
use std::path::Path;

use crate::certificate::Certificate;
use crate::peer::Kind;
use crate::peer::vsftpd::{COMMON, SHARED};
use crate::server::{Field, Part, Setting};
use crate::stage::Stage;

/// A page in the making.
#[derive(Debug)]
pub(crate) struct Page {
    text: String,
    /// File names and pictures.
    plots: Vec<(&'static str, String)>,
}

impl Page {
    /// Begins with what is measured, and where; the word is the one that has `wharf-bench` write this page.
    pub(crate) fn begin(title: &str, word: &str, field: &Field) -> io::Result<Self> {
        let mut page = Self { text: String::new(), plots: Vec::new() };
        page.line(&format!("# {title}\n\nWritten by `cargo xtask bench {word}`.\n"));
        let read = |file| fs::read_to_string(file).unwrap_or_default();
        let processor = read("/proc/cpuinfo");
        let processor =
            processor.lines().find_map(|line| line.strip_prefix("model name\t: ")).unwrap_or("unknown");
        let cores = std::thread::available_parallelism()?;
        let kernel = read("/proc/sys/kernel/osrelease");
        let memory = crate::account::installed()? as f64 / f64::from(1 << 20);
        let load = read("/proc/loadavg");
        let load = load.split(' ').next().unwrap_or_default();
        let kernel = kernel.trim();
        page.line(&format!("- Machine: {cores} cores, {processor}, {memory:.0} GiB; Linux {kernel}"));
        page.line(&format!("- Load average of the whole machine at the start: {load}"));
        let congestion = Stage::congestion()?;
        page.line(&format!("- Own network namespace, loopback, {congestion}; files on tmpfs"));
        if cfg!(debug_assertions) {
            page.line("- **Not to be quoted**: clients and bare were built without optimization");
        }
        for contender in field.contenders.iter().filter(|one| one.part == Part::All) {
            page.line(&format!("- {}", contender.version()?));
        }
        for (name, why) in &field.missing {
            page.line(&format!("- **{name} is missing**: {why}"));
        }
        page.settings(field)?;
        Ok(page)
    }

    /// Returns one with nothing on it.
    #[cfg(test)]
    pub(crate) fn empty() -> Self {
        Self { text: String::new(), plots: Vec::new() }
    }

    fn settings(&mut self, field: &Field) -> io::Result<()> {
        self.line(&format!(
            "\nwharfd and vsftpd got these lines, and their own ports and paths:\n\n```\n{COMMON}```"
        ));
        if field.contenders.iter().any(|one| one.part == Part::Sessions) {
            self.line(&format!("\n\"vsftpd, isolate=NO\" also got:\n\n```\n{SHARED}```"));
        }
        let same = [Kind::Wharfd, Kind::Vsftpd];
        for contender in field.contenders.iter().filter(|one| !same.contains(&one.kind)) {
            self.line(&format!("\n{}:\n\n```\n{}\n```", contender.name, contender.settings()?.trim_end()));
        }
        Ok(())
    }

    /// Tells what the servers get besides for rows about FTPS.
    pub(crate) fn tls_settings(&mut self, field: &Field, certificate: &Certificate) -> io::Result<()> {
        self.line("\nFor rows about FTPS the servers get besides:\n");
        for contender in field.contenders.iter().filter(|one| one.part == Part::All) {
            let (usual, tls) =
                (contender.settings()?, contender.with(Setting::Encrypted, certificate).settings()?);
            let added: Vec<_> = added(&usual, &tls).map(|part| format!("`{part}`")).collect();
            self.line(&format!("- {}: {}", contender.name, added.join(", ")));
        }
        Ok(())
    }

    /// Adds a line, or a paragraph.
    pub(crate) fn line(&mut self, line: &str) {
        // Writing to a string cannot fail.
        writeln!(self.text, "{line}").unwrap_or_default();
    }

    /// Adds a picture that the text refers to by this name.
    pub(crate) fn plot(&mut self, name: &'static str, drawn: String) {
        self.plots.push((name, drawn));
    }

    /// Returns what there is of it.
    pub(crate) fn text(&self) -> &str {
        &self.text
    }

    /// Writes it to a file, and its pictures beside it.
    pub(crate) fn save(&self, file: &Path) -> io::Result<()> {
        if let Some(directory) = file.parent() {
            fs::create_dir_all(directory)?;
        }
        let write = |file: &Path, text: &str| {
            fs::write(file, text).map_err(|error| io::Error::other(format!("{}: {error}", file.display())))
        };
        write(file, &self.text)?;
        self.plots.iter().try_for_each(|(name, drawn)| write(&file.with_file_name(name), drawn))
    }
}

/// Returns what stands in one text and not in another: words of the first line, which is a command, and whole other lines.
fn added<'a>(usual: &'a str, other: &'a str) -> impl Iterator<Item = &'a str> {
    let parts = |text: &'a str| {
        let (command, lines) = text.split_once('\n').unwrap_or((text, ""));
        command.split(' ').chain(lines.lines()).collect::<Vec<_>>()
    };
    let known = parts(usual);
    // Port and place differ in any case.
    let is_new = move |part: &&str| !known.iter().any(|one| same_but_digits(one, part));
    parts(other).into_iter().filter(is_new)
}

fn same_but_digits(one: &str, other: &str) -> bool {
    let rest = |text: &str| text.chars().filter(|c| !c.is_ascii_digit()).collect::<String>();
    rest(one) == rest(other)
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

/// Returns a number with a comma before each three digits.
pub(crate) fn thousands(number: usize) -> String {
    match (number / 1000, number % 1000) {
        (0, rest) => rest.to_string(),
        (above, rest) => format!("{},{rest:03}", thousands(above)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_have_three_digits() {
        assert_eq!([0.0456, 3.217, 45.67, 1234.5].map(short), ["0.046", "3.22", "45.7", "1234"]);
    }

    #[test]
    fn only_what_is_said_about_tls_is_shown_again() {
        let added: Vec<_> =
            added("ftpd -p 1\nPort 1\n", "ftpd -p 201 -Y x\nPort 201\nTLSEngine on\n").collect();
        assert_eq!(added, ["-Y", "x", "TLSEngine on"]);
    }

    #[test]
    fn large_numbers_have_commas() {
        assert_eq!([7, 1_000, 10_000, 1_234_567].map(thousands), ["7", "1,000", "10,000", "1,234,567"]);
    }
}
