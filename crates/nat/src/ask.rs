//! Asks and waits, but never for long: the blocking half of every protocol here.
//!
//! An answer is taken only from whom was asked. What makes no sense is passed over and the wait goes on, so that a
//! stranger's packet cannot end it.

use std::io::{self, Read, Write};
use std::net::{Ipv4Addr, SocketAddr, SocketAddrV4, TcpStream, UdpSocket};
use std::time::{Duration, Instant};

use crate::upnp::description::{Service, services};
use crate::upnp::http::{self, Answer, Url};
use crate::upnp::soap::{self, Action};
use crate::upnp::ssdp;
use crate::{Fault, natpmp, pcp, stun};

/// How long each sending of a question is waited for, in milliseconds, before silence is an answer. A router that is
/// asked again and again while it works only has more to do, so PCP begins slowly (RFC 6887 §8.1.1 says 3 seconds, which
/// is long for those who wait to hear that there is no PCP); NAT-PMP and STUN begin as RFC 6886 §3.1 and RFC 8489 §6.2.1 say.
const PCP_WAITS: &[u64] = &[1000, 2000, 2000];
const NAT_PMP_WAITS: &[u64] = &[250, 500, 1000, 2000];
const STUN_WAITS: &[u64] = &[500, 1000, 2000];

/// How long an answer is looked for behind the word that nobody listens.
const LAST_LOOK: Duration = Duration::from_millis(50);

/// How long devices get to answer a search; the search asks for a second.
const SEARCH: Duration = Duration::from_millis(1500);

/// How long one question over TCP may take, its connection included.
const STREAM: Duration = Duration::from_secs(4);

/// Random octets.
///
/// # Errors
/// When the kernel has none, which does not happen after its start.
pub fn random() -> io::Result<[u8; 12]> {
    let mut octets = [0; 12];
    rustix::rand::getrandom(&mut octets, rustix::rand::GetRandomFlags::empty())?;
    Ok(octets)
}

/// A router asked by datagrams: PCP and NAT-PMP.
#[derive(Debug)]
pub struct Router {
    socket: UdpSocket,
    client: Ipv4Addr,
}

impl Router {
    /// Prepares to ask a router; nothing is sent.
    ///
    /// # Errors
    /// When there is no way to it.
    pub fn at(gateway: Ipv4Addr) -> io::Result<Self> {
        let socket = UdpSocket::bind((Ipv4Addr::UNSPECIFIED, 0))?;
        socket.connect((gateway, pcp::PORT))?;
        match socket.local_addr()? {
            SocketAddr::V4(local) => Ok(Self { socket, client: *local.ip() }),
            SocketAddr::V6(_) => Err(io::ErrorKind::Unsupported.into()),
        }
    }

    /// Our own address towards the router.
    #[must_use]
    pub fn client(&self) -> Ipv4Addr {
        self.client
    }

    /// Maps or withdraws a port by PCP.
    ///
    /// # Errors
    /// See [`Fault`].
    pub fn map_by_pcp(&self, port: u16, lifetime: u32, nonce: pcp::Nonce) -> Result<pcp::Mapped, Fault> {
        let map = pcp::Map { port, lifetime, client: self.client, nonce };
        exchange(&self.socket, PCP_WAITS, &map.to_octets(), |message| map.read_answer(message))
    }

    /// Maps or withdraws a port by NAT-PMP.
    ///
    /// # Errors
    /// See [`Fault`].
    pub fn map_by_natpmp(&self, port: u16, lifetime: u32) -> Result<natpmp::Mapped, Fault> {
        let request = natpmp::map_request(port, lifetime);
        exchange(&self.socket, NAT_PMP_WAITS, &request, |message| natpmp::read_mapping(message, port))
    }

    /// Asks for the address outside by NAT-PMP.
    ///
    /// # Errors
    /// See [`Fault`].
    pub fn outside(&self) -> Result<natpmp::Outside, Fault> {
        exchange(&self.socket, NAT_PMP_WAITS, &natpmp::ADDRESS_REQUEST, natpmp::read_address)
    }
}

/// Sends a datagram and again, until something comes that is an answer.
///
/// That nobody listens there is heard for one sending while the answer to another may lie in the queue behind it.
fn exchange<T>(
    socket: &UdpSocket,
    waits: &[u64],
    request: &[u8],
    read: impl Fn(&[u8]) -> Result<T, Fault>,
) -> Result<T, Fault> {
    let is_refusal = |error: &io::Error| error.kind() == io::ErrorKind::ConnectionRefused;
    let mut buffer = [0; 2048];
    for wait in waits {
        match socket.send(request) {
            Err(error) if !is_refusal(&error) => return Err(error.into()),
            _ => {}
        }
        let (mut end, mut is_refused) = (Instant::now() + Duration::from_millis(*wait), false);
        loop {
            match receive(socket, &mut buffer, end) {
                Ok(Some(message)) => match read(message) {
                    Err(Fault::Malformed(_)) => {}
                    answer => return answer,
                },
                Ok(None) => break,
                Err(error) if is_refusal(&error) && !is_refused => {
                    (end, is_refused) = (Instant::now() + LAST_LOOK, true);
                }
                Err(error) => return Err(error.into()),
            }
        }
        if is_refused {
            return Err(Fault::Network(io::ErrorKind::ConnectionRefused));
        }
    }
    Err(Fault::Silent)
}

/// The next datagram; `None` when none comes until then.
fn receive<'a>(socket: &UdpSocket, buffer: &'a mut [u8], end: Instant) -> io::Result<Option<&'a [u8]>> {
    let left = end.saturating_duration_since(Instant::now());
    if left.is_zero() {
        return Ok(None);
    }
    socket.set_read_timeout(Some(left))?;
    match socket.recv(buffer) {
        Ok(length) => Ok(buffer.get(..length)),
        Err(error) if matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut) => Ok(None),
        Err(error) => Err(error),
    }
}

/// Asks a STUN server by datagram which address we come from.
///
/// # Errors
/// See [`Fault`].
pub fn stun(server: SocketAddrV4) -> Result<Ipv4Addr, Fault> {
    let socket = UdpSocket::bind((Ipv4Addr::UNSPECIFIED, 0))?;
    socket.connect(server)?;
    let transaction = random()?;
    let read = |message: &[u8]| stun::read_answer(message, transaction);
    Ok(*exchange(&socket, STUN_WAITS, &stun::request(transaction), read)?.ip())
}

/// Asks a STUN server over TCP, for networks that let no datagrams out.
///
/// # Errors
/// See [`Fault`].
pub fn stun_over_tcp(server: SocketAddrV4) -> Result<Ipv4Addr, Fault> {
    let end = Instant::now() + STREAM;
    let mut stream = Stream::connect(server, end)?;
    let transaction = random()?;
    stream.write(&stun::request(transaction))?;
    let mut message = vec![0; stun::HEADER];
    stream.fill(&mut message)?;
    let rest = stun::rest_of(&message)?;
    message.resize(stun::HEADER + rest, 0);
    if let Some(attributes) = message.get_mut(stun::HEADER..) {
        stream.fill(attributes)?;
    }
    Ok(*stun::read_answer(&message, transaction)?.ip())
}

/// A gateway that speaks UPnP.
#[derive(Debug, Clone)]
pub struct Gateway {
    service: Service,
    client: Ipv4Addr,
}

impl Gateway {
    /// Searches for a router's UPnP service. Other machines' answers are passed over.
    ///
    /// # Errors
    /// See [`Fault`].
    pub fn find(router: Ipv4Addr) -> Result<Self, Fault> {
        let client = Router::at(router)?.client();
        // Bound to the address towards the router, so that the search leaves by that interface.
        let socket = UdpSocket::bind((client, 0))?;
        let direct = SocketAddrV4::new(router, ssdp::PORT);
        for target in ssdp::TARGETS {
            // Some routers hear the one only, some the other; one that hears neither is found to be silent.
            let _ = socket.send_to(&ssdp::search(target), ssdp::EVERYBODY);
            let _ = socket.send_to(&ssdp::search(target), direct);
        }
        let end = Instant::now() + SEARCH;
        let mut buffer = [0; ssdp::MAX_MESSAGE];
        let mut last = Fault::Silent;
        while let Some((message, sender)) = receive_from(&socket, &mut buffer, end)? {
            if sender != router {
                continue;
            }
            match ssdp::read_answer(message, sender).and_then(|url| Self::described_at(&url, client)) {
                Ok(gateway) => return Ok(gateway),
                Err(fault) => last = fault,
            }
        }
        Err(last)
    }

    fn described_at(url: &Url, client: Ipv4Addr) -> Result<Self, Fault> {
        let document = soap::accepted(fetch(url.host, &http::get(url))?)?;
        let mut last = Fault::Malformed("no service answers");
        for service in services(&document, url)? {
            let gateway = Self { service, client };
            // A router may describe a line it does not use.
            match gateway.outside() {
                Ok(_) => return Ok(gateway),
                Err(fault) => last = fault,
            }
        }
        Err(last)
    }

    /// Our own address towards the router.
    #[must_use]
    pub fn client(&self) -> Ipv4Addr {
        self.client
    }

    /// Asks for the address outside; `None` while the router has none.
    ///
    /// # Errors
    /// See [`Fault`].
    pub fn outside(&self) -> Result<Option<Ipv4Addr>, Fault> {
        Ok(soap::external_address(&self.tell(Action::ExternalAddress)?))
    }

    /// Maps a port, and tells for how many seconds; 0 is until it is withdrawn.
    ///
    /// # Errors
    /// See [`Fault`].
    pub fn map(&self, port: u16, lifetime: u32) -> Result<u32, Fault> {
        let add = |lifetime| Action::Add { port, client: self.client, lifetime, name: "wharfd" };
        match self.tell(add(lifetime)) {
            Err(Fault::Refused { code: soap::ONLY_PERMANENT, .. }) => self.tell(add(0)).map(|_| 0),
            answer => answer.map(|_| lifetime),
        }
    }

    /// Tells whether a port is mapped to us.
    ///
    /// # Errors
    /// See [`Fault`]; no mapping is [`Fault::Refused`].
    pub fn leads_to_us(&self, port: u16) -> Result<bool, Fault> {
        let body = self.tell(Action::Ask { port })?;
        Ok(soap::entry(&body).is_some_and(|(client, _)| client == self.client))
    }

    /// Withdraws a mapping.
    ///
    /// # Errors
    /// See [`Fault`].
    pub fn withdraw(&self, port: u16) -> Result<(), Fault> {
        self.tell(Action::Delete { port }).map(drop)
    }

    fn tell(&self, action: Action<'_>) -> Result<String, Fault> {
        let (header, body) = action.to_soap(self.service.kind);
        let url = &self.service.control;
        soap::accepted(fetch(url.host, &http::post(url, &header, &body))?)
    }
}

fn receive_from<'a>(
    socket: &UdpSocket,
    buffer: &'a mut [u8],
    end: Instant,
) -> io::Result<Option<(&'a [u8], Ipv4Addr)>> {
    loop {
        let left = end.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return Ok(None);
        }
        socket.set_read_timeout(Some(left))?;
        match socket.recv_from(buffer) {
            Ok((length, SocketAddr::V4(sender))) => {
                return Ok(buffer.get(..length).map(|message| (message, *sender.ip())));
            }
            // What came of the direct search where nobody listens.
            Ok(_) => {}
            Err(error) if error.kind() == io::ErrorKind::ConnectionRefused => {}
            Err(error) if matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut) => {
                return Ok(None);
            }
            Err(error) => return Err(error),
        }
    }
}

/// One HTTP request and its answer.
fn fetch(host: SocketAddrV4, request: &[u8]) -> Result<Answer, Fault> {
    let end = Instant::now() + STREAM;
    let mut stream = Stream::connect(host, end)?;
    stream.write(request)?;
    let mut octets = Vec::new();
    let mut buffer = [0; 4096];
    loop {
        let count = stream.read(&mut buffer)?;
        octets.extend_from_slice(buffer.get(..count).unwrap_or_default());
        if let Some(answer) = http::read_answer(&octets, count == 0)? {
            return Ok(answer);
        }
    }
}

/// A connection with one time for everything.
struct Stream {
    stream: TcpStream,
    end: Instant,
}

impl Stream {
    fn connect(to: SocketAddrV4, end: Instant) -> Result<Self, Fault> {
        let left = end.saturating_duration_since(Instant::now()).max(Duration::from_millis(1));
        Ok(Self { stream: TcpStream::connect_timeout(&to.into(), left)?, end })
    }

    /// What is left of the time; a wait of nothing would mean one without end.
    fn left(&self) -> Result<Option<Duration>, Fault> {
        let left = self.end.saturating_duration_since(Instant::now());
        if left.is_zero() { Err(Fault::Silent) } else { Ok(Some(left)) }
    }

    fn write(&mut self, octets: &[u8]) -> Result<(), Fault> {
        self.stream.set_write_timeout(self.left()?)?;
        Ok(self.stream.write_all(octets)?)
    }

    fn read(&mut self, buffer: &mut [u8]) -> Result<usize, Fault> {
        self.stream.set_read_timeout(self.left()?)?;
        Ok(self.stream.read(buffer)?)
    }

    fn fill(&mut self, mut buffer: &mut [u8]) -> Result<(), Fault> {
        while !buffer.is_empty() {
            let count = self.read(buffer)?;
            if count == 0 {
                return Err(Fault::Malformed("it ends too early"));
            }
            buffer = buffer.get_mut(count..).unwrap_or_default();
        }
        Ok(())
    }
}
