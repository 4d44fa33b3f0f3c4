//! The firewall of this machine: does it let a stranger's first packet to a port in?
//!
//! Rules are read, not tried. What cannot be understood makes the answer unclear, never good.

use std::collections::BTreeMap;
use std::process::Command;

use super::finding::{Findings, State};
use super::{iptables, nft};
use crate::surroundings;

/// What becomes of a new TCP connection from the Internet to one port.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Verdict {
    /// It is let in.
    Open,
    /// It depends on something that is not known here; the words say on what.
    Unclear(String),
    /// It is refused or dropped.
    Closed {
        /// By which chain.
        place: String,
        /// What would let it in; `{}` stands for the ports.
        cure: String,
    },
}

/// Whether a rule is about the packet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fits {
    Yes,
    No,
    Perhaps,
}

impl Fits {
    pub(super) fn when(fits: bool) -> Self {
        if fits { Self::Yes } else { Self::No }
    }

    pub(super) fn and(self, other: Self) -> Self {
        match (self, other) {
            (Self::No, _) | (_, Self::No) => Self::No,
            (Self::Yes, Self::Yes) => Self::Yes,
            _ => Self::Perhaps,
        }
    }

    pub(super) fn not(self) -> Self {
        match self {
            Self::Yes => Self::No,
            Self::No => Self::Yes,
            Self::Perhaps => Self::Perhaps,
        }
    }
}

/// Judges the ports by the rules that are in force, and says what it found.
pub(super) fn examine(ports: &[u16], findings: &mut Findings) {
    if let Some(rules) = output("nft", &["-j", "list", "ruleset"])
        && let Some(rules) = nft::Rules::read(&rules)
    {
        if !rules.is_foreign() {
            return tell("nftables", ports, |port| rules.judge(port), findings);
        }
        // Rules that iptables made are best told by iptables.
        if let Some(table) =
            output("iptables-save", &["-t", "filter"]).map(|text| iptables::Rules::read(&text))
        {
            let both = |port| rules.judge_native(port).max(table.judge(port));
            return tell("nftables and iptables", ports, both, findings);
        }
        return tell("nftables", ports, |port| rules.judge(port), findings);
    }
    if let Some(text) = output("iptables-save", &["-t", "filter"]) {
        let rules = iptables::Rules::read(&text);
        return tell("iptables", ports, |port| rules.judge(port), findings);
    }
    let help = "run it as root, with nft or iptables-save installed";
    let sentence = "the rules of this machine's firewall cannot be read, if it has any";
    findings.add_with_cure(State::Unclear, "firewall", sentence, help);
}

fn tell(who: &str, ports: &[u16], judge: impl Fn(u16) -> Verdict, findings: &mut Findings) {
    let mut found: BTreeMap<Verdict, Vec<u16>> = BTreeMap::new();
    for port in ports {
        found.entry(judge(*port)).or_default().push(*port);
    }
    for (verdict, ports) in found {
        let list = surroundings::ports(&ports);
        match verdict {
            Verdict::Open => {
                findings.add(State::Good, "firewall", format!("{who} lets clients in to TCP {list}"));
            }
            Verdict::Unclear(why) => {
                findings.add(
                    State::Unclear,
                    "firewall",
                    format!("{who} may or may not let clients in to TCP {list}: {why}"),
                );
            }
            Verdict::Closed { place, cure } => {
                let sentence = format!("{place} keeps clients from TCP {list}");
                findings.add_with_cure(
                    State::Trouble,
                    "firewall",
                    sentence,
                    cure.replace("{}", &cure_ports(&cure, &list)),
                );
            }
        }
    }
}

/// iptables writes ranges with a colon.
fn cure_ports(cure: &str, list: &str) -> String {
    match cure.starts_with("iptables") {
        true => list.replace('-', ":").replace(' ', ""),
        false => list.to_owned(),
    }
}

/// What a program prints; `None` when it is not there or not content.
fn output(program: &str, arguments: &[&str]) -> Option<String> {
    let places = ["/usr/sbin", "/sbin", "/usr/bin", "/bin"];
    let path =
        places.iter().map(|place| std::path::Path::new(place).join(program)).find(|path| path.exists())?;
    let output = Command::new(path).args(arguments).env("LC_ALL", "C").output().ok()?;
    output.status.success().then(|| String::from_utf8_lossy(&output.stdout).into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ports_with_the_same_fate_are_told_together() {
        let mut findings = Findings::default();
        let judge = |port| match port {
            21 => Verdict::Open,
            _ => Verdict::Closed { place: "it".into(), cure: "iptables --dports {}".into() },
        };
        tell("x", &[21, 50000, 50001, 60000], judge, &mut findings);
        assert_eq!(findings.0.len(), 2);
        assert_eq!(findings.0[1].sentence, "it keeps clients from TCP 50000-50001, 60000");
        assert_eq!(findings.0[1].cure.as_deref(), Some("iptables --dports 50000:50001,60000"));
    }
}
