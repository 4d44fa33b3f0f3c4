//! `background=YES`: the terminal is let go, and what the administrator should know goes to the system's log. Needs root.

#![forbid(unsafe_code)]
#![allow(clippy::unwrap_used, reason = "a test that cannot go on stops at the line that says why")]

use std::fs;
use std::net::TcpListener;
use std::os::unix::net::UnixDatagram;
use std::process::{Command, Output, Stdio};
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process, test_kill_process};
use wharf_testkit::{Account, Dialogue, Ports, needs_root};

/// Becomes the server in a mount namespace whose `/dev` has a log of ours.
const IN_OWN_DEV: &str = "mount -t tmpfs none /dev && mknod -m 666 /dev/null c 1 3 && mknod -m 666 /dev/urandom c 1 9 \
    && ln -s \"$1\" /dev/log && exec \"$2\" \"$3\"";

struct Place {
    folder: tempfile::TempDir,
    log: UnixDatagram,
    _account: Account,
    ports: Ports,
}

impl Place {
    fn make() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let account = Account::make(folder.path());
        let log = UnixDatagram::bind(folder.path().join("log")).unwrap();
        log.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
        let ports = Ports::claim();
        let text = format!(
            "listen=YES\nlisten_address=127.0.0.1\nlisten_port={}\nbackground=YES\nftp_username={}\n",
            ports.control(),
            account.name
        );
        fs::write(folder.path().join("conf"), text).unwrap();
        Self { folder, log, _account: account, ports }
    }

    /// Starts the server; the command ends when it is ready, or when it cannot be.
    fn start(&self) -> Output {
        let mut command = Command::new("unshare");
        command.args(["--mount", "--propagation", "private", "sh", "-c", IN_OWN_DEV, "sh"]);
        command.arg(self.folder.path().join("log")).arg(env!("CARGO_BIN_EXE_wharfd"));
        command.arg(self.folder.path().join("conf")).stdin(Stdio::null());
        // Reading both streams to their ends waits for every process that still holds one.
        command.output().unwrap()
    }

    /// Waits for a line of the log with these words.
    fn logged(&self, words: &str) -> String {
        let mut heard = String::new();
        loop {
            let mut line = [0; 4096];
            let length = match self.log.recv(&mut line) {
                Ok(length) => length,
                Err(error) => panic!("{error}; {words} was never logged, only\n{heard}"),
            };
            let line = String::from_utf8_lossy(line.get(..length).unwrap()).into_owned();
            if line.contains(words) {
                return line;
            }
            heard += &format!("{line}\n");
        }
    }
}

#[test]
fn the_terminal_is_let_go_and_the_log_hears_what_it_would_have() {
    needs_root!();
    let place = Place::make();
    let started = place.start();
    assert!(started.status.success(), "{}", String::from_utf8_lossy(&started.stderr));
    let line = place.logged("listening on 127.0.0.1:");
    let pid = line.split(['[', ']']).nth(1).unwrap().parse().unwrap();
    let pid = Pid::from_raw(pid).unwrap();
    assert!(line.starts_with("<28>wharfd["), "{line}");
    Dialogue::login((std::net::Ipv4Addr::LOCALHOST, place.ports.control()).into(), "ftp", "x");
    fs::write(place.folder.path().join("conf"), "write_enabel=YES\n").unwrap();
    kill_process(pid, Signal::HUP).unwrap();
    place.logged("conf:1: error: unrecognised variable in config file: write_enabel");
    place.logged("reload: the new configuration has errors; the old one stays in force");
    kill_process(pid, Signal::TERM).unwrap();
    while test_kill_process(pid).is_ok() {
        std::thread::yield_now();
    }
}

#[test]
fn a_start_that_fails_is_told_at_the_terminal_and_by_the_exit_status() {
    needs_root!();
    let place = Place::make();
    let _taken = TcpListener::bind(("127.0.0.1", place.ports.control())).unwrap();
    let started = place.start();
    assert!(!started.status.success());
    let said = String::from_utf8_lossy(&started.stderr);
    assert!(said.contains("500 OOPS: could not bind listening IPv4 socket"), "{said}");
}
