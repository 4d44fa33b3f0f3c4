//! Says a script to one server and writes down all that comes back.

use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr, TcpStream};
use std::time::Duration;

use crate::control::{Control, Reply};
use crate::mask::{Mask, Masked, without_secrets};
use crate::script::{Act, Script, Step, Transfer};

/// All that one server answered.
#[derive(Debug)]
pub struct Recording {
    pub(crate) steps: Vec<Heard>,
}

/// What came back in one step.
#[derive(Debug)]
pub(crate) struct Heard {
    /// The line of the script; 0 for what comes before and after it.
    pub(crate) line: usize,
    pub(crate) shown: String,
    pub(crate) lines: Vec<Masked>,
}

/// The server could not be talked to at all.
#[derive(Debug)]
pub struct Unreachable {
    /// Where it was looked for.
    pub server: SocketAddr,
    /// Why that failed.
    pub cause: std::io::Error,
}

impl std::fmt::Display for Unreachable {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} cannot be reached: {}", self.server, self.cause)
    }
}

impl std::error::Error for Unreachable {}

/// The name of the connection that a script begins with.
const FIRST: &str = "";

/// Says a script to a server. No single wait is longer than `patience`.
///
/// # Errors
/// When the first control connection cannot be made; everything later is part of the recording.
pub fn run(script: &Script, server: SocketAddr, patience: Duration) -> Result<Recording, Unreachable> {
    let first = Control::connect(None, server, patience).map_err(|cause| Unreachable { server, cause })?;
    let mut replay = Replay {
        server,
        patience,
        source: None,
        started: None,
        connections: BTreeMap::from([(FIRST.to_owned(), first)]),
        present: FIRST.to_owned(),
        secrets: &script.secrets,
        lines: Vec::new(),
        masks: vec![Mask::Addresses],
    };
    let mut steps = Vec::new();
    replay.reply();
    steps.push(replay.heard(0, "(greeting)".into()));
    for step in &script.steps {
        replay.masks.clone_from(&step.masks);
        replay.step(step);
        steps.push(replay.heard(step.line, step.shown.clone()));
    }
    for name in replay.connections.keys().cloned().collect::<Vec<_>>() {
        replay.present = name.clone();
        replay.with(|control| control.hang_up());
        replay.end();
        let shown = if name == FIRST { "(end)".into() } else { format!("(end of {name})") };
        steps.push(replay.heard(0, shown));
    }
    Ok(Recording { steps })
}

/// A dialogue in progress.
pub(crate) struct Replay<'a> {
    pub(crate) server: SocketAddr,
    pub(crate) patience: Duration,
    /// The address of this machine that connections come from; none lets the kernel choose.
    pub(crate) source: Option<IpAddr>,
    /// The transfer that was begun and stands still.
    pub(crate) started: Option<(Transfer, TcpStream)>,
    connections: BTreeMap<String, Control>,
    present: String,
    secrets: &'a [Vec<u8>],
    /// What was heard in this step.
    lines: Vec<Masked>,
    masks: Vec<Mask>,
}

impl Replay<'_> {
    fn step(&mut self, step: &Step) {
        match &step.act {
            Act::Command(command) => {
                self.command(command);
            }
            Act::Transfer(transfer) => self.transfer(transfer),
            Act::Send(octets) => {
                self.with(|control| control.send(octets));
            }
            Act::Urgent(octets) => {
                self.with(|control| control.urgent(octets));
            }
            Act::Start(transfer) => self.start(transfer),
            Act::Finish => self.finish(),
            Act::From(source) => self.source = Some(*source),
            Act::Reply => {
                self.reply();
            }
            Act::End => self.end(),
            Act::Connect(name) => match Control::connect(self.source, self.server, self.patience) {
                Ok(control) => {
                    self.connections.insert(name.clone(), control);
                    self.present.clone_from(name);
                    self.reply();
                }
                Err(error) => self.note(&format!("no connection: {}", error.kind())),
            },
            Act::Use(name) => self.present.clone_from(name),
        }
    }

    fn heard(&mut self, line: usize, shown: String) -> Heard {
        Heard { line, shown, lines: std::mem::take(&mut self.lines) }
    }

    /// Sends a command and writes down its replies; returns whether the last was positive.
    fn command(&mut self, command: &[u8]) -> bool {
        let line = [command, b"\r\n"].concat();
        if self.with(|control| control.send(&line)).is_none() {
            return false;
        }
        loop {
            match self.reply() {
                // Without a data connection nothing but the next reply can follow.
                Some(reply) if reply.is_preliminary() => {}
                Some(reply) => return reply.is_positive(),
                None => return false,
            }
        }
    }

    /// Reads a reply and writes it down; on none, writes down why.
    pub(crate) fn reply(&mut self) -> Option<Reply> {
        match self.with(Control::reply)? {
            Ok(reply) => {
                self.write_down(&reply.lines);
                Some(reply)
            }
            Err(how) => {
                self.note(how);
                None
            }
        }
    }

    fn end(&mut self) {
        let Some((lines, how)) = self.with(Control::end) else { return };
        self.write_down(&lines);
        self.note(how);
    }

    /// Does something with the present connection; notes when there is none.
    pub(crate) fn with<T>(&mut self, work: impl FnOnce(&mut Control) -> T) -> Option<T> {
        match self.connections.get_mut(&self.present) {
            Some(control) => Some(work(control)),
            None => {
                self.note("there is no connection of this name");
                None
            }
        }
    }

    fn write_down(&mut self, lines: &[Vec<u8>]) {
        for line in lines {
            // The line end that the RFC wants is not worth showing; any other is.
            let line = line.strip_suffix(b"\r\n").unwrap_or(line);
            let line = without_secrets(line, self.secrets);
            self.lines.push(Masked::reply(&line, &self.masks));
        }
        if self.masks.contains(&Mask::Text) && lines.len() > 1 {
            let from = self.lines.len() - lines.len();
            self.lines.truncate(from + 1);
        }
    }

    pub(crate) fn write_down_data(&mut self, octets: &[u8]) {
        for line in octets.split_inclusive(|octet| *octet == b'\n') {
            let shown = [b"| ", line].concat();
            let shown = shown.strip_suffix(b"\r\n").unwrap_or(&shown);
            self.lines.push(Masked::data(&without_secrets(shown, self.secrets), &self.masks));
        }
    }

    pub(crate) fn note(&mut self, text: &str) {
        self.lines.push(Masked::plain(format!("({text})").as_bytes()));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Variables, compare};
    use std::io::{BufRead, BufReader, Write};
    use std::net::{Ipv4Addr, TcpListener};
    use std::path::Path;

    /// A server that answers each line with what is next in a list, whatever the line.
    fn answering(answers: &'static [&'static str]) -> SocketAddr {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let address = listener.local_addr().unwrap();
        std::thread::spawn(move || {
            let mut stream = listener.accept().unwrap().0;
            let mut lines = BufReader::new(stream.try_clone().unwrap());
            for answer in answers {
                stream.write_all(answer.as_bytes()).unwrap();
                lines.read_line(&mut String::new()).unwrap();
            }
        });
        address
    }

    fn recorded(script: &str, answers: &'static [&'static str]) -> Recording {
        let mut variables = Variables::default();
        variables.set_secret("PASS", b"hush");
        let script = Script::parse(script.as_bytes(), &variables, Path::new("/")).unwrap();
        run(&script, answering(answers), Duration::from_secs(10)).unwrap()
    }

    #[test]
    fn two_servers_that_say_the_same_do_not_differ() {
        let record = || recorded("NOOP\n", &["220 hi\r\n", "200-a\r\n200 ok\r\n"]);
        let comparison = compare(&record(), &record());
        assert!(comparison.is_same());
        assert_eq!(comparison.steps, 3);
    }

    #[test]
    fn another_text_an_extra_line_and_an_early_close_are_differences() {
        let one = recorded("NOOP\nPWD\n", &["220 hi\r\n", "200 ok\r\n", "257 x\r\n"]);
        let two = recorded("NOOP\nPWD\n", &["220 hi\r\n", "200-ok\r\n200 ok\r\n"]);
        let comparison = compare(&one, &two);
        let steps: Vec<&str> = comparison.differences.iter().map(|step| step.said.as_str()).collect();
        assert_eq!(steps, ["NOOP", "PWD"]);
        let lines: Vec<String> = comparison.differences[1].lines.iter().map(ToString::to_string).collect();
        assert_eq!(lines, ["-257 x", "+(the server closed the connection)"]);
    }

    #[test]
    fn a_server_that_repeats_the_password_does_not_show_it() {
        let one = recorded("PASS ${PASS}\n", &["220 hi\r\n", "500 hush?\r\n"]);
        let two = recorded("PASS ${PASS}\n", &["220 hi\r\n", "230 ok\r\n"]);
        let shown = format!("{:?}", compare(&one, &two));
        assert!(shown.contains("500 ***?") && !shown.contains("hush"), "{shown}");
    }

    #[test]
    fn a_server_that_is_not_there_is_unreachable() {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let address = listener.local_addr().unwrap();
        drop(listener);
        let script = Script::parse(b"", &Variables::default(), Path::new("/")).unwrap();
        let error = run(&script, address, Duration::from_secs(10)).unwrap_err();
        assert!(error.to_string().contains(&address.to_string()));
    }
}
