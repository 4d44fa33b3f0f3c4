//! Sockets that systemd or another supervisor opens: who calls while the server is away is served when it is there. Needs
//! root.

#![forbid(unsafe_code)]
#![allow(clippy::unwrap_used, reason = "a test that cannot go on stops at the line that says why")]

use std::fs;
use std::net::{Ipv4Addr, SocketAddr, UdpSocket};
use std::process::Command;
use std::time::{Duration, Instant};

use wharf_testkit::{
    Account, Dialogue, Ports, Server, Site, SiteBuilder, connect_from, has, kill_at_once, needs_root,
    read_all,
};

const ACTIVATE: &str = "systemd-socket-activate";

struct Activated {
    site: Site,
    control: SocketAddr,
    data: u16,
    _ports: Ports,
    _account: Account,
}

/// A server that was started by its first client, with one socket of each kind on ports of no configuration.
fn activated(lines: &[&str]) -> (Activated, Dialogue) {
    let ports = Ports::claim();
    let builder = Site::builder(env!("CARGO_BIN_EXE_wharfd"));
    let account = Account::make(builder.place());
    let builder = builder.anonymous(&account);
    let builder: SiteBuilder = lines.iter().fold(builder, |builder, line| builder.set(line));
    let (control, data) = (ports.control(), ports.passive_first());
    let control = SocketAddr::from((Ipv4Addr::LOCALHOST, control));
    // The server is started when somebody calls.
    let caller = std::thread::spawn(move || {
        let end = Instant::now() + Duration::from_secs(20);
        loop {
            match connect_from(None, control) {
                Ok(stream) => return stream,
                Err(error) => assert!(Instant::now() < end, "nobody listens: {error}"),
            }
        }
    });
    let site = builder.start_by(|binary, config| {
        let mut command = Command::new(ACTIVATE);
        command.arg(format!("--listen={control}")).arg(format!("--listen=0.0.0.0:{data}"));
        command.arg("--fdname=control:data").arg(binary).arg(config);
        command
    });
    let mut dialogue = Dialogue::over(caller.join().unwrap());
    dialogue.expect(220);
    fs::write(site.public().join("file"), b"content").unwrap();
    (Activated { site, control, data, _ports: ports, _account: account }, dialogue)
}

fn fetch(dialogue: &mut Dialogue, port: u16) {
    let to = dialogue.pasv();
    assert_eq!(to.port(), port);
    let data = connect_from(None, to).unwrap();
    dialogue.ask("RETR file", 150);
    assert_eq!(read_all(data), b"content");
    dialogue.expect(226);
}

#[test]
fn the_first_client_starts_the_server_and_both_kinds_of_socket_are_used() {
    needs_root!();
    if !has(ACTIVATE) {
        return;
    }
    // `listen` and the ports of the configuration mean nothing where the sockets are there already.
    let (mut activated, mut first) = activated(&["listen=NO"]);
    assert!(activated.site.server.output().contains(&format!("listening on {}", activated.control)));
    assert!(connect_from(None, activated.site.address).is_err(), "it listens nowhere else");
    first.ask("USER anonymous", 331);
    first.ask("PASS x", 230);
    fetch(&mut first, activated.data);
    fetch(&mut first, activated.data);
    let mut second = Dialogue::login(activated.control, "anonymous", "x");
    fetch(&mut second, activated.data);
    // A listener that dies leaves its sockets to the next one.
    kill_at_once(activated.site.server.role("listener")[0]);
    activated.site.server.wait_for("starting a new one");
    let mut third = Dialogue::login(activated.control, "anonymous", "x");
    fetch(&mut third, activated.data);
}

#[test]
fn a_socket_that_cannot_be_used_is_named() {
    needs_root!();
    if !has(ACTIVATE) {
        return;
    }
    let builder = Site::builder(env!("CARGO_BIN_EXE_wharfd"));
    let config = builder.place().join("conf");
    fs::write(&config, "listen=YES\n").unwrap();
    let ports = Ports::claim();
    let at = (Ipv4Addr::LOCALHOST, ports.passive_first());
    let mut command = Command::new(ACTIVATE);
    command.arg("--datagram").arg(format!("--listen={}:{}", at.0, at.1));
    command.arg(env!("CARGO_BIN_EXE_wharfd")).arg(&config);
    let mut server = Server::start(&mut command);
    let caller = UdpSocket::bind("127.0.0.1:0").unwrap();
    let end = Instant::now() + Duration::from_secs(20);
    while !server.output().contains("descriptor 3 cannot be used") {
        assert!(Instant::now() < end, "{}", server.output());
        // Nobody may listen yet.
        let _ = caller.send_to(b"x", at);
        std::thread::yield_now();
    }
    assert!(!server.wait().success());
}

/// Opens two sockets, lays them at 5 and 7, and becomes the server.
const SUPERVISOR: &str = "
import os, socket, sys
binary, config, control, data = sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4])
for port, number in ((control, 5), (data, 7)):
    one = socket.create_server(('127.0.0.1', port))
    os.dup2(one.fileno(), number, inheritable=True)
os.execv(binary, [binary, config])
";

#[test]
fn descriptors_of_any_supervisor_are_used_when_the_configuration_names_them() {
    needs_root!();
    if !has("python3") {
        return;
    }
    let ports = Ports::claim();
    let (control, data) = (ports.control(), ports.passive_first());
    let builder = Site::builder(env!("CARGO_BIN_EXE_wharfd"));
    let account = Account::make(builder.place());
    let builder = builder.anonymous(&account).set("listen=NO").set("listen_fds=5,7:data");
    let site = builder.start_by(|binary, config| {
        let mut command = Command::new("python3");
        command.args(["-c", SUPERVISOR]).arg(binary).arg(config);
        command.args([control, data].map(|port| port.to_string()));
        command
    });
    fs::write(site.public().join("file"), b"content").unwrap();
    let mut dialogue = Dialogue::login(SocketAddr::from((Ipv4Addr::LOCALHOST, control)), "anonymous", "x");
    fetch(&mut dialogue, data);
    fetch(&mut dialogue, data);
}

#[test]
fn a_descriptor_that_is_not_open_is_named() {
    needs_root!();
    let builder = Site::builder(env!("CARGO_BIN_EXE_wharfd"));
    let config = builder.place().join("conf");
    fs::write(&config, "listen=NO\nlisten_fds=93\n").unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_wharfd"));
    let mut server = Server::start(command.arg(&config));
    assert!(server.wait_for("listen_fds: descriptor 93 cannot be used").contains("500 OOPS"));
    assert!(!server.wait().success());
}
