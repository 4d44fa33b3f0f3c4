//! The pattern language of `LIST *.txt`, `deny_file` and `hide_file`: `*`, `?`, `{a,b}` and `[…]`.
//!
//! A client chooses the pattern and perhaps the name, so the work is bounded: stars are matched without
//! recursion, braces do not nest, and only so many alternatives are tried.

/// How many readings of a pattern with braces are tried at most; the rest match nothing.
///
/// Eight groups of two make 256. ProFTPD spends half a minute on a list of two thousand words.
pub const MAX_ALTERNATIVES: usize = 256;

/// How long a pattern may be, in octets; a longer one matches nothing. File names end at 255.
pub const MAX_PATTERN: usize = 1024;

/// Tells whether a text holds a character that makes it a pattern.
#[must_use]
pub fn has_wildcard(text: &[u8]) -> bool {
    text.iter().any(|octet| matches!(octet, b'*' | b'?' | b'{' | b'['))
}

/// Tells whether a pattern fits the whole of a name, octet by octet and case-sensitive.
///
/// `{` without `}`, and `[` without `]`, stand for themselves. A `[` is tried both ways: as the beginning of a set of
/// characters, which the builds of RHEL know, and as itself, which is all that the others know. Within braces the characters up to the first `}` are
/// alternatives; a brace inside them is an ordinary character.
#[must_use]
pub fn matches(pattern: &[u8], name: &[u8]) -> bool {
    if pattern.len() > MAX_PATTERN {
        return false;
    }
    let mut readings = MAX_ALTERNATIVES;
    let mut reading = Vec::new();
    if first_group(pattern).is_none() {
        return either_fits(pattern, name);
    }
    expand(pattern, &mut reading, name, &mut readings)
}

/// Tells whether a rule such as `deny_file` speaks of a path.
///
/// Each component is looked at, not only the last: as a pattern, and as a text that stands anywhere in it, as vsftpd
/// does. A path with a `/` at its end, or through a denied directory, is no way around (CVE-2015-1419).
#[must_use]
pub fn denies(rule: &[u8], path: &[u8]) -> bool {
    if rule.is_empty() {
        return false;
    }
    let mut components = path.split(|&octet| octet == b'/').filter(|component| !component.is_empty());
    components.any(|component| matches(rule, component)) || contains(path, rule) || matches(rule, path)
}

fn contains(text: &[u8], part: &[u8]) -> bool {
    text.windows(part.len()).any(|window| window == part)
}

/// The first `{…}`: where it begins, and where its `}` is.
fn first_group(pattern: &[u8]) -> Option<(usize, usize)> {
    let open = pattern.iter().position(|&octet| octet == b'{')?;
    let length = pattern.get(open..)?.iter().position(|&octet| octet == b'}')?;
    Some((open, open + length))
}

/// Tries each reading of `rest` behind what is already chosen; recursion is as deep as there are groups.
fn expand(rest: &[u8], chosen: &mut Vec<u8>, name: &[u8], readings: &mut usize) -> bool {
    let Some((open, close)) = first_group(rest) else {
        if *readings == 0 {
            return false;
        }
        *readings -= 1;
        let length = chosen.len();
        chosen.extend_from_slice(rest);
        let fit = either_fits(chosen, name);
        chosen.truncate(length);
        return fit;
    };
    let length = chosen.len();
    let before = rest.get(..open).unwrap_or_default();
    let group = rest.get(open + 1..close).unwrap_or_default();
    let behind = rest.get(close + 1..).unwrap_or_default();
    for alternative in group.split(|&octet| octet == b',') {
        if *readings == 0 {
            return false;
        }
        chosen.extend_from_slice(before);
        chosen.extend_from_slice(alternative);
        let fit = expand(behind, chosen, name, readings);
        chosen.truncate(length);
        if fit {
            return true;
        }
    }
    false
}

fn either_fits(pattern: &[u8], name: &[u8]) -> bool {
    fits(pattern, name, one) || (pattern.contains(&b'[') && fits(pattern, name, one_plain))
}

/// Matches a pattern without braces. Only the last star is ever tried again, so the work is at most the product
/// of both lengths.
fn fits(pattern: &[u8], name: &[u8], one: fn(&[u8], u8) -> Option<usize>) -> bool {
    let (mut at, mut here) = (0, 0);
    let mut star: Option<(usize, usize)> = None;
    while let Some(&octet) = name.get(here) {
        if pattern.get(at) == Some(&b'*') {
            star = Some((at, here));
            at += 1;
            continue;
        }
        if let Some(length) = one(pattern.get(at..).unwrap_or_default(), octet) {
            at += length;
            here += 1;
            continue;
        }
        let Some((star_at, from)) = star else { return false };
        star = Some((star_at, from + 1));
        at = star_at + 1;
        here = from + 1;
    }
    pattern.get(at..).unwrap_or_default().iter().all(|&octet| octet == b'*')
}

/// As [`one`], where a bracket is an ordinary character.
fn one_plain(pattern: &[u8], octet: u8) -> Option<usize> {
    match pattern.first()? {
        b'?' => Some(1),
        &expected => (expected == octet).then_some(1),
    }
}

/// Matches one octet; answers how much of the pattern that took.
fn one(pattern: &[u8], octet: u8) -> Option<usize> {
    match pattern.first()? {
        b'?' => Some(1),
        b'[' => match set(pattern) {
            Some((members, negated, length)) => (is_member(members, octet) != negated).then_some(length),
            None => (octet == b'[').then_some(1),
        },
        &same => (same == octet).then_some(1),
    }
}

/// Takes `[…]` apart: its members, whether it means all others, its length. A `]` in first place is a member.
fn set(pattern: &[u8]) -> Option<(&[u8], bool, usize)> {
    let negated = matches!(pattern.get(1), Some(b'!' | b'^'));
    let start = if negated { 2 } else { 1 };
    let rest = pattern.get(start..)?;
    let length = rest.iter().skip(1).position(|&octet| octet == b']')? + 1;
    Some((rest.get(..length)?, negated, start + length + 1))
}

fn is_member(mut members: &[u8], octet: u8) -> bool {
    loop {
        match members {
            [low, b'-', high, rest @ ..] => {
                if (*low..=*high).contains(&octet) {
                    return true;
                }
                members = rest;
            }
            [single, rest @ ..] => {
                if *single == octet {
                    return true;
                }
                members = rest;
            }
            [] => return false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn stars_and_question_marks_fit_as_in_a_shell() {
        assert!(matches(b"*.txt", b"a.txt") && matches(b"a*b*c", b"aXbYbZc") && matches(b"*", b""));
        assert!(matches(b"a?c", b"abc") && !matches(b"a?c", b"ac"));
        assert!(!matches(b"*.txt", b"a.TXT"), "case matters");
    }

    #[test]
    fn braces_are_alternatives_and_do_not_nest() {
        assert!(matches(b"{*.mp3,*.mov}", b"a.mov") && !matches(b"{*.mp3,*.mov}", b"a.ogg"));
        assert!(matches(b"x{,y}z", b"xz") && matches(b"x{,y}z", b"xyz"));
        assert!(matches(b"{a{b,c}", b"a{b"));
        assert!(!matches(b"br{a}ce", b"br{a}ce"));
        assert!(matches(b"open{brace", b"open{brace"));
    }

    #[test]
    fn sets_know_ranges_and_their_opposite() {
        assert!(matches(b"[a-c]x", b"bx") && !matches(b"[a-c]x", b"dx"));
        assert!(matches(b"[!a-c]x", b"dx") && matches(b"[]]", b"]") && matches(b"[", b"["));
    }

    #[test]
    fn hostile_patterns_end_at_once() {
        let stars = b"*a".repeat(500);
        assert!(!matches(&stars, &[b'a'; 255]));
        let braces = b"{a,b}".repeat(200);
        assert!(!matches(&braces, &[b'c'; 255]));
        let empties = b"{,}".repeat(300);
        assert!(!matches(&empties, b"x"));
        assert!(!matches(&vec![b'*'; MAX_PATTERN + 1], b"x"));
    }

    #[test]
    fn a_rule_speaks_of_any_component_and_of_parts_of_names() {
        assert!(denies(b"private", b"/private") && denies(b"private", b"/private/p"));
        assert!(denies(b"private", b"/d/my-private-x"));
        assert!(denies(b"{*.mp3,private}", b"/private/p") && denies(b"{*.mp3,private}", b"/a/b.mp3"));
        assert!(!denies(b"{*.mp3,private}", b"/a/b.ogg"));
        assert!(!denies(b"", b"/a"));
    }

    proptest! {
        #[test]
        fn a_name_without_wildcards_fits_itself_only(name in "[a-z.]{1,20}", other in "[a-z.]{1,20}") {
            prop_assert!(!has_wildcard(name.as_bytes()));
            prop_assert_eq!(matches(name.as_bytes(), other.as_bytes()), name == other);
        }

        #[test]
        fn nothing_panics(pattern in prop::collection::vec(any::<u8>(), 0..60), name in prop::collection::vec(any::<u8>(), 0..60)) {
            let _ = matches(&pattern, &name);
            let _ = denies(&pattern, &name);
        }
    }
}
