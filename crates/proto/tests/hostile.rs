//! What no peer may do to the machine: make it panic, grow, or tell a password.

mod world;

use proptest::prelude::*;
use wharf_proto::ftp::server::ask::NoHandshake;
use wharf_proto::ftp::server::policy::{Policy, TlsRules};
use wharf_proto::ftp::server::record::Event;
use wharf_proto::ftp::server::session::{Session, Welcome};
use world::{Node, World, path, policy, tls};

const VERBS: [&str; 82] = [
    "ABOR",
    "ACCT",
    "ALLO",
    "APPE",
    "CDUP",
    "CWD",
    "DELE",
    "EPRT",
    "EPSV",
    "FEAT",
    "HELP",
    "LIST",
    "MDTM",
    "MFMT",
    "MKD",
    "MLSD",
    "MLST",
    "MODE",
    "NLST",
    "NOOP",
    "OPTS",
    "PASS",
    "PASV",
    "PORT",
    "PWD",
    "REIN",
    "REST",
    "RETR",
    "RMD",
    "RNFR",
    "RNTO",
    "SITE CHMOD",
    "SITE UMASK",
    "SIZE",
    "SMNT",
    "STAT",
    "STOR",
    "STOU",
    "STRU",
    "SYST",
    "TYPE",
    "USER",
    "XYZZY",
    "OPTS MLST",
    "SITE",
    "EPSV",
    "AUTH",
    "CCC",
    "PBSZ",
    "PROT",
    "PROT",
    "PROT",
    "AVBL",
    "CLNT",
    "COMB",
    "CSID",
    "DSIZ",
    "HASH",
    "LANG",
    "LANG ko",
    "MD5",
    "MFF",
    "MFF modify=20200101000000;",
    "MMD5",
    "RANG",
    "RANG 1 2",
    "RMDA",
    "SITE CHGRP",
    "SITE COPY",
    "SITE CPFR",
    "SITE CPTO",
    "SITE MKDIR",
    "SITE RMDIR",
    "SITE SYMLINK",
    "SITE UTIME",
    "XCRC",
    "XMD5",
    "XSHA256",
    "OPTS HASH",
    "OPTS MODE",
    "MODE",
    "OPTS UTF8",
];

/// What matters to TLS; the useful ones several times, so that sessions get somewhere.
const TLS_STEPS: [&str; 18] = [
    "AUTH TLS",
    "AUTH TLS",
    "AUTH TLS-P",
    "USER u",
    "USER u",
    "USER ftp",
    "PASS right",
    "PASS right",
    "PBSZ 0",
    "PROT P",
    "PROT C",
    "CCC",
    "EPSV",
    "EPSV",
    "RETR a",
    "STOR b",
    "LIST",
    "MLSD",
];

fn line() -> impl Strategy<Value = Vec<u8>> {
    let argument = prop_oneof![
        Just(Vec::new()),
        prop::sample::select(vec![
            "a",
            "d",
            "/",
            "~",
            "~/a",
            "~u/a",
            "~nobody",
            "-la ~u",
            "..",
            "*",
            "-la d",
            "|1|127.0.0.1|1025|",
            "5",
            "I",
            "P",
            "C",
            "TLS",
            "ALL"
        ])
        .prop_map(|text| text.as_bytes().to_vec()),
        prop::collection::vec(any::<u8>(), 0..40),
    ];
    (prop::sample::select(VERBS.to_vec()), argument)
        .prop_map(|(verb, argument)| [verb.as_bytes(), b" ", &argument].concat())
}

fn logged_in() -> World {
    enter(World::new(Policy { tilde_user: true, ..policy() }))
}

fn logged_in_with_tls() -> World {
    let rules = TlsRules { clear_control: true, force_local_logins: false, ..tls() };
    let mut world = World::new(Policy { tls: Some(rules), ..policy() });
    world.send(b"AUTH TLS");
    enter(world)
}

fn enter(mut world: World) -> World {
    world.homes.insert(b"u".to_vec(), path("/d"));
    world.tree.insert(path("/a"), Node::File(b"12345".to_vec()));
    world.tree.insert(path("/d"), Node::Directory { message: Some(b"hello\n".to_vec()) });
    world.greet(Welcome::Ok);
    world.send(b"USER u");
    world.send(b"PASS right");
    world
}

/// Every line that ends a reply begins with three digits and a blank, and every line is printable to its end.
fn final_replies(output: &[u8]) -> usize {
    let text = output.strip_suffix(b"\r\n").expect("the last line is whole");
    let lines = text.split(|&octet| octet == b'\n').map(|line| line.strip_suffix(b"\r").unwrap_or(line));
    let mut finals = 0;
    for line in lines {
        assert!(!line.contains(&b'\r') && !line.contains(&0), "{}", line.escape_ascii());
        let is_final = matches!(line, [b'2'..=b'5', b'0'..=b'9', b'0'..=b'9', b' ', ..]);
        finals += usize::from(is_final);
    }
    finals
}

proptest! {
    #[test]
    fn any_line_gets_one_final_reply(lines in prop::collection::vec(line(), 1..40)) {
        let mut world = logged_in();
        for line in lines {
            world.output.clear();
            world.send(&line);
            prop_assert_eq!(final_replies(&world.output), 1, "{}", line.escape_ascii());
            prop_assert!(!world.closed);
        }
    }

    #[test]
    fn any_line_inside_tls_gets_one_final_reply(lines in prop::collection::vec(line(), 1..40)) {
        let mut world = logged_in_with_tls();
        for line in lines {
            world.output.clear();
            world.send(&line);
            prop_assert_eq!(final_replies(&world.output), 1, "{}", line.escape_ascii());
            prop_assert!(!world.closed);
        }
        prop_assert_eq!(world.clear_moves, 0);
    }

    #[test]
    fn no_password_and_no_data_go_in_clear_where_that_is_forbidden(
        steps in prop::collection::vec((prop::sample::select(TLS_STEPS.to_vec()), any::<bool>()), 0..60),
    ) {
        let rules = TlsRules { clear_control: true, ..tls() };
        let mut world = World::new(Policy { tls: Some(rules), anonymous: false, ..policy() });
        world.tree.insert(path("/a"), Node::File(b"12345".to_vec()));
        for (line, handshake_fails) in steps {
            world.next_handshake = handshake_fails.then(|| NoHandshake::Failed(String::new()));
            world.send(line.as_bytes());
        }
        prop_assert!(world.attempts.iter().all(|(_, inside)| *inside), "{:?}", world.attempts);
        prop_assert_eq!(world.clear_moves, 0);
    }

    #[test]
    fn noise_before_login_never_panics(lines in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..60), 0..20)) {
        let mut world = World::new(policy());
        world.greet(Welcome::Ok);
        for line in lines {
            world.send(&line);
        }
    }
}

#[test]
fn no_record_holds_a_password() {
    let mut rules = policy();
    rules.log_protocol = true;
    let mut world = World::new(rules);
    world.greet(Welcome::Ok);
    for line in ["USER u", "PASS hunter2", "USER u", "pass right", "PASS hunter2"] {
        world.send(line.as_bytes());
    }
    let told = format!("{:?}", world.records);
    let as_octets = format!("{:?}", b"hunter2".to_vec());
    assert!(!told.contains("hunter2") && !told.contains(&as_octets[1..as_octets.len() - 1]), "{told}");
    assert!(world.records.iter().any(|record| record.event == Event::Command(b"PASS <password>".to_vec())));
}

#[test]
fn a_refused_client_is_told_why_and_let_go() {
    let mut world = World::new(policy());
    world.greet(Welcome::TooManyFromAddress);
    assert_eq!(world.output, b"421 There are too many connections from your internet address.\r\n");
    assert!(world.closed);
    let refused = Some("Connection refused: too many sessions for this address.");
    assert_eq!(world.records[0].event, Event::Connect { refused });
}

#[test]
fn a_server_that_is_full_spends_no_handshake_on_saying_it() {
    let rules = TlsRules { implicit: true, ..tls() };
    let mut world = World::new(Policy { tls: Some(rules), ..policy() });
    world.greet(Welcome::TooManyClients);
    assert!(world.output.starts_with(b"421 ") && world.closed && !world.secured);
}

#[test]
fn a_sleeping_session_is_small() {
    assert!(size_of::<Session>() <= 256, "{}", size_of::<Session>());
}
