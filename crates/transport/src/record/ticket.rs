//! A ticket that is handed out more than once (RFC 8446 §4.6.1).
//!
//! Compat: clients on OpenSSL (curl, WinSCP) use each ticket once and keep only the last they were given. Uploads hand
//! out none, so the next data connection would have nothing to resume with; the control connection repeats its ticket
//! instead. To such a client it is a new one; to us it opens the same session, as every ticket of the session does.

use super::keys::Key;
use super::open::Opener;
use crate::settings::Version;

const NEW_SESSION_TICKET: u8 = 4;

/// A message's type and length.
const HEAD: usize = 4;

/// The longest ticket that is kept: with a client's chain of certificates in it. A longer one is not repeated.
const LONGEST: usize = 4096;

/// Finds the first ticket among the `count` records that the library sealed with our first key; none where there is none.
pub(super) fn first(sealed: &[u8], key: Key, count: u64) -> Option<Box<[u8]>> {
    if count == 0 {
        return None;
    }
    let mut record = sealed.to_vec();
    let mut opener = Opener::new(Version::Tls13, key, 0);
    let length = opener.length(&record).ok()??;
    let (_, messages) = opener.open(record.get_mut(..length)?).ok()?;
    let &[NEW_SESSION_TICKET, 0, high, low, ..] = messages else { return None };
    let length = HEAD + usize::from(u16::from_be_bytes([high, low]));
    messages.get(..length).filter(|ticket| ticket.len() <= LONGEST).map(Box::from)
}
