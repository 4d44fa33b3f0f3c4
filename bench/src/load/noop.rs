//! How long a NOOP takes (RFC 959 §4.1.3), on sessions chosen at random.

use std::collections::VecDeque;
use std::io::{self, Read, Write};
use std::net::TcpStream;
use std::thread;
use std::time::{Duration, Instant};

use rustix::buffer::spare_capacity;
use rustix::event::{Timespec, epoll};
use rustix::fd::OwnedFd;
use rustix::process::setpriority_process;
use rustix::time::{ClockId, clock_gettime};

/// An answer that has not come by then is counted as lost.
const PATIENCE: Duration = Duration::from_secs(30);

/// What came out.
#[derive(Debug)]
pub(crate) struct Latency {
    /// How many were sent, and answered.
    pub(crate) count: usize,
    pub(crate) median: Duration,
    pub(crate) p90: Duration,
    pub(crate) p99: Duration,
    pub(crate) longest: Duration,
    /// How late they were sent, 99 % of them at most: were it long, the client would have been the limit.
    pub(crate) late: Duration,
    /// The part of one core that sending and receiving took.
    pub(crate) used: f64,
}

/// Sends NOOPs at a rate for as long as the answer to how long it has been going on is yes.
///
/// # Errors
/// When a session is closed or one is not answered.
pub(crate) fn measure(
    sessions: &[TcpStream],
    rate: u32,
    goes_on: impl Fn(Duration) -> bool + Send,
) -> io::Result<Latency> {
    let run = || {
        // Alone on this thread: how fast the scheduler wakes the client is not what is asked here.
        setpriority_process(None, -20)?;
        Asker::new(sessions)?.ask_while(Duration::from_secs(1) / rate, goes_on)
    };
    let thread = thread::scope(|scope| scope.spawn(run).join());
    thread.unwrap_or_else(|_| Err(io::Error::other("the client panicked")))
}

/// Asks every session once; returns how many answered.
pub(crate) fn count_answers(sessions: &[TcpStream]) -> io::Result<usize> {
    let mut asker = Asker::new(sessions)?;
    for index in 0..sessions.len() {
        // One that is closed counts as one that does not answer.
        asker.ask(index).unwrap_or_default();
    }
    let end = Instant::now() + PATIENCE;
    while asker.awaited > 0 && Instant::now() < end && asker.hear(end).is_ok() {}
    Ok(asker.taken.len())
}

struct Asker<'a> {
    sessions: &'a [TcpStream],
    poller: OwnedFd,
    /// When each session was asked what it has not answered yet.
    asked: Vec<VecDeque<Instant>>,
    /// How many answers are awaited.
    awaited: usize,
    taken: Vec<Duration>,
    random: Random,
}

impl<'a> Asker<'a> {
    fn new(sessions: &'a [TcpStream]) -> io::Result<Self> {
        let poller = epoll::create(epoll::CreateFlags::CLOEXEC)?;
        for (index, session) in sessions.iter().enumerate() {
            epoll::add(&poller, session, epoll::EventData::new_u64(index as u64), epoll::EventFlags::IN)?;
        }
        let asked = vec![VecDeque::new(); sessions.len()];
        Ok(Self { sessions, poller, asked, awaited: 0, taken: Vec::new(), random: Random(0x9E37_79B9) })
    }

    fn ask_while(mut self, period: Duration, goes_on: impl Fn(Duration) -> bool) -> io::Result<Latency> {
        let (began, used) = (Instant::now(), thread_time());
        let mut next = began;
        let mut late = Vec::new();
        while goes_on(began.elapsed()) {
            // All that are due, also those that had to be sent while we slept: the rate is kept.
            while next <= Instant::now() {
                let index = self.choose();
                late.push(next.elapsed());
                self.ask(index)?;
                next += period;
            }
            self.hear(next)?;
        }
        let (elapsed, used) = (began.elapsed(), thread_time().saturating_sub(used));
        let end = Instant::now();
        while self.awaited > 0 {
            if end.elapsed() > PATIENCE {
                return Err(io::Error::other(format!("{} NOOPs were never answered", self.awaited)));
            }
            self.hear(Instant::now() + Duration::from_millis(100))?;
        }
        late.sort_unstable();
        self.taken.sort_unstable();
        let of = |part| share(&self.taken, part);
        Ok(Latency {
            count: self.taken.len(),
            median: of(0.5),
            p90: of(0.9),
            p99: of(0.99),
            longest: of(1.0),
            late: share(&late, 0.99),
            used: used.as_secs_f64() / elapsed.as_secs_f64(),
        })
    }

    /// Returns a session that owes no answer, if there is one.
    fn choose(&mut self) -> usize {
        loop {
            let index = self.random.below(self.sessions.len());
            let owes_nothing = self.asked.get(index).is_none_or(VecDeque::is_empty);
            if owes_nothing || self.awaited >= self.sessions.len() {
                return index;
            }
        }
    }

    fn ask(&mut self, index: usize) -> io::Result<()> {
        let (Some(mut session), Some(asked)) = (self.sessions.get(index), self.asked.get_mut(index)) else {
            return Ok(());
        };
        asked.push_back(Instant::now());
        self.awaited += 1;
        session.write_all(b"NOOP\r\n")
    }

    /// Takes the answers that come until a moment; returns after the first ones.
    fn hear(&mut self, until: Instant) -> io::Result<()> {
        let left = Timespec::try_from(until.saturating_duration_since(Instant::now()));
        let left = left.map_err(|_| io::ErrorKind::InvalidInput)?;
        let mut events: Vec<epoll::Event> = Vec::with_capacity(256);
        match epoll::wait(&self.poller, spare_capacity(&mut events), Some(&left)) {
            Ok(_) | Err(rustix::io::Errno::INTR) => {}
            Err(error) => return Err(error.into()),
        }
        for event in events {
            let index = usize::try_from(event.data.u64()).unwrap_or(usize::MAX);
            self.take(index)?;
        }
        Ok(())
    }

    /// Takes the answers of a session: one for each line, the oldest question first.
    fn take(&mut self, index: usize) -> io::Result<()> {
        let (Some(mut session), Some(asked)) = (self.sessions.get(index), self.asked.get_mut(index)) else {
            return Ok(());
        };
        let mut octets = [0; 4096];
        let count = session.read(&mut octets)?;
        let said = octets.get(..count).unwrap_or_default();
        if said.is_empty() {
            return Err(io::Error::other("the server closed an idle session"));
        }
        for line in said.split_inclusive(|octet| *octet == b'\n') {
            let Some(asked) =
                asked.pop_front().filter(|_| line.starts_with(b"200 ") && line.ends_with(b"\n"))
            else {
                let line = line.escape_ascii();
                return Err(io::Error::other(format!("a NOOP was answered with: {line}")));
            };
            self.awaited -= 1;
            self.taken.push(asked.elapsed());
        }
        Ok(())
    }
}

/// Returns the processor time of the calling thread.
pub(crate) fn thread_time() -> Duration {
    let time = clock_gettime(ClockId::ThreadCPUTime);
    time.try_into().unwrap_or_default()
}

/// Returns the value that a part of the sorted values does not exceed; of none, zero.
pub(crate) fn share(sorted: &[Duration], part: f64) -> Duration {
    let rank = (sorted.len() as f64 * part).ceil() as usize;
    sorted.get(rank.saturating_sub(1)).copied().unwrap_or_default()
}

/// Marsaglia's xorshift: any spread does, and the same in each run.
struct Random(u64);

impl Random {
    fn below(&mut self, limit: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 % limit.max(1) as u64).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use std::net::TcpListener;

    use super::*;

    #[test]
    fn a_share_is_a_value_that_occurred() {
        let values: Vec<_> = (1..=200).map(Duration::from_millis).collect();
        let of = |part| share(&values, part).as_millis();
        assert_eq!([of(0.5), of(0.99), of(1.0)], [100, 198, 200]);
        assert_eq!(share(&[], 0.99), Duration::ZERO);
    }

    #[test]
    fn a_server_that_answers_slowly_is_seen() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let ours = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        let (mut theirs, _) = listener.accept().unwrap();
        ours.set_nonblocking(true).unwrap();
        let pause = Duration::from_millis(20);
        let server = thread::spawn(move || {
            let mut line = [0; 6];
            theirs.read_exact(&mut line).unwrap();
            thread::sleep(pause);
            theirs.write_all(b"200 NOOP ok.\r\n").unwrap();
            theirs
        });
        let sessions = [ours];
        let mut asker = Asker::new(&sessions).unwrap();
        asker.ask(0).unwrap();
        while asker.taken.is_empty() {
            asker.hear(Instant::now() + pause).unwrap();
        }
        assert!(asker.taken.first().unwrap() >= &pause);
        drop(server.join().unwrap());
        assert!(asker.hear(Instant::now() + PATIENCE).is_err(), "the end of a session is no answer");
    }
}
