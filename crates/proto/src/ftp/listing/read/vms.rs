//! Lines of OpenVMS: `NAME.TYPE;1  12/15  22-NOV-2026 06:18:33  [GROUP,OWNER]  (RWED,RWED,RE,)`.
//!
//! A long name stands alone, and its columns follow on the next line; the reader puts the two together.

use super::words::{self, words};
use super::{Line, Listed, entry};
use crate::entry::Kind;

/// Octets in a block, which sizes are counted in.
const BLOCK: u64 = 512;

pub(super) fn read(line: &[u8]) -> Option<Line> {
    if line.starts_with(b"Directory ")
        || line.starts_with(b"Total of ")
        || line.starts_with(b"Grand total of ")
    {
        return Some(Line::Other);
    }
    let words = words(line, 10);
    let version = version(words.first()?.text)?;
    let mut rest = words.iter().skip(1).map(|word| word.text).peekable();
    let size = match rest.peek()? {
        // Used and allocated blocks.
        text if !text.contains(&b'-') => blocks(rest.next()?)?,
        _ => None,
    };
    let (year, month, day) = day(rest.next()?)?;
    let clock = rest.peek().and_then(|text| words::clock(text));
    let modified = words::moment(year, month, day, clock)?;
    if clock.is_some() {
        rest.next();
    }
    let owner = rest.next().and_then(|text| text.strip_prefix(b"[")?.strip_suffix(b"]"));
    let is_directory = version.name.len() > 4 && version.name.to_ascii_uppercase().ends_with(b".DIR");
    let name = if is_directory { version.name.get(..version.name.len() - 4)? } else { version.name };
    let (group, owner) = match owner.map(|both| both.split(|octet| *octet == b',').collect::<Vec<_>>()) {
        Some(both) => match both.as_slice() {
            [group, owner] => (Some(group.to_vec()), Some(owner.to_vec())),
            [owner] => (None, Some(owner.to_vec())),
            _ => (None, None),
        },
        None => (None, None),
    };
    Some(entry(Listed {
        name: if is_directory { name.to_vec() } else { version.whole.to_vec() },
        kind: Some(if is_directory { Kind::Directory } else { Kind::File }),
        // Blocks say how much room it takes, not how long it is.
        size: if is_directory { None } else { size },
        modified: Some(modified),
        owner,
        group,
        ..Listed::default()
    }))
}

/// Tells whether a line may be a name whose columns are on the next one.
pub(super) fn is_name_alone(line: &[u8]) -> bool {
    let words = words(line, 2);
    matches!(words.as_slice(), [only] if version(only.text).is_some())
}

/// A name with its version: `NAME.TYPE;1`.
struct Version<'a> {
    name: &'a [u8],
    whole: &'a [u8],
}

fn version(text: &[u8]) -> Option<Version<'_>> {
    let at = text.iter().rposition(|octet| *octet == b';')?;
    let (name, number) = text.split_at_checked(at)?;
    words::number(number.get(1..)?)?;
    (!name.is_empty()).then_some(Version { name, whole: text })
}

/// `12`, or `12/15`: the first number counts; a size in blocks is only known to the block.
fn blocks(text: &[u8]) -> Option<Option<u64>> {
    let used = text.split(|octet| *octet == b'/').next()?;
    Some(words::number(used)?.checked_mul(BLOCK))
}

fn day(text: &[u8]) -> Option<(i64, u8, u8)> {
    let mut fields = text.splitn(3, |octet| *octet == b'-');
    let day = words::within(fields.next()?, 1, 31)?;
    let month = words::month(fields.next()?)?;
    Some((words::year(fields.next()?)?, month, day))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::entry::Time;
    use crate::ftp::listing::read::Reader;

    #[test]
    fn a_name_on_a_line_of_its_own_gets_the_columns_of_the_next() {
        let text = b"Directory DISK$USER:[JANE]\r\n\r\n\
            A_RATHER_LONG_NAME_THAT_FILLS_ITS_LINE.TXT;12\r\n\
            \x20                    5/9       22-NOV-2026 06:18:33  [USERS,JANE]  (RWED,RWED,RE,)\r\n\
            PUB.DIR;1            1/3        2-JAN-2001 00:01     [SYSTEM]      (RWE,RWE,RE,RE)\r\n\r\n\
            Total of 2 files, 6/12 blocks\r\n";
        let mut reader = Reader::list(Time::default());
        let mut read = Vec::new();
        reader.feed(text, |listed| read.push(listed));
        reader.finish(|listed| read.push(listed));
        assert_eq!(reader.unknown(), 0);
        let [file, directory] = read.as_slice() else { panic!("{read:?}") };
        assert_eq!(file.name, b"A_RATHER_LONG_NAME_THAT_FILLS_ITS_LINE.TXT;12");
        assert_eq!((file.size, file.owner.as_deref()), (Some(2560), Some(&b"JANE"[..])));
        assert_eq!((directory.name.as_slice(), directory.kind), (&b"PUB"[..], Some(Kind::Directory)));
    }

    #[test]
    fn a_name_alone_at_the_end_is_not_understood() {
        let mut reader = Reader::list(Time::default());
        reader.feed(b"LONELY.TXT;1\r\n", |_| panic!("no columns"));
        reader.finish(|_| panic!("no columns"));
        assert_eq!(reader.unknown(), 1);
    }
}
