//! One process is killed, or the server is told something, while others are at work. Needs root.
//!
//! Whatever dies takes along only what it held, tells nobody that a broken upload is whole, and within a second of its
//! death somebody new logs in and fetches a file.

#![forbid(unsafe_code)]
#![allow(clippy::unwrap_used, reason = "a test that cannot go on stops at the line that says why")]

#[path = "faults/stage.rs"]
mod stage;

use std::fs;
use std::io::Read;
use std::net::{Ipv4Addr, SocketAddr, TcpListener, UdpSocket};
use std::process::Command;
use std::time::Instant;

use wharf_testkit::{Account, Dialogue, Server, Signal, is_alive, kill_at_once, needs_root, visit};

use stage::{
    Download, Gate, LARGE, PROMISE, Upload, answers, builder, has_octets, pattern, serves_again, stage,
    stage_with, wait_until,
};

#[test]
fn a_killed_worker_takes_its_own_sessions_along_and_no_others() {
    needs_root!();
    let stage = stage(&["max_clients=4"]);
    // The least loaded worker gets the next client, so these are on different ones.
    let upload = Upload::anonymous(&stage);
    let victim = stage.only("session, 1 client, 1 transferring");
    let download = Download::begin(stage.local());
    let idle = [stage.anonymous(), stage.anonymous()];
    let death = stage.kill(victim);
    // Four were in, as many as may: the places of the lost are free again.
    stage.serves_again(death);
    upload.end_in_vain();
    download.end().ask("NOOP", 200);
    assert_eq!(idle.iter().filter(|session| answers(session)).count(), 1, "one of these was on each worker");
    wait_until("there are two workers again", || stage.site.server.role("session").len() == 2);
}

#[test]
fn the_only_worker_is_replaced_at_once() {
    needs_root!();
    let stage = stage(&["session_workers=1"]);
    let upload = Upload::begin(stage.local(), "gift", stage.user.home.join("gift"));
    stage.grow_up();
    let death = stage.kill(stage.only("session"));
    stage.serves_again(death);
    upload.end_in_vain();
}

#[test]
fn an_isolated_session_dies_alone() {
    needs_root!();
    let stage = stage(&["isolate_sessions=YES"]);
    let upload = Upload::anonymous(&stage);
    let victim = stage.only("session");
    let download = Download::begin(stage.anonymous());
    let death = stage.kill(victim);
    stage.serves_again(death);
    upload.end_in_vain();
    download.end().ask("NOOP", 200);
}

#[test]
fn a_killed_broker_takes_the_sessions_of_its_identity_along_and_no_others() {
    needs_root!();
    let stage = stage(&[]);
    let mut idle = stage.local();
    let victim = stage.only("broker");
    let download = Download::begin(stage.local());
    let upload = Upload::begin(stage.local(), "gift", stage.user.home.join("gift"));
    let others = (Download::begin(stage.anonymous()), Upload::anonymous(&stage));
    let death = stage.kill(victim);
    serves_again(stage.site.address, (&stage.user.name, &stage.user.password), death);
    assert_eq!(idle.ask("SIZE small", 421).text(), "421 Service not available.");
    idle.expect_close();
    upload.end_in_vain();
    // The file of a running download is open already: nothing of it is lost.
    download.end();
    others.0.end().ask("SIZE small", 213);
    others.1.end().ask("SIZE small", 213);
}

#[test]
fn a_killed_listener_is_replaced_and_transfers_go_on() {
    needs_root!();
    let stage = stage(&[]);
    let (download, upload) = (Download::begin(stage.local()), Upload::anonymous(&stage));
    stage.grow_up();
    let death = stage.kill(stage.only("listener"));
    stage.serves_again(death);
    download.end();
    upload.end();
}

#[test]
fn an_idle_session_outlives_the_listener() {
    needs_root!();
    let stage = stage(&[]);
    let mut idle = stage.anonymous();
    stage.grow_up();
    let death = stage.kill(stage.only("listener"));
    stage.serves_again(death);
    idle.ask("NOOP", 200);
    idle.ask("SIZE small", 213);
    // It is introduced to the new listener, which makes its data connections, both ways, and counts it.
    idle.fetch("RETR small");
    let active = idle.port();
    idle.ask("NLST", 150);
    wharf_testkit::read_all(active.accept().unwrap().0);
    idle.expect(226);
    assert!(
        idle.ask("STAT", 211).lines.iter().any(|line| line.ends_with("session startup, client count was 1"))
    );
    let second = stage.anonymous().ask("STAT", 211);
    assert!(second.lines.iter().any(|line| line.ends_with("client count was 2")), "{:?}", second.lines);
}

#[test]
fn a_listener_that_dies_twice_in_a_moment_is_replaced_twice() {
    needs_root!();
    let stage = stage(&[]);
    let mut idle = stage.anonymous();
    let first = stage.only("listener");
    stage.kill(first);
    wait_until(
        "a second one is there",
        || matches!(stage.site.server.role("listener").as_slice(), [pid] if *pid != first),
    );
    stage.kill(stage.only("listener"));
    wait_until("the site serves again", || {
        visit(stage.site.address, ("ftp", "x"), "small", std::time::Duration::from_secs(1)).is_ok()
    });
    idle.fetch("RETR small");
}

#[test]
fn a_killed_auth_process_refuses_one_attempt_and_no_other() {
    needs_root!();
    let builder = builder();
    let (mut gate, pam) = Gate::set_up(&builder);
    let stage = stage_with(pam, builder, &[]);
    let (download, upload) = (Download::begin(stage.anonymous()), Upload::anonymous(&stage));
    let mut knocking = stage.site.connect();
    knocking.ask(&format!("USER {}", stage.user.name), 331);
    knocking.send(&format!("PASS {}", stage.user.password));
    wait_until("the check waits", || gate.waiting() == 1);
    let death = stage.kill(stage.only("auth"));
    stage.serves_again(death);
    knocking.expect(530);
    // The module's own program is not ours and waits on; this line is for it.
    gate.open();
    wait_until("it has gone", || gate.waiting() == 0);
    gate.open();
    knocking.ask(&format!("USER {}", stage.user.name), 331);
    knocking.ask(&format!("PASS {}", stage.user.password), 230);
    download.end();
    upload.end();
}

#[test]
fn a_killed_monitor_leaves_nothing_behind() {
    needs_root!();
    let mut stage = stage(&[]);
    let (download, upload) = (Download::begin(stage.local()), Upload::anonymous(&stage));
    let mut idle = stage.anonymous();
    let family = stage.site.server.family();
    assert!(family.len() >= 5, "a listener, two workers, two brokers: {family:?}");
    let death = stage.kill(stage.site.server.pid());
    wait_until("all have ended", || !family.iter().any(|one| is_alive(*one)));
    drop(TcpListener::bind(stage.site.address).expect("the port is free"));
    assert!(!stage.site.server.wait().success());
    // What a service manager does next.
    stage.site.server = Server::start(Command::new(env!("CARGO_BIN_EXE_wharfd")).arg(&stage.site.config));
    stage.serves_again(death);
    upload.end_in_vain();
    idle.expect_close();
    let Download(mut dialogue, mut data) = download;
    let mut octets = Vec::new();
    // It ends early, in whatever way.
    let _ = data.read_to_end(&mut octets);
    assert!(octets.len() < LARGE && pattern().starts_with(&octets));
    assert!(!dialogue.rest().iter().any(|line| line.starts_with("226")));
}

#[test]
fn a_reload_during_transfers_loses_nothing() {
    needs_root!();
    let mut stage = stage(&[]);
    let (download, upload) = (Download::begin(stage.local()), Upload::anonymous(&stage));
    let mut idle = stage.anonymous();
    let family = stage.site.server.family();
    stage.site.server.signal(Signal::SIGHUP);
    stage.site.server.wait_for("the new configuration is in force");
    download.end().ask("SIZE small", 213);
    upload.end().ask("SIZE small", 213);
    idle.ask("SIZE small", 213);
    assert!(family.iter().all(|one| is_alive(*one)), "no process is replaced");
}

#[test]
fn many_reloads_in_a_row_are_survived() {
    needs_root!();
    let mut stage = stage(&[]);
    let (download, upload) = (Download::begin(stage.local()), Upload::anonymous(&stage));
    let mut idle = stage.anonymous();
    let family = stage.site.server.family();
    for _ in 0..50 {
        stage.site.server.signal(Signal::SIGHUP);
        idle.ask("NOOP", 200);
    }
    stage.site.server.wait_for("the new configuration is in force");
    stage.serves_again(Instant::now());
    download.end().ask("SIZE small", 213);
    upload.end().ask("SIZE small", 213);
    idle.ask("SIZE small", 213);
    assert!(family.iter().all(|one| is_alive(*one)), "no process is replaced");
}

#[test]
fn a_server_told_to_stop_lets_transfers_end_both_ways() {
    needs_root!();
    let mut stage = stage(&[]);
    let (download, upload) = (Download::begin(stage.local()), Upload::anonymous(&stage));
    let mut idle = stage.anonymous();
    stage.site.server.signal(Signal::SIGTERM);
    idle.expect(421);
    idle.expect_close();
    wait_until("nobody new is let in", || {
        visit(stage.site.address, ("anonymous", "x"), "small", PROMISE).is_err()
    });
    for mut session in [download.end(), upload.end()] {
        session.expect(421);
        session.expect_close();
    }
    assert!(stage.site.server.wait().success());
}

/// Becomes the server in a mount namespace whose `/etc` asks a name server that never answers.
const IN_OWN_ETC: &str = "mkdir \"$1\" && cp -r /etc/passwd /etc/group /etc/shadow /etc/pam.d \"$1\" && \
    printf 'hosts: dns\\npasswd: files\\ngroup: files\\nshadow: files\\n' >\"$1/nsswitch.conf\" && \
    echo 'nameserver 127.0.53.53' >\"$1/resolv.conf\" && echo 'vsftpd: .example.org' >\"$1/hosts.deny\" && \
    mount --bind \"$1\" /etc && exec \"$2\" \"$3\"";

#[test]
fn a_killed_resolver_leaves_one_name_unknown() {
    needs_root!();
    let server = SocketAddr::from((Ipv4Addr::new(127, 0, 53, 53), 53));
    let Ok(_silent) = UdpSocket::bind(server) else {
        eprintln!("skipped: somebody has {server}");
        return;
    };
    let builder = builder().set("tcp_wrappers=YES");
    let etc = builder.place().join("etc");
    let guest = Account::make(builder.place());
    let builder = builder.anonymous(&guest);
    fs::write(builder.place().join("pub/small"), "small\n").unwrap();
    let site = builder.start_by(|binary, config| {
        let mut command = Command::new("unshare");
        command.args(["--mount", "--propagation", "private", "sh", "-c", IN_OWN_ETC, "sh"]);
        command.arg(etc).args([binary, config]);
        command
    });
    let mut clients: Vec<Dialogue> = (1..=2).map(|_| Dialogue::silent(site.address)).collect();
    wait_until("two names are looked up", || site.server.role("resolver").len() == 2);
    let resolvers = site.server.role("resolver");
    kill_at_once(*resolvers.first().unwrap());
    wait_until("one lookup is over", || site.server.role("resolver").len() == 1);
    // The one whose name stays unknown is of no example.org and is let in; the other still waits.
    wait_until("one is greeted", || clients.iter().any(|client| has_octets(client.stream())));
    assert_eq!(clients.iter().filter(|client| has_octets(client.stream())).count(), 1);
    let greeted = clients.iter_mut().find(|client| has_octets(client.stream())).unwrap();
    greeted.expect(220);
    greeted.ask("USER ftp", 331);
    greeted.ask("PASS x", 230);
    assert_eq!(greeted.fetch("RETR small"), b"small\n");
    for resolver in site.server.role("resolver") {
        kill_at_once(resolver);
    }
    wait_until("the other is greeted", || clients.iter().any(|client| has_octets(client.stream())));
}
