//! A directory that can be asked: places, nonces, signed requests, and what is worth a second try (RFC 8555 §6).
//!
//! The order of requests is `order.rs`. Security: every address that a directory names must be on the server it is on
//! itself, so that what we were told to trust is all that we talk to.

use std::io;
use std::sync::Arc;
use std::time::{Duration, Instant};

use rustix::net::sockopt::{Timeout, set_socket_timeout};
use rustls::ClientConfig;
use wharf_ipc::acme::{FromAcme, Question, Request, Requests, ToAcme};
use wharf_ipc::link::{Link, scratch};

use crate::answers::{self, Places};
use crate::connection::{Broken, Connection};
use crate::front::Front;
use crate::http::{Method, Response};
use crate::url::Url;
use crate::{Fault, ORDER_TIME};

/// How long one answer may take.
const ANSWER_TIME: Duration = Duration::from_secs(30);

/// How long the monitor may take to make a connection.
const MONITOR_TIME: Duration = Duration::from_secs(10);

/// How often a request is tried when its connection breaks or its nonce was not taken.
const TRIES: u32 = 5;

/// The longest pause that a directory can ask for between two looks.
const LONGEST_PAUSE: Duration = Duration::from_secs(30);

/// A directory, and our dealings with it.
pub(crate) struct Directory<'a> {
    monitor: &'a Link<FromAcme, ToAcme>,
    requests: Requests,
    /// Who calls for proofs.
    pub(crate) front: Front,
    config: Arc<ClientConfig>,
    origin: Url,
    connection: Option<Connection>,
    new_nonce: Option<Url>,
    nonce: Option<String>,
    /// The account's address, once it is known.
    pub(crate) account: Option<String>,
    end: Instant,
}

impl<'a> Directory<'a> {
    pub(crate) fn new(
        monitor: &'a Link<FromAcme, ToAcme>,
        requests: Requests,
        front: Front,
        config: Arc<ClientConfig>,
        origin: Url,
    ) -> io::Result<Self> {
        set_socket_timeout(monitor, Timeout::Recv, Some(MONITOR_TIME))?;
        Ok(Self {
            monitor,
            requests,
            front,
            config,
            origin,
            connection: None,
            new_nonce: None,
            nonce: None,
            account: None,
            end: Instant::now() + ORDER_TIME,
        })
    }

    /// Reads where everything is.
    pub(crate) fn places(&mut self) -> Result<Places, Fault> {
        let response = self.ask(Method::Get, &self.origin.clone())?;
        if response.status != 200 {
            return Err(self.refused(&response));
        }
        let places: Places = answers::read(&response)?;
        self.new_nonce = Some(self.place(&places.new_nonce)?);
        Ok(places)
    }

    /// Makes a signed request; an answer that is no success is a fault.
    pub(crate) fn post(&mut self, url: &str, request: Request) -> Result<Response, Fault> {
        let place = self.place(url)?;
        let mut last = String::new();
        for _ in 0..TRIES {
            let nonce = self.take_nonce()?;
            let account = self.account.clone();
            // Compat: what is signed is the address as the directory wrote it.
            let body = self.requests.write(&Question { url: url.to_owned(), nonce, account, request })?;
            let response = self.ask_once(Method::Post(&body), &place);
            match response {
                Ok(response) if (200..300).contains(&response.status) => return Ok(response),
                Ok(response) if answers::problem(&response).name() == "badNonce" => {
                    last = "it takes none of its own nonces".to_owned();
                }
                Ok(response) => return Err(self.refused(&response)),
                // A nonce that was sent is spent, so the request must be written again.
                Err(Broken::Lost(why)) => last = why,
                Err(Broken::Wrong(why)) => return Err(self.fault(&why)),
            }
        }
        Err(self.fault(&last))
    }

    /// Pauses as long as the directory asked for, or a little longer each time; a fault when the order's time is over.
    pub(crate) fn pause(&mut self, asked: Option<u32>, looks: u32) -> Result<(), Fault> {
        let pause = asked.map_or_else(
            || Duration::from_secs(u64::from(looks.min(5))),
            |seconds| Duration::from_secs(seconds.into()),
        );
        let until = Instant::now() + pause.clamp(Duration::from_millis(500), LONGEST_PAUSE);
        if until >= self.end {
            return Err(self.fault("it took too long over the order"));
        }
        self.front.wait(None, until)?;
        Ok(())
    }

    /// An address that the directory named.
    pub(crate) fn place(&self, text: &str) -> Result<Url, Fault> {
        let url = Url::parse(text)?;
        if url.is_beside(&self.origin) {
            return Ok(url);
        }
        Err(self.fault(&format!("it sends us to another server, {}, which is not trusted", url.host())))
    }

    /// A fault with the directory's name in front.
    pub(crate) fn fault(&self, why: &str) -> Fault {
        Fault::from(format!("{}: {why}", self.origin.authority()))
    }

    fn refused(&self, response: &Response) -> Fault {
        let why = match response.status {
            300..400 => format!("it leads elsewhere (status {}), and that is not followed", response.status),
            status => match answers::problem(response) {
                problem if problem.kind.is_empty() && problem.detail.is_empty() => {
                    format!("it answered with status {status}")
                }
                problem => problem.words(),
            },
        };
        Fault { retry_after: response.retry_after, ..self.fault(&why) }
    }

    fn take_nonce(&mut self) -> Result<String, Fault> {
        if let Some(nonce) = self.nonce.take() {
            return Ok(nonce);
        }
        let Some(place) = self.new_nonce.clone() else { return Err(self.fault("its places are not known")) };
        let response = self.ask(Method::Head, &place)?;
        self.nonce.take().ok_or_else(|| self.refused(&response))
    }

    /// Makes a request that may be made twice.
    fn ask(&mut self, method: Method<'_>, url: &Url) -> Result<Response, Fault> {
        let mut last = String::new();
        for _ in 0..TRIES {
            match self.ask_once(method, url) {
                Ok(response) => return Ok(response),
                Err(Broken::Lost(why)) => last = why,
                Err(Broken::Wrong(why)) => return Err(self.fault(&why)),
            }
        }
        Err(self.fault(&last))
    }

    fn ask_once(&mut self, method: Method<'_>, url: &Url) -> Result<Response, Broken> {
        let mut connection = match self.connection.take() {
            Some(connection) => connection,
            None => self.connect()?,
        };
        let until = (Instant::now() + ANSWER_TIME).min(self.end);
        let response = connection.exchange(method, url, &mut self.front, until)?;
        self.nonce.clone_from(&response.nonce);
        if response.stays_open {
            self.connection = Some(connection);
        }
        Ok(response)
    }

    fn connect(&mut self) -> Result<Connection, Broken> {
        let broken = |error: io::Error| Broken::Wrong(format!("the monitor does not answer: {error}"));
        self.monitor.send(&FromAcme::Connect).map_err(broken)?;
        let received = self.monitor.receive(&mut scratch()).map_err(broken)?;
        let Some(mut received) = received else {
            return Err(Broken::Wrong("the monitor is gone".to_owned()));
        };
        match (&received.message, received.descriptors.pop()) {
            (ToAcme::Connection, Some(socket)) => {
                Connection::new(socket, &self.origin, Arc::clone(&self.config))
            }
            (ToAcme::NoConnection(why), None) => Err(Broken::Wrong(why.clone())),
            _ => Err(Broken::Wrong("the monitor said what it may not say now".to_owned())),
        }
    }
}
