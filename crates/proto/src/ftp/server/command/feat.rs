//! `FEAT` lists what goes beyond RFC 959, as far as it is permitted here (RFC 2389 §3).

use super::prelude::*;

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
    let mut features: Vec<&str> = offered.filter_map(|spec| spec.feature).collect();
    features.push(OF_NO_VERB);
    features.sort_unstable();
    let facts = session.facts();
    let lines = features.into_iter().map(|feature| match feature {
        "MLST" => [b" MLST ", &facts::advertised(facts)[..]].concat(),
        feature => format!(" {feature}").into_bytes(),
    });
    Step::Reply(Reply::Features(lines.collect()))
}

/// What is refused is not offered. AUTH comes before `cmds_allowed` begins to hold, so that does not hide it.
fn offers(session: &Session, spec: &Spec) -> bool {
    let let_through =
        spec.when == When::BeforeLogin || session.permits_verb(spec.verb.as_bytes(), Some(spec));
    session.permits(spec.right) && let_through
}
