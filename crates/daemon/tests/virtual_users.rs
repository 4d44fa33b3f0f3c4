//! Users of the file that `wharfd user` writes log in without an account, beside those that PAM knows. Needs root.

#![forbid(unsafe_code)]
#![allow(clippy::unwrap_used, reason = "a test that cannot go on stops at the line that says why")]

use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::PathBuf;
use std::process::Command;

use wharf_testkit::{Account, Dialogue, PamService, Site, SiteBuilder, needs_root, run};

const WHARFD: &str = env!("CARGO_BIN_EXE_wharfd");

/// A number that is no account's, as most virtual users have.
const NUMBER: u32 = 61_234;

struct Served {
    site: Site,
    file: PathBuf,
    account: Account,
    _pam: PamService,
}

/// A site with one virtual user `anna`, password `rosebud`, and one account.
fn served(lines: &[&str]) -> Served {
    let builder: SiteBuilder = Site::builder(WHARFD);
    let account = Account::make(builder.place());
    let pam = PamService::make();
    let root = builder.place().join("anna");
    fs::create_dir(&root).unwrap();
    std::os::unix::fs::chown(&root, Some(NUMBER), Some(NUMBER)).unwrap();
    let file = builder.place().join("users");
    let mut add = Command::new(WHARFD);
    add.args(["user", "add", "anna", "--root"]).arg(&root);
    add.args(["--uid", &NUMBER.to_string(), "--gid", &NUMBER.to_string(), "--file"]).arg(&file);
    let added = run(&mut add, "rosebud\n");
    assert!(added.success, "{}", added.stderr);
    let builder = builder
        .local(&pam)
        .set(&format!("virtual_users_file={}", file.display()))
        .set("write_enable=YES")
        .set("dual_log_enable=YES");
    let site = lines.iter().fold(builder, |builder, line| builder.set(line)).start();
    Served { site, file, account, _pam: pam }
}

fn refused(site: &Site, name: &str, password: &str) {
    let mut dialogue = site.connect();
    dialogue.ask(&format!("USER {name}"), 331);
    dialogue.exact(&format!("PASS {password}"), "530 Login incorrect.");
}

#[test]
fn a_virtual_user_is_shut_into_its_directory_with_the_rights_of_local_users() {
    needs_root!();
    let Served { site, .. } = served(&["local_umask=027"]);
    let mut anna = Dialogue::login(site.address, "anna", "rosebud");
    anna.exact("PWD", "257 \"/\" is the current directory");
    anna.give("STOR mine", b"anna's");
    let meta = fs::metadata(site.place().join("anna/mine")).unwrap();
    assert_eq!((meta.uid(), meta.gid(), meta.mode() & 0o777), (NUMBER, NUMBER, 0o640));
    anna.ask("SITE CHMOD 600 mine", 200);
    anna.ask("DELE mine", 250);
    anna.ask("CWD ../..", 250);
    anna.exact("PWD", "257 \"/\" is the current directory");
    anna.give("STOR again", b"x");
    assert!(site.text("xferlog").contains(" g anna ftp 0 * c"));
    assert!(site.text("vsftpd.log").contains("[anna] OK LOGIN: Client \"127.0.0.1\""));
}

#[test]
fn names_of_the_file_are_judged_by_the_file_and_others_by_pam() {
    needs_root!();
    let Served { site, account, .. } = served(&[]);
    refused(&site, "anna", "xyzzy");
    refused(&site, "bert", "rosebud");
    refused(&site, &account.name, "rosebud");
    let mut dialogue = site.login(&account);
    dialogue.exact("PWD", &format!("257 \"{}\" is the current directory", account.home.display()));
}

#[test]
fn changes_of_the_file_act_at_once() {
    needs_root!();
    let Served { site, file, .. } = served(&[]);
    let change = |arguments: &[&str], input: &str| {
        let changed = run(Command::new(WHARFD).arg("user").args(arguments).arg("--file").arg(&file), input);
        assert!(changed.success, "{}", changed.stderr);
    };
    change(&["passwd", "anna"], "xyzzy\n");
    refused(&site, "anna", "rosebud");
    Dialogue::login(site.address, "anna", "xyzzy").exact("QUIT", "221 Goodbye.");
    change(&["remove", "anna"], "");
    refused(&site, "anna", "xyzzy");
}

#[test]
fn a_file_that_others_may_read_admits_none_of_its_users_and_says_what_to_type() {
    needs_root!();
    let Served { mut site, file, .. } = served(&[]);
    fs::set_permissions(&file, fs::Permissions::from_mode(0o644)).unwrap();
    refused(&site, "anna", "rosebud");
    site.server.wait_for(&format!("chmod 600 {}", file.display()));
}

#[test]
fn a_user_file_of_the_old_kind_holds_for_virtual_users_too() {
    needs_root!();
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("anna"), "write_enable=NO\nlocal_root=/etc\n").unwrap();
    let Served { site, .. } = served(&[&format!("user_config_dir={}", folder.path().display())]);
    let mut anna = Dialogue::login(site.address, "anna", "rosebud");
    anna.exact("MKD d", "550 Permission denied.");
    anna.ask("SIZE passwd", 550);
}

#[test]
fn without_a_pam_service_only_the_file_admits() {
    needs_root!();
    let Served { site, account, .. } = served(&["pam_service_name="]);
    Dialogue::login(site.address, "anna", "rosebud").exact("QUIT", "221 Goodbye.");
    refused(&site, &account.name, &account.password);
}
