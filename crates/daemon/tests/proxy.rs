//! Behind a proxy that says for whom it connects (the PROXY protocol). Needs root.

#![forbid(unsafe_code)]
#![allow(clippy::unwrap_used, reason = "a test that cannot go on stops at the line that says why")]

use std::fs;
use std::io::{Read, Write};
use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpStream};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use wharf_testkit::{
    Account, Dialogue, Ports, Site, connect_from, has, kill_at_once, needs_root, read_all, run,
};

/// The proxy's address; other addresses of the loopback interface are strangers.
const PROXY: IpAddr = IpAddr::V4(Ipv4Addr::new(127, 0, 0, 2));
const CLIENT: IpAddr = IpAddr::V4(Ipv4Addr::new(127, 0, 0, 5));

struct Behind {
    site: Site,
    _account: Account,
}

fn behind_a_proxy(lines: &[&str]) -> Behind {
    let builder = Site::builder(env!("CARGO_BIN_EXE_wharfd"));
    let account = Account::make(builder.place());
    let builder =
        builder.anonymous(&account).set("xferlog_enable=YES").set("proxy_protocol_from=127.0.0.2/31");
    let site = lines.iter().fold(builder, |builder, line| builder.set(line)).start();
    fs::write(site.public().join("file"), b"content").unwrap();
    Behind { site, _account: account }
}

fn v1(peer: &str, local: SocketAddr) -> Vec<u8> {
    format!("PROXY TCP4 {peer} {} 40000 {}\r\n", local.ip(), local.port()).into_bytes()
}

fn v2(peer: &str, local: SocketAddr) -> Vec<u8> {
    let (peer, IpAddr::V4(ours)) = (peer.parse::<Ipv4Addr>().unwrap(), local.ip()) else { panic!("IPv4") };
    let port = local.port().to_be_bytes();
    [b"\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x0c", &peer.octets()[..], &ours.octets(), &[0x9c, 0x40], &port].concat()
}

impl Behind {
    /// What the proxy makes of a client.
    fn through(&self, header: &[u8]) -> Dialogue {
        let mut stream = connect_from(Some(PROXY), self.site.address).unwrap();
        stream.write_all(header).unwrap();
        Dialogue::over(stream)
    }

    fn anonymous(&self, peer: &str) -> Dialogue {
        let mut dialogue = self.through(&v1(peer, self.site.address));
        dialogue.expect(220);
        dialogue.ask("USER anonymous", 331);
        dialogue.ask("PASS x", 230);
        dialogue
    }
}

fn is_closed(mut stream: TcpStream) -> bool {
    !matches!(stream.read(&mut [0]), Ok(1))
}

#[test]
fn limits_and_logs_are_about_the_client_and_not_about_the_proxy() {
    needs_root!();
    let behind = behind_a_proxy(&["max_per_ip=1"]);
    let address = behind.site.address;
    let mut one = behind.through(&v1("192.0.2.7", address));
    one.expect(220);
    let mut other = behind.through(&v2("192.0.2.8", address));
    other.expect(220);
    let mut again = behind.through(&v2("192.0.2.7", address));
    again.expect(421);
    again.expect_close();
    one.ask("QUIT", 221);
    one.expect_close();
    // The place is free when the worker has said so.
    let end = Instant::now() + Duration::from_secs(20);
    while behind.through(&v1("192.0.2.7", address)).reply().code != 220 {
        assert!(Instant::now() < end, "the client who left still counts");
    }
    let log = behind.site.text("vsftpd.log");
    assert!(
        log.contains("CONNECT: Client \"192.0.2.7\"") && log.contains("CONNECT: Client \"192.0.2.8\""),
        "{log}"
    );
    assert!(!log.contains("127.0.0.2"), "{log}");
}

#[test]
fn a_proxy_may_speak_for_itself() {
    needs_root!();
    let behind = behind_a_proxy(&[]);
    behind.through(b"PROXY UNKNOWN\r\n").expect(220);
    behind.through(b"\r\n\r\n\0\r\nQUIT\n\x20\0\0\0").expect(220);
    assert!(behind.site.text("vsftpd.log").contains("CONNECT: Client \"127.0.0.2\""));
}

#[test]
fn nobody_else_is_believed() {
    needs_root!();
    let behind = behind_a_proxy(&[]);
    let mut stranger = behind.site.connect();
    stranger.raw(&v1("192.0.2.7", behind.site.address));
    stranger.expect(530);
    stranger.ask("USER anonymous", 331);
    let log = behind.site.text("vsftpd.log");
    assert!(log.contains("CONNECT: Client \"127.0.0.1\"") && !log.contains("192.0.2.7"), "{log}");
}

#[test]
fn a_connection_from_there_without_a_header_is_closed_unanswered() {
    needs_root!();
    let behind = behind_a_proxy(&[]);
    for header in [&b"USER anonymous\r\n"[..], b"PROXY TCP4 192.0.2.7 127.0.0.1 70000 21\r\n", &[b'P'; 300]] {
        behind.through(header).expect_close();
    }
    behind.through(&v1("192.0.2.7", behind.site.address)).expect(220);
}

#[test]
fn data_connections_come_through_the_proxy_or_from_the_client_itself() {
    needs_root!();
    let behind = behind_a_proxy(&["pasv_wait_timeout=0"]);
    let mut dialogue = behind.anonymous("127.0.0.5");
    // By the proxy, in both versions.
    for version in [v1, v2] {
        let to = dialogue.pasv();
        let mut data = connect_from(Some(PROXY), to).unwrap();
        data.write_all(&version("127.0.0.5", to)).unwrap();
        dialogue.ask("RETR file", 150);
        assert_eq!(read_all(data), b"content");
        dialogue.expect(226);
    }
    // By itself, and past a stranger's and a wrong one that the proxy made.
    let to = dialogue.pasv();
    let mut wrong = connect_from(Some(PROXY), to).unwrap();
    wrong.write_all(&v1("192.0.2.9", to)).unwrap();
    assert!(is_closed(wrong));
    assert!(is_closed(connect_from(None, to).unwrap()));
    let data = connect_from(Some(CLIENT), to).unwrap();
    dialogue.ask("RETR file", 150);
    assert_eq!(read_all(data), b"content");
    dialogue.expect(226);
}

#[test]
fn the_address_in_227_is_the_one_that_the_client_called() {
    needs_root!();
    let behind = behind_a_proxy(&[]);
    let mut dialogue = behind.through(&v1("192.0.2.7", "198.51.100.4:21".parse().unwrap()));
    dialogue.expect(220);
    dialogue.ask("USER anonymous", 331);
    dialogue.ask("PASS x", 230);
    assert_eq!(dialogue.pasv().ip(), IpAddr::from([198, 51, 100, 4]));
}

#[test]
fn a_new_listener_knows_whose_session_it_is() {
    needs_root!();
    let mut behind = behind_a_proxy(&[]);
    let mut dialogue = behind.anonymous("127.0.0.5");
    kill_at_once(behind.site.server.role("listener")[0]);
    behind.site.server.wait_for("starting a new one");
    let end = Instant::now() + Duration::from_secs(20);
    let to = loop {
        dialogue.send("PASV");
        let reply = dialogue.reply();
        if reply.code == 227 {
            break reply;
        }
        assert!(Instant::now() < end, "no port from the new listener");
    };
    let numbers: Vec<u16> =
        to.text().split(|c: char| !c.is_ascii_digit()).filter_map(|n| n.parse().ok()).collect();
    let port = numbers[numbers.len() - 2] * 256 + numbers[numbers.len() - 1];
    let data = connect_from(Some(CLIENT), SocketAddr::new(behind.site.address.ip(), port)).unwrap();
    dialogue.ask("RETR file", 150);
    assert_eq!(read_all(data), b"content");
    dialogue.expect(226);
}

#[test]
fn haproxy_in_front_of_both_kinds_of_connection() {
    needs_root!();
    if !has("haproxy") || !has("curl") {
        return;
    }
    let behind = behind_a_proxy(&["max_per_ip=2", "pasv_address=127.0.0.9"]);
    let (control, front) = (behind.site.ports(), Ports::claim());
    for version in ["send-proxy", "send-proxy-v2"] {
        let config = behind.site.place().join("haproxy.cfg");
        // The passive ports are the same in front: each is passed on to the port of its number.
        let text = format!(
            "defaults\n mode tcp\n timeout connect 5s\n timeout client 30s\n timeout server 30s\n\
             listen control\n bind 127.0.0.9:{}\n server ftp 127.0.0.1:{} source 127.0.0.2 {version}\n\
             listen data\n bind 127.0.0.9:{}-{}\n server ftp 127.0.0.1 source 127.0.0.2 {version}\n",
            front.control(),
            control.control(),
            control.passive_first(),
            control.passive_last(),
        );
        fs::write(&config, text).unwrap();
        let mut haproxy =
            Command::new("haproxy").arg("-db").arg("-f").arg(&config).stderr(Stdio::null()).spawn().unwrap();
        let at = SocketAddr::new([127, 0, 0, 9].into(), front.control());
        let end = Instant::now() + Duration::from_secs(20);
        while connect_from(None, at).is_err() {
            assert!(Instant::now() < end, "haproxy does not listen");
        }
        let mut curl = Command::new("curl");
        curl.args([
            "--silent",
            "--show-error",
            "--disable-epsv",
            "--ftp-skip-pasv-ip",
            "--interface",
            "127.0.0.5",
        ]);
        let got = run(curl.arg(format!("ftp://{at}/file")), "");
        haproxy.kill().unwrap();
        haproxy.wait().unwrap();
        assert_eq!(got.stdout, "content", "{version}: {}", got.stderr);
    }
    let log = behind.site.text("vsftpd.log");
    assert_eq!(log.matches("OK DOWNLOAD: Client \"127.0.0.5\"").count(), 2, "{log}");
}
