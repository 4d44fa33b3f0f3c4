//! Patterns for hosts, and whether one fits (hosts_access(5), "PATTERNS" and "WILDCARDS").
//!
//! Here a pattern is a value whose meaning is settled; `read.rs` makes it from a word.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use crate::client::{Host, Name};
use crate::list::Answer;

/// A pattern for a text: a daemon's name, a user's, a host's name or address.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Text {
    /// `ALL`.
    All,
    /// `KNOWN`: anything but `unknown`.
    Known,
    /// `.tue.nl`; never the whole text.
    Suffix(Box<[u8]>),
    /// `131.155.`
    Prefix(Box<[u8]>),
    /// With `*` or `?`.
    Wildcard(Box<[u8]>),
    /// The same text; `UNKNOWN` and `PARANOID` are texts too.
    Exact(Box<[u8]>),
}

impl Text {
    pub(crate) fn new(word: &[u8]) -> Self {
        match word {
            [b'*', ..] if word.iter().all(|octet| *octet == b'*') => Self::All,
            _ if word.iter().any(|octet| matches!(octet, b'*' | b'?')) => Self::Wildcard(word.into()),
            [b'.', ..] => Self::Suffix(word.into()),
            _ if word.eq_ignore_ascii_case(b"ALL") => Self::All,
            _ if word.eq_ignore_ascii_case(b"KNOWN") => Self::Known,
            [.., b'.'] => Self::Prefix(word.into()),
            _ => Self::Exact(word.into()),
        }
    }

    /// Compares without regard to ASCII case.
    pub(crate) fn matches(&self, text: &[u8]) -> bool {
        match self {
            Self::All => true,
            Self::Known => !text.eq_ignore_ascii_case(b"unknown"),
            Self::Suffix(suffix) => text
                .len()
                .checked_sub(suffix.len())
                .filter(|rest| *rest > 0)
                .and_then(|rest| text.get(rest..))
                .is_some_and(|end| end.eq_ignore_ascii_case(suffix)),
            Self::Prefix(prefix) => {
                text.get(..prefix.len()).is_some_and(|start| start.eq_ignore_ascii_case(prefix))
            }
            Self::Wildcard(pattern) => fits(pattern, text),
            Self::Exact(exact) => text.eq_ignore_ascii_case(exact),
        }
    }
}

/// A pattern for a host.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Pattern {
    /// Nobody.
    Nobody,
    /// `KNOWN`: name and address are known.
    Known,
    /// `LOCAL`: a known name without a dot.
    Local,
    /// The address fits.
    Address(Text),
    /// The address fits, or the name does.
    Either(Text),
    /// An IPv4 net: the address under the mask is the net.
    Net4 { net: u32, mask: u32 },
    /// An IPv6 net: the address under the mask is the net.
    Net6 { net: u128, mask: u128 },
    /// The patterns of a list file.
    Any(Vec<Self>),
}

impl Pattern {
    /// An IPv6 net of so many leading bits; bits of the address behind them do not count. `None` above 128.
    pub(crate) fn net6(address: Ipv6Addr, length: u32) -> Option<Self> {
        let mask = match length {
            0 => 0,
            1..=128 => u128::MAX.checked_shl(128 - length)?,
            _ => return None,
        };
        Some(Self::Net6 { net: address.to_bits() & mask, mask })
    }

    /// An IPv4 net; `None` when `address` has bits that the mask does not.
    pub(crate) fn net4(address: Ipv4Addr, mask: u32) -> Option<Self> {
        let net = address.to_bits();
        (net & mask == net).then_some(Self::Net4 { net, mask })
    }

    /// Tells whether a name could make it fit, so that without names it says less than was meant.
    pub(crate) fn needs_name(&self) -> bool {
        match self {
            Self::Known | Self::Local => true,
            Self::Either(text) => *text != Text::All,
            Self::Any(patterns) => patterns.iter().any(Self::needs_name),
            Self::Nobody | Self::Address(_) | Self::Net4 { .. } | Self::Net6 { .. } => false,
        }
    }

    /// Puts something else where a name would be compared.
    pub(crate) fn without_names(self, instead: &Self) -> Self {
        match self {
            Self::Known | Self::Local => instead.clone(),
            Self::Either(text) => Self::Any(vec![Self::Address(text), instead.clone()]),
            Self::Any(patterns) => {
                Self::Any(patterns.into_iter().map(|pattern| pattern.without_names(instead)).collect())
            }
            other => other,
        }
    }

    /// Tells whether a host fits; open when that depends on a name nobody has asked for.
    pub(crate) fn matches(&self, host: &Host) -> Answer {
        match (self, host.address) {
            (Self::Known, _) => by_name(host, |_| matches!(host.name, Name::Known(_))),
            (Self::Local, _) => {
                by_name(host, |name| matches!(host.name, Name::Known(_)) && !name.contains('.'))
            }
            (Self::Address(text), _) => text.matches(host.text.as_bytes()).into(),
            (Self::Either(text), _) => Answer::from(text.matches(host.text.as_bytes()))
                .or(|| by_name(host, |name| text.matches(name.as_bytes()))),
            (Self::Net4 { net, mask }, IpAddr::V4(address)) => (address.to_bits() & mask == *net).into(),
            (Self::Net6 { net, mask }, IpAddr::V6(address)) => (address.to_bits() & mask == *net).into(),
            (Self::Nobody | Self::Net4 { .. } | Self::Net6 { .. }, _) => Answer::No,
            (Self::Any(patterns), _) => Answer::any(patterns.iter().map(|pattern| pattern.matches(host))),
        }
    }
}

fn by_name(host: &Host, fits: impl FnOnce(&str) -> bool) -> Answer {
    host.name().map_or(Answer::Open, |name| fits(name).into())
}

/// Tells whether a pattern with `*` and `?` covers a whole text.
///
/// It goes back to the last `*` only, so the work is at most pattern times text, whatever an attacker's name is.
fn fits(pattern: &[u8], text: &[u8]) -> bool {
    let (mut at, mut seen) = (0, 0);
    let mut retry = None;
    while let Some(octet) = text.get(seen) {
        match pattern.get(at) {
            Some(b'*') => {
                at += 1;
                retry = Some((at, seen));
            }
            Some(wanted) if *wanted == b'?' || wanted.eq_ignore_ascii_case(octet) => {
                at += 1;
                seen += 1;
            }
            _ => {
                let Some((after_star, from)) = retry else { return false };
                at = after_star;
                seen = from + 1;
                retry = Some((after_star, seen));
            }
        }
    }
    pattern.get(at..).is_some_and(|rest| rest.iter().all(|octet| *octet == b'*'))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn host(address: &str, name: Name) -> Host {
        Host::new((address.parse::<IpAddr>().unwrap(), 4000).into(), name)
    }

    fn known(name: &str) -> Host {
        host("192.0.2.1", Name::Known(name.into()))
    }

    #[test]
    fn texts_compare_without_case() {
        let matches = |word: &str, text: &str| Text::new(word.as_bytes()).matches(text.as_bytes());
        assert!(matches("VSFTPD", "vsftpd"));
        assert!(matches(".TUE.nl", "wzv.win.tue.NL"));
        assert!(!matches(".tue.nl", "tue.nl") && !matches(".tue.nl", ".tue.nl"));
        assert!(matches("131.155.", "131.155.1.1") && !matches("131.155.", "131.15.5.1"));
        assert_eq!(Text::new(b"**"), Text::All);
        assert!(matches("all", "x") && matches("known", "x") && !matches("KNOWN", "unknown"));
        assert!(matches("UNKNOWN", "unknown") && !matches("a", "ab"));
    }

    #[test]
    fn wildcards_cover_the_whole_text() {
        assert!(fits(b"*", b"") && fits(b"**.B", b"a.b") && fits(b"?.b", b"a.b") && fits(b"a*c*e", b"abcde"));
        assert!(
            !fits(b"?", b"") && !fits(b"a*?*?*e", b"a.e") && !fits(b".*", b"a.b") && !fits(b"*.", b"a.b")
        );
    }

    #[test]
    fn stars_do_not_multiply() {
        assert!(!fits(&b"*a".repeat(1000), &b"a".repeat(999)));
        assert!(!fits(&[b"*a".repeat(1000), b"b".to_vec()].concat(), &b"a".repeat(60_000)));
    }

    #[test]
    fn names_are_needed_only_when_the_address_does_not_fit() {
        let unasked = host("192.0.2.1", Name::NotAsked);
        assert_eq!(Pattern::Either(Text::All).matches(&unasked), Answer::Yes);
        assert_eq!(Pattern::Either(Text::new(b".example")).matches(&unasked), Answer::Open);
        assert_eq!(Pattern::Address(Text::new(b"10.")).matches(&unasked), Answer::No);
        assert_eq!(Pattern::Known.matches(&unasked), Answer::Open);
        assert_eq!(Pattern::Local.matches(&unasked), Answer::Open);
    }

    #[test]
    fn the_wildcard_words_look_at_the_name() {
        let word = |word: &str, host: &Host| Pattern::Either(Text::new(word.as_bytes())).matches(host);
        let (unknown, mismatched) = (host("::1", Name::Unknown), host("::1", Name::Mismatched));
        assert_eq!(word("UNKNOWN", &unknown), Answer::Yes);
        assert_eq!(word("UNKNOWN", &mismatched), Answer::No);
        assert_eq!(word("PARANOID", &mismatched), Answer::Yes);
        assert_eq!(Pattern::Known.matches(&mismatched), Answer::No);
        assert_eq!(Pattern::Known.matches(&known("a")), Answer::Yes);
        assert_eq!(Pattern::Local.matches(&known("a")), Answer::Yes);
        assert_eq!(Pattern::Local.matches(&known("a.b")), Answer::No);
        assert_eq!(Pattern::Local.matches(&unknown), Answer::No);
    }

    #[test]
    fn nets_hold_their_own_family() {
        let net4 = Pattern::net4("131.155.72.0".parse().unwrap(), 0xffff_fe00).unwrap();
        assert_eq!(net4.matches(&host("131.155.73.9", Name::NotAsked)), Answer::Yes);
        assert_eq!(net4.matches(&host("131.155.74.9", Name::NotAsked)), Answer::No);
        assert_eq!(net4.matches(&host("::ffff:131.155.73.9", Name::NotAsked)), Answer::Yes);
        let all6 = Pattern::net6(Ipv6Addr::UNSPECIFIED, 0).unwrap();
        assert_eq!(all6.matches(&host("2001:db8::1", Name::NotAsked)), Answer::Yes);
        assert_eq!(all6.matches(&host("192.0.2.1", Name::NotAsked)), Answer::No);
        assert_eq!(Pattern::net6(Ipv6Addr::UNSPECIFIED, 129), None);
        assert_eq!(Pattern::net4("10.0.0.1".parse().unwrap(), 0xff00_0000), None);
    }
}
