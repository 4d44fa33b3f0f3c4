//! How many clients there are, all together and from each address.
//!
//! `max_clients` and `max_per_ip` are judged here and nowhere else. Connections that are turned away do not count:
//! otherwise a refused flood would keep the places of those who are welcome.

use std::collections::HashMap;
use std::net::IpAddr;

use wharf_ipc::listener::Admission;

/// The clients that were admitted and have not ended.
#[derive(Debug, Default)]
pub(super) struct Counts {
    total: u32,
    by_address: HashMap<IpAddr, u32>,
}

impl Counts {
    /// Judges a new connection and counts it when it is welcome; 0 as a limit means none.
    pub(super) fn admit(&mut self, peer: IpAddr, max_clients: u32, max_per_ip: u32) -> Admission {
        let here = self.by_address.get(&peer).copied().unwrap_or(0);
        if max_clients != 0 && self.total >= max_clients {
            return Admission::TooManyClients;
        }
        if max_per_ip != 0 && here >= max_per_ip {
            return Admission::TooManyFromAddress;
        }
        self.total += 1;
        self.by_address.insert(peer, here + 1);
        Admission::Welcome
    }

    /// Forgets one client that was welcome.
    pub(super) fn leave(&mut self, peer: IpAddr) {
        self.total = self.total.saturating_sub(1);
        match self.by_address.get_mut(&peer) {
            Some(here) if *here > 1 => *here -= 1,
            _ => {
                self.by_address.remove(&peer);
            }
        }
    }

    /// Tells how many there are from one address.
    pub(super) fn of(&self, peer: IpAddr) -> usize {
        self.by_address.get(&peer).map_or(0, |here| usize::try_from(*here).unwrap_or(usize::MAX))
    }

    /// Tells how many clients there are.
    pub(super) fn total(&self) -> u32 {
        self.total
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(last: u8) -> IpAddr {
        IpAddr::from([192, 0, 2, last])
    }

    #[test]
    fn a_place_is_free_again_when_a_client_leaves() {
        let mut counts = Counts::default();
        assert_eq!(counts.admit(address(1), 2, 0), Admission::Welcome);
        assert_eq!(counts.admit(address(2), 2, 0), Admission::Welcome);
        assert_eq!(counts.admit(address(3), 2, 0), Admission::TooManyClients);
        counts.leave(address(1));
        assert_eq!(counts.admit(address(3), 2, 0), Admission::Welcome);
        assert_eq!(counts.total(), 2);
    }

    #[test]
    fn one_address_cannot_take_the_places_of_others() {
        let mut counts = Counts::default();
        assert_eq!(counts.admit(address(1), 0, 1), Admission::Welcome);
        assert_eq!(counts.admit(address(1), 0, 1), Admission::TooManyFromAddress);
        assert_eq!(counts.admit(address(2), 0, 1), Admission::Welcome);
    }

    #[test]
    fn an_address_without_clients_costs_no_memory() {
        let mut counts = Counts::default();
        assert_eq!(counts.admit(address(1), 0, 0), Admission::Welcome);
        counts.leave(address(1));
        assert!(counts.by_address.is_empty());
        counts.leave(address(1));
        assert_eq!(counts.total(), 0);
    }
}
