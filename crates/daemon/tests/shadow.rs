//! `wharfd shadow`: two servers, one dialogue, and an exit status that tells whether they answer alike.

#![forbid(unsafe_code)]
#![allow(clippy::unwrap_used, reason = "a test that cannot go on stops at the line that says why")]

use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::process::{Command, Output};
use std::thread;

/// A server that greets, and answers every line with the same words, until the client hangs up.
fn server(greeting: &'static str, answer: &'static str) -> SocketAddr {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let address = listener.local_addr().unwrap();
    thread::spawn(move || {
        let mut stream = listener.accept().unwrap().0;
        stream.write_all(format!("{greeting}\r\n").as_bytes()).unwrap();
        for line in BufReader::new(stream.try_clone().unwrap()).lines() {
            line.unwrap();
            stream.write_all(format!("{answer}\r\n").as_bytes()).unwrap();
        }
    });
    address
}

fn shadow(old: SocketAddr, new: SocketAddr, script: &str, more: &[&str]) -> Output {
    let place = tempfile::tempdir().unwrap();
    let path = place.path().join("script");
    fs::write(&path, script).unwrap();
    fs::write(place.path().join("password"), "hush-hush\n").unwrap();
    let file = format!("PASS={}", place.path().join("password").display());
    Command::new(env!("CARGO_BIN_EXE_wharfd"))
        .args(["shadow", "--old", &old.to_string(), "--new", &new.to_string(), "--timeout", "20"])
        .args(["--set-file", &file])
        .args(more)
        .arg(&path)
        .output()
        .unwrap()
}

fn text(octets: &[u8]) -> &str {
    std::str::from_utf8(octets).unwrap()
}

#[test]
fn two_servers_that_answer_alike_end_with_0() {
    let output = shadow(server("220 hi", "200 ok"), server("220 hi", "200 ok"), "NOOP\nSYST\n", &[]);
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    assert_eq!(text(&output.stdout), "4 steps, 0 differ; masked: nothing\n");
}

#[test]
fn a_difference_is_shown_with_its_line_and_ends_with_1() {
    let (old, new) = (server("220 hi", "200 ok"), server("220 hi", "500 \x1b[2Jno"));
    let output = shadow(old, new, "# first\nUSER ${NAME}\n", &["--set", "NAME=anna"]);
    assert_eq!(output.status.code(), Some(1));
    let shown = format!(
        "--- {old}\n+++ {new}\n@@ line 2: USER ${{NAME}} @@\n-200 ok\n+500 \\u{{1b}}[2Jno\n\
         3 steps, 1 differ; masked: nothing\n"
    );
    assert_eq!(text(&output.stdout), shown);
}

#[test]
fn a_password_from_a_file_is_in_no_output() {
    let (old, new) = (server("220 hi", "230 ok"), server("220 hi", "530 hush-hush is wrong"));
    let output = shadow(old, new, "PASS ${PASS}\n", &[]);
    assert!(text(&output.stdout).contains("+530 *** is wrong"), "{}", text(&output.stdout));
}

#[test]
fn passive_ports_are_masked_and_told() {
    let (old, new) = (
        server("220 hi", "227 Entering Passive Mode (127,0,0,1,3,4)."),
        server("220 hi", "227 Entering Passive Mode (127,0,0,1,33,44)."),
    );
    let output = shadow(old, new, "PASV\n", &[]);
    assert_eq!(output.status.code(), Some(0));
    assert_eq!(text(&output.stdout), "3 steps, 0 differ; masked: addresses (2 lines)\n");
}

#[test]
fn what_cannot_be_compared_ends_with_2_and_a_reason() {
    let there = server("220 hi", "200 ok");
    let gone = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap().local_addr().unwrap();
    let output = shadow(there, gone, "NOOP\n", &[]);
    assert_eq!(output.status.code(), Some(2));
    assert!(text(&output.stderr).contains("cannot be reached"), "{}", text(&output.stderr));
    let output = shadow(there, there, "!fly\nUSER ${UNSET}\n", &[]);
    assert_eq!(output.status.code(), Some(2));
    let told = text(&output.stderr);
    assert!(told.contains("script:1: ") && told.contains("script:2: "), "{told}");
}
