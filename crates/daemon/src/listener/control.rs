//! The sockets that clients call: opening them, and changing them while the server runs.
//!
//! A change opens what is new before it closes what is old, and goes back when something cannot be opened.
//! Who is let in is decided in `clients.rs`.

use std::io::{self, ErrorKind};
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::os::fd::OwnedFd;
use std::time::Duration;

use wharf_os::epoll::{Interest, Poller};
use wharf_os::socket::{self, Family};

use super::key::Key;

/// Where to listen, as configured.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Place {
    pub(super) address: SocketAddr,
    pub(super) family: Family,
}

impl Place {
    /// What a socket that listens is bound to.
    pub(super) fn of(socket: &OwnedFd) -> io::Result<Self> {
        let address = socket::local_address(socket)?;
        let is_dual = address.is_ipv6() && !rustix::net::sockopt::ipv6_v6only(socket)?;
        Ok(Self { address, family: if is_dual { Family::Dual } else { Family::Only } })
    }
}

/// Reads the places from configured addresses: IPv6 alone serves IPv4 clients too.
pub(super) fn places(addresses: &[SocketAddr]) -> Vec<Place> {
    let has_ipv4 = addresses.iter().any(SocketAddr::is_ipv4);
    let family = |address: &SocketAddr| {
        if address.is_ipv6() && address.ip().is_unspecified() && !has_ipv4 {
            Family::Dual
        } else {
            Family::Only
        }
    };
    addresses.iter().map(|address| Place { address: *address, family: family(address) }).collect()
}

/// A socket that clients call.
#[derive(Debug)]
pub(super) struct Control {
    /// What was asked for.
    place: Place,
    /// What it became: differs when the kernel has no IPv6.
    pub(super) bound: Place,
    pub(super) socket: OwnedFd,
    number: u32,
    /// Somebody else has opened it, and it stays whatever the configuration says.
    is_given: bool,
}

/// All sockets that clients call.
#[derive(Debug, Default)]
pub(super) struct Controls {
    open: Vec<Control>,
    last: u32,
}

impl Controls {
    /// Listens on exactly these places, and tells where that is.
    ///
    /// The error is a sentence for the administrator; what was open before then is open still.
    pub(super) fn listen_on(&mut self, poller: &Poller, places: &[Place]) -> Result<Vec<SocketAddr>, String> {
        // Who opens sockets for us decides where that is.
        if self.open.iter().any(|control| control.is_given) {
            return Ok(self.addresses());
        }
        let (kept, mut leaving): (Vec<Control>, Vec<Control>) =
            self.open.drain(..).partition(|control| places.contains(&control.place));
        self.open = kept;
        let mut opened = Vec::new();
        let mut vacated = Vec::new();
        for place in places {
            if self.open.iter().any(|control| control.place == *place) {
                continue;
            }
            match self.open_making_room(poller, *place, &mut leaving, &mut vacated) {
                Ok(control) => opened.push(control),
                Err(error) => {
                    for control in opened {
                        close(poller, &control);
                    }
                    self.open.append(&mut leaving);
                    self.reopen(poller, &vacated);
                    return Err(cannot_listen(*place, &error));
                }
            }
        }
        for control in leaving {
            close(poller, &control);
        }
        self.open.append(&mut opened);
        Ok(self.addresses())
    }

    /// Has the kernel probe connections that are silent for so many seconds; 0 leaves it to the system. It holds for
    /// connections that are accepted from now on.
    pub(super) fn probe_silence(&self, seconds: u32) {
        for control in &self.open {
            // A wish: without it a dead client is noticed later.
            let _ = probe_silence(&control.socket, seconds);
        }
    }

    /// Takes a socket that listens already; from then on it listens on such sockets only.
    pub(super) fn take_given(&mut self, poller: &Poller, place: Place, socket: OwnedFd) -> io::Result<()> {
        self.last = self.last.wrapping_add(1);
        let number = self.last;
        poller.add(&socket, Key::Control(number).number(), Interest::Read)?;
        self.open.push(Control { place, bound: place, socket, number, is_given: true });
        Ok(())
    }

    /// Listens nowhere.
    pub(super) fn close_all(&mut self, poller: &Poller) {
        for control in self.open.drain(..) {
            close(poller, &control);
        }
    }

    /// Finds an open socket.
    pub(super) fn find(&self, number: u32) -> Option<&Control> {
        self.open.iter().find(|control| control.number == number)
    }

    /// Lists where it listens.
    pub(super) fn addresses(&self) -> Vec<SocketAddr> {
        self.open.iter().map(|control| control.bound.address).collect()
    }

    /// Lists what the open sockets are bound to.
    pub(super) fn bound(&self) -> impl Iterator<Item = Place> {
        self.open.iter().map(|control| control.bound)
    }

    /// Opens a place, and gives up what is leaving anyway when that is in the way.
    ///
    /// 0.0.0.0:21 and 127.0.0.1:21 exclude each other, so old and new cannot always be open together.
    fn open_making_room(
        &mut self,
        poller: &Poller,
        place: Place,
        leaving: &mut Vec<Control>,
        vacated: &mut Vec<Place>,
    ) -> io::Result<Control> {
        let is_in_the_way = |control: &mut Control| control.bound.address.port() == place.address.port();
        match self.open_one(poller, place) {
            Err(error) if error.kind() == ErrorKind::AddrInUse => {
                let ours: Vec<Control> = leaving.extract_if(.., is_in_the_way).collect();
                if ours.is_empty() {
                    return Err(error);
                }
                for control in ours {
                    vacated.push(control.place);
                    close(poller, &control);
                }
                self.open_one(poller, place)
            }
            other => other,
        }
    }

    /// Takes back what a failed change gave up; it was free a moment ago.
    fn reopen(&mut self, poller: &Poller, places: &[Place]) {
        for place in places {
            if let Ok(control) = self.open_one(poller, *place) {
                self.open.push(control);
            }
        }
    }

    fn open_one(&mut self, poller: &Poller, place: Place) -> io::Result<Control> {
        let mut bound = place;
        let socket = match socket::listening(place.address, place.family) {
            Err(_) if place.family == Family::Dual && !kernel_has_ipv6() => {
                let address = SocketAddr::new(IpAddr::V4(Ipv4Addr::UNSPECIFIED), place.address.port());
                bound = Place { address, family: Family::Only };
                socket::listening(address, Family::Only)?
            }
            other => other?,
        };
        // Connections inherit these, which saves three calls for each client.
        socket::control_options(&socket)?;
        bound.address = socket::local_address(&socket)?;
        self.last = self.last.wrapping_add(1);
        poller.add(&socket, Key::Control(self.last).number(), Interest::Read)?;
        Ok(Control { place, bound, socket, number: self.last, is_given: false })
    }
}

/// As [`Controls::probe_silence`], for one socket.
pub(super) fn probe_silence(socket: &OwnedFd, seconds: u32) -> io::Result<()> {
    // The kernel counts to 32767.
    let seconds = seconds.min(32_767);
    if seconds == 0 { Ok(()) } else { socket::probe_silence(socket, Duration::from_secs(seconds.into())) }
}

/// Ends the watch; the socket closes with the value.
fn close(poller: &Poller, control: &Control) {
    // It can fail only when the socket is resting, and then it is not watched.
    let _ = poller.remove(&control.socket);
}

fn kernel_has_ipv6() -> bool {
    use rustix::net::{AddressFamily, SocketFlags, SocketType, socket_with};
    socket_with(AddressFamily::INET6, SocketType::STREAM, SocketFlags::CLOEXEC, None).is_ok()
}

/// Says what vsftpd says, then where and why, then what to try.
fn cannot_listen(place: Place, error: &io::Error) -> String {
    let version = if place.address.is_ipv4() { "IPv4" } else { "IPv6" };
    let option = if place.address.is_ipv4() { "listen_address" } else { "listen_address6" };
    let advice = match error.kind() {
        ErrorKind::AddrInUse => {
            "another server has this port: stop it, or choose another listen_port".to_owned()
        }
        ErrorKind::PermissionDenied => {
            "ports below 1024 are root's: start as root, or choose another, for instance listen_port=2121"
                .to_owned()
        }
        ErrorKind::AddrNotAvailable => format!("no interface has this address: correct {option}"),
        _ => format!("check {option} and listen_port"),
    };
    format!("could not bind listening {version} socket: {error}; {advice}")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn place(text: &str) -> Place {
        Place { address: text.parse().unwrap(), family: Family::Only }
    }

    fn free_port() -> u16 {
        std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
    }

    #[test]
    fn ipv6_alone_serves_ipv4_clients_and_beside_ipv4_does_not() {
        let (v4, v6) = ("0.0.0.0:21".parse().unwrap(), "[::]:21".parse().unwrap());
        assert_eq!(places(&[v6])[0].family, Family::Dual);
        assert!(places(&[v4, v6]).iter().all(|place| place.family == Family::Only));
    }

    #[test]
    fn a_change_that_fails_keeps_what_was_open() {
        let poller = Poller::new().unwrap();
        let mut controls = Controls::default();
        let before = controls.listen_on(&poller, &[place("127.0.0.1:0")]).unwrap();
        let busy = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let taken = busy.local_addr().unwrap().to_string();
        let text = controls.listen_on(&poller, &[place(&taken)]).unwrap_err();
        assert!(text.starts_with("could not bind listening IPv4 socket"), "{text}");
        assert!(text.contains(&taken) && text.contains("listen_port"), "{text}");
        assert_eq!(controls.addresses(), before);
        std::net::TcpStream::connect(before[0]).unwrap();
    }

    #[test]
    fn a_place_that_stays_is_not_reopened() {
        let poller = Poller::new().unwrap();
        let mut controls = Controls::default();
        let before = controls.listen_on(&poller, &[place("127.0.0.1:0")]).unwrap();
        let after = controls.listen_on(&poller, &[place("127.0.0.1:0"), place("127.0.0.2:0")]).unwrap();
        assert_eq!(after[0], before[0]);
        assert_eq!(after.len(), 2);
    }

    #[test]
    fn one_port_moves_from_all_addresses_to_one_and_back() {
        let poller = Poller::new().unwrap();
        let mut controls = Controls::default();
        let port = free_port();
        for address in ["0.0.0.0", "127.0.0.1", "0.0.0.0"] {
            let text = format!("{address}:{port}");
            assert_eq!(controls.listen_on(&poller, &[place(&text)]).unwrap(), [text.parse().unwrap()]);
        }
        controls.close_all(&poller);
        assert!(std::net::TcpStream::connect(("127.0.0.1", port)).is_err());
    }

    #[test]
    fn an_address_nobody_has_is_told_with_its_option() {
        let poller = Poller::new().unwrap();
        let text = Controls::default().listen_on(&poller, &[place("192.0.2.77:0")]).unwrap_err();
        assert!(text.contains("192.0.2.77") && text.contains("listen_address"), "{text}");
    }
}
