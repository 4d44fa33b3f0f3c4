//! Logins by certificate (RFC 4217 §4): when the monitor is asked before there is a password, and what the peer hears.

mod world;

use wharf_proto::ftp::server::policy::TlsRules;
use wharf_proto::ftp::server::record::{Event, Tls};
use world::{World, policy, tls};

fn site(certificate_logins: bool, certificate: bool) -> World {
    let mut rules = policy();
    rules.tls = Some(TlsRules { certificate_logins, force_local_logins: false, ..tls() });
    let mut world = World::new(rules);
    world.subject = certificate.then(|| b"/CN=Anna".to_vec());
    world
}

fn said(world: &mut World, lines: &[&str]) -> String {
    world.output.clear();
    lines.iter().for_each(|line| world.send(line.as_bytes()));
    String::from_utf8_lossy(&std::mem::take(&mut world.output)).into_owned()
}

#[test]
fn a_certificate_that_is_enough_is_232_to_user() {
    let mut world = site(true, true);
    assert_eq!(
        said(&mut world, &["AUTH TLS", "USER certified", "PASS x", "PWD"]),
        "234 Proceed with negotiation.\r\n232 Login successful, by certificate.\r\n230 Already logged in.\r\n\
         257 \"/\" is the current directory\r\n"
    );
    assert!(world.attempts.is_empty(), "no password was asked for");
    let named = |event: &Event| matches!(event, Event::Tls(Tls::Secured(it)) if it.subject.as_deref() == Some(b"/CN=Anna"));
    assert!(world.records.iter().any(|record| named(&record.event)), "without debug_ssl");
}

#[test]
fn one_that_is_not_enough_asks_for_the_password_and_costs_no_attempt() {
    let mut world = site(true, true);
    let ask = ["USER somebody", "USER somebody", "USER somebody", "USER somebody", "PASS right"];
    said(&mut world, &["AUTH TLS"]);
    assert_eq!(
        said(&mut world, &ask),
        "331 Please specify the password.\r\n".repeat(4) + "230 Login successful.\r\n"
    );
    assert_eq!(world.attempts.len(), 1);
}

#[test]
fn nobody_is_asked_about_without_a_certificate_a_rule_or_tls() {
    for (rules, certificate, lines) in [
        (true, false, &["AUTH TLS", "USER certified"][..]),
        (false, true, &["AUTH TLS", "USER certified"]),
        (true, true, &["USER certified"]),
    ] {
        let mut world = site(rules, certificate);
        assert!(said(&mut world, lines).ends_with("331 Please specify the password.\r\n"));
    }
}
