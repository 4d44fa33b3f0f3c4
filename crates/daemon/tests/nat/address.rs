//! Which address 227 tells to whom.

use std::net::UdpSocket;

use crate::net::{ABROAD, HOME, NEIGHBOUR, Net, OUTSIDE, answer_stun, until, visit};

fn numbers(address: &str) -> String {
    format!("({},", address.replace('.', ","))
}

#[test]
fn auto_tells_those_outside_the_address_outside_and_neighbours_the_one_inside() {
    let Some(net) = Net::build() else { return };
    net.forward("21, 50000-50003");
    let stun = net.inside("abroad", || UdpSocket::bind((ABROAD, 3478)).unwrap());
    let answering = std::thread::spawn(move || answer_stun(&stun));
    let server = format!("stun_server={ABROAD}");
    let (_account, mut site) = net.site(&["pasv_address=auto", &server]);
    site.server.wait_for("the address outside is 11.22.33.1, as the STUN server tells it");
    answering.join().unwrap();
    assert!(net.told("abroad", OUTSIDE).contains(&numbers(OUTSIDE)));
    assert!(net.told("neighbour", HOME).contains(&numbers(HOME)));
    let fetched = net.fetch("abroad", OUTSIDE, &[]);
    assert_eq!(fetched.stdout, "a file\n", "{}", fetched.stderr);
    assert!(!site.server.output().contains("cannot reach"), "{}", site.server.output());
}

#[test]
fn a_private_address_told_to_a_public_client_is_warned_of_once_for_each_cause() {
    let Some(net) = Net::build() else { return };
    net.forward("21, 50000-50003");
    let (_account, mut site) = net.site(&["session_workers=1"]);
    for _ in 0..3 {
        assert!(net.told("abroad", OUTSIDE).contains(&numbers(HOME)));
    }
    let warning = site.server.wait_for("PASV told the client 11.22.33.9 the private address 192.168.77.5");
    assert!(warning.contains("pasv_address is not set"), "{warning}");
    assert_eq!(site.server.output().matches("PASV told the client").count(), 1);
    assert!(!net.fetch("abroad", OUTSIDE, &["--connect-timeout", "2"]).success, "that address leads nowhere");
    // EPSV tells no address and needs none.
    let epsv = net.run("abroad", "curl", &["-sS", "--max-time", "10", "ftp://11.22.33.1/file"]);
    assert_eq!(epsv.stdout, "a file\n", "{}", epsv.stderr);
}

#[test]
fn rules_by_network_come_first() {
    let Some(net) = Net::build() else { return };
    net.forward("21, 50000-50003");
    let rules = format!("pasv_address_for=192.168.0.0/16={NEIGHBOUR},11.22.33.9/32={OUTSIDE}");
    let (_account, site) = net.site(&["pasv_address=192.0.2.7", &rules]);
    assert!(net.told("neighbour", HOME).contains(&numbers(NEIGHBOUR)));
    assert!(net.told("abroad", OUTSIDE).contains(&numbers(OUTSIDE)));
    assert!(net.told("home", HOME).contains(&numbers(NEIGHBOUR)));
    drop(site);
}

#[test]
fn a_name_that_moves_is_followed_by_sessions_that_run_and_the_last_good_address_stays() {
    let Some(net) = Net::build() else { return };
    let directory = net.etc("home");
    std::fs::create_dir_all(&directory).unwrap();
    let hosts = directory.join("hosts");
    std::fs::write(&hosts, "192.0.2.7 ftp.example.test\n").unwrap();
    let lines = ["pasv_address=ftp.example.test", "pasv_addr_resolve=YES", "pasv_address_refresh=1"];
    let (_account, mut site) = net.site(&lines);
    net.inside("neighbour", || {
        let mut session = visit(HOME);
        assert!(session.ask("PASV", 227).text().contains("(192,0,2,7,"));
        std::fs::write(&hosts, "192.0.2.8 ftp.example.test\n").unwrap();
        until("the new address", || session.ask("PASV", 227).text().contains("(192,0,2,8,"));
        std::fs::write(&hosts, "\n").unwrap();
        site.server.wait_for("the name in pasv_address was not found this time; the last address stays");
        assert!(session.ask("PASV", 227).text().contains("(192,0,2,8,"));
    });
    drop(site);
}
