//! Monitor ↔ keyholder: which keys there are. Session worker ↔ keyholder: what is to be signed with them.
//!
//! Keys travel as open files, from the monitor to the keyholder, and never back: what comes back is public. A worker
//! can have one thing signed, a server's part of a TLS handshake, and nothing else can be asked.

use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use rustix::net::sockopt::{self, Timeout};
use serde::{Deserialize, Serialize};
use serde_bytes::ByteBuf;

use crate::link::{Link, scratch};

/// The number of a key, unique for the life of the server: the set it was loaded with, and its place there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct KeyId(pub u64);

impl KeyId {
    /// Names the key at `place` of a set; a set has fewer than [`MAX_PAIRS`].
    #[must_use]
    pub fn new(set: u32, place: u16) -> Self {
        Self(u64::from(set) << 16 | u64::from(place))
    }
}

/// How many certificates a set may have.
pub const MAX_PAIRS: u16 = 256;

/// The most that a worker may ask to have signed, in octets: the longest that TLS 1.2 and 1.3 sign has 201.
pub const MAX_TO_SIGN: usize = 256;

/// The longest chain of certificates, in octets of DER: it must fit into one message.
pub const MAX_CHAIN: usize = 60 * 1024;

/// Monitor → keyholder. `Start` is the first and comes once; a `Pair` or `Commit` needs a `Begin` before it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum ToKeyholder {
    /// As whom the role runs: user and group number; `None` to stay who it is.
    Start(Option<(u32, u32)>),
    /// A new set of keys begins. One that was begun and not committed is forgotten.
    Begin {
        /// Its number, higher than any before, those of an earlier keyholder included.
        set: u32,
    },
    /// A certificate and its key; the open files come along, in this order. They are regular files in PEM.
    Pair {
        /// The name of the file of the chain, for messages.
        certificate: String,
        /// The name of the key's file; `None` when the key stands in the certificate's, and one file comes along.
        key: Option<String>,
    },
    /// The set is whole. The answer is a [`FromKeyholder::Public`] for each pair and [`FromKeyholder::Loaded`], or
    /// [`FromKeyholder::Refused`], after which the earlier set goes on.
    Commit,
    /// A worker's link comes along; it says [`Question`] and hears [`Answer`].
    Worker,
    /// What concerns ordered certificates; answered by [`FromKeyholder::Acme`].
    Acme(crate::acme::Task),
}

/// Keyholder → monitor.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum FromKeyholder {
    /// The public part of the next pair.
    Public(Public),
    /// The set is in force. Keys of the one before still sign for a while, for handshakes under way.
    Loaded,
    /// Nothing changed.
    Refused(Refused),
    /// How a task came out that concerns ordered certificates.
    Acme(crate::acme::Done),
}

/// What everybody may know of a key.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Public {
    /// What to ask for.
    pub key: KeyId,
    /// The TLS signature schemes it can do, best first, by their numbers (RFC 8446 §4.2.3).
    pub schemes: Vec<u16>,
    /// The chain in DER, the server's own certificate first.
    pub chain: Vec<ByteBuf>,
}

/// Why a set was not taken.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Refused {
    /// Which file is at fault.
    pub file: String,
    /// What is wrong with it and what to try, for the administrator.
    pub reason: String,
}

/// Session worker → keyholder: sign this.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Question {
    /// Comes back with the answer, so that a late one is never taken for the next.
    pub number: u64,
    /// With which key.
    pub key: KeyId,
    /// How.
    pub scheme: u16,
    /// What, before hashing.
    #[serde(with = "serde_bytes")]
    pub message: Vec<u8>,
}

/// Keyholder → session worker, once for each question.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Answer {
    /// Of the question.
    pub number: u64,
    /// The signature, or why there is none.
    pub outcome: Result<ByteBuf, NotSigned>,
}

/// Why something was not signed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum NotSigned {
    /// No such key, or it was replaced long ago.
    UnknownKey,
    /// The key cannot do that scheme.
    WrongScheme,
    /// It is not what a TLS server signs.
    NotAHandshake,
    /// The signing itself failed.
    Failed,
}

impl NotSigned {
    fn words(self) -> &'static str {
        match self {
            Self::UnknownKey => "the key was replaced or never existed",
            Self::WrongScheme => "the key cannot sign in that way",
            Self::NotAHandshake => "this is not what a TLS server signs",
            Self::Failed => "signing failed",
        }
    }
}

/// A certificate with its key as the monitor opened them.
#[derive(Debug, Clone, Copy)]
pub struct Files<'a> {
    /// The chain's file and its name.
    pub certificate: (&'a str, BorrowedFd<'a>),
    /// The key's; `None` when the key stands in the same file.
    pub key: Option<(&'a str, BorrowedFd<'a>)>,
}

/// Hands a set over and waits for the keyholder's judgement: the monitor's whole side of a load.
///
/// The link must be one that waits; a keyholder that does not answer within `patience` is an error of `TimedOut`.
///
/// # Errors
/// When the keyholder is gone or says what it may not say now. Then it must be ended and another started: what it still
/// says belongs to nothing.
pub fn load(
    link: &Link<ToKeyholder, FromKeyholder>,
    set: u32,
    pairs: &[Files<'_>],
    patience: Duration,
) -> io::Result<Result<Vec<Public>, Refused>> {
    sockopt::set_socket_timeout(link, Timeout::Recv, Some(patience))?;
    link.send(&ToKeyholder::Begin { set })?;
    for pair in pairs {
        let (certificate, file) = pair.certificate;
        let key = pair.key.map(|(name, _)| name.to_owned());
        let files: Vec<BorrowedFd<'_>> =
            [Some(file), pair.key.map(|(_, file)| file)].into_iter().flatten().collect();
        link.send_with(&ToKeyholder::Pair { certificate: certificate.to_owned(), key }, &files)?;
    }
    link.send(&ToKeyholder::Commit)?;
    let mut known = Vec::new();
    let mut buffer = scratch();
    loop {
        let received = link.receive(&mut buffer).map_err(in_words)?.ok_or_else(gone)?;
        match received.message {
            FromKeyholder::Public(public) if known.len() < pairs.len() => known.push(public),
            FromKeyholder::Loaded if known.len() == pairs.len() => return Ok(Ok(known)),
            FromKeyholder::Refused(refused) if known.is_empty() => return Ok(Err(refused)),
            _ => return Err(broken("the keyholder said what it may not say now")),
        }
    }
}

/// How long a worker waits for a signature; all its sessions wait with it.
pub const PATIENCE: Duration = Duration::from_secs(2);

/// Room for the longest answer: RSA of 8192 bits signs 1024 octets.
const ANSWER_ROOM: usize = 2048;

/// A worker's way to the keyholder: one question at a time, and it waits for the answer.
#[derive(Debug)]
pub struct Signatures {
    asking: Mutex<Asking>,
    patience: Duration,
}

#[derive(Debug)]
struct Asking {
    link: Link<Question, Answer>,
    /// Of the last question.
    number: u64,
}

impl Signatures {
    /// Begins with the link that the monitor handed over.
    ///
    /// # Errors
    /// When the descriptor is no socket.
    pub fn new(link: OwnedFd) -> io::Result<Self> {
        Self::with_patience(link, PATIENCE)
    }

    /// The same with another time to wait.
    ///
    /// # Errors
    /// As [`Self::new`].
    pub fn with_patience(link: OwnedFd, patience: Duration) -> io::Result<Self> {
        let link = prepared(link, patience)?;
        Ok(Self { asking: Mutex::new(Asking { link, number: 0 }), patience })
    }

    /// Goes on with the link to another keyholder, because the first has died.
    ///
    /// # Errors
    /// As [`Self::new`]; then the old link stays.
    pub fn replace(&self, link: OwnedFd) -> io::Result<()> {
        let link = prepared(link, self.patience)?;
        self.asking.lock().unwrap_or_else(PoisonError::into_inner).link = link;
        Ok(())
    }

    /// Has a message signed.
    ///
    /// # Errors
    /// `TimedOut` after [`PATIENCE`], `BrokenPipe` when the keyholder is gone, `InvalidInput` for what it refuses to sign.
    pub fn sign(&self, key: KeyId, scheme: u16, message: &[u8]) -> io::Result<Vec<u8>> {
        if message.len() > MAX_TO_SIGN {
            return Err(io::Error::new(io::ErrorKind::InvalidInput, NotSigned::NotAHandshake.words()));
        }
        let mut asking = self.asking.lock().unwrap_or_else(PoisonError::into_inner);
        asking.number += 1;
        let question = Question { number: asking.number, key, scheme, message: message.to_vec() };
        asking.link.send(&question).map_err(in_words)?;
        match self.hear(&asking)? {
            Ok(signature) => Ok(signature.into_vec()),
            Err(why) => Err(io::Error::new(io::ErrorKind::InvalidInput, why.words())),
        }
    }

    /// Waits for the answer to the last question, past those that came too late for theirs.
    fn hear(&self, asking: &Asking) -> io::Result<Result<ByteBuf, NotSigned>> {
        let end = Instant::now() + self.patience;
        let mut buffer = [0; ANSWER_ROOM];
        loop {
            let answer = asking.link.receive(&mut buffer).map_err(in_words)?.ok_or_else(gone)?.message;
            if answer.number == asking.number {
                return Ok(answer.outcome);
            }
            if answer.number > asking.number {
                return Err(broken("the keyholder answered what nobody asked"));
            }
            if Instant::now() >= end {
                return Err(late());
            }
        }
    }
}

fn prepared(link: OwnedFd, patience: Duration) -> io::Result<Link<Question, Answer>> {
    let link = Link::from(link);
    link.set_nonblocking(false)?;
    for way in [Timeout::Recv, Timeout::Send] {
        sockopt::set_socket_timeout(link.as_fd(), way, Some(patience))?;
    }
    Ok(link)
}

/// A socket with a time limit says `WouldBlock` when it is over.
fn in_words(error: io::Error) -> io::Error {
    if error.kind() == io::ErrorKind::WouldBlock { late() } else { error }
}

fn late() -> io::Error {
    io::Error::new(io::ErrorKind::TimedOut, "the keyholder does not answer")
}

fn gone() -> io::Error {
    io::Error::new(io::ErrorKind::BrokenPipe, "the keyholder is gone")
}

fn broken(what: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, what)
}

#[cfg(test)]
mod tests {
    use super::*;

    const SHORT: Duration = Duration::from_millis(50);

    fn both() -> (Signatures, Link<Answer, Question>) {
        let (ours, theirs) = Link::<Question, Answer>::pair().unwrap();
        (Signatures::with_patience(ours.into(), SHORT).unwrap(), theirs)
    }

    fn answer(number: u64, text: &str) -> Answer {
        Answer { number, outcome: Ok(ByteBuf::from(text.as_bytes())) }
    }

    #[test]
    fn a_late_answer_is_never_taken_for_the_next() {
        let (signatures, keyholder) = both();
        let error = signatures.sign(KeyId(1), 0x0403, b"first").unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::TimedOut);
        keyholder.send(&answer(1, "for the first")).unwrap();
        keyholder.send(&answer(2, "for the second")).unwrap();
        assert_eq!(signatures.sign(KeyId(1), 0x0403, b"second").unwrap(), b"for the second");
        let mut buffer = scratch();
        assert_eq!(keyholder.receive(&mut buffer).unwrap().unwrap().message.number, 1);
        assert_eq!(keyholder.receive(&mut buffer).unwrap().unwrap().message.message, b"second");
    }

    #[test]
    fn an_answer_to_no_question_is_an_error() {
        let (signatures, keyholder) = both();
        keyholder.send(&answer(2, "guessed")).unwrap();
        let error = signatures.sign(KeyId(1), 0x0403, b"first").unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::InvalidData);
    }

    #[test]
    fn a_dead_keyholder_is_told_and_can_be_replaced() {
        let (signatures, keyholder) = both();
        drop(keyholder);
        let error = signatures.sign(KeyId(1), 0x0403, b"x").unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::BrokenPipe);
        let (ours, successor) = Link::<Question, Answer>::pair().unwrap();
        signatures.replace(ours.into()).unwrap();
        successor.send(&answer(2, "again")).unwrap();
        assert_eq!(signatures.sign(KeyId(1), 0x0403, b"x").unwrap(), b"again");
    }

    #[test]
    fn a_refusal_says_why() {
        let (signatures, keyholder) = both();
        keyholder.send(&Answer { number: 1, outcome: Err(NotSigned::UnknownKey) }).unwrap();
        assert!(signatures.sign(KeyId(1), 0x0403, b"x").unwrap_err().to_string().contains("replaced"));
        assert!(signatures.sign(KeyId(1), 0x0403, &[0; MAX_TO_SIGN + 1]).is_err());
    }

    #[test]
    fn a_set_is_whole_only_with_every_public_part() {
        let (monitor, keyholder) = Link::<ToKeyholder, FromKeyholder>::pair().unwrap();
        let file = std::fs::File::open("/dev/null").unwrap();
        let files = Files { certificate: ("c", file.as_fd()), key: None };
        keyholder.send(&FromKeyholder::Loaded).unwrap();
        assert_eq!(load(&monitor, 1, &[files], SHORT).unwrap_err().kind(), io::ErrorKind::InvalidData);
        assert_eq!(load(&monitor, 2, &[files], SHORT).unwrap_err().kind(), io::ErrorKind::TimedOut);
    }
}
