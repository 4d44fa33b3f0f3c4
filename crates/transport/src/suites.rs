//! An OpenSSL cipher list (`ssl_ciphers`) in terms of the suites that are spoken here.
//!
//! The list governs TLS 1.2. All of TLS 1.3's suites are spoken whatever it says, as in OpenSSL and vsftpd. What the
//! words mean follows ciphers(1); words for suites that are not spoken here match nothing.

use rustls::crypto::aws_lc_rs::cipher_suite as tls;
use rustls::{SignatureScheme, SupportedCipherSuite};

use crate::sign::algorithm;

/// Suites chosen by a list, and what of the list is not spoken here.
#[derive(Debug, Clone)]
pub struct Suites {
    chosen: Vec<&'static Suite>,
    unmapped: Vec<String>,
}

/// A suite of TLS 1.2 with the properties that words of a list speak of.
#[derive(Debug)]
struct Suite {
    name: &'static str,
    standard: &'static str,
    authentication: &'static str,
    cipher: Cipher,
    suite: SupportedCipherSuite,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Cipher {
    Aes256,
    Aes128,
    ChaCha20,
}

macro_rules! suites {
    ($($name:literal $standard:ident $authentication:literal $cipher:ident;)*) => {
        static SUITES: &[Suite] = &[$(Suite {
            name: $name,
            standard: stringify!($standard),
            authentication: $authentication,
            cipher: Cipher::$cipher,
            suite: tls::$standard,
        }),*];
    };
}

// AES first: with the processor's help it costs a third of ChaCha20.
suites! {
    "ECDHE-ECDSA-AES256-GCM-SHA384" TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384 "ECDSA" Aes256;
    "ECDHE-RSA-AES256-GCM-SHA384"   TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384   "RSA"   Aes256;
    "ECDHE-ECDSA-AES128-GCM-SHA256" TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256 "ECDSA" Aes128;
    "ECDHE-RSA-AES128-GCM-SHA256"   TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256   "RSA"   Aes128;
    "ECDHE-ECDSA-CHACHA20-POLY1305" TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256 "ECDSA" ChaCha20;
    "ECDHE-RSA-CHACHA20-POLY1305"   TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256   "RSA"   ChaCha20;
}

static TLS13: &[SupportedCipherSuite] =
    &[tls::TLS13_AES_256_GCM_SHA384, tls::TLS13_AES_128_GCM_SHA256, tls::TLS13_CHACHA20_POLY1305_SHA256];

/// Words of ciphers(1) that name nothing spoken here; in a list they are no mistake.
const NOTHING: &[&str] = &[
    "MEDIUM",
    "LOW",
    "EXP",
    "EXPORT",
    "NULL",
    "ENULL",
    "ANULL",
    "COMPLEMENTOFDEFAULT",
    "COMPLEMENTOFALL",
    "RSA",
    "KRSA",
    "DH",
    "DHE",
    "KDHE",
    "EDH",
    "KEDH",
    "KDHER",
    "KDHED",
    "ADH",
    "AECDH",
    "KECDHR",
    "KECDHE",
    "KECDH",
    "ADSS",
    "DSS",
    "DSA",
    "PSK",
    "KPSK",
    "KECDHEPSK",
    "KDHEPSK",
    "KRSAPSK",
    "APSK",
    "SRP",
    "KSRP",
    "AESCCM",
    "AESCCM8",
    "CAMELLIA",
    "CAMELLIA128",
    "CAMELLIA256",
    "ARIA",
    "ARIA128",
    "ARIA256",
    "ARIAGCM",
    "3DES",
    "DES",
    "RC4",
    "RC2",
    "IDEA",
    "SEED",
    "MD5",
    "SHA",
    "SHA1",
    "SHA256",
    "SHA384",
    "GOST",
    "KGOST",
    "AGOST",
    "SSLV2",
    "SSLV3",
    "TLSV1",
    "TLSV1.0",
    "TLSV1.1",
    "CBC",
    "AKRB5",
    "KRB5",
    "FZA",
];

impl Suites {
    /// Every suite there is.
    #[must_use]
    pub fn all() -> Self {
        Self { chosen: SUITES.iter().collect(), unmapped: Vec::new() }
    }

    /// Reads a list, as `ECDHE-RSA-AES256-GCM-SHA384:HIGH:!aNULL`.
    #[must_use]
    pub fn from_openssl(list: &str) -> Self {
        let mut suites = Self { chosen: Vec::new(), unmapped: Vec::new() };
        let mut banned: Vec<&str> = Vec::new();
        for word in list.split([':', ',', ' ', ';']).filter(|word| !word.is_empty()) {
            suites.apply(word, &mut banned);
        }
        suites
    }

    fn apply<'a>(&mut self, word: &'a str, banned: &mut Vec<&'a str>) {
        let (sign, terms) = match word.split_at_checked(1) {
            Some((sign @ ("!" | "-" | "+"), terms)) => (sign, terms),
            Some(("@", command)) => return self.command(word, command),
            _ => ("", word),
        };
        let Some(matching) = matching(terms) else {
            // What is only taken away is not missed.
            if sign.is_empty() {
                self.unmapped.push(word.to_owned());
            }
            return;
        };
        let is_match = |suite: &Suite| matching.iter().any(|one| one.name == suite.name);
        match sign {
            "" => {
                let known: Vec<_> = self.chosen.iter().map(|suite| suite.name).collect();
                let new = matching.iter().filter(|s| !known.contains(&s.name) && !banned.contains(&s.name));
                self.chosen.extend(new.copied());
            }
            "+" => self.chosen.sort_by_key(|suite| is_match(suite)),
            _ => {
                self.chosen.retain(|suite| !is_match(suite));
                if sign == "!" {
                    banned.extend(matching.iter().map(|suite| suite.name));
                }
            }
        }
    }

    fn command(&mut self, word: &str, command: &str) {
        // Every suite here is of the highest level but one, and of much the same strength.
        let is_level = command.strip_prefix("SECLEVEL=").is_some_and(|level| level.parse::<u8>().is_ok());
        match command {
            "STRENGTH" => self.chosen.sort_by_key(|suite| suite.cipher == Cipher::Aes128),
            _ if is_level => {}
            _ => self.unmapped.push(word.to_owned()),
        }
    }

    /// Lists what is not spoken here, for a warning: names of other suites, and words that ciphers(1) does not have.
    #[must_use]
    pub fn unmapped(&self) -> &[String] {
        &self.unmapped
    }

    /// Names the suites of TLS 1.2 that were chosen, as OpenSSL does.
    pub fn names(&self) -> impl Iterator<Item = &'static str> + '_ {
        self.chosen.iter().map(|suite| suite.name)
    }

    /// Tells whether TLS 1.2 has a suite for a key that signs in these schemes; a list that names RSA only leaves a
    /// certificate of ECDSA with TLS 1.3.
    #[must_use]
    pub fn fit(&self, schemes: &[u16]) -> bool {
        let algorithms: Vec<_> =
            schemes.iter().filter_map(|&scheme| algorithm(SignatureScheme::from(scheme))).collect();
        self.tls12().any(|suite| algorithms.iter().any(|&one| suite.usable_for_signature_algorithm(one)))
    }

    pub(crate) fn tls12(&self) -> impl Iterator<Item = SupportedCipherSuite> + '_ {
        self.chosen.iter().map(|suite| suite.suite)
    }

    pub(crate) fn tls13() -> impl Iterator<Item = SupportedCipherSuite> {
        TLS13.iter().copied()
    }
}

/// The suites that all terms of `A+B` describe; `None` when one of them is no word we know.
fn matching(terms: &str) -> Option<Vec<&'static Suite>> {
    let mut left: Vec<&'static Suite> = SUITES.iter().collect();
    for term in terms.split('+') {
        let upper = term.to_ascii_uppercase();
        if NOTHING.contains(&upper.as_str()) && !is_ecdhe(&upper) {
            left.clear();
        } else if is_word(&upper) {
            left.retain(|suite| has(suite, &upper));
        } else {
            return None;
        }
    }
    Some(left)
}

fn is_ecdhe(word: &str) -> bool {
    matches!(word, "ECDHE" | "EECDH" | "KECDHE" | "KEECDH" | "ECDH" | "KECDH")
}

fn is_word(word: &str) -> bool {
    is_ecdhe(word)
        || matches!(
            word,
            "ALL" | "DEFAULT" | "HIGH" | "PROFILE=SYSTEM" | "TLSV1.2" | "FIPS" | "ECDSA" | "AECDSA" | "ARSA"
        )
        || matches!(word, "AES" | "AESGCM" | "AES128" | "AES256" | "CHACHA20" | "SUITEB128" | "SUITEB192")
        || SUITES.iter().any(|suite| suite.name == word || suite.standard == word)
}

fn has(suite: &Suite, word: &str) -> bool {
    let is_aes = suite.cipher != Cipher::ChaCha20;
    match word {
        "ALL" | "DEFAULT" | "HIGH" | "PROFILE=SYSTEM" | "TLSV1.2" => true,
        "FIPS" | "AES" | "AESGCM" => is_aes,
        "AES128" => suite.cipher == Cipher::Aes128,
        "AES256" => suite.cipher == Cipher::Aes256,
        "CHACHA20" => !is_aes,
        "ECDSA" | "AECDSA" => suite.authentication == "ECDSA",
        "ARSA" => suite.authentication == "RSA",
        "SUITEB128" => suite.authentication == "ECDSA" && is_aes,
        "SUITEB192" => suite.authentication == "ECDSA" && suite.cipher == Cipher::Aes256,
        word => is_ecdhe(word) || suite.name == word || suite.standard == word,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(list: &str) -> Vec<&'static str> {
        Suites::from_openssl(list).names().collect()
    }

    #[test]
    fn vsftpds_default_is_one_suite() {
        let suites = Suites::from_openssl("ECDHE-RSA-AES256-GCM-SHA384");
        assert_eq!(suites.names().collect::<Vec<_>>(), ["ECDHE-RSA-AES256-GCM-SHA384"]);
        assert!(suites.unmapped().is_empty());
        assert!(suites.fit(&[0x0804, 0x0401]) && !suites.fit(&[0x0403]) && !suites.fit(&[0x0807]));
    }

    #[test]
    fn a_list_of_words_takes_all_and_misses_nothing_that_it_forbids() {
        let suites = Suites::from_openssl("HIGH:!aNULL:!MD5:!3DES:@STRENGTH");
        assert_eq!(suites.names().count(), 6);
        assert!(suites.unmapped().is_empty());
        assert_eq!(names("kEECDH+aRSA+AES128"), ["ECDHE-RSA-AES128-GCM-SHA256"]);
        assert_eq!(names("DEFAULT:!AES:-aRSA"), ["ECDHE-ECDSA-CHACHA20-POLY1305"]);
    }

    #[test]
    fn order_follows_the_list_and_what_is_banned_does_not_return() {
        assert_eq!(
            names("ECDHE+CHACHA20+aRSA:ECDHE-RSA-AES128-GCM-SHA256").first().copied(),
            Some("ECDHE-RSA-CHACHA20-POLY1305")
        );
        assert_eq!(
            names("!CHACHA20:!AES256:ALL:+ECDSA"),
            ["ECDHE-RSA-AES128-GCM-SHA256", "ECDHE-ECDSA-AES128-GCM-SHA256"]
        );
        assert_eq!(names("ALL:-ALL:AES128+ECDSA"), ["ECDHE-ECDSA-AES128-GCM-SHA256"]);
    }

    #[test]
    fn what_is_not_spoken_here_is_told() {
        let suites =
            Suites::from_openssl("DES-CBC3-SHA:AES256-SHA:ECDHE-RSA-AES256-GCM-SHA384:@NONSENSE:!AES128-SHA");
        assert_eq!(suites.unmapped(), ["DES-CBC3-SHA", "AES256-SHA", "@NONSENSE"]);
        assert_eq!(suites.names().count(), 1);
        // Static RSA is a known word that names nothing here.
        assert!(names("RSA").is_empty() && Suites::from_openssl("RSA:kDHE:DSS").unmapped().is_empty());
    }
}
