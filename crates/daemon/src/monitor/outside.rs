//! The address outside: looked up beside everything else, handed to the workers when it changes, and missed aloud when a
//! client was told one that leads nowhere.
//!
//! Two things can be meant by it: a host name in `pasv_address`, and what `pasv_address=auto` finds out. Names are looked
//! up by a resolver each, the router and the STUN server are asked by the mapper. Nobody waits for either.

use std::cell::OnceCell;
use std::collections::{HashMap, HashSet};
use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddrV4};
use std::os::fd::AsFd;
use std::path::PathBuf;
use std::time::Duration;

use wharf_ipc::link::Link;
use wharf_ipc::mapper::{MOST_PORTS, Report};
use wharf_ipc::monitor::ToWorker;
use wharf_os::epoll::Interest;
use wharf_os::spawn::{Child, Launch};
use wharf_proto::scope;

use super::mapper::Mapper;
use super::workers::end;
use super::{Due, Monitor, key, resolver};
use crate::surroundings;

/// How long a name server may take; then the last answer stays.
const NAME_TIME: Duration = Duration::from_secs(20);

/// How soon a name that was not found is looked up again.
const AGAIN: Duration = Duration::from_secs(30);

/// How many causes are remembered, so that a warning is given once.
const MOST_CAUSES: usize = 64;

/// What is known of the address outside.
#[derive(Default)]
pub(super) struct Outside {
    pub(super) mapper: Option<Mapper>,
    /// What tells our mappings from those of others, also when the mapper has died and another goes on.
    pub(super) nonce: Option<[u8; 12]>,
    /// What the mapper said last.
    pub(super) report: Report,
    /// Where the name in `pasv_address` leads.
    named: Option<Ipv4Addr>,
    /// Where the name of the STUN server leads.
    pub(super) stun: Option<SocketAddrV4>,
    /// What the workers were told.
    told: Option<Ipv4Addr>,
    asked: HashMap<u64, Asked>,
    last_number: u64,
    /// Only looking up that was planned since the last reload counts.
    generation: u64,
    warned: HashSet<(Ipv4Addr, &'static str)>,
    /// Where the state is written for `wharfd status`, decided at the start.
    pub(super) status_file: OnceCell<Option<PathBuf>>,
}

/// A name that is being looked up.
struct Asked {
    child: Child,
    link: Link<(), resolver::Found>,
    what: What,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum What {
    PassiveAddress,
    Stun(u16),
}

impl Outside {
    /// What a worker is told.
    pub(super) fn word(&self) -> ToWorker {
        ToWorker::Outside { address: self.told }
    }

    /// The address that workers were told.
    pub(super) fn told(&self) -> Option<Ipv4Addr> {
        self.told
    }

    pub(super) fn children(&mut self) -> impl Iterator<Item = &mut Child> {
        self.asked.values_mut().map(|asked| &mut asked.child)
    }

    /// The address that was found out, and who told it. Private ones are no use outside.
    pub(super) fn found(&self) -> Option<(Ipv4Addr, &'static str)> {
        let public = |address: &Ipv4Addr| !scope::is_local(*address);
        let stun = self.report.by_stun.filter(public).map(|address| (address, "the STUN server"));
        stun.or(self.report.by_router.filter(public).map(|address| (address, "the router")))
    }
}

impl Monitor {
    /// Begins with the configuration as it is now, at the start and after a reload.
    pub(super) fn renew_outside(&mut self) {
        self.outside.generation += 1;
        self.outside.warned.clear();
        self.outside.named = self.settings.passive_address;
        self.outside.stun = None;
        self.plan(self.settings.config.nat.pasv_address_refresh.into());
        self.look_up_stun();
        self.renew_mapper();
        self.tell_outside();
    }

    fn plan(&mut self, seconds: u64) {
        let config = &self.settings.config;
        let is_named = config.data.pasv_addr_resolve || config.nat.stun_server.is_some();
        if seconds > 0 && is_named {
            self.in_time(Duration::from_secs(seconds), self.outside.generation, Due::Address);
        }
    }

    /// It is time to look names up again.
    pub(super) fn address_due(&mut self, generation: u64) {
        if generation != self.outside.generation || self.end.is_some() {
            return;
        }
        self.plan(self.settings.config.nat.pasv_address_refresh.into());
        let config = &self.settings.config;
        if config.data.pasv_addr_resolve && !config.finds_its_address() {
            let name =
                config.data.pasv_address.as_ref().map(|name| String::from_utf8_lossy(name).into_owned());
            name.into_iter().for_each(|name| self.look_name_up(&name, What::PassiveAddress));
        }
        self.look_up_stun();
    }

    fn look_up_stun(&mut self) {
        let config = &self.settings.config;
        let server = config.stun_server().ok().flatten().filter(|_| config.finds_its_address());
        let Some(server) = server else { return };
        match server.host.parse() {
            Ok(address) => self.outside.stun = Some(SocketAddrV4::new(address, server.port)),
            Err(_) => self.look_name_up(&server.host, What::Stun(server.port)),
        }
    }

    fn look_name_up(&mut self, name: &str, what: What) {
        // One at a time for each: a name server that is stuck must not gather processes.
        if self.outside.asked.values().any(|asked| asked.what == what) {
            return;
        }
        if let Err(error) = self.start_resolver(name, what) {
            wharf_os::say!("wharfd: monitor: cannot look up {name}: {error}");
        }
    }

    fn start_resolver(&mut self, name: &str, what: What) -> io::Result<()> {
        let (ours, theirs) = Link::<(), resolver::Found>::pair()?;
        let child = Launch::new("resolver").descriptor("monitor", theirs.as_fd()).argument(name).start()?;
        ours.set_nonblocking(true)?;
        self.outside.last_number += 1;
        let number = self.outside.last_number;
        self.poller.add(&ours, key::ADDRESS | number, Interest::Read)?;
        self.outside.asked.insert(number, Asked { child, link: ours, what });
        self.in_time(NAME_TIME, number, Due::AddressOver);
        Ok(())
    }

    pub(super) fn hear_address(&mut self, number: u64) {
        let Some(asked) = self.outside.asked.get(&number) else { return };
        match asked.link.receive(&mut self.scratch) {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
            Ok(Some(received)) => match received.message {
                resolver::Found::Address(address) => self.address_found(number, address),
                _ => self.address_found(number, None),
            },
            Ok(None) | Err(_) => self.address_found(number, None),
        }
    }

    /// The time for a name is over, or its answer is here; without one the last good one stays.
    pub(super) fn address_found(&mut self, number: u64, address: Option<Ipv4Addr>) {
        let Some(mut asked) = self.outside.asked.remove(&number) else { return };
        let _ = self.poller.remove(&asked.link);
        end(&mut asked.child);
        match (asked.what, address) {
            (What::PassiveAddress, Some(address)) => {
                self.outside.named = Some(address);
                self.tell_outside();
            }
            (What::Stun(port), Some(address)) => {
                let server = Some(SocketAddrV4::new(address, port));
                if self.outside.stun != server {
                    self.outside.stun = server;
                    self.renew_mapper();
                }
            }
            (what, None) => {
                let option = if what == What::PassiveAddress { "pasv_address" } else { "stun_server" };
                wharf_os::say!(
                    "wharfd: monitor: the name in {option} was not found this time; the last address stays"
                );
                let soon = u64::from(self.settings.config.nat.pasv_address_refresh).min(AGAIN.as_secs());
                self.outside.generation += 1;
                self.plan(soon);
            }
        }
    }

    /// Hears how things stand with the router, and tells the administrator what is new.
    pub(super) fn stands(&mut self, report: Report) {
        let before = std::mem::replace(&mut self.outside.report, believable(report));
        for sentence in news(&before, &self.outside.report) {
            wharf_os::say!("wharfd: mapper: {sentence}");
        }
        self.tell_outside();
        self.write_status();
    }

    /// Hands the address to the workers when it has changed.
    fn tell_outside(&mut self) {
        let config = &self.settings.config;
        // What was found stays in force until something else is.
        let found = match config.finds_its_address() {
            true => self.outside.found().map(|(address, _)| address).or(self.outside.told),
            false => self.outside.named,
        };
        if found != self.outside.told {
            self.outside.told = found;
            if let Some(address) = found {
                let by = self.outside.found().filter(|_| config.finds_its_address());
                let by = by.map_or("the name server", |(_, by)| by);
                wharf_os::say!("wharfd: monitor: the address outside is {address}, as {by} tells it");
            }
            self.hand_out_address();
        }
        self.write_status();
    }

    /// A public client was told a private address: said once for each cause.
    pub(super) fn misled(&mut self, peer: IpAddr, announced: Ipv4Addr) {
        let (cause, cure) = self.why_private();
        if self.outside.warned.len() >= MOST_CAUSES || !self.outside.warned.insert((announced, cause)) {
            return;
        }
        wharf_os::say!(
            "wharfd: warning: PASV told the client {peer} the private address {announced}, which it cannot reach: {cause}\n  \
             = help: {cure}"
        );
    }

    fn why_private(&self) -> (&'static str, &'static str) {
        let config = &self.settings.config;
        let report = &self.outside.report;
        let is_carriers = report.by_router.is_some_and(scope::is_local);
        match &config.data.pasv_address {
            None => ("pasv_address is not set", "set pasv_address=auto, or to the public address"),
            Some(_) if !config.finds_its_address() => {
                ("pasv_address or pasv_address_for says so", "set it to the public address, or to auto")
            }
            Some(_) if is_carriers => (
                "the router's own address outside is private too, so another translation follows",
                "set stun_server, and ask the provider for a public address: nobody outside can connect without one",
            ),
            Some(_) if config.nat.stun_server.is_some() => {
                ("neither the router nor the STUN server has told the address outside", "run `wharfd doctor`")
            }
            Some(_) => {
                ("the router has not told its address outside", "set stun_server, or run `wharfd doctor`")
            }
        }
    }
}

/// What the mapper says goes to logs: its words are one short line each, and its lists are no longer than what was asked.
fn believable(mut report: Report) -> Report {
    let short = |text: String| -> String {
        text.chars().map(|letter| if letter.is_control() { ' ' } else { letter }).take(300).collect()
    };
    report.trouble = report.trouble.map(short);
    report.stun_trouble = report.stun_trouble.map(short);
    report.mapped.truncate(MOST_PORTS);
    report.refused.truncate(MOST_PORTS);
    report
}

/// What an administrator wants to know of what has changed.
fn news(before: &Report, now: &Report) -> Vec<String> {
    let mut sentences = Vec::new();
    if now.restarts > before.restarts {
        sentences
            .push("the router was restarted and had forgotten us; the ports are asked for again".to_owned());
    }
    if now.mapped != before.mapped && !now.mapped.is_empty() {
        let by = now.protocol.map_or_else(String::new, |protocol| format!(" ({protocol})"));
        let until = match now.lifetime {
            0 => "until it is told otherwise".to_owned(),
            seconds => format!("for {seconds} s at a time"),
        };
        let ports = surroundings::ports(&now.mapped);
        sentences.push(format!("the router forwards {ports} to this machine, {until}{by}"));
    }
    if (now.refused != before.refused || now.trouble != before.trouble) && !now.refused.is_empty() {
        let why = now.trouble.as_deref().unwrap_or("it does not say why");
        let ports = surroundings::ports(&now.refused);
        sentences.push(format!("warning: the router does not forward {ports}: {why}"));
    }
    let is_found = now.by_router.or(now.by_stun).is_some();
    if now.refused.is_empty() && !is_found && now.trouble != before.trouble {
        let told =
            now.trouble.as_ref().map(|why| format!("warning: the address outside is not known: {why}"));
        sentences.extend(told);
    }
    if now.stun_trouble != before.stun_trouble {
        let told = now.stun_trouble.as_ref().map(|why| format!("warning: the STUN server {why}"));
        sentences.extend(told);
    }
    if let Some(address) = now.by_router.filter(|address| scope::is_local(*address))
        && now.by_router != before.by_router
    {
        sentences.push(format!(
            "warning: the router's own address outside is {address}, which is no public one: another translation \
             follows, perhaps a carrier's, and nobody outside can connect"
        ));
    }
    sentences
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_new_is_told_and_what_is_not_is_not() {
        let mapped = Report { mapped: vec![21, 50000, 50001], lifetime: 60, ..Report::default() };
        let told = news(&Report::default(), &mapped);
        assert_eq!(told, ["the router forwards 21, 50000-50001 to this machine, for 60 s at a time"]);
        assert!(news(&mapped, &mapped).is_empty());
        let carrier = Report { by_router: Some(Ipv4Addr::new(100, 64, 0, 9)), ..mapped.clone() };
        assert!(news(&mapped, &carrier)[0].contains("no public one"));
        let silent = Report { trouble: Some("no answer".into()), ..Report::default() };
        let told = news(&Report::default(), &silent);
        assert_eq!(told, ["warning: the address outside is not known: no answer"]);
        assert!(news(&silent, &silent).is_empty());
    }

    #[test]
    fn a_mapper_that_was_taken_over_writes_no_lines_of_its_own() {
        let trouble = Some(format!("no\nwharfd: all is well{}", "x".repeat(5000)));
        let report = believable(Report { trouble, mapped: vec![1; 1000], ..Report::default() });
        let trouble = report.trouble.unwrap();
        assert!(!trouble.contains('\n') && trouble.chars().count() == 300);
        assert_eq!(report.mapped.len(), MOST_PORTS);
    }

    #[test]
    fn a_private_address_outside_is_never_taken_for_a_public_one() {
        let mut outside = Outside::default();
        outside.report.by_router = Some(Ipv4Addr::new(100, 64, 0, 9));
        assert_eq!(outside.found(), None);
        outside.report.by_stun = Some(Ipv4Addr::new(203, 0, 113, 9));
        assert_eq!(outside.found(), Some((Ipv4Addr::new(203, 0, 113, 9), "the STUN server")));
    }
}
