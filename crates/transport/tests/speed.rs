//! What encrypting and decrypting cost, in seconds of processor time for each GiB: `cargo test --release -p
//! wharf-transport --test speed -- --ignored --nocapture`.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test may panic")]

mod common;

use std::io::Write;
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;
use std::thread;

use common::{Pair, client, session};
use rustls::version::{TLS12, TLS13};

const BLOCK: usize = 256 * 1024;
const BLOCKS: usize = 4096;

/// Processor time of this thread, in seconds.
fn spent() -> f64 {
    let text = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap();
    text.split(' ').next().unwrap().parse::<f64>().unwrap() / 1e9
}

/// A connection whose ciphertext goes to a socket that somebody reads and throws away.
fn drained() -> (TcpStream, thread::JoinHandle<u64>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let socket = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
    let (mut peer, _) = listener.accept().unwrap();
    (socket, thread::spawn(move || std::io::copy(&mut peer, &mut std::io::sink()).unwrap()))
}

#[test]
#[ignore = "a measurement"]
fn encrypting_256_kib_at_a_time() {
    for version in [&TLS13, &TLS12] {
        let client = Arc::new(client(&[version]));
        let mut pair = Pair::connect(&client, "a.example", session().accept_control()).unwrap();
        let block = vec![7; BLOCK];
        let gib = (BLOCK * BLOCKS) as f64 / f64::from(1 << 30);

        let mut out = Vec::new();
        let before = spent();
        for _ in 0..BLOCKS {
            assert_eq!(pair.server.write(&block), BLOCK);
            out.clear();
            pair.server.take_tls(&mut out);
        }
        println!("{:?} encrypt, take_tls: {:.3} CPU s/GiB", pair.server.suite(), (spent() - before) / gib);

        let (mut socket, reading) = drained();
        let before = spent();
        for _ in 0..BLOCKS {
            assert_eq!(pair.server.write(&block), BLOCK);
            out.clear();
            pair.server.take_tls(&mut out);
            socket.write_all(&out).unwrap();
        }
        println!(
            "{:?} encrypt, write to a socket: {:.3} CPU s/GiB",
            pair.server.suite(),
            (spent() - before) / gib
        );
        drop(socket);
        reading.join().unwrap();

        pair.client.set_buffer_limit(None);
        let mut cost = 0.0;
        for _ in 0..BLOCKS / 4 {
            out.clear();
            pair.client.writer().write_all(&block).unwrap();
            while pair.client.wants_write() {
                pair.client.write_tls(&mut out).unwrap();
            }
            let before = spent();
            let mut received = 0;
            assert_eq!(pair.server.open(&mut out, |octets| received += octets.len()).unwrap(), out.len());
            cost += spent() - before;
            assert_eq!(received, BLOCK);
        }
        println!("{:?} decrypt: {:.3} CPU s/GiB", pair.server.suite(), cost / gib * 4.0);
    }
}

/// Memory of this process that is in use, in octets.
fn resident() -> usize {
    let text = std::fs::read_to_string("/proc/self/statm").unwrap();
    text.split(' ').nth(1).unwrap().parse::<usize>().unwrap() * 4096
}

#[test]
#[ignore = "a measurement"]
fn sessions_and_handshakes() {
    const SESSIONS: usize = 4000;
    let site = common::site(&wharf_transport::Settings::default());
    for version in [&TLS13, &TLS12] {
        let client = Arc::new(client(&[version]));
        let mut held = Vec::with_capacity(SESSIONS);
        let (before, started) = (resident(), spent());
        for _ in 0..SESSIONS {
            let session = site.session().unwrap();
            let pair = Pair::connect(&client, "a.example", session.accept_control()).unwrap();
            held.push((session, pair.server));
        }
        let each = (resident() - before) / SESSIONS;
        let micros = (spent() - started) / SESSIONS as f64 * 1e6;
        println!("{version:?}: {each} octets a session; a full handshake, both sides: {micros:.0} us");
        let (session, _) = held.last().unwrap();
        let started = spent();
        for _ in 0..SESSIONS {
            let data = session.accept_data(wharf_transport::Flow::ToClient);
            let pair = Pair::connect(&client, "a.example", data).unwrap();
            assert_eq!(pair.server.handshake_kind(), Some(wharf_transport::Kind::Resumed));
        }
        let micros = (spent() - started) / SESSIONS as f64 * 1e6;
        println!("{version:?}: a resumed handshake, both sides: {micros:.0} us");
    }
}
