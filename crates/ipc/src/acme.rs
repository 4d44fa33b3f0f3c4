//! The certificate that is ordered from an authority (ACME, RFC 8555): monitor ↔ acme, monitor ↔ keyholder, acme ↔
//! keyholder.
//!
//! The acme role reaches the authority's directory and has no key. The keyholder has the keys and writes every signed
//! request itself, from what the monitor told it: the role names an address, a nonce and one of five kinds of request,
//! and can have nothing else signed. Sockets are made by the monitor, which reads from none.

use std::fmt;
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::time::Duration;

use rustix::net::sockopt::{self, Timeout};
use serde::{Deserialize, Serialize};
use serde_bytes::ByteBuf;

use crate::keyholder::{FromKeyholder, ToKeyholder};
use crate::link::{Link, scratch};

/// The most names a certificate may be ordered for; authorities allow 100 and more.
pub const MAX_DOMAINS: usize = 100;

/// The longest address, nonce or account that is put into a signed request, in octets.
pub const MAX_WORD: usize = 2048;

/// The longest chain that is taken from an authority, in octets of PEM: it must fit into one message.
pub const MAX_CHAIN: usize = 60 * 1024;

/// The most sockets for the authority's calls: one for each family.
pub const MAX_LISTENING: usize = 2;

/// How the authority is shown that a name leads to this machine.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Challenge {
    /// By a text on port 80 (RFC 8555 §8.3).
    Http01,
    /// By a certificate on port 443 (RFC 8737).
    TlsAlpn01,
}

impl Challenge {
    /// The name in the protocol and in the configuration.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Http01 => "http-01",
            Self::TlsAlpn01 => "tls-alpn-01",
        }
    }

    /// The port that authorities call.
    #[must_use]
    pub fn port(self) -> u16 {
        match self {
            Self::Http01 => 80,
            Self::TlsAlpn01 => 443,
        }
    }
}

impl fmt::Display for Challenge {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// Monitor → acme.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum ToAcme {
    /// The first message, once. With it come the file of trusted roots, the link to the keyholder, and the listening
    /// sockets that the authority is going to call, in this order.
    Start(Order),
    /// A connection to the directory comes along, perhaps not established yet.
    Connection,
    /// No connection can be made, for this reason.
    NoConnection(String),
}

/// What is to be ordered, and where.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Order {
    /// As whom the role runs: user and group number; `None` to stay who it is.
    pub user: Option<(u32, u32)>,
    /// The address of the directory, `https://…`.
    pub directory: String,
    /// The names, in small letters.
    pub domains: Vec<String>,
    /// How they are proved.
    pub challenge: Challenge,
    /// The thumbprint of the account's key (RFC 7638), a part of every proof.
    pub thumbprint: String,
}

/// Acme → monitor.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum FromAcme {
    /// Wants a connection to the directory.
    Connect,
    /// The chain as the authority sent it, in PEM. The last message.
    Obtained {
        /// At most [`MAX_CHAIN`] octets.
        chain: ByteBuf,
    },
    /// There is no certificate. The last message.
    Failed {
        /// What happened and what to try, for the administrator.
        reason: String,
        /// The authority asks to be left alone for so many seconds.
        retry_after: Option<u32>,
    },
}

/// Monitor → keyholder: what concerns ordered certificates.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Task {
    /// Make a key and a self-signed certificate, and write both into the new file that comes along.
    Placeholder {
        /// For these names.
        domains: Vec<String>,
    },
    /// An order begins. The account's file comes along, readable and writable, and the link of the acme role. An
    /// order that was begun before is forgotten.
    Begin(Applicant),
    /// Judge a chain by the key that was made for this order, and write both into the new file that comes along.
    Store {
        /// In PEM.
        chain: ByteBuf,
    },
    /// The order is over; its key is forgotten. There is no answer.
    End,
}

/// For whom a certificate is ordered.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Applicant {
    /// The names.
    pub domains: Vec<String>,
    /// Where the authority may send warnings.
    pub email: Option<String>,
    /// The administrator agrees to the authority's terms.
    pub accepts_terms: bool,
}

/// Keyholder → monitor: how a [`Task`] came out.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Done {
    /// The order can begin.
    Begun {
        /// For [`Order::thumbprint`].
        thumbprint: String,
    },
    /// Key and chain stand in the file.
    Stored(Validity),
    /// Nothing was written that is of use, for this reason.
    Refused(String),
}

/// From when until when a certificate is valid, in seconds since 1970.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Validity {
    /// The first second.
    pub not_before: u64,
    /// The last second.
    pub not_after: u64,
}

/// Acme → keyholder: write and sign a request.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Question {
    /// To which address it will be sent.
    pub url: String,
    /// The directory's nonce.
    pub nonce: String,
    /// The account's address; `None` while it is not known, and then the request carries the account's public key.
    pub account: Option<String>,
    /// What is requested.
    pub request: Request,
}

/// All that can be requested of a directory.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Request {
    /// The account of our key, an existing one or a new one (RFC 8555 §7.3).
    Account,
    /// An order for the applicant's names (§7.4).
    Order,
    /// To read something: POST-as-GET (§6.3).
    Read,
    /// To look at our proof now (§7.5.1).
    Respond,
    /// The certificate, for the key of this order (§7.4).
    Finalize,
}

/// Keyholder → acme, once for each question: the body of the request, or why there is none.
pub type Answer = Result<ByteBuf, NotWritten>;

/// Why a request was not written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum NotWritten {
    /// An address, nonce or account is too long, or has octets that do not belong there.
    Malformed,
    /// The signing itself failed.
    Failed,
}

/// Gives the keyholder a task and waits for its end: the monitor's whole side, but for [`Task::End`].
///
/// # Errors
/// When the keyholder is gone, late, or says what it may not say now; it must then be ended.
pub fn carry_out(
    keyholder: &Link<ToKeyholder, FromKeyholder>,
    task: Task,
    descriptors: &[BorrowedFd<'_>],
    patience: Duration,
) -> io::Result<Done> {
    sockopt::set_socket_timeout(keyholder, Timeout::Recv, Some(patience))?;
    keyholder.send_with(&ToKeyholder::Acme(task), descriptors)?;
    match heard(keyholder.receive(&mut scratch()))? {
        FromKeyholder::Acme(done) => Ok(done),
        _ => Err(io::Error::new(io::ErrorKind::InvalidData, "the keyholder said what it may not say now")),
    }
}

/// The acme role's way to the keyholder.
#[derive(Debug)]
pub struct Requests(Link<Question, Answer>);

impl Requests {
    /// Begins with the link that the monitor handed over.
    ///
    /// # Errors
    /// When the descriptor is no socket.
    pub fn new(link: OwnedFd, patience: Duration) -> io::Result<Self> {
        let link = Link::from(link);
        for way in [Timeout::Recv, Timeout::Send] {
            sockopt::set_socket_timeout(AsFd::as_fd(&link), way, Some(patience))?;
        }
        Ok(Self(link))
    }

    /// Has a request written. After an error there is no second: a late answer must not be taken for the next.
    ///
    /// # Errors
    /// `TimedOut` or `BrokenPipe` when the keyholder does not answer, `InvalidInput` for what it does not write.
    pub fn write(&self, question: &Question) -> io::Result<Vec<u8>> {
        self.0.send(question)?;
        match heard(self.0.receive(&mut scratch()))? {
            Ok(body) => Ok(body.into_vec()),
            Err(NotWritten::Malformed) => Err(io::Error::new(
                io::ErrorKind::InvalidInput,
                "the directory gave an address or nonce that cannot be used",
            )),
            Err(NotWritten::Failed) => Err(io::Error::other("signing failed")),
        }
    }
}

fn heard<In>(received: io::Result<Option<crate::link::Received<In>>>) -> io::Result<In> {
    match received {
        Ok(Some(received)) => Ok(received.message),
        Ok(None) => Err(io::Error::new(io::ErrorKind::BrokenPipe, "the keyholder is gone")),
        // A socket with a time limit says so when it is over.
        Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
            Err(io::Error::new(io::ErrorKind::TimedOut, "the keyholder does not answer"))
        }
        Err(error) => Err(error),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SHORT: Duration = Duration::from_millis(50);

    fn question() -> Question {
        Question { url: "https://a/".into(), nonce: "n".into(), account: None, request: Request::Account }
    }

    #[test]
    fn a_keyholder_that_is_late_gone_or_refuses_is_told_apart() {
        let (ours, theirs) = Link::<Question, Answer>::pair().unwrap();
        let requests = Requests::new(ours.into(), SHORT).unwrap();
        assert_eq!(requests.write(&question()).unwrap_err().kind(), io::ErrorKind::TimedOut);
        theirs.send(&Err(NotWritten::Malformed)).unwrap();
        assert_eq!(requests.write(&question()).unwrap_err().kind(), io::ErrorKind::InvalidInput);
        theirs.send(&Ok(ByteBuf::from(b"{}"))).unwrap();
        assert_eq!(requests.write(&question()).unwrap(), b"{}");
        for _ in 0..3 {
            assert_eq!(theirs.receive(&mut scratch()).unwrap().unwrap().message, question());
        }
        drop(theirs);
        assert_eq!(requests.write(&question()).unwrap_err().kind(), io::ErrorKind::BrokenPipe);
    }

    #[test]
    fn a_task_has_one_answer_and_of_its_own_kind() {
        let (monitor, keyholder) = Link::<ToKeyholder, FromKeyholder>::pair().unwrap();
        let ask = || carry_out(&monitor, Task::Placeholder { domains: Vec::new() }, &[], SHORT);
        assert_eq!(ask().unwrap_err().kind(), io::ErrorKind::TimedOut);
        keyholder.send(&FromKeyholder::Loaded).unwrap();
        assert_eq!(ask().unwrap_err().kind(), io::ErrorKind::InvalidData);
        keyholder.send(&FromKeyholder::Acme(Done::Refused("no".into()))).unwrap();
        assert_eq!(ask().unwrap(), Done::Refused("no".into()));
    }
}
