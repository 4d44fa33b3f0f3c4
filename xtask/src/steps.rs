//! Running one command after another, and telling plainly how it went.

use std::path::PathBuf;
use std::process::Command;
use std::time::{Duration, Instant};

/// Returns the top directory of the repository.
pub(crate) fn root() -> PathBuf {
    let here = PathBuf::from(env!("CARGO_MANIFEST_DIR"));
    here.parent().map_or(here.clone(), PathBuf::from)
}

/// A list of named steps, each of which succeeded or did not.
pub(crate) struct Steps {
    began: Instant,
    done: Vec<(String, bool, Duration)>,
}

impl Steps {
    /// Starts an empty list.
    pub(crate) fn new() -> Self {
        Self { began: Instant::now(), done: Vec::new() }
    }

    /// Runs a command as the next step; returns whether it succeeded.
    pub(crate) fn command(&mut self, name: &str, program: &str, arguments: &[&str]) -> bool {
        println!("\n==> {name}: {program} {}", arguments.join(" "));
        self.step(name, || match Command::new(program).args(arguments).status() {
            Ok(status) => status.success(),
            Err(error) => {
                eprintln!("{program} could not be started: {error}");
                false
            }
        })
    }

    /// Runs a function as the next step; returns whether it succeeded.
    pub(crate) fn step(&mut self, name: &str, work: impl FnOnce() -> bool) -> bool {
        let began = Instant::now();
        let good = work();
        self.done.push((name.to_owned(), good, began.elapsed()));
        good
    }

    /// Prints how every step went; returns whether all succeeded.
    pub(crate) fn summary(&self) -> bool {
        println!("\n==> Summary");
        for (name, good, took) in &self.done {
            println!("  {} {name} ({} s)", if *good { "ok    " } else { "FAILED" }, took.as_secs());
        }
        let failed = self.done.iter().filter(|(_, good, _)| !good).count();
        let seconds = self.began.elapsed().as_secs();
        match failed {
            0 => println!("All {} steps succeeded in {seconds} s.", self.done.len()),
            _ => println!("{failed} of {} steps failed, after {seconds} s.", self.done.len()),
        }
        failed == 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_failed_step_fails_the_whole() {
        let mut steps = Steps::new();
        assert!(steps.command("good", "true", &[]));
        assert!(!steps.command("bad", "false", &[]));
        assert!(!steps.summary());
    }

    #[test]
    fn a_program_that_does_not_exist_is_a_failure_and_no_panic() {
        assert!(!Steps::new().command("absent", "/nonexistent/program", &[]));
    }

    #[test]
    fn the_root_holds_the_workspace() {
        assert!(root().join("Cargo.toml").is_file());
    }
}
