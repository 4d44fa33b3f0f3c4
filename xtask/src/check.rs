//! The fast checks: formatting, lints, generated files.

use crate::docs;
use crate::steps::Steps;

/// Runs the fast checks; returns whether all succeeded.
pub(crate) fn run() -> bool {
    let mut steps = Steps::new();
    all(&mut steps);
    steps.summary()
}

/// Adds the fast checks to a list of steps.
pub(crate) fn all(steps: &mut Steps) {
    steps.command("format", "cargo", &["fmt", "--all", "--check"]);
    let clippy = ["clippy", "--workspace", "--all-targets", "--", "-D", "warnings"];
    steps.command("lints", "cargo", &clippy);
    println!("\n==> generated files");
    steps.step("generated files", || {
        let stale = docs::stale();
        for file in &stale {
            eprintln!("{file} is not what the options say; run `cargo xtask docs`");
        }
        stale.is_empty()
    });
}
