//! `cargo xtask fuzz`: coverage-guided fuzzing of every decoder, by libFuzzer and with the toolchain that is there.
//!
//! The room `fuzz/` holds the targets; this file builds it with instrumentation and gives each target its time. What was
//! found stays in the target directory: octets that reach new code, and those that made a target fail.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::steps::{self, Steps};
use crate::tools;

/// How long each target runs when nobody says otherwise, in seconds.
pub(crate) const SECONDS: u32 = 5;

/// How many targets run beside each other.
const BESIDE: usize = 2;

/// What makes the compiler count which code was reached, and look for bad memory accesses; the same as cargo-fuzz sets.
const FLAGS: &str = "-Cpasses=sancov-module -Cllvm-args=-sanitizer-coverage-level=4 \
    -Cllvm-args=-sanitizer-coverage-inline-8bit-counters -Cllvm-args=-sanitizer-coverage-pc-table \
    -Cllvm-args=-sanitizer-coverage-trace-compares -Zsanitizer=address --cfg fuzzing -Ccodegen-units=1";

/// Runs the targets whose names hold `words`; returns whether none found anything.
pub(crate) fn run(arguments: &[&str]) -> bool {
    let (mut seconds, mut words) = (SECONDS, "");
    let mut arguments = arguments.iter();
    while let Some(&argument) = arguments.next() {
        match (argument, arguments.as_slice().first().and_then(|next| next.parse().ok())) {
            ("--seconds", Some(number)) => {
                seconds = number;
                arguments.next();
            }
            ("--seconds", None) => {
                eprintln!("--seconds needs a number");
                return false;
            }
            _ => words = argument,
        }
    }
    let mut steps = Steps::new();
    all(&mut steps, seconds, words);
    steps.summary()
}

/// Builds the targets and gives each its time.
pub(crate) fn all(steps: &mut Steps, seconds: u32, words: &str) {
    println!("\n==> fuzz");
    steps.step("fuzz", || {
        let Some(program) = build() else { return false };
        let chosen: Vec<String> = names(&program).into_iter().filter(|name| name.contains(words)).collect();
        if chosen.is_empty() {
            eprintln!("no target's name holds \"{words}\"");
            return false;
        }
        let mut good = true;
        for few in chosen.chunks(BESIDE) {
            let running: Vec<_> = few.iter().map(|name| (name, begin(&program, name, seconds))).collect();
            for (name, child) in running {
                good &= end(name, child);
            }
        }
        good
    });
}

fn home() -> PathBuf {
    tools::target_directory().join("fuzz")
}

/// Builds the executable; returns where it is.
fn build() -> Option<PathBuf> {
    let host = host()?;
    let home = home();
    let built = Command::new("cargo")
        .args(["build", "--quiet", "--release", "--manifest-path", "fuzz/Cargo.toml", "--target", &host])
        .env("CARGO_TARGET_DIR", &home)
        // Instrumentation is an unstable option of a stable compiler.
        .env("RUSTC_BOOTSTRAP", "1")
        .env("RUSTFLAGS", FLAGS)
        .status();
    match built {
        Ok(status) if status.success() => Some(home.join(host).join("release/wharf-fuzz")),
        Ok(_) => None,
        Err(error) => {
            eprintln!("cargo could not be started: {error}");
            None
        }
    }
}

fn host() -> Option<String> {
    let said = Command::new("rustc").args(["--version", "--verbose"]).output().ok()?;
    let text = String::from_utf8(said.stdout).ok()?;
    text.lines().find_map(|line| line.strip_prefix("host: ")).map(str::to_owned)
}

/// Asks the executable which targets it has.
fn names(program: &Path) -> Vec<String> {
    let said = Command::new(program).env_remove("WHARF_FUZZ").arg("-runs=1").output();
    let text = said.map(|said| String::from_utf8_lossy(&said.stderr).into_owned()).unwrap_or_default();
    let list = text.lines().find_map(|line| line.split_once("must be one of: "));
    list.map(|(_, names)| names.split_whitespace().map(str::to_owned).collect()).unwrap_or_default()
}

fn begin(program: &Path, name: &str, seconds: u32) -> std::io::Result<std::process::Child> {
    let corpus = home().join("corpus").join(name);
    let found = home().join("found").join(name);
    fs::create_dir_all(&corpus)?;
    fs::create_dir_all(&found)?;
    let mut command = Command::new(program);
    command
        .env("WHARF_FUZZ", name)
        .arg(format!("-max_total_time={seconds}"))
        .arg(format!("-artifact_prefix={}/", found.display()))
        // One input that takes a second is a finding, and so is one that takes half a gibibyte.
        .args(["-timeout=5", "-rss_limit_mb=1024", "-max_len=4096", "-verbosity=0", "-print_final_stats=1"])
        .arg(corpus);
    let seeds = steps::root().join("fuzz/seeds").join(name);
    if seeds.is_dir() {
        command.arg(seeds);
    }
    command.stdout(Stdio::null()).stderr(Stdio::piped()).spawn()
}

/// Waits for a target; returns whether it found nothing.
fn end(name: &str, child: std::io::Result<std::process::Child>) -> bool {
    let said = match child.and_then(std::process::Child::wait_with_output) {
        Ok(said) => said,
        Err(error) => {
            eprintln!("{name} could not be run: {error}");
            return false;
        }
    };
    let text = String::from_utf8_lossy(&said.stderr);
    if !said.status.success() {
        eprintln!("{name} found something:\n{text}");
        return false;
    }
    let runs = text.lines().find_map(|line| line.strip_prefix("stat::number_of_executed_units:"));
    println!("  {name}: {} inputs", runs.map_or("?", str::trim));
    // A target that ran nothing proves nothing.
    runs.and_then(|runs| runs.trim().parse::<u64>().ok()).is_some_and(|runs| runs > 100)
}
