//! `wharfd share`: a folder shared from a terminal, seen by curl and by a hand-made client.

#![forbid(unsafe_code)]
#![allow(clippy::unwrap_used, reason = "a test that cannot go on stops at the line that says why")]

use std::fs;
use std::net::{Ipv4Addr, SocketAddr};
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::Command;

use wharf_testkit::{Account, Dialogue, Outcome, Ports, Server, Signal, has, is_root, needs_root, run};

struct Shared {
    server: Server,
    address: SocketAddr,
    folder: PathBuf,
    place: tempfile::TempDir,
    _account: Option<Account>,
}

impl Shared {
    /// Shares a folder as whoever runs the tests.
    fn new(arguments: &[&str]) -> Self {
        Self::start(arguments, false)
    }

    /// Shares a folder as an ordinary user; needs root.
    fn as_user(arguments: &[&str]) -> Self {
        Self::start(arguments, true)
    }

    fn start(arguments: &[&str], by_user: bool) -> Self {
        let place = open_place();
        let folder = place.path().join("folder");
        fs::create_dir(&folder).unwrap();
        // A share that root starts is served as an account without rights, so the folder lets everybody write.
        fs::set_permissions(&folder, fs::Permissions::from_mode(0o777)).unwrap();
        fs::write(folder.join("hello.txt"), "hello\n").unwrap();
        fs::write(place.path().join("password"), "open sesame\n").unwrap();
        fs::set_permissions(place.path().join("password"), fs::Permissions::from_mode(0o600)).unwrap();
        let ports = Ports::claim();
        let account = by_user.then(|| Account::make(place.path()));
        // A copy, because the user may not be able to enter the directory the tests were built in.
        let binary = place.path().join("wharfd");
        // By another process: a descriptor of ours that still writes it, inherited by what another test starts at this
        // moment, would make it busy.
        let copied = run(Command::new("cp").arg(env!("CARGO_BIN_EXE_wharfd")).arg(&binary), "");
        assert!(copied.success, "{}", copied.stderr);
        let state = place.path().join("state");
        fs::create_dir(&state).unwrap();
        let mut command = Command::new(&binary);
        command.env("XDG_STATE_HOME", &state);
        command.current_dir(place.path()).arg("share").arg(&folder);
        command.arg("--port").arg(ports.control().to_string()).args(arguments);
        if let Some(account) = &account {
            for path in [&folder, &folder.join("hello.txt"), &place.path().join("password"), &state] {
                account.own(path);
            }
            command.uid(account.uid).gid(account.gid);
        }
        let mut server = Server::start(&mut command);
        server.wait_for("ftp://");
        let address = (Ipv4Addr::LOCALHOST, ports.control()).into();
        Self { server, address, folder, place, _account: account }
    }

    fn curl(&self, arguments: &[&str], path: &str) -> Outcome {
        let mut curl = Command::new("curl");
        curl.args(["--silent", "--show-error", "--max-time", "20"]).args(arguments);
        run(curl.arg(format!("ftp://{}/{path}", self.address)), "")
    }
}

/// Makes a directory that other users may enter.
fn open_place() -> tempfile::TempDir {
    let place = tempfile::Builder::new().prefix("wharf-").tempdir().unwrap();
    fs::set_permissions(place.path(), fs::Permissions::from_mode(0o755)).unwrap();
    place
}

fn it_can_be_listed_and_read(shared: &Shared) {
    if !has("curl") {
        return;
    }
    let list = shared.curl(&[], "");
    assert!(list.success, "{list:?}");
    assert!(list.stdout.contains("hello.txt"), "{list:?}");
    let got = shared.curl(&[], "hello.txt");
    assert_eq!(got.stdout, "hello\n", "{got:?}");
}

#[test]
fn a_share_can_be_listed_and_read() {
    it_can_be_listed_and_read(&Shared::new(&[]));
}

#[test]
fn an_ordinary_user_can_share() {
    needs_root!();
    it_can_be_listed_and_read(&Shared::as_user(&[]));
}

#[test]
fn no_process_of_an_ordinary_users_share_is_root() {
    needs_root!();
    let shared = Shared::as_user(&[]);
    let mut dialogue = Dialogue::login(shared.address, "anonymous", "x");
    dialogue.ask("NOOP", 200);
    let mut pids: Vec<u32> = shared.server.family().iter().map(|(pid, _)| *pid).collect();
    pids.push(shared.server.pid());
    assert!(pids.len() > 1, "a share is more than one process");
    for pid in pids {
        let Ok(status) = fs::read_to_string(format!("/proc/{pid}/status")) else { continue };
        let uids = status.lines().find(|line| line.starts_with("Uid:")).unwrap();
        assert!(!uids.split_whitespace().skip(1).any(|uid| uid == "0"), "{pid}: {uids}");
    }
}

#[test]
fn a_share_is_read_only_unless_told_otherwise() {
    let shared = Shared::new(&[]);
    let mut dialogue = Dialogue::login(shared.address, "anonymous", "x");
    dialogue.exact("MKD new", "550 Permission denied.");
    dialogue.exact("DELE hello.txt", "550 Permission denied.");
    dialogue.exact("STOR new.txt", "550 Permission denied.");
    assert!(shared.folder.join("hello.txt").exists());
}

fn it_can_be_written(shared: &Shared) {
    let mut dialogue = Dialogue::login(shared.address, "anonymous", "x");
    dialogue.ask("TYPE I", 200);
    dialogue.give("STOR up.bin", b"\x00\xff upload");
    assert_eq!(fs::read(shared.folder.join("up.bin")).unwrap(), b"\x00\xff upload");
    dialogue.ask("MKD dir", 257);
    dialogue.ask("RNFR up.bin", 350);
    dialogue.ask("RNTO dir/there.bin", 250);
    dialogue.ask("DELE dir/there.bin", 250);
    dialogue.ask("RMD dir", 250);
    assert!(!shared.folder.join("dir").exists());
}

#[test]
fn a_share_with_write_can_be_written() {
    it_can_be_written(&Shared::new(&["--write"]));
}

#[test]
fn an_ordinary_user_can_share_for_writing() {
    needs_root!();
    it_can_be_written(&Shared::as_user(&["--write"]));
}

#[test]
fn a_share_that_root_starts_has_the_rights_of_the_folders_owner() {
    needs_root!();
    let place = open_place();
    let account = Account::make(place.path());
    let folder = account.home.clone();
    let ports = Ports::claim();
    let mut command = Command::new(env!("CARGO_BIN_EXE_wharfd"));
    command.env("XDG_STATE_HOME", place.path());
    command.arg("share").arg(&folder).args(["--write", "--port", &ports.control().to_string()]);
    let mut server = Server::start(&mut command);
    server.wait_for("ftp://");
    let address = (Ipv4Addr::LOCALHOST, ports.control()).into();
    Dialogue::login(address, "anonymous", "x").give("STOR up", b"x");
    assert_eq!(fs::metadata(folder.join("up")).unwrap().uid(), account.uid);
}

/// The fingerprint that was printed.
fn fingerprint(shared: &mut Shared) -> String {
    shared.server.wait_for("Ctrl-C ends it.");
    let said = shared.server.output();
    let is_one = |line: &&str| line.trim().len() == 95 && line.matches(':').count() == 31;
    said.lines().find(is_one).unwrap_or_else(|| panic!("{said}")).trim().to_owned()
}

/// The fingerprint of the certificate that a client is shown.
fn shown(shared: &Shared) -> String {
    let mut client = Command::new("openssl");
    client.args(["s_client", "-starttls", "ftp", "-connect", &shared.address.to_string()]);
    let certificate = run(&mut client, "").stdout;
    let told = run(Command::new("openssl").args(["x509", "-noout", "-fingerprint", "-sha256"]), &certificate);
    told.stdout.trim().rsplit('=').next().unwrap_or_default().to_owned()
}

#[test]
fn a_share_offers_tls_with_a_certificate_that_is_made_once() {
    let mut shared = Shared::new(&["--write"]);
    if !has("openssl") || !has("curl") {
        return;
    }
    let printed = fingerprint(&mut shared);
    assert_eq!(shown(&shared), printed);
    let state = shared.place.path().join("state/wharf");
    let mode = |name: &str| fs::metadata(state.join(name)).unwrap().permissions().mode() & 0o7777;
    assert_eq!((mode("share.key"), mode("share.crt")), (0o600, 0o644));
    // Encrypted and not, as the client likes.
    for tls in [&["--ssl-reqd", "--insecure"][..], &[]] {
        let got = shared.curl(tls, "hello.txt");
        assert_eq!(got.stdout, "hello\n", "{got:?}");
        let file = shared.place.path().join("up");
        fs::write(&file, "up").unwrap();
        let sent = shared.curl(&[tls, &["--upload-file", file.to_str().unwrap()]].concat(), "up");
        assert!(sent.success, "{sent:?}");
    }
    // Whoever compares: curl believes exactly this certificate.
    let pinned = ["--ssl-reqd", "--cacert", state.join("share.crt").to_str().unwrap()].map(str::to_owned);
    let got = run(
        Command::new("curl")
            .args(["--silent", "--show-error"])
            .args(pinned)
            .arg(format!("ftp://localhost:{}/hello.txt", shared.address.port())),
        "",
    );
    assert_eq!(got.stdout, "hello\n", "{got:?}");

    // Another start, with the same place for what is kept, has the same certificate.
    let ports = Ports::claim();
    let mut command = Command::new(env!("CARGO_BIN_EXE_wharfd"));
    command.env("XDG_STATE_HOME", shared.place.path().join("state")).arg("share").arg(&shared.folder);
    command.args(["--port", &ports.control().to_string()]);
    let mut second = Server::start(&mut command);
    second.wait_for(&printed);
}

#[test]
fn an_ordinary_users_certificate_is_the_users() {
    needs_root!();
    let mut shared = Shared::as_user(&[]);
    let printed = fingerprint(&mut shared);
    if has("openssl") {
        assert_eq!(shown(&shared), printed);
    }
    let key = fs::metadata(shared.place.path().join("state/wharf/share.key")).unwrap();
    assert_eq!(key.uid(), shared._account.as_ref().unwrap().uid);
}

#[test]
fn a_share_without_encryption_says_so_and_keeps_nothing() {
    let mut shared = Shared::new(&["--no-tls"]);
    shared.server.wait_for("Nothing is encrypted");
    assert_eq!(fs::read_dir(shared.place.path().join("state")).unwrap().count(), 0);
    let mut dialogue = Dialogue::login(shared.address, "anonymous", "x");
    dialogue.ask("AUTH TLS", 500);
}

#[test]
fn a_place_that_keeps_nothing_is_named_with_what_to_try() {
    let place = open_place();
    let file = place.path().join("file");
    fs::write(&file, "").unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_wharfd"));
    command.env("XDG_STATE_HOME", &file).arg("share").arg(place.path());
    let outcome = run(&mut command, "");
    assert!(!outcome.success);
    let said = format!("wharfd share: {}/wharf: ", file.display());
    assert!(outcome.stderr.starts_with(&said) && outcome.stderr.contains("--no-tls"), "{outcome:?}");
}

#[test]
fn curl_resumes_a_download_from_a_share() {
    let shared = Shared::new(&[]);
    if !has("curl") {
        return;
    }
    let got = shared.curl(&["--continue-at", "2"], "hello.txt");
    assert_eq!(got.stdout, "llo\n", "{got:?}");
}

#[test]
fn curl_resumes_an_upload_to_a_share() {
    let shared = Shared::new(&["--write"]);
    if !has("curl") {
        return;
    }
    fs::write(shared.folder.join("long.txt"), "0123").unwrap();
    fs::set_permissions(shared.folder.join("long.txt"), fs::Permissions::from_mode(0o666)).unwrap();
    let whole = shared.place.path().join("long.txt");
    fs::write(&whole, "0123456789").unwrap();
    let put = shared.curl(&["--continue-at", "-", "--upload-file", whole.to_str().unwrap()], "long.txt");
    assert!(put.success, "{put:?}");
    assert_eq!(fs::read_to_string(shared.folder.join("long.txt")).unwrap(), "0123456789");
}

#[test]
fn a_share_with_a_user_asks_for_the_password() {
    let shared = Shared::new(&["--user", "guest", "--password-file", "password"]);
    let mut stranger = Dialogue::connect(shared.address);
    stranger.send("USER anonymous");
    let reply = stranger.reply();
    if reply.code == 331 {
        stranger.ask("PASS x", 530);
    } else {
        assert_eq!(reply.code, 530, "{reply:?}");
    }
    let mut wrong = Dialogue::connect(shared.address);
    wrong.ask("USER guest", 331);
    wrong.ask("PASS open", 530);
    let mut right = Dialogue::login(shared.address, "guest", "open sesame");
    assert_eq!(right.fetch("RETR hello.txt"), b"hello\n");
    assert!(!shared.server.output().contains("open sesame"), "the password is never shown");
}

#[test]
fn nothing_outside_the_folder_can_be_reached() {
    let shared = Shared::new(&[]);
    std::os::unix::fs::symlink("../password", shared.folder.join("link")).unwrap();
    std::os::unix::fs::symlink("/etc/passwd", shared.folder.join("absolute")).unwrap();
    let mut dialogue = Dialogue::login(shared.address, "anonymous", "x");
    dialogue.exact("PWD", "257 \"/\" is the current directory");
    for name in ["../password", "/../password", "link", "absolute", "/etc/passwd"] {
        let data = dialogue.epsv();
        dialogue.exact(&format!("RETR {name}"), "550 Failed to open file.");
        drop(data);
    }
}

#[test]
fn each_transfer_is_told_on_the_terminal() {
    let mut shared = Shared::new(&[]);
    let mut dialogue = Dialogue::login(shared.address, "anonymous", "x");
    dialogue.fetch("RETR hello.txt");
    shared.server.wait_for("hello.txt");
}

#[test]
fn an_interrupt_of_the_whole_terminal_ends_a_share_quietly() {
    let mut shared = Shared::new(&[]);
    let mut dialogue = Dialogue::login(shared.address, "anonymous", "x");
    dialogue.fetch("RETR hello.txt");
    // Ctrl-C reaches every process of the terminal, not only the first.
    shared.server.signal_all(Signal::SIGINT);
    assert!(shared.server.wait().success(), "{}", shared.server.output());
    assert!(!shared.server.output().contains("broker ended"), "{}", shared.server.output());
}

#[test]
fn an_interrupt_ends_a_share() {
    let mut shared = Shared::new(&[]);
    let family = shared.server.family();
    assert!(!family.is_empty());
    shared.server.signal(Signal::SIGINT);
    assert!(shared.server.wait().success(), "{}", shared.server.output());
}

#[test]
fn a_folder_that_is_not_there_is_named_and_the_exit_status_tells() {
    let ports = Ports::claim();
    let mut command = Command::new(env!("CARGO_BIN_EXE_wharfd"));
    let outcome =
        run(command.args(["share", "/nonexistent/folder", "--port", &ports.control().to_string()]), "");
    assert!(!outcome.success);
    assert!(outcome.stderr.contains("/nonexistent/folder"), "{outcome:?}");
}

#[test]
fn a_port_below_1024_is_explained_to_an_ordinary_user() {
    if is_root() {
        eprintln!("skipped: root may open every port");
        return;
    }
    let mut command = Command::new(env!("CARGO_BIN_EXE_wharfd"));
    let outcome = run(command.args(["share", "/tmp", "--port", "21", "--no-tls"]), "");
    assert!(!outcome.success);
    assert!(outcome.stderr.contains("21"), "{outcome:?}");
}
