//! The server from inside: what clients are told, whether somebody listens, what the router does.

use std::net::{IpAddr, Ipv4Addr, SocketAddrV4, UdpSocket};
use std::time::Duration;

use wharf_config::Config;
use wharf_ipc::mapper::{Protocol, Report, Wish};
use wharf_proto::scope;

use super::finding::{Findings, State};
use super::{firewall, kernel};
use crate::monitor::mapper::{self, Mapper};
use crate::monitor::{resolver, status};
use crate::surroundings;

/// How long the router and the STUN server may take together.
const PATIENCE: Duration = Duration::from_secs(20);

/// A table entry of `/proc/net/tcp` that listens.
const LISTEN: &str = "0A";

/// Looks at everything that can be seen from here.
pub(super) fn examine(config: &Config) -> Findings {
    let mut findings = Findings::default();
    let own = own_address();
    let report =
        own.filter(|address| scope::is_local(*address)).and_then(|_| ask_router(config, &mut findings));
    told(config, own, report.as_ref(), &mut findings);
    let ports = config.ports_for_clients();
    findings.add(
        State::Note,
        "ports",
        format!("clients connect to TCP {}: these must be open on the way", surroundings::ports(&ports)),
    );
    listens(config.listen.listen_port, &mut findings);
    firewall::examine(&ports, &mut findings);
    if let Some(report) = &report {
        router(config, &ports, report, &mut findings);
    }
    let (lowest, highest) = config.passive_range();
    kernel::examine(lowest, highest, config.limits.max_clients, &mut findings);
    findings
}

/// This machine's own address towards the world. Nothing is sent: connecting a datagram socket asks the routing table.
fn own_address() -> Option<Ipv4Addr> {
    let socket = UdpSocket::bind((Ipv4Addr::UNSPECIFIED, 0)).ok()?;
    socket.connect((Ipv4Addr::new(192, 0, 2, 1), 9)).ok()?;
    match socket.local_addr().ok()?.ip() {
        IpAddr::V4(address) => Some(address),
        IpAddr::V6(_) => None,
    }
}

fn ask_router(config: &Config, findings: &mut Findings) -> Option<Report> {
    let stun = config.stun_server().ok().flatten().and_then(|server| match resolver::ask(&server.host) {
        Ok(address) => Some(SocketAddrV4::new(address, server.port)),
        Err(error) => {
            findings.add(
                State::Trouble,
                "stun",
                format!("the STUN server {} is not found: {error}", server.host),
            );
            None
        }
    });
    let wish = Wish {
        router: surroundings::router(),
        ports: config.ports_for_clients().into_iter().take(wharf_config::MOST_MAPPED + 1).collect(),
        outside: true,
        stun,
        look: true,
        ..Wish::default()
    };
    let report = mapper::user(config)
        .and_then(|user| Mapper::start(user, wish))
        .and_then(|it| it.first_report(PATIENCE));
    match report {
        Ok(report) => Some(report),
        Err(error) => {
            findings.add(State::Unclear, "router", format!("the router could not be asked: {error}"));
            None
        }
    }
}

/// What PASV tells, and whether that leads here.
fn told(config: &Config, own: Option<Ipv4Addr>, report: Option<&Report>, findings: &mut Findings) {
    for rule in config.addresses_for().unwrap_or_default() {
        let sentence = format!("PASV tells clients of {}/{}: {}", rule.network, rule.length, rule.address);
        findings.add(State::Good, "address", sentence);
    }
    let outside =
        report.and_then(|report| report.by_stun.or(report.by_router)).filter(|it| !scope::is_local(*it));
    let own_text = own.map_or_else(|| "unknown".to_owned(), |own| own.to_string());
    let is_private = own.is_some_and(scope::is_local);
    let Some(text) = &config.data.pasv_address else {
        let sentence =
            format!("PASV tells clients the address they connect to; this machine's is {own_text}");
        return match (is_private, outside) {
            (true, outside) => {
                let sentence =
                    format!("{sentence}, which is private: clients on the Internet cannot reach it");
                let cure = outside.map_or_else(
                    || {
                        "pasv_address=auto (with stun_server, where the router does not tell its address)"
                            .to_owned()
                    },
                    |outside| format!("pasv_address=auto (now {outside})"),
                );
                findings.add_with_cure(State::Trouble, "address", sentence, cure);
            }
            (false, _) => findings.add(State::Good, "address", sentence),
        };
    };
    if config.finds_its_address() {
        return match (is_private, outside) {
            (false, _) => findings.add(
                State::Good,
                "address",
                format!("PASV tells clients this machine's own public address, {own_text}"),
            ),
            (true, Some(outside)) => findings.add(
                State::Good,
                "address",
                format!("PASV tells clients of private networks {own_text}, all others {outside}"),
            ),
            (true, None) => findings.add_with_cure(
                State::Trouble,
                "address",
                format!("the address outside cannot be found out, so PASV tells everybody {own_text}"),
                "stun_server=HOST, or pasv_address=ADDRESS",
            ),
        };
    }
    let text = String::from_utf8_lossy(text);
    match resolver::ask(&text) {
        Err(error) => {
            let cure = "write a name that exists, the address itself, or auto";
            findings.add_with_cure(
                State::Trouble,
                "address",
                format!("pasv_address={text} is not found: {error}"),
                cure,
            );
        }
        Ok(address) => compare(address, outside.or(own.filter(|_| !is_private)), findings),
    }
}

/// The configured address against the one that is known.
fn compare(address: Ipv4Addr, outside: Option<Ipv4Addr>, findings: &mut Findings) {
    let sentence = format!("PASV tells clients {address} (pasv_address)");
    match outside {
        Some(outside) if outside != address => findings.add_with_cure(
            State::Trouble,
            "address",
            format!("{sentence}, but this machine is reached at {outside}"),
            format!("pasv_address={outside}, or pasv_address=auto, which follows it"),
        ),
        _ if scope::is_local(address) => findings.add_with_cure(
            State::Trouble,
            "address",
            format!("{sentence}, which is private: clients on the Internet cannot reach it"),
            "pasv_address=auto",
        ),
        _ => findings.add(State::Good, "address", sentence),
    }
}

fn listens(port: u16, findings: &mut Findings) {
    let tables =
        ["/proc/net/tcp", "/proc/net/tcp6"].map(|path| std::fs::read_to_string(path).unwrap_or_default());
    if tables.iter().any(|table| has_listener(table, port)) {
        findings.add(State::Good, "server", format!("a server listens on TCP {port}"));
    } else {
        let sentence = format!("nobody listens on TCP {port} here");
        findings.add_with_cure(State::Trouble, "server", sentence, "systemctl start wharfd");
    }
}

fn has_listener(table: &str, port: u16) -> bool {
    table.lines().skip(1).any(|line| {
        let words: Vec<&str> = line.split_whitespace().collect();
        let local = words.get(1).and_then(|local| local.rsplit(':').next());
        let is_port = local.and_then(|hex| u16::from_str_radix(hex, 16).ok()) == Some(port);
        is_port && words.get(3) == Some(&LISTEN)
    })
}

/// Whether the router lets clients through, for a machine behind one.
fn router(config: &Config, ports: &[u16], report: &Report, findings: &mut Findings) {
    if let Some(address) = report.by_router.filter(|address| scope::is_local(*address)) {
        let whose = if scope::is_carriers(address) { "a carrier's" } else { "another router's" };
        findings.add_with_cure(
            State::Trouble,
            "router",
            format!(
                "the router's own address outside is {address}: {whose} translation follows, and nobody on the Internet \
                 can connect"
            ),
            "ask the provider for a public IPv4 address, or serve over IPv6 (listen_ipv6=YES; clients use EPSV)",
        );
    } else if let (Some(by_router), Some(by_stun)) = (report.by_router, report.by_stun)
        && by_router != by_stun
    {
        let sentence = format!(
            "the router says {by_router}, the Internet sees {by_stun}: another translation is on the way"
        );
        findings.add(State::Trouble, "router", sentence);
    }
    let by_server = mapped_by_server(config);
    let missing: Vec<u16> = ports
        .iter()
        .copied()
        .filter(|port| !report.mapped.contains(port) && !by_server.contains(port))
        .collect();
    let list = surroundings::ports(&missing);
    if missing.is_empty() {
        return findings.add(State::Good, "router", "the router forwards these ports to this machine");
    }
    let local = report.local.map_or_else(|| "this machine".to_owned(), |local| local.to_string());
    let by_hand = format!("on the router's pages, forward TCP {list} to {local}");
    match report.protocol {
        Some(Protocol::Upnp) => {
            let sentence = format!(
                "the router (UPnP) has no mapping of TCP {list} to this machine; a rule made on its pages is not seen here"
            );
            findings.add_with_cure(
                State::Trouble,
                "router",
                sentence,
                format!("port_mapping=auto, or {by_hand}"),
            );
        }
        Some(protocol) => {
            let sentence = format!("whether the router forwards TCP {list} cannot be asked by {protocol}");
            findings.add_with_cure(
                State::Unclear,
                "router",
                sentence,
                format!("port_mapping=auto, or {by_hand}"),
            );
        }
        None => {
            let router =
                surroundings::router().map_or_else(|| "no router".to_owned(), |router| router.to_string());
            let sentence = format!(
                "{router} answers neither NAT-PMP nor UPnP, so whether it forwards TCP {list} is not known"
            );
            let cure = format!("{by_hand}; then run `wharfd doctor --probe` on a machine outside");
            findings.add_with_cure(State::Unclear, "router", sentence, cure);
        }
    }
}

/// The ports that a running server had mapped, as its status file says.
fn mapped_by_server(config: &Config) -> Vec<u16> {
    let path = status::path(config).unwrap_or_else(|| status::USUAL.into());
    let text = std::fs::read_to_string(path).unwrap_or_default();
    let line = text.lines().find_map(|line| line.strip_prefix("router: forwards "));
    let list = line.and_then(|line| line.split(" by ").next()).unwrap_or_default();
    let bounds = |part: &str| -> Option<std::ops::RangeInclusive<u16>> {
        let (lowest, highest) = part.split_once('-').unwrap_or((part, part));
        Some(lowest.parse().ok()?..=highest.parse().ok()?)
    };
    list.split(", ").filter_map(bounds).flatten().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config(text: &str) -> Config {
        wharf_config::parse(text.as_bytes(), None, &Config::default()).unwrap().config
    }

    fn about_address(text: &str, own: &str, outside: Option<&str>) -> (State, String) {
        let mut findings = Findings::default();
        let by_stun = outside.map(|outside| outside.parse().unwrap());
        let report = Report { by_stun, ..Report::default() };
        told(&config(text), own.parse().ok(), Some(&report), &mut findings);
        let finding = findings.0.pop().unwrap();
        (finding.state, finding.sentence + &finding.cure.unwrap_or_default())
    }

    #[test]
    fn a_private_address_is_a_trouble_and_its_cure_names_the_public_one() {
        let (state, text) = about_address("", "192.168.1.5", Some("203.0.113.9"));
        assert!(state == State::Trouble && text.contains("pasv_address=auto (now 203.0.113.9)"), "{text}");
        assert_eq!(about_address("", "203.0.113.9", None).0, State::Good);
        assert_eq!(about_address("pasv_address=auto", "192.168.1.5", Some("203.0.113.9")).0, State::Good);
        assert_eq!(about_address("pasv_address=auto", "192.168.1.5", None).0, State::Trouble);
    }

    #[test]
    fn an_address_that_contradicts_the_one_outside_is_a_trouble() {
        let (state, text) = about_address("pasv_address=203.0.113.8", "192.168.1.5", Some("203.0.113.9"));
        assert!(state == State::Trouble && text.contains("reached at 203.0.113.9"), "{text}");
        assert_eq!(
            about_address("pasv_address=203.0.113.9", "192.168.1.5", Some("203.0.113.9")).0,
            State::Good
        );
        assert_eq!(about_address("pasv_address=192.168.1.5", "192.168.1.5", None).0, State::Trouble);
    }

    #[test]
    fn a_carriers_translation_is_named() {
        let mut findings = Findings::default();
        let report =
            Report { by_router: Some([100, 64, 3, 4].into()), mapped: vec![21], ..Report::default() };
        router(&config(""), &[21], &report, &mut findings);
        assert!(findings.0[0].sentence.contains("a carrier's translation"), "{findings}");
        assert!(findings.has_trouble());
    }

    #[test]
    fn listening_sockets_are_found_by_their_port() {
        let table = "  sl  local_address rem_address   st\n   0: 00000000:0015 00000000:0000 0A 0:0\n   1: 00000000:0016 1:2 01 0\n";
        assert!(has_listener(table, 21) && !has_listener(table, 22));
    }
}
