//! The text in which a configuration travels between our processes.
//!
//! It is an ordinary configuration file that holds only what differs from the defaults, so a child
//! needs no second decoder, and a person can read what was handed over.

use crate::Config;
use crate::table::rows;

impl Config {
    /// Writes `name=value` lines for everything that differs from the defaults.
    ///
    /// [`crate::parse`] on top of the defaults gives the same configuration back, for every
    /// configuration that came from `parse` or `load`. A value made by hand must not hold line ends,
    /// NUL, or blanks at its ends.
    pub fn to_text(&self) -> Vec<u8> {
        let default = Self::default();
        let mut text = Vec::new();
        for row in rows() {
            let value = row.value(self);
            if value != row.value(&default) {
                text.extend_from_slice(row.name.as_bytes());
                text.push(b'=');
                text.extend_from_slice(&value);
                text.push(b'\n');
            }
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::parse;

    #[test]
    fn defaults_need_no_text() {
        assert_eq!(Config::default().to_text(), b"");
    }

    #[test]
    fn what_was_unset_stays_unset() {
        let mut config = Config::default();
        config.log.xferlog_file = None;
        config.upload.local_umask = 0o22;
        assert_eq!(config.to_text(), b"local_umask=022\nxferlog_file=\n");
        let back = parse(&config.to_text(), None, &Config::default()).unwrap();
        assert_eq!((back.config, back.problems), (config, vec![]));
    }
}
