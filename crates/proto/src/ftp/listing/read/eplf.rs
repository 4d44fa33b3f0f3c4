//! Easily Parsed LIST Format (D. J. Bernstein, publicfile): `+facts,…,` a tab, and the name.

use super::{Line, Listed, Moment, Precision, entry, words};
use crate::entry::Kind;

pub(super) fn read(line: &[u8]) -> Option<Line> {
    let line = line.strip_prefix(b"+")?;
    let tab = line.iter().position(|octet| *octet == b'\t')?;
    let (facts, name) = line.split_at_checked(tab)?;
    let mut listed = Listed { name: name.get(1..)?.to_vec(), ..Listed::default() };
    for fact in facts.split(|octet| *octet == b',').filter(|fact| !fact.is_empty()) {
        match fact.split_first()? {
            (b'/', []) => listed.kind = Some(Kind::Directory),
            // It can be retrieved; a directory may be listed as a file too.
            (b'r', []) => {
                listed.kind.get_or_insert(Kind::File);
            }
            (b's', size) => listed.size = words::number(size),
            (b'm', seconds) => listed.modified = words::number(seconds).and_then(moment),
            (b'i', unique) => listed.unique = Some(unique.to_vec()),
            (b'u', [b'p', mode @ ..]) => {
                listed.mode =
                    u32::from_str_radix(std::str::from_utf8(mode).ok()?, 8).ok().map(|mode| mode & 0o7777);
            }
            _ => {}
        }
    }
    Some(entry(listed))
}

fn moment(seconds: u64) -> Option<Moment> {
    let seconds = i64::try_from(seconds).ok()?;
    Some(Moment { seconds, precision: Precision::Second, is_utc: true })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_fact_is_read() {
        let Some(Line::Entry(read)) = read(b"+i8388621.29609,m824255902,r,s612,up644,\ttwo words") else {
            panic!()
        };
        assert_eq!(read.name, b"two words");
        assert_eq!((read.kind, read.size, read.mode), (Some(Kind::File), Some(612), Some(0o644)));
        assert_eq!(read.modified.unwrap().seconds, 824_255_902);
        assert_eq!(read.unique.unwrap(), b"8388621.29609");
    }

    #[test]
    fn a_directory_is_one_even_if_it_can_be_retrieved() {
        for line in [&b"+/,m824255907,\tdoc"[..], b"+r,/,\tdoc", b"+/,r,\tdoc"] {
            let Some(Line::Entry(read)) = read(line) else { panic!() };
            assert_eq!(read.kind, Some(Kind::Directory));
        }
        assert_eq!(read(b"+no tab"), None);
        assert_eq!(read(b"-rw\tx"), None);
    }
}
