//! The course of an order (RFC 8555 §7): account, order, a proof for each name, the certificate.

use std::collections::BTreeSet;

use wharf_ipc::acme::{Challenge, MAX_CHAIN, Order, Request};

use crate::Fault;
use crate::answers::{self, Authorization, Offered, Ordered, Status};
use crate::directory::Directory;

/// How often one thing is looked at before it counts as stuck; pauses lie between the looks.
const LOOKS: u32 = 60;

/// The longest token of a challenge, in octets.
const MAX_TOKEN: usize = 256;

/// Orders a certificate and returns its chain in PEM.
pub(crate) fn obtain(directory: &mut Directory<'_>, wanted: &Order) -> Result<Vec<u8>, Fault> {
    let places = directory.places()?;
    if places.meta.external_account_required {
        return Err(directory.fault(
            "it serves only those who have an account elsewhere (external account binding), which is not supported",
        ));
    }
    sign_up(directory, &places)?;
    let response = directory.post(&places.new_order, Request::Order)?;
    let place =
        response.location.clone().ok_or_else(|| directory.fault("it does not say where the order is"))?;
    let order: Ordered = answers::read(&response)?;
    if order.authorizations.len() > wanted.domains.len() {
        return Err(directory.fault("it asks for more proofs than there are names"));
    }
    let mut unproved: BTreeSet<&str> = wanted.domains.iter().map(String::as_str).collect();
    for authorization in &order.authorizations {
        prove(directory, wanted, authorization, &mut unproved)?;
    }
    await_order(directory, &place, |order| order.status == Status::Ready || order.certificate.is_some())?;
    directory.post(&order.finalize, Request::Finalize)?;
    let order = await_order(directory, &place, |order| order.certificate.is_some())?;
    let certificate =
        order.certificate.ok_or_else(|| directory.fault("it does not say where the certificate is"))?;
    let chain = directory.post(&certificate, Request::Read)?.body;
    if chain.len() > MAX_CHAIN {
        return Err(directory.fault("its chain of certificates is too long"));
    }
    Ok(chain)
}

/// Finds the account of our key, or makes it.
fn sign_up(directory: &mut Directory<'_>, places: &answers::Places) -> Result<(), Fault> {
    let response = directory.post(&places.new_account, Request::Account)?;
    let account = response.location.ok_or_else(|| directory.fault("it does not say where the account is"))?;
    if response.status == 201 {
        let terms = places.meta.terms_of_service.as_deref().map(crate::shown);
        wharf_os::say!(
            "wharfd: acme: a new account was made ({}); the terms that were agreed to: {}",
            crate::shown(&account),
            terms.as_deref().unwrap_or("none"),
        );
    }
    directory.account = Some(account);
    Ok(())
}

/// Proves one name.
fn prove(
    directory: &mut Directory<'_>,
    wanted: &Order,
    place: &str,
    unproved: &mut BTreeSet<&str>,
) -> Result<(), Fault> {
    let authorization: Authorization = answers::read(&directory.post(place, Request::Read)?)?;
    let name = authorization.identifier.value.to_ascii_lowercase();
    if !unproved.remove(name.as_str()) {
        return Err(directory.fault("it asks for the proof of a name that was not ordered"));
    }
    match authorization.status {
        // Proved before, and remembered.
        Status::Valid => return Ok(()),
        Status::Pending => {}
        _ => return Err(directory.fault(&failed(wanted.challenge, &name, &authorization))),
    }
    let offered = offered(&authorization, wanted.challenge)
        .map_err(|why| directory.fault(&format!("{name}: {why}")))?;
    let token = offered.token.as_deref().unwrap_or_default();
    directory.front.prove(&name, token, &format!("{token}.{}", wanted.thumbprint))?;
    directory.post(&offered.url, Request::Respond)?;
    let outcome = await_proof(directory, wanted.challenge, place, &name);
    directory.front.forget();
    outcome?;
    wharf_os::say!("wharfd: acme: {name} was proved by {}", wanted.challenge);
    Ok(())
}

/// The way we can prove a name, with a token that is one.
fn offered(authorization: &Authorization, challenge: Challenge) -> Result<&Offered, String> {
    let of_kind = authorization.challenges.iter().find(|offered| offered.kind == challenge.name());
    let Some(offered) = of_kind else {
        let kinds: Vec<_> = authorization.challenges.iter().map(|offered| offered.kind.as_str()).collect();
        let kinds = crate::shown(&kinds.join(", "));
        return Err(format!("{challenge} is not offered, only {kinds} (acme_challenge)"));
    };
    let is_token = |token: &str| {
        let fits = |octet: u8| octet.is_ascii_alphanumeric() || matches!(octet, b'-' | b'_');
        !token.is_empty() && token.len() <= MAX_TOKEN && token.bytes().all(fits)
    };
    match offered.token.as_deref() {
        Some(token) if is_token(token) => Ok(offered),
        _ => Err("the token of the challenge is malformed".to_owned()),
    }
}

fn await_proof(
    directory: &mut Directory<'_>,
    challenge: Challenge,
    place: &str,
    name: &str,
) -> Result<(), Fault> {
    for looks in 1..=LOOKS {
        let response = directory.post(place, Request::Read)?;
        let authorization: Authorization = answers::read(&response)?;
        match authorization.status {
            Status::Valid => return Ok(()),
            Status::Pending | Status::Processing => directory.pause(response.retry_after, looks)?,
            _ => return Err(directory.fault(&failed(challenge, name, &authorization))),
        }
    }
    Err(directory.fault(&format!("it does not come to an end with the proof of {name}")))
}

/// Why a name could not be proved, and what to look at.
fn failed(challenge: Challenge, name: &str, authorization: &Authorization) -> String {
    let why = authorization.challenges.iter().find_map(|offered| offered.error.as_ref());
    let why = why.map_or_else(|| "no reason was given".to_owned(), answers::Problem::words);
    let port = challenge.port();
    format!(
        "{name} could not be proved by {challenge}: {why}; port {port} of {name} must lead to this server"
    )
}

fn await_order(
    directory: &mut Directory<'_>,
    place: &str,
    is_there: impl Fn(&Ordered) -> bool,
) -> Result<Ordered, Fault> {
    for looks in 1..=LOOKS {
        let response = directory.post(place, Request::Read)?;
        let order: Ordered = answers::read(&response)?;
        if order.status == Status::Invalid {
            let why = order
                .error
                .as_ref()
                .map_or_else(|| "no reason was given".to_owned(), answers::Problem::words);
            return Err(directory.fault(&format!("the order failed: {why}")));
        }
        if is_there(&order) {
            return Ok(order);
        }
        directory.pause(response.retry_after, looks)?;
    }
    Err(directory.fault("it does not come to an end with the order"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn authorization(challenges: &str) -> Authorization {
        let text = format!(
            r#"{{"status":"pending","identifier":{{"type":"dns","value":"a"}},"challenges":[{challenges}]}}"#
        );
        serde_json::from_str(&text).unwrap()
    }

    #[test]
    fn the_way_that_was_asked_for_is_chosen_or_missed_by_name() {
        let two = authorization(
            r#"{"type":"dns-01","url":"d","token":"t"},{"type":"http-01","url":"h","token":"t-_9"}"#,
        );
        assert_eq!(offered(&two, Challenge::Http01).unwrap().url, "h");
        let missed = offered(&two, Challenge::TlsAlpn01).unwrap_err();
        assert!(missed.contains("tls-alpn-01 is not offered, only dns-01, http-01"), "{missed}");
    }

    #[test]
    fn a_token_that_is_none_goes_nowhere() {
        for token in
            ["null", "\"\"", "\"a b\"", "\"../x\"", "\"a\\r\\n\"", &format!("\"{}\"", "x".repeat(257))]
        {
            let bad = authorization(&format!(r#"{{"type":"http-01","url":"h","token":{token}}}"#));
            assert!(offered(&bad, Challenge::Http01).is_err(), "{token}");
        }
    }

    #[test]
    fn a_failed_proof_says_why_and_what_to_look_at() {
        let bad = authorization(
            r#"{"type":"http-01","url":"h","token":"t","error":{"type":"urn:ietf:params:acme:error:connection","detail":"refused"}}"#,
        );
        assert_eq!(
            failed(Challenge::Http01, "a", &bad),
            "a could not be proved by http-01: refused (connection); port 80 of a must lead to this server"
        );
    }
}
