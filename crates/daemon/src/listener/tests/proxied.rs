//! Sessions that came through a proxy: a worker says who the peer is, once, and only of these.

use super::*;

const BEHIND: &str = "proxy_protocol_from=127.0.0.2\nmax_per_ip=1\n";

fn judged(worker: &Channel) -> (Admission, u32) {
    match hear(worker) {
        (ToWorker::Judged { admission, clients, .. }, None) => (admission, clients),
        other => panic!("{other:?}"),
    }
}

fn named(worker: &Channel, session: SessionId, peer: &str) -> (Admission, u32) {
    worker.send(&FromWorker::Proxied { session, peer: Some(peer.parse().unwrap()) }).unwrap();
    judged(worker)
}

#[test]
fn a_client_is_counted_where_it_comes_from_and_leaves_there() {
    let house = House::open(BEHIND);
    let worker = house.worker(1);
    let (_one, first, admission, _) = house.client(&worker, 2);
    let (_two, second, other, _) = house.client(&worker, 2);
    assert_eq!((admission, other), (Admission::Welcome, Admission::Welcome), "many come through one proxy");
    assert_eq!(named(&worker, first, "192.0.2.1:9"), (Admission::Welcome, 2));
    assert_eq!(named(&worker, second, "192.0.2.1:9").0, Admission::TooManyFromAddress);
    worker.send(&FromWorker::Ended { session: first }).unwrap();
    let (_three, third, ..) = house.client(&worker, 2);
    assert_eq!(named(&worker, third, "192.0.2.1:9"), (Admission::Welcome, 1));
}

#[test]
fn a_session_without_a_name_wants_nothing_and_one_with_a_name_gets_no_other() {
    let house = House::open(BEHIND);
    let worker = house.worker(1);
    let (_one, session, ..) = house.client(&worker, 2);
    assert_eq!(expect(&worker, session), None);
    worker.send(&FromWorker::Proxied { session, peer: None }).unwrap();
    assert_eq!(judged(&worker).0, Admission::Welcome);
    assert!(expect(&worker, session).is_some(), "the proxy itself is a client, too");
    worker.send(&FromWorker::Proxied { session, peer: Some("192.0.2.1:9".parse().unwrap()) }).unwrap();
    assert!(worker.receive(&mut wharf_ipc::link::scratch()).unwrap().is_none(), "the worker is given up");
}

#[test]
fn nobody_is_named_who_came_by_himself() {
    let house = House::open(BEHIND);
    let worker = house.worker(1);
    let (_one, session, ..) = house.client(&worker, 3);
    worker.send(&FromWorker::Proxied { session, peer: Some("192.0.2.1:9".parse().unwrap()) }).unwrap();
    assert!(worker.receive(&mut wharf_ipc::link::scratch()).unwrap().is_none(), "the worker is given up");
}

#[test]
fn the_address_that_is_named_is_the_one_that_is_called_and_expected() {
    let (port, range) = one_port();
    let house = House::open(&format!("{BEHIND}{range}"));
    let worker = house.worker(1);
    let (_one, session, ..) = house.client(&worker, 2);
    named(&worker, session, "127.0.0.4:9");
    assert_eq!(dial(&worker, session, "127.0.0.2:5000".parse().unwrap()).0, DialOutcome::Forbidden);
    assert_eq!(expect(&worker, session), Some(port));
    let at = SocketAddr::new(house.address.ip(), port);
    assert!(is_closed(&call(5, at)));
    let through_the_proxy = call(2, at);
    let (ToWorker::Unwrap { connection }, Some(_lent)) = hear(&worker) else { panic!("nobody is asked") };
    worker.send(&FromWorker::Unwrapped { connection, peer: Some("127.0.0.4".parse().unwrap()) }).unwrap();
    let (found, ours) = arrived(&worker);
    assert_eq!((found, ours.peer_addr().unwrap()), (session, through_the_proxy.local_addr().unwrap()));
    assert_eq!(expect(&worker, session), Some(port));
    let for_another = call(2, at);
    let (ToWorker::Unwrap { connection }, Some(lent)) = hear(&worker) else { panic!("nobody is asked") };
    worker.send(&FromWorker::Unwrapped { connection, peer: Some("127.0.0.9".parse().unwrap()) }).unwrap();
    drop(lent);
    assert!(is_closed(&for_another));
    let by_itself = call(4, at);
    assert_eq!(arrived(&worker).1.peer_addr().unwrap(), by_itself.local_addr().unwrap());
}
