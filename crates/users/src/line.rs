//! One line of the file: `name:hash:uid:gid:comment:root`.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::PathBuf;

use bstr::ByteSlice;

use crate::hash::Hash;
use crate::name;

/// The longest comment, in octets: a person's name and where to reach them.
pub const LONGEST_COMMENT: usize = 256;

/// The longest root, in octets: the kernel takes pathnames of 4096 with the end mark.
pub const LONGEST_ROOT: usize = 4095;

/// The highest user and group number; the one above it means "no change" to the kernel.
pub const HIGHEST_ID: u32 = u32::MAX - 1;

/// A user of the file, as the rest of the server needs to know them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct User {
    /// The name to log in with.
    pub name: String,
    /// With whose rights files are opened; never 0.
    pub uid: u32,
    /// The only group; never 0.
    pub gid: u32,
    /// Who that is, for people.
    pub comment: String,
    /// The directory that the user cannot leave; absolute. Nobody has looked yet whether it exists.
    pub root: PathBuf,
}

impl User {
    /// Judges all fields; the error is a sentence.
    ///
    /// # Errors
    /// When the name, a number, the comment or the root is not allowed; root's own numbers never are.
    pub fn check(&self) -> Result<(), String> {
        name::check(self.name.as_bytes())?;
        check_number("user", self.uid)?;
        check_number("group", self.gid)?;
        check_comment(&self.comment)?;
        check_root(self.root.as_os_str().as_bytes())
    }

    /// Writes the line, without its end.
    pub(crate) fn line(&self, hash: &str) -> Vec<u8> {
        let mut line =
            format!("{}:{hash}:{}:{}:{}:", self.name, self.uid, self.gid, self.comment).into_bytes();
        line.extend_from_slice(self.root.as_os_str().as_bytes());
        line
    }
}

/// Reads one line; the error is a sentence.
///
/// # Errors
/// When there are fewer than six fields, or one of them is not allowed.
pub(crate) fn parse(line: &[u8]) -> Result<(User, Hash<'_>), String> {
    let mut fields = line.splitn(6, |octet| *octet == b':');
    let mut next = || fields.next().ok_or("a line has six fields, name:hash:uid:gid:comment:root");
    let (name, hash, uid, gid, comment, root) = (next()?, next()?, next()?, next()?, next()?, next()?);
    name::check(name)?;
    let user = User {
        name: String::from_utf8_lossy(name).into_owned(),
        uid: number("user", uid)?,
        gid: number("group", gid)?,
        comment: str::from_utf8(comment).map_err(|_| "the comment is not UTF-8")?.to_owned(),
        root: PathBuf::from(OsStr::from_bytes(root)),
    };
    user.check()?;
    Ok((user, Hash::parse(hash)?))
}

/// Tells whose line it is, well-formed or not.
pub(crate) fn name_of(line: &[u8]) -> &[u8] {
    line.find_byte(b':').and_then(|end| line.get(..end)).unwrap_or(line)
}

/// Tells the second field, well-formed or not.
pub(crate) fn hash_of(line: &[u8]) -> &[u8] {
    let rest = line.get(name_of(line).len() + 1..).unwrap_or_default();
    name_of(rest)
}

/// Walks over the lines that name users, with their numbers from 1 on.
pub(crate) fn entries(text: &[u8]) -> impl Iterator<Item = (usize, &[u8])> {
    (1..).zip(lines(text)).filter(|(_, line)| {
        let line = line.trim_ascii_start();
        !line.is_empty() && !line.starts_with(b"#")
    })
}

/// Walks over all lines, without their ends.
pub(crate) fn lines(text: &[u8]) -> impl Iterator<Item = &[u8]> {
    let mut rest = Some(text).filter(|text| !text.is_empty());
    std::iter::from_fn(move || {
        let here = rest?;
        let end = here.find_byte(b'\n').unwrap_or(here.len());
        rest = here.get(end + 1..).filter(|rest| !rest.is_empty());
        here.get(..end)
    })
}

fn number(whose: &str, digits: &[u8]) -> Result<u32, String> {
    let is_plain = !digits.is_empty() && digits.iter().all(u8::is_ascii_digit);
    let text = str::from_utf8(digits).ok().filter(|_| is_plain);
    text.and_then(|text| text.parse().ok()).ok_or_else(|| {
        format!("the {whose} number '{}' is no number from 1 to {HIGHEST_ID}", digits.escape_ascii())
    })
}

fn check_number(whose: &str, number: u32) -> Result<(), String> {
    match number {
        // Security: a password in a file beside the system's own must never open root's files.
        0 => Err(format!("the {whose} number is 0, which is root's: use another")),
        1..=HIGHEST_ID => Ok(()),
        _ => Err(format!("the {whose} number {number} is no number from 1 to {HIGHEST_ID}")),
    }
}

fn check_comment(comment: &str) -> Result<(), String> {
    if comment.len() > LONGEST_COMMENT {
        return Err(format!("the comment is longer than {LONGEST_COMMENT} octets"));
    }
    if comment.contains(':') {
        return Err("a comment holds no ':', which ends the field".into());
    }
    if comment.contains(char::is_control) {
        return Err("a comment holds no control characters".into());
    }
    Ok(())
}

fn check_root(root: &[u8]) -> Result<(), String> {
    if !root.starts_with(b"/") {
        let shown = root.escape_ascii();
        return Err(format!("the root '{shown}' is not an absolute path: begin it with /"));
    }
    if root.len() > LONGEST_ROOT {
        return Err(format!("the root is longer than {LONGEST_ROOT} octets"));
    }
    if root.iter().any(u8::is_ascii_control) {
        return Err("the root holds control characters (a file saved with Windows line ends has them)".into());
    }
    // What cannot be seen in the file must not decide where somebody is let in.
    if root.ends_with(b" ") {
        return Err("the root ends with a blank".into());
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn ann() -> User {
        User {
            name: "ann".into(),
            uid: 1001,
            gid: 1002,
            comment: "Ann, accounts".into(),
            root: "/srv/a:b".into(),
        }
    }

    fn fault(line: &str) -> String {
        parse(line.as_bytes()).unwrap_err()
    }

    #[test]
    fn a_line_says_what_it_was_made_of_and_a_root_may_hold_colons() {
        let line = ann().line("!");
        assert_eq!(line, b"ann:!:1001:1002:Ann, accounts:/srv/a:b");
        assert_eq!(parse(&line).unwrap().0, ann());
        assert_eq!((name_of(&line), hash_of(&line)), (&b"ann"[..], &b"!"[..]));
    }

    #[test]
    fn each_bad_field_has_its_sentence() {
        for (line, sentence) in [
            ("ann", "a line has six fields, name:hash:uid:gid:comment:root"),
            ("ann:!:1:1:/srv", "a line has six fields, name:hash:uid:gid:comment:root"),
            (":!:1:1::/srv", "the name is empty"),
            ("ann:!:0:1::/srv", "the user number is 0, which is root's: use another"),
            ("ann:!:1:0::/srv", "the group number is 0, which is root's: use another"),
            ("ann:!:+1:1::/srv", "the user number '+1' is no number from 1 to 4294967294"),
            ("ann:!:1:::/srv", "the group number '' is no number from 1 to 4294967294"),
            ("ann:!:4294967295:1::/srv", "the user number 4294967295 is no number from 1 to 4294967294"),
            ("ann:!:1:4294967296::/srv", "the group number '4294967296' is no number from 1 to 4294967294"),
            ("ann:!:1:1::", "the root '' is not an absolute path: begin it with /"),
            ("ann:!:1:1::srv", "the root 'srv' is not an absolute path: begin it with /"),
            ("ann:!:1:1::/srv ", "the root ends with a blank"),
            ("ann:!:1:1:a\tb:/srv", "a comment holds no control characters"),
            (
                "ann:!:1:1::/srv\r",
                "the root holds control characters (a file saved with Windows line ends has them)",
            ),
        ] {
            assert_eq!(fault(line), sentence, "{line:?}");
        }
        assert_eq!(parse(b"ann:!:1:1:\xff:/srv").unwrap_err(), "the comment is not UTF-8");
        assert!(fault(&format!("ann:!:1:1:{}:/srv", "x".repeat(257))).contains("longer than 256 octets"));
        assert!(fault(&format!("ann:!:1:1::/{}", "x".repeat(4095))).contains("longer than 4095 octets"));
    }

    #[test]
    fn a_comment_that_would_end_its_field_is_refused_before_it_is_written() {
        let user = User { comment: "a:b".into(), ..ann() };
        assert_eq!(user.check().unwrap_err(), "a comment holds no ':', which ends the field");
    }

    #[test]
    fn comments_and_empty_lines_name_nobody_and_are_counted() {
        let text = b"# a\n\nann:x\n  \n #b\nbob";
        let found: Vec<_> = entries(text).collect();
        assert_eq!(found, [(3, &b"ann:x"[..]), (6, &b"bob"[..])]);
        assert_eq!(entries(b"").count() + entries(b"\n").count(), 0);
    }

    proptest! {
        #[test]
        fn any_octets_are_a_line_or_a_sentence(octets in proptest::collection::vec(any::<u8>(), 0..200)) {
            let _ = parse(&octets);
            let _ = (name_of(&octets), hash_of(&octets), entries(&octets).count());
        }

        #[test]
        fn what_passes_the_check_reads_back(
            name in "[a-z_.][!-9;-~]{0,20}", uid in 1..=HIGHEST_ID, gid in 1..=HIGHEST_ID,
            comment in "[^:\u{0}-\u{1f}\u{7f}-\u{9f}]{0,40}", root in "/[^\u{0}-\u{1f}\u{7f}]{0,40}",
        ) {
            let user = User { name, uid, gid, comment, root: root.into() };
            prop_assume!(user.check().is_ok());
            let line = user.line("*");
            prop_assert_eq!(parse(&line).unwrap().0, user);
        }
    }
}
