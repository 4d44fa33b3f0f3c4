//! The whole listener over real sockets: the test is the monitor, the workers and the clients.

mod few_ports;
mod proxied;

use std::io::Read;
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::thread::JoinHandle;
use std::time::Duration;

use rustix::net::{AddressFamily, SocketType};
use wharf_ipc::listener::{Admission, DialOutcome, FromWorker, ToWorker};

use super::*;

type Monitor = Link<ToListener, FromListener>;
type Channel = Link<FromWorker, ToWorker>;

/// Long enough for a loaded machine; no test waits for it to pass.
const PATIENCE: Duration = Duration::from_secs(20);

/// A running listener, with the test in the monitor's place.
struct House {
    monitor: Option<Monitor>,
    thread: Option<JoinHandle<io::Result<()>>>,
    address: SocketAddr,
    text: String,
}

impl House {
    fn open(options: &str) -> Self {
        let (monitor, theirs) = Monitor::pair().unwrap();
        let thread = std::thread::spawn(move || Listener::new(theirs)?.serve());
        let text = format!("listen_address=127.0.0.1\nlisten_port=0\n{options}");
        let mut house =
            Self { monitor: Some(monitor), thread: Some(thread), address: ([127, 0, 0, 1], 0).into(), text };
        let FromListener::Listening(addresses) = house.configure(&house.text) else {
            panic!("it does not listen")
        };
        house.address = addresses[0];
        house
    }

    fn say(&self, message: &ToListener) {
        self.monitor.as_ref().unwrap().send(message).unwrap();
    }

    fn hear(&self) -> FromListener {
        hear(self.monitor.as_ref().unwrap()).0
    }

    fn configure(&self, text: &str) -> FromListener {
        self.say(&ToListener::Configure { text: text.into(), first: SessionId::FIRST });
        self.hear()
    }

    fn worker(&self, worker: u32) -> Channel {
        let (ours, theirs) = Channel::pair().unwrap();
        let message = ToListener::Worker { worker };
        self.monitor.as_ref().unwrap().send_with(&message, &[std::os::fd::AsFd::as_fd(&theirs)]).unwrap();
        // Answered in order: afterwards the worker is known.
        assert!(matches!(self.configure(&self.text), FromListener::Listening(_)));
        ours
    }

    fn call(&self, from: u8) -> TcpStream {
        call(from, self.address)
    }

    /// A client from this address, and what its worker was told.
    fn client(&self, worker: &Channel, from: u8) -> (TcpStream, SessionId, Admission, u32) {
        let stream = self.call(from);
        let (ToWorker::Accepted { session, peer, local, admission, clients, .. }, Some(_)) = hear(worker)
        else {
            panic!("no client came")
        };
        assert_eq!(peer, stream.local_addr().unwrap());
        assert_eq!(local, self.address);
        (stream, session, admission, clients)
    }
}

impl Drop for House {
    fn drop(&mut self) {
        drop(self.monitor.take());
        let ended = self.thread.take().unwrap().join();
        if !std::thread::panicking() {
            ended.unwrap().unwrap();
        }
    }
}

fn hear<Out, In>(link: &Link<Out, In>) -> (In, Option<OwnedFd>)
where
    Out: serde::Serialize,
    In: serde::de::DeserializeOwned,
{
    let poller = Poller::new().unwrap();
    poller.add(link, 0, Interest::Read).unwrap();
    let mut ready = Vec::new();
    poller.wait(&mut ready, Some(PATIENCE)).unwrap();
    assert!(!ready.is_empty(), "nothing was said");
    let mut received =
        link.receive(&mut wharf_ipc::link::scratch()).unwrap().expect("the listener has closed");
    let socket = received.descriptor();
    (received.message, socket)
}

/// Connects from one of the many addresses of the loopback interface.
fn call(from: u8, to: SocketAddr) -> TcpStream {
    let socket = rustix::net::socket(AddressFamily::INET, SocketType::STREAM, None).unwrap();
    rustix::net::bind(&socket, &SocketAddr::from((Ipv4Addr::new(127, 0, 0, from), 0))).unwrap();
    rustix::net::connect(&socket, &to).unwrap();
    let stream = TcpStream::from(socket);
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    stream
}

/// Whether the other side closes instead of serving.
fn is_closed(mut stream: &TcpStream) -> bool {
    match stream.read(&mut [0]) {
        Ok(octets) => octets == 0,
        Err(error) => error.kind() == io::ErrorKind::ConnectionReset,
    }
}

fn expect(worker: &Channel, session: SessionId) -> Option<u16> {
    worker.send(&FromWorker::Expect { session, number: 1, anyone: false, may_share: false }).unwrap();
    let (ToWorker::Expecting { session: answered, port, .. }, None) = hear(worker) else { panic!("no port") };
    assert_eq!(answered, session);
    port
}

fn arrived(worker: &Channel) -> (SessionId, TcpStream) {
    match hear(worker) {
        (ToWorker::Arrived { session, .. }, Some(socket)) => (session, TcpStream::from(socket)),
        other => panic!("{other:?}"),
    }
}

fn dial(worker: &Channel, session: SessionId, to: SocketAddr) -> (DialOutcome, Option<OwnedFd>) {
    worker.send(&FromWorker::Dial { session, number: 3, to }).unwrap();
    let (ToWorker::Dialled { number: 3, outcome, .. }, socket) = hear(worker) else { panic!("no outcome") };
    (outcome, socket)
}

/// A range of one port that is free, and below those the system gives out by itself: no other test's connection can
/// take it meanwhile.
fn one_port() -> (u16, String) {
    use std::sync::atomic::{AtomicU16, Ordering};
    static NEXT: AtomicU16 = AtomicU16::new(0);
    let begin = 12_000 + (std::process::id() % 400) as u16 * 16;
    let free = || {
        let port = begin + NEXT.fetch_add(1, Ordering::Relaxed);
        TcpListener::bind(("127.0.0.1", port)).is_ok().then_some(port)
    };
    let port = std::iter::repeat_with(free).take(1000).flatten().next().unwrap();
    (port, format!("pasv_min_port={port}\npasv_max_port={port}\n"))
}

#[test]
fn two_peers_share_one_port_and_a_stranger_disturbs_neither() {
    let (port, range) = one_port();
    let house = House::open(&range);
    let worker = house.worker(1);
    let (_one, first, ..) = house.client(&worker, 2);
    let (_other, second, ..) = house.client(&worker, 3);
    assert_eq!(expect(&worker, first), Some(port));
    assert_eq!(expect(&worker, second), Some(port));

    let at = SocketAddr::new(house.address.ip(), port);
    assert!(is_closed(&call(4, at)));
    let data = call(3, at);
    let (session, ours) = arrived(&worker);
    assert_eq!((session, ours.peer_addr().unwrap()), (second, data.local_addr().unwrap()));
    assert!(ours.nodelay().unwrap());
    assert_eq!(rustix::net::sockopt::ip_tos(&ours).unwrap(), 8);
    assert!(rustix::net::sockopt::socket_keepalive(&ours).unwrap());
    assert!(is_closed(&call(3, at)), "a reservation serves once");
    let data = call(2, at);
    let (session, ours) = arrived(&worker);
    assert_eq!((session, ours.peer_addr().unwrap()), (first, data.local_addr().unwrap()));
}

#[test]
fn a_range_of_one_port_serves_one_session_of_a_peer_at_a_time() {
    let (port, range) = one_port();
    let house = House::open(&format!("{range}pasv_wait_timeout=0\n"));
    let worker = house.worker(1);
    let (_one, first, ..) = house.client(&worker, 2);
    let (_other, second, ..) = house.client(&worker, 2);
    assert_eq!(expect(&worker, first), Some(port));
    assert_eq!(expect(&worker, second), None);
    assert_eq!(expect(&worker, first), Some(port), "a new PASV takes the port of the old one");
    worker.send(&FromWorker::Forget { session: first }).unwrap();
    assert_eq!(expect(&worker, second), Some(port));
    worker.send(&FromWorker::Ended { session: second }).unwrap();
    assert_eq!(expect(&worker, first), Some(port));
}

#[test]
fn limits_count_clients_and_forget_those_who_ended() {
    let house = House::open("max_clients=3\nmax_per_ip=2\n");
    let worker = house.worker(1);
    let (_a, first, admission, clients) = house.client(&worker, 2);
    assert_eq!((first, admission, clients), (SessionId::FIRST, Admission::Welcome, 1));
    let (_b, _, admission, clients) = house.client(&worker, 2);
    assert_eq!((admission, clients), (Admission::Welcome, 2));
    let (_c, refused, admission, clients) = house.client(&worker, 2);
    assert_eq!((admission, clients), (Admission::TooManyFromAddress, 3));
    let (_d, _, admission, _) = house.client(&worker, 3);
    assert_eq!(admission, Admission::Welcome, "who was turned away takes no place");
    let (_e, _, admission, _) = house.client(&worker, 4);
    assert_eq!(admission, Admission::TooManyClients);
    for session in [refused, first] {
        worker.send(&FromWorker::Ended { session }).unwrap();
    }
    // Answered in order: afterwards both ends have been heard.
    expect(&worker, SessionId(SessionId::FIRST.0 + 1)).unwrap();
    let (_f, _, admission, clients) = house.client(&worker, 2);
    assert_eq!((admission, clients), (Admission::Welcome, 3));
}

#[test]
fn control_connections_answer_at_once_and_keep_urgent_data_in_line() {
    let house = House::open("");
    let worker = house.worker(1);
    let _client = house.call(2);
    let (ToWorker::Accepted { .. }, Some(socket)) = hear(&worker) else { panic!("no client came") };
    assert!(rustix::net::sockopt::tcp_nodelay(&socket).unwrap());
    assert!(rustix::net::sockopt::socket_keepalive(&socket).unwrap());
    assert!(rustix::net::sockopt::socket_oobinline(&socket).unwrap());
    let mut octet = [0];
    let error = TcpStream::from(socket).read(&mut octet).unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::WouldBlock);
}

#[test]
fn a_session_cannot_have_third_parties_called() {
    let house = House::open("");
    let worker = house.worker(1);
    let (_client, session, ..) = house.client(&worker, 2);
    let callee = TcpListener::bind("127.0.0.2:0").unwrap();
    let third = TcpListener::bind("127.0.0.3:0").unwrap();
    let (outcome, socket) = dial(&worker, session, third.local_addr().unwrap());
    assert!(outcome == DialOutcome::Forbidden && socket.is_none());
    let (outcome, _) = dial(&worker, session, "127.0.0.2:22".parse().unwrap());
    assert_eq!(outcome, DialOutcome::Forbidden);
    let (outcome, socket) = dial(&worker, session, callee.local_addr().unwrap());
    assert_eq!(outcome, DialOutcome::Connected);
    let (_, caller) = callee.accept().unwrap();
    assert_eq!(caller.ip(), house.address.ip(), "it comes from the address the client called");
    assert_eq!(TcpStream::from(socket.unwrap()).local_addr().unwrap(), caller);
    let gone = callee.local_addr().unwrap();
    drop(callee);
    assert_eq!(dial(&worker, session, gone).0, DialOutcome::Refused);
}

#[test]
fn a_promiscuous_site_calls_third_parties() {
    let house = House::open("port_promiscuous=YES\n");
    let worker = house.worker(1);
    let (_client, session, ..) = house.client(&worker, 2);
    let third = TcpListener::bind("127.0.0.3:0").unwrap();
    assert_eq!(dial(&worker, session, third.local_addr().unwrap()).0, DialOutcome::Connected);
}

#[test]
fn a_dead_worker_takes_its_sessions_and_their_ports_with_it() {
    let (port, range) = one_port();
    let house = House::open(&format!("{range}max_per_ip=1\n"));
    let dead = house.worker(1);
    let (_one, first, ..) = house.client(&dead, 2);
    assert_eq!(expect(&dead, first), Some(port));
    drop(dead);
    house.say(&ToListener::WorkerGone { worker: 1 });
    let worker = house.worker(2);
    let (_two, second, admission, clients) = house.client(&worker, 2);
    assert_eq!((admission, clients), (Admission::Welcome, 1));
    assert_eq!(expect(&worker, second), Some(port));
}

#[test]
fn a_worker_that_names_anothers_session_is_given_up() {
    let house = House::open("");
    let good = house.worker(1);
    let (_one, session, ..) = house.client(&good, 2);
    let evil = house.worker(2);
    evil.send(&FromWorker::Ended { session }).unwrap();
    assert!(evil.receive(&mut wharf_ipc::link::scratch()).unwrap().is_none());
    assert!(expect(&good, session).is_some(), "the session lives on");
}

#[test]
fn clients_go_to_the_worker_with_the_fewest() {
    let house = House::open("");
    let (one, other) = (house.worker(1), house.worker(2));
    let (_a, first, ..) = house.client(&one, 2);
    let _b = house.client(&other, 2);
    one.send(&FromWorker::Ended { session: first }).unwrap();
    assert_eq!(expect(&one, first), None, "an ended session gets no port");
    let (_c, third, ..) = house.client(&one, 2);
    assert!(expect(&one, third).is_some());
}

#[test]
fn a_burst_of_connections_is_shared_out_without_loss() {
    let house = House::open("max_per_ip=0\n");
    let (one, other) = (house.worker(1), house.worker(2));
    let clients: Vec<TcpStream> = (0..200).map(|_| house.call(2)).collect();
    let mut peers: Vec<SocketAddr> = Vec::new();
    let mut sessions = Vec::new();
    for at in 0..200 {
        let worker = if at % 2 == 0 { &one } else { &other };
        let (ToWorker::Accepted { session, peer, .. }, Some(_)) = hear(worker) else { panic!("lost") };
        peers.push(peer);
        sessions.push(session);
    }
    let mut callers: Vec<SocketAddr> = clients.iter().map(|client| client.local_addr().unwrap()).collect();
    peers.sort();
    callers.sort();
    assert_eq!(peers, callers);
    sessions.sort();
    sessions.dedup();
    assert_eq!(sessions.len(), 200);
}

#[test]
fn a_worker_that_does_not_read_holds_up_nobody_and_misses_nothing() {
    let house = House::open("");
    let slow = house.worker(1);
    let (_client, session, ..) = house.client(&slow, 2);
    slow.set_nonblocking(true).unwrap();
    let mut asked = 0;
    while slow.send(&FromWorker::Expect { session, number: 1, anyone: false, may_share: false }).is_ok() {
        asked += 1;
    }
    let other = house.worker(2);
    let (_client, unhurried, ..) = house.client(&other, 3);
    assert!(expect(&other, unhurried).is_some());
    for _ in 0..asked {
        let (ToWorker::Expecting { port: Some(_), .. }, None) = hear(&slow) else { panic!("no port") };
    }
}

#[test]
fn without_a_worker_so_many_clients_wait_for_one_and_others_hear_421() {
    let house = House::open("max_per_ip=0\n");
    let waiting: Vec<TcpStream> = (0..64).map(|_| house.call(2)).collect();
    let mut text = String::new();
    house.call(2).read_to_string(&mut text).unwrap();
    assert!(text.starts_with("421 "), "{text}");
    let worker = house.worker(1);
    for stream in &waiting {
        let (ToWorker::Accepted { peer, .. }, Some(_)) = hear(&worker) else { panic!("no client came") };
        assert_eq!(peer, stream.local_addr().unwrap());
    }
}

#[test]
fn an_isolated_connection_waits_for_a_worker_of_its_own() {
    let house = House::open("isolate_sessions=YES\n");
    let one = house.call(2);
    assert_eq!(house.hear(), FromListener::WantWorker);
    let other = house.call(3);
    assert_eq!(house.hear(), FromListener::WantWorker);
    for (number, stream) in [(1, one), (2, other)] {
        let worker = house.worker(number);
        let (ToWorker::Accepted { peer, .. }, Some(_)) = hear(&worker) else { panic!("no client came") };
        assert_eq!(peer, stream.local_addr().unwrap());
    }
}

#[test]
fn a_drained_listener_lets_nobody_in_and_tells_when_the_last_has_left() {
    let house = House::open("");
    let worker = house.worker(1);
    let (_client, session, ..) = house.client(&worker, 2);
    house.say(&ToListener::Drain);
    assert!(expect(&worker, session).is_some(), "a transfer may still begin");
    worker.send(&FromWorker::Ended { session }).unwrap();
    assert_eq!(house.hear(), FromListener::Drained);
    assert!(TcpStream::connect(house.address).is_err());
}

#[test]
fn a_configuration_that_cannot_be_carried_out_changes_nothing() {
    let house = House::open("");
    let worker = house.worker(1);
    let busy = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = busy.local_addr().unwrap().port();
    let answer = house.configure(&format!("listen_address=127.0.0.1\nlisten_port={port}\nmax_clients=1\n"));
    let FromListener::CannotListen { text } = answer else { panic!("{answer:?}") };
    assert!(text.contains(&format!("127.0.0.1:{port}")), "{text}");
    let _first = house.client(&worker, 2);
    let (.., admission, _) = house.client(&worker, 2);
    assert_eq!(admission, Admission::Welcome, "the new limit does not hold");
}
