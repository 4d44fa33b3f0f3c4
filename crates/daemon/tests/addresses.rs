//! Both families of addresses, and what is announced to whom. Needs root.

#![forbid(unsafe_code)]
#![allow(clippy::unwrap_used, reason = "a test that cannot go on stops at the line that says why")]

use std::fs;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener};

use wharf_testkit::{Account, Dialogue, Site, connect_from, needs_root, read_all};

fn site(lines: &[&str]) -> (Account, Site) {
    let builder = Site::builder(env!("CARGO_BIN_EXE_wharfd"));
    let account = Account::make(builder.place());
    let builder = lines.iter().fold(builder.anonymous(&account), |builder, line| builder.set(line));
    fs::write(builder.place().join("pub/small"), "small\n").unwrap();
    (account, builder.start())
}

fn over_v6(site: &Site) -> Dialogue {
    let address = SocketAddr::from((Ipv6Addr::LOCALHOST, site.address.port()));
    Dialogue::login(address, "anonymous", "x@y")
}

#[test]
fn one_socket_serves_both_families() {
    needs_root!();
    let (_account, site) = site(&["listen=NO", "listen_ipv6=YES", "xferlog_enable=YES"]);
    assert_eq!(over_v6(&site).fetch("RETR small"), b"small\n");
    let mut old = site.anonymous();
    assert_eq!(old.fetch("RETR small"), b"small\n");
    old.ask("QUIT", 221);
    // IPv4 clients are logged by their plain address.
    let log = site.text("vsftpd.log");
    assert!(log.contains("CONNECT: Client \"127.0.0.1\""), "{log}");
    assert!(log.contains("CONNECT: Client \"::1\""), "{log}");
}

#[test]
fn ipv4_clients_are_logged_as_vsftpd_does_when_asked() {
    needs_root!();
    let lines = ["listen=NO", "listen_ipv6=YES", "xferlog_enable=YES", "log_mapped_addresses=YES"];
    let (_account, site) = site(&lines);
    site.anonymous().ask("QUIT", 221);
    let log = site.text("vsftpd.log");
    assert!(log.contains("CONNECT: Client \"::ffff:127.0.0.1\""), "{log}");
}

#[test]
fn an_active_connection_goes_to_an_ipv6_client() {
    needs_root!();
    let (_account, site) = site(&["listen=NO", "listen_ipv6=YES"]);
    let mut dialogue = over_v6(&site);
    let listener = TcpListener::bind((Ipv6Addr::LOCALHOST, 0)).unwrap();
    let port = listener.local_addr().unwrap().port();
    dialogue.ask(&format!("EPRT |2|::1|{port}|"), 200);
    dialogue.send("RETR small");
    let (data, _) = listener.accept().unwrap();
    dialogue.expect(150);
    assert_eq!(read_all(data), b"small\n");
    dialogue.expect(226);
}

#[test]
fn the_configured_address_is_announced_and_a_name_is_looked_up() {
    needs_root!();
    let (_account, numeric) = site(&["pasv_address=192.0.2.7"]);
    let reply = numeric.anonymous().ask("PASV", 227);
    assert!(reply.text().contains("(192,0,2,7,"), "{}", reply.text());
    let (_account, named) = site(&["pasv_address=localhost", "pasv_addr_resolve=YES"]);
    let reply = named.anonymous().ask("PASV", 227);
    assert!(reply.text().contains("(127,0,0,1,"), "{}", reply.text());
}

#[test]
fn active_connections_come_from_the_configured_port() {
    needs_root!();
    let (_account, site) = site(&["connect_from_port_20=YES"]);
    let mut dialogue = site.anonymous();
    let listener = dialogue.port();
    dialogue.send("RETR small");
    let (_data, peer) = listener.accept().unwrap();
    assert_eq!(peer.port(), 20);
    dialogue.expect(150);
    dialogue.expect(226);
}

#[test]
fn a_third_party_may_take_part_where_the_site_says_so() {
    needs_root!();
    let (_account, site) = site(&["pasv_promiscuous=YES", "port_promiscuous=YES"]);
    let mut dialogue = site.anonymous();
    let passive = dialogue.pasv();
    let elsewhere = IpAddr::V4(Ipv4Addr::new(127, 0, 0, 2));
    let data = connect_from(Some(elsewhere), passive).unwrap();
    dialogue.ask("RETR small", 150);
    assert_eq!(read_all(data), b"small\n");
    dialogue.expect(226);

    let listener = TcpListener::bind((elsewhere, 0)).unwrap();
    let [high, low] = listener.local_addr().unwrap().port().to_be_bytes();
    dialogue.ask(&format!("PORT 127,0,0,2,{high},{low}"), 200);
    dialogue.send("RETR small");
    let (data, _) = listener.accept().unwrap();
    dialogue.expect(150);
    assert_eq!(read_all(data), b"small\n");
    dialogue.expect(226);
}
