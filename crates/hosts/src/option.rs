//! Options behind the client list, and what a rule comes to with them (hosts_options(5)).
//!
//! Nothing is executed. What libwrap would refuse for a wrong option is refused here as well.

use crate::expand::{Facts, Lack, expand};
use crate::remark::Effect;
use crate::stance::Verdict;

/// What a matching rule comes to.
#[derive(Debug)]
pub(crate) struct Outcome {
    pub(crate) verdict: Verdict,
    /// What it puts into the environment; empty when it refuses.
    pub(crate) settings: Vec<Setting>,
}

impl Outcome {
    pub(crate) fn plain(verdict: Verdict) -> Self {
        Self { verdict, settings: Vec::new() }
    }
}

/// Name and value of an environment variable.
pub(crate) type Variable = (Vec<u8>, Vec<u8>);

/// One `setenv`, not yet expanded.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Setting {
    name: Box<[u8]>,
    value: Box<[u8]>,
}

impl Setting {
    fn new(text: &[u8]) -> Self {
        let end = text.iter().position(u8::is_ascii_whitespace).unwrap_or(text.len());
        let (name, value) = text.split_at_checked(end).unwrap_or((text, b""));
        Self { name: name.into(), value: value.trim_ascii().into() }
    }

    /// Expands name and value; `Ok(None)` when no environment can hold them.
    pub(crate) fn expanded(&self, facts: &Facts<'_>) -> Result<Option<Variable>, Lack> {
        let (name, value) = (expand(&self.name, facts)?, expand(&self.value, facts)?);
        Ok(is_name(&name).then_some((name, value)))
    }
}

fn is_name(name: &[u8]) -> bool {
    !name.is_empty() && !name.contains(&b'=') && !name.contains(&0)
}

/// What is told about an option.
pub(crate) struct Told {
    pub(crate) text: Vec<u8>,
    pub(crate) effect: Effect,
    pub(crate) what: &'static str,
    pub(crate) advice: &'static str,
}

/// Reads the options of a rule; the first that decides ends the reading.
pub(crate) fn outcome(options: &[u8], without: Verdict, tell: &mut dyn FnMut(Told)) -> Outcome {
    let mut settings = Vec::new();
    let mut fields = fields(options).into_iter().peekable();
    while let Some(field) = fields.next() {
        let step = step(&field, fields.peek().is_none());
        if let Some((effect, what, advice)) = step.told() {
            tell(Told { text: field, effect, what, advice });
        }
        match step {
            Step::Set(setting) => settings.push(setting),
            Step::PassOver(..) => {}
            Step::End(Verdict::Admit) => return Outcome { verdict: Verdict::Admit, settings },
            Step::End(Verdict::Refuse) | Step::Refuse(..) | Step::Broken(..) => {
                return Outcome::plain(Verdict::Refuse);
            }
        }
    }
    match without {
        Verdict::Admit => Outcome { verdict: Verdict::Admit, settings },
        Verdict::Refuse => Outcome::plain(Verdict::Refuse),
    }
}

/// What one option comes to.
enum Step {
    Set(Setting),
    End(Verdict),
    /// It is not carried out, and access does not hang on it: effect and advice.
    PassOver(Effect, &'static str),
    /// It is not carried out, and access hangs on it.
    Refuse(&'static str),
    /// It is wrong in a way for which libwrap refuses service.
    Broken(&'static str),
}

impl Step {
    fn told(&self) -> Option<(Effect, &'static str, &'static str)> {
        match self {
            Self::Set(_) | Self::End(_) => None,
            Self::PassOver(effect, advice) => Some((*effect, "this option is passed over", advice)),
            Self::Refuse(advice) => {
                Some((Effect::Stricter, "commands are not run, so this rule refuses", advice))
            }
            Self::Broken(what) => {
                Some((Effect::Stricter, what, "the rule refuses until it is mended, see hosts_options(5)"))
            }
        }
    }
}

fn step(field: &[u8], is_last: bool) -> Step {
    let (keyword, value) = keyword_and_value(field);
    let keyword = keyword.to_ascii_lowercase();
    match (keyword.as_slice(), value) {
        (b"", _) => Step::Broken("an option is missing between or behind colons"),
        (b"allow" | b"deny" | b"keepalive", Some(_)) => Step::Broken("this option takes no value"),
        (b"allow" | b"deny" | b"twist", _) if !is_last => Step::Broken("this option must be the last"),
        (b"allow", None) => Step::End(Verdict::Admit),
        (b"deny", None) => Step::End(Verdict::Refuse),
        (b"keepalive", None) => {
            Step::PassOver(Effect::None, "remove it, control connections are kept alive anyway")
        }
        (b"nice", value) => passed(value.is_none_or(parses::<i32>), "set Nice= in the service's unit"),
        (b"rfc931", value) => passed(
            value.is_none_or(|value| parses_above(value, 0)),
            "remove it, no client is asked who its user is",
        ),
        (
            b"setenv" | b"twist" | b"aclexec" | b"spawn" | b"banners" | b"severity" | b"linger" | b"umask"
            | b"user" | b"group",
            None,
        ) => Step::Broken("this option needs a value"),
        (b"setenv", Some(value)) => set(value),
        (b"twist", Some(_)) => Step::Refuse("write deny in its place"),
        (b"aclexec", Some(_)) => Step::Refuse("write the addresses as rules, or let PAM decide"),
        (b"spawn", Some(_)) => Step::PassOver(Effect::None, "let a program that reads the log do it"),
        (b"banners", Some(_)) => Step::PassOver(Effect::None, "use ftpd_banner or banner_file"),
        (b"severity", Some(value)) => {
            passed(is_severity(value), "remove it, log lines have fixed severities")
        }
        (b"linger", Some(value)) => passed(parses_above(value, -1), "remove it"),
        (b"umask", Some(value)) => passed(is_umask(value), "use local_umask and anon_umask"),
        (b"user" | b"group", Some(_)) => Step::PassOver(
            Effect::Looser,
            "remove it, sessions run without privilege and files are opened as the user",
        ),
        _ => Step::Broken("there is no such option"),
    }
}

fn passed(is_right: bool, advice: &'static str) -> Step {
    if is_right {
        Step::PassOver(Effect::None, advice)
    } else {
        Step::Broken("the value of this option is wrong")
    }
}

fn set(value: &[u8]) -> Step {
    let setting = Setting::new(value);
    if !is_name(&setting.name) {
        return Step::Broken("this is no name for a variable; name and value are separated by a blank");
    }
    Step::Set(setting)
}

/// Splits at colons; `\:` is a colon that does not split, any other backslash stands.
fn fields(options: &[u8]) -> Vec<Vec<u8>> {
    let mut fields = vec![Vec::new()];
    let mut octets = options.iter().copied().peekable();
    while let Some(octet) = octets.next() {
        if octet == b':' {
            fields.push(Vec::new());
        } else if let Some(field) = fields.last_mut() {
            let escaped = (octet == b'\\').then(|| octets.next_if_eq(&b':')).flatten();
            field.push(escaped.unwrap_or(octet));
        }
    }
    fields
}

/// Splits `keyword value` or `keyword = value`; exactly one `=` is allowed for.
fn keyword_and_value(field: &[u8]) -> (&[u8], Option<&[u8]>) {
    let field = field.trim_ascii();
    let end = field.iter().position(|octet| b"= \t".contains(octet)).unwrap_or(field.len());
    let (keyword, value) = field.split_at_checked(end).unwrap_or((field, b""));
    let value = value.trim_ascii_start();
    let value = value.strip_prefix(b"=").unwrap_or(value).trim_ascii_start();
    (keyword, (!value.is_empty()).then_some(value))
}

fn parses<T: std::str::FromStr>(value: &[u8]) -> bool {
    std::str::from_utf8(value).is_ok_and(|value| value.parse::<T>().is_ok())
}

fn parses_above(value: &[u8], least: i32) -> bool {
    std::str::from_utf8(value).is_ok_and(|value| value.parse::<i32>().is_ok_and(|value| value > least))
}

fn is_umask(value: &[u8]) -> bool {
    std::str::from_utf8(value)
        .is_ok_and(|value| u32::from_str_radix(value, 8).is_ok_and(|mask| mask <= 0o777))
}

/// The names that libwrap knows; syslog knows more.
fn is_severity(value: &[u8]) -> bool {
    const LEVELS: [&str; 8] = ["emerg", "alert", "crit", "err", "warning", "notice", "info", "debug"];
    const FACILITIES: [&str; 17] = [
        "kern", "user", "mail", "daemon", "auth", "lpr", "news", "uucp", "cron", "local0", "local1",
        "local2", "local3", "local4", "local5", "local6", "local7",
    ];
    let Ok(value) = std::str::from_utf8(value) else { return false };
    let value = value.to_ascii_lowercase();
    match value.split_once('.') {
        Some((facility, level)) => FACILITIES.contains(&facility) && LEVELS.contains(&level),
        None => LEVELS.contains(&value.as_str()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(options: &str) -> (Outcome, Vec<Told>) {
        let mut told = Vec::new();
        let outcome = outcome(options.as_bytes(), Verdict::Admit, &mut |one| told.push(one));
        (outcome, told)
    }

    fn verdict(options: &str) -> Verdict {
        read(options).0.verdict
    }

    fn setting(name: &str, value: &str) -> Setting {
        Setting { name: name.as_bytes().into(), value: value.as_bytes().into() }
    }

    #[test]
    fn allow_and_deny_decide_whatever_the_file() {
        assert_eq!(verdict(" ALLOW "), Verdict::Admit);
        assert_eq!(verdict("deny\r"), Verdict::Refuse);
        let mut silent = |_: Told| {};
        assert_eq!(outcome(b"allow", Verdict::Refuse, &mut silent).verdict, Verdict::Admit);
        assert_eq!(outcome(b"nice", Verdict::Refuse, &mut silent).verdict, Verdict::Refuse);
    }

    #[test]
    fn a_broken_option_refuses_and_is_told() {
        for options in [
            "",
            " : allow",
            "allow :",
            "allow : allow",
            "deny : nice",
            "allow x",
            "foo",
            "twist x : allow",
            "setenv",
            "setenv A=B",
            "setenv A=%h",
            "setenv = =A b",
            "umask 9",
            "umask 1777",
            "umask",
            "nice x",
            "linger -1",
            "rfc931 0",
            "severity foo.info",
            "severity mail.",
            "keepalive 3",
            "spawn =",
        ] {
            let (outcome, told) = read(options);
            assert_eq!(outcome.verdict, Verdict::Refuse, "{options}");
            assert_eq!(told.len(), 1, "{options}");
        }
    }

    #[test]
    fn commands_that_decide_refuse() {
        assert_eq!(verdict("twist /bin/echo 421 no"), Verdict::Refuse);
        assert_eq!(verdict("aclexec /bin/true : allow"), Verdict::Refuse);
    }

    #[test]
    fn the_rest_is_passed_over_and_told() {
        let options = "spawn (x) & : banners /b : nice : nice -3 : umask 022 : linger 3 : rfc931 : severity MAIL.INFO \
                       : severity = notice : keepalive : user nobody : group nogroup";
        let (outcome, told) = read(options);
        assert_eq!(outcome.verdict, Verdict::Admit);
        assert_eq!(told.len(), 12);
    }

    #[test]
    fn setenv_takes_a_name_and_the_rest_of_the_line() {
        let settings = |options| read(options).0.settings;
        assert_eq!(settings("setenv A  x y = z "), [setting("A", "x y = z")]);
        assert_eq!(settings("setenv\tA"), [setting("A", "")]);
        assert_eq!(
            settings("SETENV = A /x\\:y \\n : setenv B 1"),
            [setting("A", "/x:y \\n"), setting("B", "1")]
        );
        assert_eq!(settings("setenv A 1 : deny"), []);
    }
}
