//! Bad lines and known traps: each is told with file, line, text and a cure.

use crate::judge::{File, accepted, refused_at};

#[test]
fn unknown_names_are_refused() {
    let unknown = |name: &str| format!("unrecognised variable in config file: {name}");
    refused_at(1, "write_enabled=YES", &unknown("write_enabled"), "did you mean write_enable?");
    refused_at(2, "# hi\nWRITE_ENABLE=YES", &unknown("WRITE_ENABLE"), "names are written in small letters");
    refused_at(1, "PassivePorts=1 2", &unknown("PassivePorts"), "remove the line, or look for the option in");
}

#[test]
fn bad_switches_are_refused() {
    let bad = "bad bool value in config file for: write_enable";
    refused_at(1, "write_enable=ON", bad, "write YES");
    refused_at(1, "write_enable=Off", bad, "write NO");
    refused_at(1, "write_enable=Y", bad, "write YES");
    refused_at(1, "write_enable=YES # for all", bad, "a comment needs a line of its own");
    refused_at(1, "write_enable=\"YES\"", bad, "write YES without quotes");
}

#[test]
fn bad_numbers_are_refused() {
    let bad = "bad number value in config file for: max_clients";
    refused_at(1, "max_clients=unlimited", bad, "write digits only");
    refused_at(1, "listen_port=65536", "number out of range in config file for: listen_port", "the largest");
    refused_at(
        1,
        "max_clients=4294967296",
        "number out of range in config file for: max_clients",
        "the largest",
    );
}

#[test]
fn missing_values_are_refused() {
    let missing = |name: &str| format!("missing value in config file for: {name}");
    refused_at(1, "write_enable=", &missing("write_enable"), "for instance write_enable=NO");
    refused_at(1, "max_clients", &missing("max_clients"), "for instance max_clients=2000");
    refused_at(1, "no_such_name=", &missing("no_such_name"), "remove the line");
    refused_at(1, "write_enable: YES", &missing("write_enable: YES"), "write write_enable=YES");
}

#[test]
fn every_bad_line_is_told_at_once() {
    let file = File::with("write_enable=ON\nmax_clients=x\nnonsense=1");
    for text in [file.check().stdout, file.start().stderr] {
        for line in 1..=3 {
            assert!(text.contains(&format!("{}:{line}: error: ", file.path.display())), "{text}");
        }
    }
}

#[test]
fn nothing_in_a_bad_file_speaks_to_the_terminal() {
    let file = File::with("ftpd_banner\x1b[2J=x\nlisten=\x1b[31mON");
    assert!(!file.check().stdout.contains('\x1b') && !file.start().stderr.contains('\x1b'));
}

/// `wharfd check FILE` says this about the last of these lines, finds no error, and says what to do.
fn told(severity: &str, lines: &str, message: &str) {
    let file = File::with(lines);
    let check = file.check();
    let (number, last) = (lines.lines().count(), lines.lines().last().unwrap().trim());
    let whole = format!("{}:{number}: {severity}: {message}", file.path.display());
    let place = check.stdout.find(&whole);
    let said = place.map(|at| check.stdout[at..].lines().take(3).collect::<Vec<_>>().join("\n"));
    let said = said.unwrap_or_else(|| panic!("{whole}\nwas expected of check, which said\n{}", check.stdout));
    assert!(said.contains(&format!("\n  | {last}")) && said.contains("\n  = help: "), "{said}");
    assert_eq!(check.status, Some(0), "{}", check.stdout);
}

#[test]
fn the_known_traps_of_a_line_are_told() {
    for (lines, message) in [
        ("\nxferlog_enable =YES", "a blank before the ="),
        ("xferlog_enable= YES", "a blank behind the ="),
        ("xferlog_enable=YES ", "a blank at the end"),
        ("ftpd_banner= Hello", "a blank behind the ="),
        ("ftpd_banner=  ", "a value of blanks means not set"),
        ("  # a comment", "a comment that does not begin in the first column"),
        ("local_umask=22", "without a leading 0 this number is decimal and becomes 026"),
        ("file_open_mode=666", "without a leading 0 this number is decimal and becomes 01232"),
        ("accept_timeout=08", "reading stops before \"8\", so this means 0"),
        ("accept_timeout=0x10", "reading stops before \"x10\", so this means 0"),
        ("accept_timeout=060", "the leading 0 makes this number octal, so it means 48"),
        ("idle_session_timeout=-1", "a negative number wraps round"),
        ("anon_max_rate=10m", "reading stops before \"m\", so this means 10"),
        ("xferlog_enable=YES\nxferlog_enable=NO", "xferlog_enable is set in line 1 already; this line wins"),
        ("ftpd_banner=\"Hello\"", "the quotes are part of the value"),
        ("ftpd_banner=Hello # for all", "everything behind the = is the value"),
        ("cmds_denied=dele, RMD", "vsftpd compares these names letter for letter"),
    ] {
        told("warning", lines, message);
    }
    told(
        "note",
        "xferlog_enable=YES\nxferlog_enable=YES",
        "xferlog_enable is set in line 1 already, to the same",
    );
}

#[test]
fn line_ends_and_a_mark_of_another_system_are_told_once() {
    let file = File::with("\u{feff}xferlog_enable=YES\r\ndirmessage_enable=YES\r");
    let check = file.check();
    for note in ["the file begins with a byte order mark", "lines end in CR LF"] {
        let place = format!("{}:1: note: {note}", file.path.display());
        assert_eq!(check.stdout.matches(&place).count(), 1, "{}", check.stdout);
    }
    assert_eq!((check.status, check.stdout.contains("warning: ")), (Some(0), false), "{}", check.stdout);
}

#[test]
fn the_known_traps_between_lines_are_told() {
    let local = "local_enable=YES\npam_service_name=other\n";
    for (lines, message) in [
        ("xferlog_enable=YES\nxferlog_file=/var/log/x".to_owned(), "xferlog_file has no effect"),
        ("pasv_min_port=5000\npasv_max_port=4000".to_owned(), "pasv_max_port is ignored"),
        ("pasv_min_port=5000\npasv_max_port=5001".to_owned(), "only 2 passive ports (5000 to 5001)"),
        (format!("{local}local_root=/usr/$USER"), "$USER in local_root is taken as it stands"),
        (format!("{local}userlist_deny=NO"), "every user may log in"),
        ("deny_file={*.mp3".to_owned(), "deny_file has a brace without its partner"),
        (
            "cmds_allowed=RETR,QUIT".to_owned(),
            "RETR is allowed but no command that opens its data connection",
        ),
        ("pasv_max_port=50100".to_owned(), "pasv_min_port is not set, which means 5001"),
        (format!("{local}write_enable=NO"), "anybody may log in as anonymous"),
        ("userlist_enable=YES".to_owned(), "userlist_enable has no effect while local_enable is NO"),
        ("anon_upload_enable=YES".to_owned(), "anon_upload_enable has no effect while write_enable is NO"),
        ("deny_file=private".to_owned(), "deny_file without * or braces hits every name"),
    ] {
        let check = File::with(&lines).check();
        assert!(
            check.stdout.contains(message),
            "{message}\nwas expected of check, which said\n{}",
            check.stdout
        );
    }
}

#[test]
fn the_file_that_debian_ships_has_nothing_to_warn_of() {
    let debian = "listen=NO\nlisten_ipv6=YES\nanonymous_enable=NO\nlocal_enable=YES\ndirmessage_enable=YES\n\
        use_localtime=YES\nxferlog_enable=YES\nconnect_from_port_20=YES\n\
        secure_chroot_dir=/var/run/vsftpd/empty\npam_service_name=other\nssl_enable=NO";
    let check = accepted(debian);
    assert!(!check.stdout.contains("warning: "), "{}", check.stdout);
}
