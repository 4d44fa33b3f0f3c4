//! What a server says it can do (RFC 2389 §3.2), for decisions rather than for display.

use super::reply::{Class, Reply};

/// The lines of FEAT.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Features {
    lines: Vec<(Vec<u8>, Vec<u8>)>,
}

impl Features {
    /// Reads a reply to FEAT; a refusal means that nothing is promised.
    #[must_use]
    pub fn of(reply: &Reply) -> Self {
        if reply.class() != Class::Completion {
            return Self::default();
        }
        let line = |line: &[u8]| {
            // Compat: some repeat the code on each line.
            let line = line.strip_prefix(b"211-").unwrap_or(line).trim_ascii();
            let end = line.iter().position(|octet| *octet == b' ').unwrap_or(line.len());
            let (label, rest) = line.split_at(end);
            (label.to_ascii_uppercase(), rest.trim_ascii().to_vec())
        };
        Self { lines: reply.inner().map(line).filter(|(label, _)| !label.is_empty()).collect() }
    }

    /// Tells whether a label is there, whatever its case.
    #[must_use]
    pub fn has(&self, label: &str) -> bool {
        self.parameters(label).is_some()
    }

    /// What stands behind a label; the lines of a label that is there more than once are not joined.
    #[must_use]
    pub fn parameters(&self, label: &str) -> Option<&[u8]> {
        let is_it = |line: &&(Vec<u8>, Vec<u8>)| line.0.eq_ignore_ascii_case(label.as_bytes());
        self.lines.iter().find(is_it).map(|(_, rest)| rest.as_slice())
    }

    /// Tells whether a label has this word among its parameters: `AUTH TLS`, `REST STREAM`.
    #[must_use]
    pub fn offers(&self, label: &str, word: &str) -> bool {
        let is_parted = |octet: &u8| matches!(octet, b' ' | b';' | b',');
        self.lines.iter().filter(|(found, _)| found.eq_ignore_ascii_case(label.as_bytes())).any(
            |(_, rest)| {
                rest.split(is_parted)
                    .any(|part| part.strip_suffix(b"*").unwrap_or(part).eq_ignore_ascii_case(word.as_bytes()))
            },
        )
    }

    /// The words of a label that are marked with `*`: facts that MLST sends, the hash in use.
    pub fn marked<'a>(&'a self, label: &str) -> impl Iterator<Item = &'a [u8]> + use<'a> {
        let rest = self.parameters(label).unwrap_or_default();
        rest.split(|octet| matches!(octet, b' ' | b';')).filter_map(|word| word.strip_suffix(b"*"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ftp::client::reply::Reader;

    fn features(text: &str) -> Features {
        Features::of(&Reader::default().take(&mut text.as_bytes()).unwrap().unwrap())
    }

    #[test]
    fn labels_and_their_words_are_found_whatever_their_case() {
        let features = features(
            "211-Features:\r\n AUTH TLS;TLS-C;SSL\r\n mlst type*;size*;modify;\r\n HASH SHA-256*;MD5\r\n REST STREAM\r\n211 End\r\n",
        );
        assert!(features.has("MLST") && !features.has("End") && !features.has("MFMT"));
        assert!(features.offers("auth", "TLS") && features.offers("REST", "stream"));
        assert!(!features.offers("AUTH", "TL"));
        assert_eq!(features.marked("MLST").collect::<Vec<_>>(), [&b"type"[..], b"size"]);
        assert_eq!(features.marked("HASH").next(), Some(&b"SHA-256"[..]));
    }

    #[test]
    fn a_server_without_feat_promises_nothing() {
        assert_eq!(features("500 Unknown command.\r\n"), Features::default());
        assert_eq!(features("211 no-features\r\n"), Features::default());
    }
}
