//! The server's side of one control session: its control connection and its data connections (RFC 4217 §10.2).

use std::sync::Arc;

use rustls::{KeyLog, ServerConfig};

use crate::channel::Channel;
use crate::fault::Fault;
use crate::proof::{Proof, Witness};
use crate::recognise::Offer;
use crate::record::Caught;
use crate::site::Site;
use crate::tickets::{Memory, Offered, Sessions, TicketKey, Tickets};

/// Tickets that a control connection hands out. Clients that use each ticket once need some before the first data
/// connection renews them; parallel data connections need one each.
const CONTROL_TICKETS: usize = 4;

/// `ftp` is what clients name for both connections; some have another word for data.
const CONTROL_PROTOCOLS: &[&[u8]] = &[b"ftp"];
const DATA_PROTOCOLS: &[&[u8]] = &[b"ftp-data", b"ftp"];

/// Which way the octets of a data connection go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Flow {
    /// To the client, who reads and so finds a fresh ticket too. Needed by clients that use each ticket once.
    ToClient,
    /// From the client, who may close without ever reading. A ticket that lies unread would turn its close into a
    /// reset, which can destroy the last octets of an upload: none is sent.
    FromClient,
}

/// One control session. Dropped with it, and with it everything its connections could be resumed by.
#[derive(Debug)]
pub struct ServerSide {
    site: Arc<Site>,
    key: Arc<TicketKey>,
    sessions: Arc<Sessions>,
    /// For the control connection, where clients are asked for certificates.
    witnessed: Option<(ServerConfig, Arc<Witness>)>,
}

impl ServerSide {
    pub(crate) fn new(site: Arc<Site>) -> Result<Self, Fault> {
        let witnessed = site.witnessed()?;
        Ok(Self { site, key: Arc::new(TicketKey::new()?), sessions: Arc::default(), witnessed })
    }

    /// Begins the handshake of the control connection.
    #[must_use]
    pub fn accept_control(&self) -> Channel {
        self.accept(CONTROL_PROTOCOLS, CONTROL_TICKETS, true)
    }

    /// Tells whether a client means to go on with this session. Nothing is proved by that: the handshake is to resume.
    #[must_use]
    pub fn knows(&self, offer: &Offer) -> bool {
        offer.names.iter().any(|name| self.key.is_named(name)) || self.sessions.knows(&offer.session)
    }

    /// Begins the handshake of a data connection.
    ///
    /// It belongs to this session's client when [`Channel::handshake_kind`] is `Resumed`, and only then.
    #[must_use]
    pub fn accept_data(&self, flow: Flow) -> Channel {
        let tickets = match flow {
            Flow::ToClient => 1,
            Flow::FromClient => 0,
        };
        self.accept(DATA_PROTOCOLS, tickets, false)
    }

    /// What the client of the control connection proved, once its handshake is over; `None` without a certificate.
    #[must_use]
    pub fn proof(&self) -> Option<Proof> {
        self.witnessed.as_ref().and_then(|(_, witness)| witness.proof())
    }

    fn accept(&self, protocols: &[&[u8]], tickets: usize, is_control: bool) -> Channel {
        let offered = Arc::new(Offered::default());
        let witnessed = self.witnessed.as_ref().filter(|_| is_control).map(|(config, _)| config);
        let mut config: ServerConfig = witnessed.unwrap_or(&self.site.base).clone();
        config.alpn_protocols = protocols.iter().map(|name| name.to_vec()).collect();
        config.send_tls13_tickets = tickets;
        config.ticketer = Arc::new(Tickets {
            key: Arc::clone(&self.key),
            offered: Arc::clone(&offered),
            for_full: is_control,
        });
        config.session_storage = Arc::new(Memory {
            sessions: Arc::clone(&self.sessions),
            offered: Arc::clone(&offered),
            adds: is_control,
        });
        // The keys of each connection become ours when it has shaken hands.
        let caught = Arc::new(Caught::default());
        config.enable_secret_extraction = true;
        config.key_log = Arc::clone(&caught) as Arc<dyn KeyLog>;
        Channel::new(Arc::new(config), self.site.only_name.clone(), offered, caught)
    }
}
