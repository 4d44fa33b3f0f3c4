//! From the octets of the disk to those of one client.

use crate::Charset;

/// How names are told to one client.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Translation {
    /// The charset of names on the disk that are no UTF-8: what another time has left there.
    pub disk: Option<Charset>,
    /// What the client reads.
    pub wire: Charset,
}

impl Default for Translation {
    fn default() -> Self {
        Self::NONE
    }
}

impl Translation {
    /// Names are told as they are.
    pub const NONE: Self = Self { disk: None, wire: Charset::UTF_8 };

    /// Tells whether nothing is ever changed.
    #[must_use]
    pub fn is_none(self) -> bool {
        self.disk.is_none() && self.wire.is_utf8()
    }

    /// Appends a name, or a whole line of a reply or a listing, as the client reads it.
    pub fn push(self, wire: &mut Vec<u8>, line: &[u8]) {
        let Some(disk) = self.disk.filter(|_| std::str::from_utf8(line).is_err()) else {
            return self.wire.push_wire(wire, line);
        };
        // Each step of a path may be of another time; a separator is no part of any letter.
        for step in line.split_inclusive(|octet| *octet == b'/') {
            match std::str::from_utf8(step) {
                Ok(_) => self.wire.push_wire(wire, step),
                Err(_) => self.wire.push_wire(wire, &disk.to_disk(step)),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(disk: &str, wire: &str, line: &[u8]) -> Vec<u8> {
        let charset = |name: &str| Charset::named(name).unwrap();
        let translation =
            Translation { disk: (!disk.is_empty()).then(|| charset(disk)), wire: charset(wire) };
        let mut octets = Vec::new();
        translation.push(&mut octets, line);
        octets
    }

    #[test]
    fn an_old_name_is_told_in_utf8_and_a_new_one_as_it_is() {
        assert_eq!(told("cp949", "utf-8", b"\xc7\xd1\xb1\xdb"), "한글".as_bytes());
        assert_eq!(told("cp949", "utf-8", "한글".as_bytes()), "한글".as_bytes());
        assert_eq!(told("cp949", "cp949", b"\xc7\xd1\xb1\xdb"), b"\xc7\xd1\xb1\xdb");
        assert_eq!(told("cp949", "cp949", "한글".as_bytes()), b"\xc7\xd1\xb1\xdb");
    }

    #[test]
    fn each_step_of_a_path_may_be_of_another_time() {
        let mixed = ["새것/".as_bytes(), b"\xc7\xd1\xb1\xdb/x"].concat();
        assert_eq!(told("cp949", "utf-8", &mixed), "새것/한글/x".as_bytes());
    }

    #[test]
    fn without_any_charset_octets_pass_unchanged() {
        assert!(Translation::NONE.is_none());
        assert_eq!(told("", "utf-8", b"\xc7\xd1"), b"\xc7\xd1");
    }
}
