//! Rules about listening, data connections and commands.

use super::{Rule, in_vain, is_changed, line};
use crate::problem::Problem;
use crate::{Config, Network};
use bstr::ByteSlice;
use std::net::IpAddr;

pub(super) const RULES: &[Rule] = &[
    nothing_listens,
    a_descriptor_is_none,
    the_protocol_is_turned_off,
    the_ipv4_address_is_bad,
    the_ipv6_address_is_bad,
    the_ipv4_address_is_unused,
    the_ipv6_address_is_unused,
    the_passive_address_is_bad,
    the_passive_address_leads_nowhere,
    a_name_is_resolved_that_is_not_there,
    the_highest_passive_port_is_ignored,
    the_lowest_passive_port_is_raised,
    few_ports_for_many_clients,
    implicit_encryption_is_not_where_clients_look,
    no_data_connection_is_possible,
    strangers_may_take_passive_transfers,
    the_server_may_attack_third_parties,
    the_data_port_is_unused,
    a_proxys_network_is_bad,
    anybody_may_be_a_proxy,
    a_command_is_admitted_and_refused,
    workers_are_counted_in_vain,
];

fn nothing_listens(config: &Config) -> Option<Problem> {
    let is_handed = config.listen_fds().is_ok_and(|all| all.iter().any(|one| !one.is_data));
    (!is_handed && !config.listen.listen && !config.listen.listen_ipv6).then(|| {
        Problem::note("nothing listens: one client is served, whose connection is the standard input (inetd)")
            .suggest("to serve by itself, set listen=YES or listen_ipv6=YES, or both")
    })
}

fn a_descriptor_is_none(config: &Config) -> Option<Problem> {
    let bad = config.listen_fds().err()?;
    Some(
        Problem::error(format!("bad listen_fds: {bad}"))
            .quote(line(config, "listen_fds"))
            .suggest("write numbers from 3 on, each once, for instance 3,4:data"),
    )
}

fn the_protocol_is_turned_off(config: &Config) -> Option<Problem> {
    (!config.process.ftp_enable).then(|| {
        Problem::error("vsftpd: both FTP and HTTP disabled!")
            .quote(line(config, "ftp_enable"))
            .suggest("remove the line; HTTP is not served")
    })
}

fn the_ipv4_address_is_bad(config: &Config) -> Option<Problem> {
    let bad = config.ipv4().err().filter(|_| config.listen.listen)?;
    let problem = Problem::error(bad.to_string()).quote(line(config, "listen_address"));
    Some(problem.suggest("write a numeric IPv4 address, for instance 192.0.2.10"))
}

fn the_ipv6_address_is_bad(config: &Config) -> Option<Problem> {
    let bad = config.ipv6().err().filter(|_| config.listen.listen_ipv6)?;
    let problem = Problem::error(bad.to_string()).quote(line(config, "listen_address6"));
    Some(problem.suggest("write a numeric IPv6 address, for instance 2001:db8::10"))
}

fn the_ipv4_address_is_unused(config: &Config) -> Option<Problem> {
    let unused = config.listen.listen_address.is_some() && !config.listen.listen;
    unused.then(|| in_vain(config, "listen_address", "listen=YES"))
}

fn the_ipv6_address_is_unused(config: &Config) -> Option<Problem> {
    let unused = config.listen.listen_address6.is_some() && !config.listen.listen_ipv6;
    unused.then(|| in_vain(config, "listen_address6", "listen_ipv6=YES"))
}

fn the_passive_address_is_bad(config: &Config) -> Option<Problem> {
    let address = config.data.pasv_address.as_ref().filter(|_| !config.data.pasv_addr_resolve)?;
    if config.finds_its_address() {
        return None;
    }
    let numeric = address.to_str().is_ok_and(|text| text.parse::<std::net::Ipv4Addr>().is_ok());
    (!numeric).then(|| {
        Problem::error("invalid pasv_address")
            .quote(line(config, "pasv_address"))
            .suggest("write a numeric IPv4 address or `auto`, or set pasv_addr_resolve=YES for a host name")
    })
}

fn the_passive_address_leads_nowhere(config: &Config) -> Option<Problem> {
    let address = config.data.pasv_address.as_ref()?.to_str().ok()?;
    let address = address.parse::<std::net::Ipv4Addr>().ok()?;
    let nowhere = address.is_unspecified() || address.is_broadcast() || address.is_multicast();
    nowhere.then(|| {
        Problem::warning(format!("no client can connect to {address}, which PASV tells them"))
            .quote(line(config, "pasv_address"))
            .suggest("write the address that clients reach, or remove the line")
    })
}

fn a_name_is_resolved_that_is_not_there(config: &Config) -> Option<Problem> {
    (config.data.pasv_addr_resolve && config.data.pasv_address.is_none()).then(|| {
        Problem::note("pasv_addr_resolve has no effect while pasv_address is not set")
            .quote(line(config, "pasv_addr_resolve"))
            .suggest("set pasv_address to the public host name, or remove the line")
    })
}

fn the_highest_passive_port_is_ignored(config: &Config) -> Option<Problem> {
    let (lowest, highest) = (config.data.pasv_min_port, config.data.pasv_max_port);
    (highest != 0 && highest < lowest).then(|| {
        Problem::warning(format!(
            "pasv_max_port is ignored, as it lies below pasv_min_port ({lowest}); ports up to 65535 are used"
        ))
        .quote(line(config, "pasv_max_port"))
        .suggest(format!("set pasv_min_port to the lower end of the range, or pasv_max_port above {lowest}"))
    })
}

fn the_lowest_passive_port_is_raised(config: &Config) -> Option<Problem> {
    (config.data.pasv_min_port < 1024)
        .then(|| Problem::note("pasv_min_port below 1024 means 1024").quote(line(config, "pasv_min_port")))
}

/// The passive ports: the lowest, the highest, and how many there are.
fn passive_range(config: &Config) -> (u16, u16, u32) {
    let lowest = config.data.pasv_min_port.max(1024);
    let highest = if config.data.pasv_max_port < lowest { u16::MAX } else { config.data.pasv_max_port };
    (lowest, highest, u32::from(highest - lowest) + 1)
}

fn few_ports_for_many_clients(config: &Config) -> Option<Problem> {
    let (lowest, highest, ports) = passive_range(config);
    let (clients, each) = (config.limits.max_clients, config.limits.max_per_ip);
    if !config.data.pasv_enable || config.data.pasv_max_port == 0 {
        return None;
    }
    let range = format!("{ports} passive ports ({lowest} to {highest})");
    let problem = if ports < each.clamp(1, 10) {
        Problem::warning(format!("only {range}: clients with several connections will wait for one another"))
    } else if ports < clients {
        Problem::note(format!("{range} for up to {clients} clients; vsftpd needs a port for each transfer"))
    } else {
        return None;
    };
    let cure = "widen the range of pasv_min_port and pasv_max_port, here and in the firewall";
    Some(problem.quote(line(config, "pasv_max_port")).suggest(cure))
}

fn implicit_encryption_is_not_where_clients_look(config: &Config) -> Option<Problem> {
    (config.tls.ssl_enable && config.tls.implicit_ssl && config.listen.listen_port == 21).then(|| {
        Problem::warning("implicit_ssl does not change the port: clients look for it on 990, not on 21")
            .quote(line(config, "implicit_ssl"))
            .suggest("set listen_port=990")
    })
}

fn no_data_connection_is_possible(config: &Config) -> Option<Problem> {
    (!config.data.pasv_enable && !config.data.port_enable).then(|| {
        Problem::warning("nothing can be transferred or listed: pasv_enable and port_enable are both off")
            .quote(line(config, "pasv_enable"))
            .suggest("set pasv_enable=YES")
    })
}

fn strangers_may_take_passive_transfers(config: &Config) -> Option<Problem> {
    config.data.pasv_promiscuous.then(|| {
        Problem::warning("data connections are taken from any address, so strangers can take over transfers")
            .quote(line(config, "pasv_promiscuous"))
            .suggest("set pasv_promiscuous=NO unless servers send files to each other")
    })
}

fn the_server_may_attack_third_parties(config: &Config) -> Option<Problem> {
    config.data.port_promiscuous.then(|| {
        Problem::warning("clients can make this server connect to any address and port")
            .quote(line(config, "port_promiscuous"))
            .suggest("set port_promiscuous=NO unless servers send files to each other")
    })
}

fn the_data_port_is_unused(config: &Config) -> Option<Problem> {
    let unused = is_changed(config, "ftp_data_port") && !config.data.connect_from_port_20;
    unused.then(|| in_vain(config, "ftp_data_port", "connect_from_port_20=YES"))
}

fn a_proxys_network_is_bad(config: &Config) -> Option<Problem> {
    let bad = config.proxies().err()?;
    Some(
        Problem::error(format!("bad proxy_protocol_from: {bad}"))
            .quote(line(config, "proxy_protocol_from"))
            .suggest("write numeric networks or addresses, for instance 10.0.0.0/8,192.0.2.1"),
    )
}

fn anybody_may_be_a_proxy(config: &Config) -> Option<Problem> {
    // No proxy of anybody's own.
    let outsiders: [IpAddr; 2] = [[8, 8, 8, 8].into(), [0x2001, 0x4860, 0x4860, 0, 0, 0, 0, 0x8888].into()];
    let proxies = config.proxies().ok()?;
    let is_open = |network: &Network| outsiders.iter().any(|outsider| network.contains(*outsider));
    proxies.iter().any(is_open).then(|| {
        Problem::warning("proxy_protocol_from lets clients of the whole Internet claim any address")
            .quote(line(config, "proxy_protocol_from"))
            .suggest("name the networks of your proxies only")
    })
}

fn a_command_is_admitted_and_refused(config: &Config) -> Option<Problem> {
    let denied = config.commands.cmds_denied.as_deref()?;
    let both = config.commands.cmds_allowed.as_deref()?.iter().find(|name| denied.contains(name))?;
    let message = format!("{} stands in cmds_allowed and in cmds_denied, and is refused", both);
    Some(Problem::note(message).quote(line(config, "cmds_denied")).suggest("remove it from one of the two"))
}

fn workers_are_counted_in_vain(config: &Config) -> Option<Problem> {
    let unused = config.wharf.session_workers != 0 && config.wharf.isolate_sessions;
    unused.then(|| in_vain(config, "session_workers", "isolate_sessions=NO"))
}

#[cfg(test)]
mod tests {
    use super::super::tests::{errors, notes, warnings};

    #[test]
    fn a_server_that_listens_nowhere_is_for_inetd() {
        assert!(notes("listen=NO").iter().any(|note| note.contains("inetd")));
        assert!(errors("listen=NO").is_empty());
    }

    #[test]
    fn bad_addresses_are_errors_only_where_they_are_used() {
        assert_eq!(errors("listen_address=localhost"), ["bad listen_address: localhost"]);
        assert!(errors("listen_address6=localhost").is_empty());
        assert_eq!(errors("listen_ipv6=YES\nlisten_address6=1.2.3.4"), ["bad listen_address6: 1.2.3.4"]);
        assert_eq!(errors("pasv_address=ftp.example.org"), ["invalid pasv_address"]);
        assert!(errors("pasv_address=ftp.example.org\npasv_addr_resolve=YES").is_empty());
    }

    #[test]
    fn a_maximum_below_the_minimum_is_told() {
        assert!(warnings("pasv_max_port=4000")[0].starts_with("pasv_max_port is ignored"));
        assert!(warnings("pasv_min_port=4000\npasv_max_port=4100").is_empty());
    }

    #[test]
    fn few_passive_ports_are_told_the_worse_the_fewer() {
        assert!(warnings("pasv_min_port=40000\npasv_max_port=40001")[0].starts_with("only 2 passive ports"));
        let text = "pasv_min_port=40000\npasv_max_port=40100\n";
        assert!(warnings(text).is_empty());
        assert!(notes(text).iter().any(|note| note.starts_with("101 passive ports (40000 to 40100)")));
        assert!(!notes(&format!("{text}max_clients=100")).iter().any(|note| note.contains("passive ports")));
    }

    #[test]
    fn a_passive_address_that_nobody_can_reach_is_told() {
        assert!(warnings("pasv_address=0.0.0.0")[0].contains("0.0.0.0"));
        assert!(warnings("pasv_address=192.0.2.1").is_empty());
    }

    #[test]
    fn implicit_encryption_on_the_usual_port_is_told() {
        let text = "ssl_enable=YES\nimplicit_ssl=YES";
        assert!(warnings(text).iter().any(|told| told.contains("990")));
        assert!(!warnings(&format!("{text}\nlisten_port=990")).iter().any(|told| told.contains("990")));
    }

    #[test]
    fn proxies_are_networks_and_not_everybody() {
        assert_eq!(errors("proxy_protocol_from=10.0.0.0/33"), ["bad proxy_protocol_from: 10.0.0.0/33"]);
        assert!(errors("proxy_protocol_from=10.0.0.0/8,fd00::/8").is_empty());
        assert!(warnings("proxy_protocol_from=10.0.0.0/8").is_empty());
        assert!(warnings("proxy_protocol_from=0.0.0.0/0")[0].contains("whole Internet"));
    }

    #[test]
    fn without_data_connections_nothing_can_be_transferred() {
        assert!(warnings("pasv_enable=NO\nport_enable=NO")[0].starts_with("nothing can be transferred"));
    }

    #[test]
    fn promiscuous_switches_are_told() {
        assert_eq!(warnings("pasv_promiscuous=YES\nport_promiscuous=YES").len(), 2);
    }

    #[test]
    fn a_command_in_both_lists_is_told() {
        let found = notes("cmds_allowed=USER,DELE\ncmds_denied=DELE");
        assert!(found.iter().any(|note| note.starts_with("DELE stands in")), "{found:?}");
    }

    #[test]
    fn what_is_set_in_vain_names_the_switch_it_needs() {
        let found = notes("session_workers=2\nisolate_sessions=YES");
        assert!(found.contains(&"session_workers has no effect while isolate_sessions is YES".to_owned()));
        assert!(notes("ftp_data_port=2020").iter().any(|note| note.contains("connect_from_port_20 is NO")));
    }
}
