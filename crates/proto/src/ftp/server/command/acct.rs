//! `ACCT` names an account, which UNIX has no use for (RFC 959 §4.1.1).

use super::prelude::*;

pub(super) const SPEC: Spec = Spec {
    verb: "ACCT",
    aliases: &[],
    when: When::LoggedIn,
    right: Right::None,
    during: During::Later,
    pathname: nothing,
    replies: &[502],
    feature: None,
    help: "ACCT <account-information>",
    start,
};

fn start(_: &mut Session, _: &[u8]) -> Step {
    Step::Reply(Reply::AcctNotImplemented)
}
