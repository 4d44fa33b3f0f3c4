//! The compatibility suite: how much of vsftpd's behaviour `wharfd` has, as a number.
//!
//! The rows in `rows/` are configurations, trees of files and dialogues. Each is run against the original and
//! against ours, and the answers, logs and files are compared octet by octet. `cargo xtask compat` builds and
//! fetches what this program needs, and calls it; see [`options`] for calling it by hand.

#![forbid(unsafe_code)]

mod baseline;
mod contender;
mod inetd;
mod judge;
mod logs;
mod options;
mod report;
mod restore;
mod rows;
mod site;
mod snapshot;
mod stage;
mod suite;
mod surroundings;
mod tree;

use std::process::ExitCode;

use options::Options;

fn main() -> ExitCode {
    let options = match Options::read(std::env::args_os().skip(1)) {
        Ok(options) => options,
        Err(text) => {
            eprintln!("wharf-compat: {text}");
            return ExitCode::from(2);
        }
    };
    if !wharf_testkit::is_root() {
        println!("skipped: the suite makes accounts and starts servers that change users, so it needs root");
        return ExitCode::SUCCESS;
    }
    match suite::run(&options) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(text) => {
            eprintln!("wharf-compat: {text}");
            ExitCode::FAILURE
        }
    }
}
