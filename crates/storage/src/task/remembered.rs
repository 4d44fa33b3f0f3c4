//! Hashes kept with their files, in one extended attribute, so that asking a second time costs nothing.
//!
//! Kept are all methods' hashes together with the size and the times of the file they were taken of. Whoever can write
//! the attribute can write the file, so nobody is believed who could not have changed the content as well.

use std::os::fd::OwnedFd;

use rustix::fs::{AtFlags, StatxFlags, XattrFlags, fgetxattr, fsetxattr, statx};
use rustix::time::{ClockId, clock_gettime};
use wharf_proto::entry::Time;
use wharf_proto::failure::Failure;
use wharf_proto::store::Algorithm;

use crate::failure;

/// The attribute's name.
const NAME: &str = "user.wharf.hash";
/// The first word of its value; another one is another program's, or a later form.
const FORM: &str = "1";
/// The most that is read of it: six hashes and five numbers fit three times.
const MOST: usize = 2048;
/// How long the kernel may take to write the attribute, in seconds.
///
/// Writing it is a change of the file, so its change time is later than any that could be written. A file that is
/// changed in this second, and has its modification time put back to the nanosecond, keeps a hash that is not its
/// own; who can do that owns the file.
const SLACK: i64 = 1;

/// What a file is like, as far as a change of its content would show.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Stamp {
    size: u64,
    modified: Time,
    changed: Time,
}

impl Stamp {
    pub(super) fn of(file: &OwnedFd) -> Result<Self, Failure> {
        let told = statx(file, "", AtFlags::EMPTY_PATH, StatxFlags::BASIC_STATS).map_err(failure::of)?;
        Ok(Self {
            size: told.stx_size,
            modified: Time { seconds: told.stx_mtime.tv_sec, nanoseconds: told.stx_mtime.tv_nsec },
            changed: Time { seconds: told.stx_ctime.tv_sec, nanoseconds: told.stx_ctime.tv_nsec },
        })
    }
}

/// What stands in the attribute.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Kept {
    size: u64,
    modified: Time,
    /// When it was written.
    written: Time,
    hashes: Vec<(Algorithm, Vec<u8>)>,
}

/// Finds a hash that was taken of the very same content.
pub(super) fn recall(file: &OwnedFd, now: &Stamp, algorithm: Algorithm) -> Option<Vec<u8>> {
    let hashes = load(file, now)?.hashes;
    hashes.into_iter().find(|(kept, _)| *kept == algorithm).map(|(_, octets)| octets)
}

/// Keeps a hash, if the file is what it was before the hash was taken and its file system has room for it.
pub(super) fn keep(file: &OwnedFd, before: &Stamp, algorithm: Algorithm, octets: &[u8]) {
    let Ok(now) = Stamp::of(file) else { return };
    if now != *before {
        return;
    }
    let mut hashes = load(file, &now).map_or_else(Vec::new, |kept| kept.hashes);
    hashes.retain(|(kept, _)| *kept != algorithm);
    hashes.push((algorithm, octets.to_vec()));
    let clock = clock_gettime(ClockId::Realtime);
    let written =
        Time { seconds: clock.tv_sec, nanoseconds: u32::try_from(clock.tv_nsec).unwrap_or_default() };
    let kept = Kept { size: now.size, modified: now.modified, written, hashes };
    // Not every file system has room for it, and not every user may; then it is taken again next time.
    let _ = fsetxattr(file, NAME, kept.to_text().as_bytes(), XattrFlags::empty());
}

/// Reads the attribute; `None` when it is not this content's.
fn load(file: &OwnedFd, now: &Stamp) -> Option<Kept> {
    let mut value = vec![0; MOST];
    let length = fgetxattr(file, NAME, value.as_mut_slice()).ok()?;
    let kept = Kept::of_text(std::str::from_utf8(value.get(..length)?).ok()?)?;
    kept.is_of(now).then_some(kept)
}

impl Kept {
    fn is_of(&self, now: &Stamp) -> bool {
        // The kernel's clock for files runs up to a tick behind.
        let early = self.written.seconds.saturating_sub(SLACK);
        let late = Time { seconds: self.written.seconds.saturating_add(SLACK), ..self.written };
        let in_time = now.changed.seconds >= early && now.changed <= late;
        self.size == now.size && self.modified == now.modified && in_time
    }

    fn to_text(&self) -> String {
        let Self { size, modified, written, hashes } = self;
        let (one, two) = (modified, written);
        let mut text = format!(
            "{FORM} {size} {}.{:09} {}.{:09}",
            one.seconds, one.nanoseconds, two.seconds, two.nanoseconds
        );
        for (algorithm, octets) in hashes {
            text.push_str(&format!(" {}:", algorithm.name()));
            octets.iter().for_each(|octet| text.push_str(&format!("{octet:02x}")));
        }
        text
    }

    /// Takes back what [`Self::to_text`] wrote; anything else is nothing.
    fn of_text(text: &str) -> Option<Self> {
        let mut words = text.split(' ');
        if words.next()? != FORM {
            return None;
        }
        let size = words.next()?.parse().ok()?;
        let modified = time(words.next()?)?;
        let written = time(words.next()?)?;
        let hashes = words.map(hash).collect::<Option<Vec<_>>>()?;
        Some(Self { size, modified, written, hashes })
    }
}

fn time(word: &str) -> Option<Time> {
    let (seconds, nanoseconds) = word.split_once('.')?;
    let nanoseconds = nanoseconds.parse().ok().filter(|&one| one < 1_000_000_000)?;
    Some(Time { seconds: seconds.parse().ok()?, nanoseconds })
}

fn hash(word: &str) -> Option<(Algorithm, Vec<u8>)> {
    let (name, digits) = word.split_once(':')?;
    let algorithm = Algorithm::named(name.as_bytes())?;
    let pair = |pair: &[u8]| u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok();
    let is_hexadecimal = digits.bytes().all(|digit| digit.is_ascii_hexdigit());
    if !is_hexadecimal || digits.len() != algorithm.octets() * 2 {
        return None;
    }
    let octets = digits.as_bytes().chunks(2).map(pair).collect::<Option<Vec<_>>>()?;
    Some((algorithm, octets))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn kept() -> impl Strategy<Value = Kept> {
        let time = (any::<i64>(), 0..1_000_000_000_u32)
            .prop_map(|(seconds, nanoseconds)| Time { seconds, nanoseconds });
        let hashes = prop::collection::vec(prop::sample::select(Algorithm::ALL.to_vec()), 0..6)
            .prop_map(|some| some.into_iter().map(|one| (one, vec![0xa5; one.octets()])).collect());
        (any::<u64>(), time.clone(), time, hashes).prop_map(|(size, modified, written, hashes)| Kept {
            size,
            modified,
            written,
            hashes,
        })
    }

    proptest! {
        #[test]
        fn what_is_written_is_read_again(kept in kept()) {
            prop_assert_eq!(Kept::of_text(&kept.to_text()), Some(kept));
        }

        #[test]
        fn what_others_wrote_never_panics(text in "(1 )?[0-9. a-zA-Z:-]{0,80}") {
            let _ = Kept::of_text(&text);
        }
    }

    #[test]
    fn what_is_cut_or_lengthened_is_nothing() {
        let kept = Kept {
            size: 1,
            modified: Time::default(),
            written: Time::default(),
            hashes: vec![(Algorithm::Crc32, vec![1, 2, 3, 4])],
        };
        let text = kept.to_text();
        assert_eq!(text, "1 1 0.000000000 0.000000000 CRC32:01020304");
        for wrong in [&text[..text.len() - 1], &format!("{text}0"), &format!("2{}", &text[1..]), "", "1"] {
            assert_eq!(Kept::of_text(wrong), None, "{wrong}");
        }
    }
}
