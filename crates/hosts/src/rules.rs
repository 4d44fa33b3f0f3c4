//! The rules of both files for one daemon, and the judgement of a client.

use std::io;
use std::net::SocketAddr;
use std::path::Path;

use crate::client::{Client, Host, Name};
use crate::expand::{Facts, Lack};
use crate::file::{self, Lists};
use crate::list::Answer;
use crate::option::Variable;
use crate::remark::{Place, Remark, Remarks};
use crate::rule::{Rule, Table};
use crate::stance::Verdict;

/// The rules of both files that may concern one daemon, in their order.
#[derive(Debug)]
pub struct Rules {
    daemon: String,
    rules: Vec<Rule>,
    remarks: Remarks,
}

/// What the rules say of a client.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Judgement {
    /// It may come in.
    Admit {
        /// What `setenv` options put into the environment, each name once. The names are the file's, `LD_PRELOAD` as well
        /// as others: take the ones you know, do not export them all.
        environment: Vec<(Vec<u8>, Vec<u8>)>,
        /// The rule that said so; `None` when none spoke of this client.
        rule: Option<Place>,
    },
    /// It may not.
    Refuse {
        /// The rule that said so.
        rule: Place,
    },
    /// The first rule that could decide needs the client's name: look it up and ask again with what came of it.
    NeedsName,
}

/// A file's path, for places and remarks, and what stands in it.
#[derive(Clone, Copy, Debug)]
pub struct Text<'a> {
    /// How remarks name the file.
    pub path: &'a Path,
    /// Its octets.
    pub octets: &'a [u8],
}

impl Rules {
    /// Reads both files, and the list files they name, for one daemon; a missing file is an empty one.
    ///
    /// # Errors
    /// A file that is there and cannot be read whole: no right to, no file, longer than 4 MiB, lists longer than 16 MiB
    /// together or named more than eight deep. The error names the file. Admit nobody then: a rule may be missing.
    pub fn read(daemon: &str, allow: &Path, deny: &Path) -> io::Result<Self> {
        let texts = (file::read(allow)?.unwrap_or_default(), file::read(deny)?.unwrap_or_default());
        let allow = Text { path: allow, octets: &texts.0 };
        let deny = Text { path: deny, octets: &texts.1 };
        Self::parse(daemon, allow, deny, file::read)
    }

    /// Reads both files from memory; `lists` gives list files, and `None` for one that does not exist.
    ///
    /// # Errors
    /// Those of `lists`, and lists that are too long or too deep.
    pub fn parse(
        daemon: &str,
        allow: Text<'_>,
        deny: Text<'_>,
        mut lists: impl FnMut(&Path) -> io::Result<Option<Vec<u8>>>,
    ) -> io::Result<Self> {
        let mut lists = Lists::new(&mut lists);
        let mut remarks = Remarks::default();
        let mut rules = Vec::new();
        for (text, verdict) in [(allow, Verdict::Admit), (deny, Verdict::Refuse)] {
            let file = text.path.into();
            let mut table = Table { daemon, file, verdict, remarks: &mut remarks, lists: &mut lists };
            rules.extend(table.rules(text.octets)?);
        }
        Ok(Self { daemon: daemon.to_owned(), rules, remarks })
    }

    /// What a person should know about the lines that concern this daemon; at most a hundred, and one that says so.
    #[must_use]
    pub fn remarks(&self) -> &[Remark] {
        self.remarks.all()
    }

    /// Judges a client who came to the end `server` of ours.
    ///
    /// The first rule that speaks of it decides, those of `hosts.allow` first; without one it may come in.
    #[must_use]
    pub fn judge(&self, client: &Client, server: SocketAddr) -> Judgement {
        let client = Host::new(client.address, client.name.clone());
        let server = Host::new(server, Name::Unknown);
        let facts = Facts { daemon: &self.daemon, client: &client, server: &server };
        for rule in &self.rules {
            match rule.matches(&client, &server) {
                Answer::No => {}
                Answer::Open => return Judgement::NeedsName,
                Answer::Yes => return decide(rule, &facts),
            }
        }
        Judgement::Admit { environment: Vec::new(), rule: None }
    }
}

/// What a rule that speaks of the client comes to; a value that cannot be set refuses, as in libwrap.
fn decide(rule: &Rule, facts: &Facts<'_>) -> Judgement {
    let refuse = || Judgement::Refuse { rule: rule.place.clone() };
    if rule.outcome.verdict == Verdict::Refuse {
        return refuse();
    }
    let mut environment: Vec<Variable> = Vec::new();
    for setting in &rule.outcome.settings {
        let (name, value) = match setting.expanded(facts) {
            Ok(Some(pair)) => pair,
            Ok(None) | Err(Lack::Room) => return refuse(),
            Err(Lack::Name) => return Judgement::NeedsName,
        };
        environment.retain(|(other, _)| *other != name);
        environment.push((name, value));
    }
    Judgement::Admit { environment, rule: Some(rule.place.clone()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rules(allow: &str, deny: &str) -> Rules {
        let allow = Text { path: Path::new("allow"), octets: allow.as_bytes() };
        let deny = Text { path: Path::new("deny"), octets: deny.as_bytes() };
        Rules::parse("vsftpd", allow, deny, |_| Ok(None)).unwrap()
    }

    fn judge(rules: &Rules, address: &str, name: Name) -> Judgement {
        let address = (address.parse::<std::net::IpAddr>().unwrap(), 4242).into();
        rules.judge(&Client { address, name }, "192.0.2.100:21".parse().unwrap())
    }

    fn place(file: &str, line: usize) -> Place {
        Place { file: Path::new(file).into(), line }
    }

    #[test]
    fn allow_comes_before_deny_and_silence_admits() {
        let rules = rules("# c\nvsftpd: 10.\n", "vsftpd: \\\n10.\nsshd: ALL\nvsftpd: 192.0.2.\n");
        let rule = Some(place("allow", 2));
        assert_eq!(judge(&rules, "10.0.0.1", Name::NotAsked), Judgement::Admit { environment: vec![], rule });
        assert_eq!(judge(&rules, "192.0.2.1", Name::NotAsked), Judgement::Refuse { rule: place("deny", 4) });
        let silence = Judgement::Admit { environment: vec![], rule: None };
        assert_eq!(judge(&rules, "198.51.100.1", Name::NotAsked), silence);
        assert!(rules.remarks().is_empty());
    }

    #[test]
    fn a_name_is_needed_only_when_the_first_rule_that_could_decide_asks_for_it() {
        let rules = rules("ALL: 10.\nALL: .example\n", "ALL: ALL\n");
        assert!(matches!(judge(&rules, "10.0.0.1", Name::NotAsked), Judgement::Admit { .. }));
        assert_eq!(judge(&rules, "192.0.2.1", Name::NotAsked), Judgement::NeedsName);
        let known = Name::Known("a.example".into());
        assert!(matches!(judge(&rules, "192.0.2.1", known), Judgement::Admit { .. }));
        for name in [Name::Unknown, Name::Mismatched] {
            assert_eq!(judge(&rules, "192.0.2.1", name), Judgement::Refuse { rule: place("deny", 1) });
        }
    }

    #[test]
    fn setenv_is_handed_back_and_the_last_value_stands() {
        let rules = rules("ALL: ALL: setenv A 1: setenv VSFTPD_LOAD_CONF /etc/%a: setenv A %d\n", "");
        let Judgement::Admit { environment, .. } = judge(&rules, "10.0.0.1", Name::NotAsked) else {
            panic!()
        };
        let pair = |name: &str, value: &str| (name.as_bytes().to_vec(), value.as_bytes().to_vec());
        assert_eq!(environment, [pair("VSFTPD_LOAD_CONF", "/etc/10.0.0.1"), pair("A", "vsftpd")]);
    }

    #[test]
    fn an_expansion_of_the_name_needs_the_name_and_a_wrong_variable_refuses() {
        let named = rules("ALL: ALL: setenv A %h\n", "");
        assert_eq!(judge(&named, "10.0.0.1", Name::NotAsked), Judgement::NeedsName);
        assert!(matches!(judge(&named, "10.0.0.1", Name::Unknown), Judgement::Admit { .. }));
        let wrong = rules("ALL: ALL: setenv %x 1\n", "");
        assert!(matches!(judge(&wrong, "10.0.0.1", Name::NotAsked), Judgement::Refuse { .. }));
    }

    #[test]
    fn both_files_are_read_and_need_not_be_there() {
        let room = tempfile::tempdir().unwrap();
        let (allow, deny) = (room.path().join("hosts.allow"), room.path().join("hosts.deny"));
        let read = || Rules::read("vsftpd", &allow, &deny);
        assert!(matches!(
            judge(&read().unwrap(), "10.0.0.1", Name::NotAsked),
            Judgement::Admit { rule: None, .. }
        ));
        let list = room.path().join("list");
        std::fs::write(&list, "10.").unwrap();
        std::fs::write(&deny, format!("vsftpd: {}\n", list.display())).unwrap();
        assert!(matches!(judge(&read().unwrap(), "10.0.0.1", Name::NotAsked), Judgement::Refuse { .. }));
        std::fs::remove_file(&list).unwrap();
        std::fs::create_dir(&list).unwrap();
        assert!(read().is_err());
    }
}
