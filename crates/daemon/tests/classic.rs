//! A classic site: a vsftpd.conf, anonymous users, and users with an account. Needs root.

#![forbid(unsafe_code)]
#![allow(clippy::unwrap_used, reason = "a test that cannot go on stops at the line that says why")]

use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt};

use wharf_testkit::{Account, Dialogue, PamService, Site, SiteBuilder, needs_root};

fn builder() -> SiteBuilder {
    Site::builder(env!("CARGO_BIN_EXE_wharfd"))
}

/// An anonymous site with one readable and one private file, and a directory strangers may write to.
fn anonymous(lines: &[&str]) -> (Account, Site) {
    let builder = builder();
    let account = Account::make(builder.place());
    let builder = lines.iter().fold(builder.anonymous(&account), |builder, line| builder.set(line));
    let public = builder.place().join("pub");
    fs::write(public.join("readme"), "welcome\n").unwrap();
    fs::write(public.join("private"), "for some\n").unwrap();
    fs::set_permissions(public.join("private"), fs::Permissions::from_mode(0o640)).unwrap();
    std::os::unix::fs::chown(public.join("private"), Some(account.uid), None).unwrap();
    let incoming = public.join("incoming");
    fs::create_dir(&incoming).unwrap();
    account.own(&incoming);
    let site = builder.start();
    (account, site)
}

/// A site for one user with an account.
fn local(lines: &[&str]) -> (Site, Account, PamService) {
    let builder = builder();
    let account = Account::make(builder.place());
    let pam = PamService::make();
    let builder = lines.iter().fold(builder.local(&pam), |builder, line| builder.set(line));
    (builder.start(), account, pam)
}

#[test]
fn anonymous_users_read_what_everybody_may_read() {
    needs_root!();
    let (_account, site) = anonymous(&[]);
    let mut dialogue = site.anonymous();
    assert_eq!(dialogue.fetch("RETR readme"), b"welcome\n");
    let list = String::from_utf8(dialogue.fetch("LIST")).unwrap();
    assert!(list.contains(" readme\r\n") && list.contains(" incoming\r\n"), "{list}");
    let data = dialogue.epsv();
    dialogue.exact("RETR private", "550 Failed to open file.");
    drop(data);
}

#[test]
fn anonymous_users_write_nothing_by_default() {
    needs_root!();
    let (_account, site) = anonymous(&["write_enable=YES"]);
    let mut dialogue = site.anonymous();
    let commands = [
        "STOR incoming/x",
        "STOU",
        "APPE incoming/x",
        "MKD incoming/d",
        "RMD incoming",
        "DELE readme",
        "RNFR readme",
    ];
    for command in commands {
        dialogue.exact(command, "550 Permission denied.");
    }
    dialogue.exact("SITE UMASK", "550 Permission denied.");
}

#[test]
fn anonymous_uploads_are_new_private_and_belong_to_the_account() {
    needs_root!();
    let (account, site) = anonymous(&["write_enable=YES", "anon_upload_enable=YES"]);
    let mut dialogue = site.anonymous();
    dialogue.give("STOR incoming/gift", b"for you");
    let meta = fs::metadata(site.public().join("incoming/gift")).unwrap();
    assert_eq!((meta.uid(), meta.mode() & 0o777), (account.uid, 0o600));
    let data = dialogue.epsv();
    dialogue.exact("STOR incoming/gift", "553 Could not create file.");
    drop(data);
    let data = dialogue.epsv();
    dialogue.exact("RETR incoming/gift", "550 Failed to open file.");
    drop(data);
    dialogue.exact("MKD incoming/d", "550 Permission denied.");
    assert_eq!(fs::read(site.public().join("incoming/gift")).unwrap(), b"for you");
}

#[test]
fn anonymous_uploads_can_be_given_to_another_account() {
    needs_root!();
    let lines = ["write_enable=YES", "anon_upload_enable=YES", "chown_uploads=YES", "chown_upload_mode=0640"];
    let (_account, site) = anonymous(&lines);
    site.anonymous().give("STOR incoming/gift", b"for root");
    let meta = fs::metadata(site.public().join("incoming/gift")).unwrap();
    assert_eq!((meta.uid(), meta.mode() & 0o777), (0, 0o640));
}

#[test]
fn a_user_starts_at_home_and_may_look_around() {
    needs_root!();
    let (site, account, _pam) = local(&[]);
    let mut dialogue = site.login(&account);
    let home = account.home.display();
    dialogue.exact("PWD", &format!("257 \"{home}\" is the current directory"));
    dialogue.ask("CWD /", 250);
    dialogue.exact("PWD", "257 \"/\" is the current directory");
    dialogue.ask("CWD ~", 250);
    dialogue.exact("PWD", &format!("257 \"{home}\" is the current directory"));
}

#[test]
fn a_user_without_write_enable_changes_nothing() {
    needs_root!();
    let (site, account, _pam) = local(&[]);
    account.file("keep", b"x");
    let mut dialogue = site.login(&account);
    for command in ["STOR new", "DELE keep", "MKD d", "RNFR keep"] {
        dialogue.exact(command, "550 Permission denied.");
    }
    assert!(account.home.join("keep").exists());
}

#[test]
fn what_a_user_makes_has_the_users_owner_and_the_umask() {
    needs_root!();
    let (site, account, _pam) = local(&["write_enable=YES", "local_umask=022", "file_open_mode=0666"]);
    let mut dialogue = site.login(&account);
    dialogue.give("STOR up", b"mine");
    dialogue.ask("MKD dir", 257);
    dialogue.exact("SITE UMASK 027", "200 UMASK set to 027");
    dialogue.give("STOR later", b"mine");
    let facts = |name: &str| {
        let meta = fs::metadata(account.home.join(name)).unwrap();
        (meta.uid(), meta.gid(), meta.mode() & 0o777)
    };
    assert_eq!(facts("up"), (account.uid, account.gid, 0o644));
    assert_eq!(facts("dir"), (account.uid, account.gid, 0o755));
    assert_eq!(facts("later"), (account.uid, account.gid, 0o640));
}

#[test]
fn the_kernel_judges_as_the_user() {
    needs_root!();
    let (site, account, _pam) = local(&["write_enable=YES"]);
    let secret = site.place().join("secret");
    fs::write(&secret, "root only").unwrap();
    fs::set_permissions(&secret, fs::Permissions::from_mode(0o600)).unwrap();
    let mut dialogue = site.login(&account);
    let data = dialogue.epsv();
    dialogue.exact(&format!("RETR {}", secret.display()), "550 Failed to open file.");
    drop(data);
    let data = dialogue.epsv();
    dialogue.exact(&format!("STOR {}/new", site.place().display()), "553 Could not create file.");
    drop(data);
}

#[test]
fn a_jailed_user_sees_home_as_the_root() {
    needs_root!();
    let (site, account, _pam) =
        local(&["chroot_local_user=YES", "allow_writeable_chroot=YES", "write_enable=YES"]);
    account.file("mine", b"my file");
    std::os::unix::fs::symlink("/etc/passwd", account.home.join("out")).unwrap();
    let mut dialogue = site.login(&account);
    dialogue.exact("PWD", "257 \"/\" is the current directory");
    assert_eq!(dialogue.fetch("RETR /mine"), b"my file");
    dialogue.ask("CWD ..", 250);
    dialogue.exact("PWD", "257 \"/\" is the current directory");
    for name in ["/etc/passwd", "../../etc/passwd", "out"] {
        let data = dialogue.epsv();
        dialogue.exact(&format!("RETR {name}"), "550 Failed to open file.");
        drop(data);
    }
    dialogue.exact("MKD made", "257 \"/made\" created");
}

#[test]
fn wrong_passwords_and_unknown_names_are_refused_alike() {
    needs_root!();
    let (site, account, _pam) = local(&[]);
    for (name, password) in [(account.name.as_str(), "wrong"), ("nobody-here", "x"), ("root", "x")] {
        let mut dialogue = site.connect();
        dialogue.exact(&format!("USER {name}"), "331 Please specify the password.");
        dialogue.exact(&format!("PASS {password}"), "530 Login incorrect.");
        dialogue.exact("PASS again", "503 Login with USER first.");
        dialogue.exact("PWD", "530 Please login with USER and PASS.");
    }
}

#[test]
fn three_failed_logins_close_the_connection() {
    needs_root!();
    let (site, account, _pam) = local(&[]);
    let mut dialogue = site.connect();
    for _ in 0..3 {
        dialogue.ask(&format!("USER {}", account.name), 331);
        dialogue.exact("PASS wrong", "530 Login incorrect.");
    }
    dialogue.expect_close();
}

#[test]
fn names_on_the_user_list_are_refused_before_the_password() {
    needs_root!();
    let builder = builder();
    let (listed, other) = (Account::make(builder.place()), Account::make(builder.place()));
    let pam = PamService::make();
    let list = builder.place().join("user_list");
    fs::write(&list, format!("# refused\n{}\n", listed.name)).unwrap();
    let line = format!("userlist_file={}", list.display());
    let site = builder.local(&pam).set("userlist_enable=YES").set(&line).start();
    site.connect().exact(&format!("USER {}", listed.name), "530 Permission denied.");
    site.login(&other).ask("PWD", 257);
}

#[test]
fn only_names_on_the_user_list_are_let_in_when_it_is_turned_round() {
    needs_root!();
    let builder = builder();
    let (listed, other) = (Account::make(builder.place()), Account::make(builder.place()));
    let pam = PamService::make();
    let list = builder.place().join("user_list");
    fs::write(&list, format!("{}\n", listed.name)).unwrap();
    let line = format!("userlist_file={}", list.display());
    let site = builder.local(&pam).set("userlist_enable=YES").set("userlist_deny=NO").set(&line).start();
    site.connect().exact(&format!("USER {}", other.name), "530 Permission denied.");
    site.login(&listed).ask("PWD", 257);
}

#[test]
fn an_anonymous_only_server_says_so() {
    needs_root!();
    let (_account, site) = anonymous(&[]);
    site.connect().exact("USER somebody", "530 This FTP server is anonymous only.");
}

#[test]
fn a_user_may_have_an_umask_of_their_own() {
    needs_root!();
    let builder = builder();
    let account = Account::make(builder.place());
    let pam = PamService::make();
    let users = builder.place().join("users");
    fs::create_dir(&users).unwrap();
    fs::write(users.join(&account.name), "write_enable=YES\nlocal_umask=007\nfile_open_mode=0666\n").unwrap();
    let line = format!("user_config_dir={}", users.display());
    let site = builder.local(&pam).set(&line).start();
    site.login(&account).give("STOR own", b"x");
    let mode = fs::metadata(account.home.join("own")).unwrap().mode() & 0o777;
    assert_eq!(mode, 0o660);
}

#[test]
fn a_second_user_command_after_login_changes_nobody() {
    needs_root!();
    let (_account, site) = anonymous(&[]);
    let mut dialogue: Dialogue = site.anonymous();
    dialogue.exact("USER other", "530 Can't change from guest user.");
    dialogue.exact("PASS x", "230 Already logged in.");
}
