//! Real modules where there is a libpam that reads a private directory; the conversation itself everywhere.

use super::*;

const REQUEST: Request<'_> = Request {
    service: "wharf-test",
    user: b"root",
    password: b"correct horse",
    rhost: "192.0.2.1",
    tty: "ftp",
    ruser: b"root",
};

fn with_service(text: &str) -> Option<Result<Verified, Refused>> {
    let can = Library::load().is_ok_and(|library| library.start_confdir.is_some());
    if !can {
        println!("skipped: no libpam with pam_start_confdir on this machine");
        return None;
    }
    let directory = tempfile::tempdir().unwrap();
    std::fs::write(directory.path().join("wharf-test"), text).unwrap();
    Some(attempt(REQUEST, Proven::ByPassword, Some(directory.path())))
}

fn ask(styles: &[i32]) -> (i32, Vec<Option<Vec<u8>>>) {
    let password = c_password(b"secret").unwrap();
    let messages: Vec<Message> =
        styles.iter().map(|style| Message { style: *style, text: c"?".as_ptr() }).collect();
    let pointers: Vec<*const Message> = messages.iter().map(ptr::from_ref).collect();
    let mut answers = ptr::null_mut();
    let data = ptr::from_ref(&*password).cast_mut().cast();
    let code = converse(styles.len() as i32, pointers.as_ptr(), &raw mut answers, data);
    let mut texts = Vec::new();
    if !answers.is_null() {
        for at in 0..styles.len() {
            // SAFETY: on success there are as many answers as messages, each null or a C string from malloc.
            unsafe {
                let text = (*answers.add(at)).text;
                texts.push((!text.is_null()).then(|| CStr::from_ptr(text).to_bytes().to_vec()));
                libc::free(text.cast());
            }
        }
        // SAFETY: the array came from calloc and is ours now.
        unsafe { libc::free(answers.cast()) };
    }
    (code, texts)
}

#[test]
fn hidden_prompts_get_the_password_and_messages_get_nothing() {
    let secret = Some(b"secret".to_vec());
    let (code, texts) =
        ask(&[library::TEXT_INFO, library::PROMPT_ECHO_OFF, library::ERROR_MSG, library::PROMPT_ECHO_OFF]);
    assert_eq!(code, library::SUCCESS);
    assert_eq!(texts, [None, secret.clone(), None, secret]);
}

#[test]
fn a_visible_prompt_fails_the_conversation() {
    assert_eq!(ask(&[library::PROMPT_ECHO_OFF, library::PROMPT_ECHO_ON]), (library::CONV_ERR, vec![]));
    assert_eq!(ask(&[99]), (library::CONV_ERR, vec![]));
    assert_eq!(ask(&[]), (library::CONV_ERR, vec![]));
    assert_eq!(ask(&[library::TEXT_INFO; 33]), (library::CONV_ERR, vec![]));
}

#[test]
fn a_permitted_user_is_verified_by_the_name_pam_ends_with() {
    let text = "auth required pam_permit.so\naccount required pam_permit.so\n";
    let Some(outcome) = with_service(text) else { return };
    assert_eq!(outcome.unwrap().user, b"root");
}

#[test]
fn a_session_is_opened_and_closed_by_the_modules_of_the_service() {
    let folder = tempfile::tempdir().unwrap();
    let (log, script) = (folder.path().join("log"), folder.path().join("note"));
    std::fs::write(&script, format!("echo \"$PAM_TYPE $PAM_USER\" >> {}\n", log.display())).unwrap();
    let text = format!(
        "auth required pam_permit.so\naccount required pam_permit.so\nsession required pam_exec.so /bin/sh {}\n",
        script.display()
    );
    let Some(outcome) = with_service(&text) else { return };
    let session = outcome.unwrap().open_session().unwrap();
    assert_eq!(std::fs::read_to_string(&log).unwrap(), "open_session root\n");
    drop(session);
    assert_eq!(std::fs::read_to_string(&log).unwrap(), "open_session root\nclose_session root\n");
}

#[test]
fn a_session_that_the_service_forbids_is_refused() {
    let text = "auth required pam_permit.so\naccount required pam_permit.so\nsession required pam_deny.so\n";
    let Some(outcome) = with_service(text) else { return };
    assert_eq!(outcome.unwrap().open_session().unwrap_err().stage, Stage::Session);
}

#[test]
fn each_stage_refuses_under_its_own_name() {
    let Some(outcome) = with_service("auth required pam_deny.so\naccount required pam_permit.so\n") else {
        return;
    };
    let refused = outcome.unwrap_err();
    assert_eq!(refused.stage, Stage::Authenticate);
    assert_ne!(refused.code, 0);
    assert!(!refused.message.is_empty());

    let text = "auth required pam_permit.so\naccount required pam_deny.so\n";
    assert_eq!(with_service(text).unwrap().unwrap_err().stage, Stage::Account);
}

#[test]
fn credentials_that_cannot_be_set_up_are_a_refusal() {
    let text = "auth required pam_debug.so auth=success cred=cred_err\naccount required pam_permit.so\n";
    let Some(outcome) = with_service(text) else { return };
    let refused = outcome.unwrap_err();
    if refused.stage == Stage::Authenticate {
        println!("skipped: this machine has no pam_debug");
        return;
    }
    assert_eq!(refused.stage, Stage::Credentials, "{refused}");
}

#[test]
fn a_real_module_refuses_a_wrong_password_for_root() {
    let text = "auth required pam_unix.so nodelay\naccount required pam_permit.so\n";
    let Some(outcome) = with_service(text) else { return };
    assert_eq!(outcome.unwrap_err().stage, Stage::Authenticate);
}

#[test]
fn a_nul_is_refused_before_pam_is_asked() {
    let refused = authenticate(Request { password: b"a\0b", ..REQUEST }).unwrap_err();
    assert_eq!(refused.stage, Stage::Start);
    if available() {
        let refused = authenticate(Request { user: b"a\0b", ..REQUEST }).unwrap_err();
        assert_eq!(refused.stage, Stage::Start);
    }
}

#[test]
fn a_request_shows_neither_name_nor_password() {
    let shown = format!("{REQUEST:?}");
    assert!(!shown.contains("correct horse") && !shown.contains("root"), "{shown}");
}

#[test]
fn service_names_are_names() {
    assert!(!service_exists("../passwd"));
    assert!(!service_exists(""));
    assert!(!service_exists("no-such-service-here"));
}
