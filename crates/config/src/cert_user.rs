//! The file of `cert_user_file`: who may log in as whom by a certificate.
//!
//! One rule on a line: the name of an account, blanks, and what the certificate must say, as `KIND:VALUE`. `*` stands for
//! every account, and `%u` in a value for the account's name. Whether the certificate is worth anything is not asked here.

use bstr::{BString, ByteSlice};

/// What a certificate can say of its holder.
const KINDS: [&str; 6] = ["subject", "cn", "email", "dns", "uri", "sha256"];

/// The account's name in a value.
const ACCOUNT: &str = "%u";

/// Every account.
const EVERYBODY: &[u8] = b"*";

/// The rules of a file.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CertUsers(Vec<Rule>);

#[derive(Clone, Debug, PartialEq, Eq)]
struct Rule {
    account: BString,
    kind: &'static str,
    value: String,
}

/// A line that is no rule.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BadRule {
    /// Which line, from 1.
    pub line: usize,
    /// What is wrong with it, and what to write.
    pub reason: String,
}

impl CertUsers {
    /// Reads the text of the file. Empty lines and those that begin with `#` say nothing.
    ///
    /// # Errors
    /// The first line that is no rule: a rule that was meant to keep somebody out must not be passed over.
    pub fn read(text: &[u8]) -> Result<Self, BadRule> {
        let mut rules = Vec::new();
        for (number, line) in text.lines().enumerate() {
            let line = line.trim();
            if !line.is_empty() && !line.starts_with(b"#") {
                rules.push(rule(line).map_err(|reason| BadRule { line: number + 1, reason })?);
            }
        }
        Ok(Self(rules))
    }

    /// Tells whether an account logs in by certificate, and so in no other way.
    #[must_use]
    pub fn knows(&self, account: &[u8]) -> bool {
        self.of(account).next().is_some()
    }

    /// Tells whether a certificate that says all this of its holder, each as `KIND:VALUE`, may log in as an account.
    #[must_use]
    pub fn admits(&self, account: &[u8], said: &[String]) -> bool {
        self.of(account).any(|rule| said.iter().any(|said| rule.fits(account, said)))
    }

    fn of(&self, account: &[u8]) -> impl Iterator<Item = &Rule> {
        self.0.iter().filter(move |rule| rule.account == account || rule.account == EVERYBODY)
    }
}

impl Rule {
    fn fits(&self, account: &[u8], said: &str) -> bool {
        let Some(said) = said.strip_prefix(self.kind).and_then(|rest| rest.strip_prefix(':')) else {
            return false;
        };
        // Security: a name that is no text stands for no value.
        let wanted = match (self.value.contains(ACCOUNT), std::str::from_utf8(account)) {
            (false, _) => self.value.clone(),
            (true, Ok(account)) => self.value.replace(ACCOUNT, account),
            (true, Err(_)) => return false,
        };
        match self.kind {
            // Host names and, in practice, mail addresses are the same in small and capital letters.
            "dns" | "email" => said.eq_ignore_ascii_case(&wanted),
            _ => said == wanted,
        }
    }
}

fn rule(line: &[u8]) -> Result<Rule, String> {
    let blank =
        line.find_byteset(b" \t").ok_or("write an account, a blank, and what the certificate must say")?;
    let (account, rest) = line.split_at(blank);
    let said = std::str::from_utf8(rest.trim()).map_err(|_| "what the certificate must say is no UTF-8")?;
    let (kind, value) =
        said.split_once(':').ok_or_else(|| format!("write KIND:VALUE, where KIND is {}", kinds()))?;
    let kind = KINDS
        .into_iter()
        .find(|known| *known == kind)
        .ok_or_else(|| format!("{kind:?} is no kind of name: write {}", kinds()))?;
    if value.is_empty() {
        return Err("nothing stands behind the colon, and no certificate says nothing".to_owned());
    }
    if account == EVERYBODY && kind != "sha256" && !value.contains(ACCOUNT) {
        return Err(format!(
            "one certificate would log in as everybody: write {ACCOUNT} where the account's name must stand, or name one account"
        ));
    }
    let value = if kind == "sha256" { fingerprint(value)? } else { value.to_owned() };
    if account == EVERYBODY && kind == "sha256" {
        return Err("one certificate would log in as everybody: name one account".to_owned());
    }
    Ok(Rule { account: account.into(), kind, value })
}

fn kinds() -> String {
    KINDS.join(", ")
}

/// As `openssl x509 -fingerprint -sha256` writes it, or in small letters without colons.
fn fingerprint(value: &str) -> Result<String, String> {
    let plain: String = value.chars().filter(|&character| character != ':').collect();
    if plain.len() == 64 && plain.chars().all(|digit| digit.is_ascii_hexdigit()) {
        return Ok(plain.to_ascii_lowercase());
    }
    Err("a fingerprint has 64 hexadecimal digits (openssl x509 -noout -fingerprint -sha256 -in FILE)"
        .to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rules(text: &str) -> CertUsers {
        CertUsers::read(text.as_bytes()).unwrap()
    }

    fn said(names: &[&str]) -> Vec<String> {
        names.iter().map(|name| (*name).to_owned()).collect()
    }

    #[test]
    fn a_rule_admits_its_account_and_nobody_else() {
        let rules = rules("# who may\n\nanna  cn:Anna Kim\nbob\temail:bob@example.org\nbob uri:urn:bob\n");
        assert!(rules.knows(b"anna") && rules.knows(b"bob") && !rules.knows(b"Anna"));
        assert!(rules.admits(b"anna", &said(&["subject:/CN=Anna Kim", "cn:Anna Kim"])));
        assert!(!rules.admits(b"bob", &said(&["cn:Anna Kim"])));
        assert!(rules.admits(b"bob", &said(&["email:Bob@Example.org"])));
        assert!(rules.admits(b"bob", &said(&["uri:urn:bob"])));
        assert!(
            !rules.admits(b"anna", &said(&["dns:Anna Kim", "cn:anna kim", "xcn:Anna Kim", "cn:Anna Kim "]))
        );
        assert!(!rules.admits(b"carl", &said(&["cn:carl"])));
    }

    #[test]
    fn everybody_is_admitted_by_the_name_of_the_account_only() {
        let rules = rules("*  cn:%u\n* email:%u@example.org");
        assert!(rules.admits(b"anna", &said(&["cn:anna"])));
        assert!(!rules.admits(b"anna", &said(&["cn:bob", "cn:%u"])));
        assert!(rules.admits(b"anna", &said(&["email:anna@example.org"])));
        assert!(!rules.admits(b"\xff", &said(&["cn:%u"])));
        for everybody in ["* cn:Anna", &format!("* sha256:{}", "0".repeat(64))] {
            assert!(CertUsers::read(everybody.as_bytes()).unwrap_err().reason.contains("everybody"));
        }
    }

    #[test]
    fn a_fingerprint_is_read_in_both_spellings() {
        let plain = "0a".repeat(32);
        let written = ["0A"; 32].join(":");
        for text in [&plain, &written] {
            let rules = rules(&format!("anna sha256:{text}"));
            assert!(rules.admits(b"anna", &said(&[&format!("sha256:{plain}")])));
        }
    }

    #[test]
    fn a_line_that_is_no_rule_is_an_error_with_its_number() {
        for (text, reason) in [
            ("anna", "an account, a blank"),
            ("\nanna anna", "KIND:VALUE"),
            ("anna mail:x", "no kind of name"),
            ("anna cn:", "nothing stands"),
            ("anna sha256:12", "64 hexadecimal"),
        ] {
            let bad = CertUsers::read(text.as_bytes()).unwrap_err();
            assert!(bad.reason.contains(reason), "{bad:?}");
            assert_eq!(bad.line, text.lines().count());
        }
    }
}
