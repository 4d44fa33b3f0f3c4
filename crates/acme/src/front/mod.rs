//! The proofs, and those who call for them: served while we wait for the directory, and only while an order runs.
//!
//! Anybody can call. A caller gets one answer and little time; what is told is public: the authority reads it too.

mod plain;
mod secure;

use std::io;
use std::net::TcpStream;
use std::os::fd::{BorrowedFd, OwnedFd};
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use wharf_ipc::acme::Challenge;

use crate::Fault;
use plain::Plain;
use secure::Secure;

/// The most callers at a time. One more takes the place of the one that has been here longest: who says nothing must not
/// keep the authority out.
const MAX_CALLERS: usize = 16;

/// The most calls that are taken before others have their turn.
const TURN: usize = 64;

/// How long a caller may take.
const CALL_TIME: Duration = Duration::from_secs(10);

/// Where callers arrive.
pub(crate) struct Front {
    listening: Vec<OwnedFd>,
    callers: Vec<Caller>,
    challenge: Challenge,
    proof: Option<Proof>,
}

/// What is shown to callers now.
enum Proof {
    Plain(plain::Proof),
    Secure(secure::Proof),
}

struct Caller {
    socket: TcpStream,
    until: Instant,
    talk: Talk,
}

enum Talk {
    Plain(Plain),
    Secure(Box<Secure>),
}

/// Whether a caller is to be heard again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Step {
    /// When something can be read.
    Read,
    /// When something can be written.
    Write,
    /// Never.
    Leave,
}

impl Front {
    pub(crate) fn new(listening: Vec<OwnedFd>, challenge: Challenge) -> Self {
        Self { listening, callers: Vec::new(), challenge, proof: None }
    }

    /// Shows the proof of a name from now on: `authorization` is the key authorization of `token` (RFC 8555 §8.1).
    pub(crate) fn prove(&mut self, name: &str, token: &str, authorization: &str) -> Result<(), Fault> {
        self.proof = Some(match self.challenge {
            Challenge::Http01 => Proof::Plain(plain::Proof::new(token, authorization)),
            Challenge::TlsAlpn01 => Proof::Secure(secure::Proof::new(name, authorization)?),
        });
        Ok(())
    }

    /// Shows nothing any more.
    pub(crate) fn forget(&mut self) {
        self.proof = None;
    }

    /// Waits until a descriptor is ready, and serves callers meanwhile; false when the time is over first.
    pub(crate) fn wait(
        &mut self,
        on: Option<(BorrowedFd<'_>, PollFlags)>,
        until: Instant,
    ) -> io::Result<bool> {
        loop {
            let now = Instant::now();
            if now >= until {
                return Ok(false);
            }
            self.callers.retain(|caller| caller.until > now);
            let next =
                self.callers.iter().map(|caller| caller.until).min().map_or(until, |next| next.min(until));
            let is_ready = self.look(on.as_ref(), next.saturating_duration_since(now))?;
            if is_ready {
                return Ok(true);
            }
        }
    }

    /// Looks once, and serves who is ready.
    fn look(&mut self, on: Option<&(BorrowedFd<'_>, PollFlags)>, time: Duration) -> io::Result<bool> {
        let mut watched = Vec::new();
        if let Some((descriptor, flags)) = on {
            watched.push(PollFd::new(descriptor, *flags));
        }
        let callers_from = watched.len();
        for caller in &self.callers {
            let flags = if caller.talk.is_writing() { PollFlags::OUT } else { PollFlags::IN };
            watched.push(PollFd::new(&caller.socket, flags));
        }
        watched.extend(self.listening.iter().map(|socket| PollFd::new(socket, PollFlags::IN)));
        let time = Timespec::try_from(time).map_err(io::Error::other)?;
        rustix::io::retry_on_intr(|| poll(&mut watched, Some(&time)))?;
        let ready: Vec<bool> = watched.iter().map(|one| !one.revents().is_empty()).collect();
        drop(watched);
        let (on_is_ready, others) = ready.split_at(callers_from);
        self.serve(others.get(..self.callers.len()).unwrap_or_default());
        self.welcome();
        Ok(on_is_ready.first().copied().unwrap_or(false))
    }

    fn serve(&mut self, ready: &[bool]) {
        let mut ready = ready.iter();
        let proof = &self.proof;
        self.callers.retain_mut(|caller| match ready.next() {
            Some(true) => caller.go_on(proof.as_ref()) != Step::Leave,
            _ => true,
        });
    }

    fn welcome(&mut self) {
        let listening = self.listening.iter();
        let calls = listening.flat_map(|socket| {
            std::iter::from_fn(move || wharf_os::socket::accept(socket).ok().flatten()).take(TURN)
        });
        for (connection, _) in calls {
            let talk = match (self.challenge, &self.proof) {
                (Challenge::Http01, _) => Talk::Plain(Plain::default()),
                (Challenge::TlsAlpn01, Some(Proof::Secure(proof))) => match Secure::new(proof) {
                    Ok(secure) => Talk::Secure(Box::new(secure)),
                    Err(_) => continue,
                },
                // Nothing to show yet.
                (Challenge::TlsAlpn01, _) => continue,
            };
            if self.callers.len() >= MAX_CALLERS {
                drop(self.callers.remove(0));
            }
            self.callers.push(Caller { socket: connection.into(), until: Instant::now() + CALL_TIME, talk });
        }
    }
}

impl Talk {
    fn is_writing(&self) -> bool {
        match self {
            Self::Plain(plain) => plain.is_writing(),
            Self::Secure(secure) => secure.is_writing(),
        }
    }
}

impl Caller {
    fn go_on(&mut self, proof: Option<&Proof>) -> Step {
        match &mut self.talk {
            Talk::Plain(plain) => {
                let proof = match proof {
                    Some(Proof::Plain(proof)) => Some(proof),
                    _ => None,
                };
                plain.go_on(&mut self.socket, proof)
            }
            Talk::Secure(secure) => secure.go_on(&mut self.socket),
        }
    }
}

/// A failure of a caller's connection.
fn after(error: &io::Error, otherwise: Step) -> Step {
    match error.kind() {
        io::ErrorKind::WouldBlock | io::ErrorKind::Interrupted => otherwise,
        _ => Step::Leave,
    }
}

/// Reads and forgets what a caller still says, until it hangs up: closing sooner could take our answer back.
fn until_hung_up(socket: &mut TcpStream) -> Step {
    use std::io::Read;
    let mut waste = [0; 1024];
    match socket.read(&mut waste) {
        Ok(0) => Step::Leave,
        Ok(_) => Step::Read,
        Err(error) => after(&error, Step::Read),
    }
}

#[cfg(test)]
mod tests;
