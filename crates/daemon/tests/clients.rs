//! Real clients do real work: get, put, list, make, rename, delete, resume, passive and active.
//!
//! The site is one user's, with everything allowed. Needs root for the account.

#![forbid(unsafe_code)]
#![allow(clippy::unwrap_used, reason = "a test that cannot go on stops at the line that says why")]

use std::fs;
use std::process::Command;

use wharf_testkit::{Account, Outcome, PamService, Site, has, needs_root, run};

struct Stage {
    site: Site,
    account: Account,
    _pam: PamService,
}

impl Stage {
    fn new() -> Self {
        let builder = Site::builder(env!("CARGO_BIN_EXE_wharfd"));
        let account = Account::make(builder.place());
        let pam = PamService::make();
        let site = builder
            .local(&pam)
            .set("write_enable=YES")
            .set("local_umask=022")
            .set("xferlog_enable=YES")
            .set("log_ftp_protocol=YES")
            .start();
        account.file("down.bin", &pattern(300_000));
        account.file("with blank.txt", b"blank\n");
        Self { site, account, _pam: pam }
    }

    fn here(&self, name: &str) -> String {
        self.site.place().join(name).display().to_string()
    }

    /// Checks what every client's script has done: one file up, one down, one renamed, one deleted.
    fn check(&self, outcome: &Outcome) {
        assert!(outcome.success, "{outcome:?}\n{}", self.site.text("vsftpd.log"));
        assert_eq!(fs::read(self.here("got.bin")).unwrap(), pattern(300_000), "download: {outcome:?}");
        assert_eq!(
            fs::read(self.account.home.join("made/renamed.bin")).unwrap(),
            pattern(70_000),
            "{outcome:?}"
        );
        assert!(!self.account.home.join("made/gone.bin").exists(), "delete: {outcome:?}");
        assert!(!self.account.home.join("empty").exists(), "rmdir: {outcome:?}");
        assert!(outcome.stdout.contains("with blank.txt"), "listing: {outcome:?}");
    }
}

/// Octets in which a lost, doubled or swapped piece shows.
fn pattern(length: u32) -> Vec<u8> {
    (0..length).map(|at| u8::try_from((at * 7 + at / 251) % 256).unwrap()).collect()
}

#[test]
fn curl_gets_puts_lists_and_resumes() {
    needs_root!();
    if !has("curl") {
        return;
    }
    for active in [false, true] {
        let stage = Stage::new();
        fs::write(stage.here("up.bin"), pattern(70_000)).unwrap();
        let login = format!("{}:{}", stage.account.name, stage.account.password);
        let curl = |arguments: &[&str], path: &str| {
            let mut curl = Command::new("curl");
            curl.args(["--silent", "--show-error", "--max-time", "30", "--user", &login]);
            if active {
                curl.args(["--ftp-port", "127.0.0.1"]);
            }
            run(curl.args(arguments).arg(format!("ftp://{}/{path}", stage.site.address)), "")
        };
        let got = stage.here("got.bin");
        let down = curl(&["--output", &got], "down.bin");
        assert!(down.success, "{down:?}");
        assert_eq!(fs::read(&got).unwrap(), pattern(300_000));
        fs::write(&got, &pattern(300_000)[..1000]).unwrap();
        let rest = curl(&["--continue-at", "-", "--output", &got], "down.bin");
        assert!(rest.success, "{rest:?}");
        assert_eq!(fs::read(&got).unwrap(), pattern(300_000));
        let up = curl(&["--ftp-create-dirs", "--upload-file", &stage.here("up.bin")], "made/up.bin");
        assert!(up.success, "{up:?}");
        assert_eq!(fs::read(stage.account.home.join("made/up.bin")).unwrap(), pattern(70_000));
        let list = curl(&[], "");
        assert!(list.stdout.contains("with blank.txt"), "{list:?}");
        let commands = [
            "-Q",
            "RNFR made/up.bin",
            "-Q",
            "RNTO made/new.bin",
            "-Q",
            "DELE made/new.bin",
            "-Q",
            "RMD made",
        ];
        let changed = curl(&commands, "");
        assert!(changed.success, "{changed:?}");
        assert!(!stage.account.home.join("made").exists());
    }
}

#[test]
fn lftp_works_passive_and_active() {
    needs_root!();
    if !has("lftp") {
        return;
    }
    for passive in ["on", "off"] {
        let stage = Stage::new();
        fs::write(stage.here("up.bin"), pattern(70_000)).unwrap();
        let script = format!(
            "set cmd:fail-exit yes; set net:max-retries 1; set net:timeout 20; set ftp:passive-mode {passive}; \
             set ftp:ssl-allow no; open -u {},{} ftp://{}; ls; get down.bin -o {}; mkdir made; mkdir empty; rmdir empty; \
             put {} -o made/up.bin; put {} -o made/gone.bin; mv made/up.bin made/renamed.bin; rm made/gone.bin; bye",
            stage.account.name,
            stage.account.password,
            stage.site.address,
            stage.here("got.bin"),
            stage.here("up.bin"),
            stage.here("up.bin"),
        );
        let outcome =
            run(Command::new("lftp").env("HOME", stage.site.place()).args(["--norc", "-c", &script]), "");
        stage.check(&outcome);
    }
}

#[test]
fn lftp_mirrors_a_tree_there_and_back() {
    needs_root!();
    if !has("lftp") {
        return;
    }
    let stage = Stage::new();
    let tree = stage.site.place().join("tree");
    fs::create_dir_all(tree.join("a/b")).unwrap();
    for at in 0..20_u32 {
        fs::write(tree.join(format!("a/b/file {at}")), pattern(at * 1000)).unwrap();
    }
    let script = format!(
        "set cmd:fail-exit yes; set net:max-retries 1; set net:timeout 20; set ftp:ssl-allow no; open -u {},{} ftp://{}; \
         mirror --reverse --parallel=4 {} up; mirror --parallel=4 up {}; bye",
        stage.account.name,
        stage.account.password,
        stage.site.address,
        tree.display(),
        stage.here("back"),
    );
    let outcome =
        run(Command::new("lftp").env("HOME", stage.site.place()).args(["--norc", "-c", &script]), "");
    assert!(outcome.success, "{outcome:?}");
    for at in 0..20_u32 {
        let back = fs::read(stage.site.place().join(format!("back/a/b/file {at}"))).unwrap();
        assert_eq!(back, pattern(at * 1000), "file {at}");
    }
}

/// The words that both classic command-line clients understand.
fn classic_script(stage: &Stage) -> String {
    fs::write(stage.here("up.bin"), pattern(70_000)).unwrap();
    format!(
        "user {} {}\nbinary\nls\nget down.bin {}\nmkdir made\nmkdir empty\nrmdir empty\nput {} made/up.bin\n\
         put {} made/gone.bin\nrename made/up.bin made/renamed.bin\ndelete made/gone.bin\nbye\n",
        stage.account.name,
        stage.account.password,
        stage.here("got.bin"),
        stage.here("up.bin"),
        stage.here("up.bin"),
    )
}

#[test]
fn tnftp_works_passive_and_active() {
    needs_root!();
    if !has("tnftp") {
        return;
    }
    for mode in ["-p", "-A"] {
        let stage = Stage::new();
        let port = stage.site.address.port().to_string();
        let mut tnftp = Command::new("tnftp");
        tnftp.env("HOME", stage.site.place()).args(["-n", "-i", "-v", mode, "-P", &port, "127.0.0.1"]);
        let outcome = run(&mut tnftp, &classic_script(&stage));
        stage.check(&outcome);
    }
}

#[test]
fn inetutils_ftp_works_passive_and_active() {
    needs_root!();
    if !has("inetutils-ftp") {
        return;
    }
    for mode in ["--passive", "--active"] {
        let stage = Stage::new();
        let script = format!("open 127.0.0.1 {}\n{}", stage.site.address.port(), classic_script(&stage));
        let mut ftp = Command::new("inetutils-ftp");
        ftp.env("HOME", stage.site.place()).args(["--no-login", "--no-prompt", "--verbose"]);
        // Passive is the program's own default in some versions only, so it is said in words.
        if mode == "--passive" {
            ftp.arg("--passive");
        }
        let outcome = run(&mut ftp, &script);
        stage.check(&outcome);
    }
}

#[test]
fn python_ftplib_works_passive_and_active() {
    needs_root!();
    if !has("python3") {
        return;
    }
    let script = r#"
import ftplib, io, sys
host, port, name, password, got, up, passive = sys.argv[1:]
ftp = ftplib.FTP()
ftp.encoding = "utf-8"
ftp.connect(host, int(port), timeout=20)
ftp.login(name, password)
ftp.set_pasv(passive == "yes")
print("\n".join(ftp.nlst()))
ftp.retrlines("LIST")
with open(got, "wb") as target:
    ftp.retrbinary("RETR down.bin", target.write, rest=None)
tail = io.BytesIO()
ftp.retrbinary("RETR down.bin", tail.write, rest=299990)
assert len(tail.getvalue()) == 10, tail.getvalue()
ftp.mkd("made"); ftp.mkd("empty"); ftp.rmd("empty")
with open(up, "rb") as source:
    ftp.storbinary("STOR made/up.bin", source)
    source.seek(0)
    ftp.storbinary("STOR made/gone.bin", source)
assert ftp.size("made/up.bin") == 70000
ftp.rename("made/up.bin", "made/renamed.bin")
ftp.delete("made/gone.bin")
assert dict(ftp.mlsd("made"))["renamed.bin"]["size"] == "70000"
ftp.storbinary("STOR grüße 漢字.txt", io.BytesIO(b"x"))
assert "grüße 漢字.txt" in ftp.nlst()
ftp.quit()
"#;
    for passive in ["yes", "no"] {
        let stage = Stage::new();
        fs::write(stage.here("up.bin"), pattern(70_000)).unwrap();
        let mut python = Command::new("python3");
        python.env("PYTHONIOENCODING", "utf-8").args(["-c", script, "127.0.0.1"]);
        python
            .arg(stage.site.address.port().to_string())
            .arg(&stage.account.name)
            .arg(&stage.account.password);
        let outcome = run(python.arg(stage.here("got.bin")).arg(stage.here("up.bin")).arg(passive), "");
        stage.check(&outcome);
        assert!(stage.account.home.join("grüße 漢字.txt").exists());
    }
}
