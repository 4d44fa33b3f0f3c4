//! The loop: requests are answered as they come, listings are written in slices between them.
//!
//! A login that misbehaves loses its channel; nobody else notices. A login that ends takes its listings along and its
//! open upload counts as broken.

use std::collections::BTreeMap;
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::time::{Duration, Instant};

use rustix::process::{Resource, getrlimit};
use wharf_ipc::broker::{Answer, NewLogin, Request, Started};
use wharf_ipc::link::{self, Link};
use wharf_os::channel::Channel;
use wharf_os::epoll::{Interest, Poller, Ready};
use wharf_os::title::{Pace, Title};
use wharf_proto::failure::Failure;
use wharf_proto::store::Fate;

use crate::listing::Progress;
use crate::local::{Local, Upload};
use crate::work::Work;

/// The monitor's key in the poller; others count up from one.
const MONITOR: u64 = 0;
/// How many entries a listing may format before others have their turn: a fraction of a millisecond.
const SLICE: usize = 256;
/// How many listings one login may have at once: one for its data connection, one for STAT, and as many dying.
const LISTINGS_PER_LOGIN: usize = 4;
/// How many tasks all logins of this identity may have at once; who asks for more is told to come again.
const TASKS: usize = 16;
/// How many octets all tasks together may move before others have their turn: about a millisecond of hashing.
const TASK_SLICE: usize = 1 << 20;
/// The least that one task moves, for less would be all overhead.
const LEAST_TASK_SLICE: usize = 64 * 1024;
/// The share of our descriptors that channels of logins may take, one each. The rest is for what few logins need at one
/// time: an upload's directory, a listing's pipe and directory. Running out of those costs one request, not a login.
const SHARE_OF_LOGINS: (u64, u64) = (3, 4);
/// Descriptors for everything else: standard streams, poller, root, one file on its way.
const DESCRIPTORS_OF_OUR_OWN: u64 = 32;

/// A broker at work.
#[derive(Debug)]
pub struct Service {
    monitor: Link<Started, NewLogin>,
    local: Local,
    poller: Poller,
    logins: BTreeMap<u64, Login>,
    jobs: BTreeMap<u64, Running>,
    last_key: u64,
    most_logins: usize,
    scratch: Vec<u8>,
    title: Option<Caption>,
}

#[derive(Debug)]
struct Login {
    link: Link<Answer, Request>,
    upload: Option<Upload>,
    listings: usize,
}

#[derive(Debug)]
struct Running {
    login: u64,
    job: Work,
}

#[derive(Debug)]
struct Caption {
    title: Title,
    whom: String,
    pace: Pace,
}

impl Service {
    /// Takes up work for the logins that the monitor will hand in.
    ///
    /// # Errors
    /// Out of descriptors.
    pub fn new(monitor: Channel, local: Local) -> io::Result<Self> {
        let monitor = Link::new(monitor);
        monitor.set_nonblocking(true)?;
        let poller = Poller::new()?;
        poller.add(&monitor, MONITOR, Interest::Read)?;
        let limit = getrlimit(Resource::Nofile).current.unwrap_or(u64::MAX);
        let (share, whole) = SHARE_OF_LOGINS;
        let most = (limit.saturating_sub(DESCRIPTORS_OF_OUR_OWN) / whole).saturating_mul(share);
        Ok(Self {
            monitor,
            local,
            poller,
            logins: BTreeMap::new(),
            jobs: BTreeMap::new(),
            last_key: MONITOR,
            most_logins: usize::try_from(most.max(1)).unwrap_or(usize::MAX),
            scratch: link::scratch(),
            title: None,
        })
    }

    /// Shows in `ps` whom it serves. The title is prepared before confinement, for it needs `/proc`.
    #[must_use]
    pub fn with_title(mut self, title: Title, user: &[u8], root: &[u8]) -> Self {
        let whom = format!("{} ({})", String::from_utf8_lossy(user), String::from_utf8_lossy(root));
        self.title = Some(Caption { title, whom, pace: Pace::default() });
        self.show();
        self
    }

    /// Serves until the monitor closes its end.
    ///
    /// # Errors
    /// The poller fails, or the monitor says what it never says.
    pub fn run(mut self) -> io::Result<()> {
        let mut ready = Vec::new();
        loop {
            self.poller.wait(&mut ready, self.patience())?;
            for event in &ready {
                if event.key == MONITOR {
                    if !self.admit()? {
                        self.close_all();
                        return Ok(());
                    }
                } else if self.jobs.contains_key(&event.key) {
                    self.write_listing(event.key);
                } else {
                    self.hear(*event);
                }
            }
            if self.patience() == Some(Duration::ZERO) {
                self.show();
            }
        }
    }

    /// How long nothing has to be done by itself.
    fn patience(&self) -> Option<Duration> {
        let due = self.title.as_ref()?.pace.due()?;
        Some(due.saturating_duration_since(Instant::now()))
    }

    /// Takes a new login's channel from the monitor; false when the monitor is gone.
    fn admit(&mut self) -> io::Result<bool> {
        let mut received = match self.monitor.receive(&mut self.scratch) {
            Ok(Some(received)) => received,
            Ok(None) => return Ok(false),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(true),
            Err(error) => return Err(error),
        };
        let Some(channel) = received.descriptor() else {
            return Err(io::Error::new(
                io::ErrorKind::InvalidData,
                "a login came without exactly one channel",
            ));
        };
        if self.logins.len() >= self.most_logins {
            wharf_os::say!(
                "wharfd: broker: {} logins are all the open files this process may have allow; raise its limit of open files",
                self.most_logins
            );
            return Ok(true);
        }
        let link = Link::from(channel);
        link.set_nonblocking(true)?;
        let key = self.new_key();
        self.poller.add(&link, key, Interest::Read)?;
        self.logins.insert(key, Login { link, upload: None, listings: 0 });
        self.show();
        Ok(true)
    }

    /// Serves one request of a login.
    fn hear(&mut self, event: Ready) {
        let Some(login) = self.logins.get_mut(&event.key) else { return };
        match login.link.receive(&mut self.scratch) {
            Ok(Some(received)) if received.descriptors.is_empty() => self.serve(event.key, received.message),
            Ok(Some(_)) => self.dismiss(event.key, "it sent a descriptor"),
            Ok(None) => self.close(event.key),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
            Err(error) => self.dismiss(event.key, &error.to_string()),
        }
    }

    fn serve(&mut self, key: u64, request: Request) {
        let Some(login) = self.logins.get_mut(&key) else { return };
        let begins_work = matches!(request, Request::List(_) | Request::OpenPart(..) | Request::Begin(_));
        let has_enough = begins_work && login.listings >= LISTINGS_PER_LOGIN;
        if has_enough || (matches!(request, Request::Begin(_)) && self.tasks() >= TASKS) {
            self.answer(key, &Answer::Refused(Failure::TooMany), None);
            return;
        }
        let Some(login) = self.logins.get_mut(&key) else { return };
        // Nothing is left to do and nothing can fail, so nobody waits for a word: every upload would pay for it.
        let wants_no_answer = matches!(request, Request::Finish(Fate::Kept));
        let Ok(served) = self.local.serve(request, &mut login.upload) else {
            self.dismiss(key, "it finished an upload that it had not begun");
            return;
        };
        if wants_no_answer {
            return;
        }
        if self.answer(key, &served.answer, served.descriptor.as_ref())
            && let Some(job) = served.job
        {
            self.begin_listing(key, job);
        }
    }

    /// Answers; false when the login had to be closed.
    fn answer(&mut self, key: u64, answer: &Answer, descriptor: Option<&OwnedFd>) -> bool {
        let Some(login) = self.logins.get(&key) else { return false };
        let lent = descriptor.map(AsFd::as_fd);
        match login.link.send_with(answer, lent.as_slice()) {
            Ok(()) => true,
            Err(error) if error.kind() == io::ErrorKind::BrokenPipe => {
                self.close(key);
                false
            }
            // A session asks one thing at a time; one that does not read its answers is broken.
            Err(error) => {
                self.dismiss(key, &format!("it cannot be answered: {error}"));
                false
            }
        }
    }

    /// Writes the first slice at once: most directories are no larger.
    fn begin_listing(&mut self, login: u64, mut job: Work) {
        let octets = self.task_slice();
        if job.step(&mut self.local, SLICE, octets) == Progress::Done {
            return;
        }
        let key = self.new_key();
        if let Err(error) = self.poller.add(&job, key, Interest::Write) {
            wharf_os::say!("wharfd: broker: a listing is cut short: {error}");
            return;
        }
        self.jobs.insert(key, Running { login, job });
        if let Some(login) = self.logins.get_mut(&login) {
            login.listings += 1;
        }
    }

    fn write_listing(&mut self, key: u64) {
        let octets = self.task_slice();
        let Some(running) = self.jobs.get_mut(&key) else { return };
        if running.job.step(&mut self.local, SLICE, octets) != Progress::Done {
            return;
        }
        let login = running.login;
        self.drop_listing(key);
        if let Some(login) = self.logins.get_mut(&login) {
            login.listings = login.listings.saturating_sub(1);
        }
    }

    /// How many tasks are on their way.
    fn tasks(&self) -> usize {
        self.jobs.values().filter(|running| running.job.is_task()).count()
    }

    /// How many octets a task may move in its turn: the more there are, the less, so that requests never wait longer.
    fn task_slice(&self) -> usize {
        (TASK_SLICE / self.tasks().max(1)).max(LEAST_TASK_SLICE)
    }

    fn drop_listing(&mut self, key: u64) {
        if let Some(running) = self.jobs.remove(&key) {
            // Closing removes it as well; the pipe's writing end is nobody else's.
            let _ = self.poller.remove(&running.job);
        }
    }

    fn dismiss(&mut self, key: u64, why: &str) {
        wharf_os::say!("wharfd: broker: a session's channel is closed: {why}");
        self.close(key);
    }

    fn close(&mut self, key: u64) {
        let Some(login) = self.logins.remove(&key) else { return };
        let _ = self.poller.remove(&login.link);
        if let Some(upload) = login.upload {
            upload.abandon(&self.local.rules);
        }
        let listings: Vec<u64> =
            self.jobs.iter().filter(|(_, running)| running.login == key).map(|(&job, _)| job).collect();
        for listing in listings {
            self.drop_listing(listing);
        }
        self.show();
    }

    fn close_all(&mut self) {
        let logins: Vec<u64> = self.logins.keys().copied().collect();
        for login in logins {
            self.close(login);
        }
    }

    fn new_key(&mut self) -> u64 {
        self.last_key += 1;
        self.last_key
    }

    fn show(&mut self) {
        let count = self.logins.len();
        if let Some(Caption { title, whom, pace }) = &mut self.title
            && pace.permits(Instant::now())
        {
            title.set(&format!("wharfd: broker {whom}, {count} login{}", if count == 1 { "" } else { "s" }));
        }
    }
}
