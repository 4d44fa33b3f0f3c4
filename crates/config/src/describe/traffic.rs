//! Data connections and limits in plain words.

use crate::Config;
use crate::problem::printable;

pub(super) fn data(config: &Config) -> Vec<String> {
    let data = &config.data;
    let mut sentences = Vec::new();
    if data.pasv_enable {
        let lowest = data.pasv_min_port.max(1024);
        let highest = if data.pasv_max_port < lowest { u16::MAX } else { data.pasv_max_port };
        let address = data.pasv_address.as_ref();
        let address = match address {
            Some(_) if config.finds_its_address() => {
                ", told as the address that the client can reach".to_owned()
            }
            Some(text) => format!(", told as {}", printable(text)),
            None => String::new(),
        };
        sentences.push(format!("passive on ports {lowest} to {highest}{address}"));
        for rule in config.addresses_for().unwrap_or_default() {
            sentences
                .push(format!("  clients of {}/{} are told {}", rule.network, rule.length, rule.address));
        }
        if config.port_mapping().is_some_and(|how| how != crate::PortMapping::Off) {
            sentences.push("  the router is asked to forward these ports and the listening one".to_owned());
        }
    }
    if data.port_enable {
        let from = match data.connect_from_port_20 {
            true => format!("port {}", data.ftp_data_port),
            false => "any free port".to_owned(),
        };
        sentences.push(format!("active from {from}"));
    }
    if sentences.is_empty() {
        sentences.push("none, so nothing can be transferred".to_owned());
    }
    if data.pasv_promiscuous || data.port_promiscuous {
        sentences.push("addresses other than the client's own are accepted".to_owned());
    }
    sentences
}

pub(super) fn limits(config: &Config) -> Vec<String> {
    let limits = &config.limits;
    let count = |limit: u32| if limit == 0 { "any number of".to_owned() } else { limit.to_string() };
    let mut sentences = vec![format!(
        "{} clients, {} from one address; {} failed logins",
        count(limits.max_clients),
        count(limits.max_per_ip),
        limits.max_login_fails.max(1)
    )];
    let seconds = |limit: u32| if limit == 0 { "never".to_owned() } else { format!("after {limit} s") };
    sentences.push(format!(
        "idle sessions end {}, transfers that stand still {}",
        seconds(limits.idle_session_timeout),
        seconds(limits.data_connection_timeout)
    ));
    for (who, rate) in
        [("each user session", limits.local_max_rate), ("each anonymous session", limits.anon_max_rate)]
    {
        if rate != 0 {
            sentences.push(format!("{who} {rate} octets per second"));
        }
    }
    sentences
}

#[cfg(test)]
mod tests {
    use crate::{Config, describe, parse};

    fn described(text: &str) -> String {
        describe(&parse(text.as_bytes(), None, &Config::default()).unwrap().config)
    }

    #[test]
    fn an_ignored_port_range_is_told_as_it_works() {
        let text = described("pasv_min_port=40000\npasv_max_port=1000\nlisten_ipv6=YES");
        assert!(text.contains("passive on ports 40000 to 65535"));
        assert!(text.contains("         on every IPv6 address, port 21\n"));
    }
}
