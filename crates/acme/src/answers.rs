//! What a directory answers (RFC 8555 §7.1): the members we need; others are passed over.

use serde::Deserialize;
use serde::de::DeserializeOwned;

use crate::Fault;
use crate::http::Response;
use crate::shown;

/// Where everything is (§7.1.1).
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Places {
    pub(crate) new_nonce: String,
    pub(crate) new_account: String,
    pub(crate) new_order: String,
    #[serde(default)]
    pub(crate) meta: Meta,
}

/// What an authority says about itself.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct Meta {
    pub(crate) terms_of_service: Option<String>,
    pub(crate) external_account_required: bool,
}

/// How far something is (§7.1.6).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Status {
    Pending,
    Processing,
    Ready,
    Valid,
    Invalid,
    /// Deactivated, expired, revoked, or a word of another time.
    #[serde(other)]
    Other,
}

/// An order (§7.1.3).
#[derive(Debug, Deserialize)]
pub(crate) struct Ordered {
    pub(crate) status: Status,
    #[serde(default)]
    pub(crate) authorizations: Vec<String>,
    pub(crate) finalize: String,
    pub(crate) certificate: Option<String>,
    pub(crate) error: Option<Problem>,
}

/// What is known about one name (§7.1.4).
#[derive(Debug, Deserialize)]
pub(crate) struct Authorization {
    pub(crate) status: Status,
    pub(crate) identifier: Identifier,
    #[serde(default)]
    pub(crate) challenges: Vec<Offered>,
}

/// A name.
#[derive(Debug, Deserialize)]
pub(crate) struct Identifier {
    pub(crate) value: String,
}

/// A way to prove a name (§7.1.5).
#[derive(Debug, Deserialize)]
pub(crate) struct Offered {
    #[serde(rename = "type")]
    pub(crate) kind: String,
    pub(crate) url: String,
    pub(crate) token: Option<String>,
    pub(crate) error: Option<Problem>,
}

/// What went wrong (RFC 7807; RFC 8555 §6.7).
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Problem {
    #[serde(rename = "type")]
    pub(crate) kind: String,
    pub(crate) detail: String,
    pub(crate) subproblems: Vec<Self>,
}

impl Problem {
    /// The last part of the kind, such as `badNonce`.
    pub(crate) fn name(&self) -> &str {
        self.kind.strip_prefix("urn:ietf:params:acme:error:").unwrap_or(&self.kind)
    }

    /// In one line for the administrator.
    pub(crate) fn words(&self) -> String {
        let first = self.subproblems.first().map(|problem| format!(": {}", problem.detail));
        shown(&format!("{}{} ({})", self.detail, first.unwrap_or_default(), self.name()))
    }
}

/// Reads an answer of success.
pub(crate) fn read<T: DeserializeOwned>(response: &Response) -> Result<T, Fault> {
    serde_json::from_slice(&response.body)
        .map_err(|error| Fault::from(format!("the directory's answer cannot be read: {error}")))
}

/// Reads an answer of failure.
pub(crate) fn problem(response: &Response) -> Problem {
    serde_json::from_slice(&response.body).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer<T: DeserializeOwned>(text: &str) -> Result<T, Fault> {
        let body = text.as_bytes().to_vec();
        read(&Response {
            status: 200,
            nonce: None,
            location: None,
            retry_after: None,
            body,
            stays_open: true,
        })
    }

    #[test]
    fn the_members_we_need_are_read_and_others_passed_over() {
        let places: Places = answer(
            r#"{"newNonce":"n","newAccount":"a","newOrder":"o","keyChange":"k","x":{"y":[1]},
                "meta":{"termsOfService":"t","externalAccountRequired":true}}"#,
        )
        .unwrap();
        assert!(places.meta.external_account_required && places.meta.terms_of_service.is_some());
        let order: Ordered =
            answer(r#"{"status":"processing","authorizations":["a"],"finalize":"f","expires":"x"}"#).unwrap();
        assert_eq!((order.status, order.authorizations.len()), (Status::Processing, 1));
        let name: Authorization = answer(
            r#"{"status":"deactivated","identifier":{"type":"dns","value":"a"},
                "challenges":[{"type":"dns-01","url":"u","status":"pending"}]}"#,
        )
        .unwrap();
        assert_eq!((name.status, name.challenges.len()), (Status::Other, 1));
        assert!(answer::<Ordered>("[]").is_err());
        assert!(answer::<Ordered>("<html>").unwrap_err().reason.contains("cannot be read"));
        assert!(answer::<Ordered>(&"[".repeat(60_000)).is_err());
    }

    #[test]
    fn a_problem_is_told_in_one_line_without_control_characters() {
        let told = |text: &str| serde_json::from_str::<Problem>(text).unwrap().words();
        assert_eq!(
            told(r#"{"type":"urn:ietf:params:acme:error:connection","detail":"refused\r\nwharfd: lie"}"#),
            "refused  wharfd: lie (connection)"
        );
        assert_eq!(
            told(r#"{"type":"compound","detail":"several","subproblems":[{"detail":"the first"},{}]}"#),
            "several: the first (compound)"
        );
        assert!(told(&format!(r#"{{"detail":"{}"}}"#, "x".repeat(60_000))).len() < 500);
    }

    proptest::proptest! {
        #[test]
        fn no_text_makes_a_reader_panic(text in "\\PC{0,80}") {
            let _ = answer::<Places>(&text);
            let _ = answer::<Ordered>(&text);
            let _ = answer::<Authorization>(&text);
        }
    }
}
