//! What a server wrote into its logs during a row, with what changes from run to run masked.

use std::fs;
use std::os::unix::net::UnixDatagram;
use std::path::Path;
use std::time::{Duration, Instant};

/// The name of the log in vsftpd's own style.
pub(crate) const VSFTPD: &str = "vsftpd.log";
/// The name of the log in wu-ftpd's style.
pub(crate) const XFERLOG: &str = "xferlog";

/// The length of a date: `Sun Nov 22 07:02:39 2026`.
const DATE: usize = 24;

/// How long a log must be quiet before it counts as written.
const QUIET: Duration = Duration::from_millis(60);

/// Returns the lengths of both logs.
pub(crate) fn lengths(place: &Path) -> [usize; 2] {
    [VSFTPD, XFERLOG].map(|name| fs::read(place.join(name)).map_or(0, |text| text.len()))
}

/// Returns the lines written since, masked. A log that does not exist says so.
pub(crate) fn written(place: &Path, name: &str, [vsftpd, xferlog]: [usize; 2]) -> Vec<Vec<u8>> {
    let path = place.join(name);
    let Some(text) = settled(&path) else { return vec![format!("{name}: (there is none)").into_bytes()] };
    let before = if name == VSFTPD { vsftpd } else { xferlog };
    let new = String::from_utf8_lossy(text.get(before..).unwrap_or_default()).into_owned();
    new.lines().map(|line| format!("{name}: {}", masked(line)).into_bytes()).collect()
}

fn settled(path: &Path) -> Option<Vec<u8>> {
    let mut text = fs::read(path).ok();
    let mut since = Instant::now();
    while since.elapsed() < QUIET {
        std::thread::sleep(Duration::from_millis(10));
        let now = fs::read(path).ok();
        if now != text {
            (text, since) = (now, Instant::now());
        }
    }
    text
}

/// Reads away what the system's log was told so far.
pub(crate) fn forgotten(log: &UnixDatagram) {
    while message(log).is_some() {}
}

/// Returns what the system's log was told, masked.
pub(crate) fn told(log: &UnixDatagram) -> Vec<Vec<u8>> {
    let mut lines = Vec::new();
    let mut since = Instant::now();
    while since.elapsed() < QUIET {
        if let Some(text) = message(log) {
            lines.push(format!("syslog: {}", masked_message(&text)).into_bytes());
            since = Instant::now();
        } else {
            std::thread::sleep(Duration::from_millis(10));
        }
    }
    lines
}

fn message(log: &UnixDatagram) -> Option<String> {
    let mut room = [0; 8192];
    let length = log.recv(&mut room).ok()?;
    Some(String::from_utf8_lossy(room.get(..length).unwrap_or_default()).into_owned())
}

/// Masks the date and the process of a datagram: `<86>Nov 22 07:02:44 name[123]: text`.
fn masked_message(text: &str) -> String {
    let (level, rest) = text.split_once('>').unwrap_or(("", text));
    let rest = rest.split_at_checked("Nov 22 07:02:44 ".len()).map_or(rest, |(_, rest)| rest);
    let (name, text) = rest.split_once(": ").unwrap_or(("", rest));
    let name = name.split_once('[').map_or(name.to_owned(), |(name, _)| format!("{name}[N]"));
    format!("{level}> DATE {name}: {}", without_rate(&without_ports(text)))
}

/// Masks the date, the process and the rate.
fn masked(line: &str) -> String {
    let line = match line.split_at_checked(DATE) {
        Some((date, rest)) if date.contains(':') && rest.starts_with(' ') => format!("DATE{rest}"),
        _ => line.to_owned(),
    };
    let line = match (line.find("[pid "), line.find("] ")) {
        (Some(start), Some(end)) if start < end => {
            let (before, after) = (line.get(..start + 5), line.get(end..));
            format!("{}N{}", before.unwrap_or_default(), after.unwrap_or_default())
        }
        _ => line,
    };
    without_rate(&without_ports(&line))
}

fn without_rate(line: &str) -> String {
    match line.strip_suffix("Kbyte/sec").and_then(|line| line.rsplit_once(' ')) {
        Some((rest, _)) => format!("{rest} RATE"),
        None => line.to_owned(),
    }
}

/// Masks the numbers of data connections in commands and replies.
fn without_ports(line: &str) -> String {
    let marks = ["\"PORT ", "\"EPRT ", "\"227 ", "\"229 "];
    let Some(at) = marks.iter().find_map(|mark| Some(line.find(mark)? + mark.len())) else {
        return line.to_owned();
    };
    let (before, after) = line.split_at(at);
    let mut masked = before.to_owned();
    for letter in after.chars() {
        match letter {
            '0'..='9' if masked.ends_with('N') => {}
            '0'..='9' => masked.push('N'),
            other => masked.push(other),
        }
    }
    masked
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_keeps_its_level_name_and_text() {
        let text = "<94>Nov 22 07:02:44 vsftpd[12]: [a] OK LOGIN: Client \"127.0.0.1\"";
        assert_eq!(masked_message(text), "<94> DATE vsftpd[N]: [a] OK LOGIN: Client \"127.0.0.1\"");
    }

    #[test]
    fn only_what_changes_from_run_to_run_is_masked() {
        let line = "Sun Nov 22 07:02:44 2026 [pid 10153] [a] OK UPLOAD: Client \"127.0.0.1\", \"/x\", 5 bytes, 0.01Kbyte/sec";
        assert_eq!(masked(line), "DATE [pid N] [a] OK UPLOAD: Client \"127.0.0.1\", \"/x\", 5 bytes, RATE");
        let line = "Sun Nov 22 07:02:44 2026 1 127.0.0.1 3 /a b _ o r u ftp 0 * c";
        assert_eq!(masked(line), "DATE 1 127.0.0.1 3 /a b _ o r u ftp 0 * c");
    }
}
