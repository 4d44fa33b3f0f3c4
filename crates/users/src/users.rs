//! Reads the file and judges one name and password.

use std::hash::{DefaultHasher, Hasher};
use std::path::{Path, PathBuf};

use wharf_proto::secret::Secret;

use crate::fault::Fault;
use crate::guard::{self, Access};
use crate::hash::{Hash, Kind, STAND_IN};
use crate::line::{self, User};

/// What the file says of a name and a password.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Answer {
    /// No line names the user.
    NoSuchUser,
    /// The password is another.
    WrongPassword,
    /// The user has no password at the moment.
    Locked,
    /// The user's line is wrong, or there are two: nobody can log in with that name until it is mended. The fault
    /// names the file and the line.
    BadLine(Fault),
    /// The password is right.
    Verified(User),
}

/// The file, as it was when it was read.
#[derive(Debug)]
pub struct Users {
    path: PathBuf,
    text: Vec<u8>,
}

impl Users {
    /// Reads the file.
    ///
    /// # Errors
    /// With [`crate::Kind::Missing`] when there is no file; when it is no regular file of the reading user, others may
    /// write it, everybody may read it, it is longer than 32 MiB, or cannot be read.
    pub fn read(path: &Path) -> Result<Self, Fault> {
        let (file, metadata) = guard::open(path, Access::Read)?;
        let text = guard::read(path, &file, &metadata)?;
        Ok(Self { path: path.to_owned(), text })
    }

    /// Judges a name and a password, in one pass over the file.
    ///
    /// Whatever the answer, one password hash is checked, so that the time it takes does not tell which names exist. Where
    /// the file mixes kinds of hashes, a name that does not exist takes as long as one that does, always the same one.
    #[must_use]
    pub fn verify(&self, name: &[u8], password: &Secret) -> Answer {
        let found = Found::search(&self.text, name);
        let (answer, hash) = self.judge(&found);
        let is_right = hash.unwrap_or_else(|| found.stand_in()).matches(password);
        match answer {
            Answer::Verified(_) if !is_right => Answer::WrongPassword,
            answer => answer,
        }
    }

    /// Judges a name that was proven otherwise, by a certificate: whether its line is sound and not locked.
    #[must_use]
    pub fn find(&self, name: &[u8]) -> Answer {
        self.judge(&Found::search(&self.text, name)).0
    }

    /// What a name's line says before its password is looked at, and the hash to hold that against.
    fn judge<'a>(&self, found: &Found<'a>) -> (Answer, Option<Hash<'a>>) {
        let judged = found.lines(&self.path).map(|it| it.and_then(|(number, line)| self.parse(number, line)));
        match judged {
            None => (Answer::NoSuchUser, None),
            Some(Err(fault)) => (Answer::BadLine(fault), None),
            Some(Ok((_, hash))) if hash.kind() == Kind::Locked => (Answer::Locked, None),
            Some(Ok((user, hash))) => (Answer::Verified(user), Some(hash)),
        }
    }

    /// Walks over all users with the kinds of their hashes; a line that is wrong is a fault that names it.
    pub fn list(&self) -> impl Iterator<Item = Result<(User, Kind), Fault>> {
        line::entries(&self.text)
            .map(|(number, line)| self.parse(number, line).map(|(user, hash)| (user, hash.kind())))
    }

    /// Tells whether a line names the user, well-formed or not.
    #[must_use]
    pub fn has(&self, name: &[u8]) -> bool {
        line::entries(&self.text).any(|(_, line)| line::name_of(line) == name)
    }

    fn parse<'a>(&self, number: usize, line: &'a [u8]) -> Result<(User, Hash<'a>), Fault> {
        line::parse(line).map_err(|fault| Fault::at(&self.path, number, &fault))
    }
}

/// What one pass over the file found for a name.
#[derive(Debug, Default)]
struct Found<'a> {
    first: Option<(usize, &'a [u8])>,
    twin: Option<usize>,
    stand_in: Option<(u64, &'a [u8])>,
}

impl<'a> Found<'a> {
    fn search(text: &'a [u8], name: &[u8]) -> Self {
        let mut found = Self::default();
        for (number, line) in line::entries(text) {
            if line::name_of(line) == name {
                match found.first {
                    None => found.first = Some((number, line)),
                    Some(_) => found.twin = found.twin.or(Some(number)),
                }
            }
            let hash = line::hash_of(line);
            if hash.starts_with(b"$") {
                found.stand_in = found.stand_in.max(Some((weight(name, hash), hash)));
            }
        }
        found
    }

    /// The only line of the name. Two lines would let the wrong one win unseen.
    fn lines(&self, path: &Path) -> Option<Result<(usize, &'a [u8]), Fault>> {
        let first = self.first?;
        Some(match self.twin {
            None => Ok(first),
            Some(twin) => Err(Fault::at(
                path,
                twin,
                &format!("line {} names the same user: remove one of them", first.0),
            )),
        })
    }

    /// The hash to check for a name that has none: one of the file, so that the time is one that users have.
    fn stand_in(&self) -> Hash<'a> {
        let ours = Hash::parse(STAND_IN.as_bytes());
        let theirs = self.stand_in.and_then(|(_, hash)| Hash::parse(hash).ok());
        theirs.or(ours.ok()).expect("the stand-in is sound, and a test says so")
    }
}

/// Ranks the hashes of the file for a name; the highest stands in for it.
///
/// Security: nobody can compute the order without the hashes, and a name keeps its place from one try to the next; a
/// choice by chance would show by changing.
fn weight(name: &[u8], hash: &[u8]) -> u64 {
    let mut hasher = DefaultHasher::new();
    hasher.write(hash);
    hasher.write(name);
    hasher.finish()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::{Duration, Instant};

    // "right", made by perl's crypt.
    const RIGHT: &str = "$5$rounds=1000$salt$jmWlX.WMmU0.rE0RvWQVpnv3gAtcUKsIbtS2DDkjkW.";

    fn users(text: &str) -> Users {
        Users { path: "/etc/wharfd.users".into(), text: text.as_bytes().to_vec() }
    }

    fn secret(password: &str) -> Secret {
        Secret::new(password.as_bytes().to_vec())
    }

    fn said(answer: &Answer) -> String {
        match answer {
            Answer::BadLine(fault) => fault.to_string(),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn the_right_password_brings_the_user_and_others_bring_nothing() {
        let users = users(&format!("# FTP\n\nann:{RIGHT}:1001:1002:Ann:/srv/a:b\n"));
        let ann =
            User { name: "ann".into(), uid: 1001, gid: 1002, comment: "Ann".into(), root: "/srv/a:b".into() };
        assert_eq!(users.verify(b"ann", &secret("right")), Answer::Verified(ann));
        assert_eq!(users.verify(b"ann", &secret("wrong")), Answer::WrongPassword);
        assert_eq!(users.verify(b"ann", &secret("")), Answer::WrongPassword);
        for name in ["", "an", "Ann", "ann:", "# FTP", "root"] {
            assert_eq!(users.verify(name.as_bytes(), &secret("right")), Answer::NoSuchUser, "{name}");
        }
    }

    #[test]
    fn a_locked_user_stays_out_with_the_right_password() {
        let users = users(&format!("ann:!{RIGHT}:1:1::/\nbob::1:1::/\ncarl:*:1:1::/\n"));
        for name in ["ann", "bob", "carl"] {
            for password in ["right", ""] {
                assert_eq!(users.verify(name.as_bytes(), &secret(password)), Answer::Locked, "{name}");
            }
        }
    }

    #[test]
    fn a_bad_line_shuts_out_its_user_only() {
        let users = users(&format!("ann:{RIGHT}:0:1::/srv\nnonsense\nbob:{RIGHT}:1:1::/srv\n"));
        let ann = users.verify(b"ann", &secret("right"));
        assert_eq!(said(&ann), "/etc/wharfd.users:1: the user number is 0, which is root's: use another");
        assert!(matches!(users.verify(b"bob", &secret("right")), Answer::Verified(_)));
        assert!(said(&users.verify(b"nonsense", &secret("x"))).contains(":2: a line has six fields"));
        let listed: Vec<bool> = users.list().map(|user| user.is_ok()).collect();
        assert_eq!(listed, [false, false, true]);
    }

    #[test]
    fn a_user_with_two_lines_is_let_in_by_neither() {
        let users = users(&format!("ann:{RIGHT}:1:1::/a\n#\nann:{RIGHT}:2:2::/b\nann:x\n"));
        assert_eq!(
            said(&users.verify(b"ann", &secret("right"))),
            "/etc/wharfd.users:3: line 1 names the same user: remove one of them"
        );
    }

    #[test]
    fn an_unknown_name_is_stood_in_for_by_one_hash_of_the_file_for_ever() {
        let bad = "ann:$6$bad:1:1::/\n".to_owned();
        let many: String = (0..20).map(|n| format!("u{n}:$5$rounds=1000$s{n}$x:1:1::/\n")).collect();
        let chosen =
            |name: &str| Found::search(many.as_bytes(), name.as_bytes()).stand_in.unwrap().1.to_vec();
        assert_eq!(chosen("ann"), chosen("ann"));
        let all: std::collections::HashSet<_> = (0..40).map(|n| chosen(&format!("x{n}"))).collect();
        assert!(all.len() > 5, "only {} of 20 were ever chosen", all.len());
        // A stand-in that is damaged, or none, is made up for by our own.
        for text in [bad.as_str(), ""] {
            assert_eq!(Found::search(text.as_bytes(), b"x").stand_in().kind(), Kind::Argon2);
        }
    }

    #[test]
    fn every_refusal_takes_as_long_as_a_wrong_password() {
        // Of the cost 8, made by perl's crypt: slow enough to be seen, and not what our own stand-in costs.
        let slow = "$2b$08$abcdefghijklmnopqrstuuDhTyj/ncqnLTTRGGvUpBz0U8HJJSJ8u";
        assert!(Hash::parse(slow.as_bytes()).is_ok());
        let users = users(&format!("ann:{slow}:1:1::/\nbob:!:1:1::/\ncarl:{slow}:0:0::/\ndora:x\ndora:x\n"));
        let password = secret("wrong");
        let quickest = |name: &str| {
            let once = || {
                let start = Instant::now();
                let _ = users.verify(name.as_bytes(), &password);
                start.elapsed()
            };
            (0..5).map(|_| once()).min().unwrap()
        };
        let known = quickest("ann");
        for name in ["nobody", "bob", "carl", "dora"] {
            assert!(quickest(name) > known / 3, "{name}: {:?} of {known:?}", quickest(name));
        }
    }

    #[test]
    fn a_hundred_thousand_users_cost_no_second() {
        let mut text: String = (0..100_000)
            .map(|n| format!("user{n}:{RIGHT}:1001:1001:Number {n} of the many:/srv/ftp/user{n}\n"))
            .collect();
        text.push_str(&format!("ann:{RIGHT}:1:1::/srv"));
        let users = users(&text);
        let start = Instant::now();
        assert!(matches!(users.verify(b"ann", &secret("right")), Answer::Verified(_)));
        assert!(start.elapsed() < Duration::from_secs(1), "{:?}", start.elapsed());
    }
}
