//! Names of users and groups, read once from `/etc/passwd` and `/etc/group`.
//!
//! Once the broker is confined neither file can be reached, and a name service would need the network. Names that only
//! a name service knows are shown as numbers.

use std::collections::BTreeMap;

use wharf_ipc::broker::Rules;
use wharf_proto::ftp::listing::Owners;

/// The most we read of either file; what lies beyond is shown as numbers.
const MOST_NAMES: usize = 200_000;

/// Decides how owners are told, and reads the names if they are wanted.
#[must_use]
pub fn load(rules: &Rules) -> Owners {
    if rules.hide_owners {
        Owners::Hidden
    } else if rules.name_owners {
        let read = |file| names(&std::fs::read(file).unwrap_or_default());
        Owners::Names { users: read("/etc/passwd"), groups: read("/etc/group") }
    } else {
        Owners::Numbers
    }
}

/// Takes the first and the third field of lines such as `root:x:0:…`; the first name of a number counts.
fn names(file: &[u8]) -> BTreeMap<u32, Vec<u8>> {
    let mut names = BTreeMap::new();
    for line in file.split(|&octet| octet == b'\n').take(MOST_NAMES) {
        let mut fields = line.split(|&octet| octet == b':');
        let (Some(name), Some(_), Some(number)) = (fields.next(), fields.next(), fields.next()) else {
            continue;
        };
        let Some(number) = std::str::from_utf8(number).ok().and_then(|text| text.parse().ok()) else {
            continue;
        };
        // A blank in a name would shift the columns of every client that splits at blanks.
        if !name.is_empty()
            && !name.iter().any(|octet| octet.is_ascii_whitespace() || octet.is_ascii_control())
        {
            names.entry(number).or_insert_with(|| name.to_vec());
        }
    }
    names
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_name_of_a_number_counts_and_odd_lines_are_passed_over() {
        let names = names(b"root:x:0:0::/root:/bin/sh\ntoor:x:0:0\n+::\nbad name:x:5:\nno\nlast:x:7");
        assert_eq!(names, [(0, b"root".to_vec()), (7, b"last".to_vec())].into());
    }

    #[test]
    fn hiding_wins_over_naming() {
        let rules = Rules { hide_owners: true, name_owners: true, ..Rules::default() };
        assert_eq!(load(&rules), Owners::Hidden);
    }
}
