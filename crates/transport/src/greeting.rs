//! The first message of a connection: whether this client is served at all, and by which rules.

use std::sync::Arc;

use rustls::server::{Accepted, Acceptor};
use rustls::{ServerConfig, ServerConnection};

use crate::fault::{Cause, Fault};
use crate::hello::offered_versions;

/// How much of the first message is kept for the log.
const KEPT: usize = 1024;

/// A connection of which nothing is known yet.
pub(crate) struct Greeting {
    acceptor: Acceptor,
    config: Arc<ServerConfig>,
    only_name: Option<Box<str>>,
    heard: Vec<u8>,
}

impl Greeting {
    pub(crate) fn new(config: Arc<ServerConfig>, only_name: Option<Box<str>>) -> Self {
        Self { acceptor: Acceptor::default(), config, only_name, heard: Vec::new() }
    }

    /// Takes ciphertext; once the first message is whole, the connection that it begins. Of a client that is refused, the
    /// alert is added to `alert`.
    pub(crate) fn hear(
        &mut self,
        ciphertext: &mut &[u8],
        alert: &mut Vec<u8>,
    ) -> Result<Option<ServerConnection>, Fault> {
        let before = *ciphertext;
        let took = self
            .acceptor
            .read_tls(ciphertext)
            .map_err(|error| Fault::new(Cause::Broken, error.to_string()))?;
        let room = KEPT.saturating_sub(self.heard.len());
        self.heard.extend(before.iter().take(took.min(room)));
        let connection = match self.acceptor.accept() {
            Ok(None) => return Ok(None),
            Ok(Some(accepted)) => check_name(&accepted, self.only_name.as_deref(), alert)
                .and_then(|()| connect(accepted, &self.config, alert)),
            Err((error, mut said)) => {
                let _ = said.write_all(alert);
                Err(error.into())
            }
        };
        connection.map(Some).map_err(|fault| explained(fault, &self.heard))
    }
}

fn connect(
    accepted: Accepted,
    config: &Arc<ServerConfig>,
    alert: &mut Vec<u8>,
) -> Result<ServerConnection, Fault> {
    let mut connection = accepted.into_connection(Arc::clone(config)).map_err(|(error, mut said)| {
        let _ = said.write_all(alert);
        Fault::from(error)
    })?;
    // Ours is the bound on what waits.
    connection.set_buffer_limit(None);
    Ok(connection)
}

fn check_name(accepted: &Accepted, only: Option<&str>, alert: &mut Vec<u8>) -> Result<(), Fault> {
    /// A fatal `unrecognized_name` (RFC 6066 §3) in a record of its own; nothing is encrypted yet.
    const UNRECOGNIZED_NAME: [u8; 7] = [21, 3, 3, 0, 2, 2, 112];
    let Some(only) = only else { return Ok(()) };
    let hello = accepted.client_hello();
    let asked = hello.server_name();
    if asked.is_some_and(|asked| asked.eq_ignore_ascii_case(only)) {
        return Ok(());
    }
    alert.extend(UNRECOGNIZED_NAME);
    let words = match asked {
        Some(asked) => {
            format!("the client asked for the server {asked:?}, and ssl_sni_hostname allows {only:?}")
        }
        None => format!("the client did not say which server it wants, and ssl_sni_hostname allows {only:?}"),
    };
    Err(Fault::new(Cause::OtherName, words))
}

fn explained(fault: Fault, heard: &[u8]) -> Fault {
    if fault.cause != Cause::NothingInCommon {
        return fault;
    }
    match offered_versions(heard) {
        Some(versions) => Fault::new(fault.cause, format!("{fault}; it offered {versions}")),
        None => fault,
    }
}
