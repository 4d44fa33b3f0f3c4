//! How a piece of work is done and timed.

use std::io;
use std::net::SocketAddr;
use std::sync::Barrier;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use rustix::time::{ClockId, clock_gettime};

use super::{More, Sample, Share, Task, many, secure};
use crate::client::{Client, HOME, Piece, Seen};
use crate::server::Running;
use crate::stage::{LOCAL, MEDIUM, Sizes, Stage, TEN, part_name};
use crate::tls::{Protection, Terms};

/// Processes that end after their session has said goodbye are given this long, so that their end is charged too.
const SETTLE: Duration = Duration::from_millis(100);

/// So often a client tries to log in with TLS before a row begins.
const TRIES: usize = 20;

/// What is sent of a large file at a time.
const PIECE: u64 = 8 << 20;

const GIB: f64 = (1u64 << 30) as f64;

/// What a piece of work comes to: units, and what else was seen.
pub(super) type Done = io::Result<(f64, More)>;

pub(super) fn measure(
    task: Task,
    share: Share,
    server: &Running<'_>,
    stage: &Stage,
    longest: Duration,
) -> io::Result<Sample> {
    let sizes = &stage.sizes;
    let (is_part, protection) = (share == Share::Part, task.protection());
    // Time is all that the small pieces need less of.
    let longest = if is_part { longest / 4 } else { longest };
    match task {
        Task::Retrieve { streams, .. } => {
            let (part, octets) = Task::octets(streams, protection, sizes, share);
            retrieve(server, protection, streams, &format!("RETR {}\r\n", part_name(part)), octets)
        }
        Task::Limited { clients, .. } => {
            let (name, octets) = if is_part { ("ten", TEN) } else { ("medium", MEDIUM) };
            retrieve(server, protection, clients, &format!("RETR {name}\r\n"), octets)
        }
        Task::Store { streams, .. } => {
            store(server, stage, protection, streams, Task::octets(streams, protection, sizes, share).1)
        }
        Task::Cold => many::cold(server, stage, share),
        Task::Rush { clients } => many::rush(server, clients, share),
        Task::SmallRetrieve { sessions, .. } => {
            small(server, protection, sessions, sizes.small, longest, |client, index| {
                exactly(client.fetch(&format!("RETR small/f{index}\r\n"))?.octets, 1024)
            })
        }
        Task::SmallStore { sessions } => {
            let octets = [b'w'; 1024];
            let sample = small(server, protection, sessions, sizes.small, longest, |client, index| {
                client.store_octets(&format!("STOR incoming/s{index}\r\n"), &octets)
            });
            let received = stage.clear_incoming()?;
            let sample = sample?;
            exactly(received, (sample.amount * 1024.0) as u64)?;
            Ok(sample)
        }
        Task::Logins { sessions, at_once, is_local } => {
            time(server, || come_and_go(server.address, sessions, at_once, is_local, longest))
        }
        Task::List { verb } => list(server, verb, sizes, share),
        Task::Handshakes { sessions, at_once } => secure::handshakes(server, sessions, at_once, longest),
        Task::Idle { sessions } => secure::idle(server, if is_part { sessions / 10 } else { sessions }),
    }
}

fn retrieve(
    server: &Running<'_>,
    protection: Protection,
    streams: usize,
    command: &str,
    octets: u64,
) -> io::Result<Sample> {
    let mut clients = for_much(server.address, protection, streams)?;
    time(server, || {
        at_once(&mut clients, |_, client| exactly(client.fetch(command)?.octets, octets))?;
        Ok((octets as f64 * streams as f64 / GIB, seen(&clients)))
    })
}

fn store(
    server: &Running<'_>,
    stage: &Stage,
    protection: Protection,
    streams: usize,
    octets: u64,
) -> io::Result<Sample> {
    let piece = Piece::new(PIECE)?;
    let mut clients = for_much(server.address, protection, streams)?;
    let sample = time(server, || {
        at_once(&mut clients, |index, client| {
            client.store(&format!("STOR incoming/new{index}\r\n"), &piece, octets)
        })?;
        Ok((octets as f64 * streams as f64 / GIB, seen(&clients)))
    });
    // In any case: a second file that was left over would not fit into memory.
    let received = stage.clear_incoming()?;
    let sample = sample?;
    exactly(received, octets * streams as u64)?;
    Ok(sample)
}

/// Moves small files one after the other in each session, until all are moved or the time is over.
fn small(
    server: &Running<'_>,
    protection: Protection,
    sessions: usize,
    files: usize,
    longest: Duration,
    work: impl Fn(&mut Client, usize) -> io::Result<()> + Sync,
) -> io::Result<Sample> {
    let mut clients = logged_in(server.address, protection, sessions)?;
    let (next, end) = (AtomicUsize::new(0), Instant::now() + SETTLE + longest);
    let done = AtomicUsize::new(0);
    time(server, || {
        at_once(&mut clients, |_, client| {
            while Instant::now() < end {
                let index = next.fetch_add(1, Ordering::Relaxed);
                if index >= files {
                    break;
                }
                work(client, index)?;
                done.fetch_add(1, Ordering::Relaxed);
            }
            Ok(())
        })?;
        Ok((done.load(Ordering::Relaxed) as f64, seen(&clients)))
    })
}

fn list(server: &Running<'_>, verb: &str, sizes: &Sizes, share: Share) -> io::Result<Sample> {
    let (directory, part) = if share == Share::Part { ("tenth", 10) } else { ("crowd", 1) };
    let mut client = Client::login(server.address)?.binary()?;
    // Each line has at least the name and a line end.
    let least = "entry-000000.txt\r\n".len() as u64 * (sizes.crowd / part) as u64;
    let before = server.account.mark_memory()?;
    // pyftpdlib and libunftp name the directory too in an NLST; nobody must leave an entry out.
    let mut sample = time(server, || match client.fetch(&format!("{verb} {directory}\r\n"))? {
        fetched if fetched.octets >= least => {
            Ok((1.0 / part as f64, More { first: Some(fetched.first), ..More::default() }))
        }
        fetched => Err(io::Error::other(format!(
            "the list has only {} octets where {least} are the least",
            fetched.octets
        ))),
    })?;
    sample.more.growth = Some(server.account.growth(&server.beginning, &before));
    Ok(sample)
}

/// Logs in and out so often, from so many threads, or as often as the time allows.
fn come_and_go(
    server: SocketAddr,
    sessions: usize,
    at_once: usize,
    is_local: bool,
    longest: Duration,
) -> Done {
    let (next, done) = (AtomicUsize::new(0), AtomicU64::new(0));
    let end = Instant::now() + longest;
    let visit = || {
        while next.fetch_add(1, Ordering::Relaxed) < sessions && Instant::now() < end {
            let client =
                if is_local { Client::login_as(server, LOCAL.0, LOCAL.1) } else { Client::login(server) };
            client?.quit()?;
            done.fetch_add(1, Ordering::Relaxed);
        }
        Ok(())
    };
    thread::scope(|scope| {
        let threads: Vec<_> = (0..at_once).map(|_| scope.spawn(visit)).collect();
        threads.into_iter().try_for_each(join)
    })?;
    Ok((done.load(Ordering::Relaxed) as f64, More::default()))
}

/// Times a piece of work and charges both sides for it.
pub(super) fn time(server: &Running<'_>, work: impl FnOnce() -> Done) -> io::Result<Sample> {
    thread::sleep(SETTLE);
    let (before, ours) = (server.account.time()?, own_time());
    let began = Instant::now();
    let (amount, more) = work()?;
    let elapsed = began.elapsed();
    let generator = own_time().saturating_sub(ours);
    thread::sleep(SETTLE);
    let used = server.account.time()?.saturating_sub(before);
    let memory = server.account.memory()?;
    Ok(Sample { amount, elapsed, used, generator, memory, more })
}

/// Returns the processor time of all our threads.
fn own_time() -> Duration {
    clock_gettime(ClockId::ProcessCPUTime).try_into().unwrap_or_default()
}

fn logged_in(server: SocketAddr, protection: Protection, count: usize) -> io::Result<Vec<Client>> {
    let terms = Terms::of(protection)?;
    let login = || Client::login_on(terms.as_ref(), HOME, server)?.binary()?.private();
    let patient = |_| {
        // libunftp answers some handshakes in clear; that is counted in a row of its own.
        let early = (1..TRIES).map(|_| login()).find(io::Result::is_ok);
        early.unwrap_or_else(login)
    };
    (0..count).map(patient).collect()
}

/// As [`logged_in`], for clients that move so much that protection is done by hand.
fn for_much(server: SocketAddr, protection: Protection, count: usize) -> io::Result<Vec<Client>> {
    Ok(logged_in(server, protection, count)?.into_iter().map(Client::in_hand).collect())
}

/// Returns what the handshakes of all clients came to.
fn seen(clients: &[Client]) -> More {
    let seen = clients.iter().map(Client::seen).fold(Seen::default(), Seen::and);
    More { seen: seen.agreed.is_some().then_some(seen), ..More::default() }
}

/// Lets every client do the same, on a thread of its own.
fn at_once(
    clients: &mut [Client],
    work: impl Fn(usize, &mut Client) -> io::Result<()> + Sync,
) -> io::Result<()> {
    let start = Barrier::new(clients.len());
    let begin = |index: usize, client: &mut Client| {
        start.wait();
        work(index, client)
    };
    let begin = &begin;
    thread::scope(|scope| {
        let clients = clients.iter_mut().enumerate();
        let threads: Vec<_> =
            clients.map(|(index, client)| scope.spawn(move || begin(index, client))).collect();
        threads.into_iter().try_for_each(join)
    })
}

pub(super) fn join<T>(thread: thread::ScopedJoinHandle<'_, io::Result<T>>) -> io::Result<T> {
    thread.join().unwrap_or_else(|_| Err(io::Error::other("a client panicked")))
}

pub(super) fn exactly(octets: u64, expected: u64) -> io::Result<()> {
    if octets == expected {
        return Ok(());
    }
    Err(io::Error::other(format!("{octets} octets moved instead of {expected}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn less_than_the_whole_file_is_an_error() {
        assert!(exactly(1023, 1024).is_err());
        assert!(exactly(1024, 1024).is_ok());
    }
}
