//! Rules about address translation.

use super::{Rule, in_vain, line};
use crate::problem::Problem;
use crate::{Config, MOST_MAPPED, PortMapping};

pub(super) const RULES: &[Rule] = &[
    a_rule_about_a_network_cannot_be_read,
    the_stun_server_is_none,
    the_stun_server_is_unused,
    the_way_to_map_ports_is_unknown,
    too_many_ports_to_map,
];

fn a_rule_about_a_network_cannot_be_read(config: &Config) -> Option<Problem> {
    let bad = config.addresses_for().err()?;
    Some(
        Problem::error(format!("bad pasv_address_for: {bad}"))
            .quote(line(config, "pasv_address_for"))
            .suggest("write NETWORK/LENGTH=ADDRESS, for instance 192.168.0.0/16=192.168.0.5"),
    )
}

fn the_stun_server_is_none(config: &Config) -> Option<Problem> {
    let bad = config.stun_server().err()?;
    Some(
        Problem::error(format!("bad stun_server: {bad}"))
            .quote(line(config, "stun_server"))
            .suggest("write HOST or HOST:PORT, for instance stun.example.org:3478"),
    )
}

fn the_stun_server_is_unused(config: &Config) -> Option<Problem> {
    let unused = config.nat.stun_server.is_some() && !config.finds_its_address();
    unused.then(|| in_vain(config, "stun_server", "pasv_address=auto"))
}

fn the_way_to_map_ports_is_unknown(config: &Config) -> Option<Problem> {
    config.port_mapping().is_none().then(|| {
        Problem::error("bad port_mapping")
            .quote(line(config, "port_mapping"))
            .suggest("write off, auto, pcp, natpmp or upnp")
    })
}

fn too_many_ports_to_map(config: &Config) -> Option<Problem> {
    let maps = config.port_mapping().is_some_and(|how| how != PortMapping::Off);
    let (lowest, highest) = config.passive_range();
    let ports = usize::from(highest - lowest) + 1;
    (maps && config.data.pasv_enable && ports > MOST_MAPPED).then(|| {
        Problem::error(format!(
            "a router is not asked for {ports} passive ports, but for {MOST_MAPPED} at most"
        ))
        .quote(line(config, "port_mapping"))
        .suggest("set pasv_min_port and pasv_max_port to a small range, for instance 50000 and 50009")
    })
}

#[cfg(test)]
mod tests {
    use super::super::tests::{errors, notes};

    #[test]
    fn what_cannot_be_read_is_an_error_that_names_it() {
        assert_eq!(errors("pasv_address_for=10.0.0.0/8"), ["bad pasv_address_for: 10.0.0.0/8"]);
        assert_eq!(errors("stun_server=a b\npasv_address=auto"), ["bad stun_server: a b"]);
        assert_eq!(errors("port_mapping=yes"), ["bad port_mapping"]);
    }

    #[test]
    fn a_router_is_asked_for_a_small_range_only() {
        assert!(errors("port_mapping=auto")[0].starts_with("a router is not asked for 60535 passive ports"));
        assert!(errors("port_mapping=pcp\npasv_min_port=50000\npasv_max_port=50127").is_empty());
        assert!(errors("port_mapping=pcp\npasv_min_port=50000\npasv_max_port=50128").len() == 1);
        assert!(errors("port_mapping=auto\npasv_enable=NO").is_empty());
    }

    #[test]
    fn auto_is_an_address_and_a_stun_server_without_it_is_in_vain() {
        assert!(errors("pasv_address=auto\nstun_server=stun.example.org").is_empty());
        assert!(
            notes("stun_server=stun.example.org")
                .iter()
                .any(|note| note.starts_with("stun_server has no effect"))
        );
    }
}
