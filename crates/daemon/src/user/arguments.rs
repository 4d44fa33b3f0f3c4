//! What was typed behind `wharfd user`.

use std::ffi::{OsStr, OsString};
use std::path::PathBuf;

use super::Stop;
use super::password::Source;

/// The file when none is named.
const USUAL_FILE: &str = "/etc/wharfd.users";

/// What to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Verb {
    Add,
    Passwd,
    List,
    Remove,
}

impl Verb {
    /// The options that mean something here.
    fn options(self) -> &'static [&'static str] {
        match self {
            Self::Add => &[
                "--file",
                "--password-file",
                "--password-fd",
                "--hash",
                "--root",
                "--as",
                "--uid",
                "--gid",
                "--comment",
            ],
            Self::Passwd => &["--file", "--password-file", "--password-fd", "--hash"],
            Self::List | Self::Remove => &["--file"],
        }
    }
}

/// A command line that makes sense; whether it can be done is another question.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Wish {
    pub(super) verb: Verb,
    /// Empty for a list, which needs none.
    pub(super) name: String,
    /// Empty where no root is needed.
    pub(super) root: PathBuf,
    pub(super) account: Option<String>,
    pub(super) numbers: Option<(u32, u32)>,
    pub(super) comment: String,
    pub(super) file: PathBuf,
    pub(super) secret: Source,
}

impl Wish {
    /// Reads the arguments behind `user`.
    pub(super) fn read(arguments: &[OsString]) -> Result<Self, Stop> {
        let verb = match arguments.first().map(|first| first.to_str()) {
            Some(Some("add")) => Verb::Add,
            Some(Some("passwd")) => Verb::Passwd,
            Some(Some("list")) => Verb::List,
            Some(Some("remove")) => Verb::Remove,
            Some(_) => return usage(format!("what is {}?", shown(arguments))),
            None => return usage("add, passwd, list or remove?"),
        };
        let mut typed = Typed::default();
        let mut rest = arguments.iter().skip(1);
        while let Some(argument) = rest.next() {
            let option = argument.to_str().filter(|text| text.starts_with('-'));
            match option {
                Some(option) if verb.options().contains(&option) => {
                    let value = rest.next().ok_or(Stop::Usage(format!("{option} needs a value")))?;
                    typed.take(option, value)?;
                }
                Some(option) => return usage(format!("there is no option {option} here")),
                None if typed.name.is_none() && verb != Verb::List => typed.name = Some(text(argument)?),
                None => return usage(format!("what is {}?", argument.display())),
            }
        }
        typed.wish(verb)
    }
}

/// The values as they were typed, each at most once.
#[derive(Debug, Default)]
struct Typed {
    name: Option<String>,
    root: Option<PathBuf>,
    account: Option<String>,
    uid: Option<u32>,
    gid: Option<u32>,
    comment: Option<String>,
    file: Option<PathBuf>,
    secret: Option<Source>,
}

impl Typed {
    fn take(&mut self, option: &str, value: &OsStr) -> Result<(), Stop> {
        let is_new = match option {
            "--file" => self.file.replace(value.into()).is_none(),
            "--root" => self.root.replace(value.into()).is_none(),
            "--as" => self.account.replace(text(value)?).is_none(),
            "--comment" => self.comment.replace(text(value)?).is_none(),
            "--uid" => self.uid.replace(number(option, value)?).is_none(),
            "--gid" => self.gid.replace(number(option, value)?).is_none(),
            "--password-file" => self.secret.replace(Source::File(value.into())).is_none(),
            "--password-fd" => self.secret.replace(Source::Descriptor(number(option, value)?)).is_none(),
            "--hash" => self.secret.replace(Source::Hash(text(value)?)).is_none(),
            _ => false,
        };
        if is_new { Ok(()) } else { usage(format!("{option} is one too many")) }
    }

    fn wish(self, verb: Verb) -> Result<Wish, Stop> {
        let numbers = match (self.uid, self.gid) {
            (Some(uid), Some(gid)) => Some((uid, gid)),
            (None, None) => None,
            _ => return usage("--uid and --gid are needed both, or use --as ACCOUNT"),
        };
        if numbers.is_some() && self.account.is_some() {
            return usage("either --as, or --uid and --gid");
        }
        if self.name.is_none() && verb != Verb::List {
            return usage("which NAME?");
        }
        if self.root.is_none() && verb == Verb::Add {
            return usage("--root DIR is needed: the directory that the user cannot leave");
        }
        Ok(Wish {
            verb,
            name: self.name.unwrap_or_default(),
            root: self.root.unwrap_or_default(),
            account: self.account,
            numbers,
            comment: self.comment.unwrap_or_default(),
            file: self.file.unwrap_or_else(|| USUAL_FILE.into()),
            secret: self.secret.unwrap_or(Source::Asked),
        })
    }
}

fn usage<T>(text: impl Into<String>) -> Result<T, Stop> {
    Err(Stop::Usage(text.into()))
}

fn text(value: &OsStr) -> Result<String, Stop> {
    value.to_str().map(str::to_owned).ok_or_else(|| Stop::Usage(format!("{} is not UTF-8", value.display())))
}

fn number(option: &str, value: &OsStr) -> Result<u32, Stop> {
    value
        .to_str()
        .and_then(|text| text.parse().ok())
        .ok_or_else(|| Stop::Usage(format!("{option} needs a number, not {}", value.display())))
}

fn shown(arguments: &[OsString]) -> String {
    arguments.first().map(|first| first.display().to_string()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(words: &[&str]) -> Result<Wish, Stop> {
        Wish::read(&words.iter().map(OsString::from).collect::<Vec<_>>())
    }

    #[test]
    fn a_whole_wish_is_understood_in_any_order() {
        let words =
            ["add", "--root", "/srv", "ann", "--uid", "7", "--comment", "Ann", "--gid", "8", "--file", "/f"];
        let wish = read(&words).unwrap();
        assert_eq!((wish.verb, wish.name.as_str(), wish.numbers), (Verb::Add, "ann", Some((7, 8))));
        assert_eq!((wish.root, wish.file), ("/srv".into(), "/f".into()));
        assert_eq!((wish.comment.as_str(), wish.account, wish.secret), ("Ann", None, Source::Asked));
        let wish = read(&["passwd", "ann", "--password-fd", "3"]).unwrap();
        assert_eq!((wish.file, wish.secret), (USUAL_FILE.into(), Source::Descriptor(3)));
        assert_eq!(read(&["list"]).unwrap().verb, Verb::List);
    }

    #[test]
    fn what_makes_no_sense_is_told_in_its_own_words() {
        for (words, told) in [
            (&[][..], "add, passwd, list or remove?"),
            (&["delete", "ann"], "what is delete?"),
            (&["add", "--root", "/srv"], "which NAME?"),
            (&["add", "ann"], "--root DIR is needed: the directory that the user cannot leave"),
            (&["add", "ann", "bob", "--root", "/"], "what is bob?"),
            (&["add", "ann", "--root"], "--root needs a value"),
            (&["add", "ann", "--root", "/", "--root", "/"], "--root is one too many"),
            (
                &["add", "ann", "--root", "/", "--hash", "!", "--password-fd", "3"],
                "--password-fd is one too many",
            ),
            (
                &["add", "ann", "--root", "/", "--uid", "5"],
                "--uid and --gid are needed both, or use --as ACCOUNT",
            ),
            (
                &["add", "ann", "--root", "/", "--uid", "5", "--gid", "5", "--as", "ftp"],
                "either --as, or --uid and --gid",
            ),
            (&["add", "ann", "--uid", "x"], "--uid needs a number, not x"),
            (&["add", "ann", "--password", "x"], "there is no option --password here"),
            (&["passwd", "ann", "--root", "/"], "there is no option --root here"),
            (&["list", "ann"], "what is ann?"),
            (&["remove"], "which NAME?"),
        ] {
            assert_eq!(read(words), Err(Stop::Usage(told.into())), "{words:?}");
        }
    }
}
