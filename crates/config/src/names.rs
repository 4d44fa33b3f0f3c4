//! The values of the chapter `names` that are more than a text.

use bstr::ByteSlice;
use wharf_names::{BadCharset, Charset};

use crate::Config;

/// The charset of clients.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ClientCharset {
    /// This one.
    Fixed(Charset),
    /// UTF-8 until a client shows that it speaks another.
    Guessed,
}

impl Config {
    /// Reads charset.
    ///
    /// Fails when nobody knows it, or when it does not hold ASCII as it is.
    pub fn client_charset(&self) -> Result<ClientCharset, BadCharset> {
        match self.names.charset.as_ref().map(|text| text.trim()) {
            None | Some(b"") => Ok(ClientCharset::Fixed(Charset::UTF_8)),
            Some(text) if text.eq_ignore_ascii_case(b"auto") => Ok(ClientCharset::Guessed),
            Some(text) => Charset::named(text.to_str().map_err(|_| BadCharset)?).map(ClientCharset::Fixed),
        }
    }

    /// Reads disk_charset; `None` when it is not set, is UTF-8 or is not known.
    pub fn disk_charset(&self) -> Option<Charset> {
        let text = self.names.disk_charset.as_ref()?.trim().to_str().ok()?;
        Charset::named(text).ok().filter(|charset| !charset.is_utf8())
    }

    /// Answers whether new names have their letters whole (`normalize=nfc`).
    pub fn composes_names(&self) -> bool {
        self.names.normalize.as_ref().is_some_and(|text| text.trim().eq_ignore_ascii_case(b"nfc"))
    }

    /// Reads charset_country, in small letters; `None` when it is not set or is no country's two letters.
    pub fn charset_country(&self) -> Option<String> {
        let text = self.names.charset_country.as_ref()?.trim().to_str().ok()?.to_ascii_lowercase();
        (text.len() == 2 && text.bytes().all(|letter| letter.is_ascii_lowercase())).then_some(text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config(text: &str) -> Config {
        crate::parse(text.as_bytes(), None, &Config::default()).unwrap().config
    }

    #[test]
    fn charsets_are_known_by_the_names_people_use() {
        let read = |text: &str| config(&format!("charset={text}\n")).client_charset();
        let cp949 = Ok(ClientCharset::Fixed(Charset::named("euc-kr").unwrap()));
        assert_eq!((read("CP949"), read("euc-kr")), (cp949, cp949));
        assert_eq!(read("Auto"), Ok(ClientCharset::Guessed));
        assert_eq!(config("").client_charset(), Ok(ClientCharset::Fixed(Charset::UTF_8)));
        assert!(read("UTF-16").is_err() && read("klingon").is_err());
    }

    #[test]
    fn a_country_is_two_letters() {
        let read = |text: &str| config(&format!("charset_country={text}\n")).charset_country();
        assert_eq!(read("KR").as_deref(), Some("kr"));
        assert_eq!((read("korea"), read("k1"), read("")), (None, None, None));
    }
}
