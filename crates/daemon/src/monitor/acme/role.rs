//! The processes of an order, one after the other: a resolver for the directory's host, then the acme role.
//!
//! What crosses the border to the role: the trusted roots, a link to the keyholder, the listening sockets, and one by one
//! the connections to the directory. All are made here, for the role can make none.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::os::fd::{AsFd, OwnedFd};
use std::time::Duration;

use wharf_acme::{ORDER_TIME, Url};
use wharf_config::{AcmeChallenge, AcmeOrder, Config};
use wharf_ipc::acme::{Answer, Applicant, Challenge, Done, FromAcme, Order, Question, Task, ToAcme};
use wharf_ipc::link::Link;
use wharf_os::epoll::Interest;
use wharf_os::socket::{self, Family};
use wharf_os::spawn::Launch;

use super::super::workers::end;
use super::super::{Due, Monitor, key, keys, resolver};
use super::place::{self, Place};
use super::{Failure, Running, Stage, now};

/// How long a name server may take.
const NAME_TIME: Duration = Duration::from_secs(20);

/// How much longer than its own limit an order may take before it is ended.
const LAST_MOMENTS: Duration = Duration::from_secs(30);

/// The most connections that one order may want.
const MAX_CONNECTIONS: usize = 32;

impl Monitor {
    /// Begins an order: with the name of the directory's host.
    pub(super) fn search(&mut self, order: &AcmeOrder) -> Result<(), Failure> {
        self.note(order, |renewal| renewal.begun(now()))?;
        let url = Url::parse(&order.directory)?;
        wharf_os::say!(
            "wharfd: monitor: ordering a certificate for {} from {} ({}, port {})",
            order.domains.join(", "),
            url.host(),
            challenge(order),
            order.port
        );
        let failed = |error: io::Error| Failure::from(format!("{} cannot be looked up: {error}", url.host()));
        let (ours, theirs) = Link::<(), Vec<IpAddr>>::pair().map_err(failed)?;
        let child = Launch::new("resolver")
            .descriptor("monitor", theirs.as_fd())
            .argument(resolver::ADDRESSES_OF)
            .argument(url.host())
            .start()
            .map_err(failed)?;
        drop(theirs);
        let number = self.orders.started + 1;
        let watched = ours.set_nonblocking(true);
        let watched = watched.and_then(|()| self.poller.add(&ours, key::ACME | number, Interest::Read));
        self.orders.started = number;
        self.orders.running = Some(Running { child, order: order.clone(), stage: Stage::Searching(ours) });
        self.in_time(NAME_TIME, number, Due::OrderOver);
        watched.map_err(failed)
    }

    /// The directory's addresses are known, or there are none.
    pub(super) fn found(&mut self, addresses: Vec<IpAddr>) {
        let Some(order) = self.break_off() else { return };
        if let Err(failure) = self.start_acme(&order, addresses) {
            self.order_failed(&order, &failure);
        }
    }

    fn start_acme(&mut self, order: &AcmeOrder, addresses: Vec<IpAddr>) -> Result<(), Failure> {
        let url = Url::parse(&order.directory)?;
        let addresses: Vec<_> = addresses.into_iter().map(|ip| SocketAddr::new(ip, url.port())).collect();
        if addresses.is_empty() {
            return Err(format!("the name system knows no address of {}", url.host()).into());
        }
        let roots = place::roots(order.roots.as_deref())?;
        let listening = listening(&self.settings.config, order)?;
        let failed = |error: io::Error| Failure::from(format!("the acme process cannot be started: {error}"));
        let (for_role, for_keyholder) = Link::<Question, Answer>::pair().map_err(failed)?;
        let thumbprint = self.begin_at_keyholder(order, &for_keyholder)?;
        let start = ToAcme::Start(Order {
            user: keys::user(&self.settings.config).map_err(failed)?,
            directory: order.directory.clone(),
            domains: order.domains.clone(),
            challenge: challenge(order),
            thumbprint,
        });
        let (ours, theirs) = Link::<ToAcme, FromAcme>::pair().map_err(failed)?;
        let mut child = Launch::new("acme").descriptor("monitor", theirs.as_fd()).start().map_err(failed)?;
        drop(theirs);
        let number = self.orders.started + 1;
        let handed = [roots.as_fd(), for_role.as_fd()].into_iter().chain(listening.iter().map(AsFd::as_fd));
        let begun = ours
            .set_nonblocking(true)
            .and_then(|()| ours.send_with(&start, &handed.collect::<Vec<_>>()))
            .and_then(|()| self.poller.add(&ours, key::ACME | number, Interest::Read));
        if let Err(error) = begun {
            end(&mut child);
            return Err(failed(error));
        }
        self.orders.started = number;
        let stage = Stage::Ordering { link: ours, addresses, connections: 0 };
        self.orders.running = Some(Running { child, order: order.clone(), stage });
        self.in_time(ORDER_TIME + LAST_MOMENTS, number, Due::OrderOver);
        Ok(())
    }

    /// Has a key made, and the account's found; returns the account's thumbprint.
    fn begin_at_keyholder(&self, order: &AcmeOrder, role: impl AsFd) -> Result<String, Failure> {
        let account = Place::open(&order.place)?.account()?;
        let applicant = Applicant {
            domains: order.domains.clone(),
            email: order.email.clone(),
            accepts_terms: self.settings.config.acme.acme_accept_terms,
        };
        match self.keys.carry_out(Task::Begin(applicant), &[account.as_fd(), role.as_fd()])? {
            Done::Begun { thumbprint } => {
                account.sync_all().map_err(|error| format!("the account's file cannot be kept: {error}"))?;
                Ok(thumbprint)
            }
            Done::Refused(why) => Err(why.into()),
            Done::Stored(_) => Err("the keyholder has stored something nobody sent".into()),
        }
    }

    /// Begins a connection to the directory's next address; the acme process waits for it and reads from it.
    pub(super) fn connect_acme(&mut self) {
        let Some(Running { stage: Stage::Ordering { link, addresses, connections }, .. }) =
            &mut self.orders.running
        else {
            return;
        };
        let mut last = "it wants too many connections".to_owned();
        let mut made = None;
        for _ in 0..addresses.len() {
            let Some(address) = addresses.get(*connections % addresses.len()) else { break };
            if *connections >= MAX_CONNECTIONS {
                break;
            }
            *connections += 1;
            match socket::dial(socket::unspecified_for(*address, 0), *address) {
                Ok(socket) => {
                    made = Some(socket);
                    break;
                }
                Err(error) => last = error.to_string(),
            }
        }
        let told = match &made {
            Some(socket) => link.send_with(&ToAcme::Connection, &[socket.as_fd()]),
            None => link.send(&ToAcme::NoConnection(last)),
        };
        if told.is_err() {
            self.order_over("the acme process does not read what it is told");
        }
    }
}

fn challenge(order: &AcmeOrder) -> Challenge {
    match order.challenge {
        AcmeChallenge::Http01 => Challenge::Http01,
        AcmeChallenge::TlsAlpn01 => Challenge::TlsAlpn01,
    }
}

/// Opens the sockets for the authority's calls: on the addresses that clients call, and without such on all.
fn listening(config: &Config, order: &AcmeOrder) -> Result<Vec<OwnedFd>, Failure> {
    let listen = &config.listen;
    let ip = |is_on, written: &Option<bstr::BString>| {
        let text = written.as_ref().filter(|_| is_on)?.to_string();
        text.parse::<IpAddr>().ok()
    };
    let open = |ip, family| {
        let address = SocketAddr::new(ip, order.port);
        socket::listening(address, family).map_err(|error| {
            Failure::from(format!(
                "{error}; the authority's calls arrive there: free the port, or use the other acme_challenge"
            ))
        })
    };
    let of_clients =
        [ip(listen.listen, &listen.listen_address), ip(listen.listen_ipv6, &listen.listen_address6)];
    if of_clients == [None, None] {
        let (v4, v6) = (Ipv4Addr::UNSPECIFIED.into(), Ipv6Addr::UNSPECIFIED.into());
        // Where there is no IPv6, the other tells what is wrong.
        return Ok(vec![open(v6, Family::Dual).or_else(|_| open(v4, Family::Only))?]);
    }
    of_clients.into_iter().flatten().map(|ip| open(ip, Family::Only)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_authority_calls_where_clients_call() {
        let order = |text: &str| {
            let text = format!("ssl_enable=YES\nacme_accept_terms=YES\nacme_domains=a.example\n{text}");
            let config = wharf_config::parse(text.as_bytes(), None, &Config::default()).unwrap().config;
            let mut order = config.acme_order().unwrap();
            // Whichever is free.
            order.port = 0;
            let sockets = listening(&config, &order).map_err(|failure| failure.reason);
            sockets
                .map(|all| all.iter().map(|it| socket::local_address(it).unwrap().ip()).collect::<Vec<_>>())
        };
        let loopback = IpAddr::V4(Ipv4Addr::LOCALHOST);
        assert_eq!(order("listen_address=127.0.0.1\n"), Ok(vec![loopback]));
        assert!(order("listen_address=192.0.2.1\n").unwrap_err().contains("cannot listen on 192.0.2.1"));
        let all = order("").unwrap();
        assert!(all.len() == 1 && all[0].is_unspecified(), "{all:?}");
        assert_eq!(order("listen_ipv6=YES\nlisten_address=127.0.0.1\n"), Ok(vec![loopback]));
    }
}
