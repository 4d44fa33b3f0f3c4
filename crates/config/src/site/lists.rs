//! Lists of names and of e-mail addresses: whether they can be read, and lines that can never match.
//!
//! The lists are compared line by line, octet by octet: a blank, a CR or a comment behind a name makes it
//! another name. Where the list keeps somebody out, or in, that opens a door in silence.

use std::fs::{self, File};
use std::io::Read;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use bstr::{BString, ByteSlice};

use super::{path, user};
use crate::Config;
use crate::problem::{Problem, printable};

/// How much of a list is read; vsftpd reads no further either.
const LIMIT: u64 = 100_000;

/// How many lines of one list are told.
const TOLD: usize = 5;

/// A list that the configuration makes use of.
struct List<'a> {
    option: &'static str,
    /// vsftpd's words for one that cannot be read.
    unreadable: &'static str,
    file: Option<&'a BString>,
    /// What an empty list does.
    empty: Option<&'static str>,
    /// The lines should be accounts of this machine.
    accounts: bool,
}

pub(super) fn look(config: &Config, problems: &mut Vec<Problem>) {
    for list in used(config) {
        let Some(file) = list.file else { continue };
        match read(&path(file)) {
            Ok(text) => read_lines(&list, &path(file), &text, problems),
            Err(why) => problems.push(unreadable(list.unreadable, list.option, file, &why)),
        }
    }
    if let Some(file) = &config.messages.banner_file
        && let Err(why) = read(&path(file))
    {
        problems.push(unreadable("cannot read banner file", "banner_file", file, &why));
    }
}

fn used(config: &Config) -> Vec<List<'_>> {
    let (access, anonymous) = (&config.access, &config.anonymous);
    let system = access.local_enable && !config.guest.guest_enable;
    let lists = [
        (access.local_enable && access.userlist_enable).then_some(List {
            option: "userlist_file",
            unreadable: "cannot read user list file",
            file: access.userlist_file.as_ref(),
            empty: (!access.userlist_deny).then_some("the list is empty, so no user may log in"),
            // The lists that packages ship refuse accounts that many machines do not have.
            accounts: system && !access.userlist_deny,
        }),
        (access.local_enable && config.jail.chroot_list_enable).then_some(List {
            option: "chroot_list_file",
            unreadable: "could not read chroot() list file",
            file: config.jail.chroot_list_file.as_ref(),
            empty: None,
            accounts: system,
        }),
        (anonymous.anonymous_enable && anonymous.deny_email_enable).then_some(List {
            option: "banned_email_file",
            unreadable: "cannot read anon e-mail list file",
            file: anonymous.banned_email_file.as_ref(),
            empty: None,
            accounts: false,
        }),
        (anonymous.anonymous_enable && anonymous.secure_email_list_enable).then_some(List {
            option: "email_password_file",
            unreadable: "cannot read email passwords file",
            file: anonymous.email_password_file.as_ref(),
            empty: Some("the list is empty, which admits every password"),
            accounts: false,
        }),
    ];
    lists.into_iter().flatten().collect()
}

fn read(path: &Path) -> Result<Vec<u8>, String> {
    // A pipe would keep us waiting.
    if !fs::metadata(path).map_err(|error| error.to_string())?.is_file() {
        return Err("it is not a file".to_owned());
    }
    let mut text = Vec::new();
    let read = File::open(path).and_then(|file| file.take(LIMIT + 1).read_to_end(&mut text));
    read.map(|_| text).map_err(|error| error.to_string())
}

fn unreadable(what: &str, option: &str, file: &BString, why: &str) -> Problem {
    // Builds of RHEL keep in a directory what others keep beside each other.
    let red_hat = file.to_str_lossy().replacen("/etc/vsftpd.", "/etc/vsftpd/", 1);
    let cure = if red_hat.as_bytes() != file.as_slice() && Path::new(&red_hat).is_file() {
        format!("{why}; but there is {red_hat}: write {option}={red_hat}")
    } else {
        format!("{why}; create the file, or name another in {option}")
    };
    Problem::error(format!("{what}:{}", printable(file))).quote(format!("{option}={file}")).suggest(cure)
}

fn read_lines(list: &List<'_>, path: &Path, text: &[u8], problems: &mut Vec<Problem>) {
    let shown = printable(path.as_os_str().as_bytes());
    if text.len() as u64 > LIMIT {
        let problem = Problem::warning(format!("only the first {LIMIT} octets of this list are looked at"));
        problems.push(problem.suggest("shorten the list").at(Some(path), None));
    }
    if text.iter().all(u8::is_ascii_whitespace)
        && let Some(what) = list.empty
    {
        let problem = Problem::warning(what).suggest(format!("write names into {shown}, one on each line"));
        problems.push(problem.at(Some(path), None));
    }
    let mut more = 0;
    for (index, line) in text.split_str("\n").enumerate() {
        let Some((what, cure)) = flaw(list, line) else { continue };
        let problem = Problem::warning(what).suggest(cure).quote(line).at(Some(path), Some(index + 1));
        if more < TOLD {
            problems.push(problem);
        }
        more += 1;
    }
    if more > TOLD {
        let problem = Problem::warning(format!("{} more lines of this list match nobody", more - TOLD));
        problems.push(problem.suggest("see the lines told before").at(Some(path), None));
    }
}

/// Says why a line can match nobody, and what to write.
fn flaw(list: &List<'_>, line: &[u8]) -> Option<(String, String)> {
    let name = line.trim();
    // A whole line of comment names nobody, as its writer meant.
    if name.is_empty() || line.starts_with(b"#") {
        return None;
    }
    if let Some((before, _)) = name.split_once_str(" #").or_else(|| name.split_once_str("\t#")) {
        let cure = format!("write {} alone; a comment needs a line of its own", printable(before.trim()));
        return Some(("a comment behind a name makes it another name, which nobody has".to_owned(), cure));
    }
    if line.ends_with(b"\r") {
        let cure = "save the list with plain LF line ends";
        return Some(("the line ends in CR, which counts as a part of the name".to_owned(), cure.to_owned()));
    }
    if name.len() < line.len() {
        let cure = format!("write {} without blanks", printable(name));
        return Some(("blanks beside a name count as a part of it".to_owned(), cure));
    }
    if !list.accounts {
        return None;
    }
    if name.contains(&b',') || name.contains(&b' ') {
        return Some((
            "one name on each line: this line is taken for one name".to_owned(),
            "give each name its line".to_owned(),
        ));
    }
    user(&name.into()).is_none().then(|| {
        let what = format!("there is no account {}", printable(name));
        (what, "mind capital letters, or remove the line".to_owned())
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::parse;

    /// Checks a site whose list holds `list`, and returns place and message of what is told about it.
    fn told(options: &str, option: &str, list: &[u8]) -> Vec<(Option<usize>, String)> {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("list");
        fs::write(&file, list).unwrap();
        let text = format!("{options}\n{option}={}\n", file.display());
        let config = parse(text.as_bytes(), None, &Config::default()).unwrap().config;
        let mut problems = Vec::new();
        look(&config, &mut problems);
        assert!(problems.iter().all(|problem| problem.suggestion.is_some()));
        problems.into_iter().map(|problem| (problem.line, problem.message)).collect()
    }

    const DENIED: &str = "local_enable=YES\nuserlist_enable=YES";

    #[test]
    fn lists_are_looked_at_only_when_they_are_used() {
        let missing = "local_enable=YES\nuserlist_file=/nonexistent/list\n";
        let told = |text: &str| {
            let config = parse(text.as_bytes(), None, &Config::default()).unwrap().config;
            let mut problems = Vec::new();
            look(&config, &mut problems);
            problems.first().map(|problem| problem.message.clone())
        };
        assert_eq!(told(missing), None);
        let used = told(&format!("{missing}userlist_enable=YES"));
        assert_eq!(used.as_deref(), Some("cannot read user list file:/nonexistent/list"));
        let banner = told("banner_file=/etc");
        assert_eq!(banner.as_deref(), Some("cannot read banner file:/etc"));
    }

    #[test]
    fn lines_that_match_nobody_are_told_with_their_number() {
        let list = b"# those who stay out\nroot\nroot \n\troot\nroot # not him\nroot\r\n";
        let lines: Vec<_> = told(DENIED, "userlist_file", list).into_iter().map(|(line, _)| line).collect();
        assert_eq!(lines, [Some(3), Some(4), Some(5), Some(6)]);
    }

    #[test]
    fn a_list_full_of_flaws_is_told_in_few_lines() {
        let found = told(DENIED, "userlist_file", &b"root\r\n".repeat(40));
        assert_eq!(found.len(), TOLD + 1);
        assert!(found[TOLD].1.starts_with("35 more lines"), "{found:?}");
    }

    #[test]
    fn names_without_an_account_are_told_where_they_are_to_be_admitted_or_shut_in() {
        let jail = "local_enable=YES\nchroot_list_enable=YES";
        assert_eq!(
            told(jail, "chroot_list_file", b"Root\nroot\n"),
            [(Some(1), "there is no account Root".to_owned())]
        );
        assert!(
            told(&format!("{DENIED}\nuserlist_deny=NO"), "userlist_file", b"root,daemon\n")[0]
                .1
                .starts_with("one name")
        );
        assert!(told(DENIED, "userlist_file", b"nobody-here\n").is_empty(), "whom to refuse may be missing");
        assert!(told(&format!("{jail}\nguest_enable=YES"), "chroot_list_file", b"web\n").is_empty());
    }

    #[test]
    fn an_empty_list_says_whom_it_admits() {
        assert!(
            told(&format!("{DENIED}\nuserlist_deny=NO"), "userlist_file", b"\n")[0]
                .1
                .contains("no user may log in")
        );
        assert!(
            told("secure_email_list_enable=YES", "email_password_file", b"")[0].1.contains("every password")
        );
        assert!(told("deny_email_enable=YES", "banned_email_file", b"").is_empty());
    }

    #[test]
    fn an_address_with_a_blank_is_told() {
        assert_eq!(told("deny_email_enable=YES", "banned_email_file", b"x@example.org \n")[0].0, Some(1));
    }
}
