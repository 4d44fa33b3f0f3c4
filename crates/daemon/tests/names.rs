//! Names that mean more than they say: `~name` in pathnames, and the names that STOU finds. Needs root.

#![forbid(unsafe_code)]
#![allow(clippy::unwrap_used, reason = "a test that cannot go on stops at the line that says why")]

use std::fs;
use std::io::Write;
use std::os::unix::fs::symlink;

use wharf_testkit::{Account, Dialogue, PamService, Site, needs_root};

/// No account is called so.
const NOBODY: &str = "wt-no-such-user";

fn local(lines: &[&str]) -> (Site, Account, PamService) {
    let builder = Site::builder(env!("CARGO_BIN_EXE_wharfd"));
    let account = Account::make(builder.place());
    let pam = PamService::make();
    let builder =
        lines.iter().fold(builder.local(&pam).set("write_enable=YES"), |builder, line| builder.set(line));
    (builder.start(), account, pam)
}

fn is_in(dialogue: &mut Dialogue, directory: &str) {
    dialogue.exact("PWD", &format!("257 \"{directory}\" is the current directory"));
}

#[test]
fn a_local_user_finds_homes_in_the_systems_password_file() {
    needs_root!();
    let (site, account, _pam) = local(&["tilde_user_enable=YES", "xferlog_enable=YES"]);
    account.file("a.txt", b"12345");
    let (name, home) = (&account.name, account.home.display().to_string());
    let mut dialogue = site.login(&account);
    dialogue.ask("CWD /", 250);
    dialogue.ask(&format!("CWD ~{name}"), 250);
    is_in(&mut dialogue, &home);
    dialogue.ask("CWD /", 250);
    assert_eq!(dialogue.fetch(&format!("RETR ~{name}/a.txt")), b"12345");
    assert_eq!(dialogue.fetch(&format!("NLST -a ~{name}/a.*")), format!("{home}/a.txt\r\n").as_bytes());
    dialogue.give(&format!("STOR ~{name}/b.txt"), b"new");
    dialogue.ask(&format!("RNFR ~{name}/b.txt"), 350);
    dialogue.ask(&format!("RNTO ~{name}/c.txt"), 250);
    dialogue.ask(&format!("SITE CHMOD 640 ~{name}/c.txt"), 200);
    assert_eq!(fs::read(account.home.join("c.txt")).unwrap(), b"new");
    // The log has the path that was meant.
    assert!(site.text("vsftpd.log").contains(&format!("OK UPLOAD: Client \"127.0.0.1\", \"{home}/b.txt\"")));
    dialogue.ask("QUIT", 221);
}

#[test]
fn a_name_that_nobody_has_is_taken_as_it_is_typed() {
    needs_root!();
    let (site, account, _pam) = local(&["tilde_user_enable=YES"]);
    let mut dialogue = site.login(&account);
    dialogue.exact(&format!("CWD ~{NOBODY}"), "550 Failed to change directory.");
    dialogue.ask(&format!("MKD ~{NOBODY}"), 257);
    dialogue.ask(&format!("CWD ~{NOBODY}"), 250);
    assert!(account.home.join(format!("~{NOBODY}")).is_dir());
    dialogue.ask("CWD ~", 250);
    is_in(&mut dialogue, &account.home.display().to_string());
}

#[test]
fn a_jailed_user_finds_homes_in_the_jails_password_file_only() {
    needs_root!();
    let (site, account, _pam) =
        local(&["tilde_user_enable=YES", "chroot_local_user=YES", "allow_writeable_chroot=YES"]);
    let mut dialogue = site.login(&account);
    dialogue.ask("CWD ~root", 550);
    for directory in ["etc", "inner"] {
        fs::create_dir(account.home.join(directory)).unwrap();
        account.own(&account.home.join(directory));
    }
    account.file("etc/passwd", b"bob:x:7:7::/inner:/bin/sh\nout:x:7:7::/../../etc:/bin/sh\n");
    account.file("inner/a.txt", b"12345");
    // It is read anew each time.
    dialogue.ask("CWD ~bob", 250);
    is_in(&mut dialogue, "/inner");
    dialogue.exact("SIZE ~bob/a.txt", "213 5");
    // A home that leads out ends in the jail's own directory.
    dialogue.ask("CWD ~out", 250);
    is_in(&mut dialogue, "/etc");
    dialogue.ask(&format!("CWD ~{}", account.name), 550);
    // The jail's file is no way to files outside.
    fs::remove_file(account.home.join("etc/passwd")).unwrap();
    symlink("/../../../../etc/passwd", account.home.join("etc/passwd")).unwrap();
    dialogue.ask("CWD ~root", 550);
}

#[test]
fn without_the_option_a_name_behind_a_tilde_is_a_name() {
    needs_root!();
    let (site, account, _pam) = local(&[]);
    let mut dialogue = site.login(&account);
    dialogue.exact("CWD ~root", "550 Failed to change directory.");
    dialogue.ask("MKD ~root", 257);
    dialogue.ask("CWD ~root", 250);
    is_in(&mut dialogue, &account.home.join("~root").display().to_string());
}

#[test]
fn homes_are_found_by_who_may_only_send_files() {
    needs_root!();
    let (site, account, _pam) = local(&["tilde_user_enable=YES", "download_enable=NO", "chmod_enable=NO"]);
    let mut dialogue = site.login(&account);
    dialogue.ask("CWD /", 250);
    dialogue.give(&format!("STOR ~{}/in.txt", account.name), b"octets");
    assert_eq!(fs::read(account.home.join("in.txt")).unwrap(), b"octets");
}

/// Sends something by STOU; the name that the server chose comes back.
fn store_unique(dialogue: &mut Dialogue, wish: &str, octets: &[u8]) -> String {
    let mut data = dialogue.epsv();
    let reply = dialogue.ask(&format!("STOU {wish}"), 150);
    data.write_all(octets).unwrap();
    drop(data);
    dialogue.expect(226);
    reply.text().strip_prefix("150 FILE: ").unwrap().to_owned()
}

#[test]
fn a_unique_name_ends_at_random_where_the_site_wants_that() {
    needs_root!();
    let (site, account, _pam) = local(&["better_stou=YES", "xferlog_enable=YES"]);
    let mut dialogue = site.login(&account);
    assert_eq!(store_unique(&mut dialogue, "foo", b"1"), "foo");
    let second = store_unique(&mut dialogue, "foo", b"2");
    let third = store_unique(&mut dialogue, "foo", b"3");
    assert_ne!(second, third);
    for (name, content) in [(&second, b"2"), (&third, b"3")] {
        let ending = name.strip_prefix("foo.").unwrap();
        assert!(ending.len() == 6 && ending.bytes().all(|octet| octet.is_ascii_alphanumeric()), "{name}");
        assert_eq!(fs::read(account.home.join(name)).unwrap(), content);
        assert!(
            site.text("vsftpd.log").contains(&format!("/{name}\"")),
            "the log knows the name that was made"
        );
    }
}

#[test]
fn a_unique_name_counts_up_otherwise() {
    needs_root!();
    let (site, account, _pam) = local(&[]);
    let mut dialogue = site.login(&account);
    let names = ["foo", "foo.1", "foo.2"].map(|_| store_unique(&mut dialogue, "foo", b"x"));
    assert_eq!(names, ["foo", "foo.1", "foo.2"]);
}

#[test]
fn an_upload_makes_what_a_link_names_and_a_broken_one_leaves_nothing_of_it() {
    needs_root!();
    let (site, account, _pam) = local(&["delete_failed_uploads=YES"]);
    let link = account.home.join("link");
    symlink("real", &link).unwrap();
    std::os::unix::fs::lchown(&link, Some(account.uid), Some(account.gid)).unwrap();
    let mut dialogue = site.login(&account);
    dialogue.give("STOR link", b"octets");
    assert_eq!(fs::read(account.home.join("real")).unwrap(), b"octets");
    let data = dialogue.epsv();
    dialogue.ask("STOR link", 150);
    wharf_testkit::reset(data);
    dialogue.expect(426);
    dialogue.ask("NOOP", 200);
    assert!(link.is_symlink() && !account.home.join("real").exists());
}
