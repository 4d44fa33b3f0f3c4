//! Every example configuration starts as it stands, but for the places that belong to the machine. Needs root.

#![forbid(unsafe_code)]
#![allow(clippy::unwrap_used, reason = "a test that cannot go on stops at the line that says why")]

use std::fs;
use std::path::Path;
use std::process::Command;

use wharf_testkit::{Ports, Server, needs_root};

#[test]
fn every_example_starts() {
    needs_root!();
    let examples = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../examples");
    let place = tempfile::tempdir().unwrap();
    let mut started = 0;
    for example in fs::read_dir(examples).unwrap() {
        let example = example.unwrap().path();
        let ports = Ports::claim();
        let log = place.path().join("log");
        let mut command = Command::new(env!("CARGO_BIN_EXE_wharfd"));
        command.arg(&example).arg(format!("-olisten_port={}", ports.control())).arg("-oftp_username=nobody");
        for option in ["vsftpd_log_file", "xferlog_file"] {
            command.arg(format!("-o{option}={}", log.display()));
        }
        let mut server = Server::start(&mut command);
        server.wait_for("listening on");
        assert!(server.stop().success(), "{}: {}", example.display(), server.output());
        started += 1;
    }
    assert!(started >= 4, "only {started} examples were found");
}
