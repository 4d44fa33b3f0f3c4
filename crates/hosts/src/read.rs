//! Makes a host pattern from a word, and a list of them from a list file (hosts_access(5), "PATTERNS").

use std::ffi::OsStr;
use std::io;
use std::net::{Ipv4Addr, Ipv6Addr};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use crate::file::Lists;
use crate::line;
use crate::pattern::{Pattern, Text};
use crate::remark::{Effect, Place, Remarks};
use crate::stance::Stance;

/// How deep list files may name list files; libwrap goes on until its stack is full.
const DEEPEST: usize = 8;

/// Reads words of one file.
pub(crate) struct Reader<'a, 'b> {
    pub(crate) place: Place,
    pub(crate) remarks: &'a mut Remarks,
    pub(crate) lists: &'a mut Lists<'b>,
    pub(crate) depth: usize,
}

impl Reader<'_, '_> {
    /// Reads a pattern for a client, which may name a user: `user@host`.
    pub(crate) fn client(&mut self, word: &[u8], stance: Stance) -> io::Result<Pattern> {
        let Some((user, host)) = split_at_sign(word) else { return self.host(word, stance) };
        if Text::new(user).matches(b"unknown") {
            return self.host(host, stance);
        }
        self.remarks.add(
            &self.place,
            word,
            stance.of_too_few(),
            "no client is asked who its user is, every user is unknown, so this matches nobody",
            "name the host alone; users are told apart by their password",
        );
        Ok(Pattern::Nobody)
    }

    /// Reads a pattern for a host.
    ///
    /// # Errors
    /// A list file that is there and cannot be read whole.
    pub(crate) fn host(&mut self, word: &[u8], stance: Stance) -> io::Result<Pattern> {
        Ok(match word {
            [b'@', ..] => {
                self.unreadable(word, stance, "netgroups are not asked", "name the hosts or their net")
            }
            [b'/', ..] => self.list(word, stance)?,
            _ if word.eq_ignore_ascii_case(b"KNOWN") => Pattern::Known,
            _ if word.eq_ignore_ascii_case(b"LOCAL") => Pattern::Local,
            _ => match line::split(word, b'/') {
                Some((net, mask)) => self.net(word, net, mask, stance),
                None => self.text(word, stance),
            },
        })
    }

    fn net(&mut self, word: &[u8], net: &[u8], mask: &[u8], stance: Stance) -> Pattern {
        let (address, in_brackets) = match unbracketed(net) {
            Some(net) => (number::<Ipv6Addr>(net).map(Err), true),
            None => (number::<Ipv4Addr>(net).map(Ok).or_else(|| number::<Ipv6Addr>(net).map(Err)), false),
        };
        match address {
            Some(Ok(address)) => self.net4(word, address, mask, stance),
            Some(Err(address)) => self.net6(word, address, mask, in_brackets, stance),
            None => self.unreadable(word, stance, "is no net we can read", NETS),
        }
    }

    fn net4(&mut self, word: &[u8], address: Ipv4Addr, mask: &[u8], stance: Stance) -> Pattern {
        let length = number::<u32>(mask).filter(|length| *length <= 32);
        let bits = match (length, number::<Ipv4Addr>(mask)) {
            (Some(length), _) => u32::MAX.checked_shl(32 - length).unwrap_or(0),
            (None, Some(mask)) => mask.to_bits(),
            (None, None) => return self.unreadable(word, stance, "is no net we can read", NETS),
        };
        let under_mask = Ipv4Addr::from_bits(address.to_bits() & bits);
        let meaning = Pattern::Net4 { net: under_mask.to_bits(), mask: bits };
        if length == Some(0) {
            self.doubtful(
                word,
                stance,
                meaning,
                "0 is no length of an IPv4 net for libwrap",
                "write 0.0.0.0/0.0.0.0",
            )
        } else if length.is_none() && bits == u32::MAX {
            self.doubtful(
                word,
                stance,
                meaning,
                "255.255.255.255 is no mask for libwrap",
                "write the address alone",
            )
        } else if let Some(net) = Pattern::net4(address, bits) {
            net
        } else {
            let what = format!("the address reaches behind the mask (the net is {under_mask})");
            self.doubtful(word, stance, meaning, &what, "write the net's own address before the slash")
        }
    }

    fn net6(
        &mut self,
        word: &[u8],
        address: Ipv6Addr,
        mask: &[u8],
        in_brackets: bool,
        stance: Stance,
    ) -> Pattern {
        let length = number::<u32>(mask).filter(|length| *length <= 128);
        let Some((net, length)) = length.and_then(|length| Some((Pattern::net6(address, length)?, length)))
        else {
            return self.unreadable(word, stance, "is no net we can read", NETS);
        };
        match (address.to_ipv4_mapped(), length) {
            (Some(plain), 96..) => {
                let mask = u32::MAX.checked_shl(128 - length).unwrap_or(0);
                let meaning = Pattern::Net4 { net: plain.to_bits() & mask, mask };
                self.doubtful(word, stance, meaning, MAPPED, "write it as IPv4")
            }
            _ if in_brackets => net,
            _ => self.doubtful(word, stance, net, "IPv6 nets stand in brackets", "write [net]/length"),
        }
    }

    /// Reads what is neither net nor list: a name, an address, or part of one.
    fn text(&mut self, word: &[u8], stance: Stance) -> Pattern {
        if let Some(inner) = unbracketed(word) {
            return self.address6(word, inner, stance);
        }
        if word.iter().any(|octet| b"[]@".contains(octet)) {
            return self.unreadable(word, stance, "is no pattern we can read", "separate patterns by blanks");
        }
        let text = Text::new(word);
        let numeric = word.iter().all(|octet| octet.is_ascii_digit() || *octet == b'.');
        match &text {
            Text::Exact(_) if numeric && number::<Ipv4Addr>(word).is_none() => {
                self.part_of_address(word, stance)
            }
            Text::Exact(_) => match number::<Ipv6Addr>(word) {
                Some(address) => self.address6(word, address.to_string().as_bytes(), stance),
                None => Pattern::Either(text),
            },
            // Security: whoever rules a reverse zone may call a host 10.example.org. A pattern made of an address is
            // for addresses; libwrap would look at the name as well.
            Text::Wildcard(pattern) if is_address_wildcard(pattern) => Pattern::Address(text),
            _ if numeric => Pattern::Address(text),
            _ => Pattern::Either(text),
        }
    }

    fn address6(&mut self, word: &[u8], inner: &[u8], stance: Stance) -> Pattern {
        let Some(address) = number::<Ipv6Addr>(inner) else {
            let advice =
                "between brackets stands one whole IPv6 address without zone; a length follows behind them";
            return self.unreadable(word, stance, "is no IPv6 address", advice);
        };
        match address.to_ipv4_mapped() {
            Some(plain) => {
                let meaning = Pattern::Net4 { net: plain.to_bits(), mask: u32::MAX };
                self.doubtful(word, stance, meaning, MAPPED, "write it as IPv4")
            }
            None => Pattern::Net6 { net: address.to_bits(), mask: u128::MAX },
        }
    }

    fn part_of_address(&mut self, word: &[u8], stance: Stance) -> Pattern {
        let fields: Vec<_> = word.split(|octet| *octet == b'.').collect();
        if fields.len() < 4 && fields.iter().all(|field| number::<u8>(field).is_some()) {
            let meaning = Pattern::Address(Text::Prefix([word, b"."].concat().into()));
            return self.doubtful(word, stance, meaning, "is part of an address", "put a dot behind it");
        }
        self.unreadable(word, stance, "is no IPv4 address", "write four numbers without leading zeros")
    }

    /// Reads the patterns of a list file: words between blanks, without `EXCEPT` and without users.
    fn list(&mut self, word: &[u8], stance: Stance) -> io::Result<Pattern> {
        let path = Path::new(OsStr::from_bytes(word));
        if self.depth == DEEPEST {
            let told = format!(
                "{}: lists name lists more than {DEEPEST} deep; name each where it is used",
                path.display()
            );
            return Err(io::Error::new(io::ErrorKind::InvalidData, told));
        }
        let Some(text) = self.lists.read(path)? else {
            let effect = stance.of_too_few();
            self.remarks.add(
                &self.place,
                word,
                effect,
                "there is no such list",
                "create it, if need be empty",
            );
            return Ok(Pattern::Nobody);
        };
        let mut reader = Reader {
            place: Place { file: path.into(), line: 0 },
            remarks: self.remarks,
            lists: self.lists,
            depth: self.depth + 1,
        };
        reader.words(&text, stance)
    }

    /// Reads the words of a list file, from the first line on.
    ///
    /// libwrap takes every word for a pattern. What was meant otherwise counts where the list refuses, and admits nobody.
    fn words(&mut self, text: &[u8], stance: Stance) -> io::Result<Pattern> {
        let mut patterns = Vec::new();
        for line in text.split(|octet| *octet == b'\n') {
            self.place.line += 1;
            for word in line.split(|octet| b" \t\r\x0b\x0c".contains(octet)).filter(|word| !word.is_empty()) {
                let Some((what, advice)) = misplaced(word) else {
                    patterns.push(self.host(word, stance)?);
                    continue;
                };
                self.remarks.add(&self.place, line, Effect::Stricter, what, advice);
                match word {
                    _ if stance.refuses() => {
                        for word in
                            word.split(|octet| *octet == b',').filter(|word| misplaced(word).is_none())
                        {
                            patterns.push(self.host(word, stance)?);
                        }
                    }
                    [b'#', ..] => break,
                    _ if word.contains(&b',') => {}
                    _ => return Ok(Pattern::Nobody),
                }
            }
        }
        Ok(Pattern::Any(patterns))
    }

    fn unreadable(&mut self, word: &[u8], stance: Stance, what: &str, advice: &'static str) -> Pattern {
        let (pattern, effect, outcome) = stance.unreadable();
        self.remarks.add(&self.place, word, effect, format!("{what}: {outcome}"), advice);
        pattern
    }

    fn doubtful(
        &mut self,
        word: &[u8],
        stance: Stance,
        meaning: Pattern,
        what: &str,
        advice: &'static str,
    ) -> Pattern {
        let (pattern, effect, outcome) = stance.doubtful(meaning);
        self.remarks.add(&self.place, word, effect, format!("{what}: {outcome}"), advice);
        pattern
    }
}

const NETS: &str = "write n.n.n.n/mask, n.n.n.n/length or [n:n::]/length";
const MAPPED: &str = "a client that comes by IPv4 is never seen as IPv6";

/// What has no place in a list file, and what to do about it; an empty word has none either.
fn misplaced(word: &[u8]) -> Option<(&'static str, &'static str)> {
    if word.is_empty() || word.starts_with(b"#") {
        Some((
            "lists have no comments: these words can refuse and admit nobody",
            "take comments out of the list",
        ))
    } else if word.eq_ignore_ascii_case(b"EXCEPT") {
        Some((
            "EXCEPT has no meaning in a list: this list can refuse and admits nobody",
            "put EXCEPT into the rule that names the list",
        ))
    } else if word.contains(&b',') {
        Some((
            "commas separate nothing in a list: these words can refuse and admit nobody",
            "write blanks in place of commas",
        ))
    } else {
        None
    }
}

/// Splits `name@host`; the first octet is part of the name even when it is `@`.
pub(crate) fn split_at_sign(word: &[u8]) -> Option<(&[u8], &[u8])> {
    let (name, host) = line::split(word.get(1..)?, b'@')?;
    Some((word.get(..=name.len())?, host))
}

fn unbracketed(word: &[u8]) -> Option<&[u8]> {
    word.strip_prefix(b"[")?.strip_suffix(b"]")
}

fn number<T: std::str::FromStr>(text: &[u8]) -> Option<T> {
    std::str::from_utf8(text).ok()?.parse().ok()
}

fn is_address_wildcard(pattern: &[u8]) -> bool {
    pattern.iter().any(u8::is_ascii_digit)
        && pattern.iter().all(|octet| octet.is_ascii_digit() || b".*?".contains(octet))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stance::Verdict;

    /// Reads one word as an exception or not, in a rule that refuses; tells how many remarks it was worth.
    fn read(word: &str, excepted: bool) -> (Pattern, usize) {
        let (mut remarks, mut none) = (Remarks::default(), |_: &Path| Ok(None));
        let place = Place { file: Path::new("deny").into(), line: 1 };
        let mut lists = Lists::new(&mut none);
        let mut reader = Reader { place, remarks: &mut remarks, lists: &mut lists, depth: 0 };
        let pattern = reader.client(word.as_bytes(), Stance { verdict: Verdict::Refuse, excepted }).unwrap();
        (pattern, remarks.all().len())
    }

    #[test]
    fn words_become_the_patterns_they_look_like() {
        let text = |word: &str| Text::new(word.as_bytes());
        assert_eq!(read("10.", false), (Pattern::Address(text("10.")), 0));
        assert_eq!(read("10.*", false), (Pattern::Address(text("10.*")), 0));
        assert_eq!(read("a.*", false), (Pattern::Either(text("a.*")), 0));
        assert_eq!(read("10.0.0.0/8", false).0, read("10.0.0.0/255.0.0.0", false).0);
        assert_eq!(read("[2001:db8::9]/32", false), read("[2001:db8::]/32", false));
        assert_eq!(read("2001:DB8:0::1", false), read("[2001:db8::1]", false));
        assert_eq!(read("ALL@LOCAL", false), (Pattern::Local, 0));
    }

    #[test]
    fn a_doubtful_word_counts_only_where_it_refuses() {
        assert_eq!(read("10.1.2.3/8", false), (Pattern::Net4 { net: 0x0a00_0000, mask: 0xff00_0000 }, 1));
        assert_eq!(read("10.1.2.3/8", true), (Pattern::Nobody, 1));
        assert_eq!(read("10.1", false), (Pattern::Address(Text::new(b"10.1.")), 1));
        assert_eq!(read("2001:db8::/32", true), (Pattern::Nobody, 1));
    }

    #[test]
    fn a_name_ends_at_the_first_sign_behind_its_first_octet() {
        assert_eq!(split_at_sign(b"a@b@c"), Some((&b"a"[..], &b"b@c"[..])));
        assert_eq!(split_at_sign(b"@a"), None);
        assert_eq!(split_at_sign(b"@@a"), Some((&b"@"[..], &b"a"[..])));
        assert_eq!(split_at_sign(b"a@"), Some((&b"a"[..], &b""[..])));
        assert_eq!(split_at_sign(b""), None);
    }
}
