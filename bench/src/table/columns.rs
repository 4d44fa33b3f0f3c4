//! The columns that only some tables have.

use crate::figures::{Entry, median};
use crate::report::short;
use crate::tls::Agreed;
use crate::work::{More, Sample};

/// A title, and what stands beneath it.
pub(super) type Column = (&'static str, fn(&Entry) -> Option<String>);

pub(super) const COLUMNS: [Column; 10] = [
    ("First octet after", |entry| millis(entry, |more| Some(more.first?.as_secs_f64()))),
    ("Largest growth", |entry| Some(format!("{} MiB", short(growth(entry)? / 1024.0)))),
    ("Memory of each", |entry| Some(format!("{} KiB", short(entry.median_of(|one| one.more.each)?)))),
    ("NOOP of others, 99 %", |entry| millis(entry, |more| Some(more.noop?.0.as_secs_f64()))),
    ("NOOP of others, longest of all turns", |entry| Some(format!("{} ms", short(longest(entry)? * 1e3)))),
    ("LIST of others, 99 %", |entry| millis(entry, |more| Some(more.list?.as_secs_f64()))),
    ("Slowest client to median", |entry| Some(short(entry.median_of(|one| one.more.slowest)?))),
    ("Failed or not held, of all turns", |entry| Some(failed(entry)?.to_string())),
    ("Agreed on", |entry| last(entry).map(words)),
    ("Resumed", |entry| Some(format!("{:.0} %", resumed(entry)? * 100.0))),
];

/// Returns the most that the processes grew in any turn, in KiB.
pub(crate) fn growth(entry: &Entry) -> Option<f64> {
    entry.samples.iter().filter_map(|one| one.more.growth).max().map(|most| most as f64)
}

/// Returns the longest that a NOOP of somebody else took in any turn, in seconds.
pub(crate) fn longest(entry: &Entry) -> Option<f64> {
    let longest = entry.samples.iter().filter_map(|one| one.more.noop).map(|noop| noop.1).max()?;
    Some(longest.as_secs_f64())
}

/// Returns how many sessions failed in all turns.
pub(crate) fn failed(entry: &Entry) -> Option<usize> {
    let mut counts = entry.samples.iter().filter_map(|one| one.more.failed).peekable();
    counts.peek()?;
    Some(counts.sum())
}

fn millis(entry: &Entry, value: fn(&More) -> Option<f64>) -> Option<String> {
    let value = |sample: &Sample| value(&sample.more);
    Some(format!("{} ms", short(entry.median_of(value)? * 1e3)))
}

fn last(entry: &Entry) -> Option<Agreed> {
    entry.samples.last()?.more.seen?.agreed
}

/// Returns the part of the data connections that resumed a session.
fn resumed(entry: &Entry) -> Option<f64> {
    let parts = entry.samples.iter().filter_map(|one| one.more.seen);
    let parts: Vec<_> = parts.map(|seen| seen.resumed as f64 / seen.handshakes.max(1) as f64).collect();
    (!parts.is_empty()).then(|| median(parts.into_iter()))
}

/// Returns version and cipher as people call them.
fn words(agreed: Agreed) -> String {
    let version = format!("{:?}", agreed.version).replace("TLSv1_", "TLS 1.");
    let suite = format!("{:?}", agreed.suite);
    let cipher = suite
        .trim_start_matches("TLS13_")
        .rsplit_once("WITH_")
        .map_or_else(|| suite.trim_start_matches("TLS13_").to_owned(), |(_, cipher)| cipher.to_owned());
    let cipher = cipher.rsplit_once("_SHA").map_or(cipher.as_str(), |(cipher, _)| cipher).replace('_', "-");
    format!("{version}, {cipher}")
}

#[cfg(test)]
mod tests {
    use rustls::{CipherSuite, ProtocolVersion};

    use super::*;

    #[test]
    fn what_was_agreed_on_is_told_in_the_words_of_people() {
        let agreed = |version, suite| words(Agreed { version, suite, is_resumed: false });
        let new = agreed(ProtocolVersion::TLSv1_3, CipherSuite::TLS13_AES_256_GCM_SHA384);
        assert_eq!(new, "TLS 1.3, AES-256-GCM");
        let old = agreed(ProtocolVersion::TLSv1_2, CipherSuite::TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256);
        assert_eq!(old, "TLS 1.2, AES-128-GCM");
    }
}
