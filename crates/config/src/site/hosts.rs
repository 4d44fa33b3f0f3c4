//! hosts.allow and hosts.deny, as far as they speak of this server while nobody asks them.

use std::fs::File;
use std::io::Read;
use std::path::Path;

use crate::Config;
use crate::problem::Problem;

const FILES: [&str; 2] = ["/etc/hosts.deny", "/etc/hosts.allow"];

/// The names under which rules are written for this server.
const DAEMONS: [&str; 2] = ["vsftpd", "wharfd"];

/// How much of a file is read, in octets.
const LIMIT: u64 = 100_000;

/// Tells about rules for this server that tcp_wrappers=NO leaves unasked.
pub(super) fn unasked(config: &Config) -> Option<Problem> {
    if config.access.tcp_wrappers {
        return None;
    }
    FILES.into_iter().find_map(|file| {
        let mut octets = Vec::new();
        File::open(file).and_then(|file| file.take(LIMIT).read_to_end(&mut octets)).ok()?;
        rule(Path::new(file), &String::from_utf8_lossy(&octets))
    })
}

fn rule(file: &Path, text: &str) -> Option<Problem> {
    let speaks_of_us = |line: &&str| {
        let daemons = line.split(':').next().unwrap_or_default();
        let mut names = daemons.split(|c: char| c == ',' || c.is_whitespace());
        !line.starts_with('#') && names.any(|name| DAEMONS.contains(&name))
    };
    let (index, line) = text.lines().enumerate().find(|(_, line)| speaks_of_us(line))?;
    let problem = Problem::warning("a rule for this server is not asked while tcp_wrappers is NO");
    Some(
        problem
            .quote(line)
            .suggest("set tcp_wrappers=YES, or remove the rule")
            .at(Some(file), Some(index + 1)),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rule_for_this_server_is_found_and_no_other() {
        let line = |text: &str| rule(Path::new("/etc/hosts.deny"), text).and_then(|problem| problem.line);
        assert_eq!(line("# vsftpd: ALL\nsshd, vsftpd: ALL EXCEPT 192.0.2.0/24\n"), Some(2));
        assert_eq!(line("sshd: ALL\nALL: PARANOID\n# vsftpd\n"), None);
    }

    #[test]
    fn rules_are_looked_for_only_while_they_are_not_asked() {
        let mut config = Config::default();
        config.access.tcp_wrappers = true;
        assert_eq!(unasked(&config), None);
    }
}
