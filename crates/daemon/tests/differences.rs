//! The deliberate differences from vsftpd: one test for each row of `docs/compatibility.md` that shows on the wire.
//!
//! Rows about strangers, running out of ports, ABOR and reloads are in `hostile.rs`, those about logs in `logs.rs`.

#![forbid(unsafe_code)]
#![allow(clippy::unwrap_used, reason = "a test that cannot go on stops at the line that says why")]

use std::fs;
use std::net::{Ipv6Addr, SocketAddr, TcpListener};

use wharf_testkit::{Account, Dialogue, PamService, Site, needs_root};

struct Stage {
    account: Account,
    site: Site,
    _pam: PamService,
}

fn stage(lines: &[&str]) -> Stage {
    let builder = Site::builder(env!("CARGO_BIN_EXE_wharfd"));
    let account = Account::make(builder.place());
    let pam = PamService::make();
    let builder = builder.local(&pam).set("write_enable=YES").set("accept_timeout=1");
    let site = lines.iter().fold(builder, |builder, line| builder.set(line)).start();
    account.file("old", b"0123456789");
    Stage { account, site, _pam: pam }
}

impl Stage {
    fn login(&self) -> Dialogue {
        self.site.login(&self.account)
    }
}

fn text(octets: Vec<u8>) -> String {
    String::from_utf8(octets).unwrap()
}

#[test]
fn the_machine_readable_listings_are_served_and_advertised() {
    needs_root!();
    let stage = stage(&[]);
    let mut dialogue = stage.login();
    let features = dialogue.ask("FEAT", 211).lines.join("\n");
    for feature in ["\n MLST ", "\n MFMT", "\n UTF8", "\n REST STREAM", "\n SIZE"] {
        assert!(features.contains(feature), "{features}");
    }
    let list = text(dialogue.fetch("MLSD"));
    let entry = list.lines().find(|line| line.ends_with(" old")).unwrap();
    assert!(entry.to_lowercase().contains("size=10;"), "{entry}");
    dialogue.ask("MFMT 20200203040506 old", 213);
    assert_eq!(dialogue.ask("MDTM old", 213).text(), "213 20200203040506");
}

#[test]
fn epsv_all_blocks_eprt_too() {
    needs_root!();
    let stage = stage(&[]);
    let mut dialogue = stage.login();
    dialogue.ask("EPSV ALL", 200);
    for command in ["PASV", "PORT 127,0,0,1,100,100", "EPRT |1|127.0.0.1|25700|"] {
        dialogue.exact(command, "550 Permission denied.");
    }
    assert_eq!(dialogue.fetch("RETR old"), b"0123456789");
}

#[test]
fn a_restart_marker_that_is_no_number_is_refused() {
    needs_root!();
    let stage = stage(&[]);
    let mut dialogue = stage.login();
    for command in ["REST", "REST x", "REST -1", "REST 5 5", "REST 99999999999999999999"] {
        dialogue.ask(command, 501);
    }
    dialogue.exact("REST 4", "350 Restart position accepted (4).");
    dialogue.ask("TYPE I", 200);
    assert_eq!(dialogue.fetch("RETR old"), b"456789");
}

#[test]
fn every_leading_group_of_flags_is_read() {
    needs_root!();
    let stage = stage(&[]);
    stage.account.file(".hidden", b"");
    let list = text(stage.login().fetch("LIST -l -a"));
    assert!(list.contains(" .hidden\r\n") && list.contains(" old\r\n"), "{list}");
}

#[test]
fn an_upload_beyond_the_end_is_refused_and_leaves_the_file() {
    needs_root!();
    let stage = stage(&[]);
    let mut dialogue = stage.login();
    dialogue.ask("TYPE I", 200);
    dialogue.ask("REST 11", 350);
    let data = dialogue.epsv();
    dialogue.ask("STOR old", 554);
    drop(data);
    assert_eq!(fs::read(stage.account.home.join("old")).unwrap(), b"0123456789");
}

#[test]
fn an_upload_goes_on_in_the_middle() {
    needs_root!();
    let stage = stage(&[]);
    let mut dialogue = stage.login();
    dialogue.ask("TYPE I", 200);
    dialogue.ask("REST 4", 350);
    dialogue.give("STOR old", b"ABCDEFGH");
    assert_eq!(fs::read(stage.account.home.join("old")).unwrap(), b"0123ABCDEFGH");
    dialogue.give("APPE old", b"!");
    assert_eq!(fs::read(stage.account.home.join("old")).unwrap(), b"0123ABCDEFGH!");
}

#[test]
fn a_data_connection_that_never_comes_leaves_the_old_file_whole() {
    needs_root!();
    let stage = stage(&[]);
    let mut dialogue = stage.login();
    dialogue.ask("PASV", 227);
    dialogue.ask("STOR old", 425);
    assert_eq!(fs::read(stage.account.home.join("old")).unwrap(), b"0123456789");
    dialogue.ask("PASV", 227);
    dialogue.ask("STOR new", 425);
    assert!(!stage.account.home.join("new").exists(), "no empty file is left behind");
}

#[test]
fn a_line_feed_in_a_name_does_not_make_two_lines() {
    needs_root!();
    let stage = stage(&[]);
    stage.account.file("two\nlines\r", b"");
    let mut dialogue = stage.login();
    assert!(text(dialogue.fetch("LIST")).contains(" two?lines?\r\n"));
    assert!(text(dialogue.fetch("NLST")).lines().any(|line| line == "two?lines?"));
}

#[test]
fn a_writable_jail_needs_no_permission() {
    needs_root!();
    let stage = stage(&["chroot_local_user=YES"]);
    let mut dialogue = stage.login();
    dialogue.exact("PWD", "257 \"/\" is the current directory");
    dialogue.give("STOR /new", b"x");
    assert!(stage.account.home.join("new").exists());
}

#[test]
fn both_families_can_be_listened_to() {
    needs_root!();
    if TcpListener::bind((Ipv6Addr::LOCALHOST, 0)).is_err() {
        eprintln!("skipped: there is no IPv6 on this machine");
        return;
    }
    let stage = stage(&["listen_ipv6=YES", "listen_address6=::1"]);
    stage.login().ask("NOOP", 200);
    let address = SocketAddr::from((Ipv6Addr::LOCALHOST, stage.site.address.port()));
    let mut dialogue = Dialogue::login(address, &stage.account.name, &stage.account.password);
    assert_eq!(dialogue.fetch("RETR old"), b"0123456789");
}

#[test]
fn white_space_around_the_equals_sign_is_no_mistake() {
    needs_root!();
    let stage = stage(&["ftpd_banner = spaced out"]);
    assert_eq!(Dialogue::silent(stage.site.address).expect(220).text(), "220 spaced out");
}

#[test]
fn a_large_directory_is_listed_whole_beyond_the_sorting_limit() {
    needs_root!();
    let stage = stage(&["sorted_listing_limit=10"]);
    let many = stage.account.home.join("many");
    fs::create_dir(&many).unwrap();
    stage.account.own(&many);
    for at in 0..3000 {
        fs::write(many.join(format!("file-{at:05}")), "").unwrap();
    }
    let list = text(stage.login().fetch("NLST many"));
    let mut names: Vec<&str> = list.lines().collect();
    names.sort_unstable();
    names.dedup();
    assert_eq!(names.len(), 3000);
    assert_eq!(names.first(), Some(&"many/file-00000"));
}

#[test]
fn a_small_directory_is_listed_in_the_order_of_names() {
    needs_root!();
    let stage = stage(&[]);
    for name in ["b", "a", "Z", "ü"] {
        stage.account.file(name, b"");
    }
    let list = text(stage.login().fetch("NLST"));
    let shown: Vec<&str> = list.lines().filter(|line| ["a", "b", "Z", "ü"].contains(line)).collect();
    assert_eq!(shown, ["Z", "a", "b", "ü"]);
}
