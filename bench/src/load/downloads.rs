//! Downloads, once or again and again, by few threads that wait for all of theirs at once.
//!
//! What comes is thrown away inside the kernel, a piece at a time.

use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc;
use std::thread::{Scope, ScopedJoinHandle};
use std::time::{Duration, Instant};

use rustix::buffer::spare_capacity;
use rustix::event::{Timespec, epoll};
use rustix::fd::{AsFd, OwnedFd};
use rustix::io::Errno;
use rustix::net::{RecvFlags, recv};

use super::crowd::address_of;
use super::noop::thread_time;
use crate::client::{Client, PIECE, TRIES, connect, extended_port};

/// One for each core of a small machine; more would only compete with the server.
const THREADS: usize = 2;

/// The clients are not among the idle ones.
const FIRST: usize = 60_000;

/// Downloads that do not begin by then have failed.
const PATIENCE: Duration = Duration::from_secs(30);

/// What clients come for.
#[derive(Debug)]
pub(crate) struct Errand {
    /// What each of them says.
    pub(crate) commands: Vec<String>,
    /// How many octets each has to get.
    pub(crate) octets: u64,
    /// Until told to stop; otherwise once.
    pub(crate) is_repeated: bool,
}

/// What was moved.
#[derive(Debug, Default)]
pub(crate) struct Downloads {
    /// Whole files.
    pub(crate) files: u64,
    pub(crate) octets: u64,
    pub(crate) elapsed: Duration,
    /// The cores that receiving took.
    pub(crate) used: f64,
    /// When each client had its file, if once was enough.
    pub(crate) ends: Vec<Duration>,
}

/// Clients that are logged in.
pub(crate) struct Ready {
    desks: Vec<Desk>,
    begun: mpsc::Receiver<()>,
    streams: usize,
}

/// Downloads that run.
pub(crate) struct Flowing<'scope> {
    threads: Vec<ScopedJoinHandle<'scope, io::Result<Downloads>>>,
    /// Rings when the first octets of a file have come, once for each client.
    begun: mpsc::Receiver<()>,
    streams: usize,
}

impl Ready {
    /// Logs the clients in.
    pub(crate) fn new(server: SocketAddr, errand: &Errand) -> io::Result<Self> {
        let (bell, begun) = mpsc::channel();
        let mut desks = Vec::new();
        for thread in 0..THREADS {
            let mut desk = Desk::new(server, bell.clone(), errand)?;
            for (index, command) in errand.commands.iter().enumerate().skip(thread).step_by(THREADS) {
                desk.admit(FIRST + index, command)?;
            }
            desks.push(desk);
        }
        Ok(Self { desks, begun, streams: errand.commands.len() })
    }

    /// Lets them fetch until they have what they came for, or are told to stop.
    pub(crate) fn go<'scope>(
        self,
        scope: &'scope Scope<'scope, '_>,
        stop: &'scope AtomicBool,
    ) -> Flowing<'scope> {
        let threads = self.desks.into_iter().map(|desk| scope.spawn(move || desk.work(stop))).collect();
        Flowing { threads, begun: self.begun, streams: self.streams }
    }
}

impl Flowing<'_> {
    /// Waits until every client receives.
    pub(crate) fn wait(&self) -> io::Result<()> {
        let end = Instant::now() + PATIENCE;
        for _ in 0..self.streams {
            let left = end.saturating_duration_since(Instant::now());
            self.begun.recv_timeout(left).map_err(|_| io::Error::other("the downloads do not all begin"))?;
        }
        Ok(())
    }

    /// Waits for the threads, which have been told to stop.
    pub(crate) fn join(self) -> io::Result<Downloads> {
        let mut sum = Downloads::default();
        for thread in self.threads {
            let one = thread.join().unwrap_or_else(|_| Err(io::Error::other("a client panicked")))?;
            sum.files += one.files;
            sum.octets += one.octets;
            sum.elapsed = sum.elapsed.max(one.elapsed);
            sum.used += one.used;
            sum.ends.extend(one.ends);
        }
        Ok(sum)
    }
}

/// One thread's clients.
struct Desk {
    server: SocketAddr,
    poller: OwnedFd,
    clients: Vec<Fetching>,
    begun: mpsc::Sender<()>,
    /// How many octets a file has.
    octets: u64,
    is_repeated: bool,
    started: Instant,
    done: Downloads,
}

/// A client that fetches a file.
struct Fetching {
    index: usize,
    command: String,
    control: TcpStream,
    said: Vec<u8>,
    data: Option<TcpStream>,
    octets: u64,
    /// The reply at the end has come.
    is_told: bool,
    has_begun: bool,
    /// How often there was no port for it.
    refused: usize,
}

impl Desk {
    fn new(server: SocketAddr, begun: mpsc::Sender<()>, errand: &Errand) -> io::Result<Self> {
        Ok(Self {
            server,
            poller: epoll::create(epoll::CreateFlags::CLOEXEC)?,
            clients: Vec::new(),
            begun,
            octets: errand.octets,
            is_repeated: errand.is_repeated,
            started: Instant::now(),
            done: Downloads::default(),
        })
    }

    fn admit(&mut self, index: usize, command: &str) -> io::Result<()> {
        let control = Client::login_from(address_of(index), self.server)?.binary()?.into_stream();
        control.set_nonblocking(true)?;
        self.watch(&control, self.clients.len() as u64 * 2)?;
        let said = Vec::new();
        self.clients.push(Fetching {
            index,
            command: command.to_owned(),
            control,
            said,
            data: None,
            octets: 0,
            is_told: false,
            has_begun: false,
            refused: 0,
        });
        Ok(())
    }

    /// The keys of clients' control connections are even, those of their data connections odd.
    fn watch(&self, socket: impl AsFd, key: u64) -> io::Result<()> {
        Ok(epoll::add(&self.poller, socket, epoll::EventData::new_u64(key), epoll::EventFlags::IN)?)
    }

    fn work(mut self, stop: &AtomicBool) -> io::Result<Downloads> {
        let used = thread_time();
        self.started = Instant::now();
        // Never touched, neither by us nor by the kernel: only its length counts.
        let mut nowhere = vec![0; PIECE];
        for client in &mut self.clients {
            client.say("EPSV\r\n")?;
        }
        let timeout = Timespec { tv_sec: 0, tv_nsec: 100_000_000 };
        let mut events: Vec<epoll::Event> = Vec::with_capacity(128);
        while !stop.load(Ordering::Relaxed) && self.done.ends.len() < self.clients.len() {
            events.clear();
            match epoll::wait(&self.poller, spare_capacity(&mut events), Some(&timeout)) {
                Ok(_) | Err(Errno::INTR) => {}
                Err(error) => return Err(error.into()),
            }
            for event in &events {
                let key = event.data.u64();
                let number = usize::try_from(key / 2).unwrap_or(usize::MAX);
                if key % 2 == 0 { self.listen(number)? } else { self.receive(number, &mut nowhere)? }
            }
        }
        self.done.elapsed = self.started.elapsed();
        let used = thread_time().saturating_sub(used);
        self.done.used = used.as_secs_f64() / self.done.elapsed.as_secs_f64();
        Ok(self.done)
    }

    /// Takes replies and says what follows from them.
    fn listen(&mut self, number: usize) -> io::Result<()> {
        let Some(client) = self.clients.get_mut(number) else { return Ok(()) };
        for reply in client.hear()? {
            match reply.get(..3).unwrap_or_default() {
                // 125 or 150, as a server sees it.
                code if code.starts_with('1') => {}
                "425" if client.data.is_none() && client.refused < TRIES => {
                    client.refused += 1;
                    client.say("EPSV\r\n")?;
                }
                "229" => {
                    let port = extended_port(&reply).ok_or_else(|| unexpected(&reply))?;
                    let data = connect(address_of(client.index), SocketAddr::new(self.server.ip(), port))?;
                    data.set_nonblocking(true)?;
                    let key = epoll::EventData::new_u64(number as u64 * 2 + 1);
                    epoll::add(&self.poller, &data, key, epoll::EventFlags::IN)?;
                    client.data = Some(data);
                    client.ask()?;
                }
                "226" => {
                    client.is_told = true;
                    self.go_on(number)?;
                    return Ok(());
                }
                _ => return Err(unexpected(&reply)),
            }
        }
        Ok(())
    }

    fn receive(&mut self, number: usize, nowhere: &mut [u8]) -> io::Result<()> {
        let Some(client) = self.clients.get_mut(number) else { return Ok(()) };
        let Some(data) = &client.data else { return Ok(()) };
        match recv(data, nowhere, RecvFlags::TRUNC) {
            Ok((_, 0)) => {
                // Closing takes it out of the poller; vsftpd waits for this before it says 226.
                client.data = None;
                self.go_on(number)
            }
            Ok((_, count)) => {
                if !client.has_begun {
                    client.has_begun = true;
                    // Nobody waits any more when the measuring has failed.
                    self.begun.send(()).unwrap_or_default();
                }
                client.octets += count as u64;
                self.done.octets += count as u64;
                Ok(())
            }
            Err(Errno::INTR | Errno::AGAIN) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }

    /// Begins the next download when the last has ended in both ways.
    fn go_on(&mut self, number: usize) -> io::Result<()> {
        let Some(client) = self.clients.get_mut(number) else { return Ok(()) };
        if client.data.is_some() || !client.is_told {
            return Ok(());
        }
        if client.octets != self.octets {
            return Err(io::Error::other(format!(
                "{} octets came instead of {}",
                client.octets, self.octets
            )));
        }
        (client.octets, client.is_told) = (0, false);
        self.done.files += 1;
        if self.is_repeated {
            return client.say("EPSV\r\n");
        }
        self.done.ends.push(self.started.elapsed());
        Ok(())
    }
}

impl Fetching {
    fn say(&mut self, line: &str) -> io::Result<()> {
        self.control.write_all(line.as_bytes())
    }

    fn ask(&mut self) -> io::Result<()> {
        self.control.write_all(self.command.as_bytes())
    }

    /// Returns the last lines of all replies that are here.
    fn hear(&mut self) -> io::Result<Vec<String>> {
        let mut octets = [0; 512];
        match self.control.read(&mut octets) {
            Ok(0) => return Err(io::Error::other("the server closed the session of a download")),
            Ok(count) => self.said.extend_from_slice(octets.get(..count).unwrap_or_default()),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
            Err(error) => return Err(error),
        }
        Ok(whole_replies(&mut self.said))
    }
}

/// Takes the whole replies out; what stays is the beginning of one.
fn whole_replies(said: &mut Vec<u8>) -> Vec<String> {
    let whole = said.iter().rposition(|octet| *octet == b'\n').map_or(0, |end| end + 1);
    let lines: Vec<u8> = said.drain(..whole).collect();
    let lines = String::from_utf8_lossy(&lines).into_owned();
    lines.lines().filter(|line| line.as_bytes().get(3) == Some(&b' ')).map(str::to_owned).collect()
}

fn unexpected(reply: &str) -> io::Error {
    io::Error::other(format!("a download met this reply: {reply}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reply_in_two_pieces_is_one_reply() {
        let mut said = b"150 Opening\r\n226 Trans".to_vec();
        assert_eq!(whole_replies(&mut said), ["150 Opening"]);
        said.extend_from_slice(b"fer complete.\r\n");
        assert_eq!(whole_replies(&mut said), ["226 Transfer complete."]);
        assert!(said.is_empty());
    }
}
