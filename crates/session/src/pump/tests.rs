//! Transfers over real sockets and real files.

use std::io::{Read, Seek, Write};
use std::net::{TcpListener, TcpStream};
use std::thread;

use wharf_names::Translation;

use super::*;

pub(super) fn tools() -> Tools {
    with_pipes(Pipes::default())
}

fn with_pipes(pipes: Pipes) -> Tools {
    Tools { turns: Turns::default(), pipes, buffers: Buffers::default(), pool: Pool::start().unwrap() }
}

/// A data connection: our end, non-blocking, and the peer's.
fn connection() -> (OwnedFd, TcpStream) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let peer = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
    let (ours, _) = listener.accept().unwrap();
    ours.set_nonblocking(true).unwrap();
    (ours.into(), peer)
}

pub(super) fn on_the_loop<T>(test: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    tokio::task::LocalSet::new().block_on(&runtime, test)
}

pub(super) fn wish(direction: Direction) -> Move {
    Move { direction, ascii: false, at: 0, truncate: None, rate: 0, size: None, names: Translation::NONE }
}

pub(super) fn pattern(length: usize) -> Vec<u8> {
    (0..length).map(|index| (index * 31 + index / 251) as u8).collect()
}

pub(super) fn file_with(content: &[u8]) -> std::fs::File {
    let mut file = tempfile::tempfile().unwrap();
    file.write_all(content).unwrap();
    file
}

fn download(wish: Move, file: std::fs::File) -> (Outcome, Vec<u8>, u64) {
    let (ours, mut peer) = connection();
    let reader = thread::spawn(move || {
        let mut got = Vec::new();
        peer.read_to_end(&mut got).unwrap();
        got
    });
    let progress = Cell::new(0);
    let source = Source::File(Arc::new(file.into()));
    let outcome = on_the_loop(run(&tools(), wish, source, Connection::Clear(ours), None, &progress));
    (outcome, reader.join().unwrap(), progress.get())
}

fn upload(wish: Move, sent: Vec<u8>, file: &std::fs::File) -> Outcome {
    let (ours, mut peer) = connection();
    let writer = thread::spawn(move || peer.write_all(&sent).unwrap());
    let source = Source::File(Arc::new(file.try_clone().unwrap().into()));
    let outcome = on_the_loop(run(&tools(), wish, source, Connection::Clear(ours), None, &Cell::new(0)));
    writer.join().unwrap();
    outcome
}

pub(super) fn content(mut file: std::fs::File) -> Vec<u8> {
    let mut content = Vec::new();
    file.rewind().unwrap();
    file.read_to_end(&mut content).unwrap();
    content
}

#[test]
fn a_download_arrives_octet_for_octet_at_every_size() {
    for length in [0, 1, 65_535, 65_536, 65_537, 3_000_001] {
        let (outcome, got, counted) = download(wish(Direction::Download), file_with(&pattern(length)));
        assert_eq!(outcome, Outcome::Complete);
        assert!(got == pattern(length), "{length} octets differ");
        assert_eq!(counted, length as u64);
    }
}

#[test]
fn among_many_a_download_arrives_octet_for_octet_by_what_there_is_room_for() {
    for (at, length) in [(0, 65_537), (0, 9_000_001), (4_097, 9_000_001)] {
        let (ours, peer) = connection();
        let reader = thread::spawn(move || everything(peer));
        let tools = tools();
        let others: Vec<_> = (0..8).map(|_| tools.turns.begin(1)).collect();
        let source = Source::File(Arc::new(file_with(&pattern(length)).into()));
        let (progress, wish) = (Cell::new(0), Move { at, ..wish(Direction::Download) });
        let sent = on_the_loop(run(&tools, wish, source, Connection::Clear(ours), None, &progress));
        assert_eq!((sent, progress.get()), (Outcome::Complete, length as u64 - at));
        drop(others);
        assert!(
            reader.join().unwrap()[..] == pattern(length)[at as usize..],
            "{length} octets from {at} differ"
        );
    }
}

#[test]
fn a_restart_marker_skips_what_is_there_and_one_beyond_the_end_sends_nothing() {
    let at = |at| Move { at, ..wish(Direction::Download) };
    assert_eq!(download(at(4), file_with(b"abcdefg")).1, b"efg");
    assert_eq!(download(at(99), file_with(b"abcdefg")).1, b"");
}

#[test]
fn a_file_that_cannot_be_spliced_is_copied() {
    let (outcome, got, _) =
        download(wish(Direction::Download), std::fs::File::open("/proc/version").unwrap());
    assert_eq!(outcome, Outcome::Complete);
    assert_eq!(got, std::fs::read("/proc/version").unwrap());
}

#[test]
fn an_upload_arrives_octet_for_octet_and_replaces_a_longer_file() {
    for length in [0, 1, 70_000, 3_000_001] {
        let file = file_with(&[b'x'; 4_000_000]);
        let wish = Move { truncate: Some(0), ..wish(Direction::Upload) };
        assert_eq!(upload(wish, pattern(length), &file), Outcome::Complete);
        assert!(content(file) == pattern(length), "{length} octets differ");
    }
}

#[test]
fn a_resumed_upload_goes_on_where_it_was_told_to() {
    let file = file_with(b"abcdef");
    let wish = Move { at: 3, ..wish(Direction::Upload) };
    assert_eq!(upload(wish, b"XY".to_vec(), &file), Outcome::Complete);
    assert_eq!(content(file), b"abcXYf");
}

#[test]
fn ascii_converts_both_ways() {
    let out = Move { ascii: true, ..wish(Direction::Download) };
    assert_eq!(download(out, file_with(b"a\nb\n")).1, b"a\r\nb\r\n");
    let file = tempfile::tempfile().unwrap();
    let inward = Move { ascii: true, ..wish(Direction::Upload) };
    assert_eq!(upload(inward, b"a\r\nb\r\n".to_vec(), &file), Outcome::Complete);
    assert_eq!(content(file), b"a\nb\n");
}

#[test]
fn a_peer_that_goes_away_is_a_network_failure() {
    let (ours, peer) = connection();
    drop(peer);
    let source = Source::File(Arc::new(file_with(&pattern(30_000_000)).into()));
    let outcome = on_the_loop(run(
        &tools(),
        wish(Direction::Download),
        source,
        Connection::Clear(ours),
        None,
        &Cell::new(0),
    ));
    assert_eq!(outcome, Outcome::NetworkFailed);
}

#[test]
fn a_peer_that_never_reads_stalls() {
    let (ours, _peer) = connection();
    let source = Source::File(Arc::new(file_with(&pattern(30_000_000)).into()));
    let limit = Some(Duration::from_millis(50));
    let outcome = on_the_loop(run(
        &tools(),
        wish(Direction::Download),
        source,
        Connection::Clear(ours),
        limit,
        &Cell::new(0),
    ));
    assert_eq!(outcome, Outcome::Stalled);
}

#[test]
fn without_pipes_transfers_are_slower_and_whole() {
    let poor = || with_pipes(Pipes::none());
    let (ours, mut peer) = connection();
    let reader = thread::spawn(move || {
        let mut got = Vec::new();
        peer.read_to_end(&mut got).unwrap();
        got
    });
    let source = Source::File(Arc::new(file_with(&pattern(3_000_001)).into()));
    let sent = on_the_loop(run(
        &poor(),
        wish(Direction::Download),
        source,
        Connection::Clear(ours),
        None,
        &Cell::new(0),
    ));
    assert_eq!(sent, Outcome::Complete);
    assert!(reader.join().unwrap() == pattern(3_000_001));

    let (ours, mut peer) = connection();
    let writer = thread::spawn(move || peer.write_all(&pattern(3_000_001)).unwrap());
    let file = tempfile::tempfile().unwrap();
    let source = Source::File(Arc::new(file.try_clone().unwrap().into()));
    let received = on_the_loop(run(
        &poor(),
        wish(Direction::Upload),
        source,
        Connection::Clear(ours),
        None,
        &Cell::new(0),
    ));
    writer.join().unwrap();
    assert_eq!(received, Outcome::Complete);
    assert!(content(file) == pattern(3_000_001));
}

#[test]
fn a_full_disk_is_no_space() {
    let full = std::fs::OpenOptions::new().write(true).open("/dev/full").unwrap();
    assert_eq!(
        upload(wish(Direction::Upload), b"octets".to_vec(), &full),
        Outcome::FileFailed(Failure::NoSpace)
    );
}

/// Tries to send a file that was opened when it had `size` octets.
fn attempt(wish: Move, size: u64, file: &std::fs::File, ours: &OwnedFd) -> Attempt {
    let wish = Move { size: Some(size), ..wish };
    send_small(&wharf_ipc::link::scratch().into(), &wish, &file.try_clone().unwrap().into(), ours)
}

fn everything(mut peer: TcpStream) -> Vec<u8> {
    let mut got = Vec::new();
    peer.read_to_end(&mut got).unwrap();
    got
}

#[test]
fn a_small_file_goes_out_whole_and_ends_the_connection() {
    for length in [0, 1, 1024, 32 * 1024] {
        let (ours, peer) = connection();
        let file = file_with(&pattern(length));
        let attempt = attempt(wish(Direction::Download), length as u64, &file, &ours);
        assert_eq!(attempt, Attempt::Over(length as u64, Outcome::Complete));
        assert!(everything(peer) == pattern(length), "{length} octets differ");
    }
}

#[test]
fn a_small_file_is_sent_from_its_restart_marker_on_and_nothing_beyond_the_end() {
    for (at, rest) in [(4, &b"efg"[..]), (7, b""), (99, b"")] {
        let (ours, peer) = connection();
        let wish = Move { at, ..wish(Direction::Download) };
        let attempt = attempt(wish, 7, &file_with(b"abcdefg"), &ours);
        assert_eq!(attempt, Attempt::Over(rest.len() as u64, Outcome::Complete));
        assert_eq!(everything(peer), rest);
    }
}

#[test]
fn a_file_that_grew_or_shrank_since_it_was_opened_is_left_to_the_loop() {
    let (ours, _peer) = connection();
    for size in [6, 8, 0] {
        let attempt = attempt(wish(Direction::Download), size, &file_with(b"abcdefg"), &ours);
        assert_eq!(attempt, Attempt::GoOn(0), "opened with {size} octets");
    }
}

#[test]
fn what_is_large_limited_or_converted_is_left_to_the_loop() {
    let (ours, _peer) = connection();
    let small = wish(Direction::Download);
    let file = file_with(b"abc");
    assert_eq!(attempt(Move { ascii: true, ..small }, 3, &file, &ours), Attempt::GoOn(0));
    assert_eq!(attempt(Move { rate: 1, ..small }, 3, &file, &ours), Attempt::GoOn(0));
    assert_eq!(attempt(Move { direction: Direction::Upload, ..small }, 3, &file, &ours), Attempt::GoOn(0));
    let large = file_with(&pattern(32 * 1024 + 1));
    assert_eq!(attempt(small, 32 * 1024 + 1, &large, &ours), Attempt::GoOn(0));
}

#[test]
fn a_small_file_is_not_sent_to_who_reset_the_connection() {
    let (ours, peer) = connection();
    // Closing with octets unread resets.
    rustix::net::send(&ours, b"unread", rustix::net::SendFlags::empty()).unwrap();
    let mut one = [0; 1];
    peer.peek(&mut one).unwrap();
    drop(peer);
    while !rustix::net::sockopt::socket_error(&ours).is_ok_and(|error| error.is_err()) {
        thread::yield_now();
    }
    let file = file_with(&pattern(1024));
    let attempt = attempt(wish(Direction::Download), 1024, &file, &ours);
    assert_eq!(attempt, Attempt::Over(0, Outcome::NetworkFailed));
}

#[test]
fn octets_that_a_peer_sends_to_a_download_cost_it_nothing_of_the_file() {
    let (ours, mut peer) = connection();
    peer.write_all(b"what for?").unwrap();
    // Only octets that have arrived make the close a reset.
    let mut waiting = [rustix::event::PollFd::new(&ours, rustix::event::PollFlags::IN)];
    rustix::event::poll(&mut waiting, None).unwrap();
    let attempt = attempt(wish(Direction::Download), 1024, &file_with(&pattern(1024)), &ours);
    assert_eq!(attempt, Attempt::Over(1024, Outcome::Complete));
    drop(ours);
    let mut got = vec![0; 1024];
    peer.read_exact(&mut got).unwrap();
    assert!(got == pattern(1024));
}

#[test]
fn what_a_full_connection_takes_of_a_small_file_is_counted_and_the_rest_follows() {
    // Not TCP, whose peer takes octets off our hands while we send.
    let (ours, mut peer) = std::os::unix::net::UnixStream::pair().unwrap();
    ours.set_nonblocking(true).unwrap();
    let ours = OwnedFd::from(ours);
    rustix::net::sockopt::set_socket_send_buffer_size(&ours, 1).unwrap();
    let file = file_with(&pattern(32 * 1024));
    let wish = wish(Direction::Download);
    let Attempt::GoOn(ahead) = attempt(wish, 32 * 1024, &file, &ours) else { panic!("it took everything") };
    assert!(ahead > 0);
    let reader = thread::spawn(move || {
        let mut got = Vec::new();
        peer.read_to_end(&mut got).unwrap();
        got
    });
    let source = Source::File(Arc::new(file.into()));
    let rest = Move { at: ahead, ..wish };
    let progress = Cell::new(ahead);
    assert_eq!(
        on_the_loop(run(&tools(), rest, source, Connection::Clear(ours), None, &progress)),
        Outcome::Complete
    );
    assert_eq!(progress.get(), 32 * 1024);
    let got = reader.join().unwrap();
    assert!(got == pattern(32 * 1024), "octets differ after {ahead}");
}

#[test]
fn an_upload_that_is_here_already_is_whole_and_one_that_was_reset_is_not() {
    for length in [0, 1, 1024, 8 * 1024, 100_000] {
        let (ours, mut peer) = connection();
        peer.write_all(&pattern(length)).unwrap();
        drop(peer);
        let file = tempfile::tempfile().unwrap();
        let source = Source::File(Arc::new(file.try_clone().unwrap().into()));
        let progress = Cell::new(0);
        let outcome = on_the_loop(run(
            &tools(),
            wish(Direction::Upload),
            source,
            Connection::Clear(ours),
            None,
            &progress,
        ));
        assert_eq!((outcome, progress.get()), (Outcome::Complete, length as u64));
        assert!(content(file) == pattern(length), "{length} octets differ");
    }
    let (ours, mut peer) = connection();
    rustix::net::send(&ours, b"unread", rustix::net::SendFlags::empty()).unwrap();
    peer.peek(&mut [0; 1]).unwrap();
    peer.write_all(b"octets").unwrap();
    drop(peer);
    let source = Source::File(Arc::new(tempfile::tempfile().unwrap().into()));
    let outcome = on_the_loop(run(
        &tools(),
        wish(Direction::Upload),
        source,
        Connection::Clear(ours),
        None,
        &Cell::new(0),
    ));
    assert_eq!(outcome, Outcome::NetworkFailed);
}
