//! Accounts of the system, proven by PAM (pam(3)).
//!
//! Items, answers and the order of calls are vsftpd's, so its service file works unchanged; they are carried out in
//! [`wharf_os::pam`]. A session, when the site wants one, is open as long as this process lives.

use wharf_ipc::auth::{Attempt, Reason, Verdict};
use wharf_os::host_name;
use wharf_os::login_record::LoginRecord;
use wharf_os::pam::{self, Refused, Request, Stage};

use crate::source::{Judgement, Kept, Source};
use crate::{account, refused};

/// PAM, with the service that the attempt names.
#[derive(Debug)]
pub struct Pam;

impl Source for Pam {
    fn verify(&self, attempt: &Attempt) -> Option<Judgement> {
        let fault = service_fault(&attempt.service);
        if let Some(fault) = &fault
            && (attempt.service.is_empty() || attempt.service.contains('/'))
        {
            return Some(refused(Reason::Broken, fault.clone()));
        }
        // Compat: RHEL's builds hand over the name that the address claims, and nobody checks it.
        let name = attempt.reverse_lookup.then(|| host_name::claimed(attempt.peer)).flatten();
        let rhost = name.unwrap_or_else(|| attempt.peer.to_string());
        let request = Request {
            service: &attempt.service,
            user: &attempt.name,
            password: attempt.password.expose(),
            rhost: &rhost,
            tty: "ftp",
            ruser: &attempt.name,
        };
        let judged = if attempt.is_proven { pam::admit(request) } else { pam::authenticate(request) };
        Some(match judged {
            // A module may have replaced the name; from here on only the new one counts.
            Ok(verified) => come_in(verified, attempt.open_session, &rhost),
            Err(refusal) => judge(&refusal, fault.as_deref()),
        })
    }
}

/// Finds the account, and opens the session when one is wanted.
fn come_in(verified: pam::Verified, open_session: bool, rhost: &str) -> Judgement {
    let name = verified.user.clone();
    let account = match account::identify(&name) {
        Ok(account) => account,
        Err(fault) => return refused(Reason::Broken, fault),
    };
    let session = match open_session.then(|| verified.open_session()).transpose() {
        Ok(pam) => pam.map(|pam| Kept { record: LoginRecord::begin(&name, rhost), pam }),
        Err(refusal) => return judge(&refusal, None),
    };
    Judgement { verdict: Verdict::Proven { name, account, has_session: session.is_some() }, session }
}

/// Tells what is wrong with a service's name, in a sentence that says what to try.
fn service_fault(service: &str) -> Option<String> {
    if service.is_empty() || service.contains('/') {
        return Some(
            "pam_service_name is no name of a file in /etc/pam.d: set it, for instance to vsftpd".to_owned(),
        );
    }
    (!pam::service_exists(service)).then(|| {
        format!(
            "there is no /etc/pam.d/{}, so PAM asked the service 'other': create the file or set pam_service_name",
            service.escape_default()
        )
    })
}

/// Turns PAM's refusal into ours, with what is wrong with the service when that may be the cause.
fn judge(refusal: &Refused, fault: Option<&str>) -> Judgement {
    let reason = match refusal.stage {
        Stage::Start | Stage::Credentials => Reason::Broken,
        Stage::Authenticate if fault.is_some() => Reason::Broken,
        Stage::Authenticate => Reason::Credentials,
        Stage::Account | Stage::Session => Reason::Rule,
    };
    match fault {
        Some(fault) => refused(reason, format!("{refusal}; {fault}")),
        None => refused(reason, refusal.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::conformance::{attempt, conforms, verdict};

    fn refusal(stage: Stage) -> Refused {
        Refused { stage, code: 7, message: "no".to_owned() }
    }

    fn reason(verdict: &Verdict) -> Option<Reason> {
        match verdict {
            Verdict::Refused { reason, .. } => Some(*reason),
            _ => None,
        }
    }

    /// The services that the test inside sees in the place of this machine's.
    const SERVICES: &str = "mount -t tmpfs none /etc/pam.d && cd /etc/pam.d \
        && printf 'auth required pam_deny.so\\naccount required pam_deny.so\\n' > other \
        && printf 'auth required pam_permit.so\\naccount required pam_permit.so\\n' > wharf-yes \
        && printf 'auth required pam_permit.so\\naccount required pam_deny.so\\n' > wharf-rule \
        && printf 'auth required pam_unix.so nodelay\\naccount required pam_unix.so\\n' > wharf-unix \
        && exec \"$0\" --exact pam::tests::inside --ignored";

    #[test]
    fn real_modules_judge_as_the_service_files_say() {
        if !pam::available() || !wharf_os::identity::is_root() {
            println!("skipped: needs root and a machine with PAM");
            return;
        }
        let image = std::env::current_exe().unwrap();
        let inside =
            std::process::Command::new("unshare").args(["--mount", "sh", "-c", SERVICES]).arg(image).output();
        let Ok(output) = inside else { return println!("skipped: needs the program unshare") };
        if String::from_utf8_lossy(&output.stderr).contains("unshare failed") {
            return println!("skipped: this machine gives no mount namespace");
        }
        let text = String::from_utf8_lossy(&output.stdout);
        assert!(output.status.success() && text.contains("1 passed"), "{text}");
    }

    #[test]
    #[ignore = "runs in a mount namespace with service files of its own, started by the test above"]
    fn inside() {
        conforms(&Pam);
        let at = |service: &str, name: &str| {
            verdict(&Pam, &Attempt { service: service.to_owned(), ..attempt(name, "guess") }).unwrap()
        };
        let Verdict::Proven { name, account: Some(root), has_session: false } = at("wharf-yes", "root")
        else {
            panic!("root is welcome here")
        };
        assert_eq!((root.uid, name.as_slice()), (0, &b"root"[..]));
        let stranger = at("wharf-yes", "no-such-user-here");
        assert!(matches!(stranger, Verdict::Proven { account: None, .. }), "{stranger:?}");
        assert_eq!(reason(&at("wharf-rule", "root")), Some(Reason::Rule));
        assert_eq!(reason(&at("wharf-unix", "root")), Some(Reason::Credentials));
        assert_eq!(reason(&at("wharf-missing", "root")), Some(Reason::Broken));
        // Whom a certificate has proven is asked for no password, and is held to the account's rules all the same.
        let proven = |service: &str| {
            let attempt = Attempt { service: service.to_owned(), is_proven: true, ..attempt("root", "") };
            verdict(&Pam, &attempt).unwrap()
        };
        assert!(matches!(proven("wharf-unix"), Verdict::Proven { account: Some(_), .. }));
        assert_eq!(reason(&proven("wharf-rule")), Some(Reason::Rule));
    }

    #[test]
    fn each_stage_of_pam_has_its_reason() {
        let stages = [
            (Stage::Start, Reason::Broken),
            (Stage::Authenticate, Reason::Credentials),
            (Stage::Account, Reason::Rule),
            (Stage::Credentials, Reason::Broken),
            (Stage::Session, Reason::Rule),
        ];
        for (stage, expected) in stages {
            assert_eq!(reason(&judge(&refusal(stage), None).verdict), Some(expected));
        }
    }

    #[test]
    fn a_missing_service_file_is_named_beside_the_refusal() {
        let fault = service_fault("no-such-service-here").unwrap();
        let verdict = judge(&refusal(Stage::Authenticate), Some(&fault)).verdict;
        let Verdict::Refused { reason, detail } = verdict else { panic!("refused") };
        assert_eq!(reason, Reason::Broken);
        assert!(detail.contains("/etc/pam.d/no-such-service-here") && detail.contains("'other'"), "{detail}");
    }

    #[test]
    fn a_service_that_is_no_file_name_never_reaches_pam() {
        for service in ["", "../shadow", "a/b"] {
            let attempt = Attempt { service: service.to_owned(), ..attempt("ann", "x") };
            assert_eq!(reason(&verdict(&Pam, &attempt).unwrap()), Some(Reason::Broken), "{service}");
        }
    }
}
