//! Monitor ↔ auth: one question, one process. Only a process that holds a PAM session lives on, until it is told to
//! leave or the monitor is gone.

use std::os::unix::ffi::OsStringExt;

use serde::{Deserialize, Serialize};
use wharf_os::identity;
use wharf_proto::secret::Secret;

/// Monitor → auth: the first message is a question, and only one that opened a PAM session hears another.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Question {
    /// Prove that this is who it says; the answer is one of all but [`Verdict::Account`].
    Prove(Attempt),
    /// Look this account of the system up; the answer is [`Verdict::Account`].
    Identify(#[serde(with = "serde_bytes")] Vec<u8>),
    /// The session is over: close what was opened for it, and end.
    Leave,
}

/// Somebody says who they are.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Attempt {
    /// PAM service (`pam_service_name`).
    pub service: String,
    /// The name as typed.
    #[serde(with = "serde_bytes")]
    pub name: Vec<u8>,
    /// The password.
    pub password: Secret,
    /// A certificate has proven the name: the password is not looked at, everything else is.
    pub is_proven: bool,
    /// The peer's numeric address, for PAM_RHOST.
    pub peer: std::net::IpAddr,
    /// Whether PAM gets the peer's name, if it has one (`reverse_lookup_enable`).
    pub reverse_lookup: bool,
    /// Whether a PAM session is opened and a login record written (`session_support`). A process that did so keeps them
    /// until it is told to leave.
    pub open_session: bool,
    /// The file of virtual users, asked before PAM (`virtual_users_file`).
    pub users_file: Option<serde_bytes::ByteBuf>,
    /// Whether accounts of the system may log in at all; a server that is not root has none.
    pub system_accounts: bool,
    /// `name:password` of the one account that `wharfd share --user` makes.
    pub shared: Option<SharedAccount>,
}

/// The one account of a shared folder.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SharedAccount {
    /// Its name.
    #[serde(with = "serde_bytes")]
    pub name: Vec<u8>,
    /// Its password.
    pub password: Secret,
}

/// Auth → monitor, exactly once.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Verdict {
    /// It is that user, for PAM. Whether the system knows the name too matters to the monitor only.
    Proven {
        /// The name, as PAM left it.
        #[serde(with = "serde_bytes")]
        name: Vec<u8>,
        /// The account of that name; `None` for a name that only PAM's own data base has.
        account: Option<Account>,
        /// A PAM session is open, and this process waits for its end.
        has_session: bool,
    },
    /// It is this user of the file of virtual users; the home is the root.
    Virtual(Account),
    /// The account that was asked about; `None` when the system has none.
    Account(Option<Account>),
    /// The shared folder's own account: it has no identity beyond the server's.
    Shared,
    /// It is not, or may not come in; the reason is for the log only.
    Refused {
        /// Whether the name or password was wrong, an administrator's rule said no, or something is broken.
        reason: Reason,
        /// One sentence for the administrator.
        detail: String,
    },
}

/// Why somebody does not come in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Reason {
    /// Name or password wrong.
    Credentials,
    /// `/etc/ftpusers`, the shell list, an expired account: a rule.
    Rule,
    /// PAM is missing or misconfigured.
    Broken,
}

/// An account of the system.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Account {
    /// The name, as PAM left it.
    #[serde(with = "serde_bytes")]
    pub name: Vec<u8>,
    /// User number.
    pub uid: u32,
    /// Primary group.
    pub gid: u32,
    /// Supplementary groups.
    pub groups: Vec<u32>,
    /// Home directory.
    #[serde(with = "serde_bytes")]
    pub home: Vec<u8>,
    /// Login shell.
    #[serde(with = "serde_bytes")]
    pub shell: Vec<u8>,
}

impl From<identity::Account> for Account {
    fn from(account: identity::Account) -> Self {
        Self {
            name: account.name,
            uid: account.uid,
            gid: account.gid,
            groups: account.groups,
            home: account.home.into_os_string().into_vec(),
            shell: account.shell.into_os_string().into_vec(),
        }
    }
}
