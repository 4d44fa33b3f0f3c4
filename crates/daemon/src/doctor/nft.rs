//! Reads what `nft -j list ruleset` says, and follows a stranger's first packet through it (libnftables-json(5)).

use serde_json::Value;

use super::firewall::{Fits, Verdict};

/// How deep chains may call each other; the kernel's own limit.
const DEEPEST: usize = 16;

/// The rules that are in force.
#[derive(Debug)]
pub(super) struct Rules {
    objects: Vec<Value>,
}

/// What happened in a chain.
enum Outcome {
    Accept,
    Drop,
    /// The chain has said nothing.
    Nothing,
}

/// A walk through one hook, and what it met that it could not understand.
#[derive(Default)]
struct Walk {
    perhaps_open: Option<String>,
    perhaps_closed: Option<String>,
}

impl Rules {
    pub(super) fn read(text: &str) -> Option<Self> {
        let document: Value = serde_json::from_str(text).ok()?;
        Some(Self { objects: document.get("nftables")?.as_array()?.clone() })
    }

    /// Whether rules were made by iptables, with parts that nft cannot express.
    pub(super) fn is_foreign(&self) -> bool {
        self.rules().any(|rule| expressions(rule).iter().any(|part| part.get("xt").is_some()))
    }

    /// What becomes of a packet to a port: every chain at the hook `input` must let it pass.
    pub(super) fn judge(&self, port: u16) -> Verdict {
        self.judge_chains(port, |_| true)
    }

    /// As [`Self::judge`], without the table that iptables writes.
    pub(super) fn judge_native(&self, port: u16) -> Verdict {
        self.judge_chains(port, |chain| (text(chain, "family"), text(chain, "table")) != ("ip", "filter"))
    }

    fn judge_chains(&self, port: u16, counts: impl Fn(&Value) -> bool) -> Verdict {
        let bases = self.of("chain").filter(|chain| {
            text(chain, "hook") == "input"
                && text(chain, "type") == "filter"
                && matches!(text(chain, "family"), "ip" | "inet")
                && counts(chain)
        });
        bases.map(|base| self.through(base, port)).max().unwrap_or(Verdict::Open)
    }

    fn through(&self, base: &Value, port: u16) -> Verdict {
        let mut walk = Walk::default();
        let is_open = match self.walk(base, text(base, "name"), port, 0, &mut walk) {
            Outcome::Accept => true,
            Outcome::Drop => false,
            Outcome::Nothing => text(base, "policy") != "drop",
        };
        let (family, table, chain) = (text(base, "family"), text(base, "table"), text(base, "name"));
        match (is_open, walk.perhaps_open, walk.perhaps_closed) {
            (true, _, None) => Verdict::Open,
            (true, _, Some(why)) | (false, Some(why), _) => Verdict::Unclear(why),
            (false, None, _) => Verdict::Closed {
                place: format!("nftables (table {family} {table}, chain {chain})"),
                cure: format!("nft insert rule {family} {table} {chain} tcp dport '{{ {{}} }}' accept"),
            },
        }
    }

    fn walk(&self, base: &Value, chain: &str, port: u16, depth: usize, walk: &mut Walk) -> Outcome {
        let here = |rule: &&Value| {
            text(rule, "chain") == chain
                && text(rule, "table") == text(base, "table")
                && text(rule, "family") == text(base, "family")
        };
        for rule in self.rules().filter(here) {
            let mut fits = Fits::Yes;
            for part in expressions(rule) {
                if fits == Fits::No {
                    break;
                }
                let said = match part.as_object().and_then(|part| part.iter().next()) {
                    Some((word, inside)) => (word.as_str(), inside),
                    None => continue,
                };
                let (verdict, inside) = match said {
                    ("match", inside) => {
                        fits = fits.and(matches(inside, port));
                        continue;
                    }
                    ("vmap", inside) => match mapped(inside, port) {
                        Some(verdict) => verdict,
                        None => continue,
                    },
                    (verdict @ ("accept" | "drop" | "reject" | "jump" | "goto" | "return"), inside) => {
                        (verdict.to_owned(), inside.clone())
                    }
                    ("counter" | "log" | "comment" | "quota" | "mangle" | "notrack", _) => continue,
                    // A limit, a set that grows, something of another program.
                    _ => {
                        fits = fits.and(Fits::Perhaps);
                        continue;
                    }
                };
                let outcome = match verdict.as_str() {
                    "accept" => Outcome::Accept,
                    "drop" | "reject" => Outcome::Drop,
                    "jump" | "goto" if depth < DEEPEST => {
                        self.walk(base, text(&inside, "target"), port, depth + 1, walk)
                    }
                    "return" if fits == Fits::Yes => return Outcome::Nothing,
                    _ => Outcome::Nothing,
                };
                match (outcome, fits) {
                    (Outcome::Nothing, _) => {}
                    (outcome, Fits::Yes) => return outcome,
                    (Outcome::Accept, _) => walk.perhaps_open = Some(described(rule)),
                    (Outcome::Drop, _) => walk.perhaps_closed = Some(described(rule)),
                }
            }
        }
        Outcome::Nothing
    }

    fn rules(&self) -> impl Iterator<Item = &Value> {
        self.of("rule")
    }

    fn of(&self, kind: &'static str) -> impl Iterator<Item = &Value> {
        self.objects.iter().filter_map(move |object| object.get(kind))
    }
}

fn text<'a>(object: &'a Value, name: &str) -> &'a str {
    object.get(name).and_then(Value::as_str).unwrap_or_default()
}

fn expressions(rule: &Value) -> &[Value] {
    rule.get("expr").and_then(Value::as_array).map_or(&[], Vec::as_slice)
}

fn described(rule: &Value) -> String {
    let place = format!(
        "a rule of table {} {}, chain {}",
        text(rule, "family"),
        text(rule, "table"),
        text(rule, "chain")
    );
    format!("{place}, depends on more than the port")
}

/// What a packet is, by the left side of a match.
enum Is {
    Port,
    Word(&'static str),
    /// The other side does not matter: it is no such packet.
    NoSuch,
    Interface,
    Unknown,
}

fn subject(left: &Value) -> Is {
    if let Some(payload) = left.get("payload") {
        return match (text(payload, "protocol"), text(payload, "field")) {
            ("tcp" | "th", "dport") => Is::Port,
            ("ip", "protocol") => Is::Word("tcp"),
            ("tcp" | "th" | "ip", _) => Is::Unknown,
            _ => Is::NoSuch,
        };
    }
    if let Some(meta) = left.get("meta") {
        return match text(meta, "key") {
            "l4proto" => Is::Word("tcp"),
            "nfproto" => Is::Word("ipv4"),
            "iif" | "iifname" => Is::Interface,
            _ => Is::Unknown,
        };
    }
    match left.get("ct").map(|ct| text(ct, "key")) {
        Some("state") => Is::Word("new"),
        _ => Is::Unknown,
    }
}

fn matches(part: &Value, port: u16) -> Fits {
    let (Some(left), Some(right)) = (part.get("left"), part.get("right")) else { return Fits::Perhaps };
    let fits = match subject(left) {
        Is::Port => holds(right, |value| number_is(value, port)),
        Is::Word(word) => {
            holds(right, |value| Fits::when(value.as_str() == Some(word) || (word == "tcp" && value == 6)))
        }
        Is::NoSuch => return Fits::No,
        Is::Interface => holds(right, |value| if value == "lo" { Fits::No } else { Fits::Perhaps }),
        Is::Unknown => Fits::Perhaps,
    };
    if text(part, "op") == "!=" { fits.not() } else { fits }
}

/// Whether one of the values is meant.
fn holds(right: &Value, one: impl Fn(&Value) -> Fits) -> Fits {
    let list = right.get("set").unwrap_or(right);
    match list.as_array() {
        Some(values) => {
            let fits: Vec<Fits> = values.iter().map(one).collect();
            if fits.contains(&Fits::Yes) {
                Fits::Yes
            } else if fits.contains(&Fits::Perhaps) {
                Fits::Perhaps
            } else {
                Fits::No
            }
        }
        // A set with a name of its own.
        None if list.as_str().is_some_and(|name| name.starts_with('@')) => Fits::Perhaps,
        None => one(list),
    }
}

fn number_is(value: &Value, port: u16) -> Fits {
    let port = u64::from(port);
    if let Some(range) = value.get("range").and_then(Value::as_array) {
        let bounds: Vec<u64> = range.iter().filter_map(Value::as_u64).collect();
        return match bounds.as_slice() {
            [lowest, highest] => Fits::when((*lowest..=*highest).contains(&port)),
            _ => Fits::Perhaps,
        };
    }
    value.as_u64().map_or(Fits::Perhaps, |number| Fits::when(number == port))
}

/// The verdict that a map gives: for the port, or for what every new TCP packet is.
fn mapped(part: &Value, port: u16) -> Option<(String, Value)> {
    let is_ours = |value: &Value| match subject(part.get("key").unwrap_or(&Value::Null)) {
        Is::Port => number_is(value, port) == Fits::Yes,
        Is::Word(word) => value.as_str() == Some(word),
        _ => false,
    };
    let pairs = part.get("data")?.get("set")?.as_array()?;
    let verdict = pairs.iter().filter_map(Value::as_array).find_map(|pair| match pair.as_slice() {
        [value, verdict] if is_ours(value) => verdict.as_object()?.iter().next(),
        _ => None,
    });
    verdict.map(|(word, inside)| (word.clone(), inside.clone()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn rules(policy: &str, list: &[Value]) -> Rules {
        let mut objects = vec![json!({"chain": {"family": "inet", "table": "filter", "name": "input",
            "type": "filter", "hook": "input", "prio": 0, "policy": policy}})];
        objects.extend(list.iter().map(
            |expr| json!({"rule": {"family": "inet", "table": "filter", "chain": "input", "expr": expr}}),
        ));
        Rules::read(&json!({"nftables": objects}).to_string()).unwrap()
    }

    fn dport(right: &Value) -> Value {
        json!({"match": {"op": "==", "left": {"payload": {"protocol": "tcp", "field": "dport"}}, "right": right}})
    }

    fn is_closed(verdict: &Verdict) -> bool {
        matches!(verdict, Verdict::Closed { .. })
    }

    #[test]
    fn a_policy_of_drop_closes_what_no_rule_opens() {
        let state = json!({"match": {"op": "in", "left": {"ct": {"key": "state"}}, "right": ["established", "related"]}});
        let ports = json!({"set": [21, {"range": [50000, 50009]}]});
        let rules =
            rules("drop", &[json!([state, {"accept": null}]), json!([dport(&ports), {"accept": null}])]);
        assert_eq!(rules.judge(21), Verdict::Open);
        assert_eq!(rules.judge(50009), Verdict::Open);
        assert!(is_closed(&rules.judge(50010)));
        let Verdict::Closed { cure, .. } = rules.judge(22) else { panic!("closed") };
        assert_eq!(cure, "nft insert rule inet filter input tcp dport '{ {} }' accept");
    }

    #[test]
    fn a_rule_about_the_loopback_opens_nothing_and_one_about_sources_is_unclear() {
        let lo = json!({"match": {"op": "==", "left": {"meta": {"key": "iifname"}}, "right": "lo"}});
        let lan = json!({"match": {"op": "==", "left": {"payload": {"protocol": "ip", "field": "saddr"}}, "right": "10.0.0.1"}});
        assert!(is_closed(&rules("drop", &[json!([lo, {"accept": null}])]).judge(21)));
        assert!(matches!(rules("drop", &[json!([lan, {"accept": null}])]).judge(21), Verdict::Unclear(_)));
        assert!(matches!(rules("accept", &[json!([lan, {"drop": null}])]).judge(21), Verdict::Unclear(_)));
    }

    #[test]
    fn maps_of_verdicts_and_other_protocols_are_understood() {
        let states = json!({"vmap": {"key": {"ct": {"key": "state"}},
            "data": {"set": [["established", {"accept": null}], ["invalid", {"drop": null}]]}}});
        let udp = json!({"match": {"op": "==", "left": {"payload": {"protocol": "udp", "field": "dport"}}, "right": 21}});
        let ports = json!({"vmap": {"key": {"payload": {"protocol": "tcp", "field": "dport"}},
            "data": {"set": [[21, {"accept": null}]]}}});
        let list =
            [json!([states]), json!([udp, {"accept": null}]), json!([ports]), json!([{"reject": null}])];
        let rules = rules("accept", &list);
        assert_eq!(rules.judge(21), Verdict::Open);
        assert!(is_closed(&rules.judge(22)));
    }

    #[test]
    fn without_rules_everything_is_open() {
        assert_eq!(Rules::read("{\"nftables\": []}").unwrap().judge(21), Verdict::Open);
        assert!(Rules::read("no").is_none());
    }
}
