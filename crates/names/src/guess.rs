//! Which charset octets are written in, when nobody says.

use chardetng::{EncodingDetector, Iso2022JpDetection, Utf8Detection};

use super::Charset;

/// Tells whether octets are something else than UTF-8.
#[must_use]
pub fn looks_foreign(octets: &[u8]) -> bool {
    std::str::from_utf8(octets).is_err()
}

/// Guesses the charset of one name or of many, given one after the other.
///
/// `home` is the country whose letters are the most likely, as in the names of the Internet (`kr`, `jp`, `cn`, `tw`): a
/// name of two letters can be anything without it. `None` when the octets are UTF-8.
#[must_use]
pub fn guess<'a>(names: impl IntoIterator<Item = &'a [u8]>, home: Option<&str>) -> Option<Charset> {
    let mut detector = EncodingDetector::new(Iso2022JpDetection::Deny);
    let mut is_foreign = false;
    for name in names {
        is_foreign |= looks_foreign(name);
        detector.feed(name, false);
        detector.feed(b"\n", false);
    }
    detector.feed(b"", true);
    if !is_foreign {
        return None;
    }
    Charset::of(detector.guess(home.map(str::as_bytes), Utf8Detection::Deny))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn guessed(charset: &str, names: &[&str], home: Option<&str>) -> String {
        let charset = Charset::named(charset).unwrap();
        let wire: Vec<Vec<u8>> = names.iter().map(|name| charset.to_wire(name.as_bytes())).collect();
        guess(wire.iter().map(Vec::as_slice), home)
            .map_or_else(String::new, |charset| charset.name().to_owned())
    }

    #[test]
    fn names_of_each_country_are_known() {
        assert_eq!(guessed("CP949", &["새 폴더", "회의록 최종.hwp", "사진"], Some("kr")), "EUC-KR");
        assert_eq!(guessed("CP949", &["2026년 결산 보고서 최종본.xlsx"], None), "EUC-KR");
        assert_eq!(guessed("Shift_JIS", &["新しいフォルダー", "テスト.txt"], Some("jp")), "Shift_JIS");
        assert_eq!(guessed("GB18030", &["新建文件夹", "会议记录.doc"], Some("cn")), "GBK");
        assert_eq!(guessed("Big5", &["新增資料夾", "會議記錄.doc"], Some("tw")), "Big5");
    }

    #[test]
    fn one_short_korean_name_is_enough_at_home() {
        for name in ["한글", "가", "사진.jpg", "바탕 화면"] {
            assert_eq!(guessed("CP949", &[name], Some("kr")), "EUC-KR", "{name}");
        }
    }

    #[test]
    fn utf8_and_ascii_are_not_foreign() {
        assert_eq!(guess([&b"plain.txt"[..], "한글".as_bytes()], Some("kr")), None);
        assert!(looks_foreign(b"\xc7\xd1") && !looks_foreign("한".as_bytes()));
    }
}
