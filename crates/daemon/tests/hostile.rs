//! Clients that are wrong, rude or gone. Needs root, because the site is an anonymous one.

#![forbid(unsafe_code)]
#![allow(clippy::unwrap_used, reason = "a test that cannot go on stops at the line that says why")]

use std::fs;
use std::io::{Read, Write};
use std::net::{IpAddr, Ipv4Addr, TcpStream};
use std::time::{Duration, Instant};

use wharf_testkit::{Account, Dialogue, PATIENCE, Signal, Site, connect_from, needs_root, read_all, reset};

/// Large enough that no socket buffer holds it, so that a transfer is really under way.
const LARGE: usize = 64 << 20;

fn site(lines: &[&str]) -> (Account, Site) {
    let builder = Site::builder(env!("CARGO_BIN_EXE_wharfd"));
    let account = Account::make(builder.place());
    let builder = lines.iter().fold(builder.anonymous(&account), |builder, line| builder.set(line));
    fs::write(builder.place().join("pub/small"), "small\n").unwrap();
    fs::File::create(builder.place().join("pub/large")).unwrap().set_len(LARGE as u64).unwrap();
    let site = builder.start();
    (account, site)
}

fn still_serves(site: &Site) {
    assert_eq!(site.anonymous().fetch("RETR small"), b"small\n");
}

#[test]
fn a_line_that_is_too_long_is_answered_and_ends_the_connection() {
    needs_root!();
    let (_account, site) = site(&[]);
    let mut dialogue = site.connect();
    dialogue.raw(&[b'x'; 5000]);
    assert_eq!(dialogue.expect(500).text(), "500 Input line too long.");
    dialogue.expect_close();
    still_serves(&site);
}

#[test]
fn a_line_of_just_4096_octets_is_a_command() {
    needs_root!();
    let (_account, site) = site(&[]);
    let mut dialogue = site.anonymous();
    let line = format!("CWD {}\r\n", "d".repeat(4096 - 6));
    assert_eq!(line.len(), 4096);
    dialogue.raw(line.as_bytes());
    dialogue.expect(550);
    dialogue.ask("NOOP", 200);
}

#[test]
fn a_nul_octet_is_refused() {
    needs_root!();
    let (_account, site) = site(&[]);
    let mut dialogue = site.anonymous();
    dialogue.raw(b"CWD a\0b\r\n");
    dialogue.expect(501);
    dialogue.ask("NOOP", 200);
}

#[test]
fn commands_sent_at_once_are_answered_in_order() {
    needs_root!();
    let (_account, site) = site(&[]);
    let mut dialogue = site.anonymous();
    dialogue.raw(b"NOOP\r\nPWD\nSYST\r\r\nUNHEARD\r\n\r\nTYPE I\r\n");
    for code in [200, 257, 215, 500, 200] {
        dialogue.expect(code);
    }
}

#[test]
fn a_command_in_single_octets_is_a_command() {
    needs_root!();
    let (_account, site) = site(&[]);
    let mut dialogue = site.anonymous();
    for octet in b"SIZE small\r\n" {
        dialogue.raw(&[*octet]);
    }
    assert_eq!(dialogue.expect(213).text(), "213 6");
}

#[test]
fn a_stranger_cannot_take_a_passive_data_connection() {
    needs_root!();
    let (_account, site) = site(&[]);
    let mut dialogue = site.anonymous();
    let address = dialogue.pasv();
    let stranger = connect_from(Some(IpAddr::V4(Ipv4Addr::new(127, 0, 0, 2))), address);
    if let Ok(mut stranger) = stranger {
        let mut octets = Vec::new();
        // Closed or reset, either way nothing was said to it.
        stranger.read_to_end(&mut octets).map(drop).unwrap_or_default();
        assert_eq!(octets, b"");
    }
    let data = connect_from(None, address).unwrap();
    dialogue.ask("RETR small", 150);
    assert_eq!(read_all(data), b"small\n");
    dialogue.expect(226);
}

#[test]
fn a_data_connection_left_over_is_not_taken_for_the_next() {
    needs_root!();
    let builder = Site::builder(env!("CARGO_BIN_EXE_wharfd"));
    let account = Account::make(builder.place());
    let builder = builder.anonymous(&account).one_passive_port();
    fs::write(builder.place().join("pub/small"), "small\n").unwrap();
    let site = builder.start();
    let mut dialogue = site.anonymous();
    for round in 0..500 {
        drop(dialogue.epsv());
        assert_eq!(dialogue.fetch("RETR small"), b"small\n", "round {round}");
    }
}

#[test]
fn the_server_cannot_be_sent_to_somebody_else() {
    needs_root!();
    let (_account, site) = site(&[]);
    let mut dialogue = site.anonymous();
    dialogue.exact("PORT 127,0,0,2,100,1", "500 Illegal PORT command.");
    dialogue.exact("PORT 127,0,0,1,0,22", "500 Illegal PORT command.");
    dialogue.exact("EPRT |1|127.0.0.2|25601|", "500 Illegal EPRT command.");
    dialogue.exact("PORT 1,2,3", "500 Illegal PORT command.");
    dialogue.exact("RETR small", "425 Use PORT or PASV first.");
}

#[test]
fn active_transfers_reach_the_client() {
    needs_root!();
    let (_account, site) = site(&[]);
    let mut dialogue = site.anonymous();
    let listener = dialogue.port();
    dialogue.send("RETR small");
    let (data, _) = listener.accept().unwrap();
    dialogue.expect(150);
    assert_eq!(read_all(data), b"small\n");
    dialogue.expect(226);
}

#[test]
fn a_data_connection_that_never_comes_is_425_and_no_dead_session() {
    needs_root!();
    let (_account, site) = site(&["accept_timeout=1"]);
    let mut dialogue = site.anonymous();
    dialogue.ask("PASV", 227);
    dialogue.exact("RETR small", "425 Failed to establish connection.");
    dialogue.exact("RETR small", "425 Use PORT or PASV first.");
    assert_eq!(dialogue.fetch("RETR small"), b"small\n");
}

#[test]
fn passive_ports_that_run_out_are_425_and_no_dead_session() {
    needs_root!();
    let builder = Site::builder(env!("CARGO_BIN_EXE_wharfd"));
    let account = Account::make(builder.place());
    let builder = builder.anonymous(&account);
    fs::write(builder.place().join("pub/small"), "small\n").unwrap();
    let site = builder.start();
    let count = usize::from(site.ports().passive_last() - site.ports().passive_first()) + 1;
    let mut holders: Vec<Dialogue> = (0..count).map(|_| site.anonymous()).collect();
    for holder in &mut holders {
        holder.ask("PASV", 227);
    }
    let mut late = site.anonymous();
    late.ask("PASV", 425);
    late.ask("NOOP", 200);
    holders.pop();
    let end = Instant::now() + Duration::from_secs(PATIENCE);
    loop {
        late.send("PASV");
        if late.reply().code == 227 {
            break;
        }
        assert!(Instant::now() < end, "a port is free again when its session has ended");
        std::thread::sleep(Duration::from_millis(20));
    }
}

#[test]
fn five_hundred_connections_are_served() {
    needs_root!();
    let (_account, site) = site(&["max_per_ip=0", "max_clients=0"]);
    let mut dialogues: Vec<Dialogue> = (0..500).map(|_| Dialogue::silent(site.address)).collect();
    for dialogue in &mut dialogues {
        dialogue.expect(220);
    }
    for dialogue in &mut dialogues {
        dialogue.send("USER ftp");
    }
    for dialogue in &mut dialogues {
        dialogue.expect(331);
        dialogue.send("PASS x");
    }
    for dialogue in &mut dialogues {
        dialogue.expect(230);
    }
    for dialogue in &mut dialogues {
        dialogue.ask("PWD", 257);
    }
}

#[test]
fn too_many_from_one_address_are_told_so() {
    needs_root!();
    let (_account, site) = site(&["max_per_ip=2"]);
    let (one, _two) = (site.connect(), site.connect());
    let mut third = Dialogue::silent(site.address);
    let text = "421 There are too many connections from your internet address.";
    assert_eq!(third.expect(421).text(), text);
    third.expect_close();
    drop(one);
    let end = Instant::now() + Duration::from_secs(PATIENCE);
    while Dialogue::silent(site.address).reply().code != 220 {
        assert!(Instant::now() < end, "a place is free again when a client has gone");
        std::thread::sleep(Duration::from_millis(20));
    }
}

#[test]
fn a_client_that_vanishes_in_a_transfer_disturbs_nobody() {
    needs_root!();
    let (_account, site) = site(&[]);
    for _ in 0..5 {
        let mut dialogue = site.anonymous();
        let mut data = dialogue.epsv();
        dialogue.ask("RETR large", 150);
        data.read_exact(&mut [0; 1000]).unwrap();
        drop(dialogue);
        reset(data);
    }
    still_serves(&site);
}

#[test]
fn a_download_that_is_reset_is_426_and_the_session_goes_on() {
    needs_root!();
    let (_account, site) = site(&[]);
    let mut dialogue = site.anonymous();
    let mut data = dialogue.epsv();
    dialogue.ask("RETR large", 150);
    data.read_exact(&mut [0; 1000]).unwrap();
    reset(data);
    assert_eq!(dialogue.expect(426).text(), "426 Failure writing network stream.");
    assert_eq!(dialogue.fetch("RETR small"), b"small\n");
}

fn in_transfer(site: &Site) -> (Dialogue, TcpStream) {
    let mut dialogue = site.anonymous();
    let mut data = dialogue.epsv();
    dialogue.ask("RETR large", 150);
    data.read_exact(&mut [0; 1000]).unwrap();
    (dialogue, data)
}

#[test]
fn abor_breaks_a_transfer_off() {
    needs_root!();
    let (_account, site) = site(&[]);
    for abort in [b"ABOR\r\n".as_slice(), b"\xff\xf4\xff\xf2ABOR\r\n"] {
        let (mut dialogue, data) = in_transfer(&site);
        dialogue.raw(abort);
        dialogue.expect(426);
        dialogue.expect(226);
        drop(data);
        assert_eq!(dialogue.fetch("RETR small"), b"small\n");
    }
}

#[test]
fn noop_and_stat_are_answered_during_a_transfer() {
    needs_root!();
    let (_account, site) = site(&[]);
    let (mut dialogue, data) = in_transfer(&site);
    dialogue.ask("NOOP", 200);
    assert!(dialogue.ask("STAT", 213).text().contains(&format!("of {LARGE} bytes")));
    assert_eq!(read_all(data).len(), LARGE - 1000);
    dialogue.expect(226);
}

#[test]
fn one_slow_client_does_not_hold_up_another() {
    needs_root!();
    let (_account, site) = site(&["session_workers=1"]);
    let (_slow, _data) = in_transfer(&site);
    still_serves(&site);
}

#[test]
fn a_reload_with_an_error_keeps_the_old_configuration() {
    needs_root!();
    let (_account, mut site) = site(&["ftpd_banner=first"]);
    let good = fs::read_to_string(&site.config).unwrap();
    fs::write(&site.config, format!("{good}\nno_such_option=YES\nftpd_banner=second\n")).unwrap();
    site.server.signal(Signal::SIGHUP);
    site.server.wait_for("no_such_option");
    assert_eq!(Dialogue::silent(site.address).expect(220).text(), "220 first");
    fs::write(&site.config, format!("{good}\nftpd_banner=third\n")).unwrap();
    site.server.signal(Signal::SIGHUP);
    let end = Instant::now() + Duration::from_secs(PATIENCE);
    while Dialogue::silent(site.address).expect(220).text() != "220 third" {
        assert!(Instant::now() < end, "the new banner is never shown");
        std::thread::sleep(Duration::from_millis(20));
    }
    still_serves(&site);
}

#[test]
fn a_session_survives_a_reload() {
    needs_root!();
    let (_account, site) = site(&[]);
    let (mut dialogue, data) = in_transfer(&site);
    site.server.signal(Signal::SIGHUP);
    assert_eq!(read_all(data).len(), LARGE - 1000);
    dialogue.expect(226);
    dialogue.ask("NOOP", 200);
}

#[test]
fn a_server_told_to_stop_lets_transfers_end() {
    needs_root!();
    let (_account, mut site) = site(&["drain_timeout=15"]);
    let (mut dialogue, data) = in_transfer(&site);
    let mut idle = site.anonymous();
    site.server.signal(Signal::SIGTERM);
    // The idle session ends while the transfer still runs.
    let mut rest = idle.rest();
    rest.retain(|line| !line.starts_with("421"));
    assert_eq!(rest, [""; 0], "an idle session ends with 421 or nothing");
    assert_eq!(read_all(data).len(), LARGE - 1000);
    dialogue.expect(226);
    assert!(site.server.wait().success());
}

#[test]
fn a_transfer_that_does_not_end_is_broken_off_when_the_time_is_up() {
    needs_root!();
    let (_account, mut site) = site(&["drain_timeout=1"]);
    let (_dialogue, _data) = in_transfer(&site);
    site.server.signal(Signal::SIGTERM);
    let began = Instant::now();
    site.server.wait();
    assert!(began.elapsed() < Duration::from_secs(10), "{:?}", began.elapsed());
}

#[test]
fn an_idle_client_is_sent_away() {
    needs_root!();
    let (_account, site) = site(&["idle_session_timeout=1"]);
    let mut dialogue = site.anonymous();
    assert_eq!(dialogue.expect(421).text(), "421 Timeout.");
    dialogue.expect_close();
}

#[test]
fn a_session_process_that_is_killed_takes_nobody_else_along() {
    needs_root!();
    let (_account, site) = site(&["isolate_sessions=YES"]);
    let before: Vec<u32> = site.server.family().iter().map(|(pid, _)| *pid).collect();
    let mut victim = site.connect();
    let after: Vec<u32> = site.server.family().iter().map(|(pid, _)| *pid).collect();
    let mut bystander = site.anonymous();
    let fresh: Vec<u32> = after.into_iter().filter(|pid| !before.contains(pid)).collect();
    for pid in fresh {
        wharf_testkit::kill_at_once(pid);
    }
    victim.raw(b"NOOP\r\n");
    bystander.ask("NOOP", 200);
    still_serves(&site);
}

#[test]
fn http_is_not_taken_for_ftp() {
    needs_root!();
    let (_account, site) = site(&[]);
    let mut stream = TcpStream::connect(site.address).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(PATIENCE))).unwrap();
    stream.write_all(b"GET / HTTP/1.1\r\nHost: x\r\nUSER anonymous\r\n\r\n").unwrap();
    let mut octets = Vec::new();
    stream.read_to_end(&mut octets).map(drop).unwrap_or_default();
    let text = String::from_utf8_lossy(&octets);
    assert!(!text.contains("\r\n331"), "nothing after the first line is obeyed: {text}");
}
