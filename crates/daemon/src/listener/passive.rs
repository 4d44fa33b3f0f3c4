//! The passive ports, opened once and shared by many peers (RFC 959 §4.1.2 `PASV`, RFC 2428 `EPSV`).
//!
//! A *reservation* gives one session the next connection from its peer to one port. Two peers may hold the same
//! port; the address a connection comes from tells whose it is. Sessions of one peer may *share* a port: then something
//! else must tell (`undecided.rs`). Connections without a reservation are closed by the caller and change nothing here. Ports are never chosen by the kernel: `bind` to port 0 becomes slow, and fails, when
//! some ten thousand connections linger.

use std::collections::{BTreeSet, HashMap};
use std::hash::{BuildHasher, RandomState};
use std::io::{self, ErrorKind};
use std::net::{IpAddr, SocketAddr, SocketAddrV6};
use std::ops::RangeInclusive;
use std::os::fd::OwnedFd;
use std::time::Instant;

use wharf_ipc::SessionId;
use wharf_ipc::monitor::Terms;
use wharf_os::epoll::{Interest, Poller};
use wharf_os::socket::{self, Family};

use super::control::Place;
use super::key::Key;

/// How many ports are opened before any is used again.
///
/// With a handful to choose from, somebody behind the same address as a client cannot tell where it will connect.
const SPREAD: usize = 16;

/// What the configuration says about passive ports.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Rules {
    pub(super) range: RangeInclusive<u16>,
    /// How many unreserved sockets stay open.
    pub(super) spare: usize,
    /// How many ports in use by others are tried.
    pub(super) tries: u32,
}

impl Rules {
    /// `spare` is the site's number, whoever asks: the sockets are everybody's.
    pub(super) fn of(terms: &Terms, spare: u32) -> Self {
        let low = terms.pasv_min_port.max(1024);
        let high = match terms.pasv_max_port {
            high if high < low => u16::MAX,
            high => high,
        };
        Self {
            range: low..=high,
            spare: spare.try_into().unwrap_or(usize::MAX),
            tries: terms.bind_retries.max(1),
        }
    }
}

/// Who asks for a port.
#[derive(Debug, Clone, Copy)]
pub(super) struct Wish {
    pub(super) session: SessionId,
    /// The session's own number for it.
    pub(super) number: u32,
    pub(super) peer: IpAddr,
    /// Through which control socket it came.
    pub(super) house: House,
    /// Whether any address may connect; such a port is shared with nobody.
    pub(super) anyone: bool,
    /// Whether other sessions of the same peer may expect connections at the same port.
    pub(super) is_shared: bool,
    /// When the reservation ends by itself.
    pub(super) until: Option<Instant>,
}

/// The address passive sockets are bound to: that of the control socket.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct House {
    address: IpAddr,
    scope: u32,
    is_dual: bool,
}

impl From<Place> for House {
    fn from(place: Place) -> Self {
        let scope = match place.address {
            SocketAddr::V4(_) => 0,
            SocketAddr::V6(v6) => v6.scope_id(),
        };
        Self { address: place.address.ip(), scope, is_dual: place.family == Family::Dual }
    }
}

impl House {
    /// Whether clients who called `other` reach this one at the same address.
    fn serves(self, other: Self) -> bool {
        let is_everywhere = self.address.is_unspecified()
            && (self.is_dual || self.address.is_ipv4() == other.address.is_ipv4());
        is_everywhere || self.address == other.address
    }

    fn at(self, port: u16) -> SocketAddr {
        match self.address {
            IpAddr::V4(v4) => SocketAddr::new(v4.into(), port),
            IpAddr::V6(v6) => SocketAddrV6::new(v6, port, 0, self.scope).into(),
        }
    }
}

/// So many open ports must be free for a peer before one is reserved that was not asked for.
const PLENTY: usize = 8;

#[derive(Debug)]
struct Port {
    house: House,
    port: u16,
    socket: OwnedFd,
    reservations: usize,
    /// Somebody else has opened it, and it stays whatever the configuration says.
    is_given: bool,
}

impl Port {
    /// Whether a session may have it by its rules.
    fn is_for(&self, wish: &Wish, rules: &Rules) -> bool {
        if self.is_given {
            return self.house.serves(wish.house);
        }
        self.house == wish.house && rules.range.contains(&self.port)
    }
}

#[derive(Debug, Clone, Copy)]
struct Reservation {
    number: u32,
    /// The session's own number for it.
    wish: u32,
    /// `None` when anyone may connect.
    peer: Option<IpAddr>,
    is_shared: bool,
    until: Option<Instant>,
}

/// All passive sockets and who waits at them.
#[derive(Debug, Default)]
pub(super) struct Passive {
    ports: HashMap<u32, Port>,
    /// The numbers of `ports`, to choose from without walking a map.
    order: Vec<u32>,
    by_port: HashMap<(House, u16), u32>,
    waiting: HashMap<(u32, Option<IpAddr>), SessionId>,
    /// The sessions of one peer that share a port. Nobody waits alone at such a pair.
    sharing: HashMap<(u32, IpAddr), Vec<SessionId>>,
    /// Whether a pair came free since it was last asked.
    has_room: bool,
    reservations: HashMap<SessionId, Reservation>,
    deadlines: BTreeSet<(Instant, SessionId)>,
    idle: usize,
    /// How many of them somebody else has opened.
    given: usize,
    last: u32,
    /// Security: a keyed hash of a counter. Ports cannot be foretold, and choosing one costs no system call.
    chance: RandomState,
    draws: u64,
}

impl Passive {
    /// Chooses a port in place of an earlier one; `None` when there is none.
    ///
    /// It is not reserved yet: first whoever has connected there already must be sent where they belong, so that an
    /// old connection of the same peer is not taken for the new one. Then [`Self::hold`].
    pub(super) fn prepare(&mut self, poller: &Poller, wish: &Wish, rules: &Rules) -> Option<u32> {
        self.release(poller, wish.session, rules);
        if let Some(number) = self.joinable(wish, rules) {
            return Some(number);
        }
        let enough = self.order.len() >= SPREAD.min(rules.spare);
        match enough.then(|| self.choose(wish, rules)).flatten() {
            Some(number) => Some(number),
            // A range that is used up still has ports for other peers.
            None => self.open(poller, wish.house, rules).or_else(|| self.choose(wish, rules)),
        }
    }

    /// Chooses an open port for a wish that nobody has yet, as long as many are left for this peer.
    ///
    /// Nobody can have connected there for this session before: the port is told only with the wish.
    pub(super) fn spare_port(&mut self, wish: &Wish, rules: &Rules) -> Option<u32> {
        // Of a small range everything is needed for those who have asked.
        if self.many(rules) < 2 * SPREAD {
            return None;
        }
        let is_free = |number: &&u32| self.is_free_for(**number, wish.peer);
        let free = self.order.iter().filter(is_free).take(PLENTY).count();
        if free < PLENTY { None } else { self.choose(wish, rules) }
    }

    /// Reserves a prepared port, which may have closed meanwhile.
    pub(super) fn hold(&mut self, number: u32, wish: Wish) -> Option<u16> {
        let port = self.ports.get_mut(&number)?;
        if port.reservations == 0 {
            self.idle = self.idle.saturating_sub(1);
        }
        port.reservations += 1;
        let peer = (!wish.anyone).then_some(wish.peer);
        if wish.is_shared {
            self.sharing.entry((number, wish.peer)).or_default().push(wish.session);
        } else {
            self.waiting.insert((number, peer), wish.session);
        }
        let Wish { number: wished, is_shared, until, .. } = wish;
        self.reservations.insert(wish.session, Reservation { number, wish: wished, peer, is_shared, until });
        self.deadlines.extend(wish.until.map(|until| (until, wish.session)));
        Some(port.port)
    }

    /// Ends a session's reservation, if it has one.
    pub(super) fn release(&mut self, poller: &Poller, session: SessionId, rules: &Rules) {
        let Some(reservation) = self.reservations.remove(&session) else { return };
        self.has_room = true;
        match reservation.peer.filter(|_| reservation.is_shared) {
            Some(peer) => self.leave(reservation.number, peer, session),
            None => drop(self.waiting.remove(&(reservation.number, reservation.peer))),
        }
        if let Some(until) = reservation.until {
            self.deadlines.remove(&(until, session));
        }
        let Some(port) = self.ports.get_mut(&reservation.number) else { return };
        port.reservations = port.reservations.saturating_sub(1);
        if port.reservations > 0 {
            return;
        }
        self.idle += 1;
        let is_wanted = port.is_given || (rules.range.contains(&port.port) && self.idle <= rules.spare);
        if !is_wanted {
            self.close(poller, reservation.number);
        }
    }

    /// Tells whose connection this is and for which of its wishes, and ends that reservation.
    pub(super) fn claim(
        &mut self,
        poller: &Poller,
        number: u32,
        peer: IpAddr,
        rules: &Rules,
    ) -> Option<(SessionId, u32)> {
        let whose = |peer| self.waiting.get(&(number, peer)).copied();
        let session = whose(Some(peer)).or_else(|| whose(None))?;
        let wish = self.reservations.get(&session)?.wish;
        self.release(poller, session, rules);
        Some((session, wish))
    }

    /// As [`Self::claim`], for a session that was found to be the one of several at a shared port.
    pub(super) fn claim_shared(
        &mut self,
        poller: &Poller,
        (number, peer): (u32, IpAddr),
        session: SessionId,
        rules: &Rules,
    ) -> Option<u32> {
        let reservation = self.reservations.get(&session)?;
        let is_here = reservation.is_shared && (reservation.number, reservation.peer) == (number, Some(peer));
        let wish = is_here.then_some(reservation.wish)?;
        self.release(poller, session, rules);
        Some(wish)
    }

    /// Finds a session that expects a connection at this port, from whomever.
    pub(super) fn anybody_at(&self, number: u32) -> Option<SessionId> {
        self.reservations
            .iter()
            .find(|(_, reservation)| reservation.number == number)
            .map(|(session, _)| *session)
    }

    /// Lists the sessions that share a port for connections of this peer.
    pub(super) fn sharers(&self, number: u32, peer: IpAddr) -> &[SessionId] {
        self.sharing.get(&(number, peer)).map_or(&[], Vec::as_slice)
    }

    /// Tells whether a pair has come free since the last time this was asked.
    pub(super) fn take_room(&mut self) -> bool {
        std::mem::take(&mut self.has_room)
    }

    /// Ends the reservations whose time is over.
    pub(super) fn expire(&mut self, poller: &Poller, now: Instant, rules: &Rules) {
        while let Some((until, session)) = self.deadlines.first().copied().filter(|(until, _)| *until <= now)
        {
            self.deadlines.remove(&(until, session));
            self.release(poller, session, rules);
        }
    }

    /// Closes unreserved ports that a new configuration does not want.
    pub(super) fn tidy(&mut self, poller: &Poller, houses: &[House], rules: &Rules) {
        let is_unwanted = |port: &Port| {
            let is_wanted =
                port.is_given || (rules.range.contains(&port.port) && houses.contains(&port.house));
            port.reservations == 0 && !is_wanted
        };
        let numbers: Vec<u32> =
            self.ports.iter().filter(|(_, port)| is_unwanted(port)).map(|(number, _)| *number).collect();
        numbers.into_iter().for_each(|number| self.close(poller, number));
    }

    /// Tells when [`Self::expire`] has something to do.
    pub(super) fn deadline(&self) -> Option<Instant> {
        self.deadlines.first().map(|(until, _)| *until)
    }

    /// Finds an open socket.
    pub(super) fn socket(&self, number: u32) -> Option<&OwnedFd> {
        self.ports.get(&number).map(|port| &port.socket)
    }

    fn leave(&mut self, number: u32, peer: IpAddr, session: SessionId) {
        let Some(sharers) = self.sharing.get_mut(&(number, peer)) else { return };
        sharers.retain(|other| *other != session);
        if sharers.is_empty() {
            self.sharing.remove(&(number, peer));
        }
    }

    /// Finds a port that sessions of this peer share already: the others are left to those who share none.
    fn joinable(&self, wish: &Wish, rules: &Rules) -> Option<u32> {
        let has_sharers = |number: &&u32| {
            self.ports
                .get(number)
                .is_some_and(|port| port.is_for(wish, rules) && !self.sharers(**number, wish.peer).is_empty())
        };
        wish.is_shared.then(|| self.order.iter().find(has_sharers).copied())?
    }

    /// Tells whether nobody holds this port for this peer.
    fn is_free_for(&self, number: u32, peer: IpAddr) -> bool {
        !self.waiting.contains_key(&(number, None))
            && !self.waiting.contains_key(&(number, Some(peer)))
            && !self.sharing.contains_key(&(number, peer))
    }

    /// Finds an open port that this peer can have, beginning anywhere.
    fn choose(&mut self, wish: &Wish, rules: &Rules) -> Option<u32> {
        let start = self.draw(self.order.len())?;
        let (before, after) = self.order.split_at_checked(start)?;
        let is_free = |number: &&u32| {
            self.ports.get(number).is_some_and(|port| {
                let can_share = !wish.anyone && self.is_free_for(**number, wish.peer);
                port.is_for(wish, rules) && (port.reservations == 0 || can_share)
            })
        };
        after.iter().chain(before).find(is_free).copied()
    }

    /// Opens another port of the range, beginning anywhere.
    fn open(&mut self, poller: &Poller, house: House, rules: &Rules) -> Option<u32> {
        // Who opens sockets for us decides which ports there are.
        if self.given > 0 {
            return None;
        }
        let (low, high) = (*rules.range.start(), *rules.range.end());
        let start = low.checked_add(u16::try_from(self.draw(rules.range.len())?).ok()?)?;
        let mut tries = rules.tries;
        for port in (start..=high).chain(low..start) {
            if self.by_port.contains_key(&(house, port)) {
                continue;
            }
            match self.open_port(poller, house, port) {
                Ok(number) => return Some(number),
                Err(ErrorKind::AddrInUse | ErrorKind::PermissionDenied) if tries > 1 => tries -= 1,
                Err(_) => return None,
            }
        }
        None
    }

    fn open_port(&mut self, poller: &Poller, house: House, port: u16) -> Result<u32, ErrorKind> {
        let family = if house.is_dual { Family::Dual } else { Family::Only };
        let socket = socket::listening(house.at(port), family).map_err(|error| error.kind())?;
        // Data connections inherit these, which saves several calls for each transfer.
        socket::control_options(&socket).map_err(|error| error.kind())?;
        socket::ask_for_throughput(&socket);
        self.last = self.last.wrapping_add(1);
        let number = self.last;
        poller.add(&socket, Key::Passive(number).number(), Interest::Read).map_err(|error| error.kind())?;
        self.insert(number, Port { house, port, socket, reservations: 0, is_given: false });
        Ok(number)
    }

    fn insert(&mut self, number: u32, port: Port) {
        self.by_port.insert((port.house, port.port), number);
        self.ports.insert(number, port);
        self.order.push(number);
        self.idle += 1;
    }

    /// Takes a socket that listens already; from then on these are the passive ports.
    pub(super) fn take_given(&mut self, poller: &Poller, place: Place, socket: OwnedFd) -> io::Result<()> {
        self.last = self.last.wrapping_add(1);
        let number = self.last;
        poller.add(&socket, Key::Passive(number).number(), Interest::Read)?;
        let (house, port) = (House::from(place), place.address.port());
        self.insert(number, Port { house, port, socket, reservations: 0, is_given: true });
        self.given += 1;
        Ok(())
    }

    /// How many passive ports there can be.
    pub(super) fn many(&self, rules: &Rules) -> usize {
        if self.given > 0 { self.given } else { rules.range.len() }
    }

    /// Closes an unreserved port.
    fn close(&mut self, poller: &Poller, number: u32) {
        let Some(port) = self.ports.remove(&number) else { return };
        let _ = poller.remove(&port.socket);
        self.by_port.remove(&(port.house, port.port));
        self.order.retain(|other| *other != number);
        self.idle = self.idle.saturating_sub(1);
    }

    /// Draws a number below `count`; `None` when there is none.
    fn draw(&mut self, count: usize) -> Option<usize> {
        self.draws = self.draws.wrapping_add(1);
        let drawn = usize::try_from(self.chance.hash_one(self.draws) >> 32).unwrap_or(0);
        drawn.checked_rem(count)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    fn house() -> House {
        House { address: IpAddr::from([127, 0, 0, 1]), scope: 0, is_dual: false }
    }

    fn wish(session: u64, peer: u8) -> Wish {
        let peer = IpAddr::from([127, 0, 0, peer]);
        Wish {
            session: SessionId(session),
            number: 1,
            peer,
            house: house(),
            anyone: false,
            is_shared: false,
            until: None,
        }
    }

    /// A range of `length` ports nobody uses at the moment.
    fn reserve(passive: &mut Passive, poller: &Poller, wish: Wish, rules: &Rules) -> Option<u16> {
        let number = passive.prepare(poller, &wish, rules)?;
        passive.hold(number, wish)
    }

    fn rules(length: u16) -> Rules {
        // Tests run beside each other: each looks for its range in another place.
        static TESTS: std::sync::atomic::AtomicU16 = std::sync::atomic::AtomicU16::new(0);
        let place = 20_000 + 1_000 * TESTS.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        let is_free = |port: u16| std::net::TcpListener::bind(("127.0.0.1", port)).is_ok();
        let free = (place..place + 1_000).step_by(16).find(|low| (*low..*low + length).all(is_free)).unwrap();
        Rules { range: free..=free + length - 1, spare: 64, tries: 9 }
    }

    #[test]
    fn the_range_is_read_as_vsftpd_reads_it() {
        let range = |text: &str| {
            let config = wharf_config::parse(text.as_bytes(), None, &wharf_config::Config::default());
            Rules::of(&crate::terms::terms(&config.unwrap().config), 64).range
        };
        assert_eq!(range(""), 5001..=65535);
        assert_eq!(range("pasv_min_port=80\npasv_max_port=2000"), 1024..=2000);
        assert_eq!(range("pasv_min_port=3000\npasv_max_port=2000"), 3000..=65535);
    }

    #[test]
    fn one_port_serves_two_peers_and_a_third_session_of_one_of_them_gets_none() {
        let poller = Poller::new().unwrap();
        let (mut passive, rules) = (Passive::default(), rules(1));
        let port = Some(*rules.range.start());
        assert_eq!(reserve(&mut passive, &poller, wish(1, 2), &rules), port);
        assert_eq!(reserve(&mut passive, &poller, wish(2, 3), &rules), port);
        assert_eq!(reserve(&mut passive, &poller, wish(3, 2), &rules), None);
        let number = passive.order[0];
        let peer = |last| IpAddr::from([127, 0, 0, last]);
        assert_eq!(passive.claim(&poller, number, peer(9), &rules), None);
        assert_eq!(passive.claim(&poller, number, peer(3), &rules), Some((SessionId(2), 1)));
        assert_eq!(passive.claim(&poller, number, peer(3), &rules), None, "a reservation serves once");
        assert_eq!(passive.claim(&poller, number, peer(2), &rules), Some((SessionId(1), 1)));
        assert_eq!(reserve(&mut passive, &poller, wish(3, 2), &rules), port);
    }

    #[test]
    fn a_port_for_anyone_is_shared_with_nobody() {
        let poller = Poller::new().unwrap();
        let (mut passive, rules) = (Passive::default(), rules(1));
        let anyone = Wish { anyone: true, ..wish(1, 2) };
        assert!(reserve(&mut passive, &poller, anyone, &rules).is_some());
        assert_eq!(reserve(&mut passive, &poller, wish(2, 3), &rules), None);
        assert_eq!(
            passive.claim(&poller, passive.order[0], IpAddr::from([9; 4]), &rules),
            Some((SessionId(1), 1))
        );
        assert!(reserve(&mut passive, &poller, wish(2, 3), &rules).is_some());
        assert_eq!(reserve(&mut passive, &poller, anyone, &rules), None);
    }

    #[test]
    fn sessions_of_one_peer_share_a_port_only_with_those_who_share_it_too() {
        let poller = Poller::new().unwrap();
        let (mut passive, rules) = (Passive::default(), rules(1));
        let shared = |session| Wish { is_shared: true, ..wish(session, 2) };
        let port = Some(*rules.range.start());
        assert_eq!(reserve(&mut passive, &poller, shared(1), &rules), port);
        assert_eq!(reserve(&mut passive, &poller, shared(2), &rules), port);
        assert_eq!(reserve(&mut passive, &poller, wish(3, 2), &rules), None);
        assert_eq!(reserve(&mut passive, &poller, wish(4, 3), &rules), port, "another peer shares nothing");
        let (number, peer) = (passive.order[0], IpAddr::from([127, 0, 0, 2]));
        assert_eq!(
            passive.claim(&poller, number, peer, &rules),
            None,
            "the address does not tell whose it is"
        );
        assert_eq!(passive.sharers(number, peer), [SessionId(1), SessionId(2)]);
        assert_eq!(passive.claim_shared(&poller, (number, peer), SessionId(4), &rules), None);
        assert_eq!(passive.claim_shared(&poller, (number, peer), SessionId(2), &rules), Some(1));
        assert_eq!(
            passive.claim_shared(&poller, (number, peer), SessionId(2), &rules),
            None,
            "it serves once"
        );
        passive.release(&poller, SessionId(1), &rules);
        assert!(passive.sharing.is_empty());
        assert_eq!(reserve(&mut passive, &poller, wish(3, 2), &rules), port);
        assert_eq!(
            reserve(&mut passive, &poller, shared(1), &rules),
            None,
            "one who waits alone stays alone"
        );
    }

    #[test]
    fn those_who_share_leave_other_ports_to_those_who_do_not() {
        let poller = Poller::new().unwrap();
        let (mut passive, rules) = (Passive::default(), rules(3));
        let shared = |session| Wish { is_shared: true, ..wish(session, 2) };
        let one = reserve(&mut passive, &poller, shared(1), &rules);
        assert!(reserve(&mut passive, &poller, wish(2, 2), &rules) != one);
        assert_eq!(reserve(&mut passive, &poller, shared(3), &rules), one);
        assert!(reserve(&mut passive, &poller, wish(4, 2), &rules).is_some());
        assert_eq!(reserve(&mut passive, &poller, wish(5, 2), &rules), None);
    }

    #[test]
    fn a_new_reservation_replaces_the_old_and_time_ends_it() {
        let poller = Poller::new().unwrap();
        let (mut passive, rules) = (Passive::default(), rules(1));
        let now = Instant::now();
        let timed = Wish { until: Some(now), ..wish(1, 2) };
        assert!(reserve(&mut passive, &poller, timed, &rules).is_some());
        let later = Wish { until: Some(now + Duration::from_secs(9)), ..timed };
        assert!(reserve(&mut passive, &poller, later, &rules).is_some());
        passive.expire(&poller, now + Duration::from_secs(1), &rules);
        assert_eq!(passive.reservations.len(), 1, "the first one's time no longer counts");
        passive.expire(&poller, now + Duration::from_secs(9), &rules);
        assert!(passive.reservations.is_empty() && passive.waiting.is_empty());
        assert_eq!(passive.deadline(), None);
    }

    #[test]
    fn ports_beyond_the_spare_ones_close_when_they_are_free() {
        let poller = Poller::new().unwrap();
        let mut passive = Passive::default();
        let rules = Rules { spare: 2, ..rules(8) };
        for session in 0..6 {
            assert!(reserve(&mut passive, &poller, wish(session, 2), &rules).is_some());
        }
        assert_eq!((passive.ports.len(), passive.idle), (6, 0));
        for session in 0..6 {
            passive.release(&poller, SessionId(session), &rules);
        }
        assert_eq!((passive.ports.len(), passive.order.len(), passive.idle), (2, 2, 2));
        passive.tidy(&poller, &[], &rules);
        assert_eq!((passive.ports.len(), passive.by_port.len(), passive.idle), (0, 0, 0));
    }
}
