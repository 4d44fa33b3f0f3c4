//! Whatever stands in the files: nothing panics, nothing runs away, and a lookup that was spared would not have mattered.

#![forbid(unsafe_code)]
#![allow(clippy::unwrap_used, reason = "a test that cannot go on stops at the line that says why")]

use std::net::SocketAddr;
use std::path::Path;

use proptest::prelude::*;
use wharf_hosts::{Client, Judgement, Name, Rules, Text};

/// Words of the language and of its edges.
const WORDS: &[&str] = &[
    "ALL",
    "LOCAL",
    "KNOWN",
    "UNKNOWN",
    "PARANOID",
    "EXCEPT",
    "vsftpd",
    "sshd",
    "21",
    "vsftpd@10.",
    "x@ALL",
    "ALL@",
    "10.",
    "10.0.0.0/8",
    "10.1.2.3/8",
    "10.0.0.1",
    "192.0.2.*",
    "[2001:db8::]/32",
    "[::1",
    "]",
    "[::ffff:10.0.0.0]/104",
    ".example",
    "a.example",
    "*.example",
    "*",
    "?",
    "@net",
    "/list",
    "a@b@c",
    "/",
    "@",
    ".",
    "#",
    "\\:",
    "\\",
    ",",
    "\0",
    ":",
    " : ",
    " ",
    "\t",
    "\\\n",
    "\n",
    "\r\n",
    "allow",
    "deny",
    "twist x",
    "spawn y",
    "setenv A %h",
    "setenv %a %n=%c",
    "setenv",
    "=",
    "umask 022",
    "severity mail.info",
    "nonsense",
    "0.0.0.0/0",
    "\u{e9}",
];

/// Lists of daemons that speak of ours.
const DAEMONS: &[&str] = &["ALL", "vsftpd", "21", "ALL EXCEPT vsftpd@10."];

fn words(most: usize) -> impl Strategy<Value = Vec<&'static str>> {
    proptest::collection::vec(proptest::sample::select(WORDS), 0..most)
}

/// Any octets; words in any order; and lines that are nearly right, which reach deepest.
fn octets() -> impl Strategy<Value = Vec<u8>> {
    let line = (proptest::sample::select(DAEMONS), words(6))
        .prop_map(|(daemons, words)| format!("{daemons}: {}\n", words.join(" ")));
    prop_oneof![
        proptest::collection::vec(any::<u8>(), 0..400),
        words(40).prop_map(|words| words.concat().into_bytes()),
        proptest::collection::vec(line, 0..6).prop_map(|lines| lines.concat().into_bytes()),
    ]
}

fn addresses() -> impl Strategy<Value = SocketAddr> {
    let known =
        ["10.0.0.1:1", "192.0.2.7:2", "[2001:db8::1]:3", "[::ffff:10.1.2.3]:4", "[fe80::1%3]:5", "[::1]:21"];
    prop_oneof![
        proptest::sample::select(known.map(|text| text.parse().unwrap()).to_vec()),
        any::<SocketAddr>()
    ]
}

fn names() -> impl Strategy<Value = Name> {
    let known = prop_oneof![
        proptest::sample::select(&["a.example", "host", "unknown", ""][..]).prop_map(String::from),
        any::<String>()
    ];
    prop_oneof![Just(Name::Unknown), Just(Name::Mismatched), known.prop_map(Name::Known)]
}

fn parse(allow: &[u8], deny: &[u8], list: &[u8]) -> Option<Rules> {
    let allow = Text { path: Path::new("allow"), octets: allow };
    let deny = Text { path: Path::new("deny"), octets: deny };
    let lists = |path: &Path| Ok((path == Path::new("/list")).then(|| list.to_vec()));
    Rules::parse("vsftpd", allow, deny, lists).ok()
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, cases: 2000, ..ProptestConfig::default() })]

    #[test]
    fn no_octets_make_anything_panic(
        allow in octets(), deny in octets(), list in octets(),
        address in addresses(), server in addresses(), name in names(),
    ) {
        let Some(rules) = parse(&allow, &deny, &list) else { return Ok(()) };
        prop_assert!(rules.remarks().len() <= 101);
        for remark in rules.remarks() {
            prop_assert!(!remark.to_string().contains(char::is_control));
        }
        let judgement = rules.judge(&Client { address, name }, server);
        prop_assert_ne!(judgement, Judgement::NeedsName, "a known name was asked for again");
    }

    #[test]
    fn a_judgement_without_the_name_holds_for_every_name(
        allow in octets(), deny in octets(), list in octets(),
        address in addresses(), server in addresses(), name in names(),
    ) {
        let Some(rules) = parse(&allow, &deny, &list) else { return Ok(()) };
        let early = rules.judge(&Client { address, name: Name::NotAsked }, server);
        if early != Judgement::NeedsName {
            prop_assert_eq!(early, rules.judge(&Client { address, name }, server));
        }
    }
}
