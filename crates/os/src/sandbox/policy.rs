//! Reads the policies: which system calls a role may make, which end it, and why.
//!
//! A policy is lines of `NAME [ARGUMENT TEST …] # reason` under `[allow]` and `[kill]`. A test is
//! `N == VALUE`, `N in VALUE,VALUE` or `N & MASK == VALUE`; several are joined by `and`. Values are numbers or the
//! kernel's names. A call of neither list fails with `EPERM`.

use std::fmt;

use super::table;

/// Who is shut in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Role {
    /// Owns the sockets; reads nothing from strangers.
    Listener,
    /// Speaks with strangers.
    Session,
    /// Opens files as one user beneath one directory.
    Broker,
    /// Signs with the private keys.
    Keyholder,
    /// Speaks to the router in front.
    Mapper,
    /// Orders certificates from an authority.
    Acme,
    /// Asks PAM.
    Auth,
}

impl Role {
    /// Every role that is shut in, in the order people meet them.
    pub const ALL: [Self; 7] =
        [Self::Listener, Self::Session, Self::Broker, Self::Keyholder, Self::Mapper, Self::Acme, Self::Auth];

    /// The role's name as it appears everywhere.
    pub fn name(self) -> &'static str {
        match self {
            Self::Listener => "listener",
            Self::Session => "session",
            Self::Broker => "broker",
            Self::Keyholder => "keyholder",
            Self::Acme => "acme",
            Self::Mapper => "mapper",
            Self::Auth => "auth",
        }
    }

    fn sources(self) -> &'static [&'static str] {
        const NEVER: &str = include_str!("policy/never.policy");
        match self {
            Self::Listener => &[NEVER, include_str!("policy/listener.policy")],
            Self::Session => &[NEVER, include_str!("policy/session.policy")],
            Self::Broker => &[NEVER, include_str!("policy/broker.policy")],
            Self::Keyholder => &[NEVER, include_str!("policy/keyholder.policy")],
            Self::Acme => &[NEVER, include_str!("policy/acme.policy")],
            Self::Mapper => &[NEVER, include_str!("policy/mapper.policy")],
            Self::Auth => &[include_str!("policy/auth.policy")],
        }
    }
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// The machines whose call numbers we know.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Machine {
    X86_64,
    Aarch64,
}

impl Machine {
    /// The machine this program was built for, if its numbers are known.
    pub(super) fn here() -> Option<Self> {
        match std::env::consts::ARCH {
            "x86_64" => Some(Self::X86_64),
            "aarch64" => Some(Self::Aarch64),
            _ => None,
        }
    }
}

/// Something an argument of a call must satisfy.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Test {
    pub(super) argument: u8,
    /// Compare only these bits.
    pub(super) mask: Option<u64>,
    /// One of these.
    pub(super) values: Vec<u64>,
}

/// One line of a policy.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Line {
    pub(super) call: &'static str,
    /// All must hold; none means "always".
    pub(super) tests: Vec<Test>,
    /// The tests as written.
    written: &'static str,
    reason: &'static str,
}

/// What a role may do.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Policy {
    /// Without any line here, everything is allowed that does not kill.
    pub(super) allow: Vec<Line>,
    pub(super) kill: Vec<Line>,
}

impl Policy {
    /// Reads a role's policy; an error names the line and is a mistake of ours.
    pub(super) fn of(role: Role) -> Result<Self, String> {
        let mut policy = Self::default();
        for source in role.sources() {
            policy.read(source).map_err(|error| format!("policy of the role {role}: {error}"))?;
        }
        Ok(policy)
    }

    fn read(&mut self, source: &'static str) -> Result<(), String> {
        let mut section = None;
        for text in source.lines().map(str::trim) {
            match text {
                "" => {}
                "[allow]" => section = Some(&mut self.allow),
                "[kill]" => section = Some(&mut self.kill),
                _ if text.starts_with('#') => {}
                _ => {
                    let section =
                        section.as_mut().ok_or_else(|| format!("'{text}' stands before any section"))?;
                    section.push(line(text).map_err(|error| format!("'{text}': {error}"))?);
                }
            }
        }
        Ok(())
    }

    /// Writes the policy out for a person.
    pub(super) fn explain(&self) -> String {
        let list = |title: &str, lines: &[Line]| {
            let mut text = format!("  {title}\n");
            for line in lines {
                let call = format!("{} {}", line.call, line.written);
                text += &format!("    {:<28} {}\n", call.trim_end(), line.reason);
            }
            text
        };
        let rest = if self.allow.is_empty() {
            "  every other system call is allowed\n".to_owned()
        } else {
            list("system calls allowed; every other one is refused", &self.allow)
        };
        list("system calls that end the process at once", &self.kill) + &rest
    }
}

fn line(text: &'static str) -> Result<Line, String> {
    let (rule, reason) = text.split_once('#').ok_or("no reason is given")?;
    let reason = reason.trim();
    if reason.is_empty() {
        return Err("no reason is given".into());
    }
    let (call, written) = rule.trim().split_once(' ').unwrap_or((rule.trim(), ""));
    let written = written.trim();
    if table::find(call).is_none() {
        return Err(format!("no machine has a system call '{call}'"));
    }
    let tests = if written.is_empty() {
        Vec::new()
    } else {
        written.split(" and ").map(test).collect::<Result<_, _>>()?
    };
    Ok(Line { call, tests, written, reason })
}

fn test(text: &str) -> Result<Test, String> {
    let words: Vec<&str> = text.split_ascii_whitespace().collect();
    let (argument, mask, values) = match words.as_slice() {
        [argument, "==", wanted] => (argument, None, vec![value(wanted)?]),
        [argument, "in", list] => {
            (argument, None, list.split(',').map(value).collect::<Result<Vec<_>, _>>()?)
        }
        [argument, "&", mask, "==", wanted] => (argument, Some(value(mask)?), vec![value(wanted)?]),
        _ => return Err(format!("'{text}' is no test")),
    };
    match argument.parse() {
        Ok(argument @ 0..=5) => Ok(Test { argument, mask, values }),
        _ => Err(format!("'{argument}' is no argument of a system call")),
    }
}

fn value(word: &str) -> Result<u64, String> {
    if let Ok(number) = word.parse() {
        return Ok(number);
    }
    named(word).ok_or_else(|| format!("'{word}' is no value we know"))
}

/// The names a policy may use for values.
fn named(word: &str) -> Option<u64> {
    let small = |number: libc::c_int| Some(u64::from(number.cast_unsigned()));
    match word {
        // Known when the process is shut in only.
        "OWN_PID" => Some(u64::from(std::process::id())),
        "AF_INET" => small(libc::AF_INET),
        "AF_INET6" => small(libc::AF_INET6),
        "SOCK_STREAM" => small(libc::SOCK_STREAM),
        // The bits of a socket's type that are not flags.
        "SOCK_TYPE_MASK" => Some(0xf),
        "AT_EMPTY_PATH" => small(libc::AT_EMPTY_PATH),
        "PROT_EXEC" => small(libc::PROT_EXEC),
        "F_DUPFD_CLOEXEC" => small(libc::F_DUPFD_CLOEXEC),
        "F_GETFD" => small(libc::F_GETFD),
        "F_SETFD" => small(libc::F_SETFD),
        "F_GETFL" => small(libc::F_GETFL),
        "F_SETFL" => small(libc::F_SETFL),
        "F_OFD_SETLK" => small(libc::F_OFD_SETLK),
        "F_OFD_GETLK" => small(libc::F_OFD_GETLK),
        "F_SETPIPE_SZ" => small(libc::F_SETPIPE_SZ),
        "F_GETPIPE_SZ" => small(libc::F_GETPIPE_SZ),
        "FIONBIO" => Some(libc::FIONBIO),
        "FIONREAD" => Some(libc::FIONREAD),
        // asm-generic/sockios.h and linux/fs.h; the same on both machines.
        "SIOCATMARK" => Some(0x8905),
        "FICLONE" => Some(0x4004_9409),
        "PR_SET_NAME" => small(libc::PR_SET_NAME),
        "PR_GET_NAME" => small(libc::PR_GET_NAME),
        "PR_SET_VMA" => small(libc::PR_SET_VMA),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn calls(lines: &[Line]) -> Vec<&str> {
        lines.iter().map(|line| line.call).collect()
    }

    #[test]
    fn every_policy_reads_and_every_line_has_a_reason() {
        for role in Role::ALL {
            let policy = Policy::of(role).unwrap();
            assert!(!policy.kill.is_empty(), "{role}");
            assert!(policy.allow.iter().chain(&policy.kill).all(|line| line.reason.len() > 3), "{role}");
        }
    }

    #[test]
    fn no_policy_names_a_call_twice_or_both_allows_and_kills_it() {
        for role in Role::ALL {
            let policy = Policy::of(role).unwrap();
            let mut all = calls(&policy.allow);
            all.extend(calls(&policy.kill));
            let count = all.len();
            all.sort_unstable();
            all.dedup();
            assert_eq!(all.len(), count, "{role}");
        }
    }

    #[test]
    fn no_role_that_meets_strangers_can_open_dial_or_start_anything() {
        let may = |role: Role, call: &str| calls(&Policy::of(role).unwrap().allow).contains(&call);
        for call in
            ["open", "openat", "openat2", "creat", "socket", "bind", "connect", "listen", "accept", "accept4"]
        {
            assert!(!may(Role::Session, call), "session {call}");
            assert!(!may(Role::Keyholder, call), "keyholder {call}");
            // Callers arrive on sockets that it is handed.
            assert!(!may(Role::Acme, call) || call == "accept4", "acme {call}");
        }
        for call in
            ["read", "readv", "recvfrom", "recvmmsg", "pread64", "open", "openat", "openat2", "splice"]
        {
            assert!(!may(Role::Listener, call), "listener {call}");
        }
        for call in ["socket", "socketpair", "connect", "bind", "open", "mknodat", "recvfrom"] {
            assert!(!may(Role::Broker, call), "broker {call}");
        }
        for role in Role::ALL {
            for call in [
                "execve", "execveat", "clone", "clone3", "fork", "vfork", "kill", "tkill", "seccomp",
                "setuid",
            ] {
                assert!(!may(role, call), "{role} {call}");
            }
        }
    }

    #[test]
    fn a_line_without_reason_or_with_an_unknown_word_is_refused() {
        assert!(line("read").unwrap_err().contains("reason"));
        assert!(line("read #").unwrap_err().contains("reason"));
        assert!(line("raed # a slip").unwrap_err().contains("raed"));
        assert!(line("ioctl 1 == FIONBOI # a slip").unwrap_err().contains("FIONBOI"));
        assert!(line("ioctl 7 == 1 # no such argument").is_err());
        assert!(line("ioctl 1 < 1 # no such test").is_err());
    }

    #[test]
    fn tests_of_arguments_are_read_as_written() {
        let line = line("socket 0 in AF_INET,AF_INET6 and 1 & SOCK_TYPE_MASK == SOCK_STREAM # TCP").unwrap();
        assert_eq!(
            line.tests,
            [
                Test { argument: 0, mask: None, values: vec![2, 10] },
                Test { argument: 1, mask: Some(0xf), values: vec![1] },
            ]
        );
    }

    #[test]
    fn a_line_before_any_section_is_refused() {
        assert!(Policy::default().read("read # too early").is_err());
    }
}
