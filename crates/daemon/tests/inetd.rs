//! Started by inetd: one connection on the three standard streams, and everything ends with it. Needs root.

#![forbid(unsafe_code)]
#![allow(clippy::unwrap_used, reason = "a test that cannot go on stops at the line that says why")]

use std::fs;
use std::net::{TcpListener, TcpStream};
use std::os::fd::OwnedFd;
use std::process::{Child, Command};

use wharf_testkit::{Account, Dialogue, needs_root};

/// What inetd does with a service `stream tcp nowait root`: the connection becomes all three streams.
fn serve(file: &std::path::Path) -> (Dialogue, Child) {
    serve_with(file, None)
}

fn serve_with(file: &std::path::Path, load_conf: Option<&std::path::Path>) -> (Dialogue, Child) {
    let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let client = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
    let (connection, _) = listener.accept().unwrap();
    let stream = || OwnedFd::from(connection.try_clone().unwrap());
    let mut command = Command::new(env!("CARGO_BIN_EXE_wharfd"));
    command.arg(file).stdin(stream()).stdout(stream()).stderr(stream());
    command.envs(load_conf.map(|further| ("VSFTPD_LOAD_CONF", further)));
    let child = command.spawn().unwrap();
    (Dialogue::over(client), child)
}

#[test]
fn one_client_is_served_and_the_process_ends_with_it() {
    needs_root!();
    let place = tempfile::tempdir().unwrap();
    let account = Account::make(place.path());
    let public = place.path().join("pub");
    fs::create_dir(&public).unwrap();
    fs::write(public.join("file"), "content").unwrap();
    for directory in [place.path(), &public] {
        fs::set_permissions(directory, std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
    }
    let ports = wharf_testkit::Ports::claim();
    let text = format!(
        "listen=NO\nftp_username={}\nanon_root={}\npasv_min_port={}\npasv_max_port={}\nxferlog_file=/nowhere\n",
        account.name,
        public.display(),
        ports.passive_first(),
        ports.passive_last(),
    );
    let file = place.path().join("conf");
    fs::write(&file, text).unwrap();
    // The warning about xferlog_file is for the administrator: the first words of the client are the greeting.
    let (mut dialogue, mut child) = serve(&file);
    dialogue.expect(220);
    dialogue.ask("USER ftp", 331);
    dialogue.ask("PASS x", 230);
    assert_eq!(dialogue.fetch("RETR file"), b"content");
    assert_eq!(dialogue.fetch("NLST"), b"file\r\n");
    dialogue.exact("QUIT", "221 Goodbye.");
    dialogue.expect_close();
    assert!(child.wait().unwrap().success());
}

#[test]
fn a_client_that_leaves_without_a_word_ends_it_too() {
    needs_root!();
    let place = tempfile::tempdir().unwrap();
    let account = Account::make(place.path());
    let file = place.path().join("conf");
    fs::write(&file, format!("listen=NO\nftp_username={}\n", account.name)).unwrap();
    let (mut dialogue, mut child) = serve(&file);
    dialogue.expect(220);
    drop(dialogue);
    assert!(child.wait().unwrap().success());
}

#[test]
fn a_file_that_the_starting_program_names_is_read_last() {
    needs_root!();
    let place = tempfile::tempdir().unwrap();
    let account = Account::make(place.path());
    let (file, further) = (place.path().join("conf"), place.path().join("further"));
    fs::write(&file, format!("listen=NO\nftp_username={}\nftpd_banner=first\n", account.name)).unwrap();
    fs::write(&further, "ftpd_banner=second\n").unwrap();
    let (mut dialogue, mut child) = serve_with(&file, Some(&further));
    assert_eq!(dialogue.reply().text(), "220 second");
    drop(dialogue);
    assert!(child.wait().unwrap().success());
    fs::write(&further, "bad\n").unwrap();
    let (mut dialogue, mut child) = serve_with(&file, Some(&further));
    assert_eq!(dialogue.reply().text(), "500 OOPS: missing value in config file for: bad");
    child.wait().unwrap();
}

#[test]
fn a_bad_configuration_is_told_to_the_client_as_vsftpd_does() {
    needs_root!();
    let place = tempfile::tempdir().unwrap();
    let file = place.path().join("conf");
    fs::write(&file, "listen=NO\nwrite_enabel=YES\n").unwrap();
    let (mut dialogue, mut child) = serve(&file);
    assert_eq!(dialogue.reply().text(), "500 OOPS: unrecognised variable in config file: write_enabel");
    dialogue.expect_close();
    assert_eq!(child.wait().unwrap().code(), Some(2));
}
