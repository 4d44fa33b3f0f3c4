//! The nearest option to a name that does not exist.

use crate::table::{Row, rows};

/// Finds the option whose name is spelled most like `name`, if one is near enough.
///
/// Letter case, hyphens and blanks do not count as differences. Returns the row's proper name, also
/// when another spelling of it was nearest.
pub fn nearest(name: &str) -> Option<&'static str> {
    let name: String = name.trim().chars().take(64).map(plain).collect();
    let allowed = match name.len() {
        0..=2 => 0,
        3..=5 => 1,
        6..=11 => 2,
        _ => 3,
    };
    rows()
        .map(|row| (distance_to(&name, row), row.name))
        .min_by_key(|(distance, _)| *distance)
        .filter(|(distance, _)| *distance <= allowed)
        .map(|(_, name)| name)
}

fn plain(character: char) -> char {
    if matches!(character, '-' | ' ' | '.') { '_' } else { character.to_ascii_lowercase() }
}

fn distance_to(name: &str, row: &Row) -> usize {
    row.spellings().map(|spelling| distance(name, spelling)).min().unwrap_or(usize::MAX)
}

/// Counts the insertions, deletions, changes and swaps of neighbours that turn one word into the other.
fn distance(from: &str, to: &str) -> usize {
    let to: Vec<char> = to.chars().collect();
    let mut before: Vec<usize> = Vec::new();
    let mut last: Vec<usize> = (0..=to.len()).collect();
    let mut from_before = None;
    for (row, a) in from.chars().enumerate() {
        let mut current = vec![row + 1];
        let mut to_before = None;
        for (column, b) in to.iter().copied().enumerate() {
            let at = |line: &[usize], index: usize| line.get(index).copied().unwrap_or(usize::MAX / 2);
            let mut cost = (at(&last, column) + usize::from(a != b))
                .min(at(&last, column + 1) + 1)
                .min(at(&current, column) + 1);
            if column > 0 && from_before == Some(b) && to_before == Some(a) {
                cost = cost.min(at(&before, column - 1) + 1);
            }
            current.push(cost);
            to_before = Some(b);
        }
        from_before = Some(a);
        before = std::mem::replace(&mut last, current);
    }
    last.last().copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slips_of_the_finger_find_their_option() {
        for (slip, meant) in [
            ("write_enabled", "write_enable"),
            ("WRITE_ENABLE", "write_enable"),
            ("anonymous-enable", "anonymous_enable"),
            ("chroot_local_users", "chroot_local_user"),
            ("allow_writable_chroot", "allow_writeable_chroot"),
            ("lsiten", "listen"),
        ] {
            assert_eq!(nearest(slip), Some(meant), "{slip}");
        }
    }

    #[test]
    fn a_strange_word_finds_nothing() {
        assert_eq!(nearest("PassivePorts"), None);
        assert_eq!(nearest(""), None);
    }

    #[test]
    fn swapped_neighbours_count_once() {
        assert_eq!(distance("lsiten", "listen"), 1);
        assert_eq!(distance("", "abc"), 3);
    }
}
