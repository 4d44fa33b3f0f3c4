//! Reservations without a listener around them.

use super::*;
use std::time::Duration;

fn house() -> House {
    House { address: IpAddr::from([127, 0, 0, 1]), scope: 0, is_dual: false }
}

fn wish(session: u64, peer: u8) -> Wish {
    let peer = IpAddr::from([127, 0, 0, peer]);
    Wish {
        session: SessionId(session),
        number: 1,
        peer,
        house: house(),
        anyone: false,
        is_shared: false,
        until: None,
    }
}

/// A range of `length` ports nobody uses at the moment.
fn reserve(passive: &mut Passive, poller: &Poller, wish: Wish, rules: &Rules) -> Option<u16> {
    let number = passive.prepare(poller, &wish, rules)?;
    passive.hold(number, wish)
}

fn rules(length: u16) -> Rules {
    // Tests run beside each other: each looks for its range in another place.
    static TESTS: std::sync::atomic::AtomicU16 = std::sync::atomic::AtomicU16::new(0);
    let place = 20_000 + 1_000 * TESTS.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
    let is_free = |port: u16| std::net::TcpListener::bind(("127.0.0.1", port)).is_ok();
    let free = (place..place + 1_000).step_by(16).find(|low| (*low..*low + length).all(is_free)).unwrap();
    Rules { range: free..=free + length - 1, spare: 64, tries: 9 }
}

#[test]
fn the_range_is_read_as_vsftpd_reads_it() {
    let range = |text: &str| {
        let config = wharf_config::parse(text.as_bytes(), None, &wharf_config::Config::default());
        Rules::of(&crate::terms::terms(&config.unwrap().config), 64).range
    };
    assert_eq!(range(""), 5001..=65535);
    assert_eq!(range("pasv_min_port=80\npasv_max_port=2000"), 1024..=2000);
    assert_eq!(range("pasv_min_port=3000\npasv_max_port=2000"), 3000..=65535);
}

#[test]
fn one_port_serves_two_peers_and_a_third_session_of_one_of_them_gets_none() {
    let poller = Poller::new().unwrap();
    let (mut passive, rules) = (Passive::default(), rules(1));
    let port = Some(*rules.range.start());
    assert_eq!(reserve(&mut passive, &poller, wish(1, 2), &rules), port);
    assert_eq!(reserve(&mut passive, &poller, wish(2, 3), &rules), port);
    assert_eq!(reserve(&mut passive, &poller, wish(3, 2), &rules), None);
    let number = passive.order[0];
    let peer = |last| IpAddr::from([127, 0, 0, last]);
    assert_eq!(passive.claim(&poller, number, peer(9), &rules), None);
    assert_eq!(passive.claim(&poller, number, peer(3), &rules), Some((SessionId(2), 1)));
    assert_eq!(passive.claim(&poller, number, peer(3), &rules), None, "a reservation serves once");
    assert_eq!(passive.claim(&poller, number, peer(2), &rules), Some((SessionId(1), 1)));
    assert_eq!(reserve(&mut passive, &poller, wish(3, 2), &rules), port);
}

#[test]
fn a_port_for_anyone_is_shared_with_nobody() {
    let poller = Poller::new().unwrap();
    let (mut passive, rules) = (Passive::default(), rules(1));
    let anyone = Wish { anyone: true, ..wish(1, 2) };
    assert!(reserve(&mut passive, &poller, anyone, &rules).is_some());
    assert_eq!(reserve(&mut passive, &poller, wish(2, 3), &rules), None);
    assert_eq!(
        passive.claim(&poller, passive.order[0], IpAddr::from([9; 4]), &rules),
        Some((SessionId(1), 1))
    );
    assert!(reserve(&mut passive, &poller, wish(2, 3), &rules).is_some());
    assert_eq!(reserve(&mut passive, &poller, anyone, &rules), None);
}

#[test]
fn sessions_of_one_peer_share_a_port_only_with_those_who_share_it_too() {
    let poller = Poller::new().unwrap();
    let (mut passive, rules) = (Passive::default(), rules(1));
    let shared = |session| Wish { is_shared: true, ..wish(session, 2) };
    let port = Some(*rules.range.start());
    assert_eq!(reserve(&mut passive, &poller, shared(1), &rules), port);
    assert_eq!(reserve(&mut passive, &poller, shared(2), &rules), port);
    assert_eq!(reserve(&mut passive, &poller, wish(3, 2), &rules), None);
    assert_eq!(reserve(&mut passive, &poller, wish(4, 3), &rules), port, "another peer shares nothing");
    let (number, peer) = (passive.order[0], IpAddr::from([127, 0, 0, 2]));
    assert_eq!(passive.claim(&poller, number, peer, &rules), None, "the address does not tell whose it is");
    assert_eq!(passive.sharers(number, peer), [SessionId(1), SessionId(2)]);
    assert_eq!(passive.claim_shared(&poller, (number, peer), SessionId(4), &rules), None);
    assert_eq!(passive.claim_shared(&poller, (number, peer), SessionId(2), &rules), Some(1));
    assert_eq!(passive.claim_shared(&poller, (number, peer), SessionId(2), &rules), None, "it serves once");
    passive.release(&poller, SessionId(1), &rules);
    assert!(passive.sharing.is_empty());
    assert_eq!(reserve(&mut passive, &poller, wish(3, 2), &rules), port);
    assert_eq!(reserve(&mut passive, &poller, shared(1), &rules), None, "one who waits alone stays alone");
}

#[test]
fn those_who_share_leave_other_ports_to_those_who_do_not() {
    let poller = Poller::new().unwrap();
    let (mut passive, rules) = (Passive::default(), rules(3));
    let shared = |session| Wish { is_shared: true, ..wish(session, 2) };
    let one = reserve(&mut passive, &poller, shared(1), &rules);
    assert!(reserve(&mut passive, &poller, wish(2, 2), &rules) != one);
    assert_eq!(reserve(&mut passive, &poller, shared(3), &rules), one);
    assert!(reserve(&mut passive, &poller, wish(4, 2), &rules).is_some());
    assert_eq!(reserve(&mut passive, &poller, wish(5, 2), &rules), None);
}

#[test]
fn a_new_reservation_replaces_the_old_and_time_ends_it() {
    let poller = Poller::new().unwrap();
    let (mut passive, rules) = (Passive::default(), rules(1));
    let now = Instant::now();
    let timed = Wish { until: Some(now), ..wish(1, 2) };
    assert!(reserve(&mut passive, &poller, timed, &rules).is_some());
    let later = Wish { until: Some(now + Duration::from_secs(9)), ..timed };
    assert!(reserve(&mut passive, &poller, later, &rules).is_some());
    passive.expire(&poller, now + Duration::from_secs(1), &rules);
    assert_eq!(passive.reservations.len(), 1, "the first one's time no longer counts");
    passive.expire(&poller, now + Duration::from_secs(9), &rules);
    assert!(passive.reservations.is_empty() && passive.waiting.is_empty());
    assert_eq!(passive.deadline(), None);
}

#[test]
fn ports_beyond_the_spare_ones_close_when_they_are_free() {
    let poller = Poller::new().unwrap();
    let mut passive = Passive::default();
    let rules = Rules { spare: 2, ..rules(8) };
    for session in 0..6 {
        assert!(reserve(&mut passive, &poller, wish(session, 2), &rules).is_some());
    }
    assert_eq!((passive.ports.len(), passive.idle), (6, 0));
    for session in 0..6 {
        passive.release(&poller, SessionId(session), &rules);
    }
    assert_eq!((passive.ports.len(), passive.order.len(), passive.idle), (2, 2, 2));
    passive.tidy(&poller, &[], &rules);
    assert_eq!((passive.ports.len(), passive.by_port.len(), passive.idle), (0, 0, 0));
}
