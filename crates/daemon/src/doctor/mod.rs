//! `wharfd doctor`: can clients reach this server, who is in their way, and the one line that mends it.
//!
//! | | |
//! |---|---|
//! | from inside: what is told, which ports, who blocks them | `local.rs`, `firewall.rs`, `nft.rs`, `iptables.rs`, `kernel.rs` |
//! | from outside: what a client sees | `probe.rs`, `talk.rs` |
//! | what is found, for people and for machines | `finding.rs` |
//!
//! Nothing is changed: what would mend a thing is said, not done. The router is asked by a process of the role `mapper`, as
//! the server does it.

mod finding;
mod firewall;
mod iptables;
mod kernel;
mod local;
mod nft;
mod probe;
mod talk;

use std::ffi::OsString;
use std::process::ExitCode;

use wharf_config::{Config, Problem};

/// How to call it.
pub const USAGE: &str = "\
usage: wharfd doctor [FILE | -oNAME=VALUE] ... [--json]
                                       can clients reach this server, and if not, why not
       wharfd doctor --probe HOST[:PORT] [--user NAME --password-file F] [--json]
                                       what a client sees from here; run it on a machine outside
exit status: 0 nothing to mend, 1 something is in the way, 2 it could not be looked at";

/// Everything could be looked at, and something is in the way.
const TROUBLE: u8 = 1;

/// Nothing could be looked at.
const UNUSABLE: u8 = 2;

/// What is to be looked at.
enum Patient {
    /// The server that this configuration describes.
    Local(Vec<OsString>),
    /// Another machine's server.
    Remote(probe::Patient),
}

/// Runs the verb; `load` reads the configuration that the arguments name.
#[must_use]
pub fn run(
    arguments: &[OsString],
    load: impl FnOnce(&[OsString]) -> Result<Config, Vec<Problem>>,
) -> ExitCode {
    let (patient, is_json) = match read(arguments) {
        Ok(read) => read,
        Err(text) => {
            eprintln!("wharfd doctor: {text}");
            return ExitCode::from(UNUSABLE);
        }
    };
    let findings = match patient {
        Patient::Remote(patient) => probe::examine(&patient),
        Patient::Local(sources) => match load(&sources) {
            Ok(config) => local::examine(&config),
            Err(problems) => {
                problems.iter().for_each(|problem| eprintln!("{problem}"));
                eprintln!("wharfd doctor: the configuration has errors; mend it first (`wharfd check`)");
                return ExitCode::from(UNUSABLE);
            }
        },
    };
    match is_json {
        true => println!("{}", findings.to_json()),
        false => print!("{findings}"),
    }
    if findings.has_trouble() { ExitCode::from(TROUBLE) } else { ExitCode::SUCCESS }
}

fn read(arguments: &[OsString]) -> Result<(Patient, bool), String> {
    let (mut sources, mut is_json, mut probe) = (Vec::new(), false, None);
    let (mut user, mut password) = (None, None);
    let mut arguments = arguments.iter();
    while let Some(argument) = arguments.next() {
        let mut value = || {
            let value = arguments.next().and_then(|value| value.to_str());
            value.map(str::to_owned).ok_or_else(|| format!("{} needs a value\n{USAGE}", argument.display()))
        };
        match argument.to_str() {
            Some("--json") => is_json = true,
            Some("--probe") => probe = Some(value()?),
            Some("--user") => user = Some(value()?),
            Some("--password-file") => password = Some(value()?),
            Some(option) if option.starts_with("--") => {
                return Err(format!("unknown option {option}\n{USAGE}"));
            }
            _ => sources.push(argument.clone()),
        }
    }
    let Some(host) = probe else {
        return match user.or(password) {
            Some(_) => Err(format!("--user and --password-file go with --probe\n{USAGE}")),
            None => Ok((Patient::Local(sources), is_json)),
        };
    };
    if !sources.is_empty() {
        return Err(format!("--probe looks at another machine and takes no configuration\n{USAGE}"));
    }
    Ok((Patient::Remote(probe::Patient::new(&host, user, password.as_deref())?), is_json))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(text: &str) -> Vec<OsString> {
        text.split_whitespace().map(OsString::from).collect()
    }

    #[test]
    fn arguments_that_cannot_be_meant_are_refused() {
        for text in ["--probe", "--probe h file", "--user x", "--xml", "--probe h --user x", "--probe h:0"] {
            assert!(read(&words(text)).is_err(), "{text}");
        }
        assert!(
            matches!(read(&words("/etc/x -olisten=NO --json")), Ok((Patient::Local(sources), true)) if sources.len() == 2)
        );
        assert!(matches!(read(&words("--probe ftp.example.org:2121")), Ok((Patient::Remote(_), false))));
    }
}
