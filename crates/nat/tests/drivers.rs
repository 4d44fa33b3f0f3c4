//! The drivers against real sockets whose other end misbehaves: every question ends, and soon.
#![forbid(unsafe_code)]
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test that cannot go on stops at the line that says why"
)]

use std::io::{Read, Write};
use std::net::{Ipv4Addr, SocketAddr, SocketAddrV4, TcpListener, TcpStream, UdpSocket};
use std::thread;
use std::time::{Duration, Instant};

use wharf_nat::Fault;
use wharf_nat::ask::{Gateway, Router, stun, stun_over_tcp};

/// The answer of an honest STUN server that saw 192.0.2.1:32853.
fn answer(question: &[u8]) -> Vec<u8> {
    let mut answer = vec![1, 1, 0, 12];
    answer.extend(&question[4..20]);
    answer.extend([0, 0x20, 0, 8, 0, 1, 0xa1, 0x47, 0xe1, 0x12, 0xa6, 0x43]);
    answer
}

fn v4(address: SocketAddr) -> SocketAddrV4 {
    let SocketAddr::V4(address) = address else { panic!("IPv4") };
    address
}

#[test]
fn a_stun_answer_is_waited_for_past_packets_that_are_none() {
    let server = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let address = v4(server.local_addr().unwrap());
    let serving = thread::spawn(move || {
        let mut question = [0; 64];
        let (length, asker) = server.recv_from(&mut question).unwrap();
        let mut forged = answer(&question[..length]);
        forged[10] ^= 1;
        for packet in [&b""[..], b"noise", &forged, &answer(&question[..length])] {
            server.send_to(packet, asker).unwrap();
        }
    });
    assert_eq!(stun(address), Ok(Ipv4Addr::new(192, 0, 2, 1)));
    serving.join().unwrap();
}

#[test]
fn where_nobody_listens_is_heard_at_once() {
    let address = v4(UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).unwrap().local_addr().unwrap());
    let began = Instant::now();
    assert_eq!(stun(address), Err(Fault::Network(std::io::ErrorKind::ConnectionRefused)));
    assert!(began.elapsed() < Duration::from_secs(2));
}

#[test]
fn a_stun_answer_over_tcp_may_come_octet_by_octet() {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let address = v4(listener.local_addr().unwrap());
    let serving = thread::spawn(move || {
        let mut stream = listener.accept().unwrap().0;
        stream.set_nodelay(true).unwrap();
        let mut question = [0; 20];
        stream.read_exact(&mut question).unwrap();
        answer(&question).iter().for_each(|octet| stream.write_all(&[*octet]).unwrap());
    });
    assert_eq!(stun_over_tcp(address), Ok(Ipv4Addr::new(192, 0, 2, 1)));
    serving.join().unwrap();
}

#[test]
fn a_silent_router_costs_four_seconds_and_no_more() {
    let router = Ipv4Addr::new(127, 77, 1, 1);
    let _silent = UdpSocket::bind((router, 5351)).unwrap();
    let began = Instant::now();
    assert_eq!(Router::at(router).unwrap().outside(), Err(Fault::Silent));
    let took = began.elapsed();
    assert!(took > Duration::from_millis(3500) && took < Duration::from_secs(8), "{took:?}");
}

/// A router whose description is served by somebody who does not mean well.
fn found_at(router: Ipv4Addr, serve: impl Fn(TcpStream) + Send + 'static) -> Result<Gateway, Fault> {
    let listener = TcpListener::bind((router, 0)).unwrap();
    let port = listener.local_addr().unwrap().port();
    let search = UdpSocket::bind((router, 1900)).unwrap();
    thread::spawn(move || {
        let mut question = [0; 2048];
        // The other two searches go unanswered: one bad answer is enough.
        let (_, asker) = search.recv_from(&mut question).unwrap();
        let answer = format!("HTTP/1.1 200 OK\r\nLOCATION: http://{router}:{port}/d.xml\r\n\r\n");
        search.send_to(answer.as_bytes(), asker).unwrap();
    });
    thread::spawn(move || serve(listener.accept().unwrap().0));
    let began = Instant::now();
    let found = Gateway::find(router);
    assert!(began.elapsed() < Duration::from_secs(15), "{:?}", began.elapsed());
    found
}

#[test]
fn an_endless_description_is_cut() {
    let found =
        found_at(Ipv4Addr::new(127, 77, 1, 2), |mut stream| while stream.write_all(&[b'<'; 4096]).is_ok() {});
    assert_eq!(found.unwrap_err(), Fault::Malformed("it is too long"));
}

#[test]
fn a_description_that_never_comes_is_not_awaited_for_ever() {
    let found = found_at(Ipv4Addr::new(127, 77, 1, 3), |mut stream| {
        while stream.write_all(b"H").is_ok() {
            thread::sleep(Duration::from_millis(100));
        }
    });
    assert!(found.is_err());
}

#[test]
fn a_description_of_something_else_is_no_gateway() {
    let found = found_at(Ipv4Addr::new(127, 77, 1, 4), |mut stream| {
        let _ = stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 13\r\n\r\n<root></root>");
    });
    assert_eq!(found.unwrap_err(), Fault::Malformed("it describes no service for port mappings"));
}
