//! What the commands for hashes share: taking one, and the argument of those that begin with X.

use super::access::Purpose;
use super::ask::{Ask, Step, Trouble};
use super::session::Session;
use super::words;
use crate::failure::Failure;
use crate::ftp::reply::Reply;
use crate::path::VirtualPath;
use crate::store::{Algorithm, Finished, Looked, Part, Task};

/// A hash that was taken: of what part, and its digits.
type Taken = Result<(Part, String), Trouble>;

/// Has a hash taken and tells it in hexadecimal.
pub(super) fn take(
    path: VirtualPath,
    algorithm: Algorithm,
    part: Option<Part>,
    then: impl FnOnce(&mut Session, Taken) -> Step + 'static,
) -> Step {
    Ask::work(Task::Hash { path, algorithm, part }, move |session, ended| {
        let taken = match ended {
            Ok(Finished::Digest { part, octets }) => Ok((part, hexadecimal(&octets))),
            Ok(_) => Err(Trouble::Failed(Failure::Broken)),
            Err(trouble) => Err(trouble),
        };
        then(session, taken)
    })
}

/// Begins XCRC and its kin: `name`, `"name" start end`, or `name start end` where nothing bears all of it as its name.
pub(super) fn start(session: &mut Session, argument: &[u8], algorithm: Algorithm) -> Step {
    if argument.starts_with(b"\"") {
        let wish = words::first(argument).and_then(|(name, range)| Some((name, range_of(range)?)));
        return match wish {
            Some((name, part)) => of(session, &name, part, algorithm),
            None => Step::Reply(Reply::BadHashRange),
        };
    }
    let Some((name, part)) = with_range(argument) else { return of(session, argument, None, algorithm) };
    let whole = argument.to_vec();
    // A file whose name ends in numbers comes first, as with MDTM.
    match session.resolve(argument, Purpose::Download, Reply::CouldNotHash) {
        Ok(found) => Ask::look(found.path, move |session, looked: Result<Looked, Failure>| match looked {
            Ok(_) => of(session, &whole, None, algorithm),
            Err(_) => of(session, &name, Some(part), algorithm),
        }),
        Err(refusal) => Step::Reply(refusal),
    }
}

fn of(session: &mut Session, typed: &[u8], part: Option<Part>, algorithm: Algorithm) -> Step {
    match session.resolve(typed, Purpose::Download, Reply::CouldNotHash) {
        Ok(name) => take(name.path, algorithm, part, move |session, taken| match taken {
            // Clients compare a CRC with one in upper case.
            Ok((_, digits)) if algorithm == Algorithm::Crc32 => {
                Step::Reply(Reply::Checksum(digits.to_ascii_uppercase()))
            }
            Ok((_, digits)) => Step::Reply(Reply::Checksum(digits)),
            Err(trouble) => session.not_worked(Some(trouble), Reply::CouldNotHash),
        }),
        Err(refusal) => Step::Reply(refusal),
    }
}

/// Reads what stands behind a quoted name: nothing, or where the part starts, and where it ends.
#[expect(clippy::option_option, reason = "no range is one thing, a bad one another")]
fn range_of(text: &[u8]) -> Option<Option<Part>> {
    let mut numbers = text.trim_ascii().split(|&octet| octet == b' ').filter(|word| !word.is_empty());
    let Some(start) = numbers.next() else { return Some(None) };
    let start = words::number(start)?;
    let end = numbers.next().map_or(Some(u64::MAX), words::number)?;
    (numbers.next().is_none() && start <= end).then_some(Some(Part { start, end }))
}

/// Takes one or two numbers off the end of an argument; `None` when there are none, or nothing is left of it.
fn with_range(argument: &[u8]) -> Option<(Vec<u8>, Part)> {
    let cut = |text: &[u8]| {
        let at = text.iter().rposition(|&octet| octet == b' ')?;
        Some((text.get(..at)?.to_vec(), words::number(text.get(at + 1..)?)?))
    };
    let (before, last) = cut(argument)?;
    let (name, start, end) = match cut(&before) {
        Some((name, start)) if start <= last => (name, start, last),
        _ => (before, last, u64::MAX),
    };
    (!name.is_empty()).then_some((name, Part { start, end }))
}

fn hexadecimal(octets: &[u8]) -> String {
    octets.iter().map(|octet| format!("{octet:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn numbers_at_the_end_may_be_a_range() {
        let part = |start, end| Part { start, end };
        assert_eq!(with_range(b"a b 5 9"), Some((b"a b".to_vec(), part(5, 9))));
        assert_eq!(with_range(b"a 5"), Some((b"a".to_vec(), part(5, u64::MAX))));
        assert_eq!(with_range(b"a 9 5"), Some((b"a 9".to_vec(), part(5, u64::MAX))));
        for none in ["a", "a b", "5", " 5", "a -5", "a 5x"] {
            assert_eq!(with_range(none.as_bytes()), None, "{none}");
        }
    }

    #[test]
    fn behind_a_quoted_name_nothing_but_a_range_is_understood() {
        assert_eq!(range_of(b""), Some(None));
        assert_eq!(range_of(b" 5  9 "), Some(Some(Part { start: 5, end: 9 })));
        for wrong in ["x", "9 5", "1 2 3", "-1"] {
            assert_eq!(range_of(wrong.as_bytes()), None, "{wrong}");
        }
    }

    proptest! {
        #[test]
        fn no_argument_makes_it_panic(argument in prop::collection::vec(any::<u8>(), 0..60)) {
            let _ = with_range(&argument);
            let _ = range_of(&argument);
        }

        #[test]
        fn a_range_is_read_as_it_is_written(name in "[a-z]{1,5}( [a-z]{1,5})?", start in 0..1_u64 << 62, length in 0..1_u64 << 62) {
            let part = Part { start, end: start + length };
            let read = with_range(format!("{name} {} {}", part.start, part.end).as_bytes());
            prop_assert_eq!(read, Some((name.into_bytes(), part)));
        }
    }
}
