//! `cargo xtask`: what a person, and the build machine, can ask of this repository.
//!
//! Each command lives in a file of its own. Nothing here is part of the server; the only room it
//! knows is `wharf-config`, because the manual pages are rendered from it.

#![forbid(unsafe_code)]

mod check;
mod compat;
mod demo;
mod docs;
mod fuzz;
mod steps;
mod test;
mod tools;

use std::process::ExitCode;

const USAGE: &str = "\
cargo xtask COMMAND

  test          formatting, lints, build, every test, and the compatibility suite;
                installs the clients it needs (Debian, root)
  check         formatting, lints and generated files only
  docs          writes the manual pages, the sample configuration and the option chapter
  demo [DIR]    builds the server and shares DIR, or a folder made for the purpose
  compat        plays the compatibility suite against the original vsftpd (root); --only WORDS, --accept, --all
  bench         measures the server beside others, in a release build (root); --quick, compare, load, --rows TEXT
  fuzz          fuzzes every decoder, five seconds each; --seconds N, and a word of a target's name
  ci            the same as test
";

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    if let Err(error) = std::env::set_current_dir(steps::root()) {
        eprintln!("xtask: cannot enter {}: {error}", steps::root().display());
        return ExitCode::FAILURE;
    }
    let done = match words.as_slice() {
        ["test" | "ci"] => test::run(),
        ["check"] => check::run(),
        ["docs"] => docs::run(),
        ["demo"] => demo::run(None),
        ["demo", directory] => demo::run(Some(directory)),
        ["bench", arguments @ ..] => test::bench(arguments),
        ["fuzz", arguments @ ..] => fuzz::run(arguments),
        ["compat", arguments @ ..] => compat::run(arguments),
        ["help" | "--help" | "-h"] => {
            print!("{USAGE}");
            true
        }
        _ => {
            eprint!("{USAGE}");
            return ExitCode::from(2);
        }
    };
    if done { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
