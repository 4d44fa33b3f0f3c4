//! `CLNT` tells which program the client is. No standard has it; nothing here depends on the answer.

use super::prelude::*;

pub(super) const SPEC: Spec = Spec {
    verb: "CLNT",
    aliases: &[],
    when: When::Always,
    right: Right::None,
    during: During::Later,
    pathname: nothing,
    replies: &[200],
    feature: Some("CLNT"),
    help: "CLNT <name>",
    start,
};

// With log_ftp_protocol the name stands in the log, as every command does.
fn start(_: &mut Session, _: &[u8]) -> Step {
    Step::Reply(Reply::ClientNoted)
}
