//! Reads what `iptables-save` says, and follows a stranger's first packet through it (iptables(8), iptables-extensions(8)).

use std::collections::HashMap;

use super::firewall::{Fits, Verdict};

/// How deep chains may call each other.
const DEEPEST: usize = 16;

/// The table `filter`.
#[derive(Debug, Default)]
pub(super) struct Rules {
    chains: HashMap<String, Vec<Rule>>,
    /// The policy of `INPUT` is to let in.
    is_open: bool,
}

#[derive(Debug)]
struct Rule {
    written: String,
    words: Vec<String>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Outcome {
    Accept,
    Drop,
    Return,
}

impl Rules {
    pub(super) fn read(text: &str) -> Self {
        let mut rules = Self { is_open: true, ..Self::default() };
        for line in text.lines() {
            if let Some(policy) = line.strip_prefix(":INPUT ") {
                rules.is_open = !policy.starts_with("DROP");
            }
            let words: Vec<String> = line.split_whitespace().map(str::to_owned).collect();
            if let [append, chain, rest @ ..] = words.as_slice()
                && append == "-A"
            {
                let rule = Rule { written: line.to_owned(), words: rest.to_vec() };
                rules.chains.entry(chain.clone()).or_default().push(rule);
            }
        }
        rules
    }

    pub(super) fn judge(&self, port: u16) -> Verdict {
        let mut doubts = (None, None);
        let is_open = match self.walk("INPUT", port, 0, &mut doubts) {
            Some(Outcome::Accept) => true,
            Some(Outcome::Drop) => false,
            Some(Outcome::Return) | None => self.is_open,
        };
        match (is_open, doubts) {
            (true, (_, None)) => Verdict::Open,
            (true, (_, Some(rule))) | (false, (Some(rule), _)) => {
                Verdict::Unclear(format!("`{rule}` depends on more than the port"))
            }
            (false, (None, _)) => Verdict::Closed {
                place: "iptables (chain INPUT)".into(),
                cure: "iptables -I INPUT -p tcp -m multiport --dports {} -j ACCEPT".into(),
            },
        }
    }

    fn walk(
        &self,
        chain: &str,
        port: u16,
        depth: usize,
        doubts: &mut (Option<String>, Option<String>),
    ) -> Option<Outcome> {
        for rule in self.chains.get(chain).into_iter().flatten() {
            let (fits, target) = rule.read(port);
            if fits == Fits::No {
                continue;
            }
            let outcome = match target.as_deref()? {
                "ACCEPT" => Some(Outcome::Accept),
                "DROP" | "REJECT" => Some(Outcome::Drop),
                "RETURN" if fits == Fits::Yes => return Some(Outcome::Return),
                chain if depth < DEEPEST && self.chains.contains_key(chain) => {
                    self.walk(chain, port, depth + 1, doubts).filter(|outcome| *outcome != Outcome::Return)
                }
                _ => None,
            };
            match (outcome, fits) {
                (None | Some(Outcome::Return), _) => {}
                (outcome, Fits::Yes) => return outcome,
                (Some(Outcome::Accept), _) => doubts.0 = Some(rule.written.clone()),
                (Some(Outcome::Drop), _) => doubts.1 = Some(rule.written.clone()),
            }
        }
        None
    }
}

impl Rule {
    /// Whether the packet is meant, and where the rule leads.
    fn read(&self, port: u16) -> (Fits, Option<String>) {
        let (mut fits, mut target, mut is_not) = (Fits::Yes, Some(String::new()), false);
        let mut words = self.words.iter();
        while let Some(word) = words.next() {
            let mut value = || words.next().map_or("", String::as_str);
            let part = match word.as_str() {
                "!" => {
                    is_not = true;
                    continue;
                }
                "-j" | "-g" => {
                    target = Some(value().to_owned());
                    // What follows are the target's own words.
                    break;
                }
                "-p" => Fits::when(matches!(value(), "tcp" | "6" | "all")),
                "-i" => {
                    if value() == "lo" {
                        Fits::No
                    } else {
                        Fits::Perhaps
                    }
                }
                "--dport" | "--dports" => ports_hold(value(), port),
                "--ctstate" | "--state" => Fits::when(value().split(',').any(|state| state == "NEW")),
                "-m" => {
                    let module = value();
                    if matches!(module, "tcp" | "multiport" | "conntrack" | "state" | "comment") {
                        continue;
                    }
                    Fits::Perhaps
                }
                "--comment" => {
                    value();
                    continue;
                }
                _ => Fits::Perhaps,
            };
            fits = fits.and(if std::mem::take(&mut is_not) { part.not() } else { part });
        }
        (fits, target)
    }
}

/// `21`, `50000:50009`, or a list of both.
fn ports_hold(text: &str, port: u16) -> Fits {
    let one = |part: &str| {
        let (lowest, highest) = part.split_once(':').unwrap_or((part, part));
        let bound = |text: &str, open: u16| if text.is_empty() { Some(open) } else { text.parse().ok() };
        Some((bound(lowest, 0)?..=bound(highest, u16::MAX)?).contains(&port))
    };
    let parts: Option<Vec<bool>> = text.split(',').map(one).collect();
    parts.map_or(Fits::Perhaps, |parts| Fits::when(parts.contains(&true)))
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOME: &str = "*filter\n:INPUT DROP [0:0]\n:ftp - [0:0]\n-A INPUT -i lo -j ACCEPT\n\
        -A INPUT -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT\n-A INPUT -p tcp -m tcp --dport 21 -j ACCEPT\n\
        -A INPUT -p tcp -j ftp\n-A INPUT -s 10.0.0.0/8 -p tcp -m tcp --dport 22 -j ACCEPT\n\
        -A ftp -p tcp -m multiport --dports 50000:50009,60000 -m comment --comment x -j ACCEPT\nCOMMIT\n";

    #[test]
    fn a_packet_is_followed_through_the_chains() {
        let rules = Rules::read(HOME);
        assert_eq!(rules.judge(21), Verdict::Open);
        assert_eq!(rules.judge(50005), Verdict::Open);
        assert!(matches!(rules.judge(22), Verdict::Unclear(why) if why.contains("10.0.0.0/8")));
        assert!(matches!(rules.judge(50010), Verdict::Closed { .. }));
    }

    #[test]
    fn a_rule_that_rejects_the_rest_closes_it_whatever_the_policy() {
        let rules = Rules::read(
            ":INPUT ACCEPT [0:0]\n-A INPUT -p tcp -m tcp ! --dport 21 -j REJECT --reject-with tcp-reset\n",
        );
        assert_eq!(rules.judge(21), Verdict::Open);
        assert!(matches!(rules.judge(22), Verdict::Closed { .. }));
        assert_eq!(Rules::read("").judge(21), Verdict::Open);
    }
}
