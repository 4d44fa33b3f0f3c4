//! `FEAT` lists what goes beyond RFC 959, as far as it is permitted here (RFC 2389 §3).

use super::prelude::*;
use super::{hash, lang, mff};

pub(super) const SPEC: Spec = Spec {
    verb: "FEAT",
    aliases: &[],
    when: When::Always,
    right: Right::None,
    during: During::Later,
    pathname: nothing,
    replies: &[211],
    feature: None,
    help: "FEAT",
    start,
};

/// Features that are no verb's: TVFS says how pathnames look (RFC 3659 §6).
const OF_NO_VERB: &str = "TVFS";

fn start(session: &mut Session, _: &[u8]) -> Step {
    let offered = super::TABLE.iter().filter(|spec| offers(session, spec));
    let mut features: Vec<String> =
        offered.filter_map(|spec| spec.feature).filter_map(|feature| line(session, feature)).collect();
    if offers(session, &site::SPEC) {
        features.extend(site::features(session));
    }
    features.push(OF_NO_VERB.to_owned());
    features.sort_unstable();
    Step::Reply(Reply::Features(features.iter().map(|feature| format!(" {feature}").into_bytes()).collect()))
}

/// A feature with what it can do now; `None` when that is nothing.
fn line(session: &Session, feature: &str) -> Option<String> {
    let parameters = match feature {
        "MLST" => facts::advertised(session.facts()),
        "MFF" => mff::settable(session),
        "LANG" => lang::advertised(session.language),
        "MODE Z" => return session.policy.mode_z.then(|| feature.to_owned()),
        "HASH" => hash::advertised(session.algorithm()),
        _ => return Some(feature.to_owned()),
    };
    (!parameters.is_empty()).then(|| format!("{feature} {parameters}"))
}

/// What is refused is not offered. AUTH comes before `cmds_allowed` begins to hold, so that does not hide it.
pub(super) fn offers(session: &Session, spec: &Spec) -> bool {
    let let_through =
        spec.when == When::BeforeLogin || session.permits_verb(spec.verb.as_bytes(), Some(spec));
    session.permits(spec.right) && let_through
}
