//! `PASS` completes a login (RFC 959 §4.1.1). Whether the password is right is the monitor's word.

use super::prelude::*;

pub(super) const SPEC: Spec = Spec {
    verb: "PASS",
    aliases: &[],
    when: When::Always,
    right: Right::None,
    during: During::Later,
    pathname: nothing,
    replies: &[230, 500, 503, 530],
    feature: None,
    help: "PASS <password>",
    start,
};

fn start(session: &mut Session, password: &[u8]) -> Step {
    if session.is_logged_in() {
        return Step::Reply(Reply::AlreadyLoggedIn);
    }
    log_in(session, password)
}

/// Compat: the anonymous names, in any case, as in vsftpd.
pub(super) fn is_anonymous(name: &[u8]) -> bool {
    name.eq_ignore_ascii_case(b"ftp") || name.eq_ignore_ascii_case(b"anonymous")
}

/// Asks whether the name that USER gave and this password belong together; the name is then forgotten.
pub(super) fn log_in(session: &mut Session, password: &[u8]) -> Step {
    let State::NotLoggedIn(visitor) = &mut session.state else { return Step::Reply(Reply::AlreadyLoggedIn) };
    let Some(name) = visitor.name.take().filter(|name| !name.is_empty()) else {
        return Step::Reply(Reply::LoginWithUser);
    };
    // Security: an anonymous "password" is an e-mail address for the log; any other is kept nowhere.
    let email = (session.policy.anonymous && is_anonymous(&name)).then(|| password.to_vec());
    let attempt = Attempt { name: name.clone(), password: Some(Secret::new(password.to_vec())) };
    let answer = move |session: &mut Session, verdict| match verdict {
        Verdict::Granted(grant) => granted(session, grant, email, Reply::LoginSuccessful),
        Verdict::Oops(text) => Step::Close(Reply::Oops(text)),
        Verdict::Refused | Verdict::NeedsPassword => {
            if let State::NotLoggedIn(visitor) = &mut session.state {
                visitor.refused = Some(name);
            }
            session.record(Event::Login { ok: false, anonymous_password: email });
            failed(session, Reply::LoginIncorrect)
        }
    };
    Step::Ask(Ask::Login(attempt, Box::new(answer)))
}

/// Asks whether the certificate that the peer has shown is enough for this name (RFC 4217 §4).
///
/// Security: a peer that is not let in so hears what everybody hears, and not which names log in by certificate.
pub(super) fn log_in_by_certificate(name: &[u8]) -> Step {
    let attempt = Attempt { name: name.to_vec(), password: None };
    let answer = |session: &mut Session, verdict| match verdict {
        Verdict::Granted(grant) => granted(session, grant, None, Reply::LoggedInByCertificate),
        Verdict::Oops(text) => Step::Close(Reply::Oops(text)),
        Verdict::Refused | Verdict::NeedsPassword => Step::Reply(Reply::SpecifyPassword),
    };
    Step::Ask(Ask::Login(attempt, Box::new(answer)))
}

/// Counts a failure; the last one that is suffered ends the session behind its reply.
pub(super) fn failed(session: &mut Session, reply: Reply) -> Step {
    let suffered = session.policy.max_login_fails.max(1);
    let State::NotLoggedIn(visitor) = &mut session.state else { return Step::Reply(reply) };
    visitor.failures += 1;
    if visitor.failures >= suffered { Step::Close(reply) } else { Step::Reply(reply) }
}

fn granted(
    session: &mut Session,
    grant: Grant,
    email: Option<Vec<u8>>,
    reply: fn(Lines) -> Reply,
) -> Step {
    let umask = match grant.class.has_local_rights() {
        true => grant.policy.local_umask,
        false => grant.policy.anonymous_umask,
    };
    let email = email.filter(|_| grant.class == Class::Anonymous);
    let mut inside = LoggedIn::new(grant.user, grant.class, grant.start.clone(), umask);
    inside.anonymous_password = email.clone();
    session.policy = grant.policy;
    session.state = State::LoggedIn(Box::new(inside));
    session.record(Event::Login { ok: true, anonymous_password: email });
    if !session.policy.directory_messages {
        return Step::Reply(reply(Lines::default()));
    }
    Ask::enter(grant.start, move |session, entered| {
        let message = entered.map_or_else(|_| Lines::default(), |entered| cwd::move_to(session, entered));
        Step::Reply(reply(message))
    })
}
