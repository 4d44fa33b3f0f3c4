//! Starting, naming, unprivileging and ending real processes.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test may panic")]

mod stage;

use std::collections::BTreeMap;
use std::fs;
use std::io::{self, Read};
use std::net::SocketAddr;
use std::os::fd::{AsFd, AsRawFd};
use std::os::unix::process::ExitStatusExt;
use std::process::ExitCode;

use stage::{Act, outcome, start};
use wharf_os::identity::{self, Capability};
use wharf_os::process::{self, Background};
use wharf_os::signals::Signals;
use wharf_os::socket::{Family, listening};
use wharf_os::spawn::{Inherited, Launch};
use wharf_os::title::Title;

const NOBODY: u32 = 65534;

const ACTS: &[(&str, Act)] = &[
    ("surroundings", surroundings),
    ("wear-title", wear_title),
    ("exit", |_, words| std::process::exit(words[0].parse().unwrap())),
    ("wait-for-ever", |inherited, _| {
        let _ = Read::read(&mut fs::File::from(inherited.require("pipe").unwrap()), &mut [0]);
        Ok("woken".into())
    }),
    ("raise-orphan", raise_orphan),
    ("orphan", orphan),
    ("late-orphan", |_, _| process::die_with_parent().map(|()| String::new()).map_err(|e| e.to_string())),
    ("become-nobody", become_nobody),
    ("become-somebody", |_, _| match identity::become_user(1, 1, &[]) {
        Ok(()) => Err("became another user".into()),
        Err(error) => Ok(error.to_string()),
    }),
    ("bind-low-port", bind_low_port),
    ("keep-two", keep_two),
    ("empty-root", empty_root),
    ("hide", hide),
    ("background", background),
    ("signals", signals),
];

const TESTS: &[(&str, fn())] = &[
    ("a_child_inherits_what_has_a_name_and_nothing_else", a_child_inherits_what_has_a_name_and_nothing_else),
    ("a_child_shows_its_title_and_cuts_it_to_the_room", a_child_shows_its_title_and_cuts_it_to_the_room),
    ("a_child_that_ends_is_reaped_once_with_its_code", a_child_that_ends_is_reaped_once_with_its_code),
    ("a_child_that_is_killed_says_by_which_signal", a_child_that_is_killed_says_by_which_signal),
    ("a_dead_parent_ends_the_child", a_dead_parent_ends_the_child),
    ("a_child_whose_parent_is_another_refuses_to_go_on", a_child_whose_parent_is_another_refuses_to_go_on),
    ("becoming_a_user_cannot_be_taken_back", becoming_a_user_cannot_be_taken_back),
    ("an_ordinary_user_cannot_become_another", an_ordinary_user_cannot_become_another),
    ("a_kept_capability_survives_becoming_a_user", a_kept_capability_survives_becoming_a_user),
    ("root_keeps_what_is_listed_and_nothing_else", root_keeps_what_is_listed_and_nothing_else),
    ("an_empty_root_is_empty_and_stays_so", an_empty_root_is_empty_and_stays_so),
    ("a_hidden_process_cannot_be_looked_into", a_hidden_process_cannot_be_looked_into),
    ("the_foreground_ends_when_the_background_is_ready", the_foreground_ends_when_the_background_is_ready),
    ("a_start_that_fails_in_the_background_fails_in_the_foreground", || {
        assert_eq!(start("background", &["fail"], &[]).outcome().status.code(), Some(1));
    }),
    ("signals_are_read_from_a_descriptor", signals_are_read_from_a_descriptor),
];

fn main() -> ExitCode {
    stage::run(ACTS, TESTS)
}

/// Answers whether a test that needs root can run.
fn has_root() -> bool {
    if !identity::is_root() {
        println!("skipped: needs root");
    }
    identity::is_root()
}

fn status_of(process: &str) -> BTreeMap<String, String> {
    let text = fs::read_to_string(format!("/proc/{process}/status")).unwrap();
    text.lines()
        .filter_map(|line| line.split_once(':'))
        .map(|(k, v)| (k.to_owned(), v.trim().to_owned()))
        .collect()
}

fn surroundings(_: &mut Inherited, words: &[String]) -> Result<String, String> {
    let mut descriptors: Vec<u32> = Vec::new();
    let listing = fs::read_dir("/proc/self/fd").unwrap();
    for entry in listing {
        descriptors.push(entry.unwrap().file_name().to_string_lossy().parse().unwrap());
    }
    descriptors.sort_unstable();
    // The last is the listing's own.
    descriptors.pop();
    let environment: Vec<String> = std::env::vars().map(|(name, value)| format!("{name}={value}")).collect();
    let status = status_of("self");
    Ok(format!(
        "{descriptors:?} {environment:?} {} blocked={} stdin={}",
        words.join("+"),
        status["SigBlk"],
        fs::read_link("/proc/self/fd/0").unwrap().display(),
    ))
}

fn a_child_inherits_what_has_a_name_and_nothing_else() {
    let (reader, _writer) = io::pipe().unwrap();
    // Left open without close-on-exec, as a careless parent would.
    let careless = rustix::io::dup(&reader).unwrap();
    let mut mask = nix::sys::signal::SigSet::empty();
    mask.add(nix::sys::signal::SIGUSR2);
    mask.thread_block().unwrap();
    let words = outcome("surroundings", &["a b", "c"], &[("x", reader.as_fd()), ("y", reader.as_fd())]);
    mask.thread_unblock().unwrap();
    let said = words.expect("surroundings");
    let zone = std::env::var("TZ").map(|zone| format!("\"TZ={zone}\"")).unwrap_or_default();
    assert_eq!(said, format!("[0, 1, 2, 3, 4, 5] [{zone}] a b+c blocked=0000000000000000 stdin=/dev/null"));
    drop(careless);
}

fn wear_title(_: &mut Inherited, words: &[String]) -> Result<String, String> {
    let mut title = Title::prepare();
    title.set(&words[0]);
    let line = fs::read("/proc/self/cmdline").unwrap();
    let line = String::from_utf8_lossy(&line).trim_end_matches('\0').to_owned();
    let name = fs::read_to_string("/proc/self/comm").unwrap();
    Ok(format!("{}|{line}|{}", title.room(), name.trim_end()))
}

fn a_child_shows_its_title_and_cuts_it_to_the_room() {
    let said = outcome("wear-title", &["wharfd: session, 7 transfers\n"], &[]).expect("title");
    let parts: Vec<&str> = said.split('|').collect();
    assert!(parts[0].parse::<usize>().unwrap() >= 239, "{said}");
    assert_eq!(parts[1..], ["wharfd: session, 7 transfers ", "session, 7 tran"]);

    let long = "x".repeat(2000);
    let said = outcome("wear-title", &[&long], &[]).expect("title");
    let parts: Vec<&str> = said.split('|').collect();
    // The argument itself made this area roomy; the title fills it but for the last octet.
    assert!(parts[1].len() <= parts[0].parse::<usize>().unwrap());
    assert!(parts[1].bytes().all(|octet| octet == b'x'));
}

fn a_child_that_ends_is_reaped_once_with_its_code() {
    let mut playing = start("exit", &["7"], &[]);
    assert_eq!(playing.child.wait().unwrap().code(), Some(7));
    assert_eq!(playing.child.reap().unwrap().unwrap().code(), Some(7), "the answer is remembered");
    playing.child.kill(rustix::process::Signal::KILL).unwrap();
}

fn a_child_that_is_killed_says_by_which_signal() {
    let (reader, _writer) = io::pipe().unwrap();
    let mut playing = start("wait-for-ever", &[], &[("pipe", reader.as_fd())]);
    assert_eq!(playing.child.reap().unwrap(), None);
    playing.child.kill(rustix::process::Signal::TERM).unwrap();
    assert_eq!(playing.child.wait().unwrap().signal(), Some(libc::SIGTERM));
}

/// Starts a child of its own that holds the pipe, tells that it lives, and waits to be killed.
fn raise_orphan(inherited: &mut Inherited, _: &[String]) -> Result<String, String> {
    let pipe = inherited.require("pipe").unwrap();
    let ready = inherited.require("ready").unwrap();
    let launch = Launch::new("probe").descriptor("report", ready.as_fd()).descriptor("pipe", pipe.as_fd());
    let _orphan = launch.argument("orphan").start().unwrap();
    drop((pipe, ready));
    loop {
        std::thread::park();
    }
}

fn orphan(inherited: &mut Inherited, _: &[String]) -> Result<String, String> {
    process::die_with_parent().unwrap();
    let _pipe = inherited.require("pipe").unwrap();
    // Tells the test that it lives, and never ends by itself.
    rustix::io::write(inherited_report(), b"+alive").unwrap();
    loop {
        std::thread::park();
    }
}

/// The report channel is the first named descriptor of every child.
fn inherited_report() -> std::os::fd::BorrowedFd<'static> {
    #![allow(unsafe_code, reason = "the stage holds the channel for as long as the child plays")]
    // SAFETY: descriptor 3 is the report channel, which `play` keeps open until the act has ended.
    unsafe { std::os::fd::BorrowedFd::borrow_raw(3) }
}

fn a_dead_parent_ends_the_child() {
    let (mut reader, writer) = io::pipe().unwrap();
    let (ready, theirs) = wharf_os::channel::Channel::pair().unwrap();
    let lend = [("pipe", writer.as_fd()), ("ready", theirs.as_fd())];
    let mut middle = start("raise-orphan", &[], &lend);
    drop((writer, theirs));
    ready.receive(&mut [0; 64], &mut Vec::new()).unwrap().expect("the grandchild lives");
    middle.child.kill(rustix::process::Signal::KILL).unwrap();
    middle.child.wait().unwrap();
    assert_eq!(reader.read(&mut [0]).unwrap(), 0, "the pipe ends when its last holder does");
}

fn a_child_whose_parent_is_another_refuses_to_go_on() {
    let (report, theirs) = wharf_os::channel::Channel::pair().unwrap();
    let kept = rustix::io::dup(&theirs).unwrap();
    // Started by hand, with the number of a parent that is not ours.
    let line = format!("report={}", kept.as_raw_fd());
    let mut child = std::process::Command::new("/proc/self/exe")
        .args(["--role", "probe", "--parent", "4194303", "--descriptors", &line, "late-orphan"])
        .spawn()
        .unwrap();
    drop((theirs, kept));
    let mut buffer = [0; 200];
    let length = report.receive(&mut buffer, &mut Vec::new()).unwrap().unwrap();
    child.wait().unwrap();
    let said = String::from_utf8_lossy(&buffer[..length]).into_owned();
    assert!(said.starts_with("-the process that started this one has ended"), "{said}");
}

fn become_nobody(_: &mut Inherited, _: &[String]) -> Result<String, String> {
    identity::become_user(NOBODY, NOBODY, &[NOBODY]).map_err(|e| e.to_string())?;
    let status = status_of("self");
    if nix::unistd::setuid(nix::unistd::Uid::from_raw(0)).is_ok() {
        return Err("became root again".into());
    }
    let shadow = fs::read("/etc/shadow").is_ok();
    Ok(format!(
        "{:?} {:?} {:?} {} {} shadow={shadow}",
        status["Uid"], status["Gid"], status["Groups"], status["CapPrm"], status["CapEff"]
    ))
}

fn becoming_a_user_cannot_be_taken_back() {
    if !has_root() {
        return;
    }
    let said = outcome("become-nobody", &[], &[]).expect("become nobody");
    let four = r#""65534\t65534\t65534\t65534""#;
    let none = "0000000000000000";
    assert_eq!(said, format!("{four} {four} \"65534\" {none} {none} shadow=false"));
}

fn an_ordinary_user_cannot_become_another() {
    if identity::is_root() {
        // Drops first, in a child of the child's making.
        let words = outcome("bind-low-port", &["then-become"], &[]).expect("become");
        assert!(words.contains("cannot become user 1"), "{words}");
    } else {
        let words = outcome("become-somebody", &[], &[]).expect("become");
        assert!(words.contains("cannot become user 1"), "{words}");
    }
}

fn bind_low_port(_: &mut Inherited, words: &[String]) -> Result<String, String> {
    let keep = [Capability::NetBindService];
    identity::become_user_keeping(NOBODY, NOBODY, &[], &keep).map_err(|e| e.to_string())?;
    if words.first().is_some_and(|word| word == "then-become") {
        return match identity::become_user(1, 1, &[]) {
            Ok(()) => Err("became another user".into()),
            Err(error) => Ok(error.to_string()),
        };
    }
    // One of these is surely free; a taken one proves nothing.
    let bound =
        (900..1000).any(|port| listening(SocketAddr::from(([127, 0, 0, 1], port)), Family::Only).is_ok());
    let status = status_of("self");
    Ok(format!("bound={bound} {} {}", status["CapEff"], status["Uid"]))
}

fn a_kept_capability_survives_becoming_a_user() {
    if has_root() {
        let said = outcome("bind-low-port", &[], &[]).expect("bind");
        assert_eq!(said, "bound=true 0000000000000400 65534\t65534\t65534\t65534");
    }
}

fn keep_two(_: &mut Inherited, _: &[String]) -> Result<String, String> {
    identity::keep_capabilities(&[Capability::SetUid, Capability::SetGid]).map_err(|e| e.to_string())?;
    let status = status_of("self");
    let sets = ["CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb"].map(|set| status[set].as_str());
    Ok(sets.join(" "))
}

fn root_keeps_what_is_listed_and_nothing_else() {
    if has_root() {
        let said = outcome("keep-two", &[], &[]).expect("keep");
        let (none, two) = ("0000000000000000", "00000000000000c0");
        assert_eq!(said, format!("{none} {two} {two} {two} {none}"));
    }
}

fn empty_root(_: &mut Inherited, _: &[String]) -> Result<String, String> {
    let directory = process::vanished_directory().map_err(|e| e.to_string())?;
    process::enter_root(directory).map_err(|e| e.to_string())?;
    let entries = fs::read_dir("/").map(Iterator::count).map_err(|error| stage::errno(&error));
    let created = fs::write("/file", "x").is_ok() || fs::create_dir("/directory").is_ok();
    let climbed = fs::metadata("/../../etc/passwd").is_ok();
    let (entries, outcome) = (entries?, format!("created={created} climbed={climbed}"));
    Ok(format!("entries={entries} {outcome}"))
}

fn an_empty_root_is_empty_and_stays_so() {
    if has_root() {
        assert_eq!(outcome("empty-root", &[], &[]).expect("root"), "entries=0 created=false climbed=false");
    }
}

fn hide(_: &mut Inherited, _: &[String]) -> Result<String, String> {
    process::no_core().unwrap();
    if identity::is_root() {
        identity::become_user(NOBODY, NOBODY, &[]).unwrap();
    }
    process::not_dumpable().unwrap();
    process::no_new_privileges().unwrap();
    let owner = std::os::unix::fs::MetadataExt::uid(&fs::metadata("/proc/self/mem").unwrap());
    let core = rustix::process::getrlimit(rustix::process::Resource::Core).current;
    Ok(format!("owner={owner} core={core:?} privileges={}", status_of("self")["NoNewPrivs"]))
}

fn a_hidden_process_cannot_be_looked_into() {
    // The kernel gives the files of a hidden process to root, which is what keeps its user's other processes out.
    assert_eq!(outcome("hide", &[], &[]).expect("hide"), "owner=0 core=Some(0) privileges=1");
}

fn background(_: &mut Inherited, words: &[String]) -> Result<String, String> {
    let background = Background::start().map_err(|e| e.to_string())?;
    if words[0] == "fail" {
        drop(background);
        std::process::exit(3);
    }
    background.ready();
    let leads = rustix::process::getsid(None).unwrap() == rustix::process::getpid();
    let streams = [0, 1, 2].map(|n| fs::read_link(format!("/proc/self/fd/{n}")).unwrap());
    let [input, output, error] = streams.map(|stream| stream.to_string_lossy().into_owned());
    // Standard error leads to the system's log where there is one.
    let is_let_go = error == "/dev/null" || error.starts_with("socket:");
    Ok(format!("leads={leads} {input} {output} {is_let_go}"))
}

fn the_foreground_ends_when_the_background_is_ready() {
    let outcome = start("background", &["succeed"], &[]).outcome();
    assert_eq!(outcome.status.code(), Some(0));
    assert_eq!(outcome.expect("background"), "leads=true /dev/null /dev/null true");
}

fn signals(_: &mut Inherited, _: &[String]) -> Result<String, String> {
    let signals = Signals::new().unwrap();
    rustix::io::write(inherited_report(), b"+ready").unwrap();
    let poller = wharf_os::epoll::Poller::new().unwrap();
    poller.add(&signals, 1, wharf_os::epoll::Interest::Read).unwrap();
    poller.wait(&mut Vec::new(), None).unwrap();
    Ok(format!("{:?}", signals.next().unwrap()))
}

fn signals_are_read_from_a_descriptor() {
    let playing = start("signals", &[], &[]);
    assert_eq!(playing.words(), Some(Ok("ready".into())));
    playing.child.kill(rustix::process::Signal::TERM).unwrap();
    let outcome = playing.outcome();
    assert_eq!(outcome.status.code(), Some(0));
    assert_eq!(outcome.expect("signals"), "Some(Terminate)");
}
