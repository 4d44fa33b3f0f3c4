//! The role's loop: one monitor that says which keys there are, many workers that ask for signatures.
//!
//! A worker that says anything but a question loses its link; the monitor is believed, but not when it breaks its own
//! rules, for then it is not itself.

use std::collections::BTreeMap;
use std::io;
use std::os::fd::OwnedFd;
use std::sync::Arc;
use std::time::Instant;

use rustls::sign::SigningKey;
use serde_bytes::ByteBuf;
use wharf_ipc::keyholder::{Answer, FromKeyholder, KeyId, MAX_PAIRS, Public, Question, Refused, ToKeyholder};
use wharf_ipc::link::{Link, Received, scratch};
use wharf_os::epoll::{Interest, Poller, Ready};

use crate::acme::Acme;
use crate::keys::Keys;
use crate::load::{self, Named};

/// The monitor's key in the poller; workers count from 1.
const MONITOR: u64 = 0;

/// The key of the acme role's link.
const ACME: u64 = u64::MAX;

/// Room for the longest question.
const QUESTION_ROOM: usize = 1024;

/// The keyholder without its walls: tests run it in their own process.
#[derive(Debug)]
pub struct Service {
    monitor: Link<FromKeyholder, ToKeyholder>,
    poller: Poller,
    workers: BTreeMap<u64, Link<Answer, Question>>,
    next_worker: u64,
    keys: Keys,
    loading: Option<Loading>,
    last_set: u32,
    acme: Acme,
}

/// A set that is not whole yet.
struct Loading {
    set: u32,
    pairs: Vec<(Public, Arc<dyn SigningKey>)>,
    /// The first thing that was wrong.
    refused: Option<Refused>,
}

impl std::fmt::Debug for Loading {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Loading").field("set", &self.set).finish_non_exhaustive()
    }
}

impl Service {
    /// Begins without keys, on a link whose `Start` was heard.
    ///
    /// # Errors
    /// When the process is out of descriptors.
    pub fn new(monitor: Link<FromKeyholder, ToKeyholder>) -> io::Result<Self> {
        let poller = Poller::new()?;
        poller.add(&monitor, MONITOR, Interest::Read)?;
        Ok(Self {
            monitor,
            poller,
            workers: BTreeMap::new(),
            next_worker: MONITOR + 1,
            keys: Keys::default(),
            loading: None,
            last_set: 0,
            acme: Acme::default(),
        })
    }

    /// Serves until the monitor closes its end.
    ///
    /// # Errors
    /// When the monitor says what it may not say now, or the system fails.
    pub fn run(mut self) -> io::Result<()> {
        let mut ready = Vec::new();
        let mut buffer = scratch();
        loop {
            let now = Instant::now();
            self.keys.fade(now);
            self.poller.wait(&mut ready, self.keys.next_fade(now))?;
            for one in &ready {
                match *one {
                    Ready { key: MONITOR, .. } => {
                        let Some(received) = self.monitor.receive(&mut buffer)? else { return Ok(()) };
                        self.obey(received)?;
                    }
                    Ready { key: ACME, .. } => self.acme.hear(&self.poller),
                    Ready { key, .. } => self.hear(key),
                }
            }
        }
    }

    fn obey(&mut self, mut received: Received<ToKeyholder>) -> io::Result<()> {
        match received.message {
            ToKeyholder::Begin { set } if set > self.last_set => {
                self.last_set = set;
                self.loading = Some(Loading { set, pairs: Vec::new(), refused: None });
                Ok(())
            }
            ToKeyholder::Pair { certificate, key } => {
                let loading = self.loading.as_mut().ok_or_else(|| broken("a pair without a beginning"))?;
                loading.add(certificate, key, received.descriptors)
            }
            ToKeyholder::Commit => {
                let loading = self.loading.take().ok_or_else(|| broken("an end without a beginning"))?;
                self.commit(loading)
            }
            ToKeyholder::Worker => match received.descriptor() {
                Some(link) => self.welcome(link),
                None => {
                    // Our table of descriptors is full: that worker finds its link closed, the others go on.
                    wharf_os::say!("wharfd: keyholder: a worker's link did not arrive: too many open files?");
                    Ok(())
                }
            },
            ToKeyholder::Acme(task) => {
                let done = self.acme.carry_out(task, received.descriptors, &self.poller, ACME)?;
                done.map_or(Ok(()), |done| self.monitor.send(&FromKeyholder::Acme(done)))
            }
            ToKeyholder::Begin { .. } => Err(broken("a set with an old number")),
            ToKeyholder::Start(_) => Err(broken("a second start")),
        }
    }

    /// Puts a set in force, or leaves everything as it is.
    fn commit(&mut self, loading: Loading) -> io::Result<()> {
        if let Some(refused) = loading.refused {
            return self.monitor.send(&FromKeyholder::Refused(refused));
        }
        let mut keys = BTreeMap::new();
        for (public, key) in loading.pairs {
            keys.insert(public.key, key);
            self.monitor.send(&FromKeyholder::Public(public))?;
        }
        self.keys.replace(keys, Instant::now());
        self.monitor.send(&FromKeyholder::Loaded)
    }

    fn welcome(&mut self, link: OwnedFd) -> io::Result<()> {
        let link = Link::from(link);
        // Security: a worker that does not read its answers must not hold up the others.
        link.set_nonblocking(true)?;
        self.poller.add(&link, self.next_worker, Interest::Read)?;
        self.workers.insert(self.next_worker, link);
        self.next_worker += 1;
        Ok(())
    }

    fn hear(&mut self, number: u64) {
        let Some(worker) = self.workers.get(&number) else { return };
        match answer_one(&self.keys, worker) {
            Ok(true) => {}
            Ok(false) => self.forget(number),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
            Err(error) => {
                wharf_os::say!("wharfd: keyholder: a worker is not served any more: {error}");
                self.forget(number);
            }
        }
    }

    fn forget(&mut self, number: u64) {
        if let Some(worker) = self.workers.remove(&number) {
            // Closing would not be enough while the worker's own copy is open.
            let _ = self.poller.remove(&worker);
        }
    }
}

/// Answers the next question of a worker; false when it is gone.
fn answer_one(keys: &Keys, worker: &Link<Answer, Question>) -> io::Result<bool> {
    let mut buffer = [0; QUESTION_ROOM];
    let Some(Received { message: question, descriptors }) = worker.receive(&mut buffer)? else {
        return Ok(false);
    };
    if !descriptors.is_empty() {
        return Err(broken("a question with a descriptor"));
    }
    let outcome = keys.sign(question.key, question.scheme, &question.message).map(ByteBuf::from);
    match worker.send(&Answer { number: question.number, outcome }) {
        Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
            Err(broken("answers are asked for and not read"))
        }
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(false),
        sent => sent.map(|()| true),
    }
}

impl Loading {
    fn add(&mut self, certificate: String, key: Option<String>, descriptors: Vec<OwnedFd>) -> io::Result<()> {
        let mut files = descriptors.into_iter().map(Into::into);
        let mut named = |name| files.next().map(|file| Named { name, file });
        let missing = || broken("a pair without its files");
        let certificate = named(certificate).ok_or_else(missing)?;
        let key = key.map(|name| named(name).ok_or_else(missing)).transpose()?;
        let place = u16::try_from(self.pairs.len()).unwrap_or(MAX_PAIRS);
        if files.next().is_some() || place >= MAX_PAIRS {
            return Err(broken("a pair with too many files, or too many pairs"));
        }
        if self.refused.is_none() {
            match load::pair(KeyId::new(self.set, place), &certificate, key.as_ref()) {
                Ok(pair) => self.pairs.push(pair),
                Err(refused) => self.refused = Some(refused),
            }
        }
        Ok(())
    }
}

fn broken(what: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, what)
}
