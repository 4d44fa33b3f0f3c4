//! Errors that belong to no single line: files, addresses, ports, accounts, lists.

use std::fs;
use std::net::{Ipv4Addr, Ipv6Addr, TcpListener};
use std::os::unix::process::CommandExt;
use std::process::Command;

use wharf_testkit::{is_root, needs_root};

use crate::judge::{File, accepted, refused, run, wharfd};

#[test]
fn a_file_that_cannot_be_used_is_named() {
    let place = tempfile::tempdir().unwrap();
    let missing = place.path().join("none.conf");
    let wrong = "config file not owned by correct user, or not a file";
    let mut cases = vec![
        (missing.clone(), format!("cannot read config file: {}", missing.display()), "no such file"),
        (place.path().to_owned(), wrong.to_owned(), "name a regular file"),
    ];
    let long = place.path().join("long.conf");
    fs::write(&long, "# filler\n".repeat(12_000)).unwrap();
    cases.push((long, "config file is longer than 100000 octets".to_owned(), "shorten the comments"));
    if is_root() {
        let given = place.path().join("given.conf");
        fs::write(&given, "listen=YES\n").unwrap();
        std::os::unix::fs::chown(&given, Some(65534), None).unwrap();
        cases.push((given, wrong.to_owned(), "it belongs to uid 65534 and is read as uid 0; try: chown 0"));
    }
    for (path, message, cure) in cases {
        let place = format!("{}: error: {message}", path.display());
        for (status, text) in [
            {
                let check = run(wharfd().arg("check").arg(&path));
                (check.status, check.stdout)
            },
            {
                let start = run(wharfd().arg(&path));
                (start.status, start.stderr)
            },
        ] {
            assert_eq!(status, Some(2), "{text}");
            assert!(text.contains(&place) && text.contains(&format!("  = help: {cure}")), "{text}");
        }
    }
}

#[test]
fn an_unknown_option_of_the_command_line_is_refused() {
    let run = run(wharfd().arg("--bogus"));
    assert_eq!(run.status, Some(2));
    assert!(
        run.stderr.starts_with("500 OOPS: unrecognise option: --bogus\nusage: wharfd "),
        "{}",
        run.stderr
    );
}

#[test]
fn a_bad_setting_of_the_command_line_is_refused_with_its_text() {
    let file = File::with("");
    for run in [
        run(wharfd().arg(&file.path).arg("-olisten=ON")),
        run(wharfd().arg("check").arg(&file.path).arg("-olisten=ON")),
    ] {
        assert_eq!(run.status, Some(2));
        let text = run.stdout + &run.stderr;
        assert!(
            text.contains(
                "error: bad bool value in config file for: listen\n  | listen=ON\n  = help: write YES"
            ),
            "{text}"
        );
    }
}

#[test]
fn a_setting_that_the_file_overrides_is_told() {
    let file = File::with("max_clients=9");
    let run = run(wharfd().arg("check").arg("-omax_clients=7").arg(&file.path));
    let place = format!("{}:1: warning: -omax_clients=7 is read before this file", file.path.display());
    assert!(run.stdout.contains(&place) && run.stdout.contains("name the file first"), "{}", run.stdout);
}

#[test]
fn bad_addresses_are_refused() {
    refused(
        "listen_address=localhost",
        "error: bad listen_address: localhost\n  | listen_address=localhost\n  = help: ",
    );
    refused(
        "listen=NO\nlisten_ipv6=YES\nlisten_address6=::g",
        "error: bad listen_address6: ::g\n  | listen_address6=::g\n",
    );
    refused(
        "pasv_address=ftp.example.org",
        "error: invalid pasv_address\n  | pasv_address=ftp.example.org\n  = help: ",
    );
}

#[test]
fn a_port_in_use_is_named() {
    needs_root!();
    let taken = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let port = taken.local_addr().unwrap().port();
    let start = File::with(&format!("listen_port={port}")).start();
    assert_eq!(start.status, Some(2));
    let line = format!("500 OOPS: could not bind listening IPv4 socket: cannot listen on 127.0.0.1:{port}: ");
    assert!(start.stderr.contains(&line), "{}", start.stderr);
    assert!(start.stderr.contains("stop it, or choose another listen_port"), "{}", start.stderr);

    let Ok(taken) = TcpListener::bind((Ipv6Addr::LOCALHOST, 0)) else {
        return eprintln!("skipped: this machine has no IPv6");
    };
    let port = taken.local_addr().unwrap().port();
    let lines = format!("listen=NO\nlisten_ipv6=YES\nlisten_address6=::1\nlisten_port={port}");
    let start = File::with(&lines).start();
    assert_eq!(start.status, Some(2));
    let line = format!("500 OOPS: could not bind listening IPv6 socket: cannot listen on [::1]:{port}: ");
    assert!(start.stderr.contains(&line), "{}", start.stderr);
}

#[test]
fn a_start_without_root_says_what_it_needs() {
    needs_root!();
    // The executable may lie where nobody cannot go.
    let file = File::with("");
    let copy = file.place.path().join("wharfd");
    fs::copy(env!("CARGO_BIN_EXE_wharfd"), &copy).unwrap();
    std::os::unix::fs::chown(&file.path, Some(65534), None).unwrap();
    let start = run(Command::new(&copy).arg(&file.path).uid(65534).gid(65534).current_dir("/"));
    assert_eq!(start.status, Some(2), "{}", start.stderr);
    let line = "500 OOPS: vsftpd: must be started as root (see run_as_launching_user option)\n  = help: ";
    assert!(start.stderr.contains(line), "{}", start.stderr);
}

#[test]
fn a_server_that_listens_nowhere_is_for_inetd_and_refused_without() {
    let file = File::with("listen=NO");
    assert!(file.check().stdout.contains("note: nothing listens: one client is served"));
    let start = file.start();
    assert_eq!(start.status, Some(2));
    let line = "500 OOPS: vsftpd: not configured for standalone, must be started from inetd\n  = help: ";
    assert!(start.stderr.contains(line), "{}", start.stderr);
}

#[test]
fn a_server_that_speaks_nothing_is_refused() {
    refused("ftp_enable=NO", "vsftpd: both FTP and HTTP disabled!");
    refused("anonymous_enable=NO\nlocal_enable=NO", "vsftpd: both local and anonymous access disabled!");
}

#[test]
fn a_name_that_cannot_be_resolved_is_told() {
    needs_root!();
    let file = File::with("pasv_addr_resolve=YES\npasv_address=no-such-host.invalid");
    assert_eq!(file.check().status, Some(0), "check asks no name server");
    let start = file.start();
    assert_eq!(start.status, Some(2));
    assert!(start.stderr.contains("cannot resolve host:no-such-host.invalid"), "{}", start.stderr);
}

#[test]
fn what_vsftpd_refuses_and_wharf_can_do_is_no_error() {
    accepted("listen=YES\nlisten_ipv6=YES");
    for line in
        ["http_enable=YES", "one_process_model=YES", "secure_chroot_dir=/nonexistent", "seccomp_sandbox=NO"]
    {
        let check = accepted(line);
        let name = line.split('=').next().unwrap();
        assert!(check.stdout.contains(&format!("note: {name} has no meaning here: ")), "{}", check.stdout);
    }
}

#[test]
fn accounts_that_do_not_exist_are_named() {
    needs_root!();
    let message = |option: &str| format!("vsftpd: cannot locate user specified in '{option}':no-such-user");
    refused("ftp_username=no-such-user", &message("ftp_username"));
    let chown = "write_enable=YES\nanon_upload_enable=YES\nchown_uploads=YES\nchown_username=no-such-user";
    refused(chown, &message("chown_username"));
    let guests = "local_enable=YES\npam_service_name=other\nguest_enable=YES\nguest_username=no-such-user";
    let check = File::with(guests).check();
    assert_eq!(check.status, Some(2));
    assert!(check.stdout.contains(&message("guest_username")), "{}", check.stdout);
    let check = File::with("nopriv_user=no-such-user").check();
    assert_eq!(check.status, Some(2));
    assert!(check.stdout.contains("cannot locate user entry:no-such-user"), "{}", check.stdout);
}

#[test]
fn files_and_logs_that_cannot_be_opened_are_named() {
    needs_root!();
    let local = "local_enable=YES\npam_service_name=other\n";
    refused("banner_file=/nonexistent/banner", "cannot read banner file:/nonexistent/banner");
    let list = format!("{local}userlist_enable=YES\nuserlist_file=/nonexistent/list");
    refused(&list, "cannot read user list file:/nonexistent/list");
    let log = "xferlog_enable=YES\nvsftpd_log_file=/nonexistent/log";
    refused(log, "failed to open vsftpd log file:/nonexistent/log");
    let log = "xferlog_enable=YES\nxferlog_std_format=YES\nxferlog_file=/nonexistent/log";
    refused(log, "failed to open xferlog log file:/nonexistent/log");
}

#[test]
fn lists_that_are_read_at_a_login_are_checked_before() {
    let local = "local_enable=YES\npam_service_name=other\n";
    for (lines, message) in [
        (
            format!("{local}chroot_list_enable=YES\nchroot_list_file=/nonexistent/l"),
            "could not read chroot() list file:/nonexistent/l",
        ),
        (
            "deny_email_enable=YES\nbanned_email_file=/nonexistent/l".to_owned(),
            "cannot read anon e-mail list file:/nonexistent/l",
        ),
        (
            "secure_email_list_enable=YES\nemail_password_file=/nonexistent/l".to_owned(),
            "cannot read email passwords file:/nonexistent/l",
        ),
    ] {
        let check = File::with(&lines).check();
        assert_eq!(check.status, Some(2), "{}", check.stdout);
        assert!(
            check.stdout.contains(message) && check.stdout.contains("create the file, or name another"),
            "{}",
            check.stdout
        );
    }
}

#[test]
fn user_files_are_checked_before_a_user_meets_their_errors() {
    let users = tempfile::tempdir().unwrap();
    fs::write(users.path().join("root"), "write_enable=YES\nlocal_umask=x\n").unwrap();
    let check = File::with(&format!("user_config_dir={}", users.path().display())).check();
    assert_eq!(check.status, Some(2), "{}", check.stdout);
    let place = users.path().join("root");
    let line = format!("{}:2: error: bad number value in config file for: local_umask\n", place.display());
    assert!(check.stdout.contains(&line), "{}", check.stdout);
}

#[test]
fn a_missing_pam_service_is_told_before_anybody_logs_in() {
    let check = accepted("local_enable=YES\npam_service_name=no-such-service");
    let line = "warning: there is no PAM service no-such-service, so PAM asks the service `other`: ";
    assert!(check.stdout.contains(line), "{}", check.stdout);
    assert!(check.stdout.contains("= help: create /etc/pam.d/no-such-service"), "{}", check.stdout);
}
