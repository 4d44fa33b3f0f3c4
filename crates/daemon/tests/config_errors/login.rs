//! What a client meets at a login when a file, a list or PAM is broken, and what standard error says.

use std::fs;
use std::path::PathBuf;

use wharf_testkit::{Account, Dialogue, PamService, Signal, Site, SiteBuilder, needs_root};

fn builder() -> SiteBuilder {
    Site::builder(env!("CARGO_BIN_EXE_wharfd"))
}

/// Sends name and password, and expects this reply and the end of the connection.
fn dies_with(site: &Site, name: &str, password: &str, reply: &str) {
    let mut dialogue = site.connect();
    dialogue.ask(&format!("USER {name}"), 331);
    dialogue.exact(&format!("PASS {password}"), reply);
    dialogue.expect_close();
}

/// A site whose one user has a file of the own name with this text; the directory is returned last.
fn with_user_file(text: &str) -> (Site, Account, PamService, PathBuf) {
    let builder = builder();
    let users = builder.place().join("users");
    fs::create_dir(&users).unwrap();
    let account = Account::make(builder.place());
    let pam = PamService::make();
    fs::write(users.join(&account.name), text).unwrap();
    let site = builder.local(&pam).set(&format!("user_config_dir={}", users.display())).start();
    (site, account, pam, users)
}

#[test]
fn a_bad_user_file_ends_the_login_and_is_told_with_its_place() {
    needs_root!();
    for (text, message, help) in [
        ("write_enable=YES\nhide_ids=ON\n", "bad bool value in config file for: hide_ids", "write YES"),
        (
            "\nwrite_enabled=YES\n",
            "unrecognised variable in config file: write_enabled",
            "did you mean write_enable?",
        ),
        (
            "write_enable = YES\nlocal_umask=\n",
            "missing value in config file for: local_umask",
            "for instance local_umask=077",
        ),
    ] {
        let (mut site, account, _pam, users) = with_user_file(text);
        dies_with(&site, &account.name, &account.password, &format!("500 OOPS: {message}"));
        let place = users.join(&account.name);
        site.server.wait_for(&format!("{}:2: error: {message}", place.display()));
        site.server.wait_for(&format!("  = help: {help}"));
    }
}

#[test]
fn a_user_file_of_another_owner_ends_the_login() {
    needs_root!();
    let (mut site, account, _pam, users) = with_user_file("write_enable=YES\n");
    let file = users.join(&account.name);
    account.own(&file);
    let message = "config file not owned by correct user, or not a file";
    dies_with(&site, &account.name, &account.password, &format!("500 OOPS: {message}"));
    site.server.wait_for(&format!("{}: error: {message}", file.display()));
    site.server.wait_for(&format!("try: chown 0 {}", file.display()));
    std::os::unix::fs::chown(&file, Some(0), None).unwrap();
    site.login(&account).ask("NOOP", 200);
}

#[test]
fn a_jail_list_that_is_gone_ends_the_login() {
    needs_root!();
    let builder = builder();
    let list = builder.place().join("chroot_list");
    let account = Account::make(builder.place());
    let pam = PamService::make();
    let lines = ["chroot_list_enable=YES".to_owned(), format!("chroot_list_file={}", list.display())];
    let builder = lines.iter().fold(builder.local(&pam), |builder, line| builder.set(line));
    fs::write(&list, "").unwrap();
    let mut site = builder.start();
    site.login(&account).ask("NOOP", 200);
    fs::remove_file(&list).unwrap();
    let message = format!("500 OOPS: could not read chroot() list file:{}", list.display());
    dies_with(&site, &account.name, &account.password, &message);
    site.server.wait_for(&message);
}

/// A site for strangers, with one list of e-mail addresses that is gone.
fn with_lost_list(switch: &str, option: &str) -> (Site, Account, PathBuf) {
    let builder = builder();
    let list = builder.place().join("addresses");
    let account = Account::make(builder.place());
    let builder = builder.anonymous(&account).set(switch).set(&format!("{option}={}", list.display()));
    (builder.start(), account, list)
}

#[test]
fn a_list_of_addresses_that_is_gone_is_told() {
    needs_root!();
    for (switch, option, message) in [
        ("deny_email_enable=YES", "banned_email_file", "cannot read anon e-mail list file:"),
        ("secure_email_list_enable=YES", "email_password_file", "cannot read email passwords file:"),
    ] {
        let (mut site, _account, list) = with_lost_list(switch, option);
        let message = format!("500 OOPS: {message}{}", list.display());
        dies_with(&site, "anonymous", "me@example.org", &message);
        site.server.wait_for(&message);
    }
}

/// A site whose PAM service has this text, and its one user.
fn with_pam(text: &str) -> (Site, Account, PamService) {
    let builder = builder();
    let account = Account::make(builder.place());
    let pam = PamService::with(text);
    (builder.local(&pam).start(), account, pam)
}

fn login_fails(site: &Site, name: &str, password: &str) -> Dialogue {
    let mut dialogue = site.connect();
    dialogue.ask(&format!("USER {name}"), 331);
    dialogue.exact(&format!("PASS {password}"), "530 Login incorrect.");
    dialogue
}

#[test]
fn each_refusal_of_pam_has_its_reason_for_the_administrator_alone() {
    needs_root!();
    for (text, reason) in [
        ("auth required pam_deny.so\naccount required pam_permit.so\n", "(Credentials)"),
        ("auth required pam_permit.so\naccount required pam_deny.so\n", "(Rule)"),
        ("auth required pam_no_such_module.so\naccount required pam_permit.so\n", "PAM"),
    ] {
        let (mut site, account, _pam) = with_pam(text);
        login_fails(&site, &account.name, &account.password);
        let told = site.server.wait_for(&format!("login of {} refused", account.name));
        assert!(told.contains(reason), "{text}{told}");
        assert!(!site.server.output().contains(&account.password), "a password reached the log");
    }
}

#[test]
fn a_missing_pam_service_is_named_at_each_login() {
    needs_root!();
    let builder = builder();
    let account = Account::make(builder.place());
    let builder = builder.set("local_enable=YES").set("pam_service_name=wharf-no-such-service");
    let mut site = builder.start();
    // The service `other` of some machines would take the right password.
    login_fails(&site, &account.name, "wrong");
    let told = site.server.wait_for(&format!("login of {} refused", account.name));
    assert!(told.contains("there is no /etc/pam.d/wharf-no-such-service"), "{told}");
    assert!(told.contains("create the file or set pam_service_name"), "{told}");
}

#[test]
fn a_name_that_pam_knows_and_the_system_does_not_is_told() {
    needs_root!();
    let (mut site, _account, _pam) =
        with_pam("auth required pam_permit.so\naccount required pam_permit.so\n");
    dies_with(&site, "wharf-nobody", "x", "500 OOPS: cannot locate user entry:wharf-nobody");
    site.server.wait_for("guest_enable=YES");
}

#[test]
fn a_reload_with_a_bad_line_is_refused_and_told_with_its_place() {
    needs_root!();
    let builder = builder();
    let account = Account::make(builder.place());
    let pam = PamService::make();
    let mut site = builder.local(&pam).start();
    let good = fs::read_to_string(&site.config).unwrap();
    let number = good.lines().count() + 1;
    fs::write(&site.config, format!("{good}write_enable=ON\n")).unwrap();
    site.server.signal(Signal::SIGHUP);
    let place =
        format!("{}:{number}: error: bad bool value in config file for: write_enable", site.config.display());
    site.server.wait_for(&place);
    site.server.wait_for("the old one stays in force");
    site.login(&account).exact("DELE x", "550 Permission denied.");
}
