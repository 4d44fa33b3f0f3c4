//! All that the account's key signs: the requests of an order (RFC 8555 §7), each written here.
//!
//! Security: the role that asks has talked to the network. What it says goes into three places only (address, nonce and
//! account), and only as characters that end no JSON string.

use base64ct::{Base64UrlUnpadded, Encoding};
use wharf_ipc::acme::{Applicant, MAX_WORD, NotWritten, Question, Request};

use super::account::Account;
use super::made::Made;

/// Writes and signs one request.
pub(super) fn write(
    question: &Question,
    applicant: &Applicant,
    account: &Account,
    made: &Made,
) -> Result<Vec<u8>, NotWritten> {
    let url = word(&question.url)?;
    let nonce = word(&question.nonce)?;
    let who = match (&question.account, question.request) {
        (Some(known), _) => format!(r#""kid":"{}""#, word(known)?),
        (None, Request::Account) => format!(r#""jwk":{}"#, account.jwk()),
        (None, _) => return Err(NotWritten::Malformed),
    };
    let protected = format!(r#"{{"alg":"ES256",{who},"nonce":"{nonce}","url":"{url}"}}"#);
    let payload = payload(question.request, applicant, made)?;
    account.sign(&protected, &payload).map(String::into_bytes).ok_or(NotWritten::Failed)
}

fn payload(request: Request, applicant: &Applicant, made: &Made) -> Result<String, NotWritten> {
    Ok(match request {
        Request::Account => {
            let contact = match &applicant.email {
                Some(email) => format!(r#","contact":["mailto:{}"]"#, word(email)?),
                None => String::new(),
            };
            format!(r#"{{"termsOfServiceAgreed":{}{contact}}}"#, applicant.accepts_terms)
        }
        Request::Order => {
            let names: Result<Vec<_>, _> = applicant
                .domains
                .iter()
                .map(|domain| Ok(format!(r#"{{"type":"dns","value":"{}"}}"#, word(domain)?)))
                .collect();
            format!(r#"{{"identifiers":[{}]}}"#, names?.join(","))
        }
        // Security: an empty payload and an empty object are different things here (§6.3).
        Request::Read => String::new(),
        Request::Respond => "{}".to_owned(),
        Request::Finalize => {
            let csr = made.request(&applicant.domains).map_err(|_| NotWritten::Failed)?;
            format!(r#"{{"csr":"{}"}}"#, Base64UrlUnpadded::encode_string(&csr))
        }
    })
}

/// A text that can stand between quotes as it is.
fn word(text: &str) -> Result<&str, NotWritten> {
    let fits = |octet: u8| octet.is_ascii_graphic() && octet != b'"' && octet != b'\\';
    match !text.is_empty() && text.len() <= MAX_WORD && text.bytes().all(fits) {
        true => Ok(text),
        false => Err(NotWritten::Malformed),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::load::Named;

    fn applicant() -> Applicant {
        Applicant {
            domains: vec!["ftp.example".into(), "files.example".into()],
            email: Some("root@example".into()),
            accepts_terms: true,
        }
    }

    fn asked(request: Request, account: Option<&str>, url: &str) -> Result<(String, String), NotWritten> {
        let key = Account::open(&Named { name: "a".into(), file: tempfile::tempfile().unwrap() }).unwrap();
        let made = Made::new(&applicant().domains).unwrap();
        let account = account.map(str::to_owned);
        let question = Question { url: url.into(), nonce: "nonce-1".into(), account, request };
        let body = String::from_utf8(write(&question, &applicant(), &key, &made)?).unwrap();
        let parts: Vec<&str> = body.split('"').collect();
        let decoded =
            |at: usize| String::from_utf8(Base64UrlUnpadded::decode_vec(parts[at]).unwrap()).unwrap();
        Ok((decoded(3), decoded(7)))
    }

    #[test]
    fn each_request_says_what_the_applicant_wants() {
        let said = |request| asked(request, Some("https://ca/acct/1"), "https://ca/x").unwrap();
        let (protected, payload) = said(Request::Order);
        assert_eq!(
            protected,
            r#"{"alg":"ES256","kid":"https://ca/acct/1","nonce":"nonce-1","url":"https://ca/x"}"#
        );
        assert_eq!(
            payload,
            r#"{"identifiers":[{"type":"dns","value":"ftp.example"},{"type":"dns","value":"files.example"}]}"#
        );
        let (protected, payload) = asked(Request::Account, None, "https://ca/x").unwrap();
        assert!(protected.contains(r#""jwk":{"crv":"P-256","kty":"EC","x":""#), "{protected}");
        assert_eq!(payload, r#"{"termsOfServiceAgreed":true,"contact":["mailto:root@example"]}"#);
        assert_eq!((said(Request::Read).1, said(Request::Respond).1), (String::new(), "{}".to_owned()));
        let finalize = said(Request::Finalize).1;
        let csr = finalize.strip_prefix(r#"{"csr":""#).and_then(|rest| rest.strip_suffix(r#""}"#)).unwrap();
        let csr = Base64UrlUnpadded::decode_vec(csr).unwrap();
        for name in applicant().domains {
            assert!(csr.windows(name.len()).any(|window| window == name.as_bytes()), "{name}");
        }
    }

    #[test]
    fn nothing_can_be_smuggled_into_a_request() {
        let refused = |account, url: &str| asked(Request::Read, account, url).unwrap_err();
        let kid = Some("https://ca/1");
        let long = "x".repeat(MAX_WORD + 1);
        for url in
            ["", "https://ca/\",\"x\":\"", "https://ca/\\", "https://ca/ x", "https://ca/\u{e4}", &long]
        {
            assert_eq!(refused(kid, url), NotWritten::Malformed, "{url}");
        }
        assert_eq!(refused(Some("a\"b"), "https://ca/"), NotWritten::Malformed);
        // Only a request for an account may come without one.
        assert_eq!(refused(None, "https://ca/"), NotWritten::Malformed);
    }
}
