//! `wharfd user`: adds, lists, changes and removes the users of one file, who exist for FTP only.
//!
//! The file and its rules are in room `users`; here is what a person types and reads. No password is ever taken from
//! the command line, which everybody on the machine can see.

mod arguments;
mod password;
mod reach;

use std::ffi::OsString;
use std::io::{self, Write};
use std::process::ExitCode;

use wharf_os::identity;
use wharf_users::hash::{self, Hash, Kind as HashKind};
use wharf_users::{Edit, Fault, Kind, User, Users, name};

use arguments::{Verb, Wish};
use password::Source;

const USAGE: &str = "\
usage: wharfd user add NAME --root DIR [--as ACCOUNT | --uid N --gid N] [--comment TEXT] [SECRET] [--file F]
       wharfd user passwd NAME [SECRET] [--file F]
       wharfd user list [--file F]
       wharfd user remove NAME [--file F]
SECRET is --password-file F, --password-fd N, or --hash HASH for a hash made elsewhere ('!' locks, '-' reads it from
standard input). Without one the password is asked for, or is the first line of standard input.
F is /etc/wharfd.users unless named.";

/// The account whose rights a user gets when nobody says otherwise.
const USUAL_ACCOUNT: &str = "ftp";

/// Why nothing was done.
#[derive(Debug, PartialEq, Eq)]
enum Stop {
    /// The command line cannot be understood: exit status 2.
    Usage(String),
    /// What it asks for cannot be done: exit status 1.
    Refused(String),
}

impl From<Fault> for Stop {
    fn from(fault: Fault) -> Self {
        Self::Refused(fault.to_string())
    }
}

/// Does what the arguments behind `user` say.
pub(crate) fn run(arguments: &[OsString]) -> ExitCode {
    if matches!(arguments.first().and_then(|first| first.to_str()), Some("-h" | "--help" | "help")) {
        tell(USAGE);
        return ExitCode::SUCCESS;
    }
    match Wish::read(arguments).and_then(|wish| carry_out(&wish)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(Stop::Refused(text)) => {
            eprintln!("wharfd user: {text}");
            ExitCode::FAILURE
        }
        Err(Stop::Usage(text)) => {
            eprintln!("wharfd user: {text}\n{USAGE}");
            ExitCode::from(2)
        }
    }
}

fn carry_out(wish: &Wish) -> Result<(), Stop> {
    match wish.verb {
        Verb::Add => add(wish),
        Verb::Passwd => passwd(wish),
        Verb::List => list(wish),
        Verb::Remove => remove(wish),
    }
}

fn add(wish: &Wish) -> Result<(), Stop> {
    name::check(wish.name.as_bytes()).map_err(|fault| Stop::Refused(fault.into()))?;
    let (uid, gid, account) = rights(wish)?;
    let user =
        User { name: wish.name.clone(), uid, gid, comment: wish.comment.clone(), root: wish.root.clone() };
    user.check().map_err(Stop::Refused)?;
    // Asked before the password, so that nobody types one in vain; the edit looks again.
    let shown = wish.file.display();
    match Users::read(&wish.file) {
        Ok(users) if users.has(wish.name.as_bytes()) => {
            let name = &wish.name;
            return Err(Stop::Refused(format!(
                "{shown} has a user {name} already: 'wharfd user passwd {name}' gives them another password"
            )));
        }
        Err(fault) if fault.kind != Kind::Missing => return Err(fault.into()),
        _ => {}
    }
    let hash = new_hash(wish)?;
    let mut edit = Edit::begin_or_make(&wish.file)?;
    edit.add(&user, &hash)?;
    edit.commit()?;
    let account = account.map(|account| format!(" (account {account})")).unwrap_or_default();
    let root = user.root.display();
    tell(&format!(
        "added {} to {shown}: root {root}, rights of user {uid} and group {gid}{account}",
        user.name
    ));
    reach::obstacle(&user.root, uid, gid).into_iter().for_each(|text| warn(&text));
    if ["ftp", "anonymous"].iter().any(|reserved| user.name.eq_ignore_ascii_case(reserved)) {
        warn("where anonymous_enable is on, that name means an anonymous user, who needs no password");
    }
    Ok(())
}

fn passwd(wish: &Wish) -> Result<(), Stop> {
    if !Users::read(&wish.file)?.has(wish.name.as_bytes()) {
        return Err(nobody(wish));
    }
    let hash = new_hash(wish)?;
    let mut edit = Edit::begin(&wish.file)?;
    edit.set_hash(&wish.name, &hash)?;
    edit.commit()?;
    match Hash::parse(hash.as_bytes()).map(|hash| hash.kind()) {
        Ok(HashKind::Locked) => tell(&format!("{} is locked", wish.name)),
        _ => tell(&format!("{} has a new password", wish.name)),
    }
    Ok(())
}

fn list(wish: &Wish) -> Result<(), Stop> {
    let (mut listed, mut faults) = (Vec::new(), Vec::new());
    for user in Users::read(&wish.file)?.list() {
        match user {
            Ok(user) => listed.push(user),
            Err(fault) => faults.push(fault.to_string()),
        }
    }
    let width = listed.iter().map(|(user, _)| user.name.len()).max().unwrap_or_default().max(4);
    let mut text = format!("{:width$}  {:12}  {:>10}  {:>10}  ROOT  COMMENT", "NAME", "HASH", "UID", "GID");
    for (user, kind) in &listed {
        let User { name, uid, gid, comment, root } = user;
        let root = root.display();
        text.push_str(&format!("\n{name:width$}  {kind:12}  {uid:>10}  {gid:>10}  {root}  {comment}"));
    }
    tell(&text);
    if faults.is_empty() { Ok(()) } else { Err(Stop::Refused(faults.join("\nwharfd user: "))) }
}

fn remove(wish: &Wish) -> Result<(), Stop> {
    let mut edit = Edit::begin(&wish.file)?;
    edit.remove(&wish.name)?;
    edit.commit()?;
    tell(&format!("removed {} from {}; the user's files stay", wish.name, wish.file.display()));
    Ok(())
}

/// The user, the group and the account that they were taken from.
fn rights(wish: &Wish) -> Result<(u32, u32, Option<String>), Stop> {
    if let Some((uid, gid)) = wish.numbers {
        return Ok((uid, gid, None));
    }
    let account = wish.account.as_deref().unwrap_or(USUAL_ACCOUNT);
    let found = identity::lookup(account.as_bytes()).map_err(|error| Stop::Refused(error.to_string()))?;
    match (found, &wish.account) {
        (Some(found), _) => Ok((found.uid, found.gid, Some(account.to_owned()))),
        (None, Some(_)) => Err(Stop::Refused(format!(
            "this machine has no account {account}: name another with --as, or give --uid N --gid N"
        ))),
        (None, None) => Err(Stop::Refused(format!(
            "with whose rights shall {}'s files be opened? Say --as ACCOUNT, or --uid N --gid N \
             (the account {USUAL_ACCOUNT}, which is taken otherwise, does not exist here)",
            wish.name
        ))),
    }
}

/// The hash that was brought, or a new one of the password that is asked for.
fn new_hash(wish: &Wish) -> Result<String, Stop> {
    if let Source::Hash(hash) = &wish.secret {
        let hash = if hash == "-" { password::line_of_input()? } else { hash.clone() };
        Hash::parse(hash.as_bytes()).map_err(Stop::Refused)?;
        return Ok(hash);
    }
    Ok(hash::make(&password::read(&wish.secret, &wish.name)?)?)
}

fn nobody(wish: &Wish) -> Stop {
    Stop::Refused(format!("{} knows no user {}", wish.file.display(), wish.name.escape_default()))
}

/// Writes to standard output; a reader who has seen enough is no error.
fn tell(text: &str) {
    let _ = writeln!(io::stdout().lock(), "{text}");
}

fn warn(text: &str) {
    eprintln!("wharfd user: warning: {text}");
}
