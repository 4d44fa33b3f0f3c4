//! One connection that speaks TLS.

use std::io;
use std::os::fd::OwnedFd;
use std::time::Duration;

use rustix::net::{RecvFlags, SendFlags};
use tokio::io::Interest;
use tokio::io::unix::AsyncFd;
use wharf_proto::ftp::server::ask::{Handshake, NoHandshake};
use wharf_transport::{Cause, Channel, Fault, Frame, Kind};

/// How long a handshake may take as a whole: a phone on a bad line needs seconds, and a scanner gets no more.
const HANDSHAKE_TIME: Duration = Duration::from_secs(30);

/// How much ciphertext is read at once: a record and its frame fit, and so do most handshakes.
const PIECE: usize = 32 * 1024;

/// A channel, and ciphertext that it has not taken yet.
#[derive(Debug)]
pub(crate) struct Stream {
    channel: Box<Channel>,
    pending: Vec<u8>,
    /// What is sealed already and was not taken by the connection.
    unsent: Vec<u8>,
}

impl Stream {
    /// Begins with octets of the peer that were read already.
    pub(crate) fn new(channel: Channel, pending: Vec<u8>) -> Self {
        Self { channel: Box::new(channel), pending, unsent: Vec::new() }
    }

    /// Takes ciphertext in, opens it where it lies, and gives plaintext out, all there is.
    ///
    /// # Errors
    /// As [`Channel::open`]. What was given before is good.
    pub(crate) fn take_in(
        &mut self,
        ciphertext: &mut [u8],
        mut give: impl FnMut(&[u8]),
    ) -> Result<(), Fault> {
        if self.pending.is_empty() {
            let taken = self.channel.open(ciphertext, give)?;
            self.pending.extend_from_slice(ciphertext.get(taken..).unwrap_or_default());
        } else {
            self.pending.extend_from_slice(ciphertext);
            let taken = self.channel.open(&mut self.pending, &mut give)?;
            self.pending.drain(..taken);
        }
        if self.pending.is_empty() {
            // An idle connection keeps no buffer.
            self.pending = Vec::new();
        }
        Ok(())
    }

    /// Takes what is here of the next record, to put more behind it.
    pub(crate) fn take_pending(&mut self) -> Vec<u8> {
        std::mem::take(&mut self.pending)
    }

    /// Opens whole records in the caller's buffer and tells how many octets they were.
    ///
    /// # Errors
    /// As [`Channel::open`]. What was given before is good.
    pub(crate) fn open<'a>(
        &mut self,
        ciphertext: &'a mut [u8],
        give: impl FnMut(&'a [u8]),
    ) -> Result<usize, Fault> {
        self.channel.open(ciphertext, give)
    }

    /// How records lie in a buffer that [`Self::seal`] is given.
    pub(crate) fn frame(&self) -> Option<Frame> {
        self.channel.frame()
    }

    /// Seals plaintext in its places and tells how much of the room is to be sent, after [`Self::output`].
    ///
    /// # Errors
    /// As [`Channel::seal`].
    pub(crate) fn seal(&mut self, room: &mut [u8], plaintext: usize) -> Result<usize, Fault> {
        self.channel.seal(room, plaintext)
    }

    /// Keeps as little as possible until the peer speaks again.
    pub(crate) fn rest(&mut self) {
        self.channel.rest();
    }

    /// Encrypts what fits and tells how much that was.
    pub(crate) fn write(&mut self, plaintext: &[u8]) -> usize {
        self.channel.write(plaintext)
    }

    /// Keeps sealed octets that a connection did not take, to be sent before everything else.
    pub(crate) fn keep_unsent(&mut self, octets: &[u8]) {
        self.unsent = octets.to_vec();
    }

    /// What waits to be sent.
    pub(crate) fn output(&mut self) -> Vec<u8> {
        let mut output = std::mem::take(&mut self.unsent);
        if self.channel.wants_write() {
            self.channel.take_tls(&mut output);
        }
        output
    }

    /// Queues once more a ticket that the client has had.
    pub(crate) fn repeat_ticket(&mut self) {
        self.channel.repeat_ticket();
    }

    /// Queues our own end mark.
    pub(crate) fn close(&mut self) {
        self.channel.close();
    }

    /// Tells whether the peer has said that this is all.
    pub(crate) fn is_closed_cleanly(&self) -> bool {
        self.channel.is_closed_cleanly()
    }

    /// The stream of octets has ended; tells whether the peer had said so inside TLS.
    pub(crate) fn end(&mut self) -> bool {
        self.channel.end_of_stream().is_ok()
    }

    fn agreed(&self) -> Handshake {
        Handshake {
            version: self.channel.version().unwrap_or("TLS"),
            suite: self.channel.suite().unwrap_or("unknown"),
            resumed: self.channel.handshake_kind() == Some(Kind::Resumed),
            subject: self.channel.peer_certificate().map(subject),
        }
    }
}

/// Whom a certificate names; one that cannot be read is a certificate all the same.
fn subject(certificate: &[u8]) -> Vec<u8> {
    wharf_transport::subject(certificate)
        .map_or_else(|| b"a certificate that cannot be read".to_vec(), String::into_bytes)
}

/// Carries a handshake out over a socket that is watched for octets.
///
/// # Errors
/// Why there is no TLS; the peer has heard its alert.
pub(crate) async fn shake(socket: &AsyncFd<OwnedFd>, stream: &mut Stream) -> Result<Handshake, NoHandshake> {
    match tokio::time::timeout(HANDSHAKE_TIME, talk(socket, stream)).await {
        Ok(Ok(())) => Ok(stream.agreed()),
        Ok(Err(failure)) => {
            // The alert: tried once, for the peer may not read at all.
            let alert = stream.output();
            let _ = rustix::net::send(socket, &alert, SendFlags::NOSIGNAL);
            Err(failure)
        }
        Err(_) => Err(NoHandshake::Failed("the handshake takes too long".to_owned())),
    }
}

async fn talk(socket: &AsyncFd<OwnedFd>, stream: &mut Stream) -> Result<(), NoHandshake> {
    loop {
        let taken = stream.channel.shake(&stream.pending).map_err(|fault| told(&fault))?;
        stream.pending.drain(..taken);
        if stream.channel.has_only_tickets() {
            // They travel with what is said first.
            return Ok(());
        }
        send_all(socket, &stream.output()).await.map_err(|error| NoHandshake::Failed(error.to_string()))?;
        if !stream.channel.is_handshaking() {
            return Ok(());
        }
        let read = receive(socket, &mut stream.pending).await;
        if read.map_err(|error| NoHandshake::Failed(error.to_string()))? == 0 {
            let fault = stream.channel.end_of_stream().err();
            return Err(NoHandshake::Failed(
                fault.map_or_else(|| "the peer left".to_owned(), |fault| fault.to_string()),
            ));
        }
    }
}

fn told(fault: &Fault) -> NoHandshake {
    match fault.cause {
        Cause::NothingInCommon => NoHandshake::Failed(format!("nothing in common with the client: {fault}")),
        _ => NoHandshake::Failed(fault.to_string()),
    }
}

/// Waits for octets and adds them to `pending`; 0 is the end.
pub(crate) async fn receive(socket: &AsyncFd<OwnedFd>, pending: &mut Vec<u8>) -> io::Result<usize> {
    loop {
        let mut ready = socket.readable().await?;
        // On the stack and only for this moment.
        let mut piece = [0; PIECE];
        match ready
            .try_io(|socket| Ok(rustix::net::recv(socket.get_ref(), &mut piece[..], RecvFlags::empty())?.0))
        {
            Ok(read) => {
                let read = read?;
                pending.extend_from_slice(piece.get(..read).unwrap_or_default());
                return Ok(read);
            }
            Err(_would_block) => {}
        }
    }
}

/// Sends everything, waiting for room where there is none.
async fn send_all(socket: &AsyncFd<OwnedFd>, octets: &[u8]) -> io::Result<()> {
    let mut left = octets;
    while !left.is_empty() {
        let sent =
            crate::watch::with_room(socket, || Ok(rustix::net::send(socket, left, SendFlags::NOSIGNAL)?))
                .await?;
        left = left.get(sent..).unwrap_or_default();
    }
    Ok(())
}

/// What a socket of a data connection is watched for.
pub(crate) const DATA: Interest = Interest::READABLE.add(Interest::WRITABLE);
