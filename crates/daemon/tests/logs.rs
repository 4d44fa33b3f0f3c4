//! The logs have the lines that existing readers look for. Needs root.

#![forbid(unsafe_code)]
#![allow(clippy::unwrap_used, reason = "a test that cannot go on stops at the line that says why")]

use std::fs;
use std::io::Write;
use std::time::{Duration, Instant};

use wharf_testkit::{Account, Dialogue, PATIENCE, PamService, Signal, Site, needs_root, reset};

struct Stage {
    site: Site,
    account: Account,
    _pam: PamService,
}

fn stage(lines: &[&str]) -> Stage {
    let builder = Site::builder(env!("CARGO_BIN_EXE_wharfd"));
    let account = Account::make(builder.place());
    let pam = PamService::make();
    let builder = builder.local(&pam).set("write_enable=YES");
    let site = lines.iter().fold(builder, |builder, line| builder.set(line)).start();
    account.file("a b.txt", b"abc");
    Stage { site, account, _pam: pam }
}

impl Stage {
    /// Waits until a log has a line with all these pieces, in this order; returns it.
    fn line(&self, log: &str, pieces: &[&str]) -> String {
        let end = Instant::now() + Duration::from_secs(PATIENCE);
        loop {
            let text = self.site.text(log);
            if let Some(line) = text.lines().find(|line| in_order(line, pieces)) {
                return line.to_owned();
            }
            assert!(Instant::now() < end, "{log} has no line with {pieces:?}:\n{text}");
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    fn work(&self) -> Dialogue {
        let mut dialogue = self.site.login(&self.account);
        dialogue.fetch("RETR a b.txt");
        let data = dialogue.epsv();
        dialogue.ask("RETR nothing", 550);
        drop(data);
        dialogue.give("STOR up 1", b"12345");
        dialogue.ask("MKD n", 257);
        dialogue.ask("RNFR n", 350);
        dialogue.ask("RNTO n2", 250);
        dialogue.ask("RMD n2", 250);
        dialogue.ask("DELE up 1", 250);
        dialogue.ask("SITE CHMOD 600 a b.txt", 200);
        dialogue
    }
}

fn in_order(line: &str, pieces: &[&str]) -> bool {
    let mut rest = line;
    pieces.iter().all(|piece| match rest.split_once(piece) {
        Some((_, after)) => {
            rest = after;
            true
        }
        None => false,
    })
}

#[test]
fn the_detailed_log_has_a_line_for_each_deed() {
    needs_root!();
    let stage = stage(&["xferlog_enable=YES"]);
    stage.work();
    let who = format!("[{}]", stage.account.name);
    let home = stage.account.home.display().to_string();
    let client = "Client \"127.0.0.1\"";
    let connect = stage.line("vsftpd.log", &["[pid ", "] CONNECT: ", client]);
    assert!(connect.ends_with("CONNECT: Client \"127.0.0.1\""), "{connect}");
    assert_eq!(connect.find(" [pid "), Some(24), "the date is 24 characters: {connect}");
    stage.line("vsftpd.log", &[&who, " OK LOGIN: ", client]);
    let download = format!(", \"{home}/a b.txt\", 3 bytes, ");
    stage.line("vsftpd.log", &[&who, " OK DOWNLOAD: ", client, &download, "Kbyte/sec"]);
    let failed = format!(", \"{home}/nothing\", 0.00Kbyte/sec");
    stage.line("vsftpd.log", &[&who, " FAIL DOWNLOAD: ", client, &failed]);
    let upload = format!(", \"{home}/up 1\", 5 bytes, ");
    stage.line("vsftpd.log", &[&who, " OK UPLOAD: ", client, &upload, "Kbyte/sec"]);
    for (deed, path) in [
        ("MKDIR", format!("\"{home}/n\"")),
        ("RENAME", format!("\"{home}/n {home}/n2\"")),
        ("RMDIR", format!("\"{home}/n2\"")),
        ("DELETE", format!("\"{home}/up 1\"")),
        ("CHMOD", format!("\"{home}/a b.txt 600\"")),
    ] {
        stage.line("vsftpd.log", &[&who, " OK ", deed, ": ", client, ", ", &path]);
    }
}

#[test]
fn a_failed_login_is_logged_for_those_who_ban() {
    needs_root!();
    let stage = stage(&["xferlog_enable=YES"]);
    let mut dialogue = stage.site.connect();
    dialogue.ask(&format!("USER {}", stage.account.name), 331);
    dialogue.ask("PASS not-the-password", 530);
    let who = format!("[{}] FAIL LOGIN: Client \"127.0.0.1\"", stage.account.name);
    stage.line("vsftpd.log", &["[pid ", &who]);
    assert!(!stage.site.text("vsftpd.log").contains("not-the-password"));
}

#[test]
fn the_lines_of_one_session_have_one_number() {
    needs_root!();
    let stage = stage(&["xferlog_enable=YES"]);
    stage.work();
    let number = |line: String| line.split_once("[pid ").unwrap().1.split_once(']').unwrap().0.to_owned();
    let connect = number(stage.line("vsftpd.log", &["CONNECT"]));
    assert_eq!(number(stage.line("vsftpd.log", &["OK LOGIN"])), connect);
    assert_eq!(number(stage.line("vsftpd.log", &["OK UPLOAD"])), connect);
}

#[test]
fn the_standard_log_has_eighteen_fields() {
    needs_root!();
    let stage = stage(&["xferlog_enable=YES", "xferlog_std_format=YES"]);
    stage.work();
    let home = stage.account.home.display().to_string();
    let name = stage.account.name.as_str();
    let tail = format!(" 127.0.0.1 3 {home}/a_b.txt a _ o r {name} ftp 0 * c");
    let line = stage.line("xferlog", &[&tail]);
    assert_eq!(line.split_whitespace().count(), 18, "{line}");
    stage.line("xferlog", &[&format!(" 127.0.0.1 0 {home}/nothing a _ o r {name} ftp 0 * i")]);
    stage.line("xferlog", &[&format!(" 127.0.0.1 5 {home}/up_1 a _ i r {name} ftp 0 * c")]);
    assert_eq!(stage.site.text("vsftpd.log"), "", "only one of the two is written");
}

#[test]
fn both_logs_are_written_when_asked() {
    needs_root!();
    let stage = stage(&["dual_log_enable=YES"]);
    stage.work();
    stage.line("xferlog", &["/up_1 a _ i r "]);
    stage.line("vsftpd.log", &["OK UPLOAD"]);
}

#[test]
fn without_logging_there_are_no_files() {
    needs_root!();
    let stage = stage(&[]);
    stage.work();
    assert!(!stage.site.place().join("vsftpd.log").exists());
    assert!(!stage.site.place().join("xferlog").exists());
}

#[test]
fn the_protocol_is_logged_without_passwords() {
    needs_root!();
    let stage = stage(&["xferlog_enable=YES", "log_ftp_protocol=YES"]);
    stage.work().ask("QUIT", 221);
    stage.line("vsftpd.log", &["FTP response: Client \"127.0.0.1\", \"221 Goodbye.\""]);
    stage.line("vsftpd.log", &["FTP command: Client \"127.0.0.1\", \"PASS <password>\""]);
    let text = stage.site.text("vsftpd.log");
    assert!(!text.contains(&stage.account.password), "{text}");
}

#[test]
fn a_broken_upload_is_a_failed_one() {
    needs_root!();
    let stage = stage(&["xferlog_enable=YES"]);
    let mut dialogue = stage.site.login(&stage.account);
    let mut data = dialogue.epsv();
    dialogue.ask("STOR broken", 150);
    data.write_all(b"123").unwrap();
    reset(data);
    dialogue.expect(426);
    stage.line("vsftpd.log", &["FAIL UPLOAD: ", "/broken\""]);
}

#[test]
fn a_file_moved_away_is_made_anew_at_a_reload() {
    needs_root!();
    let mut stage = stage(&["xferlog_enable=YES"]);
    stage.work();
    stage.line("vsftpd.log", &["OK CHMOD"]);
    let log = stage.site.place().join("vsftpd.log");
    fs::rename(&log, stage.site.place().join("vsftpd.log.1")).unwrap();
    stage.site.server.signal(Signal::SIGHUP);
    stage.site.server.wait_for("reload");
    stage.work();
    stage.line("vsftpd.log", &["OK UPLOAD"]);
}
