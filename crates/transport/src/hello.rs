//! Reads from a ClientHello which versions were offered, for the log (RFC 8446 §4.1.2).
//!
//! The library says only that there was none in common. Nothing is decided by what is read here.

/// Says which versions a client offered, as `TLS 1.0, TLS 1.1`; `None` when that cannot be read.
pub(crate) fn offered_versions(record: &[u8]) -> Option<String> {
    let names: Vec<_> = offered(record)?.into_iter().filter_map(name).collect();
    Some(names.join(", "))
}

/// Names the newest version that a client offered when even that is older than TLS 1.2.
pub(crate) fn newest_of_old(record: &[u8]) -> Option<String> {
    let newest = offered(record)?.into_iter().filter(|&version| name(version).is_some()).max()?;
    if newest < TLS12 { name(newest) } else { None }
}

const TLS12: u16 = 0x0303;

fn offered(record: &[u8]) -> Option<Vec<u16>> {
    let mut record = Reader(record);
    // A handshake record, its version, its length.
    if record.octet()? != 22 {
        return None;
    }
    record.skip(4)?;
    if record.octet()? != 1 {
        return None;
    }
    record.skip(3)?;
    let legacy = record.number()?;
    record.skip(32)?;
    let session = record.octet()?;
    record.skip(session.into())?;
    let suites = record.number()?;
    record.skip(suites.into())?;
    let compressions = record.octet()?;
    record.skip(compressions.into())?;
    // A client of TLS 1.0 may end here.
    Some(extension(&mut record, 43).and_then(versions).unwrap_or_else(|| vec![legacy]))
}

fn extension<'a>(hello: &mut Reader<'a>, wanted: u16) -> Option<Reader<'a>> {
    hello.number()?;
    loop {
        let kind = hello.number()?;
        let length = hello.number()?;
        let body = hello.take(length.into())?;
        if kind == wanted {
            return Some(Reader(body));
        }
    }
}

fn versions(mut extension: Reader<'_>) -> Option<Vec<u16>> {
    extension.octet()?;
    Some(std::iter::from_fn(|| extension.number()).collect())
}

fn name(version: u16) -> Option<String> {
    match version {
        0x0300 => Some("SSL 3.0".to_owned()),
        0x0301..=0x0304 => Some(format!("TLS 1.{}", version - 0x0301)),
        // Values that are sent to keep servers from choking on unknown ones (RFC 8701).
        version if version & 0x0f0f == 0x0a0a => None,
        version => Some(format!("version {version:#06x}")),
    }
}

struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    fn take(&mut self, count: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(count)?;
        self.0 = rest;
        Some(taken)
    }

    fn skip(&mut self, count: usize) -> Option<()> {
        self.take(count).map(|_| ())
    }

    fn octet(&mut self) -> Option<u8> {
        self.take(1)?.first().copied()
    }

    fn number(&mut self) -> Option<u16> {
        Some(u16::from_be_bytes(self.take(2)?.try_into().ok()?))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hello(legacy: u16, extensions: &[u8]) -> Vec<u8> {
        let mut record = vec![22, 3, 1, 0, 0, 1, 0, 0, 0];
        record.extend(legacy.to_be_bytes());
        record.extend([7; 32]);
        record.extend([0, 0, 2, 0xc0, 0x2f, 1, 0]);
        record.extend(extensions);
        record
    }

    #[test]
    fn an_old_client_is_named_by_its_version() {
        assert_eq!(offered_versions(&hello(0x0301, &[])).unwrap(), "TLS 1.0");
        assert_eq!(offered_versions(&hello(0x0300, &[])).unwrap(), "SSL 3.0");
    }

    #[test]
    fn only_who_offers_nothing_newer_is_old() {
        assert_eq!(newest_of_old(&hello(0x0302, &[])).unwrap(), "TLS 1.1");
        assert_eq!(newest_of_old(&hello(0x0303, &[])), None);
        let list = [0, 11, 0, 43, 0, 7, 6, 3, 1, 3, 2, 0x1a, 0x1a];
        assert_eq!(newest_of_old(&hello(0x0303, &list)).unwrap(), "TLS 1.1");
        assert_eq!(newest_of_old(b"USER anonymous\r\n"), None);
    }

    #[test]
    fn a_list_of_versions_counts_more_than_the_legacy_field() {
        let list = [0, 17, 0, 0, 0, 1, 9, 0, 43, 0, 7, 6, 0x0a, 0x0a, 3, 3, 3, 4];
        assert_eq!(offered_versions(&hello(0x0303, &list)).unwrap(), "TLS 1.2, TLS 1.3");
    }

    #[test]
    fn what_is_cut_short_is_not_read() {
        let whole = hello(0x0303, &[0, 5, 0, 43, 0, 1, 0]);
        for at in 0..whole.len() {
            let _ = offered_versions(&whole[..at]);
        }
        assert_eq!(offered_versions(b"USER anonymous\r\n"), None);
    }
}
