//! The sessions that say nothing, each from an address of its own.

use std::io;
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::sync::Mutex;
use std::sync::PoisonError;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

use crate::account::available;
use crate::client::Client;
use crate::tls::Terms;

/// How many logins are under way at a time.
const AT_ONCE: usize = 32;

/// A server has this long to let everybody in.
pub(super) const LONGEST: Duration = Duration::from_secs(20);

/// The memory, in KiB, that the sessions may take from the machine.
pub(super) const MOST: u64 = 4 << 20;

/// Open files that are asked for, for us and for the servers, which inherit the limit.
const DESCRIPTORS: u64 = 65_536;

/// Open files that are no idle sessions.
const RESERVE: u64 = 500;

/// Sessions that are logged in.
#[derive(Debug)]
pub(crate) struct Crowd {
    /// Their control connections, which do not block.
    pub(crate) sessions: Vec<TcpStream>,
    /// How long it took until the last was logged in.
    pub(super) opening: Duration,
    /// Why there are fewer than wanted.
    pub(super) stopped: Option<String>,
}

/// Lets this process and those it starts have as many files open as possible; returns the limit.
///
/// # Errors
/// When it is too low for so many sessions.
pub(super) fn raise_descriptor_limit(sessions: usize) -> io::Result<u64> {
    // Not every root may raise the hard limit (CAP_SYS_RESOURCE); what is allowed may be enough.
    let limit = |most| Rlimit { current: Some(most), maximum: Some(most) };
    let allowed = getrlimit(Resource::Nofile).maximum.unwrap_or(DESCRIPTORS);
    let most = allowed.max(DESCRIPTORS);
    let most = match setrlimit(Resource::Nofile, limit(most)) {
        Ok(()) => most,
        Err(_) => setrlimit(Resource::Nofile, limit(allowed)).map(|()| allowed)?,
    };
    if most < sessions as u64 + RESERVE {
        return Err(io::Error::other(format!(
            "{most} open files are allowed here, too few for {sessions} sessions; raise the limit (ulimit -n)"
        )));
    }
    Ok(most)
}

/// Returns the address of a client: all are different and belong to the loopback.
pub(super) fn address_of(index: usize) -> Ipv4Addr {
    // Above 127.0.x.x, where servers and other clients are; no octet is 0 or 255.
    let (high, low) = (index / 250 % 250, index % 250);
    let octet = |number: usize| u8::try_from(number + 1).unwrap_or(u8::MAX);
    Ipv4Addr::new(127, octet(index / 62_500), octet(high), octet(low))
}

impl Crowd {
    /// Logs in as many as wanted, protected on these terms if there are some, as far as the server, the time and the
    /// memory allow.
    pub(crate) fn open(
        terms: Option<&Terms>,
        server: SocketAddr,
        wanted: usize,
        longest: Duration,
    ) -> io::Result<Self> {
        let at_first = available()?;
        let began = Instant::now();
        let opening = Opening { terms: terms.cloned(), server, wanted, ..Opening::default() };
        let opened = thread::scope(|scope| {
            let visitors: Vec<_> = (0..AT_ONCE).map(|_| scope.spawn(|| opening.log_in())).collect();
            while !visitors.iter().all(thread::ScopedJoinHandle::is_finished) {
                thread::sleep(Duration::from_millis(20));
                if began.elapsed() > longest {
                    opening.stop(format!("{} s were over", longest.as_secs()));
                }
                if at_first.saturating_sub(available()?) > MOST {
                    opening.stop(format!("{} GiB of the machine's memory were used", MOST >> 20));
                }
            }
            let opened = visitors.into_iter().map(|visitor| visitor.join().unwrap_or_default());
            io::Result::Ok(opened.flatten().collect::<Vec<_>>())
        })?;
        let last = opened.iter().map(|(_, at)| at.saturating_duration_since(began)).max();
        let sessions: Vec<TcpStream> = opened.into_iter().map(|(stream, _)| stream).collect();
        sessions.iter().try_for_each(|session| session.set_nonblocking(true))?;
        let stopped = opening.stopped.into_inner().unwrap_or_else(PoisonError::into_inner);
        match (sessions.is_empty(), &stopped) {
            (true, Some(why)) => Err(io::Error::other(why.clone())),
            _ => Ok(Self { sessions, opening: last.unwrap_or_default(), stopped }),
        }
    }
}

impl Crowd {
    /// Returns how many sessions the server has not closed.
    pub(crate) fn alive(&self) -> usize {
        let is_open = |session: &&TcpStream| {
            let peeked = session.peek(&mut [0]);
            // Nothing to read, or something that was not asked for, such as a ticket.
            peeked.map_or_else(|error| error.kind() == io::ErrorKind::WouldBlock, |count| count > 0)
        };
        self.sessions.iter().filter(is_open).count()
    }

    /// Sends some home when the server is full, so that the downloads can come in.
    pub(super) fn make_room(&mut self, seats: usize) {
        if self.stopped.is_some() {
            self.sessions.truncate(self.sessions.len().saturating_sub(seats).max(1));
        }
    }
}

/// What those who log in share.
struct Opening {
    terms: Option<Terms>,
    server: SocketAddr,
    wanted: usize,
    next: AtomicUsize,
    over: AtomicBool,
    stopped: Mutex<Option<String>>,
}

impl Default for Opening {
    fn default() -> Self {
        Self {
            terms: None,
            server: SocketAddr::from((Ipv4Addr::LOCALHOST, 0)),
            wanted: 0,
            next: AtomicUsize::new(0),
            over: AtomicBool::new(false),
            stopped: Mutex::new(None),
        }
    }
}

impl Opening {
    fn log_in(&self) -> Vec<(TcpStream, Instant)> {
        let mut opened = Vec::new();
        while !self.over.load(Ordering::Relaxed) {
            let index = self.next.fetch_add(1, Ordering::Relaxed);
            if index >= self.wanted {
                break;
            }
            match Client::login_on(self.terms.as_ref(), address_of(index), self.server) {
                Ok(client) => opened.push((client.into_stream(), Instant::now())),
                Err(error) => self.stop(format!("a login failed: {error}")),
            }
        }
        opened
    }

    /// The first reason counts.
    fn stop(&self, why: String) {
        self.over.store(true, Ordering::Relaxed);
        self.stopped.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert(why);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clients_have_different_addresses_of_the_loopback() {
        let addresses: std::collections::HashSet<_> = (0..100_000).map(address_of).collect();
        assert_eq!(addresses.len(), 100_000);
        assert!(addresses.iter().all(Ipv4Addr::is_loopback));
    }

    #[test]
    fn the_first_reason_to_stop_is_the_one_that_is_told() {
        let opening = Opening::default();
        opening.stop("first".into());
        opening.stop("second".into());
        assert_eq!(opening.stopped.lock().unwrap().as_deref(), Some("first"));
        assert!(opening.log_in().is_empty());
    }
}
