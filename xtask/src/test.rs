//! `cargo xtask test`: everything that must hold before a change is good, and the benchmarks.

use std::process::{Command, Stdio};

use crate::check;
use crate::compat;
use crate::fuzz;
use crate::steps::Steps;
use crate::tools;

/// The longest the tests may take, so that a test that hangs is a failure and not a silent wait.
const LONGEST: &str = "25m";

/// Runs every check and test; returns whether all succeeded.
pub(crate) fn run() -> bool {
    let mut steps = Steps::new();
    println!("==> tools");
    steps.step("tools", || tools::provide(tools::TO_TEST));
    check::all(&mut steps);
    // The integration tests start the server's executable, so a failed build makes them pointless.
    if steps.command("build", "cargo", &["build", "--workspace", "--all-targets"]) {
        tests(&mut steps);
        compat::all(&mut steps);
        fuzz::all(&mut steps, fuzz::SECONDS, "");
    }
    steps.summary()
}

fn tests(steps: &mut Steps) {
    let has_nextest = Command::new("cargo")
        .args(["nextest", "--version"])
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .is_ok_and(|status| status.success());
    let run: &[&str] = if has_nextest {
        &["--foreground", LONGEST, "cargo", "nextest", "run", "--workspace", "--no-fail-fast"]
    } else {
        &["--foreground", LONGEST, "cargo", "test", "--workspace", "--no-fail-fast"]
    };
    steps.command("tests", "timeout", run);
}

/// Runs the benchmarks in a release build, with these arguments; returns whether they ran to the end.
pub(crate) fn bench(arguments: &[&str]) -> bool {
    let mut steps = Steps::new();
    if steps.command("server", "cargo", &["build", "--release", "--package", "wharf-daemon"]) {
        let run = [&["run", "--release", "--package", "wharf-bench", "--"], arguments].concat();
        steps.command("bench", "cargo", &run);
    }
    steps.summary()
}
