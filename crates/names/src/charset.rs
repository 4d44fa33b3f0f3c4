//! A charset that file names travel in, and its escapes.
//!
//! In the direction of the wire a character that the charset lacks is written as `&#N;` with its number in decimal, and an
//! octet that is no UTF-8 as `&#xHH;`. A `&` that begins such a text by chance is written `&#38;`. The way back undoes
//! exactly that: both ways together give the same name again, whatever it is.
//!
//! Octets of a client that its charset does not know are kept as they are.

use std::fmt;

use encoding_rs::Encoding;

/// The longest sequence of octets that means one character in any charset here.
const LONGEST: usize = 4;

/// A charset whose first 128 octets are ASCII's.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Charset(&'static Encoding);

/// A charset's name that is not known, or one that does not contain ASCII as it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BadCharset;

impl fmt::Display for BadCharset {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(
            "unknown charset; try UTF-8, CP949, EUC-KR, Shift_JIS, EUC-JP, GB18030, Big5 or ISO-8859-1",
        )
    }
}

impl std::error::Error for BadCharset {}

impl fmt::Debug for Charset {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl Charset {
    /// Finds a charset by a name people use for it.
    ///
    /// # Errors
    /// [`BadCharset`]; UTF-16 and ISO-2022 are refused, since in them a `/` may be half of a letter.
    pub fn named(name: &str) -> Result<Self, BadCharset> {
        let bare: String = name
            .chars()
            .filter(char::is_ascii_alphanumeric)
            .map(|letter| letter.to_ascii_lowercase())
            .collect();
        let label = match bare.as_str() {
            "cp949" | "uhc" | "ms949" | "windows949" => "euc-kr",
            "cp932" | "windows932" => "shift_jis",
            "cp936" | "windows936" => "gbk",
            "cp950" | "windows950" => "big5",
            "latin1" => "iso-8859-1",
            _ => name,
        };
        let encoding = Encoding::for_label(label.as_bytes()).ok_or(BadCharset)?;
        encoding.is_ascii_compatible().then_some(Self(encoding)).ok_or(BadCharset)
    }

    /// UTF-8, in which names are what they are.
    pub const UTF_8: Self = Self(encoding_rs::UTF_8);

    pub(super) fn of(encoding: &'static Encoding) -> Option<Self> {
        encoding.is_ascii_compatible().then_some(Self(encoding))
    }

    /// Its name in the Encoding Standard.
    #[must_use]
    pub fn name(self) -> &'static str {
        self.0.name()
    }

    /// Tells whether names travel as they are.
    #[must_use]
    pub fn is_utf8(self) -> bool {
        self == Self::UTF_8
    }

    /// What the disk calls a name of the wire; UTF-8 where the charset knows its octets.
    #[must_use]
    pub fn to_disk(self, wire: &[u8]) -> Vec<u8> {
        if self.is_utf8() {
            return wire.to_vec();
        }
        let mut disk = Vec::with_capacity(wire.len() * 3 / 2);
        let mut rest = wire;
        while let Some((&first, _)) = rest.split_first() {
            if first == b'&'
                && let Some((meant, length)) = self.escaped(rest)
            {
                disk.extend_from_slice(&meant);
                rest = rest.get(length..).unwrap_or_default();
            } else if first.is_ascii() {
                disk.push(first);
                rest = rest.get(1..).unwrap_or_default();
            } else if let Some((text, length)) = self.character(rest) {
                disk.extend_from_slice(text.as_bytes());
                rest = rest.get(length..).unwrap_or_default();
            } else {
                disk.push(first);
                rest = rest.get(1..).unwrap_or_default();
            }
        }
        disk
    }

    /// What the wire calls a name of the disk.
    #[must_use]
    pub fn to_wire(self, disk: &[u8]) -> Vec<u8> {
        let mut wire = Vec::with_capacity(disk.len());
        self.push_wire(&mut wire, disk);
        wire
    }

    /// Appends what the wire calls a name, or a whole line of a reply or a listing.
    pub fn push_wire(self, wire: &mut Vec<u8>, disk: &[u8]) {
        if self.is_utf8() {
            wire.extend_from_slice(disk);
            return;
        }
        for chunk in disk.utf8_chunks() {
            for (at, letter) in chunk.valid().char_indices() {
                let is_escape_like =
                    letter == '&' && chunk.valid().as_bytes().get(at..).and_then(escape).is_some();
                if letter.is_ascii() && !is_escape_like {
                    wire.push(u8::try_from(letter).unwrap_or(b'?'));
                } else if is_escape_like {
                    wire.extend_from_slice(b"&#38;");
                } else if let Some(octets) = self.octets(letter) {
                    wire.extend_from_slice(&octets);
                } else {
                    wire.extend_from_slice(format!("&#{};", u32::from(letter)).as_bytes());
                }
            }
            for octet in chunk.invalid() {
                wire.extend_from_slice(format!("&#x{octet:02X};").as_bytes());
            }
        }
    }

    /// The octets of one character, if they come back as the same.
    fn octets(self, letter: char) -> Option<Vec<u8>> {
        let mut text = [0; 4];
        let text = letter.encode_utf8(&mut text);
        let (octets, _, had_errors) = self.0.encode(text);
        // Shift_JIS writes the yen sign as a backslash: that would come back as another name.
        let back = self.0.decode_without_bom_handling_and_without_replacement(&octets)?;
        (!had_errors && back == *text).then(|| octets.into_owned())
    }

    /// The first character that the wire's octets mean, and how many octets that takes.
    fn character(self, wire: &[u8]) -> Option<(String, usize)> {
        (1..=LONGEST.min(wire.len())).find_map(|length| {
            let octets = wire.get(..length)?;
            let text = self.0.decode_without_bom_handling_and_without_replacement(octets)?;
            (!text.is_empty()).then(|| (text.into_owned(), length))
        })
    }

    /// The meaning of an escape at the beginning of the wire's octets: only of one that [`Self::push_wire`] writes.
    ///
    /// Security: nothing that the charset can say is ever written as an escape, so no `/` and no control character
    /// comes out of one.
    fn escaped(self, wire: &[u8]) -> Option<(Vec<u8>, usize)> {
        let (meaning, length) = escape(wire)?;
        match meaning {
            Meaning::Letter('&') => {
                // Only in front of what would be an escape itself.
                let rest = wire.get(length..)?;
                let whole = [b"&", rest.get(..rest.len().min(12))?].concat();
                escape(&whole).map(|_| (b"&".to_vec(), length))
            }
            Meaning::Letter(letter) => {
                let is_needed = !letter.is_ascii() && self.octets(letter).is_none();
                is_needed.then(|| (letter.to_string().into_bytes(), length))
            }
            Meaning::Octet(octet) => Some((vec![octet], length)),
        }
    }
}

/// What an escape stands for.
enum Meaning {
    Letter(char),
    /// 0x80 and more: a part of no UTF-8.
    Octet(u8),
}

/// Reads `&#N;` or `&#xHH;` at the beginning of octets, in the one spelling that is written here.
fn escape(octets: &[u8]) -> Option<(Meaning, usize)> {
    let inside = octets.strip_prefix(b"&#")?;
    let end = inside.iter().take(8).position(|octet| *octet == b';')?;
    let digits = std::str::from_utf8(inside.get(..end)?).ok()?;
    let length = end + 3;
    if let Some(digits) = digits.strip_prefix('x') {
        let octet = u8::from_str_radix(digits, 16).ok().filter(|octet| !octet.is_ascii())?;
        return (format!("{octet:02X}") == digits).then_some((Meaning::Octet(octet), length));
    }
    let number: u32 = digits.parse().ok()?;
    let letter = char::from_u32(number).filter(|_| number.to_string() == digits)?;
    (letter == '&' || !letter.is_ascii()).then_some((Meaning::Letter(letter), length))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const NAMES: [&str; 8] =
        ["CP949", "euc-kr", "Shift_JIS", "EUC-JP", "GB18030", "Big5", "latin1", "windows-1252"];

    fn charset(name: &str) -> Charset {
        Charset::named(name).unwrap()
    }

    #[test]
    fn hangul_travels_as_cp949_and_lives_as_utf8() {
        let cp949 = charset("CP949");
        assert_eq!(cp949.to_wire("한글 파일.txt".as_bytes()), b"\xc7\xd1\xb1\xdb \xc6\xc4\xc0\xcf.txt");
        assert_eq!(cp949.to_disk(b"\xc7\xd1\xb1\xdb"), "한글".as_bytes());
        // Syllables that EUC-KR lacks and CP949 has.
        assert_eq!(
            cp949.to_disk(&cp949.to_wire("똠방각하 펲시콜라".as_bytes())),
            "똠방각하 펲시콜라".as_bytes()
        );
        assert_eq!(charset("Shift_JIS").to_disk(b"\x83e\x83X\x83g"), "テスト".as_bytes());
    }

    #[test]
    fn what_a_charset_lacks_is_escaped_and_found_again() {
        let cp949 = charset("cp949");
        assert_eq!(cp949.to_wire("é😀.txt".as_bytes()), b"&#233;&#128512;.txt");
        assert_eq!(cp949.to_disk(b"&#233;&#128512;.txt"), "é😀.txt".as_bytes());
        // A file that is really called so.
        assert_eq!(cp949.to_wire(b"&#233;"), b"&#38;#233;");
        assert_eq!(cp949.to_disk(b"&#38;#233;"), b"&#233;");
        // Not ours: it stays.
        assert_eq!(cp949.to_disk(b"a&#47;b&#38;c&amp;"), b"a&#47;b&#38;c&amp;");
        assert_eq!(cp949.to_wire(b"\xff\xfe"), b"&#xFF;&#xFE;");
        assert_eq!(cp949.to_disk(b"&#xFF;&#xFE;"), b"\xff\xfe");
    }

    #[test]
    fn a_slash_never_comes_out_of_other_octets() {
        for name in NAMES {
            let charset = charset(name);
            for number in 0..=u32::from(u16::MAX) {
                let octets = number.to_be_bytes();
                let disk = charset.to_disk(&octets[2..]);
                let slashes = |octets: &[u8]| {
                    octets.iter().filter(|octet| matches!(octet, b'/' | 0 | b'\r' | b'\n')).count()
                };
                assert!(slashes(&disk) <= slashes(&octets[2..]), "{name} {octets:x?}");
            }
        }
    }

    #[test]
    fn charsets_in_which_a_slash_may_be_half_a_letter_are_refused() {
        for name in ["UTF-16", "UTF-16LE", "ISO-2022-JP", "no such"] {
            assert_eq!(Charset::named(name), Err(BadCharset), "{name}");
        }
        assert!(charset("utf-8").is_utf8());
        assert_eq!(charset("MS949"), charset("EUC-KR"));
    }

    proptest! {
        #[test]
        fn every_name_of_the_disk_comes_back(which in 0..NAMES.len(), disk in prop::collection::vec(any::<u8>(), 0..60)) {
            let charset = charset(NAMES[which]);
            let wire = charset.to_wire(&disk);
            prop_assert_eq!(charset.to_disk(&wire), disk);
        }

        #[test]
        fn every_text_comes_back(which in 0..NAMES.len(), text in "(\\PC|&#[0-9]{1,6};|&#x[0-9A-F]{2};|&#38;#|[가-힣ぁ-ん¥‾]){0,20}") {
            let charset = charset(NAMES[which]);
            prop_assert_eq!(charset.to_disk(&charset.to_wire(text.as_bytes())), text.into_bytes());
        }
    }
}
