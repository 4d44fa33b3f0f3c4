//! A stage for tests that need processes of their own.
//!
//! The test program starts itself again through [`Launch`], as the daemon does, so starting is tested by the way. The
//! child plays one act, named in its arguments, and tells the outcome over a channel. Replaces the usual test harness,
//! whose threads neither a sandbox nor a fork could bear; understands as much of its command line as cargo and
//! nextest use.

use std::io;
use std::os::fd::{AsFd, BorrowedFd};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::process::{ExitCode, ExitStatus};

use wharf_os::channel::Channel;
use wharf_os::spawn::{Child, Inherited, Launch};

/// What a child does: gets its arguments and whatever it was given, and answers with words.
pub(crate) type Act = fn(&mut Inherited, &[String]) -> Result<String, String>;

/// Runs as a child if started as one, otherwise runs the tests that the command line selects.
pub(crate) fn run(acts: &[(&str, Act)], tests: &[(&str, fn())]) -> ExitCode {
    match Inherited::from_arguments(std::env::args_os().skip(1)) {
        Ok(None) => direct(tests),
        Ok(Some(inherited)) => play(acts, inherited),
        Err(error) => {
            eprintln!("a child could not begin: {error}");
            ExitCode::from(99)
        }
    }
}

fn direct(tests: &[(&str, fn())]) -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let has = |option: &str| arguments.iter().any(|argument| argument == option);
    let filters: Vec<&String> = arguments.iter().filter(|argument| !argument.starts_with('-')).collect();
    let is_chosen = |name: &str| {
        filters.is_empty()
            || filters.iter().any(|f| if has("--exact") { name == *f } else { name.contains(f.as_str()) })
    };
    let chosen = tests.iter().filter(|(name, _)| is_chosen(name) && !has("--ignored"));
    if has("--list") {
        chosen.for_each(|(name, _)| println!("{name}: test"));
        return ExitCode::SUCCESS;
    }
    let mut failed = Vec::new();
    for (name, test) in chosen {
        let outcome = catch_unwind(AssertUnwindSafe(test));
        println!("test {name} ... {}", if outcome.is_ok() { "ok" } else { "FAILED" });
        if outcome.is_err() {
            failed.push(name);
        }
    }
    println!("\ntest result: {} failed {failed:?}", failed.len());
    if failed.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn play(acts: &[(&str, Act)], mut inherited: Inherited) -> ExitCode {
    let report = Channel::from(inherited.require("report").expect("a child has a report channel"));
    let words: Vec<String> = inherited.arguments().iter().map(|w| w.to_string_lossy().into_owned()).collect();
    let (act, words) = words.split_first().expect("a child is given an act");
    let (_, act) = acts.iter().find(|(name, _)| name == act).expect("the act is known");
    let outcome = match act(&mut inherited, words) {
        Ok(text) => format!("+{text}"),
        Err(text) => format!("-{text}"),
    };
    match report.send(outcome.as_bytes(), &[]) {
        Ok(()) => ExitCode::SUCCESS,
        Err(_) => ExitCode::from(98),
    }
}

/// A child under way.
pub(crate) struct Playing {
    pub(crate) child: Child,
    report: Channel,
}

/// What became of it.
#[derive(Debug)]
pub(crate) struct Outcome {
    /// Its words, or `None` when it ended without any.
    pub(crate) words: Option<Result<String, String>>,
    pub(crate) status: ExitStatus,
}

impl Outcome {
    /// The words of a child that succeeded.
    pub(crate) fn expect(self, what: &str) -> String {
        match self.words {
            Some(Ok(words)) => words,
            other => panic!("{what}: {other:?}, {:?}", self.status),
        }
    }
}

/// Starts a child that plays `act`.
pub(crate) fn start(act: &str, words: &[&str], lend: &[(&str, BorrowedFd<'_>)]) -> Playing {
    let (report, theirs) = Channel::pair().unwrap();
    let mut launch = Launch::new("probe").descriptor("report", theirs.as_fd()).argument(act);
    for word in words {
        launch = launch.argument(*word);
    }
    for (name, descriptor) in lend {
        launch = launch.descriptor(name, *descriptor);
    }
    Playing { child: launch.start().unwrap(), report }
}

impl Playing {
    /// Waits for the child's words and its end.
    pub(crate) fn outcome(mut self) -> Outcome {
        let words = self.words();
        Outcome { words, status: self.child.wait().unwrap() }
    }

    /// Waits for the child's next words; `None` when it will say nothing more.
    pub(crate) fn words(&self) -> Option<Result<String, String>> {
        let mut buffer = vec![0; 65536];
        let length = self.report.receive(&mut buffer, &mut Vec::new()).unwrap()?;
        let text = String::from_utf8_lossy(&buffer[..length]).into_owned();
        Some(match text.strip_prefix('+') {
            Some(words) => Ok(words.to_owned()),
            None => Err(text),
        })
    }
}

/// Plays an act to its end.
pub(crate) fn outcome(act: &str, words: &[&str], lend: &[(&str, BorrowedFd<'_>)]) -> Outcome {
    start(act, words, lend).outcome()
}

/// Names an errno as tests want to see it.
pub(crate) fn errno(error: &io::Error) -> String {
    match error.raw_os_error() {
        Some(libc::EPERM) => "EPERM".into(),
        Some(libc::EACCES) => "EACCES".into(),
        Some(number) => format!("errno {number} ({error})"),
        None => error.to_string(),
    }
}
