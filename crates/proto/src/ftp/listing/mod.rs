//! Directory listings as clients read them: `ls -l` lines, bare names, and the facts of RFC 3659 §7.
//!
//! Each format is a file; they append to a buffer and never look at a disk. Which entries are listed, and in which
//! order, is storage's business.

pub mod date;
pub mod mlsx;
pub mod names;
pub mod read;
pub mod unix;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// How the owner and the group of an entry are told.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub enum Owners {
    /// By number.
    #[default]
    Numbers,
    /// Everything belongs to `ftp` (`hide_ids`).
    Hidden,
    /// By name where there is one (`text_userdb_names`).
    Names {
        /// User numbers and their names.
        users: BTreeMap<u32, Vec<u8>>,
        /// Group numbers and their names.
        groups: BTreeMap<u32, Vec<u8>>,
    },
}

impl Owners {
    /// The same for one entry only.
    #[must_use]
    pub fn of(&self, uid: u32, gid: u32) -> Self {
        let Self::Names { users, groups } = self else { return self.clone() };
        let one = |names: &BTreeMap<u32, Vec<u8>>, number| {
            names.get(&number).map(|name| (number, name.clone())).into_iter().collect()
        };
        Self::Names { users: one(users, uid), groups: one(groups, gid) }
    }

    /// The user's name, if it is to be told by name.
    #[must_use]
    pub fn user(&self, uid: u32) -> Option<&[u8]> {
        match self {
            Self::Numbers => None,
            Self::Hidden => Some(b"ftp"),
            Self::Names { users, .. } => users.get(&uid).map(Vec::as_slice),
        }
    }

    /// The group's name, if it is to be told by name.
    #[must_use]
    pub fn group(&self, gid: u32) -> Option<&[u8]> {
        match self {
            Self::Numbers => None,
            Self::Hidden => Some(b"ftp"),
            Self::Names { groups, .. } => groups.get(&gid).map(Vec::as_slice),
        }
    }
}

/// Appends a name with each CR, LF and NUL shown as `?`.
///
/// Security: a name with a line end in it could otherwise forge lines of the listing.
pub fn push_name(out: &mut Vec<u8>, name: &[u8]) {
    let start = out.len();
    out.extend_from_slice(name);
    // Looking at all octets without a branch on each is the quicker way to find that there is nothing to do.
    if name.iter().fold(false, |is_found, &octet| is_found | is_forging(octet)) {
        out.iter_mut().skip(start).filter(|octet| is_forging(**octet)).for_each(|octet| *octet = b'?');
    }
}

fn is_forging(octet: u8) -> bool {
    matches!(octet, b'\r' | b'\n' | 0)
}

/// Appends a number in decimal, with blanks before it up to `width`.
pub(crate) fn push_number(out: &mut Vec<u8>, mut number: u64, width: usize) {
    // u64::MAX has twenty digits.
    let mut digits = [b' '; 20];
    let mut length = 0;
    for digit in digits.iter_mut().rev() {
        *digit = b'0' + u8::try_from(number % 10).unwrap_or(0);
        number /= 10;
        length += 1;
        if number == 0 {
            break;
        }
    }
    push_blanks(out, width.saturating_sub(length));
    out.extend_from_slice(digits.get(digits.len() - length..).unwrap_or_default());
}

/// Appends a number of exactly two digits, with a zero in front if need be.
pub(crate) fn push_two(out: &mut Vec<u8>, number: u8) {
    out.extend_from_slice(&[b'0' + number / 10 % 10, b'0' + number % 10]);
}

pub(crate) fn push_blanks(out: &mut Vec<u8>, count: usize) {
    out.resize(out.len() + count, b' ');
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_right_aligned_and_never_cut() {
        let text = |number, width| {
            let mut out = Vec::new();
            push_number(&mut out, number, width);
            String::from_utf8(out).unwrap()
        };
        assert_eq!(text(0, 4), "   0");
        assert_eq!(text(12345, 4), "12345");
        assert_eq!(text(u64::MAX, 8), u64::MAX.to_string());
    }

    #[test]
    fn line_ends_in_names_become_question_marks() {
        let mut out = b"\r\n".to_vec();
        push_name(&mut out, b"a\r\nb\0c");
        assert_eq!(out, b"\r\na??b?c");
    }

    #[test]
    fn no_octet_of_a_name_is_overlooked_or_changed_without_need() {
        for length in 1..40 {
            for (place, octet) in (0..length).flat_map(|place| (0..=u8::MAX).map(move |octet| (place, octet)))
            {
                let mut name = vec![b'x'; length];
                name[place] = octet;
                let mut out = Vec::new();
                push_name(&mut out, &name);
                name[place] = if [b'\r', b'\n', 0].contains(&octet) { b'?' } else { octet };
                assert_eq!(out, name);
            }
        }
    }
}
