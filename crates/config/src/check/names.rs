//! Rules about file names.

use bstr::ByteSlice;

use super::{Rule, in_vain, line};
use crate::problem::Problem;
use crate::{ClientCharset, Config};

pub(super) const RULES: &[Rule] = &[
    the_charset_is_unknown,
    the_charset_of_the_disk_is_unknown,
    the_spelling_is_unknown,
    the_country_is_none,
    the_country_is_unused,
];

const KNOWN: &str = "UTF-8, CP949, EUC-KR, Shift_JIS, EUC-JP, GB18030, Big5, ISO-8859-1, windows-1251";

fn the_charset_is_unknown(config: &Config) -> Option<Problem> {
    config.client_charset().is_err().then(|| {
        Problem::error("bad charset")
            .quote(line(config, "charset"))
            .suggest(format!("write AUTO or one of {KNOWN}"))
    })
}

fn the_charset_of_the_disk_is_unknown(config: &Config) -> Option<Problem> {
    let text = config.names.disk_charset.as_ref()?.to_str().unwrap_or_default();
    wharf_names::Charset::named(text.trim()).is_err().then(|| {
        Problem::error("bad disk_charset")
            .quote(line(config, "disk_charset"))
            .suggest(format!("write one of {KNOWN}"))
    })
}

fn the_spelling_is_unknown(config: &Config) -> Option<Problem> {
    let text = config.names.normalize.as_ref()?.trim();
    let is_known = [&b"nfc"[..], b"off"].iter().any(|known| text.eq_ignore_ascii_case(known));
    (!is_known)
        .then(|| Problem::error("bad normalize").quote(line(config, "normalize")).suggest("write nfc or off"))
}

fn the_country_is_none(config: &Config) -> Option<Problem> {
    let is_set = config.names.charset_country.is_some();
    (is_set && config.charset_country().is_none()).then(|| {
        Problem::error("bad charset_country")
            .quote(line(config, "charset_country"))
            .suggest("write the two letters of a country, for instance kr")
    })
}

fn the_country_is_unused(config: &Config) -> Option<Problem> {
    let is_guessed = config.client_charset() == Ok(ClientCharset::Guessed);
    (config.names.charset_country.is_some() && !is_guessed)
        .then(|| in_vain(config, "charset_country", "charset=AUTO"))
}
