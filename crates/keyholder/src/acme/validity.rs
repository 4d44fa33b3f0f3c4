//! From when until when a certificate is valid (RFC 5280 §4.1.2.5).
//!
//! The libraries here check a certificate for a handshake of now; this reads the two times, so that a renewal can be
//! planned.

use wharf_ipc::acme::Validity;

const INTEGER: u8 = 0x02;
const UTC_TIME: u8 = 0x17;
const GENERALIZED_TIME: u8 = 0x18;
const SEQUENCE: u8 = 0x30;
const VERSION: u8 = 0xa0;

/// Reads both times of a certificate in DER; `None` when they are not where they belong.
pub(super) fn of(certificate: &[u8]) -> Option<Validity> {
    let mut body = Der(Der(Der(certificate).expect(SEQUENCE)?).expect(SEQUENCE)?);
    if body.0.first() == Some(&VERSION) {
        body.expect(VERSION)?;
    }
    body.expect(INTEGER)?;
    // The algorithm of the signature; the issuer.
    body.expect(SEQUENCE)?;
    body.expect(SEQUENCE)?;
    let mut times = Der(body.expect(SEQUENCE)?);
    Some(Validity { not_before: times.time()?, not_after: times.time()? })
}

/// What is left of some DER.
struct Der<'a>(&'a [u8]);

impl<'a> Der<'a> {
    fn expect(&mut self, tag: u8) -> Option<&'a [u8]> {
        let (found, content) = self.next()?;
        (found == tag).then_some(content)
    }

    fn next(&mut self) -> Option<(u8, &'a [u8])> {
        let (&[tag, first], mut rest) = self.0.split_first_chunk()?;
        let mut length = usize::from(first);
        if first & 0x80 != 0 {
            let octets = usize::from(first & 0x7f);
            // A certificate of 16 MiB and more, or of a length that is not told, is none.
            let (digits, after) = rest.split_at_checked(octets).filter(|_| (1..=3).contains(&octets))?;
            length = digits.iter().fold(0, |length, &octet| length << 8 | usize::from(octet));
            rest = after;
        }
        let (content, after) = rest.split_at_checked(length)?;
        self.0 = after;
        Some((tag, content))
    }

    fn time(&mut self) -> Option<u64> {
        let (tag, text) = self.next()?;
        let mut digits = text.strip_suffix(b"Z")?;
        let year = match tag {
            GENERALIZED_TIME => number(&mut digits)? * 100 + number(&mut digits)?,
            // 1950 to 2049.
            UTC_TIME => match number(&mut digits)? {
                year @ 50.. => 1900 + year,
                year => 2000 + year,
            },
            _ => return None,
        };
        let [month, day, hour, minute, second] = [(); 5].map(|()| number(&mut digits));
        let (month, day) = (month?, day?);
        if !digits.is_empty() || !(1..=12).contains(&month) || !(1..=31).contains(&day) {
            return None;
        }
        let seconds = days(year, month, day) * 86_400 + hour? * 3600 + minute? * 60 + second?;
        // A time before 1970 is as good as 1970 here.
        Some(u64::try_from(seconds).unwrap_or(0))
    }
}

/// Two digits.
fn number(digits: &mut &[u8]) -> Option<i64> {
    let (&[tens, ones], rest) = digits.split_first_chunk()?;
    *digits = rest;
    let digit = |octet: u8| octet.is_ascii_digit().then(|| i64::from(octet - b'0'));
    Some(digit(tens)? * 10 + digit(ones)?)
}

/// Days since 1970: years are counted from March, so that a leap day comes last.
fn days(year: i64, month: i64, day: i64) -> i64 {
    let (year, month) = if month > 2 { (year, month - 3) } else { (year - 1, month + 9) };
    let leap_days = year / 4 - year / 100 + year / 400;
    year * 365 + leap_days + (month * 153 + 2) / 5 + day - 1 - 719_468
}

#[cfg(test)]
mod tests {
    use super::*;

    fn certificate(from: (i32, u8, u8), to: (i32, u8, u8)) -> Vec<u8> {
        let key = rcgen::KeyPair::generate().unwrap();
        let mut wanted = rcgen::CertificateParams::new(vec!["ftp.example".into()]).unwrap();
        wanted.not_before = rcgen::date_time_ymd(from.0, from.1, from.2);
        wanted.not_after = rcgen::date_time_ymd(to.0, to.1, to.2);
        wanted.self_signed(&key).unwrap().der().to_vec()
    }

    #[test]
    fn both_forms_of_time_are_read() {
        let read = of(&certificate((2024, 2, 29), (2051, 1, 1))).unwrap();
        assert_eq!(read, Validity { not_before: 1_709_164_800, not_after: 2_556_144_000 });
        assert_eq!(of(&certificate((1970, 1, 1), (2000, 3, 1))).unwrap().not_after, 951_868_800);
        assert_eq!(of(&certificate((1960, 1, 1), (2000, 3, 1))).unwrap().not_before, 0);
    }

    #[test]
    fn what_is_cut_off_is_no_certificate() {
        let whole = certificate((2024, 2, 29), (2051, 1, 1));
        for length in 0..whole.len() {
            assert_eq!(of(&whole[..length]), None, "{length}");
        }
    }

    proptest::proptest! {
        #[test]
        fn no_octets_make_the_reader_panic(at in 0..400_usize, octet: u8, junk in proptest::collection::vec(proptest::prelude::any::<u8>(), 0..200)) {
            let mut whole = certificate((2024, 2, 29), (2051, 1, 1));
            if let Some(place) = whole.get_mut(at) {
                *place = octet;
            }
            let _ = of(&whole);
            let _ = of(&junk);
        }
    }
}
