//! Commands of later standards and of no standard, with clients that use them. Needs root for the account.

#![forbid(unsafe_code)]
#![allow(clippy::unwrap_used, reason = "a test that cannot go on stops at the line that says why")]

use std::fs::{self, File};
use std::io::Read;
use std::os::unix::fs::MetadataExt;
use std::process::Command;
use std::time::{Duration, Instant, UNIX_EPOCH};

use wharf_testkit::{Account, Dialogue, Outcome, PamService, Site, has, needs_root, read_all, run};

struct Stage {
    site: Site,
    account: Account,
    _pam: PamService,
}

impl Stage {
    fn new(options: &[&str]) -> Self {
        let builder = Site::builder(env!("CARGO_BIN_EXE_wharfd"));
        let account = Account::make(builder.place());
        let pam = PamService::make();
        let builder = builder.local(&pam).set("write_enable=YES").set("local_umask=022");
        let site = options.iter().fold(builder, |builder, line| builder.set(line)).start();
        Self { site, account, _pam: pam }
    }

    fn login(&self) -> Dialogue {
        self.site.login(&self.account)
    }

    fn home(&self, name: &str) -> std::path::PathBuf {
        self.account.home.join(name)
    }

    fn here(&self, name: &str) -> std::path::PathBuf {
        self.site.place().join(name)
    }

    /// A file of so many octets with holes for content, which belongs to the account.
    fn large(&self, name: &str, octets: u64) {
        self.account.file(name, b"");
        File::options().write(true).open(self.home(name)).unwrap().set_len(octets).unwrap();
    }
}

fn modified(path: &std::path::Path) -> i64 {
    fs::metadata(path).unwrap().mtime()
}

fn date(path: &std::path::Path, seconds: u64) {
    let times = fs::FileTimes::new().set_modified(UNIX_EPOCH + Duration::from_secs(seconds));
    File::options().write(true).open(path).unwrap().set_times(times).unwrap();
}

#[test]
fn what_is_told_of_a_file_is_what_the_disk_says() {
    needs_root!();
    let stage = Stage::new(&["text_userdb_names=YES"]);
    stage.account.file("f", b"12345");
    let mut dialogue = stage.login();
    dialogue.ask("OPTS MLST size;create;UNIX.uid;UNIX.owner;UNIX.ownername;", 200);
    let told = dialogue.ask("MLST f", 250);
    let line = told.lines[1].as_str();
    let (name, uid) = (&stage.account.name, fs::metadata(stage.home("f")).unwrap().uid());
    let owner = format!("UNIX.uid={uid};UNIX.owner={name};UNIX.ownername={name}; ");
    assert!(line.contains("size=5;") && line.contains(&owner), "{line}");
    if let Ok(created) = fs::metadata(stage.home("f")).unwrap().created() {
        let year = 1970 + created.duration_since(UNIX_EPOCH).unwrap().as_secs() / 31_556_952;
        assert!(line.contains(&format!("create={year}")), "{line}");
    }
}

#[test]
fn hashes_agree_with_the_programs_of_this_machine_and_are_kept() {
    needs_root!();
    let stage = Stage::new(&[]);
    let content: Vec<u8> = (0..3_000_000_u32).map(|at| u8::try_from(at * 7 % 251).unwrap()).collect();
    stage.account.file("a file", &content);
    let mut dialogue = stage.login();
    for (method, program) in
        [("SHA-256", "sha256sum"), ("SHA-512", "sha512sum"), ("SHA-1", "sha1sum"), ("MD5", "md5sum")]
    {
        let told = run(Command::new(program).arg(stage.home("a file")), "").stdout;
        let digits = told.split(' ').next().unwrap().trim_start_matches('\\').to_owned();
        dialogue.ask(&format!("OPTS HASH {method}"), 200);
        for _ in 0..2 {
            let reply = dialogue.ask("HASH a file", 213);
            assert_eq!(reply.text(), format!("213 {method} 0-2999999 {digits} a file"));
        }
    }
    let mut kept = [0; 2048];
    match rustix::fs::getxattr(stage.home("a file"), "user.wharf.hash", &mut kept[..]) {
        Ok(length) => {
            let kept = String::from_utf8_lossy(&kept[..length]).into_owned();
            assert!(
                ["SHA-256:", "SHA-512:", "SHA-1:", "MD5:"].iter().all(|one| kept.contains(one)),
                "{kept}"
            );
        }
        Err(rustix::io::Errno::NOTSUP) => eprintln!("skipped: this file system keeps no attributes"),
        Err(errno) => panic!("nothing was kept: {errno}"),
    }
    // A change shows, though the time is put back.
    let before = modified(&stage.home("a file"));
    let old = dialogue.ask("XMD5 a file", 250);
    let mut changed = content;
    changed[0] ^= 1;
    stage.account.file("a file", &changed);
    date(&stage.home("a file"), u64::try_from(before).unwrap());
    assert_ne!(dialogue.ask("XMD5 a file", 250).text(), old.text());
}

#[test]
fn a_long_hash_keeps_nobody_waiting_and_ends_at_abor() {
    needs_root!();
    let stage = Stage::new(&[]);
    stage.large("huge", 1 << 40);
    let mut dialogue = stage.login();
    dialogue.send("HASH huge");
    let mut other = stage.login();
    let begin = Instant::now();
    for _ in 0..20 {
        other.ask("SIZE huge", 213);
    }
    assert!(begin.elapsed() < Duration::from_secs(5), "{:?}", begin.elapsed());
    dialogue.send("ABOR");
    dialogue.expect(451);
    dialogue.expect(226);
    dialogue.ask("NOOP", 200);
    // One that goes away takes its hash along: otherwise sixteen of them would fill the place.
    for _ in 0..20 {
        let mut gone = stage.login();
        gone.send("HASH huge");
        drop(gone);
    }
    stage.account.file("small", b"abc");
    let end = Instant::now() + Duration::from_secs(10);
    loop {
        dialogue.send("XMD5 small");
        let reply = dialogue.reply();
        if reply.code == 250 {
            break;
        }
        assert!(reply.code == 450 && Instant::now() < end, "{reply:?}");
    }
}

#[test]
fn a_range_is_fetched_and_nothing_else() {
    needs_root!();
    let stage = Stage::new(&[]);
    let content: Vec<u8> = (0..700_000_u32).map(|at| u8::try_from(at % 253).unwrap()).collect();
    stage.account.file("f", &content);
    let mut dialogue = stage.login();
    dialogue.ask("TYPE I", 200);
    for (first, last) in [(0, 0), (5, 9), (1000, 650_000), (699_999, 9_999_999)] {
        dialogue.ask(&format!("RANG {first} {last}"), 350);
        let data = dialogue.epsv();
        dialogue.ask("RETR f", 150);
        let end = content.len().min(last + 1);
        assert_eq!(read_all(data), content[first..end], "{first}-{last}");
        dialogue.expect(226);
    }
    let data = dialogue.epsv();
    dialogue.ask("RETR f", 150);
    assert_eq!(read_all(data).len(), content.len(), "a range holds once");
    dialogue.expect(226);
}

#[test]
fn trees_copies_and_joined_parts_on_a_real_disk() {
    needs_root!();
    let stage = Stage::new(&["symlink_enable=YES", "dual_log_enable=YES", "xferlog_enable=YES"]);
    stage.account.file("1", b"one ");
    stage.account.file("2", b"two");
    let mut dialogue = stage.login();
    dialogue.ask("SITE MKDIR a/b/c", 200);
    dialogue.ask("SITE CPFR 1", 350);
    dialogue.ask("SITE CPTO a/b/copy", 250);
    assert_eq!(fs::read(stage.home("a/b/copy")).unwrap(), b"one ");
    assert_eq!(fs::metadata(stage.home("a/b/copy")).unwrap().mode() & 0o777, 0o644);
    dialogue.ask("SITE SYMLINK 2 link", 200);
    assert_eq!(fs::read_link(stage.home("link")).unwrap().to_str(), Some("2"));
    dialogue.ask("DSIZ a", 213);
    dialogue.ask("COMB whole 1 2", 250);
    assert_eq!(fs::read(stage.home("whole")).unwrap(), b"one two");
    assert!(!stage.home("1").exists() && !stage.home("2").exists());
    dialogue.ask("RMDA a", 250);
    assert!(!stage.home("a").exists());
    dialogue.ask("ALLO 9000000000000000000", 552);
    assert!(dialogue.ask("AVBL", 213).text()[4..].parse::<u64>().unwrap() > 0);
    let group = fs::metadata(stage.home("whole")).unwrap().gid();
    dialogue.ask(&format!("MFF Modify=20200203040506;UNIX.mode=0600;UNIX.group={group}; whole"), 213);
    let told = fs::metadata(stage.home("whole")).unwrap();
    assert_eq!((told.mtime(), told.mode() & 0o777), (1_580_702_706, 0o600));
    dialogue.ask("SITE CHGRP 0 whole", 550);
    let log = stage.site.text("vsftpd.log");
    for word in ["OK COPY", "OK SYMLINK", "OK COMBINE", "FAIL CHGRP"] {
        assert!(log.contains(word), "{word}: {log}");
    }
}

#[test]
fn commands_in_one_segment_are_carried_out_in_order_transfers_included() {
    needs_root!();
    let stage = Stage::new(&[]);
    stage.account.file("a", b"first");
    stage.account.file("b", b"second");
    let mut dialogue = stage.login();
    dialogue.ask("TYPE I", 200);
    let first = dialogue.epsv();
    dialogue.raw(b"RETR a\r\nMKD d\r\nCWD d\r\nPWD\r\nXMD5 ../b\r\nRMDA ../d\r\nSIZE /nowhere\r\nHASH ");
    dialogue.raw(b"../b\r\nNOOP\r\n");
    dialogue.expect(150);
    assert_eq!(read_all(first), b"first");
    // NOOP stands behind what waits for the transfer, so nothing is answered before its time.
    for code in [226, 257, 250, 257, 250, 250, 550] {
        dialogue.expect(code);
    }
    // The directory that the name was relative to is gone, and so is its path.
    assert!([213, 550].contains(&dialogue.reply().code));
    dialogue.expect(200);
}

#[test]
fn stat_tells_how_fast_a_transfer_is() {
    needs_root!();
    let stage = Stage::new(&["local_max_rate=100000"]);
    stage.large("f", 600_000);
    let mut dialogue = stage.login();
    dialogue.ask("TYPE I", 200);
    let mut data = dialogue.epsv();
    dialogue.ask("RETR f", 150);
    data.read_exact(&mut [0; 250_000]).unwrap();
    let told = dialogue.ask("STAT", 213);
    assert!(told.text().contains(" of 600000 bytes transferred at "), "{told:?}");
    dialogue.send("ABOR");
    dialogue.expect(426);
    dialogue.expect(226);
}

#[test]
fn replies_are_korean_for_who_asks() {
    needs_root!();
    let stage = Stage::new(&[]);
    let mut dialogue = Dialogue::connect(stage.site.address);
    assert_eq!(dialogue.ask("LANG ko", 200).text(), "200 지금부터 한국어로 응답합니다.");
    assert_eq!(
        dialogue.ask(&format!("USER {}", stage.account.name), 331).text(),
        "331 비밀번호를 입력하세요."
    );
    dialogue.ask(&format!("PASS {}", stage.account.password), 230);
    assert_eq!(dialogue.ask("CWD nowhere", 550).text(), "550 디렉터리를 옮기지 못했습니다.");
    assert!(dialogue.ask("FEAT", 211).lines.contains(&" LANG EN;KO*".to_owned()));
}

fn lftp(stage: &Stage, script: &str) -> Outcome {
    let login = format!("-u {},{} ftp://{}", stage.account.name, stage.account.password, stage.site.address);
    let settings = "set cmd:fail-exit yes; set net:max-retries 1; set net:timeout 20; set ftp:ssl-allow no";
    run(Command::new("lftp").args(["-c", &format!("{settings}; open {login}; {script}")]), "")
}

#[test]
fn lftp_keeps_times_in_both_directions() {
    needs_root!();
    if !has("lftp") {
        return;
    }
    let stage = Stage::new(&[]);
    fs::create_dir_all(stage.here("up/d")).unwrap();
    for (name, seconds) in [("up/a", 1_580_702_706), ("up/d/b c", 1_000_000_000)] {
        fs::write(stage.here(name), "content").unwrap();
        date(&stage.here(name), seconds);
    }
    let (up, down) = (stage.here("up"), stage.here("down"));
    let outcome =
        lftp(&stage, &format!("mirror -R {} tree; mirror tree {}; bye", up.display(), down.display()));
    assert!(outcome.success, "{outcome:?}");
    for (name, seconds) in [("a", 1_580_702_706), ("d/b c", 1_000_000_000)] {
        assert_eq!(modified(&stage.home("tree").join(name)), seconds, "{name}");
        assert_eq!(modified(&down.join(name)), seconds, "{name}");
    }
    // Without MFMT it falls back to SITE UTIME.
    let again = lftp(
        &stage,
        &format!("set ftp:use-mdtm-overloaded no; quote SITE HELP; mirror -R {} again; bye", up.display()),
    );
    assert!(again.success && again.stdout.contains("UTIME"), "{again:?}");
    assert_eq!(modified(&stage.home("again/a")), 1_580_702_706);
}

#[test]
fn ncftp_keeps_times() {
    needs_root!();
    if !has("ncftpput") {
        return;
    }
    let stage = Stage::new(&[]);
    fs::write(stage.here("f"), "content").unwrap();
    date(&stage.here("f"), 1_580_702_706);
    let port = stage.site.address.port().to_string();
    let (name, password) = (&stage.account.name, &stage.account.password);
    let mut put = Command::new("ncftpput");
    put.args(["-V", "-u", name, "-p", password, "-P", &port, "127.0.0.1", "."]).arg(stage.here("f"));
    let outcome = run(put.env("HOME", stage.site.place()), "");
    assert!(outcome.success, "{outcome:?}");
    assert_eq!(modified(&stage.home("f")), 1_580_702_706, "{outcome:?}");
}

#[test]
fn rclone_copies_checks_and_syncs_with_exact_times() {
    needs_root!();
    if !has("rclone") {
        return;
    }
    let stage = Stage::new(&[]);
    fs::create_dir_all(stage.here("up/d")).unwrap();
    for (name, seconds) in [("up/a", 1_580_702_706), ("up/d/b", 1_000_000_000)] {
        fs::write(stage.here(name), name).unwrap();
        date(&stage.here(name), seconds);
    }
    let rclone = |words: &[&str]| {
        let mut rclone = Command::new("rclone");
        rclone.args(["--config", "/dev/null", "--ftp-host", "127.0.0.1", "--retries", "1", "-v"]);
        rclone.args([
            "--ftp-user",
            &stage.account.name,
            "--ftp-port",
            &stage.site.address.port().to_string(),
        ]);
        let hidden = run(Command::new("rclone").args(["obscure", &stage.account.password]), "").stdout;
        rclone.args(["--ftp-pass", hidden.trim()]);
        run(rclone.args(words).env("HOME", stage.site.place()), "")
    };
    let up = stage.here("up").display().to_string();
    let copied = rclone(&["copy", &up, ":ftp:tree"]);
    assert!(copied.success, "{copied:?}");
    assert_eq!(modified(&stage.home("tree/a")), 1_580_702_706, "{copied:?}");
    assert_eq!(modified(&stage.home("tree/d/b")), 1_000_000_000);
    let checked = rclone(&["check", "--download", &up, ":ftp:tree"]);
    assert!(checked.success, "{checked:?}");
    fs::remove_file(stage.here("up/a")).unwrap();
    let synced = rclone(&["sync", &up, ":ftp:tree"]);
    assert!(synced.success && !stage.home("tree/a").exists(), "{synced:?}");
    // Nothing is sent again: size and time are as they should be.
    assert!(!synced.stderr.contains("Copied"), "{synced:?}");
}

#[test]
fn curl_quotes_what_it_does_not_know() {
    needs_root!();
    if !has("curl") {
        return;
    }
    let stage = Stage::new(&[]);
    stage.account.file("f", b"abc");
    let login = format!("{}:{}", stage.account.name, stage.account.password);
    let mut curl = Command::new("curl");
    curl.args(["--silent", "--show-error", "--verbose", "--max-time", "30", "--user", &login]);
    curl.args(["-Q", "XCRC f", "-Q", "SITE CPFR f", "-Q", "SITE CPTO g", "-Q", "MFMT 20200203040506 g"]);
    let outcome = run(curl.arg(format!("ftp://{}/", stage.site.address)), "");
    assert!(outcome.success && outcome.stderr.contains("250 352441C2"), "{outcome:?}");
    assert_eq!(modified(&stage.home("g")), 1_580_702_706);
}

#[test]
fn a_site_without_hashes_says_nothing_of_them() {
    needs_root!();
    let stage = Stage::new(&["hash_enable=NO"]);
    stage.account.file("f", b"abc");
    let mut dialogue = stage.login();
    dialogue.ask("HASH f", 550);
    let features = dialogue.ask("FEAT", 211).lines.join("\n");
    assert!(!features.contains("HASH") && !features.contains("XCRC"), "{features}");
    dialogue.ask("SITE SYMLINK f g", 500);
}

#[test]
fn a_host_has_a_banner_and_roots_of_its_own() {
    needs_root!();
    let builder = Site::builder(env!("CARGO_BIN_EXE_wharfd"));
    let account = Account::make(builder.place());
    let pam = PamService::make();
    let hosts = builder.place().join("hosts");
    let root = builder.place().join("example");
    for directory in [&hosts, &root] {
        fs::create_dir(directory).unwrap();
    }
    fs::write(root.join("only-here"), "").unwrap();
    account.own(&root);
    let lines = format!(
        "ftpd_banner=Example\nlocal_root={}\nchroot_local_user=YES\nwrite_enable=NO\n",
        root.display()
    );
    fs::write(hosts.join("ftp.example.com"), lines).unwrap();
    fs::write(hosts.join("broken"), "no_such_option=YES\n").unwrap();
    let builder =
        builder.local(&pam).set("write_enable=YES").set(&format!("host_config_dir={}", hosts.display()));
    let site = builder.start();
    let mut dialogue = Dialogue::connect(site.address);
    assert!(dialogue.ask("FEAT", 211).lines.contains(&" HOST".to_owned()));
    dialogue.ask("HOST nowhere.example.com", 504);
    dialogue.ask("HOST broken", 504);
    assert_eq!(dialogue.ask("HOST FTP.Example.com", 220).text(), "220 Example");
    dialogue.ask(&format!("USER {}", account.name), 331);
    dialogue.ask(&format!("PASS {}", account.password), 230);
    assert_eq!(dialogue.ask("PWD", 257).text(), "257 \"/\" is the current directory");
    dialogue.ask("SIZE only-here", 213);
    dialogue.ask("MKD not-here", 550);
    dialogue.ask("HOST ftp.example.com", 503);
    // The site as it is, for who names no host.
    let mut other = site.login(&account);
    other.ask("SIZE only-here", 550);
    other.ask("MKD made", 257);
    if has("lftp") {
        let script = format!(
            "set net:max-retries 1; set ftp:ssl-allow no; open -u {},{} ftp://{}; ls; bye",
            account.name, account.password, site.address
        );
        // It names the address it was given, which is no host here, and goes on all the same.
        let outcome = run(Command::new("lftp").args(["-c", &script]), "");
        assert!(outcome.success && outcome.stdout.contains("made"), "{outcome:?}");
    }
}
