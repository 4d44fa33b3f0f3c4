//! What is written is read back, and whole listings of other systems.

use proptest::prelude::*;

use super::{Line, Listed, Precision, Reader};
use crate::entry::{Access, Entry, Kind, Time};
use crate::ftp::listing::{Owners, mlsx, unix};
use crate::store::Facts;

fn read(mut reader: Reader, text: &[u8]) -> (Vec<Listed>, u64) {
    let mut entries = Vec::new();
    reader.feed(text, |entry| entries.push(entry));
    reader.finish(|entry| entries.push(entry));
    (entries, reader.unknown())
}

fn entries() -> impl Strategy<Value = Entry> {
    let kinds = prop_oneof![Just(Kind::File), Just(Kind::Directory), Just(Kind::Fifo), Just(Kind::Socket)];
    (kinds, 0_u32..0o10000, 0_u64..100_000, any::<u32>(), any::<u32>(), any::<u64>(), 0_i64..4_102_444_800)
        .prop_map(|(kind, mode, links, uid, gid, size, seconds)| {
            let modified = Time { seconds, nanoseconds: 0 };
            Entry { kind, mode, links, uid, gid, size, modified, created: None, device: 8, inode: 9 }
        })
}

/// A name without what no line can carry; the reader leaves `.` and `..` out.
fn names() -> impl Strategy<Value = Vec<u8>> {
    prop::collection::vec(
        any::<u8>().prop_filter("line ends", |octet| !matches!(octet, 0 | b'\r' | b'\n')),
        1..40,
    )
    .prop_filter("the directory itself", |name| !matches!(name.as_slice(), b"." | b".."))
}

proptest! {
    #[test]
    fn a_list_line_is_read_back(entry in entries(), name in names(), age in 0_i64..800 * 86_400) {
        let now = Time { seconds: entry.modified.seconds + age, nanoseconds: 0 };
        let mut line = Vec::new();
        let frame = unix::Frame { owners: &Owners::Numbers, now, classify: false };
        unix::Columns::default().line(&mut line, &entry, &name, None, &frame, 0);
        let (read, unknown) = read(Reader::list(now), &line);
        prop_assert_eq!(unknown, 0);
        let [read] = read.as_slice() else { panic!("{read:?}") };
        prop_assert_eq!(&read.name, &name);
        prop_assert_eq!((read.kind, read.size, read.mode), (Some(entry.kind), Some(entry.size), Some(entry.mode)));
        let owner = entry.uid.to_string();
        prop_assert_eq!(read.owner.as_deref(), Some(owner.as_bytes()));
        let modified = read.modified.unwrap();
        let exact = if modified.precision == Precision::Minute { 60 } else { 86_400 };
        prop_assert_eq!(modified.seconds, entry.modified.seconds.div_euclid(exact) * exact);
    }

    #[test]
    fn a_line_of_facts_is_read_back(entry in entries(), name in names()) {
        let mut line = Vec::new();
        mlsx::Lines::default().line(&mut line, &Facts::USUAL, &entry, Access::default(), &name, &Owners::Numbers);
        let (read, unknown) = read(Reader::mlsd(), &line);
        prop_assert_eq!(unknown, 0);
        let [read] = read.as_slice() else { panic!("{read:?}") };
        prop_assert_eq!(&read.name, &name);
        prop_assert_eq!((read.kind, read.mode), (Some(entry.kind), Some(entry.mode)));
        prop_assert_eq!(read.modified.unwrap().seconds, entry.modified.seconds);
        prop_assert_eq!(read.size, (entry.kind != Kind::Directory).then_some(entry.size));
    }

    #[test]
    fn no_octets_whatever_do_harm(octets in prop::collection::vec(any::<u8>(), 0..2_000), split in 0_usize..2_000) {
        for reader in [Reader::list(Time::default()), Reader::mlsd()] {
            let (whole, unknown) = read(reader.clone(), &octets);
            let mut pieces = reader;
            let mut again = Vec::new();
            let (head, tail) = octets.split_at(split.min(octets.len()));
            pieces.feed(head, |entry| again.push(entry));
            pieces.feed(tail, |entry| again.push(entry));
            pieces.finish(|entry| again.push(entry));
            prop_assert_eq!(&whole, &again);
            prop_assert_eq!(unknown, pieces.unknown());
        }
    }

    #[test]
    fn text_that_looks_like_lines_does_no_harm(text in "[-dlrwx0-9A-Za-z;:/*+,.<>\\[\\]\t \r\n]{0,600}") {
        let (entries, _) = read(Reader::list(Time::default()), text.as_bytes());
        prop_assert!(entries.iter().all(|entry| !entry.name.is_empty()));
    }
}

#[test]
fn one_odd_line_does_not_change_how_the_others_are_read() {
    let text = b"drwxr-xr-x 2 a b 4096 Nov 22 07:15 dir\nls: cannot access x: No such file\n\
        -rw-r--r-- 1 a b 7 Nov 22 07:15 file\n11-22-26  07:15AM  7 dos\n";
    let mut reader = Reader::list(Time { seconds: 1_795_600_000, nanoseconds: 0 });
    let read: Vec<Line> = text.split(|octet| *octet == b'\n').map(|line| reader.line(line)).collect();
    assert!(matches!(
        read.as_slice(),
        [Line::Entry(_), Line::Unknown, Line::Entry(_), Line::Entry(_), Line::Other]
    ));
}
