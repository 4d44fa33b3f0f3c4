//! What a ClientHello offers to resume, read before the connection is anybody's (RFC 5077 §3.2, RFC 8446 §4.2.11).
//!
//! Several clients of one address may connect to one port. The first message of TLS is in clear and names the ticket, or
//! the session number, that its sender means to go on with; each control session has names of its own. What is read here
//! is a guess: anybody can repeat a name that was seen on the wire. The handshake proves it, or fails.
//!
//! Only the beginning of each ticket is kept, and nothing is taken from the peer's stream.

/// How many octets at the beginning of a ticket are the name of its control session (RFC 5077 §4).
pub(crate) const NAME: usize = 16;

/// How many tickets are looked at; clients offer one or two.
const TICKETS: usize = 8;

/// TLS's content type of a handshake, and its message type of a ClientHello.
const HANDSHAKE: u8 = 22;
const CLIENT_HELLO: u8 = 1;

/// The longest record (RFC 8446 §5.1).
const RECORD: usize = 1 << 14;

/// The extensions that carry tickets.
const SESSION_TICKET: u16 = 35;
const PRE_SHARED_KEY: u16 = 41;

/// What a client means to go on with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Offer {
    /// How its tickets begin.
    pub(crate) names: Vec<[u8; NAME]>,
    /// A session number of TLS 1.2; a made-up one from clients of TLS 1.3.
    pub(crate) session: Vec<u8>,
}

/// What the first octets of a connection are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Look {
    /// The beginning of a ClientHello; more is needed.
    More,
    /// Not that, or one that breaks the rules.
    Nothing,
    /// A whole one.
    Offers(Offer),
}

/// Looks at the first octets of a connection, all that are there, from the first on.
#[must_use]
pub fn look(octets: &[u8]) -> Look {
    match hello(octets) {
        Ok(hello) => offer(&hello).map_or(Look::Nothing, Look::Offers),
        Err(Short::MoreToCome) => Look::More,
        Err(Short::NoHello) => Look::Nothing,
    }
}

/// Why there is no ClientHello.
enum Short {
    MoreToCome,
    NoHello,
}

/// Puts the body of the message together, out of one record or several.
fn hello(octets: &[u8]) -> Result<Vec<u8>, Short> {
    let mut records = Reader(octets);
    let mut message = Vec::new();
    loop {
        if let &[kind, a, b, c, ref body @ ..] = message.as_slice() {
            let length = usize::try_from(u32::from_be_bytes([0, a, b, c])).unwrap_or(usize::MAX);
            if kind != CLIENT_HELLO {
                return Err(Short::NoHello);
            }
            if let Some(whole) = body.get(..length) {
                return Ok(whole.to_vec());
            }
        }
        let fragment = fragment(&mut records)?;
        message.extend_from_slice(fragment);
    }
}

/// Takes the next record's content, as much of it as is there.
fn fragment<'a>(records: &mut Reader<'a>) -> Result<&'a [u8], Short> {
    match records.0 {
        [] | [HANDSHAKE] | [HANDSHAKE, 3] => return Err(Short::MoreToCome),
        [HANDSHAKE, 3, ..] => {}
        _ => return Err(Short::NoHello),
    }
    let more = Short::MoreToCome;
    let length = records.skip(3).and_then(|()| records.number()).ok_or(more)?;
    // Security: a record without content would let a peer have us go on for ever.
    if length == 0 || usize::from(length) > RECORD {
        return Err(Short::NoHello);
    }
    records.take(length.into()).ok_or(Short::MoreToCome)
}

fn offer(hello: &[u8]) -> Option<Offer> {
    let mut hello = Reader(hello);
    // The version, and the client's random number.
    hello.skip(2 + 32)?;
    let session = hello.short()?.to_vec();
    let suites = hello.number()?;
    hello.skip(suites.into())?;
    hello.short()?;
    let mut names = Vec::new();
    // A client of TLS 1.2 may end here.
    if !hello.0.is_empty() {
        let mut extensions = Reader(hello.long()?);
        while !extensions.0.is_empty() {
            let kind = extensions.number()?;
            let content = extensions.long()?;
            match kind {
                SESSION_TICKET => names.extend(name(content)),
                PRE_SHARED_KEY => tickets(content, &mut names)?,
                _ => {}
            }
        }
    }
    names.truncate(TICKETS);
    Some(Offer { names, session })
}

/// Each identity is a ticket and its age, of four octets.
fn tickets(extension: &[u8], names: &mut Vec<[u8; NAME]>) -> Option<()> {
    let mut identities = Reader(Reader(extension).long()?);
    while !identities.0.is_empty() && names.len() < TICKETS {
        names.extend(name(identities.long()?));
        identities.skip(4)?;
    }
    Some(())
}

fn name(ticket: &[u8]) -> Option<[u8; NAME]> {
    ticket.first_chunk().copied()
}

struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    fn take(&mut self, count: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(count)?;
        self.0 = rest;
        Some(taken)
    }

    fn skip(&mut self, count: usize) -> Option<()> {
        self.take(count).map(drop)
    }

    fn number(&mut self) -> Option<u16> {
        Some(u16::from_be_bytes(self.take(2)?.try_into().ok()?))
    }

    /// What stands behind its length of one octet.
    fn short(&mut self) -> Option<&'a [u8]> {
        let length = self.take(1)?.first().copied()?;
        self.take(length.into())
    }

    /// What stands behind its length of two octets.
    fn long(&mut self) -> Option<&'a [u8]> {
        let length = self.number()?;
        self.take(length.into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn long(content: &[u8]) -> Vec<u8> {
        [&u16::try_from(content.len()).unwrap().to_be_bytes(), content].concat()
    }

    fn extension(kind: u16, content: &[u8]) -> Vec<u8> {
        [&kind.to_be_bytes()[..], &long(content)].concat()
    }

    fn message(session: &[u8], extensions: &[Vec<u8>]) -> Vec<u8> {
        let mut body = vec![3, 3];
        body.extend([7; 32]);
        body.push(u8::try_from(session.len()).unwrap());
        body.extend(session);
        body.extend(long(&[0x13, 1]));
        body.extend([1, 0]);
        body.extend(long(&extensions.concat()));
        let length = u32::try_from(body.len()).unwrap().to_be_bytes();
        [&[CLIENT_HELLO], &length[1..], &body].concat()
    }

    fn records(message: &[u8], size: usize) -> Vec<u8> {
        message.chunks(size).flat_map(|piece| [&[HANDSHAKE, 3, 1][..], &long(piece)].concat()).collect()
    }

    fn identities(tickets: &[&[u8]]) -> Vec<u8> {
        let list: Vec<u8> = tickets.iter().flat_map(|ticket| [long(ticket), vec![0; 4]].concat()).collect();
        extension(PRE_SHARED_KEY, &[long(&list), long(&[32; 33])].concat())
    }

    #[test]
    fn tickets_of_both_versions_and_the_session_number_are_read() {
        let old = extension(SESSION_TICKET, &[[1; NAME].as_slice(), b"rest"].concat());
        let new = identities(&[&[2; 200], &[3; NAME]]);
        let hello = message(&[9; 32], &[extension(0, b"x"), old, new]);
        let Look::Offers(offer) = look(&records(&hello, 16_000)) else { panic!("it is whole") };
        assert_eq!(offer.names, [[1; NAME], [2; NAME], [3; NAME]]);
        assert_eq!(offer.session, [9; 32]);
    }

    #[test]
    fn a_message_in_many_records_is_put_together_and_every_beginning_of_it_asks_for_more() {
        let hello = message(&[], &[identities(&[&[2; 40]])]);
        for size in [1, 7, 4096] {
            let octets = records(&hello, size);
            for at in 0..octets.len() {
                assert_eq!(look(&octets[..at]), Look::More, "{at} of {size}");
            }
            assert!(matches!(look(&octets), Look::Offers(offer) if offer.names == [[2; NAME]]));
            assert!(matches!(look(&[octets, vec![20, 3, 3, 0, 1, 1]].concat()), Look::Offers(_)));
        }
    }

    #[test]
    fn what_is_no_hello_is_not_waited_for() {
        for octets in [&b"USER anonymous"[..], &[21, 3, 1, 0, 2], &[HANDSHAKE, 2], &[HANDSHAKE, 3, 1, 0, 0]] {
            assert_eq!(look(octets), Look::Nothing, "{octets:?}");
        }
        assert_eq!(look(&records(&[2, 0, 0, 0], 99)), Look::Nothing, "a ServerHello");
        assert_eq!(look(&[HANDSHAKE, 3, 1, 0x40, 1]), Look::Nothing, "a record that is too long");
    }

    #[test]
    fn lengths_that_lie_are_nothing_and_never_a_panic() {
        let hello = message(&[9; 32], &[identities(&[&[2; 40]]), extension(SESSION_TICKET, &[1; 20])]);
        for at in 4..hello.len() {
            for octet in [0, 1, 0x7f, 0xff] {
                let mut bent = hello.clone();
                bent[at] = octet;
                let _ = look(&records(&bent, 16_000));
            }
            let mut cut = hello[..at].to_vec();
            let length = u32::try_from(at - 4).unwrap().to_be_bytes();
            cut[1..4].copy_from_slice(&length[1..]);
            assert!(!matches!(look(&records(&cut, 16_000)), Look::More), "{at}");
        }
    }

    #[test]
    fn no_more_tickets_are_kept_than_any_client_offers() {
        let many: Vec<&[u8]> = vec![&[2; NAME]; 500];
        let Look::Offers(offer) = look(&records(&message(&[], &[identities(&many)]), 16_000)) else {
            panic!()
        };
        assert_eq!(offer.names.len(), TICKETS);
    }
}
