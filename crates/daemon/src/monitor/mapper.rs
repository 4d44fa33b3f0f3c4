//! The mapper process: started when the configuration asks for anything of a router or a STUN server, told what is wanted,
//! replaced when it dies, and given time to withdraw at the end.

use std::io;
use std::net::SocketAddrV4;
use std::os::fd::AsFd;
use std::time::{Duration, Instant};

use wharf_config::{Config, PortMapping};
use wharf_ipc::link::Link;
use wharf_ipc::mapper::{Mapping, Protocol, Report, ToMapper, Wish};
use wharf_os::epoll::{Interest, Poller};
use wharf_os::identity;
use wharf_os::spawn::{Child, Launch};

use super::workers::{TOO_SOON, end, end_within};
use super::{Due, Monitor, key};
use crate::surroundings;

/// How long the mapper has to withdraw what it mapped.
const WITHDRAWAL: Duration = Duration::from_secs(3);

/// A mapper that runs.
pub(crate) struct Mapper {
    child: Child,
    link: Link<ToMapper, Report>,
    began: Instant,
}

impl Mapper {
    /// Starts one and tells it what is wanted.
    pub(crate) fn start(user: Option<(u32, u32)>, wish: Wish) -> io::Result<Self> {
        let (ours, theirs) = Link::<ToMapper, Report>::pair()?;
        let child = Launch::new("mapper").descriptor("monitor", theirs.as_fd()).start()?;
        ours.send(&ToMapper::Start(user))?;
        ours.send(&ToMapper::Wish(wish))?;
        Ok(Self { child, link: ours, began: Instant::now() })
    }

    /// Waits for its first report; for who has nothing else to do.
    pub(crate) fn first_report(mut self, patience: Duration) -> io::Result<Report> {
        let poller = Poller::new()?;
        poller.add(&self.link, 0, Interest::Read)?;
        let mut ready = Vec::new();
        poller.wait(&mut ready, Some(patience))?;
        let report = match ready.is_empty() {
            true => Err(io::ErrorKind::TimedOut.into()),
            false => self.link.receive(&mut wharf_ipc::link::scratch()).and_then(|received| {
                received.map(|received| received.message).ok_or_else(|| io::ErrorKind::UnexpectedEof.into())
            }),
        };
        end(&mut self.child);
        report
    }
}

/// What a configuration asks for; `None` when that is nothing.
pub(crate) fn wish(config: &Config, is_listening: bool, stun: Option<SocketAddrV4>) -> Option<Wish> {
    let only = |protocol| Some(Mapping::Only(protocol));
    let mapping = match config.port_mapping().unwrap_or(PortMapping::Off) {
        PortMapping::Off => None,
        PortMapping::Auto => Some(Mapping::Any),
        PortMapping::Pcp => only(Protocol::Pcp),
        PortMapping::NatPmp => only(Protocol::NatPmp),
        PortMapping::Upnp => only(Protocol::Upnp),
    };
    let mapping = mapping.filter(|_| is_listening);
    let outside = config.finds_its_address();
    (mapping.is_some() || outside).then(|| Wish {
        router: surroundings::router(),
        mapping,
        nonce: [0; 12],
        ports: if mapping.is_some() { config.ports_for_clients() } else { Vec::new() },
        lifetime: config.nat.port_mapping_lifetime.max(2),
        outside,
        stun,
        refresh: config.nat.pasv_address_refresh,
        look: false,
    })
}

/// As whom it runs; `None` for the starting user.
pub(crate) fn user(config: &Config) -> io::Result<Option<(u32, u32)>> {
    if !identity::is_root() || config.process.run_as_launching_user {
        return Ok(None);
    }
    let name = config.process.nopriv_user.as_ref().map_or(&b"nobody"[..], |name| name);
    let account = identity::lookup(name)?.ok_or_else(|| {
        io::Error::other(format!("cannot locate user entry:{} (nopriv_user)", String::from_utf8_lossy(name)))
    })?;
    Ok(Some((account.uid, account.gid)))
}

impl Monitor {
    /// Has the mapper do what the configuration says now: none, a new one, or the same with another wish.
    pub(super) fn renew_mapper(&mut self) {
        let wish = wish(&self.settings.config, !self.serves_one, self.outside.stun);
        let Some(mut wish) = wish.filter(|_| self.end.is_none()) else {
            self.end_mapper();
            self.outside.report = Report::default();
            return;
        };
        let random = || wharf_nat::ask::random().unwrap_or_default();
        wish.nonce = *self.outside.nonce.get_or_insert_with(random);
        if let Some(mapper) = &self.outside.mapper {
            // Its death is noticed by its channel.
            let _ = mapper.link.send(&ToMapper::Wish(wish));
            return;
        }
        let started =
            user(&self.settings.config).and_then(|user| Mapper::start(user, wish)).and_then(|mapper| {
                mapper.link.set_nonblocking(true)?;
                self.poller.add(&mapper.link, key::MAPPER, Interest::Read)?;
                Ok(mapper)
            });
        match started {
            Ok(mapper) => self.outside.mapper = Some(mapper),
            Err(error) => {
                wharf_os::say!("wharfd: monitor: cannot start the mapper: {error}");
                self.in_time(TOO_SOON, 0, Due::Mapper);
            }
        }
    }

    pub(super) fn hear_mapper(&mut self) {
        // A turn: it speaks to strangers, and must not keep everybody else waiting.
        for _ in 0..8 {
            let Some(mapper) = &self.outside.mapper else { return };
            match mapper.link.receive(&mut self.scratch) {
                Ok(Some(received)) => self.stands(received.message),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return,
                Ok(None) | Err(_) => return self.mapper_ended(),
            }
        }
    }

    fn mapper_ended(&mut self) {
        let Some(mut mapper) = self.outside.mapper.take() else { return };
        let _ = self.poller.remove(&mapper.link);
        let status = end(&mut mapper.child);
        if self.end.is_some() {
            return;
        }
        wharf_os::say!("wharfd: monitor: the mapper ended ({status}); starting a new one");
        if mapper.began.elapsed() < TOO_SOON {
            self.in_time(TOO_SOON, 0, Due::Mapper);
        } else {
            self.renew_mapper();
        }
    }

    /// Has everything withdrawn, and waits for it a moment.
    pub(super) fn end_mapper(&mut self) {
        let Some(mut mapper) = self.outside.mapper.take() else { return };
        let _ = self.poller.remove(&mapper.link);
        let _ = mapper.link.send(&ToMapper::Withdraw);
        end_within(&mut mapper.child, Instant::now() + WITHDRAWAL);
        let mapped = std::mem::take(&mut self.outside.report.mapped);
        if !mapped.is_empty() {
            let ports = surroundings::ports(&mapped);
            wharf_os::say!("wharfd: mapper: the router is asked to forward {ports} no longer");
        }
    }
}
