//! Running other people's programs, with an end to waiting.

use std::io::{Read, Write};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

/// What a program left behind.
#[derive(Debug)]
pub struct Outcome {
    /// Whether it ended by itself with exit status 0.
    pub success: bool,
    /// What it wrote to standard output.
    pub stdout: String,
    /// What it wrote to standard error.
    pub stderr: String,
}

/// Returns whether a program can be found; says that a test is skipped when it cannot.
pub fn has(program: &str) -> bool {
    let found = std::env::var_os("PATH")
        .is_some_and(|path| std::env::split_paths(&path).any(|directory| directory.join(program).is_file()));
    if !found {
        eprintln!("skipped: there is no {program} on this machine");
    }
    found
}

/// Runs a program to its end with some standard input; a program that takes a minute is ended.
pub fn run(command: &mut Command, input: &str) -> Outcome {
    let shown = format!("{command:?}");
    let mut child = command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap_or_else(|error| panic!("{shown} could not be started: {error}"));
    let mut stdin = child.stdin.take().expect("a pipe was asked for");
    let input = input.to_owned();
    // A program that ends without reading its input is no fault of the test.
    let writer = std::thread::spawn(move || stdin.write_all(input.as_bytes()).unwrap_or_default());
    let stdout = gather(child.stdout.take().expect("a pipe was asked for"));
    let stderr = gather(child.stderr.take().expect("a pipe was asked for"));
    let end = Instant::now() + Duration::from_secs(60);
    let status = loop {
        match child.try_wait().expect("our own child can be waited for") {
            Some(status) => break Some(status),
            None if Instant::now() > end => {
                child.kill().unwrap_or_default();
                child.wait().expect("a killed child ends");
                break None;
            }
            None => std::thread::sleep(Duration::from_millis(10)),
        }
    };
    writer.join().expect("the writer does not panic");
    Outcome {
        success: status.is_some_and(|status| status.success()),
        stdout: stdout.join().expect("the reader does not panic"),
        stderr: stderr.join().expect("the reader does not panic"),
    }
}

fn gather(mut from: impl Read + Send + 'static) -> std::thread::JoinHandle<String> {
    std::thread::spawn(move || {
        let mut octets = Vec::new();
        from.read_to_end(&mut octets).unwrap_or_default();
        String::from_utf8_lossy(&octets).into_owned()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn input_goes_in_and_output_comes_out() {
        let outcome = run(&mut Command::new("cat"), "hello");
        assert!(outcome.success);
        assert_eq!(outcome.stdout, "hello");
    }

    #[test]
    fn a_program_that_is_nowhere_is_not_had() {
        assert!(!has("no-such-program-anywhere"));
    }
}
