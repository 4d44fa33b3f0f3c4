//! `wharfd shadow`: says a script to two servers and shows where their answers differ, for somebody who plans to
//! move from one to the other. Reading arguments and printing only; the work is that of room `shadow`.

use std::ffi::OsString;
use std::net::{SocketAddr, ToSocketAddrs};
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use wharf_shadow::{Comparison, Mask, Recording, Script, Variables, compare, printable, run as replay};

pub(crate) const USAGE: &str = "\
usage: wharfd shadow --old HOST:PORT --new HOST:PORT [--set NAME=VALUE] [--set-file NAME=FILE]
                     [--timeout SECONDS] SCRIPT

Says the FTP commands of SCRIPT to both servers. Exit status: 0 they answer the same, 1 they differ, 2 neither
could be found out. --set-file reads a value, such as a password, from the first line of a file; it is not shown.";

/// The exit status when the servers differ.
const DIFFERENT: u8 = 1;
/// The exit status for a wrong command line and for servers that cannot be reached.
const UNUSABLE: u8 = 2;

/// How long one answer may take, unless the command line says otherwise.
const PATIENCE: Duration = Duration::from_secs(30);

/// The most lines shown of one step, so that a long listing does not bury the rest.
const MOST_LINES: usize = 60;

/// Does what the arguments after the verb say.
pub(crate) fn run(arguments: &[OsString]) -> ExitCode {
    if arguments.iter().any(|argument| argument == "--help" || argument == "-h") {
        println!("{USAGE}");
        return ExitCode::SUCCESS;
    }
    let both = read(arguments).and_then(|wish| record(&wish).map(|both| (wish, both)));
    let (wish, (old, new)) = match both {
        Ok(both) => both,
        Err(text) => {
            eprintln!("wharfd shadow: {text}");
            return ExitCode::from(UNUSABLE);
        }
    };
    let comparison = compare(&old, &new);
    show(&wish, &comparison);
    if comparison.is_same() { ExitCode::SUCCESS } else { ExitCode::from(DIFFERENT) }
}

/// What the command line asks for.
struct Wish {
    old: SocketAddr,
    new: SocketAddr,
    script: Script,
    patience: Duration,
}

fn read(arguments: &[OsString]) -> Result<Wish, String> {
    let (mut old, mut new, mut path, mut patience) = (None, None, None, PATIENCE);
    let mut variables = Variables::default();
    let mut arguments = arguments.iter();
    while let Some(argument) = arguments.next() {
        let mut value = || arguments.next().ok_or(format!("{} needs a value", argument.display()));
        match argument.to_str() {
            Some("--old") => old = Some(server(value()?)?),
            Some("--new") => new = Some(server(value()?)?),
            Some("--set") => {
                let (name, value) = setting(value()?)?;
                variables.set(&name, &value);
            }
            Some("--set-file") => {
                let (name, file) = setting(value()?)?;
                variables.set_secret(&name, &first_line(Path::new(&OsString::from_vec(file)))?);
            }
            Some("--timeout") => {
                let seconds = value()?.to_str().and_then(|text| text.parse().ok()).filter(|text| *text > 0);
                patience = seconds
                    .map(Duration::from_secs)
                    .ok_or("--timeout needs a number of seconds from 1 on")?;
            }
            Some(option) if option.starts_with('-') => {
                return Err(format!("unknown option {option}\n{USAGE}"));
            }
            _ if path.is_none() => path = Some(PathBuf::from(argument)),
            _ => return Err(format!("one script at a time; what is {}?", argument.display())),
        }
    }
    let path = path.ok_or_else(|| format!("which script?\n{USAGE}"))?;
    let missing = |name| format!("where is the {name} server? --{name} HOST:PORT is needed\n{USAGE}");
    let text = std::fs::read(&path).map_err(|error| format!("{}: {error}", path.display()))?;
    let beside = path.parent().unwrap_or(Path::new("."));
    let script = Script::parse(&text, &variables, beside).map_err(|problems| {
        let told = problems.iter().map(|one| format!("{}:{}: {}", path.display(), one.line, one.text));
        told.collect::<Vec<_>>().join("\n")
    })?;
    Ok(Wish {
        old: old.ok_or_else(|| missing("old"))?,
        new: new.ok_or_else(|| missing("new"))?,
        script,
        patience,
    })
}

fn server(text: &OsString) -> Result<SocketAddr, String> {
    let text = text.to_str().ok_or("a server is written HOST:PORT")?;
    let mut found = text.to_socket_addrs().map_err(|error| {
        format!(
            "{}: {error}; a server is written HOST:PORT, as in ftp.example.org:21",
            printable(text.as_bytes())
        )
    })?;
    found.next().ok_or_else(|| format!("{text} has no address"))
}

fn setting(text: &OsString) -> Result<(String, Vec<u8>), String> {
    let octets = text.as_bytes();
    let at = octets.iter().position(|octet| *octet == b'=').ok_or("a variable is set with NAME=VALUE")?;
    let (name, value) = octets.split_at(at);
    let name = String::from_utf8(name.to_vec()).map_err(|_| "names of variables are letters")?;
    Ok((name, value.get(1..).unwrap_or_default().to_vec()))
}

fn first_line(path: &Path) -> Result<Vec<u8>, String> {
    let text = std::fs::read(path).map_err(|error| format!("{}: {error}", path.display()))?;
    let line = text.split(|octet| *octet == b'\n').next().unwrap_or_default();
    Ok(line.strip_suffix(b"\r").unwrap_or(line).to_vec())
}

/// Talks to both servers at the same time, so that their clocks stand alike.
fn record(wish: &Wish) -> Result<(Recording, Recording), String> {
    let said = |server| replay(&wish.script, server, wish.patience).map_err(|error| error.to_string());
    let (old, new) = std::thread::scope(|scope| {
        let old = scope.spawn(|| said(wish.old));
        let new = said(wish.new);
        (old.join().unwrap_or_else(|_| Err("the replay failed; please report this".into())), new)
    });
    Ok((old?, new?))
}

fn show(wish: &Wish, comparison: &Comparison) {
    if !comparison.is_same() {
        println!("--- {}\n+++ {}", wish.old, wish.new);
    }
    for step in &comparison.differences {
        match step.line {
            0 => println!("@@ {} @@", step.said),
            line => println!("@@ line {line}: {} @@", step.said),
        }
        step.lines.iter().take(MOST_LINES).for_each(|line| println!("{line}"));
        if let Some(more) = step.lines.len().checked_sub(MOST_LINES).filter(|more| *more > 0) {
            println!("({more} more lines)");
        }
    }
    let masked: Vec<String> = Mask::ALL
        .iter()
        .filter_map(|mask| {
            comparison.masked.get(mask).map(|lines| format!("{} ({lines} lines)", mask.name()))
        })
        .collect();
    let masked = if masked.is_empty() { "nothing".into() } else { masked.join(", ") };
    println!("{} steps, {} differ; masked: {masked}", comparison.steps, comparison.differences.len());
}
