//! Limits of the kernel that get into the way of data connections.

use super::finding::{Findings, State};
use crate::surroundings;

/// Looks at the limits; `ports` are the passive ones.
pub(super) fn examine(lowest: u16, highest: u16, max_clients: u32, findings: &mut Findings) {
    own_ports(lowest, highest, findings);
    tracked_connections(findings);
    waiting_connections(max_clients, findings);
}

/// The kernel gives ports of its own range to connections that leave; what it gave cannot be listened on.
fn own_ports(lowest: u16, highest: u16, findings: &mut Findings) {
    let Some((first, last)) = pair(&read("net/ipv4/ip_local_port_range")) else { return };
    if highest < first || last < lowest {
        return;
    }
    let reserved = read("net/ipv4/ip_local_reserved_ports");
    let shared: Vec<u16> =
        (lowest.max(first)..=highest.min(last)).filter(|port| !lists(&reserved, *port)).collect();
    // A wide range has other ports to choose from.
    if shared.is_empty() || shared.len() > 1000 {
        return;
    }
    let list = surroundings::ports(&shared);
    let sentence = format!("the kernel may give the passive ports {list} to other programs' connections");
    let kept = reserved.trim();
    let comma = if kept.is_empty() { "" } else { "," };
    let cure = format!("sysctl -w net.ipv4.ip_local_reserved_ports={kept}{comma}{}", list.replace(' ', ""));
    findings.add_with_cure(State::Note, "kernel", sentence, cure);
}

/// A full table of connections drops new ones without a word.
fn tracked_connections(findings: &mut Findings) {
    let number = |name: &str| read(name).trim().parse::<u64>().ok();
    let (Some(count), Some(most)) =
        (number("net/netfilter/nf_conntrack_count"), number("net/netfilter/nf_conntrack_max"))
    else {
        return;
    };
    if count * 10 > most * 9 {
        let sentence =
            format!("the kernel's table of connections is full: {count} of {most}; new ones are dropped");
        let cure = format!("sysctl -w net.netfilter.nf_conntrack_max={}", most.saturating_mul(4));
        findings.add_with_cure(State::Trouble, "kernel", sentence, cure);
    }
}

fn waiting_connections(max_clients: u32, findings: &mut Findings) {
    let Ok(most) = read("net/core/somaxconn").trim().parse::<u32>() else { return };
    if most < 1024 && max_clients > most {
        let sentence =
            format!("only {most} new connections may wait at once, for up to {max_clients} clients");
        findings.add_with_cure(State::Note, "kernel", sentence, "sysctl -w net.core.somaxconn=4096");
    }
}

fn read(name: &str) -> String {
    std::fs::read_to_string(format!("/proc/sys/{name}")).unwrap_or_default()
}

fn pair(text: &str) -> Option<(u16, u16)> {
    let mut words = text.split_whitespace();
    Some((words.next()?.parse().ok()?, words.next()?.parse().ok()?))
}

/// Whether `1000,2000-2009` names a port.
fn lists(text: &str, port: u16) -> bool {
    text.trim().split(',').any(|part| {
        let (lowest, highest) = part.split_once('-').unwrap_or((part, part));
        let bounds = lowest.parse::<u16>().ok().zip(highest.parse::<u16>().ok());
        bounds.is_some_and(|(lowest, highest)| (lowest..=highest).contains(&port))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_kernels_lists_are_read() {
        assert_eq!(pair("32768\t60999\n"), Some((32768, 60999)));
        assert!(lists("1000,50000-50009\n", 50009) && lists("1000", 1000));
        assert!(!lists("1000,50000-50009", 50010) && !lists("\n", 1));
    }
}
