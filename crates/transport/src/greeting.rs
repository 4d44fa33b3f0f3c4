//! The first message of a connection: whether this client is served at all, and by which rules.

use std::sync::Arc;

use rustls::server::{Accepted, Acceptor};
use rustls::{ServerConfig, ServerConnection};

use crate::fault::{Cause, Fault};
use crate::hello::{newest_of_old, offered_versions};

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
        connection.map(Some).map_err(|fault| explained(fault, &self.heard, alert))
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

/// Says what the client offered, and to an old one in its own words that it is the version.
fn explained(fault: Fault, heard: &[u8], alert: &mut Vec<u8>) -> Fault {
    /// A fatal `protocol_version` (RFC 5246 §7.2.2) in a record of TLS 1.0, which old clients can read. The library takes
    /// what is missing in their first message for the cause.
    const PROTOCOL_VERSION: [u8; 7] = [21, 3, 1, 0, 2, 2, 70];
    if !matches!(fault.cause, Cause::NothingInCommon | Cause::Broken) {
        return fault;
    }
    if let Some(newest) = newest_of_old(heard) {
        alert.clear();
        alert.extend(PROTOCOL_VERSION);
        let words = format!(
            "the client offers {newest} at most, which is outdated: TLS 1.2 is the oldest that is spoken here"
        );
        return Fault::new(Cause::OldVersion, words);
    }
    match offered_versions(heard).filter(|_| fault.cause == Cause::NothingInCommon) {
        Some(versions) => Fault::new(fault.cause, format!("{fault}; it offered {versions}")),
        None => fault,
    }
}
