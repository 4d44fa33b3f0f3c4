//! What the mapper does and when: finding a way to speak to the router, mapping, renewing, noticing a restart, asking for
//! the address outside, withdrawing.
//!
//! Every turn does what is due and says when the next is. A router that is silent is tried again later, by every protocol
//! that is permitted: it may have been exchanged for another.

use std::collections::BTreeMap;
use std::net::{Ipv4Addr, SocketAddr, UdpSocket};
use std::time::{Duration, Instant};

use wharf_ipc::mapper::{MOST_PORTS, Mapping, Protocol, Report, Wish};
use wharf_nat::ask::{Gateway, Router};
use wharf_nat::epoch::Epoch;
use wharf_nat::{Fault, pcp};

use super::way::{Grant, Way, is_about_the_port, stun};

/// How often a router is asked whether it still knows us.
const CHECK: Duration = Duration::from_secs(60);

/// How long further announcements are not listened to: routers repeat them, and strangers could forge them.
const DEAF: Duration = Duration::from_secs(2);

/// Where announcements go, to everybody on the network (RFC 6886 §3.2.1, RFC 6887 §14.1.1).
const ANNOUNCEMENTS: u16 = 5350;

/// How soon what failed is tried again.
const AGAIN: Duration = Duration::from_secs(30);

/// How soon a question that was not answered is asked again, and how many in a row mean that nobody is there.
const SOON: Duration = Duration::from_secs(2);
const MOST_SILENCES: u32 = 3;

/// A mapping that stays until it is withdrawn is looked after as if it had this lifetime.
const FOR_EVER: u32 = 7200;

/// What is known and held.
pub(super) struct Work {
    wish: Wish,
    way: Option<Way>,
    /// When each mapped port is to be renewed.
    held: BTreeMap<u16, Instant>,
    /// Ports that were refused are asked for again then.
    refused: BTreeMap<u16, Instant>,
    epoch: Epoch,
    began: Instant,
    /// When the router is looked for again, while there is no way to it.
    look: Option<Instant>,
    check: Option<Instant>,
    /// Where routers tell everybody that they were restarted, while a port is to be mapped.
    ear: Option<UdpSocket>,
    /// When something was heard there last.
    heard: Option<Instant>,
    outside: Option<Instant>,
    /// How many questions in a row the router did not answer.
    silences: u32,
    /// A wish was not carried out to its end yet.
    is_new: bool,
    report: Report,
}

impl Default for Work {
    fn default() -> Self {
        Self {
            wish: Wish::default(),
            way: None,
            held: BTreeMap::new(),
            refused: BTreeMap::new(),
            epoch: Epoch::default(),
            began: Instant::now(),
            look: None,
            check: None,
            ear: None,
            heard: None,
            outside: None,
            silences: 0,
            is_new: false,
            report: Report::default(),
        }
    }
}

impl Work {
    /// Begins with a wish. Ports that are no longer wanted are withdrawn; those that are stay mapped.
    pub(super) fn take(&mut self, mut wish: Wish) {
        wish.ports.truncate(MOST_PORTS);
        let is_elsewhere = wish.router != self.wish.router || wish.mapping != self.wish.mapping;
        let end = Instant::now() + CHECK / 10;
        if is_elsewhere {
            self.withdraw(end);
            self.way = None;
            self.report = Report { restarts: self.report.restarts, ..Report::default() };
        } else {
            let gone: Vec<u16> =
                self.held.keys().copied().filter(|port| !wish.ports.contains(port)).collect();
            gone.iter().for_each(|port| self.release(*port));
        }
        self.refused.clear();
        self.report.trouble = None;
        self.report.by_stun = self.report.by_stun.filter(|_| wish.stun.is_some());
        self.report.stun_trouble = None;
        self.look = wish.mapping.map(|_| Instant::now());
        self.outside = (wish.outside || wish.look).then(Instant::now);
        self.check = None;
        // Another program that listens there is no misfortune: then a restart is noticed at the next check.
        self.ear = self.ear.take().or_else(listen).filter(|_| wish.mapping.is_some());
        self.is_new = true;
        self.wish = wish;
    }

    /// Where a restarted router is heard.
    pub(super) fn ear(&self) -> Option<&UdpSocket> {
        self.ear.as_ref()
    }

    /// Hears what was announced. Only that something was counts, and only from the router: what has changed is asked of it.
    pub(super) fn hear(&mut self) {
        let Some(ear) = &self.ear else { return };
        let mut announcement = [0; 64];
        let Ok((_, sender)) = ear.recv_from(&mut announcement) else { return };
        let router = self.wish.router.map(|router| SocketAddr::from((router, pcp::PORT)));
        if Some(sender) == router && self.heard.is_none_or(|last| last.elapsed() > DEAF) {
            self.heard = Some(Instant::now());
            self.check = Some(Instant::now());
            self.look = self.look.map(|_| Instant::now());
        }
    }

    /// When there is something to do.
    pub(super) fn due(&self) -> Option<Instant> {
        let look = self.look.filter(|_| self.way.is_none());
        let renew = self.held.values().chain(self.refused.values()).min().copied();
        let check = self.check.filter(|_| self.way.is_some());
        let due = [look, renew, check, self.outside].into_iter().flatten().min();
        if self.is_new { Some(Instant::now()) } else { due }
    }

    pub(super) fn report(&self) -> &Report {
        &self.report
    }

    /// Whether the last wish has been carried out, as far as it can be.
    pub(super) fn is_settled(&self) -> bool {
        !self.is_new
    }

    /// Does what is due; stops early when the monitor has a word.
    pub(super) fn turn(&mut self, has_word: impl Fn() -> bool) {
        let now = Instant::now();
        let is_due = |at: Option<Instant>| at.is_some_and(|at| at <= now);
        if self.way.is_none() && is_due(self.look) {
            self.find_way();
        }
        if self.way.is_some() && is_due(self.check) {
            self.check_router();
        }
        while let Some(port) = self.next_port() {
            if has_word() {
                return;
            }
            self.map(port);
        }
        if is_due(self.outside) {
            self.find_outside();
        }
        self.is_new = false;
        self.summarise();
    }

    /// The next port that is to be mapped or renewed now.
    fn next_port(&self) -> Option<u16> {
        self.way.as_ref()?;
        let now = Instant::now();
        let waits = |port: &u16| {
            let until = self.held.get(port).or(self.refused.get(port));
            until.is_some_and(|until| *until > now)
        };
        self.wish.ports.iter().copied().find(|port| !waits(port))
    }

    /// Tries the permitted protocols with the first port, which is that of the control connection.
    fn find_way(&mut self) {
        self.look = Some(Instant::now() + AGAIN);
        let (Some(mapping), Some(gateway)) = (self.wish.mapping, self.wish.router) else {
            self.report.trouble =
                Some("this machine has no default route, so there is no router to ask".into());
            return;
        };
        let order = match mapping {
            Mapping::Only(protocol) => vec![protocol],
            Mapping::Any => vec![Protocol::Pcp, Protocol::NatPmp, Protocol::Upnp],
        };
        let mut troubles = Vec::new();
        for protocol in order {
            match self.try_way(protocol, gateway) {
                Ok(()) => return,
                Err(fault) => troubles.push(format!("{protocol}: {fault}")),
            }
        }
        self.report.trouble = Some(troubles.join("; "));
    }

    fn try_way(&mut self, protocol: Protocol, gateway: Ipv4Addr) -> Result<(), Fault> {
        let way = Way::find(protocol, gateway)?;
        let Some(first) = self.wish.ports.first().copied() else { return Ok(()) };
        let granted = way.ask(first, self.wish.lifetime, self.wish.nonce);
        match granted {
            Err(fault) if !is_about_the_port(protocol, &fault) => Err(fault),
            granted => {
                self.report.local = Some(way.client());
                self.report.protocol = Some(protocol);
                self.report.trouble = None;
                self.epoch = Epoch::default();
                self.way = Some(way);
                self.check = Some(Instant::now() + self.check_interval());
                self.keep(first, granted);
                Ok(())
            }
        }
    }

    fn map(&mut self, port: u16) {
        let Some(way) = self.way.take() else { return };
        let granted = way.ask(port, self.wish.lifetime, self.wish.nonce);
        self.way = Some(way);
        self.keep(port, granted);
    }

    /// Notes how a request came out.
    fn keep(&mut self, port: u16, granted: Result<Grant, Fault>) {
        match granted {
            Ok(grant) => {
                let lasts = if grant.lifetime == 0 { FOR_EVER } else { grant.lifetime };
                let half = (Duration::from_secs(lasts.into()) / 2).max(Duration::from_secs(1));
                self.silences = 0;
                self.refused.remove(&port);
                self.held.insert(port, Instant::now() + half);
                self.report.lifetime = grant.lifetime;
                if grant.address.is_some() {
                    self.report.by_router = grant.address;
                }
                if grant.epoch.is_some_and(|epoch| self.epoch.is_reset_by(epoch, self.began.elapsed())) {
                    self.start_over(Some(port));
                }
            }
            Err(Fault::Silent | Fault::Network(_)) => {
                let again = Instant::now() + SOON;
                match self.held.get_mut(&port) {
                    Some(until) => *until = again,
                    None => drop(self.refused.insert(port, again)),
                }
                self.bear_silence();
            }
            Err(fault) => {
                self.silences = 0;
                self.held.remove(&port);
                self.refused.insert(port, Instant::now() + CHECK);
                self.report.trouble = Some(fault.to_string());
            }
        }
    }

    fn check_interval(&self) -> Duration {
        CHECK.min(Duration::from_secs(u64::from(self.wish.lifetime) / 2).max(Duration::from_secs(1)))
    }

    /// Asks the router whether it still knows us, and for the address outside.
    fn check_router(&mut self) {
        self.check = Some(Instant::now() + self.check_interval());
        let Some(first) = self.wish.ports.first().copied() else { return };
        match &self.way {
            // A renewal tells everything.
            Some(Way::Pcp(_)) => self.map(first),
            Some(Way::NatPmp(router)) => match router.outside() {
                Ok(outside) => {
                    self.report.by_router = outside.address;
                    if self.epoch.is_reset_by(outside.epoch, self.began.elapsed()) {
                        self.start_over(None);
                    }
                }
                Err(_) => self.bear_silence(),
            },
            Some(Way::Upnp(gateway)) => {
                let (leads, outside) = (gateway.leads_to_us(first), gateway.outside());
                match (leads, outside) {
                    (Err(Fault::Silent | Fault::Network(_)), _) => self.bear_silence(),
                    (leads, outside) => {
                        self.report.by_router = outside.unwrap_or(self.report.by_router);
                        if self.held.contains_key(&first) && leads != Ok(true) {
                            self.start_over(None);
                        }
                    }
                }
            }
            None => {}
        }
    }

    /// The router was restarted and has forgotten us: everything is asked for again, now.
    fn start_over(&mut self, but: Option<u16>) {
        self.report.restarts = self.report.restarts.saturating_add(1);
        let now = Instant::now();
        self.held.iter_mut().filter(|(port, _)| Some(**port) != but).for_each(|(_, until)| *until = now);
        self.refused.clear();
    }

    /// A router may be busy or a packet lost: one silence is borne, a third in a row is believed.
    fn bear_silence(&mut self) {
        self.silences += 1;
        if self.silences >= MOST_SILENCES {
            self.lose_way("the router does not answer any more");
        } else {
            self.check = Some(Instant::now() + SOON);
        }
    }

    fn lose_way(&mut self, why: &str) {
        self.silences = 0;
        self.way = None;
        self.held.clear();
        self.look = Some(Instant::now() + AGAIN.min(self.check_interval()));
        self.report.protocol = None;
        self.report.trouble = Some(why.into());
    }

    /// Asks the STUN server, and the router where mapping has not told the address already.
    fn find_outside(&mut self) {
        let mut wait = Duration::from_secs(self.wish.refresh.into());
        if let Some(server) = self.wish.stun {
            match stun(server) {
                Ok(address) => (self.report.by_stun, self.report.stun_trouble) = (Some(address), None),
                // The last good answer stays.
                Err(fault) => {
                    self.report.stun_trouble = Some(format!("{server}: {fault}"));
                    wait = wait.min(AGAIN);
                }
            }
        }
        if self.way.is_none() {
            match self.ask_router() {
                Some(address) => self.report.by_router = Some(address),
                None if self.report.by_stun.is_none() => wait = wait.min(AGAIN),
                None => {}
            }
        }
        if let (Some(Way::NatPmp(router)), None) = (&self.way, self.report.by_router) {
            self.report.by_router = router.outside().ok().and_then(|outside| outside.address);
        }
        if let (Some(Way::Upnp(gateway)), None) = (&self.way, self.report.by_router) {
            self.report.by_router = gateway.outside().ok().flatten();
        }
        self.outside = (!wait.is_zero()).then(|| Instant::now() + wait);
    }

    /// Asks the router for its address, by protocols that need no mapping for it.
    fn ask_router(&mut self) -> Option<Ipv4Addr> {
        let gateway = self.wish.router?;
        let router = Router::at(gateway).ok()?;
        self.report.local = Some(router.client());
        if !self.wish.look
            && let Ok(outside) = router.outside()
        {
            self.report.protocol = Some(Protocol::NatPmp);
            return outside.address;
        }
        match Gateway::find(gateway) {
            Ok(upnp) => {
                self.report.protocol = Some(Protocol::Upnp);
                if self.wish.look {
                    let leads = |port: &u16| upnp.leads_to_us(*port) == Ok(true);
                    self.report.mapped = self.wish.ports.iter().copied().filter(leads).collect();
                }
                upnp.outside().ok().flatten()
            }
            Err(fault) => {
                let outside = router.outside();
                match outside {
                    Ok(_) => self.report.protocol = Some(Protocol::NatPmp),
                    Err(_) => self.report.trouble = Some(format!("the router tells nothing ({fault})")),
                }
                outside.ok()?.address
            }
        }
    }

    fn summarise(&mut self) {
        if self.wish.mapping.is_some() {
            self.report.mapped = self.held.keys().copied().collect();
            let missing = |port: &u16| !self.held.contains_key(port);
            self.report.refused = self.wish.ports.iter().copied().filter(missing).collect();
            if self.report.refused.is_empty() {
                self.report.trouble = None;
            }
        }
    }

    /// Gives everything back, as far as the time allows.
    pub(super) fn withdraw(&mut self, end: Instant) {
        let ports: Vec<u16> = self.held.keys().copied().collect();
        for port in ports {
            if Instant::now() >= end {
                break;
            }
            self.release(port);
        }
        self.held.clear();
    }

    fn release(&mut self, port: u16) {
        self.held.remove(&port);
        if let Some(way) = &self.way {
            // A router that says no, or nothing, forgets it by itself in time.
            let _ = way.ask(port, 0, self.wish.nonce);
        }
    }
}

fn listen() -> Option<UdpSocket> {
    let ear = UdpSocket::bind((Ipv4Addr::UNSPECIFIED, ANNOUNCEMENTS)).ok()?;
    ear.set_nonblocking(true).ok()?;
    Some(ear)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn without_a_router_the_trouble_is_told_and_tried_again_later() {
        let mut work = Work::default();
        assert_eq!(work.due(), None);
        work.take(Wish { mapping: Some(Mapping::Any), ports: vec![21], lifetime: 60, ..Wish::default() });
        assert!(!work.is_settled());
        work.turn(|| false);
        assert!(work.is_settled());
        assert_eq!(work.report().refused, [21]);
        assert!(work.report().trouble.as_ref().unwrap().contains("no default route"));
        assert!(work.due().unwrap() > Instant::now() + AGAIN / 2);
    }
}
