//! Transfers through TLS, over real sockets, with the library's own client at the other end.

use std::cell::Cell;
use std::io::{Read, Write};
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use rustls::{ClientConnection, StreamOwned};
use wharf_proto::ftp::server::ask::{Direction, Move, Outcome};

use super::{Secure, send_small_secure};
use crate::pump::tests::{content, file_with, on_the_loop, pattern, tools, wish};
use crate::pump::{Attempt, Connection, Source, run};
use crate::tls::{DATA, Stream};
use crate::watch::watch;

#[path = "../../../../transport/tests/common/mod.rs"]
mod common;

type Client = StreamOwned<ClientConnection, UnixStream>;

/// A data connection whose hands are shaken already: our end, and the peer's.
fn connection() -> (OwnedFd, wharf_transport::Channel, Client) {
    let (ours, peer) = UnixStream::pair().unwrap();
    ours.set_nonblocking(true).unwrap();
    let client = Arc::new(common::client(&[&rustls::version::TLS13]));
    let pair = common::Pair::connect(&client, "ftp.example", common::session().accept_control()).unwrap();
    (ours.into(), pair.server, StreamOwned::new(pair.client, peer))
}

fn secure(ours: OwnedFd, channel: wharf_transport::Channel) -> Box<Secure> {
    let stream = Stream::new(channel, Vec::new());
    Box::new(Secure { socket: watch(ours, DATA).unwrap(), stream, waits_for_mark: false })
}

/// Reads everything; an end without close_notify is an error.
fn everything(mut client: Client) -> std::io::Result<Vec<u8>> {
    let mut got = Vec::new();
    client.read_to_end(&mut got)?;
    Ok(got)
}

fn upload(file: &std::fs::File, say: impl FnOnce(&mut Client) + Send + 'static) -> (Outcome, u64) {
    let (ours, channel, mut client) = connection();
    let saying = thread::spawn(move || say(&mut client));
    let (source, progress) = (Source::File(Arc::new(file.try_clone().unwrap().into())), Cell::new(0));
    let outcome = on_the_loop(async {
        let connection = Connection::Secure(secure(ours, channel));
        run(&tools(), wish(Direction::Upload), source, connection, None, &progress).await
    });
    saying.join().unwrap();
    (outcome, progress.get())
}

fn close(client: &mut Client) {
    client.conn.send_close_notify();
    client.flush().unwrap();
}

#[test]
fn a_small_file_goes_out_whole_with_its_end_mark() {
    for length in [0, 1, 1024, 16 * 1024, 32 * 1024] {
        let (ours, channel, client) = connection();
        let wish = Move { size: Some(length as u64), ..wish(Direction::Download) };
        let attempt = on_the_loop(async {
            let scratch = wharf_ipc::link::scratch().into();
            send_small_secure(
                &scratch,
                &wish,
                &file_with(&pattern(length)).into(),
                &mut secure(ours, channel),
            )
        });
        assert_eq!(attempt, Attempt::Over(length as u64, Outcome::Complete));
        assert!(everything(client).unwrap() == pattern(length), "{length} octets differ");
    }
}

#[test]
fn what_a_full_connection_does_not_take_of_a_small_file_follows() {
    let (ours, channel, client) = connection();
    rustix::net::sockopt::set_socket_send_buffer_size(&ours, 1).unwrap();
    let length = 32 * 1024;
    let wish = Move { size: Some(length as u64), ..wish(Direction::Download) };
    let file = file_with(&pattern(length));
    let reading = on_the_loop(async {
        let scratch = wharf_ipc::link::scratch().into();
        let mut secure = secure(ours, channel);
        let attempt = send_small_secure(&scratch, &wish, &file.try_clone().unwrap().into(), &mut secure);
        assert_eq!(attempt, Attempt::GoOn(length as u64));
        let reading = thread::spawn(move || everything(client).unwrap());
        let rest = Move { at: length as u64, ..wish };
        let source = Source::File(Arc::new(file.into()));
        let progress = Cell::new(length as u64);
        let outcome = run(&tools(), rest, source, Connection::Secure(secure), None, &progress).await;
        assert_eq!((outcome, progress.get()), (Outcome::Complete, length as u64));
        reading
    });
    assert!(reading.join().unwrap() == pattern(length));
}

#[test]
fn a_download_arrives_whole_from_wherever_it_begins() {
    for (length, at) in [(0, 0), (1, 0), (16_384, 0), (262_144, 0), (262_145, 1), (3_000_001, 77)] {
        let (ours, channel, client) = connection();
        let reading = thread::spawn(move || everything(client).unwrap());
        let source = Source::File(Arc::new(file_with(&pattern(length)).into()));
        let wish = Move { at, ..wish(Direction::Download) };
        let outcome = on_the_loop(async {
            run(&tools(), wish, source, Connection::Secure(secure(ours, channel)), None, &Cell::new(0)).await
        });
        assert_eq!(outcome, Outcome::Complete);
        assert!(reading.join().unwrap() == pattern(length)[at as usize..], "{length} from {at} on differ");
    }
}

#[test]
fn a_peer_that_never_reads_stalls_and_one_that_leaves_is_a_network_failure() {
    for stays in [true, false] {
        let (ours, channel, client) = connection();
        let client = stays.then_some(client);
        let source = Source::File(Arc::new(file_with(&pattern(3_000_000)).into()));
        let limit = Some(Duration::from_millis(50));
        let outcome = on_the_loop(async {
            let connection = Connection::Secure(secure(ours, channel));
            run(&tools(), wish(Direction::Download), source, connection, limit, &Cell::new(0)).await
        });
        assert_eq!(outcome, if stays { Outcome::Stalled } else { Outcome::NetworkFailed });
        drop(client);
    }
}

#[test]
fn an_upload_arrives_whole_though_keys_are_renewed_in_its_middle() {
    let file = tempfile::tempfile().unwrap();
    let said = upload(&file, |client| {
        for piece in pattern(3_000_001).chunks(700_000) {
            client.write_all(piece).unwrap();
            client.conn.refresh_traffic_keys().unwrap();
        }
        close(client);
    });
    assert_eq!(said, (Outcome::Complete, 3_000_001));
    assert!(content(file) == pattern(3_000_001));
}

#[test]
fn an_upload_that_pauses_anywhere_arrives_whole() {
    let file = tempfile::tempfile().unwrap();
    let said = upload(&file, |client| {
        // What comes in such pieces is nearly always the middle of a record.
        let mut wire = Vec::new();
        client.conn.writer().write_all(&pattern(50_000)).unwrap();
        client.conn.send_close_notify();
        while client.conn.wants_write() {
            client.conn.write_tls(&mut wire).unwrap();
        }
        for piece in wire.chunks(1777) {
            client.sock.write_all(piece).unwrap();
            thread::yield_now();
        }
    });
    assert_eq!(said, (Outcome::Complete, 50_000));
    assert!(content(file) == pattern(50_000));
}

#[test]
fn an_upload_without_its_end_mark_is_not_whole_and_is_kept() {
    let file = tempfile::tempfile().unwrap();
    let said = upload(&file, |client| client.write_all(&pattern(20_000)).unwrap());
    assert_eq!(said, (Outcome::NoEndMark, 20_000));
    assert!(content(file) == pattern(20_000));
}

#[test]
fn a_full_disk_is_no_space() {
    let full = std::fs::OpenOptions::new().write(true).open("/dev/full").unwrap();
    let said = upload(&full, |client| {
        client.write_all(b"octets").unwrap();
        close(client);
    });
    assert_eq!(said.0, Outcome::FileFailed(wharf_proto::failure::Failure::NoSpace));
}
