//! The law of this crate: what libwrap does not read, or nobody can ask, may refuse a client and never admits one.

#![forbid(unsafe_code)]
#![allow(clippy::unwrap_used, reason = "a test that cannot go on stops at the line that says why")]

use std::io;
use std::path::Path;

use wharf_hosts::{Client, Effect, Judgement, Name, Rules, Text};

/// The rules of two texts, with the list files `/four` and `/six` and none else.
fn rules(allow: &str, deny: &str) -> Rules {
    let allow = Text { path: Path::new("allow"), octets: allow.as_bytes() };
    let deny = Text { path: Path::new("deny"), octets: deny.as_bytes() };
    Rules::parse("vsftpd", allow, deny, |path| {
        Ok(match path.to_str() {
            Some("/four") => Some(b"10.0.0.0/8 192.0.2.\n/six".to_vec()),
            Some("/six") => Some(b"[2001:db8::]/32\n".to_vec()),
            Some("/flawed") => Some(b"# ALL\n192.0.2.7 198.51.100.0/24 # 192.0.2.8\n".to_vec()),
            Some("/except") => Some(b"ALL\nEXCEPT 192.0.2.7\n".to_vec()),
            Some("/commas") => Some(b"10.,192.0.2.".to_vec()),
            Some("/loop") => Some(b"/loop".to_vec()),
            _ => None,
        })
    })
    .unwrap()
}

fn judge(rules: &Rules, address: &str, name: Name) -> Judgement {
    let address = (address.parse::<std::net::IpAddr>().unwrap(), 4242).into();
    rules.judge(&Client { address, name }, "192.0.2.100:21".parse().unwrap())
}

/// Tells whether `deny` or `allow` (with everyone else refused) speaks of an address without a name.
fn refuses(deny: &str, address: &str) -> bool {
    matches!(judge(&rules("", deny), address, Name::Unknown), Judgement::Refuse { .. })
}

fn admits(allow: &str, address: &str) -> bool {
    matches!(judge(&rules(allow, "ALL: ALL\n"), address, Name::Unknown), Judgement::Admit { .. })
}

fn effects(allow: &str, deny: &str) -> Vec<Effect> {
    rules(allow, deny).remarks().iter().map(|remark| remark.effect).collect()
}

#[test]
fn daemon_lists_take_names_wildcards_ports_and_ends() {
    for daemons in [
        "vsftpd",
        "VSFTPD",
        "vs*",
        "ALL",
        "KNOWN",
        "21",
        "x,21",
        "ALL EXCEPT sshd",
        "ALL EXCEPT 22",
        "vsftpd@192.0.2.100",
        "ALL@192.0.2.",
        "21@192.0.2.0/24",
        "vsftpd@*",
        "ALL EXCEPT vsftpd@10.",
    ] {
        assert!(refuses(&format!("{daemons}: ALL\n"), "10.0.0.1"), "{daemons}");
    }
    for daemons in [
        "sshd",
        "22",
        "UNKNOWN",
        "vsftpd@10.",
        "vsftpd@",
        "@vsftpd",
        "ALL EXCEPT vsftpd",
        "ALL EXCEPT 21",
        "ALL EXCEPT vsftpd@ALL",
        "[vsftpd]",
        "",
    ] {
        assert!(!refuses(&format!("{daemons}: ALL\n"), "10.0.0.1"), "{daemons}");
    }
}

#[test]
fn rules_of_other_daemons_are_not_told_of() {
    assert!(effects("sshd: 10.1/8: spawn x\n", "ALL EXCEPT vsftpd: @x, /loop: foo\n").is_empty());
}

#[test]
fn list_files_hold_patterns_and_other_lists() {
    for address in ["10.9.9.9", "192.0.2.1", "2001:db8::1"] {
        assert!(admits("ALL: /four\n", address), "{address}");
        assert!(!admits("ALL: ALL EXCEPT /four\n", address), "{address}");
    }
    assert!(!admits("ALL: /four\n", "198.51.100.1"));
    assert!(!admits("ALL: /none\n", "10.0.0.1") && admits("ALL: ALL EXCEPT /none\n", "10.0.0.1"));
    assert_eq!(effects("", "ALL: /none\n"), [Effect::Looser]);
}

#[test]
fn comments_and_except_in_a_list_may_refuse_and_never_admit() {
    assert!(!admits("ALL: /flawed\n", "203.0.113.1") && refuses("ALL: /flawed\n", "203.0.113.1"));
    assert!(admits("ALL: /flawed\n", "192.0.2.7") && !admits("ALL: /flawed\n", "192.0.2.8"));
    assert!(!admits("ALL: /commas\n", "10.0.0.1") && refuses("ALL: /commas\n", "10.0.0.1"));
    assert!(!admits("ALL: ALL EXCEPT /commas\n", "10.0.0.1"));
    assert!(!admits("ALL: /except\n", "10.0.0.1") && refuses("ALL: /except\n", "10.0.0.1"));
}

#[test]
fn a_list_that_names_itself_is_an_error() {
    let text = Text { path: Path::new("deny"), octets: b"ALL: /loop\n" };
    let none = Text { path: Path::new("allow"), octets: b"" };
    let error = Rules::parse("vsftpd", none, text, |_| Ok(Some(b"/loop".to_vec()))).unwrap_err();
    assert!(error.to_string().starts_with("/loop: "), "{error}");
    let error = Rules::parse("vsftpd", none, text, |_| Err(io::Error::other("no"))).unwrap_err();
    assert_eq!(error.to_string(), "no");
}

#[test]
fn what_libwrap_lets_match_nobody_counts_where_it_refuses() {
    for (word, inside, outside) in [
        ("10.1.2.3/8", "10.9.9.9", "11.0.0.1"),
        ("0.0.0.0/0", "10.9.9.9", "2001:db8::1"),
        ("10.1", "10.1.2.3", "10.11.2.3"),
        ("10.1.2.3/255.255.255.255", "10.1.2.3", "10.1.2.4"),
        ("[::ffff:10.0.0.0]/104", "10.9.9.9", "11.0.0.1"),
        ("[::ffff:10.0.0.1]", "10.0.0.1", "10.0.0.2"),
    ] {
        assert!(refuses(&format!("ALL: {word}\n"), inside), "{word}");
        assert!(!refuses(&format!("ALL: {word}\n"), outside), "{word}");
        assert!(!admits(&format!("ALL: {word}\n"), inside), "{word}");
        assert!(!admits(&format!("ALL: ALL EXCEPT {word}\n"), inside), "{word}");
        assert!(admits(&format!("ALL: ALL EXCEPT {word}\n"), outside), "{word}");
        assert_eq!(effects("", &format!("ALL: {word}\n")), [Effect::Stricter], "{word}");
    }
}

#[test]
fn what_cannot_be_read_never_admits_and_is_told_when_it_does_not_refuse() {
    for word in [
        "@trusted",
        "10.0.0.0/x",
        "a/8",
        "[::1",
        "[::1]/129",
        "[fe80::1%eth0]",
        "01.2.3.4",
        "[10.*]",
        "10.0.0.0/33",
        "1.2.3.4.5",
        "[x]",
    ] {
        assert!(!admits(&format!("ALL: {word}\n"), "10.0.0.1"), "{word}");
        assert!(!admits(&format!("ALL: ALL EXCEPT {word}\n"), "10.0.0.1"), "{word}");
        assert!(!refuses(&format!("ALL: {word}\n"), "10.0.0.1"), "{word}");
        assert!(effects("", &format!("ALL: {word}\n")).contains(&Effect::Looser), "{word}");
    }
}

#[test]
fn the_servers_own_name_is_not_looked_up() {
    assert!(!admits("vsftpd@ftp.example: ALL\n", "10.0.0.1"));
    assert!(!admits("ALL EXCEPT vsftpd@ftp.example: ALL\n", "10.0.0.1"));
    assert_eq!(effects("", "vsftpd@ftp.example: ALL\n"), [Effect::Looser]);
    assert!(refuses("vsftpd@/four: ALL\n", "10.0.0.1"));
}

#[test]
fn every_user_is_unknown() {
    for user in ["ALL", "UNKNOWN", "*"] {
        assert!(refuses(&format!("ALL: {user}@10.\n"), "10.0.0.1"), "{user}");
    }
    assert!(!refuses("ALL: KNOWN@10.\n", "10.0.0.1"));
    assert_eq!(effects("ALL: root@ALL\n", "ALL: root@ALL\n"), [Effect::Stricter, Effect::Looser]);
}

#[test]
fn a_damaged_line_of_deny_refuses_everyone_and_one_of_allow_admits_nobody() {
    let long = format!("sshd: {} 8.8.8.8\n", "9.9.9.9 ".repeat(300));
    for deny in ["sshd: 1.2.3.4", "# end", "ALL: 1.2.3.4 \\\n", "\0\n", &long] {
        assert!(refuses(deny, "10.0.0.1"), "{deny}");
        assert_eq!(effects("", deny), [Effect::Stricter], "{deny}");
    }
    for allow in ["ALL: ALL", "ALL: ALL \\\n", "ALL: ALL \0\n", &long.replace("sshd", "ALL")] {
        assert!(!admits(allow, "9.9.9.9"), "{allow}");
    }
    assert!(matches!(
        judge(&rules("ALL: ALL: deny", ""), "10.0.0.1", Name::Unknown),
        Judgement::Refuse { .. }
    ));
}

#[test]
fn a_line_that_only_seems_a_comment_may_refuse_and_does_not_admit() {
    assert!(!admits(" # ALL: ALL\n", "10.0.0.1") && refuses(" # ALL: ALL\n", "10.0.0.1"));
    assert_eq!(effects("# x \\\nALL: ALL\n", ""), [Effect::Looser]);
}

#[test]
fn a_bracket_that_hides_the_options_refuses() {
    assert!(matches!(
        judge(&rules("ALL: [::1 ALL : deny\n", ""), "10.0.0.1", Name::Unknown),
        Judgement::Refuse { .. }
    ));
}

#[test]
fn a_line_without_a_colon_is_passed_over_and_told() {
    assert_eq!(effects("ALL\n", "ALL\n"), [Effect::Stricter, Effect::Looser]);
    assert_eq!(effects("ALL:\n", "ALL: : deny\n"), [Effect::Stricter, Effect::Looser]);
}

#[test]
fn a_host_cannot_take_the_name_of_an_address() {
    let rules = rules("ALL: 10.* 10.?.0.1\n", "ALL: ALL\n");
    let liar = Name::Known("10.example.org".into());
    assert!(matches!(judge(&rules, "192.0.2.1", liar), Judgement::Refuse { .. }));
    assert!(matches!(judge(&rules, "192.0.2.1", Name::NotAsked), Judgement::Refuse { .. }));
    assert!(matches!(judge(&rules, "10.0.0.1", Name::NotAsked), Judgement::Admit { .. }));
}
