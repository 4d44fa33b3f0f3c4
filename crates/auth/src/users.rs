//! The file of virtual users (`virtual_users_file`): names that have a password, a user number and a directory there,
//! and need no account.
//!
//! A name that stands in the file is judged by the file alone; every other name goes on to the next source.

use std::ffi::OsStr;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::Path;

use wharf_ipc::auth::{Account, Attempt, Reason, Verdict};
use wharf_users::{Answer, Users};

use crate::refused;
use crate::source::{Judgement, Source};

/// The file that the attempt names.
#[derive(Debug)]
pub struct VirtualUsers;

impl Source for VirtualUsers {
    fn verify(&self, attempt: &Attempt) -> Option<Judgement> {
        let path = Path::new(OsStr::from_bytes(attempt.users_file.as_ref()?));
        let users = match Users::read(path) {
            Ok(users) => users,
            // Security: a file that cannot be read may know this name; PAM's account of the same name is another's.
            Err(fault) => return Some(refused(Reason::Broken, fault.to_string())),
        };
        let answer = match attempt.is_proven {
            true => users.find(&attempt.name),
            false => users.verify(&attempt.name, &attempt.password),
        };
        match answer {
            Answer::NoSuchUser => None,
            Answer::WrongPassword => {
                Some(refused(Reason::Credentials, format!("not the password in {}", path.display())))
            }
            Answer::Locked => {
                Some(refused(Reason::Rule, format!("the user is locked in {}", path.display())))
            }
            Answer::BadLine(fault) => Some(refused(Reason::Broken, fault.to_string())),
            Answer::Verified(user) => Some(Verdict::Virtual(account(user)).into()),
        }
    }
}

fn account(user: wharf_users::User) -> Account {
    Account {
        name: user.name.into_bytes(),
        uid: user.uid,
        gid: user.gid,
        groups: vec![user.gid],
        home: user.root.into_os_string().into_vec(),
        shell: Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::conformance::{attempt, conforms, verdict};

    fn with_file(name: &str, password: &str, file: &Path) -> Option<Verdict> {
        let users_file = Some(serde_bytes::ByteBuf::from(file.as_os_str().as_bytes()));
        verdict(&VirtualUsers, &Attempt { users_file, ..attempt(name, password) })
    }

    /// A file with one user, whose password is `rosebud`, as `openssl passwd -6` wrote it.
    fn one_user() -> tempfile::NamedTempFile {
        let file = tempfile::NamedTempFile::new().unwrap();
        let hash = "$6$saltstring$aBsFs1pyZSOLFJQYU30RGIyf78L45wBDT5Pg3dDIYAlyeZ2hIYXDM2FQnVjeo4JTas/JPGX9SG0bOwW99MFnu/";
        std::fs::write(&file, format!("anna:{hash}:1001:1002:Anna:/srv/anna\nlost:!:1001:1002::/srv/lost\n"))
            .unwrap();
        file
    }

    #[test]
    fn the_file_conforms_and_without_one_nobody_is_judged() {
        conforms(&VirtualUsers);
        assert_eq!(verdict(&VirtualUsers, &attempt("anna", "rosebud")), None);
    }

    #[test]
    fn a_user_of_the_file_is_served_by_its_numbers_and_root() {
        let file = one_user();
        let Some(Verdict::Virtual(anna)) = with_file("anna", "rosebud", file.path()) else {
            panic!("{:?}", with_file("anna", "rosebud", file.path()))
        };
        assert_eq!((anna.uid, anna.gid, anna.home.as_slice()), (1001, 1002, &b"/srv/anna"[..]));
        assert_eq!(anna.groups, [1002]);
    }

    #[test]
    fn a_name_of_the_file_is_judged_by_the_file_alone() {
        let file = one_user();
        let reason = |name, password| match with_file(name, password, file.path()) {
            Some(Verdict::Refused { reason, .. }) => Some(reason),
            _ => None,
        };
        assert_eq!(reason("anna", "wrong"), Some(Reason::Credentials));
        assert_eq!(reason("lost", "!"), Some(Reason::Rule));
        assert_eq!(with_file("root", "rosebud", file.path()), None, "another source may know root");
    }

    #[test]
    fn a_name_that_a_certificate_has_proven_needs_no_password_and_must_not_be_locked() {
        let file = one_user();
        let told = |name: &str| {
            let users_file = Some(serde_bytes::ByteBuf::from(file.path().as_os_str().as_bytes()));
            verdict(&VirtualUsers, &Attempt { users_file, is_proven: true, ..attempt(name, "") })
        };
        assert!(matches!(told("anna"), Some(Verdict::Virtual(_))));
        assert!(matches!(told("lost"), Some(Verdict::Refused { reason: Reason::Rule, .. })));
        assert_eq!(told("root"), None);
    }

    #[test]
    fn a_file_that_cannot_be_read_admits_nobody() {
        let told = with_file("anna", "rosebud", Path::new("/nonexistent/users"));
        let Some(Verdict::Refused { reason: Reason::Broken, detail }) = told else { panic!("{told:?}") };
        assert!(detail.contains("/nonexistent/users"), "{detail}");
    }
}
