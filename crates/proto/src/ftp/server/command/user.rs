//! `USER` begins a login (RFC 959 §4.1.1); with a certificate that is enough, it is the whole of it (RFC 4217 §4).

use super::prelude::*;

pub(super) const SPEC: Spec = Spec {
    verb: "USER",
    aliases: &[],
    when: When::Always,
    right: Right::None,
    during: During::Later,
    pathname: nothing,
    replies: &[230, 232, 331, 500, 530],
    feature: None,
    help: "USER <username>",
    start,
};

fn start(session: &mut Session, name: &[u8]) -> Step {
    match &session.state {
        State::NotLoggedIn(_) => begin(session, name),
        State::LoggedIn(inside) => Step::Reply(match inside.class {
            Class::Anonymous | Class::Guest => Reply::CannotLeaveGuest,
            Class::Local | Class::PrivilegedGuest if inside.user == name => Reply::AnyPassword,
            Class::Local | Class::PrivilegedGuest => Reply::CannotChangeUser,
        }),
    }
}

fn begin(session: &mut Session, name: &[u8]) -> Step {
    let anonymous = pass::is_anonymous(name);
    set_name(session, None);
    if !session.policy.local && !anonymous {
        return Step::Reply(Reply::AnonymousOnly);
    }
    let guest = anonymous && session.policy.anonymous;
    if let Some(refusal) = session.encryption_refusal(guest) {
        return refusal;
    }
    // Compat: the list speaks of the anonymous names too.
    if session.policy.user_list.as_ref().is_some_and(|list| list.refuses(name)) {
        let delay = session.policy.refusal_delay;
        return Step::Ask(Ask::Pause(delay, Box::new(|session, ()| pass::failed(session, Reply::LoginDenied))));
    }
    set_name(session, Some(name.to_vec()));
    if guest && session.policy.anonymous_without_password {
        return pass::log_in(session, b"");
    }
    if !guest && session.may_log_in_by_certificate() {
        return pass::log_in_by_certificate(name);
    }
    Step::Reply(Reply::SpecifyPassword)
}

fn set_name(session: &mut Session, name: Option<Vec<u8>>) {
    if let State::NotLoggedIn(visitor) = &mut session.state {
        visitor.name = name;
    }
}
