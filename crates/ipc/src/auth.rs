//! Monitor ↔ auth: one attempt, one process.

use serde::{Deserialize, Serialize};
use wharf_proto::secret::Secret;

/// Monitor → auth, exactly once: prove that this is who it says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Attempt {
    /// PAM service (`pam_service_name`).
    pub service: String,
    /// The name as typed.
    #[serde(with = "serde_bytes")]
    pub name: Vec<u8>,
    /// The password.
    pub password: Secret,
    /// The peer's numeric address, for PAM_RHOST.
    pub peer: String,
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
    /// It is that user.
    Identity(Account),
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
    /// PAM accepted a name that the system has no account for.
    NoAccount,
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
