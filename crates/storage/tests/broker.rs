//! The broker's loop over real channels: many logins, slow readers, sessions that misbehave.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test may panic")]

mod common;

use std::fs::{self, File};
use std::io::Read;
use std::os::fd::{AsFd, OwnedFd};
use std::path::Path;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use common::{path, rules, wish};
use wharf_ipc::broker::{Answer, NewLogin, Request, Rules, Started, decode_finished};
use wharf_ipc::link::{self, Link};
use wharf_os::channel::Channel;
use wharf_proto::failure::Failure;
use wharf_proto::store::{Algorithm, Facts, Fate, Finished, Format, ListFlags, Task, Writing};
use wharf_storage::broker::Service;

type Session = Link<Request, Answer>;

struct Broker {
    directory: tempfile::TempDir,
    monitor: Link<NewLogin, Started>,
    thread: JoinHandle<std::io::Result<()>>,
}

impl Broker {
    fn start(rules: Rules) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let local = common::local(&directory.path().join("root"), rules);
        let (monitor, theirs) = Channel::pair().unwrap();
        let service = Service::new(theirs, local).unwrap();
        Self { directory, monitor: Link::new(monitor), thread: std::thread::spawn(move || service.run()) }
    }

    fn login(&self) -> Session {
        let (ours, theirs) = Channel::pair().unwrap();
        self.monitor.send_with(&NewLogin { number: 1 }, &[theirs.as_fd()]).unwrap();
        Session::new(ours)
    }

    fn root(&self) -> std::path::PathBuf {
        self.directory.path().join("root")
    }

    fn end(self) {
        drop(self.monitor);
        self.thread.join().unwrap().unwrap();
    }
}

fn ask(session: &Session, request: &Request) -> (Answer, Option<OwnedFd>) {
    session.send(request).unwrap();
    let mut received = session.receive(&mut link::scratch()).unwrap().unwrap();
    let descriptor = received.descriptor();
    (received.message, descriptor)
}

/// A pipe's end that waits for octets.
fn waiting(reader: OwnedFd) -> File {
    rustix::io::ioctl_fionbio(&reader, false).unwrap();
    File::from(reader)
}

fn many_files(directory: &Path, count: usize) {
    for number in 0..count {
        fs::write(directory.join(format!("file-{number:05}")), "").unwrap();
    }
}

fn is_closed(session: &Session) -> bool {
    matches!(session.receive(&mut link::scratch()), Ok(None))
}

#[test]
fn two_sessions_list_five_thousand_entries_at_once_through_slow_readers() {
    let broker = Broker::start(Rules { sort_limit: 10_000, ..rules() });
    many_files(&broker.root(), 5_000);
    let sessions = [broker.login(), broker.login()];
    let formats = [
        Format::Long,
        Format::Facts(Facts {
            kind: true,
            size: true,
            modify: true,
            perm: true,
            unique: true,
            unix_mode: true,
            unix_owner: true,
            unix_group: true,
            ..Facts::NONE
        }),
    ];
    let mut readers = Vec::new();
    for (session, format) in sessions.iter().zip(formats) {
        let (answer, reader) = ask(session, &Request::List(wish("", format, ListFlags::default())));
        assert_eq!(answer, Answer::Listing { opened: true });
        readers.push((waiting(reader.unwrap()), Vec::new()));
    }
    // Small bites in turn: each listing is larger than its pipe, so both wait in the middle again and again.
    let mut bite = [0; 4096];
    let mut open = readers.len();
    while open > 0 {
        open = 0;
        for (reader, octets) in &mut readers {
            let count = reader.read(&mut bite).unwrap();
            octets.extend_from_slice(&bite[..count]);
            open += usize::from(count > 0);
        }
        // Whoever lists is served between the slices as well.
        let (answer, _) = ask(&sessions[0], &Request::OpenRead(path("/file-00000")));
        assert_eq!(answer, Answer::Opened { size: 0 });
    }
    for (_, octets) in &readers {
        let text = String::from_utf8(octets.clone()).unwrap();
        assert_eq!(text.lines().count(), 5_000);
    }
    let text = String::from_utf8(readers.swap_remove(0).1).unwrap();
    let names: Vec<&str> = text.lines().map(|line| line.rsplit(' ').next().unwrap()).collect();
    assert!(names.is_sorted());
    broker.end();
}

#[test]
fn a_listing_nobody_reads_disturbs_nobody() {
    let broker = Broker::start(rules());
    many_files(&broker.root(), 3_000);
    let (lazy, busy) = (broker.login(), broker.login());
    let list = Request::List(wish("", Format::Long, ListFlags::default()));
    let (_, unread) = ask(&lazy, &list);
    let (_, reader) = ask(&busy, &list);
    let mut text = String::new();
    waiting(reader.unwrap()).read_to_string(&mut text).unwrap();
    assert_eq!(text.lines().count(), 3_000);
    drop(unread);
    assert_eq!(ask(&lazy, &Request::OpenRead(path("/file-00001"))).0, Answer::Opened { size: 0 });
    broker.end();
}

#[test]
fn a_closed_channel_ends_its_listing() {
    let broker = Broker::start(rules());
    many_files(&broker.root(), 5_000);
    let session = broker.login();
    let (_, reader) = ask(&session, &Request::List(wish("", Format::Long, ListFlags::default())));
    drop(session);
    // The next login is answered after the close was heard; then the pipe holds what it held, and ends.
    let other = broker.login();
    ask(&other, &Request::Enter(path("/")));
    let mut text = String::new();
    waiting(reader.unwrap()).read_to_string(&mut text).unwrap();
    assert!(text.lines().count() < 5_000);
    broker.end();
}

#[test]
fn an_upload_whose_session_ends_is_a_broken_one() {
    let broker = Broker::start(Rules { delete_broken: true, ..rules() });
    let session = broker.login();
    let write = Request::OpenWrite { path: path("/f"), writing: Writing::Store, umask: 0o022 };
    let (answer, file) = ask(&session, &write);
    assert!(matches!(answer, Answer::OpenedForWriting(_)) && file.is_some());
    assert!(broker.root().join("f").exists());
    drop(session);
    let other = broker.login();
    ask(&other, &Request::Enter(path("/")));
    assert!(!broker.root().join("f").exists());
    broker.end();
}

#[test]
fn a_login_that_misbehaves_loses_its_channel_and_others_do_not_notice() {
    let broker = Broker::start(rules());
    let good = broker.login();
    let finisher = broker.login();
    finisher.send(&Request::Finish(Fate::Kept)).unwrap();
    assert!(is_closed(&finisher));
    let giver = broker.login();
    giver.send_with(&Request::Enter(path("/")), &[good.as_fd()]).unwrap();
    assert!(is_closed(&giver));
    let (babbler, theirs) = Channel::pair().unwrap();
    broker.monitor.send_with(&NewLogin { number: 2 }, &[theirs.as_fd()]).unwrap();
    drop(theirs);
    babbler.send(&[0xff; 100], &[]).unwrap();
    assert_eq!(babbler.receive(&mut [0; 8], &mut Vec::new()).unwrap(), None);
    assert!(matches!(ask(&good, &Request::Enter(path("/"))).0, Answer::Entered(_)));
    broker.end();
}

#[test]
fn requests_sent_ahead_are_answered_in_order() {
    let broker = Broker::start(rules());
    let session = broker.login();
    let names = ["/a", "/b", "/c"];
    for (size, name) in names.iter().enumerate() {
        fs::write(broker.root().join(&name[1..]), vec![0; size]).unwrap();
        session.send(&Request::OpenRead(path(name))).unwrap();
    }
    for size in 0..3 {
        let received = session.receive(&mut link::scratch()).unwrap().unwrap();
        assert_eq!(received.message, Answer::Opened { size });
    }
    broker.end();
}

#[test]
fn when_the_monitor_is_gone_the_broker_ends() {
    let broker = Broker::start(rules());
    let session = broker.login();
    ask(&session, &Request::Enter(path("/")));
    broker.end();
    assert!(is_closed(&session));
}

#[test]
fn an_upload_that_is_kept_needs_no_answer_and_one_that_is_not_gets_one() {
    let broker = Broker::start(Rules { delete_broken: true, ..rules() });
    let session = broker.login();
    let write = |name| Request::OpenWrite { path: path(name), writing: Writing::Store, umask: 0o022 };
    ask(&session, &write("/kept"));
    session.send(&Request::Finish(Fate::Kept)).unwrap();
    // The next word of the broker belongs to the next request.
    assert!(matches!(ask(&session, &write("/broken")).0, Answer::OpenedForWriting(_)));
    assert_eq!(ask(&session, &Request::Finish(Fate::Broken)).0, Answer::Done);
    assert!(broker.root().join("kept").exists() && !broker.root().join("broken").exists());
    broker.end();
}

#[test]
fn long_tasks_keep_nobody_waiting_and_their_number_is_bounded() {
    let broker = Broker::start(rules());
    File::create(broker.root().join("huge")).unwrap().set_len(1 << 40).unwrap();
    fs::write(broker.root().join("small"), "abc").unwrap();
    let hash = |name| Request::Begin(Task::Hash { path: path(name), algorithm: Algorithm::Md5, part: None });
    let mut busy = Vec::new();
    for _ in 0..16 {
        let session = broker.login();
        let (answer, pipe) = ask(&session, &hash("/huge"));
        assert_eq!(answer, Answer::Begun);
        busy.push((session, pipe.unwrap()));
    }
    let other = broker.login();
    assert_eq!(ask(&other, &hash("/small")).0, Answer::Refused(Failure::TooMany));
    let begin = Instant::now();
    for _ in 0..50 {
        assert!(matches!(ask(&other, &Request::OpenRead(path("/small"))).0, Answer::Opened { .. }));
    }
    assert!(begin.elapsed() < Duration::from_secs(10), "{:?}", begin.elapsed());
    // One is broken off by its session, another's session goes: there is room again for two.
    let (still_there, pipe) = busy.pop().unwrap();
    drop(pipe);
    busy.pop();
    for name in ["/small", "/small"] {
        let end = Instant::now() + Duration::from_secs(10);
        let mut reader = loop {
            match ask(&other, &hash(name)) {
                (Answer::Begun, pipe) => break waiting(pipe.unwrap()),
                (answer, _) => assert_eq!(answer, Answer::Refused(Failure::TooMany)),
            }
            assert!(Instant::now() < end, "there is never room again");
            std::thread::yield_now();
        };
        let mut octets = Vec::new();
        reader.read_to_end(&mut octets).unwrap();
        assert!(matches!(decode_finished(&octets), Some(Finished::Digest { .. })), "{octets:?}");
    }
    assert!(matches!(ask(&still_there, &Request::OpenRead(path("/small"))).0, Answer::Opened { .. }));
    drop((busy, still_there, other));
    broker.end();
}
