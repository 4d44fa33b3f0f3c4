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
mod tests;
