//! What this machine knows of the network around it, without asking the network.

use std::net::Ipv4Addr;

/// The router that everything without a route of its own goes to: the default route with the lowest metric.
#[must_use]
pub fn router() -> Option<Ipv4Addr> {
    default_route(&std::fs::read_to_string("/proc/net/route").unwrap_or_default())
}

fn default_route(table: &str) -> Option<Ipv4Addr> {
    /// `RTF_GATEWAY`
    const GATEWAY: u32 = 2;
    let routes = table.lines().skip(1).filter_map(|line| {
        let words: Vec<&str> = line.split_whitespace().collect();
        let number = |at: usize| u32::from_str_radix(words.get(at)?, 16).ok();
        let is_default = number(1)? == 0 && number(7)? == 0 && number(3)? & GATEWAY != 0;
        let metric: u32 = words.get(6)?.parse().ok()?;
        // The table shows the kernel's own octets as one number of this machine.
        is_default.then(|| Some((metric, Ipv4Addr::from(number(2)?.to_ne_bytes()))))?
    });
    routes.min_by_key(|(metric, _)| *metric).map(|(_, router)| router)
}

/// Writes port numbers for a person: `21, 50000-50009`.
#[must_use]
pub fn ports(ports: &[u16]) -> String {
    let mut ports = ports.to_vec();
    ports.sort_unstable();
    let mut text = String::new();
    for run in ports.chunk_by(|one, next| next.checked_sub(*one) == Some(1)) {
        if !text.is_empty() {
            text.push_str(", ");
        }
        match run {
            [first, .., last] => text.push_str(&format!("{first}-{last}")),
            [only] => text.push_str(&only.to_string()),
            [] => {}
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[cfg(target_endian = "little")]
    fn the_default_route_with_the_lowest_metric_is_the_way_out() {
        let table = "Iface Destination Gateway Flags RefCnt Use Metric Mask MTU Window IRTT\n\
            eth0 00000000 0101A8C0 0003 0 0 100 00000000 0 0 0\n\
            wlan0 00000000 FE01A8C0 0003 0 0 50 00000000 0 0 0\n\
            eth0 0001A8C0 00000000 0001 0 0 0 00FFFFFF 0 0 0\n";
        assert_eq!(default_route(table), Some(Ipv4Addr::new(192, 168, 1, 254)));
        assert_eq!(default_route(""), None);
    }

    #[test]
    fn ports_in_a_row_are_written_as_a_range() {
        assert_eq!(ports(&[50001, 21, 50000, 50002, 6000]), "21, 6000, 50000-50002");
        assert_eq!(ports(&[]), "");
    }
}
