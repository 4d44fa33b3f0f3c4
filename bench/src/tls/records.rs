//! Records of TLS 1.3 by hand (RFC 8446 §5.2): many of them sealed or opened in one room, where they lie.

use std::io::{self, Read, Write};
use std::net::TcpStream;
use std::ops::Range;

use aws_lc_rs::aead::{self, Aad, LessSafeKey, Nonce, UnboundKey};
use rustls::ConnectionTrafficSecrets;

/// The most octets that one record carries.
const MOST: usize = 16 << 10;

const HEAD: usize = 5;
const TAG: usize = 16;

/// A whole record: what it carries, and the octet that says what that is.
const RECORD: usize = HEAD + MOST + 1 + TAG;

/// How many records are sent with one call.
const BATCH: usize = 16;

/// What is received with one call.
const BLOCK: usize = 256 << 10;

/// Kinds of records (RFC 8446 §5.1).
const ALERT: u8 = 21;
const HANDSHAKE: u8 = 22;
const DATA: u8 = 23;

/// "I have said everything", as a warning (RFC 8446 §6.1).
const CLOSE_NOTIFY: [u8; 2] = [1, 0];

/// The keys of one direction.
#[derive(Debug)]
struct Keys {
    key: LessSafeKey,
    iv: [u8; 12],
    sequence: u64,
}

impl Keys {
    fn new((sequence, secrets): (u64, ConnectionTrafficSecrets)) -> io::Result<Self> {
        let (algorithm, key, iv) = match &secrets {
            ConnectionTrafficSecrets::Aes128Gcm { key, iv } => (&aead::AES_128_GCM, key, iv),
            ConnectionTrafficSecrets::Aes256Gcm { key, iv } => (&aead::AES_256_GCM, key, iv),
            ConnectionTrafficSecrets::Chacha20Poly1305 { key, iv } => (&aead::CHACHA20_POLY1305, key, iv),
            _ => return Err(io::Error::other("a cipher was agreed on that is not known here")),
        };
        let key = UnboundKey::new(algorithm, key.as_ref()).map_err(io::Error::other)?;
        let iv = iv.as_ref().try_into().map_err(io::Error::other)?;
        Ok(Self { key: LessSafeKey::new(key), iv, sequence })
    }

    fn nonce(&mut self) -> Nonce {
        let mut nonce = self.iv;
        let number = self.sequence.to_be_bytes();
        nonce.iter_mut().skip(4).zip(number).for_each(|(octet, other)| *octet ^= other);
        self.sequence += 1;
        Nonce::assume_unique_for_key(nonce)
    }
}

/// What comes, opened where it was received.
#[derive(Debug)]
pub(crate) struct Inbound {
    keys: Keys,
    room: Vec<u8>,
    /// What is in the room and not yet opened.
    held: Range<usize>,
    /// Where the payloads of this turn are.
    opened: Vec<Range<usize>>,
    is_over: bool,
}

impl Inbound {
    /// Goes on behind the handshake, with the octets that came after it.
    pub(super) fn new(secrets: (u64, ConnectionTrafficSecrets), rest: &[u8]) -> io::Result<Self> {
        let mut room = vec![0; BLOCK + RECORD];
        let held = 0..rest.len();
        room.get_mut(held.clone()).ok_or_else(too_long)?.copy_from_slice(rest);
        let opened = Vec::with_capacity(BATCH + 2);
        Ok(Self { keys: Keys::new(secrets)?, room, held, opened, is_over: false })
    }

    /// Receives once and opens every whole record; returns where their payloads are, or nothing at the end.
    ///
    /// # Errors
    /// When a record cannot be opened, or an alert other than the end has come.
    pub(crate) fn receive(&mut self, mut socket: &TcpStream) -> io::Result<Option<&[Range<usize>]>> {
        self.opened.clear();
        self.open_all()?;
        while self.opened.is_empty() && !self.is_over {
            self.room.copy_within(self.held.clone(), 0);
            self.held = 0..self.held.len();
            let free = self.room.get_mut(self.held.end..).ok_or_else(too_long)?;
            match socket.read(free)? {
                // Not every server says that it has ended; whether everything came is judged by the number of octets.
                0 if self.held.is_empty() => self.is_over = true,
                0 => return Err(io::ErrorKind::UnexpectedEof.into()),
                count => self.held.end += count,
            }
            self.open_all()?;
        }
        Ok((!self.opened.is_empty()).then_some(&self.opened))
    }

    /// Returns the octets of a payload.
    pub(crate) fn payload(&self, place: Range<usize>) -> &[u8] {
        self.room.get(place).unwrap_or_default()
    }

    /// Opens what is whole, up to the end if it is among it.
    fn open_all(&mut self) -> io::Result<()> {
        while !self.is_over {
            let held = self.room.get_mut(self.held.clone()).ok_or_else(too_long)?;
            let Some(length) = whole(held) else { break };
            let record = held.get_mut(..length).ok_or_else(too_long)?;
            let (kind, payload) = open(&mut self.keys, record)?;
            let begin = self.held.start + HEAD;
            self.held.start += length;
            match kind {
                DATA => self.opened.push(begin..begin + payload),
                // A ticket: nobody resumes what is moved in bulk.
                HANDSHAKE => {}
                ALERT if record.get(HEAD + 1) == CLOSE_NOTIFY.last() => self.is_over = true,
                _ => return Err(io::Error::other(format!("a TLS record of kind {kind} came"))),
            }
        }
        Ok(())
    }
}

/// Returns the length of the record at the beginning, when all of it is there.
pub(super) fn whole(held: &[u8]) -> Option<usize> {
    let &[_, _, _, high, low, ..] = held else { return None };
    let length = HEAD + usize::from(u16::from_be_bytes([high, low]));
    (held.len() >= length).then_some(length)
}

/// Opens a record in place; returns its kind, and how many octets it carries behind its head.
fn open(keys: &mut Keys, record: &mut [u8]) -> io::Result<(u8, usize)> {
    let (head, body) = record.split_at_mut_checked(HEAD).ok_or_else(too_long)?;
    if head.first() != Some(&DATA) {
        return Err(io::Error::other("a TLS record came in clear"));
    }
    let nonce = keys.nonce();
    let opened = keys.key.open_in_place(nonce, Aad::from(&*head), body);
    let opened = opened.map_err(|_| io::Error::other("a TLS record cannot be opened"))?;
    // Zeros may follow the octet that says the kind (RFC 8446 §5.4).
    let last = opened.iter().rposition(|octet| *octet != 0);
    let kind = last.and_then(|last| Some((*opened.get(last)?, last)));
    kind.ok_or_else(|| io::Error::other("a TLS record without a kind came"))
}

/// What goes, sealed where it lies.
#[derive(Debug)]
pub(crate) struct Outbound {
    keys: Keys,
    room: Vec<u8>,
}

impl Outbound {
    pub(super) fn new(secrets: (u64, ConnectionTrafficSecrets)) -> io::Result<Self> {
        Ok(Self { keys: Keys::new(secrets)?, room: vec![b'w'; BATCH * RECORD] })
    }

    /// How many octets go with one call.
    pub(crate) const fn batch() -> usize {
        BATCH * MOST
    }

    /// Returns the places for the payloads of one batch. What was sent last lies there, sealed: as good as anything else
    /// to a client that only has to send much.
    pub(crate) fn places(&mut self) -> impl Iterator<Item = &mut [u8]> {
        self.room.chunks_exact_mut(RECORD).filter_map(|record| record.get_mut(HEAD..HEAD + MOST))
    }

    /// Seals so many octets of the places, the last of them perhaps not full, and sends them.
    pub(crate) fn send(&mut self, mut socket: &TcpStream, octets: usize) -> io::Result<()> {
        let mut end = 0;
        let mut left = octets.min(Self::batch());
        for record in self.room.chunks_exact_mut(RECORD) {
            if left == 0 {
                break;
            }
            let payload = left.min(MOST);
            end += seal(&mut self.keys, record, payload, DATA)?;
            left -= payload;
        }
        socket.write_all(self.room.get(..end).unwrap_or_default())
    }

    /// Says that this was everything.
    pub(crate) fn end(&mut self, mut socket: &TcpStream) -> io::Result<()> {
        let mut record = [0; HEAD + CLOSE_NOTIFY.len() + 1 + TAG];
        let place = record.get_mut(HEAD..HEAD + CLOSE_NOTIFY.len()).ok_or_else(too_long)?;
        place.copy_from_slice(&CLOSE_NOTIFY);
        let length = seal(&mut self.keys, &mut record, CLOSE_NOTIFY.len(), ALERT)?;
        socket.write_all(record.get(..length).unwrap_or_default())
    }
}

/// Seals so many octets behind the head; returns the length of the record.
fn seal(keys: &mut Keys, record: &mut [u8], payload: usize, kind: u8) -> io::Result<usize> {
    let (head, body) = record.split_at_mut_checked(HEAD).ok_or_else(too_long)?;
    let (text, tag) = body.split_at_mut_checked(payload + 1).ok_or_else(too_long)?;
    let length = u16::try_from(text.len() + TAG).map_err(io::Error::other)?.to_be_bytes();
    head.copy_from_slice(&[DATA, 3, 3, length[0], length[1]]);
    *text.last_mut().ok_or_else(too_long)? = kind;
    let nonce = keys.nonce();
    let made =
        keys.key.seal_in_place_separate_tag(nonce, Aad::from(&*head), text).map_err(io::Error::other)?;
    tag.get_mut(..TAG).ok_or_else(too_long)?.copy_from_slice(made.as_ref());
    Ok(HEAD + payload + 1 + TAG)
}

fn too_long() -> io::Error {
    io::Error::other("a TLS record is longer than there is room for")
}

#[cfg(test)]
mod tests {
    use std::net::TcpListener;

    use super::*;
    use rustls::crypto::cipher::{AeadKey, Iv};

    fn secrets() -> (u64, ConnectionTrafficSecrets) {
        (7, ConnectionTrafficSecrets::Aes256Gcm { key: AeadKey::from([3; 32]), iv: Iv::from([5; 12]) })
    }

    #[test]
    fn what_is_sealed_is_opened_in_order_to_the_end() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let ours = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        let (theirs, _) = listener.accept().unwrap();
        let sender = std::thread::spawn(move || {
            let mut out = Outbound::new(secrets()).unwrap();
            out.places().enumerate().for_each(|(index, place)| place.fill(u8::try_from(index).unwrap()));
            out.send(&theirs, Outbound::batch()).unwrap();
            out.places().for_each(|place| place.fill(9));
            out.send(&theirs, MOST + 10).unwrap();
            out.end(&theirs).unwrap();
        });
        let mut inbound = Inbound::new(secrets(), &[]).unwrap();
        let mut all = Vec::new();
        while let Some(places) = inbound.receive(&ours).unwrap() {
            let places = places.to_vec();
            places.into_iter().for_each(|place| all.extend_from_slice(inbound.payload(place)));
        }
        sender.join().unwrap();
        assert_eq!(all.len(), Outbound::batch() + MOST + 10);
        assert_eq!((all[MOST], all[2 * MOST], all[Outbound::batch()]), (1, 2, 9));
    }

    #[test]
    fn a_record_that_was_changed_is_not_opened() {
        let mut keys = Keys::new(secrets()).unwrap();
        let mut record = vec![1; RECORD];
        let length = seal(&mut keys, &mut record, 100, DATA).unwrap();
        record[HEAD] ^= 1;
        let mut keys = Keys::new(secrets()).unwrap();
        assert!(open(&mut keys, &mut record[..length]).is_err());
    }

    #[test]
    fn a_record_counts_when_its_last_octet_is_there() {
        assert_eq!(whole(&[DATA, 3, 3, 0, 2, 8]), None);
        assert_eq!(whole(&[DATA, 3, 3, 0, 2, 8, 8]), Some(7));
        assert_eq!(whole(&[DATA, 3]), None);
    }
}
