//! Handshakes: within the library for what is short, or up to its last octet and no further, so that the keys can be taken in hand.

use std::io::{self, Read};
use std::net::TcpStream;

use rustls::{ClientConnection, Connection, StreamOwned};

use super::Agreed;
use super::records::{Inbound, Outbound, whole};

/// A flight of the peer, certificates and all, and what may come at once behind it.
const ROOM: usize = 64 << 10;

/// Shakes hands and leaves everything else to the library too.
pub(crate) fn within_the_library(
    mut connection: ClientConnection,
    mut socket: TcpStream,
) -> io::Result<(StreamOwned<ClientConnection, TcpStream>, Agreed)> {
    while connection.is_handshaking() {
        connection.complete_io(&mut socket)?;
    }
    let agreed = Agreed::of(&connection)?;
    Ok((StreamOwned::new(connection, socket), agreed))
}

/// Shakes hands, on either side, and takes the keys of both directions from the library.
///
/// It is fed record by record: what it has read ahead would be lost.
///
/// # Errors
/// When the handshake fails, or something else than TLS 1.3 is agreed on: its records are the only ones known here.
pub(crate) fn in_hand(
    mut connection: Connection,
    mut socket: &TcpStream,
) -> io::Result<(Inbound, Outbound, Agreed)> {
    let mut room = vec![0; ROOM];
    let (mut begin, mut end) = (0, 0);
    loop {
        while connection.wants_write() {
            connection.write_tls(&mut socket)?;
        }
        if !connection.is_handshaking() {
            break;
        }
        let held = room.get(begin..end).unwrap_or_default();
        if let Some(length) = whole(held) {
            let mut record = held.get(..length).unwrap_or_default();
            while !record.is_empty() {
                connection.read_tls(&mut record)?;
            }
            begin += length;
            connection.process_new_packets().map_err(io::Error::other)?;
            continue;
        }
        match socket.read(room.get_mut(end..).unwrap_or_default())? {
            0 => return Err(io::Error::other("the connection ended within the handshake")),
            count => end += count,
        }
    }
    let agreed = Agreed::of(&connection)?;
    if agreed.version != rustls::ProtocolVersion::TLSv1_3 {
        return Err(io::Error::other(format!("{:?} was agreed on, not TLS 1.3", agreed.version)));
    }
    let secrets = connection.dangerous_extract_secrets().map_err(io::Error::other)?;
    let rest = room.get(begin..end).unwrap_or_default();
    Ok((Inbound::new(secrets.rx, rest)?, Outbound::new(secrets.tx)?, agreed))
}
