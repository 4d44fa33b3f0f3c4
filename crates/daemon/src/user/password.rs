//! Where a new password comes from: a file, a descriptor, a terminal without echo, or standard input.

use std::fs::File;
use std::io::{self, IsTerminal, Read, Write};
use std::path::{Path, PathBuf};

use rustix::termios::{LocalModes, OptionalActions, SpecialCodeIndex, Termios, tcgetattr, tcsetattr};
use wharf_proto::secret::Secret;

use super::Stop;

/// The most octets read in search of the end of the first line; no password and no hash is that long.
const LONGEST_LINE: usize = 1024;

/// Where the secret is.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Source {
    /// Nobody said: a person at a terminal is asked; otherwise the first line of standard input.
    Asked,
    /// The first line of a file.
    File(PathBuf),
    /// The first line of a descriptor that was inherited.
    Descriptor(u32),
    /// There is no password: its hash was brought.
    Hash(String),
}

/// Gets the new password for a user.
pub(super) fn read(source: &Source, name: &str) -> Result<Secret, Stop> {
    match source {
        Source::File(path) => first_line_of(path, &path.display().to_string()),
        // Opened anew: a number is no proof that the descriptor is ours to close.
        Source::Descriptor(number) => {
            first_line_of(Path::new(&format!("/proc/self/fd/{number}")), &format!("descriptor {number}"))
        }
        Source::Asked if io::stdin().is_terminal() => ask_twice(name),
        Source::Asked | Source::Hash(_) => first_line(io::stdin(), "standard input"),
    }
}

/// Reads a hash from standard input.
pub(super) fn line_of_input() -> Result<String, Stop> {
    let line = first_line(io::stdin(), "standard input")?;
    Ok(String::from_utf8_lossy(line.expose()).into_owned())
}

fn first_line_of(path: &Path, shown: &str) -> Result<Secret, Stop> {
    let file = File::open(path).map_err(|error| Stop::Refused(format!("cannot open {shown}: {error}")))?;
    first_line(file, shown)
}

/// Reads up to the end of the first line, which does not belong to it.
fn first_line(from: impl Read, shown: &str) -> Result<Secret, Stop> {
    // Room for all of it from the start: a vector that grows leaves copies behind that nobody wipes.
    let mut octets = Vec::with_capacity(LONGEST_LINE + 1);
    let read = from.take(LONGEST_LINE as u64).read_to_end(&mut octets);
    let end = octets.iter().position(|octet| *octet == b'\n').unwrap_or(octets.len());
    octets.truncate(end);
    if octets.last() == Some(&b'\r') {
        octets.pop();
    }
    let secret = Secret::new(octets);
    read.map_err(|error| Stop::Refused(format!("cannot read {shown}: {error}")))?;
    if secret.expose().is_empty() {
        return Err(Stop::Refused(format!("the first line of {shown} is empty")));
    }
    Ok(secret)
}

fn ask_twice(name: &str) -> Result<Secret, Stop> {
    let quiet =
        Quiet::begin().map_err(|error| Stop::Refused(format!("cannot ask on the terminal: {error}")))?;
    let first = quiet.ask(&format!("new password for {}: ", name.escape_default()))?;
    // Judged at once, before it is typed again.
    wharf_users::hash::check_password(&first).map_err(|fault| Stop::Refused(fault.into()))?;
    let second = quiet.ask("the same again: ")?;
    if first == second {
        return Ok(first);
    }
    Err(Stop::Refused("the two passwords differ; nothing was changed".into()))
}

/// A terminal that shows nothing of what is typed, until this is dropped.
///
/// It hands over each key, and Ctrl-C too: a signal would end us with the terminal mute.
struct Quiet {
    before: Termios,
}

impl Quiet {
    fn begin() -> rustix::io::Result<Self> {
        let before = tcgetattr(rustix::stdio::stdin())?;
        let mut mute = before.clone();
        mute.local_modes.remove(LocalModes::ECHO | LocalModes::ICANON | LocalModes::ISIG);
        mute.special_codes[SpecialCodeIndex::VMIN] = 1;
        mute.special_codes[SpecialCodeIndex::VTIME] = 0;
        // What was typed before the question was no answer to it.
        tcsetattr(rustix::stdio::stdin(), OptionalActions::Flush, &mute)?;
        Ok(Self { before })
    }

    fn ask(&self, question: &str) -> Result<Secret, Stop> {
        let say = |text: &str| {
            let mut screen = io::stderr();
            let _ = write!(screen, "{text}").and_then(|()| screen.flush());
        };
        say(question);
        let answer = self.line();
        say("\r\n");
        answer.ok_or_else(|| Stop::Refused("interrupted; nothing was changed".into()))
    }

    /// Reads keys up to Enter; `None` when the person wants out.
    fn line(&self) -> Option<Secret> {
        let mut typed = Vec::with_capacity(LONGEST_LINE);
        loop {
            let mut key = [0];
            match rustix::io::read(rustix::stdio::stdin(), &mut key) {
                Err(rustix::io::Errno::INTR) => continue,
                Ok(1) => {}
                _ => key = [CTRL_C],
            }
            match key {
                [b'\n' | b'\r'] => return Some(Secret::new(typed)),
                [CTRL_C | CTRL_D | CTRL_Z | CTRL_BACKSLASH] => {
                    drop(Secret::new(typed));
                    return None;
                }
                [BACKSPACE | CTRL_H] => take_back(&mut typed),
                [CTRL_U] => typed.clear(),
                // More than anybody can log in with; the rest is not kept, and what is kept is refused.
                [octet] if typed.len() < LONGEST_LINE => typed.push(octet),
                _ => {}
            }
        }
    }
}

impl Drop for Quiet {
    fn drop(&mut self) {
        let _ = tcsetattr(rustix::stdio::stdin(), OptionalActions::Now, &self.before);
    }
}

const CTRL_C: u8 = 0x03;
const CTRL_D: u8 = 0x04;
const CTRL_H: u8 = 0x08;
const CTRL_U: u8 = 0x15;
const CTRL_Z: u8 = 0x1a;
const CTRL_BACKSLASH: u8 = 0x1c;
const BACKSPACE: u8 = 0x7f;

/// Takes the last character back, which may be several octets of UTF-8.
fn take_back(typed: &mut Vec<u8>) {
    while typed.pop().is_some_and(|octet| (0x80..0xc0).contains(&octet)) {}
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(text: &[u8]) -> Result<Vec<u8>, Stop> {
        first_line(text, "it").map(|secret| secret.expose().to_vec())
    }

    #[test]
    fn the_first_line_counts_and_its_end_does_not() {
        for text in [&b"pass word"[..], b"pass word\n", b"pass word\r\n", b"pass word\nnext\n"] {
            assert_eq!(line(text).unwrap(), b"pass word");
        }
        assert_eq!(line(b" \xff \n").unwrap(), b" \xff ");
        for text in [&b""[..], b"\n", b"\r\n", b"\nsecond"] {
            assert_eq!(line(text), Err(Stop::Refused("the first line of it is empty".into())));
        }
        assert_eq!(line(&[b'x'; 5000]).unwrap().len(), LONGEST_LINE);
    }

    #[test]
    fn backspace_takes_a_whole_character_back() {
        let mut typed = "aé한".as_bytes().to_vec();
        for left in ["aé", "a", "", ""] {
            take_back(&mut typed);
            assert_eq!(typed, left.as_bytes());
        }
    }
}
