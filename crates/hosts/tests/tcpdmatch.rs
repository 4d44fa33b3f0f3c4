//! The same verdict as Debian's `tcpdmatch` for the same files, and the differences that the crate's page tells of.
//!
//! `apt-get install tcpd` brings the program; where it is missing these tests say so and pass. Clients are addresses,
//! which it does not look up, and `localhost`, which is in `/etc/hosts`.

#![forbid(unsafe_code)]
#![allow(clippy::unwrap_used, reason = "a test that cannot go on stops at the line that says why")]

use std::path::{Path, PathBuf};
use std::process::Command;

use wharf_hosts::{Client, Judgement, Name, Rules};

const CLIENTS: &[&str] =
    &["127.0.0.1", "10.1.2.3", "192.0.2.7", "192.0.2.70", "2001:db8::1", "::1", "localhost"];

/// Client lists; each is tried as `ALL: <list>` in either file.
const CLIENT_LISTS: &[&str] = &[
    "ALL",
    "all",
    "LOCAL",
    "KNOWN",
    "UNKNOWN",
    "unknown",
    "PARANOID",
    "localhost",
    "LOCALHOST",
    "local*",
    "?ocalhost",
    "*host",
    "*.host",
    ".localhost",
    "localhost.",
    "l?calhost, 9.9.9.9",
    "10.1.2.3",
    "10.",
    "10.1.",
    "10.1.2.3.",
    ".3",
    ".2.3",
    "10.*",
    "10.?.2.3",
    "1*3",
    "*",
    "?",
    "**",
    "192.0.2.7?",
    "192.0.2.*",
    "10.0.0.0/8",
    "10.1.2.0/24",
    "10.1.2.2/31",
    "10.1.2.3/32",
    "10.0.0.0/255.0.0.0",
    "10.0.2.0/255.0.255.0",
    "192.0.2.64/255.255.255.192",
    "0.0.0.0/0.0.0.0",
    "[2001:db8::1]",
    "[2001:DB8:0::1]",
    "[2001:db8::]/32",
    "[2001:db8::ffff]/32",
    "[::]/0",
    "[::1]",
    "[::1]/128",
    "[2001:db8::2]/127",
    "[2001:db8::2]/126",
    "[2001:db8:*]",
    "x y 10.1.2.3,z",
    ",,10.1.2.3,,",
    "",
    "EXCEPT",
    "EXCEPT ALL",
    "ALL EXCEPT",
    "ALL EXCEPT 10.",
    "ALL except LOCAL",
    "ALL EXCEPT ALL",
    "ALL EXCEPT ALL EXCEPT 10.",
    "10. 192.0.2. EXCEPT 192.0.2.7 EXCEPT 192.0.2.70",
    "ALL EXCEPT EXCEPT ALL",
    "ALL EXCEPT [2001:db8::]/32 127.",
    "KNOWN EXCEPT LOCAL",
    "ALL@10.",
    "UNKNOWN@ALL",
    "KNOWN@ALL",
    "*@10.1.2.3",
    "unk*@LOCAL",
    "root@ALL",
    "ALL@192.0.2.64/26",
    "ALL@[::1]",
    "/LIST",
    "ALL EXCEPT /LIST",
    "/LIST/missing",
    "ALL@/LIST",
    "ALL : allow",
    "ALL : deny",
    "10. : ALLOW",
    "10. : DENY",
    "ALL : nice : allow",
    "10. : setenv A %a : deny",
    "10. : setenv A %h",
    "10. : allow : deny",
    "10. :",
    "10. : allow :",
    "10. : : allow",
    "10. : foo",
    "10. : allow x",
    "10. : umask 022",
    "10. : umask 9",
    "10. : linger -1",
    "10. : nice x",
    "10. : rfc931 0",
    "10. : severity mail.info",
    "10. : severity mail.",
    "10. : keepalive",
    "10. : keepalive 1",
    "10. : setenv",
    "10. : setenv A",
    "10. : setenv A=B",
    "10. : setenv = A B",
    "10. : UMASK = 022",
    "10. : banners",
    "10. : setenv A x\\:deny",
    "10. : twist /bin/true",
    "10. : setenv PATH /x : twist x : allow",
];

/// Whole files: what stands in allow, and in deny.
const FILES: &[(&str, &str)] = &[
    ("", ""),
    ("", "ALL: ALL\n"),
    ("vsftpd: 10.\n", "ALL: ALL\n"),
    ("vsftpd: 10.\n", "vsftpd: ALL EXCEPT 192.0.2.7\n"),
    ("sshd: ALL\n", "vsftpd: 10.\n"),
    ("# vsftpd: ALL\n\n \t\n", "vsftpd sshd: 10. \\\n 192.0.2.7\n"),
    ("VSFTPD: 10.\nvs*: 192.\n", "KNOWN: ALL\n"),
    ("ALL EXCEPT vsftpd: ALL\n", "ALL EXCEPT sshd: ALL\n"),
    ("UNKNOWN: ALL\n.ftpd: ALL\nvsftp.: ALL\n", "ALL: ALL\n"),
    ("vsftpd@127.0.0.1: 10.\n", "vsftpd@10.: ALL\nALL@127.0.0.0/8: ALL\n"),
    ("vsftpd@ALL: 10.\nvsftpd@: ALL\n@vsftpd: ALL\n", "ALL: ALL\n"),
    ("ALL EXCEPT vsftpd@127.0.0.1: ALL\n", "ALL: ALL\n"),
    ("AL\\\nL: 10\\\n.\n", "ALL: ALL\n"),
    ("# x \\\nALL: ALL\n", "ALL: ALL\n"),
    ("ALL: \\\r\n10.\n", "ALL: ALL\n"),
    ("ALL: 10.\r\n", "ALL: ALL\r\n"),
    ("ALL\n", "ALL\n"),
    ("ALL: ALL", "ALL: 10.\n"),
    ("", "ALL: 10."),
    ("", "sshd: 10."),
    ("", "# the end"),
    ("ALL: 10.\n", "ALL: 192. \\\n"),
    ("ALL: 2001\\:db8\\:\\:1\n", "ALL: ALL\n"),
    ("ALL: \u{e4} 10.\n", "ALL: ALL\n"),
    (": ALL\n", "ALL: ALL\n"),
    ("ALL:\u{c}10.\n", "ALL: ALL\n"),
    ("vsftpd: ALL: deny\nvsftpd: 10.\n", ""),
    ("", "ALL: 10.: allow\nALL: ALL\n"),
    ("ALL: LOCAL: deny\nALL: KNOWN\n", "ALL: UNKNOWN\n"),
];

/// Rules with which libwrap lets `10.1.2.3` in and we do not, as the crate's page says.
const STRICTER: &[(&str, &str)] = &[
    ("", "ALL: 10.1.2.0/8\n"),
    ("", "ALL: 0.0.0.0/0\n"),
    ("", "ALL: 10.1\n"),
    ("", "ALL: 10.1.2.3/255.255.255.255\n"),
    ("", "ALL: [::ffff:10.0.0.0]/104\n"),
    ("ALL: ALL EXCEPT 10.1.2.0/8\n", "ALL: ALL\n"),
    ("ALL: ALL EXCEPT @netgroup\n", "ALL: ALL\n"),
    ("ALL: 10.: deny", ""),
    (" # ALL: ALL\n", "ALL: ALL\n"),
    ("ALL: [::1 ALL : deny\n", ""),
    ("ALL: 10.1.2.0/24x\n", "ALL: ALL\n"),
    ("ALL: 012.1.2.0/24\n", "ALL: ALL\n"),
];

/// One prediction: the address, whether its name is known, and whether it comes in.
type Verdict = (String, Name, bool);

/// The program, when it is there.
fn program() -> Option<PathBuf> {
    let path = ["/usr/sbin/tcpdmatch", "/sbin/tcpdmatch", "/usr/bin/tcpdmatch"].map(PathBuf::from);
    let found = path.into_iter().find(|path| path.exists());
    if found.is_none() {
        eprintln!("skipped: there is no tcpdmatch; apt-get install tcpd brings it");
    }
    found
}

/// What it predicts for a client, once for each of its addresses.
fn predictions(program: &Path, room: &Path, client: &str) -> Vec<Verdict> {
    let output =
        Command::new(program).args(["-d", "vsftpd@127.0.0.1", client]).current_dir(room).output().unwrap();
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let mut predictions = Vec::new();
    let (mut address, mut name) = (String::new(), Name::Unknown);
    for line in text.lines() {
        if let Some(text) = line.strip_prefix("client:   address  ") {
            address = text.to_owned();
        } else if let Some(text) = line.strip_prefix("client:   hostname ") {
            name = Name::Known(text.to_owned());
        } else if let Some(access) = line.strip_prefix("access:   ") {
            predictions.push((address.clone(), name.clone(), access == "granted"));
        }
    }
    assert!(!predictions.is_empty(), "{client}: {output:?}");
    predictions
}

/// A directory with both files and a list.
struct Room(tempfile::TempDir);

impl Room {
    fn new(allow: &str, deny: &str) -> Self {
        let room = tempfile::tempdir().unwrap();
        let list = room.path().join("list");
        let place = |text: &str| text.replace("/LIST", list.to_str().unwrap());
        std::fs::write(room.path().join("hosts.allow"), place(allow)).unwrap();
        std::fs::write(room.path().join("hosts.deny"), place(deny)).unwrap();
        std::fs::write(&list, "10.1.2.0/24\t[::1]\n192.0.2.70 2001:db8::1\n").unwrap();
        Self(room)
    }

    fn admits(&self, address: &str, name: Name) -> bool {
        let (allow, deny) = (self.0.path().join("hosts.allow"), self.0.path().join("hosts.deny"));
        let rules = Rules::read("vsftpd", &allow, &deny).unwrap();
        let address = (address.parse::<std::net::IpAddr>().unwrap(), 0).into();
        let judgement = rules.judge(&Client { address, name }, "127.0.0.1:0".parse().unwrap());
        matches!(judgement, Judgement::Admit { .. })
    }
}

fn compare(program: &Path, allow: &str, deny: &str) {
    let room = Room::new(allow, deny);
    for client in CLIENTS {
        for (address, name, granted) in predictions(program, room.0.path(), client) {
            let ours = room.admits(&address, name.clone());
            assert_eq!(ours, granted, "{address} {name:?} with allow {allow:?} and deny {deny:?}");
        }
    }
}

#[test]
fn client_lists_and_options_admit_alike() {
    let Some(program) = program() else { return };
    for list in CLIENT_LISTS {
        compare(&program, &format!("ALL: {list}\n"), "ALL: ALL\n");
    }
}

#[test]
fn client_lists_and_options_refuse_alike() {
    let Some(program) = program() else { return };
    for list in CLIENT_LISTS {
        compare(&program, "", &format!("ALL: {list}\n"));
    }
}

#[test]
fn whole_files_have_the_same_verdict() {
    let Some(program) = program() else { return };
    for (allow, deny) in FILES {
        compare(&program, allow, deny);
    }
}

#[test]
fn where_we_are_stricter_libwrap_still_is_not() {
    let Some(program) = program() else { return };
    for (allow, deny) in STRICTER {
        let room = Room::new(allow, deny);
        let theirs = predictions(&program, room.0.path(), "10.1.2.3");
        assert!(
            theirs.iter().all(|(_, _, granted)| *granted),
            "libwrap refuses: allow {allow:?} deny {deny:?}"
        );
        assert!(!room.admits("10.1.2.3", Name::Unknown), "we admit: allow {allow:?} deny {deny:?}");
    }
}
