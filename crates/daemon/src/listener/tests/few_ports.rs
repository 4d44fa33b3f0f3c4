//! More sessions of one address than ports: they take turns, or share.

use std::io::Write;

use super::*;

fn want(worker: &Channel, session: SessionId, may_share: bool) {
    worker.send(&FromWorker::Expect { session, number: 1, anyone: false, may_share }).unwrap();
}

fn told(worker: &Channel) -> (SessionId, Option<u16>, bool) {
    match hear(worker) {
        (ToWorker::Expecting { session, port, is_shared }, None) => (session, port, is_shared),
        other => panic!("{other:?}"),
    }
}

/// Waits until everything that a worker has said was heard; `session` is one that wants nothing.
fn settle(worker: &Channel, session: SessionId) {
    worker.send(&FromWorker::Dial { session, number: 9, to: "192.0.2.1:9".parse().unwrap() }).unwrap();
    let (ToWorker::Dialled { outcome: DialOutcome::Forbidden, .. }, None) = hear(worker) else { panic!() };
}

/// A connection that somebody is to look at.
fn asked(worker: &Channel) -> (u64, OwnedFd) {
    match hear(worker) {
        (ToWorker::Recognise { connection, .. }, Some(socket)) => (connection, socket),
        other => panic!("{other:?}"),
    }
}

/// A house with one passive port, and two sessions of one peer at each of two workers.
fn crowded() -> (House, SocketAddr, [Channel; 2], [SessionId; 4], Vec<TcpStream>) {
    let (port, range) = one_port();
    let house = House::open(&range);
    let at = SocketAddr::new(house.address.ip(), port);
    let workers = [house.worker(1), house.worker(2)];
    let mut streams = Vec::new();
    let sessions = [0, 1, 0, 1].map(|number| {
        let (stream, session, ..) = house.client(&workers[number], 2);
        streams.push(stream);
        session
    });
    (house, at, workers, sessions, streams)
}

#[test]
fn sessions_of_one_address_take_turns_in_the_order_in_which_they_asked() {
    let (_house, at, workers, [first, second, third, fourth], _streams) = crowded();
    want(&workers[0], first, false);
    assert_eq!(told(&workers[0]), (first, Some(at.port()), false));
    want(&workers[1], second, false);
    settle(&workers[1], fourth);
    want(&workers[0], third, false);
    let one = call(2, at);
    assert_eq!(arrived(&workers[0]).0, first);
    assert_eq!(told(&workers[1]).1, Some(at.port()), "the first to ask is the first to be served");
    let other = call(2, at);
    assert_eq!(arrived(&workers[1]).0, second);
    assert_eq!(told(&workers[0]), (third, Some(at.port()), false));
    drop((one, other));
}

#[test]
fn nobody_waits_longer_than_the_site_says() {
    let (port, range) = one_port();
    for (wait, least) in [(0, 0), (1, 900)] {
        let house = House::open(&format!("{range}pasv_wait_timeout={wait}\n"));
        let worker = house.worker(1);
        let (_one, first, ..) = house.client(&worker, 2);
        let (_other, second, ..) = house.client(&worker, 2);
        assert_eq!(expect(&worker, first), Some(port));
        let begin = Instant::now();
        assert_eq!(expect(&worker, second), None);
        assert!(begin.elapsed() >= Duration::from_millis(least));
        worker.send(&FromWorker::Forget { session: first }).unwrap();
        assert_eq!(expect(&worker, second), Some(port), "who was refused may ask again");
    }
}

#[test]
fn a_session_that_ends_gives_its_turn_away() {
    let (_house, at, workers, [first, second, third, fourth], _streams) = crowded();
    want(&workers[0], first, false);
    assert_eq!(told(&workers[0]).0, first);
    want(&workers[1], second, false);
    workers[1].send(&FromWorker::Ended { session: second }).unwrap();
    settle(&workers[1], fourth);
    want(&workers[0], third, false);
    workers[0].send(&FromWorker::Ended { session: first }).unwrap();
    assert_eq!(told(&workers[0]), (third, Some(at.port()), false));
}

#[test]
fn a_connection_to_a_shared_port_goes_round_until_somebody_knows_it() {
    let (_house, at, workers, [first, second, third, _], _streams) = crowded();
    for (worker, session) in [(0, first), (1, second), (0, third)] {
        want(&workers[worker], session, true);
        assert_eq!(told(&workers[worker]), (session, Some(at.port()), true));
    }
    // The second one's worker is asked after the first one's.
    let mut caller = call(2, at);
    caller.write_all(b"hello").unwrap();
    let (connection, lent) = asked(&workers[0]);
    workers[0].send(&FromWorker::Unknown { connection, is_nobodys: false }).unwrap();
    drop(lent);
    let (connection, _lent) = asked(&workers[1]);
    workers[1].send(&FromWorker::Recognised { session: second, connection }).unwrap();
    let (session, ours) = arrived(&workers[1]);
    assert_eq!((session, ours.peer_addr().unwrap()), (second, caller.local_addr().unwrap()));

    // Each session gets one connection; one that nobody knows is closed, and the others wait on.
    let stranger = call(2, at);
    let (connection, lent) = asked(&workers[0]);
    workers[0].send(&FromWorker::Unknown { connection, is_nobodys: false }).unwrap();
    drop(lent);
    assert!(is_closed(&stranger), "the second worker has nobody left to ask about");
    let caller = call(2, at);
    let (connection, _lent) = asked(&workers[0]);
    workers[0].send(&FromWorker::Recognised { session: third, connection }).unwrap();
    assert_eq!(arrived(&workers[0]).0, third);
    drop(caller);
    assert!(is_closed(&call(3, at)), "other addresses have nothing to do with it");
}

#[test]
fn a_worker_gets_no_connection_by_naming_a_session_that_does_not_wait_there() {
    let (_house, at, workers, [first, second, _, fourth], _streams) = crowded();
    for (worker, session) in [(0, first), (1, second)] {
        want(&workers[worker], session, true);
        told(&workers[worker]);
    }
    let caller = call(2, at);
    let (connection, lent) = asked(&workers[0]);
    // Not asked about this one.
    workers[1].send(&FromWorker::Recognised { session: second, connection }).unwrap();
    workers[1].send(&FromWorker::Forget { session: fourth }).unwrap();
    workers[0].send(&FromWorker::Unknown { connection, is_nobodys: false }).unwrap();
    drop(lent);
    let (connection, lent) = asked(&workers[1]);
    // Of this worker, but expecting nothing.
    workers[1].send(&FromWorker::Recognised { session: fourth, connection }).unwrap();
    drop(lent);
    assert!(is_closed(&caller));
    // Another worker's session: given up, as ever.
    workers[1].send(&FromWorker::Recognised { session: first, connection: 1 }).unwrap();
    assert!(workers[1].receive(&mut wharf_ipc::link::scratch()).unwrap().is_none());
}

#[test]
fn a_dead_worker_does_not_keep_what_it_was_looking_at() {
    let (house, at, workers, [first, second, ..], _streams) = crowded();
    for (worker, session) in [(0, first), (1, second)] {
        want(&workers[worker], session, true);
        told(&workers[worker]);
    }
    let caller = call(2, at);
    let (_, lent) = asked(&workers[0]);
    let [dead, alive] = workers;
    drop((dead, lent));
    house.say(&ToListener::WorkerGone { worker: 1 });
    let (connection, _lent) = asked(&alive);
    alive.send(&FromWorker::Recognised { session: second, connection }).unwrap();
    let (session, ours) = arrived(&alive);
    assert_eq!((session, ours.peer_addr().unwrap()), (second, caller.local_addr().unwrap()));
}

#[test]
fn one_who_needs_a_port_alone_waits_for_those_who_share_and_they_for_it() {
    let (_house, at, workers, [first, second, third, fourth], _streams) = crowded();
    want(&workers[0], first, true);
    assert!(told(&workers[0]).2);
    want(&workers[1], second, false);
    settle(&workers[1], fourth);
    want(&workers[0], third, true);
    let caller = call(2, at);
    let (connection, _lent) = asked(&workers[0]);
    workers[0].send(&FromWorker::Recognised { session: first, connection }).unwrap();
    assert_eq!(arrived(&workers[0]).0, first);
    assert_eq!(told(&workers[1]), (second, Some(at.port()), false), "it asked before the third");
    let data = call(2, at);
    assert_eq!(arrived(&workers[1]).0, second, "nobody looks at what is one session's alone");
    assert_eq!(told(&workers[0]), (third, Some(at.port()), true));
    drop((caller, data));
}

#[test]
fn where_there_is_a_port_for_each_session_none_is_shared() {
    let (port, range) = one_port();
    let house = House::open(&range);
    let worker = house.worker(1);
    let (_one, first, ..) = house.client(&worker, 2);
    let (_other, second, ..) = house.client(&worker, 3);
    for session in [first, second] {
        want(&worker, session, true);
        assert_eq!(told(&worker), (session, Some(port), false));
    }
}
