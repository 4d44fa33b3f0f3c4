//! From the lines of a file to rules for one daemon (hosts_access(5), "ACCESS CONTROL RULES").

use std::io;
use std::path::Path;
use std::sync::Arc;

use crate::client::Host;
use crate::file::Lists;
use crate::line::{self, Damage, Line};
use crate::list::{Answer, List};
use crate::option::{self, Outcome};
use crate::pattern::{Pattern, Text};
use crate::read::{Reader, split_at_sign};
use crate::remark::{Effect, Place, Remarks};
use crate::stance::{Stance, Verdict};

/// A rule that may concern our daemon.
#[derive(Debug)]
pub(crate) struct Rule {
    pub(crate) place: Place,
    services: List<Service>,
    clients: List<Pattern>,
    pub(crate) outcome: Outcome,
}

impl Rule {
    /// Tells whether the rule speaks of this client, who came to this end of ours.
    pub(crate) fn matches(&self, client: &Host, server: &Host) -> Answer {
        self.services
            .matches(|service| service.matches(server))
            .and(|| self.clients.matches(|pattern| pattern.matches(client)))
    }

    /// The rule that libwrap makes of a line of `hosts.deny` it cannot read to its end.
    fn refusing_everyone(place: Place) -> Self {
        Self {
            place,
            services: List::read(b"ALL", |_, _| Service { which: Which::Daemon, at: None }),
            clients: List::read(b"ALL", |_, _| Pattern::Either(Text::All)),
            outcome: Outcome::plain(Verdict::Refuse),
        }
    }
}

/// One word of a daemon list, after our daemon's name was compared with it.
#[derive(Debug)]
struct Service {
    which: Which,
    /// The end of ours that the client came to.
    at: Option<Pattern>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Which {
    Daemon,
    Port(u16),
    Other,
}

impl Which {
    fn new(word: &[u8], daemon: &str) -> Self {
        if Text::new(word).matches(daemon.as_bytes()) {
            return Self::Daemon;
        }
        std::str::from_utf8(word).ok().and_then(|word| word.parse().ok()).map_or(Self::Other, Self::Port)
    }
}

impl Service {
    fn matches(&self, server: &Host) -> Answer {
        let which = match self.which {
            Which::Daemon => Answer::Yes,
            Which::Port(port) => (port == server.port).into(),
            Which::Other => Answer::No,
        };
        which.and(|| self.at.as_ref().map_or(Answer::Yes, |at| at.matches(server)))
    }
}

/// What every line of a file is read with.
pub(crate) struct Table<'a, 'b> {
    pub(crate) daemon: &'a str,
    pub(crate) file: Arc<Path>,
    /// What a rule of this file does without an option that says otherwise.
    pub(crate) verdict: Verdict,
    pub(crate) remarks: &'a mut Remarks,
    pub(crate) lists: &'a mut Lists<'b>,
}

impl<'b> Table<'_, 'b> {
    /// Reads a whole file.
    pub(crate) fn rules(&mut self, text: &[u8]) -> io::Result<Vec<Rule>> {
        line::lines(text).filter_map(|line| self.line(&line).transpose()).collect()
    }

    fn line(&mut self, line: &Line) -> io::Result<Option<Rule>> {
        let place = Place { file: Arc::clone(&self.file), line: line.number };
        if let Some(damage) = line.damage
            && self.verdict == Verdict::Refuse
        {
            let what = format!("{}: this line refuses everyone, as it does with libwrap", damage.told());
            self.remarks.add(&place, &line.text, Effect::Stricter, what, damage.advice());
            return Ok(Some(Rule::refusing_everyone(place)));
        }
        if line.is_blank() {
            return Ok(None);
        }
        if line.is_comment() {
            if line.height > 1 {
                let what = "the comment goes on over the next line, because it ends in a backslash";
                self.remarks.add(
                    &place,
                    &line.text,
                    Effect::Looser,
                    what,
                    "take the backslash away if a rule was meant",
                );
            }
            return Ok(None);
        }
        let Some((daemons, rest)) = line::split(&line.text, b':') else {
            let effect = if self.verdict == Verdict::Refuse { Effect::Looser } else { Effect::Stricter };
            let what = "there is no colon, the line is passed over";
            self.remarks.add(&place, &line.text, effect, what, "write daemons : clients");
            return Ok(None);
        };
        self.rule(line, place, daemons, rest)
    }

    fn rule(&mut self, line: &Line, place: Place, daemons: &[u8], rest: &[u8]) -> io::Result<Option<Rule>> {
        if !concerns(daemons, self.daemon) {
            return Ok(None);
        }
        let (clients, options) = match line::split(rest, b':') {
            Some((clients, options)) => (clients, Some(options)),
            None => (rest, None),
        };
        let mut outcome = self.outcome(&place, options);
        if !line::is_balanced(&line.text) {
            let what = "a bracket is not closed, and colons behind it separate nothing: the rule refuses";
            self.remarks.add(&place, &line.text, Effect::Stricter, what, "close it");
            outcome = Outcome::plain(Verdict::Refuse);
        }
        if let Some((what, advice)) = doubt(line)
            && outcome.verdict == Verdict::Admit
        {
            let what = format!("{what}: the line is passed over, since it would admit");
            self.remarks.add(&place, &line.text, Effect::Stricter, what, advice);
            return Ok(None);
        }
        let services = self.services(&place, daemons, outcome.verdict)?;
        let clients = self.clients(&place, clients, outcome.verdict)?;
        if clients.is_empty() {
            let effect = Stance { verdict: outcome.verdict, excepted: false }.of_too_few();
            self.remarks.add(
                &place,
                &line.text,
                effect,
                "no client is named, the rule matches nobody",
                "name some",
            );
        }
        Ok(Some(Rule { place, services, clients, outcome }))
    }

    fn outcome(&mut self, place: &Place, options: Option<&[u8]>) -> Outcome {
        let Some(options) = options else { return Outcome::plain(self.verdict) };
        option::outcome(options, self.verdict, &mut |told| {
            self.remarks.add(place, &told.text, told.effect, told.what, told.advice);
        })
    }

    fn services(&mut self, place: &Place, text: &[u8], verdict: Verdict) -> io::Result<List<Service>> {
        let mut failure = None;
        let list = List::read(text, |word, excepted| {
            let Some((name, host)) = split_at_sign(word) else {
                return Service { which: Which::new(word, self.daemon), at: None };
            };
            let which = Which::new(name, self.daemon);
            if which == Which::Other {
                return Service { which, at: None };
            }
            let stance = Stance { verdict, excepted };
            let mut at = self.reader(place).host(host, stance).unwrap_or_else(|error| {
                failure = Some(error);
                Pattern::Nobody
            });
            if at.needs_name() {
                let (instead, effect, outcome) = stance.unreadable();
                let what = format!("the server's own name is not looked up: {outcome}");
                self.remarks.add(place, word, effect, what, "write the address behind the @");
                at = at.without_names(&instead);
            }
            Service { which, at: Some(at) }
        });
        failure.map_or(Ok(list), Err)
    }

    fn clients(&mut self, place: &Place, text: &[u8], verdict: Verdict) -> io::Result<List<Pattern>> {
        let mut failure = None;
        let list = List::read(text, |word, excepted| {
            self.reader(place).client(word, Stance { verdict, excepted }).unwrap_or_else(|error| {
                failure = Some(error);
                Pattern::Nobody
            })
        });
        failure.map_or(Ok(list), Err)
    }

    fn reader<'c>(&'c mut self, place: &Place) -> Reader<'c, 'b> {
        Reader { place: place.clone(), remarks: self.remarks, lists: self.lists, depth: 0 }
    }
}

/// Tells whether a daemon list may speak of a daemon, whatever end and port a client comes to.
fn concerns(daemons: &[u8], daemon: &str) -> bool {
    let list = List::read(daemons, |word, _| match split_at_sign(word) {
        Some((name, _)) => (Which::new(name, daemon), true),
        None => (Which::new(word, daemon), false),
    });
    list.matches(|service| match service {
        (Which::Other, _) => Answer::No,
        (Which::Daemon, false) => Answer::Yes,
        _ => Answer::Open,
    }) != Answer::No
}

/// Why a line that can be split into fields should still admit nobody.
fn doubt(line: &Line) -> Option<(&'static str, &'static str)> {
    match line.damage {
        Some(damage) => Some((damage.told(), damage.advice())),
        None => line.is_indented_comment().then_some((
            "there are blanks before the #, so this is a rule and no comment",
            "put the # first",
        )),
    }
}

impl Damage {
    fn told(self) -> &'static str {
        match self {
            Self::Unterminated => "the file ends before the line does",
            Self::TooLong => "the line is longer than 2046 octets",
            Self::Nul => "the line holds a NUL",
        }
    }

    fn advice(self) -> &'static str {
        match self {
            Self::Unterminated => "put a line end behind it, and no backslash before that",
            Self::TooLong => "make several rules of it, or put the clients into a list file",
            Self::Nul => "write it anew",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rule_concerns_us_when_some_end_or_port_of_ours_could_be_meant() {
        for daemons in ["vsftpd", "ALL EXCEPT sshd", "vsftpd@10.", "2121", "ALL EXCEPT vsftpd@10.", "*"] {
            assert!(concerns(daemons.as_bytes(), "vsftpd"), "{daemons}");
        }
        for daemons in ["sshd", "ALL EXCEPT vsftpd", "sshd@10.", "65536", "EXCEPT ALL", "", "UNKNOWN"] {
            assert!(!concerns(daemons.as_bytes(), "vsftpd"), "{daemons}");
        }
    }
}
