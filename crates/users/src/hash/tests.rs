//! Hashes made by other programs, whole and damaged.
//!
//! All of "correct horse", except where it says otherwise. Made with perl's `crypt` on libxcrypt 4.4.33, `openssl
//! passwd`, and the reference form of argon2.

use super::*;
use proptest::prelude::*;

const KNOWN: [(Kind, &str); 9] = [
    (Kind::Yescrypt, "$y$j9T$F5Jx5fExrKuPp53xLKQ..1$zwtVrjrUCmXcyLTs6oxLTQlzifSUkF8RHJ./tK5KU79"),
    (Kind::Yescrypt, "$y$j75$abcdefgh$Jakf0CHhzdQOivqISxvBXCIRIaxY0Fs1wJGsJSurry/"),
    (
        Kind::Sha512,
        "$6$saltsalt$hRM5XZ86KXEw9UOmjigeVqFgULtFB2sgpC9lXQDfMib3Zgw7mEiUvBJI2EplzfAqxL5Vvwp2scFtv/uamSo5z0",
    ),
    (
        Kind::Sha512,
        "$6$abc$dv7vAygfDghQeO8lNAuLv4y4HAQXw9d6a14dcjFGfTijFc0S6MgzM7g53hZv6MaGDXhNpGxhpXakWuTlqHtzn.",
    ),
    (Kind::Sha256, "$5$rounds=5000$saltsalt$myjXcpMpE2Ofk7fj9hqyNYSn6lmWG4Mqnjx.KIRRr4/"),
    (Kind::Bcrypt, "$2b$05$abcdefghijklmnopqrstuuHNbAKRhpaujgo33bRWs.NLUTJO3lOy2"),
    (Kind::Bcrypt, "$2a$05$abcdefghijklmnopqrstuuHNbAKRhpaujgo33bRWs.NLUTJO3lOy2"),
    (Kind::Bcrypt, "$2y$05$abcdefghijklmnopqrstuuHNbAKRhpaujgo33bRWs.NLUTJO3lOy2"),
    (
        Kind::Argon2,
        "$argon2id$v=19$m=19456,t=2,p=1$BwcHBwcHBwcHBwcHBwcHBw$cTLmpgKLeruU6za+t2cUZ3fNfHVCYhGoJ8inpcUNcwc",
    ),
];

fn secret(password: &str) -> Secret {
    Secret::new(password.as_bytes().to_vec())
}

fn fault(hash: &str) -> String {
    Hash::parse(hash.as_bytes()).unwrap_err()
}

#[test]
fn hashes_of_other_programs_match_their_password_only() {
    for (kind, text) in KNOWN {
        let hash = Hash::parse(text.as_bytes()).unwrap();
        assert_eq!(hash.kind(), kind);
        assert!(hash.matches(&secret("correct horse")), "{text}");
        for wrong in ["", "correct hors", "correct horse ", "Correct horse", "correct horse\0"] {
            assert!(!hash.matches(&secret(wrong)), "{text} {wrong:?}");
        }
    }
}

#[test]
fn a_new_hash_matches_and_each_has_its_own_salt() {
    let (one, other) = (make(&secret("s3cret")).unwrap(), make(&secret("s3cret")).unwrap());
    assert!(one.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"), "{one}");
    assert_ne!(one, other);
    let hash = Hash::parse(one.as_bytes()).unwrap();
    assert!(hash.matches(&secret("s3cret")) && !hash.matches(&secret("s3cre")));
}

#[test]
fn passwords_that_could_not_be_typed_get_no_hash() {
    let said = |password: &[u8]| make(&Secret::new(password.to_vec())).unwrap_err().to_string();
    assert_eq!(said(b""), "an empty password lets everybody in: use a longer one");
    assert_eq!(said(&[b'x'; 129]), "the password is longer than 128 octets");
    assert_eq!(said(b"a\nb"), "a password holds no NUL and no line end");
    assert_eq!(said(b"a\0b"), "a password holds no NUL and no line end");
    assert!(make(&Secret::new(vec![0xff; 128])).is_ok());
}

#[test]
fn locked_hashes_match_nothing() {
    let locked_right = format!("!{}", KNOWN[2].1);
    for text in ["", "!", "*", "!!", "*LK*", &locked_right] {
        let hash = Hash::parse(text.as_bytes()).unwrap();
        assert_eq!(hash.kind(), Kind::Locked);
        for password in ["", "!", "*", "correct horse"] {
            assert!(!hash.matches(&secret(password)), "{text:?} {password:?}");
        }
    }
}

#[test]
fn an_empty_password_matches_not_even_its_own_hash() {
    // perl -e 'print crypt("", q($5$rounds=1000$salt$))'
    let empty = Hash::parse(b"$5$rounds=1000$salt$oacEarljCLl1hnwSHaKByNaFLSC8faCZtGSPISXgwZ.");
    assert!(!empty.unwrap().matches(&secret("")));
}

#[test]
fn the_stand_in_is_sound_and_costs_what_new_hashes_cost() {
    let hash = Hash::parse(STAND_IN.as_bytes()).unwrap();
    assert!(!hash.matches(&secret("correct horse")));
    assert!(STAND_IN.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"));
}

#[test]
fn unknown_kinds_and_characters_are_told() {
    for text in [
        "x",
        "plain",
        "abJnggxhB/yWI",
        "$1$salt$Qs5pSEGt6l7ptjLJvvWY90",
        "$2x$05$a",
        "$",
        "$$",
        "$7$x",
        "$gy$j9T$a$b",
    ] {
        assert_eq!(fault(text), UNKNOWN, "{text}");
    }
    for text in ["!:0:0::/", "a b", "$6$a\n", "!ä"] {
        assert_eq!(fault(text), "a hash holds printable ASCII without blanks and ':' only", "{text:?}");
    }
    assert_eq!(fault(&"!".repeat(257)), "the hash is longer than 256 octets");
}

#[test]
fn hashes_that_were_cut_or_stretched_are_damaged() {
    for (kind, text) in KNOWN {
        // Argon2 may have any length from 16 octets on; the length goes into the hash, so that a cut one matches nothing.
        let whole = if kind == Kind::Argon2 { text.len() - 22 } else { text.len() };
        for end in 6..whole {
            let said = fault(&text[..end]);
            assert!(said.contains("damaged") || said == UNKNOWN, "{}: {said}", &text[..end]);
        }
        assert!(kind == Kind::Argon2 || fault(&format!("{text}A")).contains("damaged"), "{text}");
        assert!(fault(&format!("{text}$A")).contains("damaged"), "{text}");
    }
}

#[test]
fn hashes_that_would_eat_the_machine_are_refused() {
    let tail = "$BwcHBwcHBwcHBwcHBwcHBw$cTLmpgKLeruU6za+t2cUZ3fNfHVCYhGoJ8inpcUNcwc";
    for costs in ["m=262145,t=1,p=1", "m=262144,t=5,p=1", "m=19456,t=100000,p=1", "m=4294967295,t=1,p=1"] {
        assert!(fault(&format!("$argon2id$v=19${costs}{tail}")).contains("costs too much"), "{costs}");
    }
    let salt_and_digest = &KNOWN[5].1[6..];
    assert_eq!(
        fault(&format!("$2b$31{salt_and_digest}")),
        "checking this bcrypt hash has the cost 31; 4 to 14 are allowed"
    );
    assert!(fault(&format!("$2b$03{salt_and_digest}")).contains("the cost 3;"));
    let digest = "myjXcpMpE2Ofk7fj9hqyNYSn6lmWG4Mqnjx.KIRRr4/";
    for rounds in ["999999999", "1000001", "999", "99999999999", ""] {
        assert!(
            fault(&format!("$5$rounds={rounds}$salt${digest}")).contains("outside 1000 to 1000000"),
            "{rounds}"
        );
    }
    assert!(fault(&format!("$5$round=1000$salt${digest}")).contains("damaged"));
    // N = 2^18 and r = 32, the most that the system's passwd can be set to.
    assert_eq!(
        fault(&format!("$y$jFT$abcdefgh${digest}")),
        "checking this yescrypt hash takes 1048576 KiB; at most 262144 are allowed"
    );
    assert!(fault(&format!("$y$jzz$abcdefgh${digest}")).contains("damaged"));
}

proptest! {
    #[test]
    fn any_text_is_a_hash_or_a_sentence(start in "[$]?(2b|5|6|y|argon2id|rounds=9)?[$]?", rest in "[$./0-9A-Za-z=,!-~]{0,120}") {
        let _ = Hash::parse(format!("{start}{rest}").as_bytes());
    }
}
