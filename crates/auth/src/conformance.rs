//! What every source of accounts promises, asked of each of them; and attempts to ask with.

use wharf_ipc::auth::{Attempt, SharedAccount, Verdict};
use wharf_proto::secret::Secret;

use crate::source::Source;

/// An attempt of an ordinary client at a service that does not exist.
pub(crate) fn attempt(name: &str, password: &str) -> Attempt {
    Attempt {
        service: "no-such-service-here".to_owned(),
        name: name.into(),
        password: Secret::new(password.into()),
        is_proven: false,
        peer: [192, 0, 2, 1].into(),
        reverse_lookup: false,
        open_session: false,
        users_file: None,
        system_accounts: true,
        shared: None,
    }
}

pub(crate) fn shared(name: &str, password: &str) -> SharedAccount {
    SharedAccount { name: name.into(), password: Secret::new(password.into()) }
}

/// What a source says, without what it keeps.
pub(crate) fn verdict(source: &dyn Source, attempt: &Attempt) -> Option<Verdict> {
    source.verify(attempt).map(|judgement| judgement.verdict)
}

/// Runs the suite.
pub(crate) fn conforms(source: &dyn Source) {
    admits_nobody_it_does_not_know(source);
    says_the_same_twice(source);
    keeps_secrets(source);
    survives_anything(source);
}

fn admits_nobody_it_does_not_know(source: &dyn Source) {
    for name in ["no-such-user-here", "No-Such-User", "0"] {
        let told = verdict(source, &attempt(name, "guess"));
        assert!(matches!(told, None | Some(Verdict::Refused { .. })), "{name}: {told:?}");
    }
}

fn says_the_same_twice(source: &dyn Source) {
    let attempt = attempt("no-such-user-here", "guess");
    assert_eq!(verdict(source, &attempt), verdict(source, &attempt));
}

fn keeps_secrets(source: &dyn Source) {
    let told = verdict(source, &attempt("no-such-user-here", "very-secret-words"));
    if let Some(Verdict::Refused { detail, .. }) = told {
        assert!(!detail.contains("very-secret-words"), "{detail}");
        assert!(!detail.is_empty() && !detail.contains(['\n', '\0']), "{detail:?}");
    }
}

/// Names and passwords that `name::check` stops outside; a source must not rely on it.
fn survives_anything(source: &dyn Source) {
    for octets in [&b""[..], b"a\0b", b"\xff\xfe", b"a\r\nb", b"-x", b"../../etc/passwd", &[b'a'; 5000]] {
        let odd = Attempt { name: octets.into(), password: Secret::new(octets.into()), ..attempt("", "") };
        let told = verdict(source, &odd);
        assert!(matches!(told, None | Some(Verdict::Refused { .. })), "{told:?}");
        if let Some(Verdict::Refused { detail, .. }) = told {
            assert!(!detail.contains(['\n', '\r', '\0']), "{detail:?}");
        }
    }
}
