//! `SITE UTIME` sets a file's times, in either of the forms that clients send: `YYYYMMDDhhmm[ss] name`, or
//! `name read changed made UTC` with three times of fourteen digits.

use super::super::prelude::*;
use super::Word;

pub(super) const WORD: Word =
    Word { name: "UTIME", right: Right::SetTime, like: &["MDTM"], pathname, is_feature: true, start: set_times };

/// What was asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Wish<'a> {
    accessed: Time,
    modified: Time,
    pathname: &'a [u8],
}

/// The short form's; the long form has its pathname in front, where `~name` is not looked for.
fn pathname(argument: &[u8]) -> &[u8] {
    short(argument).map_or(&[], |wish| wish.pathname)
}

fn set_times(session: &mut Session, argument: &[u8]) -> Step {
    let Some(Wish { accessed, modified, pathname }) = long(argument).or_else(|| short(argument)) else {
        return Step::Reply(Reply::BadUtime);
    };
    match session.resolve(pathname, Purpose::Any, Reply::SiteFailed("UTIME")) {
        Ok(name) => Ask::change(Change::SetTimes { path: name.path, accessed, modified }, |_, done| {
            Step::Reply(if done.is_ok() { Reply::SiteOk("UTIME") } else { Reply::SiteFailed("UTIME") })
        }),
        Err(refusal) => Step::Reply(refusal),
    }
}

fn short(argument: &[u8]) -> Option<Wish<'_>> {
    let mut halves = argument.splitn(2, |&octet| octet == b' ');
    let time = read(halves.next()?)?;
    let pathname = halves.next().filter(|name| !name.is_empty())?;
    Some(Wish { accessed: time, modified: time, pathname })
}

fn long(argument: &[u8]) -> Option<Wish<'_>> {
    let mut words = argument.rsplitn(5, |&octet| octet == b' ');
    if !words.next()?.eq_ignore_ascii_case(b"UTC") {
        return None;
    }
    // Nothing here can set when a file was made, but it has to be a time.
    read(words.next()?)?;
    let modified = read(words.next()?)?;
    let accessed = read(words.next()?)?;
    let pathname = words.next().filter(|name| !name.is_empty())?;
    Some(Wish { accessed, modified, pathname })
}

/// A time with seconds or without.
fn read(text: &[u8]) -> Option<Time> {
    if text.len() == 12 { stamp::read_strictly(&[text, b"00"].concat()) } else { stamp::read_strictly(text) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn both_forms_are_understood() {
        let wish = short(b"202002030405 a b").unwrap();
        assert_eq!((stamp::show(wish.modified).as_str(), wish.pathname), ("20200203040500", &b"a b"[..]));
        let wish = long(b"a b 20200101000000 20200203040506 20200101000000 UTC").unwrap();
        assert_eq!((stamp::show(wish.modified).as_str(), wish.pathname), ("20200203040506", &b"a b"[..]));
        assert_eq!(stamp::show(wish.accessed), "20200101000000");
        for wrong in ["20200101 a", "20200203040506", "20200203040506 ", "a 20200203040506 UTC", "UTC", ""] {
            assert_eq!((long(wrong.as_bytes()), short(wrong.as_bytes())), (None, None), "{wrong}");
        }
    }

    proptest! {
        #[test]
        fn no_argument_makes_it_panic(argument in prop::collection::vec(any::<u8>(), 0..80)) {
            let _ = (long(&argument), short(&argument));
        }
    }
}
