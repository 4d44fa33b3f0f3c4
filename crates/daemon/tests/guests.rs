//! Guests: names that PAM knows and the system does not, by the recipes that are written for vsftpd. Needs root.

#![forbid(unsafe_code)]
#![allow(clippy::unwrap_used, reason = "a test that cannot go on stops at the line that says why")]

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::process::Command;

use wharf_testkit::{Account, Dialogue, PamService, Site, SiteBuilder, has, needs_root, run};

/// Everybody is proven; a name needs no account.
const ANYBODY: &str = "auth required pam_permit.so\naccount required pam_permit.so\n";

fn site(account: &Account, pam: &PamService, builder: SiteBuilder, lines: &[&str]) -> Site {
    let builder = builder
        .local(pam)
        .set("guest_enable=YES")
        .set(&format!("guest_username={}", account.name))
        .set("xferlog_enable=YES")
        .set("dual_log_enable=YES");
    lines.iter().fold(builder, |builder, line| builder.set(line)).start()
}

fn builder() -> SiteBuilder {
    Site::builder(env!("CARGO_BIN_EXE_wharfd"))
}

fn guests(lines: &[&str]) -> (Account, PamService, Site) {
    let builder = builder();
    let account = Account::make(builder.place());
    let pam = PamService::with(ANYBODY);
    let site = site(&account, &pam, builder, lines);
    (account, pam, site)
}

fn login(site: &Site, name: &str) -> Dialogue {
    Dialogue::login(site.address, name, "secret")
}

#[test]
fn a_guest_is_shut_in_and_has_the_rights_of_anonymous_users() {
    needs_root!();
    let (account, _pam, site) = guests(&["write_enable=YES", "anon_upload_enable=YES"]);
    account.file("private", b"x");
    let mut dialogue = login(&site, "nobody-knows-me");
    dialogue.exact("PWD", "257 \"/\" is the current directory");
    dialogue.give("STOR gift", b"for you");
    let meta = fs::metadata(account.home.join("gift")).unwrap();
    assert_eq!((meta.uid(), meta.mode() & 0o777), (account.uid, 0o600));
    dialogue.exact("DELE gift", "550 Permission denied.");
    dialogue.exact("MKD d", "550 Permission denied.");
    dialogue.exact("SITE CHMOD 644 gift", "550 Permission denied.");
    dialogue.exact("USER other", "530 Can't change from guest user.");
    assert!(dialogue.ask("STAT", 211).lines.iter().any(|line| line.trim() == "Logged in as nobody-knows-me"));
    let log = site.text("xferlog");
    assert!(log.contains(" g nobody-knows-me ftp 0 * c"), "{log}");
}

#[test]
fn a_guest_with_local_privileges_has_the_rights_of_local_users() {
    needs_root!();
    let lines = ["write_enable=YES", "virtual_use_local_privs=YES", "local_umask=022"];
    let (account, _pam, site) = guests(&lines);
    let mut dialogue = login(&site, "anna");
    dialogue.exact("PWD", &format!("257 \"{}\" is the current directory", account.home.display()));
    dialogue.give("STOR gift", b"for you");
    assert_eq!(fs::metadata(account.home.join("gift")).unwrap().mode() & 0o777, 0o644);
    dialogue.ask("SITE CHMOD 600 gift", 200);
    dialogue.ask("DELE gift", 250);
    dialogue.exact("USER anna", "331 Any password will do.");
    dialogue.exact("USER other", "530 Can't change to another user.");
    assert!(site.text("xferlog").contains(" g anna ftp 0 * c"));
}

#[test]
fn each_guest_has_a_directory_of_the_own_name_and_no_other() {
    needs_root!();
    let builder = builder();
    let root = builder.place().join("srv");
    let account = Account::make(builder.place());
    for name in ["anna", "bert"] {
        fs::create_dir_all(root.join(name)).unwrap();
        fs::write(root.join(name).join("whose"), name).unwrap();
        account.own(&root.join(name));
    }
    let pam = PamService::with(ANYBODY);
    let local_root = format!("local_root={}/$USER", root.display());
    let lines = ["user_sub_token=$USER", &local_root, "anon_world_readable_only=NO"];
    let site = site(&account, &pam, builder, &lines);
    for name in ["anna", "bert"] {
        let mut dialogue = login(&site, name);
        dialogue.exact("PWD", "257 \"/\" is the current directory");
        assert_eq!(dialogue.fetch("RETR whose"), name.as_bytes());
        dialogue.ask("CWD ../bert", 550);
    }
    // A name may not lead to somebody else's directory.
    let mut dialogue = site.connect();
    dialogue.ask("USER anna/../bert", 331);
    dialogue.exact("PASS x", "530 Login incorrect.");
    let mut dialogue = site.connect();
    dialogue.ask("USER carl", 331);
    let missing = format!("500 OOPS: cannot change directory:{}/carl", root.display());
    dialogue.exact("PASS x", &missing);
    dialogue.expect_close();
}

#[test]
fn a_name_without_account_is_told_unless_guests_are_served() {
    needs_root!();
    let pam = PamService::with(ANYBODY);
    let mut site = builder().local(&pam).start();
    let mut dialogue = site.connect();
    dialogue.ask("USER nobody-knows-me", 331);
    dialogue.exact("PASS x", "500 OOPS: cannot locate user entry:nobody-knows-me");
    dialogue.expect_close();
    site.server.wait_for("guest_enable=YES");
}

#[test]
fn a_user_file_makes_a_guest_of_one_user_and_names_its_account() {
    needs_root!();
    let builder = builder();
    let (account, other) = (Account::make(builder.place()), Account::make(builder.place()));
    let users = builder.place().join("users");
    fs::create_dir(&users).unwrap();
    fs::write(users.join("anna"), format!("guest_enable=YES\nguest_username={}\n", other.name)).unwrap();
    fs::write(users.join("bert"), "guest_enable=YES\nguest_username=no-such-account\n").unwrap();
    let pam = PamService::with(ANYBODY);
    let site = builder.local(&pam).set(&format!("user_config_dir={}", users.display())).start();
    other.file("here", b"x");
    let mut dialogue = login(&site, "anna");
    dialogue.exact("PWD", "257 \"/\" is the current directory");
    dialogue.ask("SIZE here", 213);
    let mut dialogue = login(&site, &account.name);
    dialogue.exact("PWD", &format!("257 \"{}\" is the current directory", account.home.display()));
    let mut dialogue = site.connect();
    dialogue.ask("USER bert", 331);
    dialogue.exact(
        "PASS x",
        "500 OOPS: vsftpd: cannot locate user specified in 'guest_username':no-such-account",
    );
}

#[test]
fn a_user_file_changes_the_rules_of_data_connections_for_that_user_alone() {
    needs_root!();
    let builder = builder();
    let users = builder.place().join("users");
    fs::create_dir(&users).unwrap();
    let ports = wharf_testkit::Ports::claim();
    let port = ports.passive_last();
    fs::write(users.join("anna"), format!("pasv_min_port={port}\npasv_max_port={port}\n")).unwrap();
    fs::write(users.join("bert"), "port_promiscuous=YES\n").unwrap();
    let account = Account::make(builder.place());
    let pam = PamService::with(ANYBODY);
    let lines = [format!("user_config_dir={}", users.display())];
    let site = site(&account, &pam, builder, &[&lines[0]]);
    let mut anna = login(&site, "anna");
    assert_eq!(anna.pasv().port(), port);
    let mut carl = login(&site, "carl");
    assert_ne!(carl.pasv().port(), port);
    // RFC 2577's bounce: another address is refused by the process that would call it, except for bert.
    let elsewhere = std::net::TcpListener::bind(("127.0.0.2", 0)).unwrap();
    let [high, low] = elsewhere.local_addr().unwrap().port().to_be_bytes();
    let port = format!("PORT 127,0,0,2,{high},{low}");
    carl.exact(&port, "500 Illegal PORT command.");
    let mut bert = login(&site, "bert");
    bert.ask(&port, 200);
    bert.ask("NLST", 150);
    bert.expect(226);
}

#[test]
fn the_recipe_with_pam_userdb_works_as_written() {
    needs_root!();
    if !has("db_load") {
        return println!("skipped: needs db_load (package db-util)");
    }
    let builder = builder();
    let table = builder.place().join("vsftpd_login.db");
    let made = run(
        Command::new("db_load").args(["-T", "-t", "hash", "-f", "/dev/stdin"]).arg(&table),
        "anna\nrosebud\nbert\nxyzzy\n",
    );
    assert!(made.success, "{}", made.stderr);
    let stem = table.with_extension("");
    let line = format!("required pam_userdb.so db={}", stem.display());
    recipe(builder, &format!("auth {line}\naccount {line}\n"));
}

#[test]
fn the_recipe_with_pam_pwdfile_works_as_written() {
    needs_root!();
    if !Path::new("/lib/x86_64-linux-gnu/security/pam_pwdfile.so").exists()
        && !Path::new("/lib/aarch64-linux-gnu/security/pam_pwdfile.so").exists()
    {
        return println!("skipped: needs pam_pwdfile (package libpam-pwdfile)");
    }
    let builder = builder();
    let file = builder.place().join("ftpd.passwd");
    let hash = |password| run(Command::new("openssl").args(["passwd", "-6", password]), "").stdout;
    let text = format!("anna:{}\nbert:{}\n", hash("rosebud").trim(), hash("xyzzy").trim());
    fs::write(&file, text).unwrap();
    recipe(
        builder,
        &format!("auth required pam_pwdfile.so pwdfile {}\naccount required pam_permit.so\n", file.display()),
    );
}

/// The set-up that the web is full of: a directory for each guest, with the rights of local users.
fn recipe(builder: SiteBuilder, pam: &str) {
    let root = builder.place().join("vusers");
    let account = Account::make(builder.place());
    for name in ["anna", "bert"] {
        fs::create_dir_all(root.join(name)).unwrap();
        account.own(&root.join(name));
    }
    let pam = PamService::with(pam);
    let local_root = format!("local_root={}/$USER", root.display());
    let lines = [
        "virtual_use_local_privs=YES",
        "write_enable=YES",
        "user_sub_token=$USER",
        &local_root,
        "chroot_local_user=YES",
        "allow_writeable_chroot=YES",
        "hide_ids=YES",
    ];
    let site = site(&account, &pam, builder, &lines);
    let mut dialogue = Dialogue::login(site.address, "anna", "rosebud");
    dialogue.exact("PWD", "257 \"/\" is the current directory");
    dialogue.give("STOR mine", b"anna's");
    assert_eq!(fs::metadata(root.join("anna/mine")).unwrap().uid(), account.uid);
    let list = String::from_utf8(dialogue.fetch("LIST")).unwrap();
    assert!(list.contains(" ftp      ftp "), "{list}");
    for (name, password) in [("anna", "xyzzy"), ("bert", "rosebud"), ("carl", "rosebud"), ("anna", "")] {
        let mut dialogue = site.connect();
        dialogue.ask(&format!("USER {name}"), 331);
        dialogue.exact(&format!("PASS {password}"), "530 Login incorrect.");
    }
    let mut dialogue = Dialogue::login(site.address, "bert", "xyzzy");
    dialogue.ask("SIZE mine", 550);
}

#[test]
fn session_support_opens_a_pam_session_and_closes_it_with_the_login() {
    needs_root!();
    let builder = builder();
    let (log, script) = (builder.place().join("sessions"), builder.place().join("note.sh"));
    fs::write(&script, format!("echo \"$PAM_TYPE $PAM_USER $PAM_RHOST $PAM_TTY\" >> {}\n", log.display()))
        .unwrap();
    let account = Account::make(builder.place());
    let pam =
        PamService::with(&format!("{ANYBODY}session required pam_exec.so /bin/sh {}\n", script.display()));
    let mut site = builder.local(&pam).set("session_support=YES").start();
    let written = || fs::read_to_string(&log).unwrap_or_default();
    let opened = format!("open_session {} 127.0.0.1 ftp\n", account.name);
    let closed = format!("close_session {} 127.0.0.1 ftp\n", account.name);
    let mut first = login(&site, &account.name);
    assert_eq!(written(), opened);
    first.exact("QUIT", "221 Goodbye.");
    first.expect_close();
    // The session closes when the login is over, which the client is not told.
    let until = std::time::Instant::now() + std::time::Duration::from_secs(10);
    while written() != format!("{opened}{closed}") {
        assert!(std::time::Instant::now() < until, "{}", written());
        std::thread::yield_now();
    }
    // One that is in when the server ends is closed too.
    let _second = login(&site, &account.name);
    let log_of_two = format!("{opened}{closed}{opened}{closed}");
    assert!(site.server.stop().success());
    assert_eq!(written(), log_of_two);
}

#[test]
fn without_session_support_no_pam_session_is_opened() {
    needs_root!();
    let builder = builder();
    let account = Account::make(builder.place());
    let pam = PamService::with(&format!("{ANYBODY}session required pam_deny.so\n"));
    let site = builder.local(&pam).start();
    login(&site, &account.name).exact("QUIT", "221 Goodbye.");
}

#[test]
fn a_pam_session_that_is_refused_refuses_the_login() {
    needs_root!();
    let builder = builder();
    let account = Account::make(builder.place());
    let pam = PamService::with(&format!("{ANYBODY}session required pam_deny.so\n"));
    let mut site = builder.local(&pam).set("session_support=YES").start();
    let mut dialogue = site.connect();
    dialogue.ask(&format!("USER {}", account.name), 331);
    dialogue.exact("PASS x", "530 Login incorrect.");
    site.server.wait_for("could not open the session");
}
