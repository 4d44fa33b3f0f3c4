//! What a client is going to say: one FTP command a line, as typed.
//!
//! Lines that begin with `#` are comments. Commands that move data open their data connection themselves;
//! uploads say what they send after ` < `: text with escapes, or `@FILE`. Lines that begin with `!` speak to the
//! replay: they are the rows of [`directive`].

use std::net::IpAddr;
use std::path::Path;

use crate::escape;
use crate::mask::Mask;
use crate::printable;
use crate::variables::{Variables, replaced};

/// A dialogue, ready to be said.
#[derive(Debug)]
pub struct Script {
    pub(crate) steps: Vec<Step>,
    pub(crate) secrets: Vec<Vec<u8>>,
}

/// A line that cannot be understood.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// Counted from 1.
    pub line: usize,
    /// What is wrong, and what would be right.
    pub text: String,
}

#[derive(Debug, Clone)]
pub(crate) struct Step {
    pub(crate) line: usize,
    /// The line as typed, variables and all, with passwords left out.
    pub(crate) shown: String,
    pub(crate) act: Act,
    pub(crate) masks: Vec<Mask>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Act {
    /// Sends a command and reads its reply.
    Command(Vec<u8>),
    /// Sends a command with a data connection.
    Transfer(Transfer),
    /// Begins a transfer, and leaves its data connection alone until [`Act::Finish`].
    Start(Transfer),
    /// Moves the data of the transfer that was begun, and reads a reply.
    Finish,
    /// Sends octets and reads nothing.
    Send(Vec<u8>),
    /// Does the same, with the last octet as urgent data.
    Urgent(Vec<u8>),
    /// Makes all later connections from an address of this machine.
    From(IpAddr),
    /// Reads one reply.
    Reply,
    /// Reads until the server ends the connection.
    End,
    /// Makes one more control connection, under a name, and goes on with it.
    Connect(String),
    /// Goes on with an earlier control connection.
    Use(String),
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Transfer {
    pub(crate) command: Vec<u8>,
    /// What is sent; `None` when data is to be received.
    pub(crate) upload: Option<Vec<u8>>,
    pub(crate) way: Way,
    pub(crate) manner: Manner,
}

/// How the data connection comes about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Way {
    Epsv,
    Pasv,
    Port,
    Eprt,
}

/// How the client behaves on the data connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Manner {
    /// As it should.
    Orderly,
    /// Resets it in the middle.
    Broken,
    /// Asks for it and never makes it.
    Absent,
    /// Makes it, and then neither sends nor reads until the server has replied.
    Stalled,
}

impl Script {
    /// Reads a script. Files of uploads are looked for beside it, in `base`.
    ///
    /// # Errors
    /// All lines that cannot be understood, variables that are not set, and files that cannot be read.
    pub fn parse(text: &[u8], variables: &Variables, base: &Path) -> Result<Self, Vec<Problem>> {
        let mut reader = Reader { variables, base, way: Way::Epsv, masks: vec![Mask::Addresses] };
        let mut script = Self { steps: Vec::new(), secrets: variables.secrets().to_vec() };
        let mut problems = Vec::new();
        for (index, line) in text.split(|octet| *octet == b'\n').enumerate() {
            let line = line.strip_suffix(b"\r").unwrap_or(line);
            if line.is_empty() || line.starts_with(b"#") {
                continue;
            }
            match reader.read(line) {
                Ok(Some(act)) => {
                    let shown = shown(line, &mut script.secrets);
                    script.steps.push(Step { line: index + 1, shown, act, masks: reader.masks.clone() });
                }
                Ok(None) => {}
                Err(text) => problems.push(Problem { line: index + 1, text }),
            }
        }
        if problems.is_empty() { Ok(script) } else { Err(problems) }
    }
}

struct Reader<'a> {
    variables: &'a Variables,
    base: &'a Path,
    way: Way,
    masks: Vec<Mask>,
}

impl Reader<'_> {
    fn read(&mut self, line: &[u8]) -> Result<Option<Act>, String> {
        match line.strip_prefix(b"!") {
            Some(words) => self.directive(words),
            None => {
                let command = self.variables.expand(line)?;
                if moves_data(&command) {
                    return self.whole(&command, Manner::Orderly).map(Some);
                }
                Ok(Some(Act::Command(command)))
            }
        }
    }

    /// What `!` lines do.
    fn directive(&mut self, words: &[u8]) -> Result<Option<Act>, String> {
        let (word, rest) = split(words);
        let name = printable(rest);
        let act = match (word, rest) {
            (b"passive", b"" | b"epsv") => return self.goes(Way::Epsv),
            (b"passive", b"pasv") => return self.goes(Way::Pasv),
            (b"active", b"" | b"port") => return self.goes(Way::Port),
            (b"active", b"eprt") => return self.goes(Way::Eprt),
            (b"mask", _) => return self.mask(&name),
            (b"bare", _) => Act::Command(self.variables.expand(rest)?),
            (b"broken", _) => self.whole(&self.variables.expand(rest)?, Manner::Broken)?,
            (b"absent", _) => self.whole(&self.variables.expand(rest)?, Manner::Absent)?,
            (b"stalled", _) => self.whole(&self.variables.expand(rest)?, Manner::Stalled)?,
            (b"start", _) => Act::Start(self.transfer(&self.variables.expand(rest)?, Manner::Orderly)?),
            (b"finish", b"") => Act::Finish,
            (b"from", _) => Act::From(name.parse().map_err(|_| format!("{name} is no address"))?),
            (b"urgent", _) => Act::Urgent(self.variables.expand(&escape::octets(rest)?)?),
            (b"send", _) => Act::Send(self.variables.expand(&escape::octets(rest)?)?),
            (b"reply", b"") => Act::Reply,
            (b"end", b"") => Act::End,
            (b"connect", _) => Act::Connect(name),
            (b"use", _) => Act::Use(name),
            _ => {
                return Err(format!(
                    "!{} is not known; there are !passive [epsv|pasv], !active [port|eprt], !mask NAME, \
                     !bare COMMAND, !broken COMMAND, !absent COMMAND, !stalled COMMAND, !start COMMAND, \
                     !finish, !send OCTETS, !urgent OCTETS, !reply, !end, !connect NAME, !use NAME and \
                     !from ADDRESS",
                    printable(words)
                ));
            }
        };
        Ok(Some(act))
    }

    fn goes(&mut self, way: Way) -> Result<Option<Act>, String> {
        self.way = way;
        Ok(None)
    }

    fn mask(&mut self, name: &str) -> Result<Option<Act>, String> {
        let mask = Mask::named(name).ok_or_else(|| {
            let names: Vec<&str> = Mask::ALL.iter().map(|mask| mask.name()).collect();
            format!("there is no mask {name}; there are {}", names.join(", "))
        })?;
        if !self.masks.contains(&mask) {
            self.masks.push(mask);
        }
        Ok(None)
    }

    fn whole(&self, command: &[u8], manner: Manner) -> Result<Act, String> {
        self.transfer(command, manner).map(Act::Transfer)
    }

    fn transfer(&self, command: &[u8], manner: Manner) -> Result<Transfer, String> {
        if !is_upload(command) {
            return Ok(Transfer { command: command.to_vec(), upload: None, way: self.way, manner });
        }
        let (command, content) = match command.windows(3).rposition(|window| window == b" < ") {
            Some(at) => (command.get(..at).unwrap_or_default(), command.get(at + 3..).unwrap_or_default()),
            None => (command, &b""[..]),
        };
        let upload = match content.strip_prefix(b"@") {
            Some(name) => {
                use std::os::unix::ffi::OsStrExt;
                let path = self.base.join(std::ffi::OsStr::from_bytes(name));
                std::fs::read(&path).map_err(|error| format!("{}: {error}", path.display()))?
            }
            None => escape::octets(content)?,
        };
        Ok(Transfer { command: command.to_vec(), upload: Some(upload), way: self.way, manner })
    }
}

fn verb(command: &[u8]) -> Vec<u8> {
    split(command).0.to_ascii_uppercase()
}

fn moves_data(command: &[u8]) -> bool {
    is_upload(command) || matches!(verb(command).as_slice(), b"LIST" | b"NLST" | b"MLSD" | b"RETR")
}

fn is_upload(command: &[u8]) -> bool {
    matches!(verb(command).as_slice(), b"STOR" | b"STOU" | b"APPE")
}

/// Splits a line at its first blank.
fn split(line: &[u8]) -> (&[u8], &[u8]) {
    match line.iter().position(|octet| *octet == b' ') {
        Some(at) => (line.get(..at).unwrap_or_default(), line.get(at + 1..).unwrap_or_default()),
        None => (line, b""),
    }
}

/// Returns a line as it may be shown; a password that was typed into the script becomes a secret.
fn shown(line: &[u8], secrets: &mut Vec<Vec<u8>>) -> String {
    let (word, password) = split(line);
    if !word.eq_ignore_ascii_case(b"PASS") || password.is_empty() || password.starts_with(b"${") {
        let line = secrets.iter().fold(line.to_vec(), |line, secret| replaced(&line, secret, b"***"));
        return printable(&line);
    }
    // One or two letters would be found, and hidden, everywhere.
    if password.len() > 2 {
        secrets.push(password.to_vec());
    }
    format!("{} ***", printable(word))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<Script, Vec<Problem>> {
        Script::parse(text.as_bytes(), &Variables::default(), Path::new("/nonexistent"))
    }

    fn acts(text: &str) -> Vec<Act> {
        parse(text).unwrap().steps.into_iter().map(|step| step.act).collect()
    }

    #[test]
    fn a_line_is_a_command_as_typed() {
        let commands = acts("# why\n\nCWD  d \r\nNOOP\n");
        assert_eq!(commands, [Act::Command(b"CWD  d ".to_vec()), Act::Command(b"NOOP".to_vec())]);
    }

    #[test]
    fn an_upload_says_what_it_sends() {
        let Act::Transfer(transfer) = &acts("!active\nstor a < b < one\\r\\n")[0] else { panic!() };
        assert_eq!(transfer.command, b"stor a < b");
        assert_eq!(transfer.upload.as_deref(), Some(&b"one\r\n"[..]));
        assert_eq!(transfer.way, Way::Port);
    }

    #[test]
    fn a_bare_command_opens_no_data_connection() {
        assert_eq!(acts("!bare LIST -a"), [Act::Command(b"LIST -a".to_vec())]);
    }

    #[test]
    fn masks_hold_from_their_line_on() {
        let script = parse("LIST\n!mask time\nLIST").unwrap();
        assert_eq!(script.steps[0].masks, [Mask::Addresses]);
        assert_eq!(script.steps[1].masks, [Mask::Addresses, Mask::Time]);
    }

    #[test]
    fn every_wrong_line_is_told_with_its_number() {
        let problems =
            parse("!fly\nNOOP\n!mask x\nUSER ${NOBODY}\nSTOR f < \\q\nSTOR f < @gone").unwrap_err();
        assert_eq!(problems.iter().map(|problem| problem.line).collect::<Vec<_>>(), [1, 3, 4, 5, 6]);
    }

    #[test]
    fn a_password_is_never_shown() {
        let script = parse("pass secret\nSITE secret").unwrap();
        assert_eq!(script.steps[0].shown, "pass ***");
        assert_eq!(script.steps[1].shown, "SITE ***");
        assert_eq!(script.secrets, [b"secret"]);
    }
}
