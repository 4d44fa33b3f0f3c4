//! Brokers: one process per identity, root and rules, shared by the logins that have all three in common.

use std::collections::HashMap;
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::time::Duration;

use rustix::fs::{FileType, Gid, Mode, Uid};
use wharf_ipc::broker::{Answer, NewLogin, Request, Start, Started};
use wharf_ipc::link::Link;
use wharf_ipc::monitor::{Granted, Verdict};
use wharf_os::epoll::Ready;
use wharf_os::spawn::{Child, Launch};
use wharf_proto::path::VirtualPath;

use super::login::Waiting;
use super::workers::end;
use super::{Due, Monitor, key};
use crate::outbox::Outbox;

/// The brokers, by number and by what they were started with.
#[derive(Default)]
pub(super) struct Brokers {
    running: HashMap<u64, Broker>,
    by_start: HashMap<Vec<u8>, u64>,
    last_number: u64,
}

struct Broker {
    child: Child,
    /// The start message went over it; now it speaks of logins.
    link: Outbox<NewLogin, Started>,
    name: Vec<u8>,
    uid: Option<u32>,
    state: State,
    logins: u32,
    /// Logins it has ever had.
    seen: u64,
}

enum State {
    /// Logins that wait for it.
    Starting(Vec<Waiting>),
    Ready(VirtualPath),
}

impl Brokers {
    pub(super) fn children(&mut self) -> impl Iterator<Item = &mut Child> {
        self.running.values_mut().map(|broker| &mut broker.child)
    }
}

impl Monitor {
    /// Brings a login to its broker, which is started when there is none.
    pub(super) fn enter(&mut self, start: &Start, waiting: Waiting) {
        let name = postcard::to_allocvec(start).unwrap_or_default();
        let number = match self.brokers.by_start.get(&name) {
            Some(number) => *number,
            None => match self.start_broker(start, name) {
                Ok(number) => number,
                Err(error) => {
                    wharf_os::say!("wharfd: monitor: cannot start a broker: {error}");
                    return self.settle_attempt(
                        waiting,
                        oops(b"cannot start the process that opens your files"),
                        None,
                    );
                }
            },
        };
        let Some(broker) = self.brokers.running.get_mut(&number) else { return };
        match &mut broker.state {
            State::Starting(queue) => queue.push(waiting),
            State::Ready(path) => {
                let path = path.clone();
                self.hand_channel(number, path, waiting);
            }
        }
    }

    fn start_broker(&mut self, start: &Start, name: Vec<u8>) -> io::Result<u64> {
        let (ours, theirs) = Link::<Start, Started>::pair()?;
        let child = Launch::new("broker").descriptor("monitor", theirs.as_fd()).start()?;
        drop(theirs);
        ours.send(start)?;
        self.brokers.last_number += 1;
        let number = self.brokers.last_number;
        let link = Link::from(OwnedFd::from(ours));
        let link = Outbox::watch(&self.poller, link, key::BROKER | number)?;
        let uid = start.identity.as_ref().map(|identity| identity.uid);
        let state = State::Starting(Vec::new());
        self.brokers
            .running
            .insert(number, Broker { child, link, name: name.clone(), uid, state, logins: 0, seen: 0 });
        self.brokers.by_start.insert(name, number);
        Ok(number)
    }

    /// Makes the login's own channel: one end to the broker, the other to the session.
    fn hand_channel(&mut self, number: u64, path: VirtualPath, waiting: Waiting) {
        let handed = self.brokers.running.get_mut(&number).map_or_else(
            || Err(io::ErrorKind::NotFound.into()),
            |broker| {
                if broker.link.is_stuck() {
                    return Err(io::ErrorKind::WouldBlock.into());
                }
                let (for_session, for_broker) = Link::<Request, Answer>::pair()?;
                broker.seen += 1;
                let login = NewLogin { number: broker.seen };
                broker.link.send(&self.poller, login, vec![for_broker.into()])?;
                broker.logins += 1;
                Ok(OwnedFd::from(for_session))
            },
        );
        match handed {
            Ok(channel) => {
                let granted = Granted {
                    user: waiting.user.clone(),
                    class: waiting.class,
                    start: path,
                    overlay: waiting.overlay.clone(),
                };
                self.remember_broker(&waiting, number);
                self.settle_attempt(waiting, Verdict::Granted(granted), Some(channel));
            }
            Err(error) => {
                let error: io::Error = error;
                wharf_os::say!("wharfd: monitor: a broker takes no logins: {error}");
                self.settle_attempt(
                    waiting,
                    oops(b"the process that opens your files does not answer"),
                    None,
                );
            }
        }
    }

    fn remember_broker(&mut self, waiting: &Waiting, number: u64) {
        match self.workers.known(waiting.worker, waiting.session) {
            Some(known) => known.broker = Some(number),
            // The session has gone while its broker started.
            None => self.left_broker(number),
        }
    }

    pub(super) fn hear_broker(&mut self, number: u64, event: Ready) {
        let Some(broker) = self.brokers.running.get_mut(&number) else { return };
        if event.writable && broker.link.flush(&self.poller).is_err() {
            return self.broker_ended(number, Some("closed its channel"));
        }
        match broker.link.receive(&mut self.scratch) {
            Ok(Some(received)) => match (received.message, &mut broker.state) {
                (Started::Ready(path), State::Starting(queue)) => {
                    let queue = std::mem::take(queue);
                    broker.state = State::Ready(path.clone());
                    for waiting in queue {
                        self.hand_channel(number, path.clone(), waiting);
                    }
                }
                (Started::Unusable { directory, failure }, State::Starting(queue)) => {
                    let queue = std::mem::take(queue);
                    let shown = String::from_utf8_lossy(&directory).into_owned();
                    wharf_os::say!(
                        "wharfd: monitor: cannot change directory:{shown} ({failure:?}), so nobody gets in there"
                    );
                    for waiting in queue {
                        let text = [b"cannot change directory:", directory.as_slice()].concat();
                        self.settle_attempt(waiting, oops(&text), None);
                    }
                    self.broker_ended(number, None);
                }
                _ => self.broker_ended(number, Some("spoke out of turn")),
            },
            Ok(None) => {}
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => {
                self.broker_ended(number, Some("ended"));
            }
            Err(_) => self.broker_ended(number, Some("said something that is no message")),
        }
    }

    fn broker_ended(&mut self, number: u64, why: Option<&str>) {
        let Some(mut broker) = self.brokers.running.remove(&number) else { return };
        self.brokers.by_start.remove(&broker.name);
        broker.link.unwatch(&self.poller);
        let status = end(&mut broker.child);
        if let Some(why) = why {
            wharf_os::say!(
                "wharfd: monitor: a broker {why} ({status}); its logins are lost, new ones get a new broker"
            );
        }
        if let State::Starting(queue) = broker.state {
            for waiting in queue {
                self.settle_attempt(waiting, oops(b"the process that opens your files ended"), None);
            }
        }
    }

    /// A login is over. The last one starts the broker's idle time.
    pub(super) fn left_broker(&mut self, number: u64) {
        let Some(broker) = self.brokers.running.get_mut(&number) else { return };
        broker.logins = broker.logins.saturating_sub(1);
        if broker.logins == 0 {
            let idle = Duration::from_secs(u64::from(self.settings.config.wharf.broker_idle_timeout));
            self.in_time(idle, number, Due::BrokerIdle);
        }
    }

    pub(super) fn broker_idle(&mut self, number: u64) {
        let idle =
            self.brokers.running.get(&number).is_some_and(|broker| broker.logins == 0 && broker.is_ready());
        if idle {
            self.broker_ended(number, None);
        }
    }

    /// `chown_uploads`: acts on the descriptor after looking at it, never on a name.
    // Security: a session can hand over any descriptor it holds; only a fresh upload of its own identity qualifies.
    pub(super) fn change_owner(&self, broker: u64, file: &OwnedFd) -> bool {
        let (Some(owner), Some(broker)) = (&self.settings.new_owner, self.brokers.running.get(&broker))
        else {
            return false;
        };
        let Ok(stat) = rustix::fs::fstat(file) else { return false };
        let is_file = FileType::from_raw_mode(stat.st_mode) == FileType::RegularFile;
        if !is_file || stat.st_nlink != 1 || broker.uid != Some(stat.st_uid) {
            return false;
        }
        let mode = Mode::from_raw_mode(self.settings.config.anonymous.chown_upload_mode & 0o777);
        rustix::fs::fchmod(file, mode).is_ok()
            && rustix::fs::fchown(file, Some(Uid::from_raw(owner.uid)), None::<Gid>).is_ok()
    }
}

impl Broker {
    fn is_ready(&self) -> bool {
        matches!(self.state, State::Ready(_))
    }
}

fn oops(text: &[u8]) -> Verdict {
    Verdict::Oops { text: text.to_vec() }
}
