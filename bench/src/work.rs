//! The pieces of work, and how one is timed.

use std::io;
use std::net::SocketAddr;
use std::sync::Barrier;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use crate::client::{Client, Piece};
use crate::server::{Contender, Running};
use crate::stage::{LARGE, SMALL, Stage};

/// Processes that end after their session has said goodbye are given this long, so that their end is charged too.
const SETTLE: Duration = Duration::from_millis(150);

/// What is done.
#[derive(Debug, Clone, Copy)]
enum Kind {
    Retrieve { streams: usize },
    Store,
    Small { files: usize },
    Logins { sessions: usize, at_once: usize },
    List,
}

/// A piece of work.
#[derive(Debug)]
pub(crate) struct Job {
    /// How the page calls it.
    pub(crate) name: String,
    /// How many units of work it is.
    pub(crate) amount: f64,
    /// The unit, and the processor time per unit, in words.
    pub(crate) unit: Unit,
    kind: Kind,
}

/// What is counted.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Unit {
    /// 2³⁰ octets.
    Gibibyte,
    /// A file, a login or a listing.
    Piece,
}

/// What one turn took.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Sample {
    /// From the first command to the last reply, as the client sees it.
    pub(crate) elapsed: Duration,
    /// Processor time of all the server's processes.
    pub(crate) used: Duration,
}

/// Returns all pieces of work.
pub(crate) fn jobs(quick: bool) -> Vec<Job> {
    let less = |count: usize| if quick { count / 10 } else { count };
    let job =
        |name: &str, unit, amount: usize, kind| Job { name: name.into(), amount: amount as f64, unit, kind };
    let (files, sessions) = (less(SMALL), less(500));
    let logins = |name, at_once| job(name, Unit::Piece, sessions, Kind::Logins { sessions, at_once });
    vec![
        job("RETR 1 GiB, 1 stream", Unit::Gibibyte, 1, Kind::Retrieve { streams: 1 }),
        job("RETR 1 GiB, 4 streams", Unit::Gibibyte, 4, Kind::Retrieve { streams: 4 }),
        job("STOR 1 GiB", Unit::Gibibyte, 1, Kind::Store),
        job("RETR 1 KiB, each with EPSV", Unit::Piece, files, Kind::Small { files }),
        logins("Login and QUIT, 1 at a time", 1),
        logins("Login and QUIT, 32 at a time", 32),
        job("LIST of 20,000 entries", Unit::Piece, 1, Kind::List),
    ]
}

impl Job {
    /// Returns whether a contender takes part.
    pub(crate) fn concerns(&self, contender: &Contender) -> bool {
        !contender.only_sessions || matches!(self.kind, Kind::Logins { .. })
    }

    /// Does the work once.
    ///
    /// # Errors
    /// When the server fails at it, or did less than it said.
    pub(crate) fn measure(&self, server: &Running<'_>, stage: &Stage) -> io::Result<Sample> {
        let result = self.attempt(server, stage);
        result.map_err(|error| {
            let (name, said) = (server.contender.name, server.contender.said());
            io::Error::other(format!("{name}, {}: {error}; the server said:\n{said}", self.name))
        })
    }

    fn attempt(&self, server: &Running<'_>, stage: &Stage) -> io::Result<Sample> {
        let address = server.address;
        let timed = |work: &mut dyn FnMut() -> io::Result<()>| time(server, work);
        match self.kind {
            Kind::Retrieve { streams } => {
                let mut clients = logged_in(address, streams)?;
                timed(&mut || at_once(&mut clients, |client| exactly(client.fetch("RETR large\r\n")?, LARGE)))
            }
            Kind::Store => {
                let (piece, file) = (Piece::new()?, stage.incoming().join("new"));
                let mut client = Client::login(address)?;
                let store = |client: &mut Client| {
                    client.store("STOR incoming/new\r\n", &piece, LARGE / Piece::LENGTH)
                };
                let sample = timed(&mut || store(&mut client))?;
                exactly(file.metadata()?.len(), LARGE)?;
                std::fs::remove_file(file)?;
                Ok(sample)
            }
            Kind::Small { files } => {
                let mut client = Client::login(address)?;
                let mut fetch = |index| exactly(client.fetch(&format!("RETR small/f{index}\r\n"))?, 1024);
                timed(&mut || (0..files).try_for_each(&mut fetch))
            }
            Kind::Logins { sessions, at_once } => timed(&mut || come_and_go(address, sessions, at_once)),
            Kind::List => {
                let mut client = Client::login(address)?;
                timed(&mut || match client.fetch("LIST crowd\r\n")? {
                    // Each line has at least the 15 octets of its name, and a mode, an owner, a size and a date.
                    octets if octets > 60 * crate::stage::CROWD as u64 => Ok(()),
                    octets => Err(io::Error::other(format!("the list has only {octets} octets"))),
                })
            }
        }
    }
}

fn time(server: &Running<'_>, work: &mut dyn FnMut() -> io::Result<()>) -> io::Result<Sample> {
    thread::sleep(SETTLE);
    let before = server.account.time()?;
    let began = Instant::now();
    work()?;
    let elapsed = began.elapsed();
    thread::sleep(SETTLE);
    Ok(Sample { elapsed, used: server.account.time()?.saturating_sub(before) })
}

fn logged_in(server: SocketAddr, count: usize) -> io::Result<Vec<Client>> {
    (0..count).map(|_| Client::login(server)).collect()
}

/// Lets every client do the same, on a thread of its own.
fn at_once(clients: &mut [Client], work: impl Fn(&mut Client) -> io::Result<()> + Sync) -> io::Result<()> {
    let start = Barrier::new(clients.len());
    let begin = |client: &mut Client| {
        start.wait();
        work(client)
    };
    let begin = &begin;
    thread::scope(|scope| {
        let threads: Vec<_> = clients.iter_mut().map(|client| scope.spawn(move || begin(client))).collect();
        threads.into_iter().try_for_each(join)
    })
}

/// Logs in and out so often, from so many threads.
fn come_and_go(server: SocketAddr, sessions: usize, at_once: usize) -> io::Result<()> {
    let next = AtomicUsize::new(0);
    let visit = || {
        while next.fetch_add(1, Ordering::Relaxed) < sessions {
            Client::login(server)?.quit()?;
        }
        Ok(())
    };
    thread::scope(|scope| {
        let threads: Vec<_> = (0..at_once).map(|_| scope.spawn(visit)).collect();
        threads.into_iter().try_for_each(join)
    })
}

fn join(thread: thread::ScopedJoinHandle<'_, io::Result<()>>) -> io::Result<()> {
    thread.join().unwrap_or_else(|_| Err(io::Error::other("a client panicked")))
}

fn exactly(octets: u64, expected: u64) -> io::Result<()> {
    if octets == expected {
        return Ok(());
    }
    Err(io::Error::other(format!("{octets} octets moved instead of {expected}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_quick_run_does_every_kind_of_work_but_less() {
        let (quick, full) = (jobs(true), jobs(false));
        assert_eq!(quick.len(), full.len());
        let sum = |jobs: &[Job]| jobs.iter().map(|job| job.amount).sum::<f64>();
        assert!(sum(&quick) < sum(&full) / 5.0);
    }

    #[test]
    fn less_than_the_whole_file_is_an_error() {
        assert!(exactly(1023, 1024).is_err());
        assert!(exactly(1024, 1024).is_ok());
    }
}
