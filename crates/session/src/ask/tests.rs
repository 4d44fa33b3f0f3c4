//! The hands with a broker made by hand at the other end.

use std::collections::VecDeque;
use std::os::fd::AsFd;
use std::thread::JoinHandle;

use wharf_ipc::link;
use wharf_proto::ftp::server::policy::Class;
use wharf_proto::path::VirtualPath;

use super::*;
use crate::policy::{self, Files};

fn file() -> OwnedFd {
    tempfile::tempfile().unwrap().into()
}

fn granted() -> MonitorVerdict {
    MonitorVerdict::Granted(Granted {
        user: b"u".to_vec(),
        class: Class::Local,
        start: VirtualPath::root(),
        overlay: Vec::new(),
    })
}

fn some_policy(_: &[u8]) -> Option<Arc<Policy>> {
    Some(Arc::new(policy::policy(&wharf_config::Config::default(), &Files::default())))
}

/// A login whose broker gives these answers and then goes; it tells how many questions it heard.
fn with_answers(answers: &[Answer]) -> (Hands, JoinHandle<usize>) {
    let (ours, theirs) = Link::<Request, Answer>::pair().unwrap();
    let mut answers: VecDeque<Answer> = answers.iter().cloned().collect();
    let broker = std::thread::spawn(move || {
        let mut heard = 0;
        while let Some(answer) = answers.pop_front() {
            if theirs.receive(&mut link::scratch()).unwrap().is_none() {
                break;
            }
            heard += 1;
            let file = matches!(answer, Answer::Opened { .. }).then(file);
            let lent = file.as_ref().map(AsFd::as_fd);
            theirs.send_with(&answer, lent.as_slice()).unwrap();
        }
        heard
    });
    let mut hands = Hands::new(SessionId::FIRST);
    let verdict = hands.take_in(granted(), Some(ours.into()), some_policy);
    assert!(matches!(verdict, Verdict::Granted(_)));
    (hands, broker)
}

async fn ask(hands: &mut Hands, drain: &Drain, patience: Option<Duration>) -> Answer {
    let scratch = Scratch::new(link::scratch());
    hands.store(&scratch, drain, Request::OpenRead(VirtualPath::root()), patience).await
}

#[tokio::test(start_paused = true)]
async fn a_lock_is_waited_for_and_the_file_is_kept() {
    let locked = Answer::Refused(Failure::Locked);
    let opened = Answer::Opened { size: 0 };
    let (mut hands, broker) = with_answers(&[locked.clone(), locked, opened.clone()]);
    assert_eq!(ask(&mut hands, &Drain::new(None), None).await, opened);
    assert!(matches!(hands.source, Some(Source::File(_))));
    assert_eq!(broker.join().unwrap(), 3);
}

#[tokio::test(start_paused = true)]
async fn what_is_in_use_is_told_at_once() {
    let (mut hands, broker) = with_answers(&[Answer::Refused(Failure::Busy)]);
    assert_eq!(ask(&mut hands, &Drain::new(None), None).await, Answer::Refused(Failure::Busy));
    assert_eq!(broker.join().unwrap(), 1);
    assert!(!hands.lost);
}

#[tokio::test(start_paused = true)]
async fn a_lock_is_waited_for_no_longer_than_patience_lasts() {
    let locked = Answer::Refused(Failure::Locked);
    let (mut hands, broker) = with_answers(&[locked.clone(), locked.clone(), locked.clone(), locked.clone()]);
    let patience = LOCK_INTERVAL * 5 / 2;
    assert_eq!(ask(&mut hands, &Drain::new(None), Some(patience)).await, locked);
    assert_eq!(broker.join().unwrap(), 4);
}

#[tokio::test(start_paused = true)]
async fn nobody_waits_for_a_lock_when_the_server_stops() {
    let locked = Answer::Refused(Failure::Locked);
    let (mut hands, broker) = with_answers(std::slice::from_ref(&locked));
    assert_eq!(ask(&mut hands, &Drain::new(Some(Instant::now())), None).await, locked);
    assert_eq!(broker.join().unwrap(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_broker_that_is_gone_ends_the_session() {
    let (mut hands, broker) = with_answers(&[]);
    broker.join().unwrap();
    assert_eq!(ask(&mut hands, &Drain::new(None), None).await, Answer::Refused(Failure::Broken));
    assert!(hands.lost);
}

#[tokio::test]
async fn a_grant_that_cannot_be_used_ends_the_session() {
    let mut without_channel = Hands::new(SessionId::FIRST);
    assert!(matches!(without_channel.take_in(granted(), None, some_policy), Verdict::Refused));
    assert!(without_channel.lost);

    let mut without_rules = Hands::new(SessionId::FIRST);
    let (ours, _theirs) = Link::<Request, Answer>::pair().unwrap();
    let verdict = without_rules.take_in(granted(), Some(ours.into()), |_| None);
    assert!(matches!(verdict, Verdict::Refused));
    assert!(without_rules.lost && without_rules.broker.is_none());
}

#[tokio::test]
async fn who_is_refused_may_try_again() {
    let mut hands = Hands::new(SessionId::FIRST);
    let refused = MonitorVerdict::Refused { detail: String::new() };
    assert!(matches!(hands.take_in(refused, None, some_policy), Verdict::Refused));
    assert!(!hands.lost);
}

#[tokio::test]
async fn the_end_of_a_task_is_what_its_pipe_brings_and_never_more_than_it_may_be() {
    let pipe = || {
        let flags = rustix::pipe::PipeFlags::NONBLOCK | rustix::pipe::PipeFlags::CLOEXEC;
        rustix::pipe::pipe_with(flags).unwrap()
    };
    let (reader, writer) = pipe();
    let finished = Finished::Octets(7);
    rustix::io::write(&writer, &wharf_ipc::broker::encode_finished(&finished)).unwrap();
    drop(writer);
    assert_eq!(decode_finished(&read_pipe(Arc::new(reader), MOST_OF_AN_END).await), Some(finished));
    let (reader, writer) = pipe();
    rustix::io::write(&writer, &[7; 3 * MOST_OF_AN_END]).unwrap();
    assert_eq!(read_pipe(Arc::new(reader), MOST_OF_AN_END).await.len(), MOST_OF_AN_END);
    drop(writer);
    let (reader, writer) = pipe();
    drop(writer);
    assert_eq!(
        decode_finished(&read_pipe(Arc::new(reader), MOST_OF_AN_END).await),
        None,
        "the broker is gone"
    );
}
