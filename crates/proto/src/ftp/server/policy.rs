//! What a site permits: plain values that the session room takes from the configuration.
//!
//! The core knows rules, not files. Everything here is politeness: the broker and the kernel enforce the same
//! rules again (see `ARCHITECTURE.md`).

use std::time::Duration;

use serde::{Deserialize, Serialize};
use wharf_names::Charset;

/// The kinds of session (vsftpd's three).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Class {
    /// `ftp` and `anonymous`.
    Anonymous,
    /// An account of the system, or of a shared folder.
    Local,
    /// A virtual user mapped to one account, with the rights of anonymous sessions.
    Guest,
    /// A virtual user with the rights of local ones (`virtual_use_local_privs`, `virtual_users_file`).
    PrivilegedGuest,
}

impl Class {
    /// Tells whether the options for local users hold, rather than those for anonymous ones.
    #[must_use]
    pub fn has_local_rights(self) -> bool {
        match self {
            Self::Anonymous | Self::Guest => false,
            Self::Local | Self::PrivilegedGuest => true,
        }
    }
}

/// What a command needs permitted before it runs; one word per row of the command table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Right {
    /// Nothing in particular.
    None,
    /// RETR (`download_enable`).
    Download,
    /// LIST, NLST, MLSD, STAT with a pathname (`dirlist_enable`).
    List,
    /// STOR, STOU (`write_enable`, `anon_upload_enable`).
    Upload,
    /// APPE (`write_enable`, `anon_other_write_enable`).
    Append,
    /// MKD (`write_enable`, `anon_mkdir_write_enable`).
    MakeDirectory,
    /// DELE, RMD, RNFR, RNTO (`write_enable`, `anon_other_write_enable`).
    Remove,
    /// MDTM's set form and MFMT (`write_enable`, `mdtm_write`, `anon_other_write_enable`).
    SetTime,
    /// SITE (never for anonymous sessions).
    Site,
    /// SITE CHMOD, SITE CHGRP (`write_enable`, `chmod_enable`).
    SetMode,
    /// HASH and its kin (`download_enable`, `hash_enable`).
    Hash,
    /// SITE COPY, CPFR, CPTO: what both RETR and STOR need.
    Copy,
    /// COMB: what both APPE and DELE need.
    Join,
    /// SITE SYMLINK (`write_enable`, `symlink_enable`).
    Link,
    /// PASV, EPSV (`pasv_enable`).
    Passive,
    /// PORT, EPRT (`port_enable`).
    Active,
    /// AUTH, PBSZ, PROT (`ssl_enable`): the site's to give, not a class's.
    Encrypt,
    /// HOST (`host_config_dir`): the site's to give.
    Host,
    /// CCC: the site's to give, too; see [`TlsRules::clear_control`].
    ClearControl,
}

/// What a session of one class may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(clippy::struct_excessive_bools, reason = "each is a switch of its own in the configuration")]
pub struct Rights {
    /// See [`Right::Download`].
    pub download: bool,
    /// See [`Right::List`].
    pub list: bool,
    /// See [`Right::Upload`].
    pub upload: bool,
    /// STOR onto an existing file.
    pub overwrite: bool,
    /// See [`Right::Append`].
    pub append: bool,
    /// See [`Right::MakeDirectory`].
    pub make_directory: bool,
    /// See [`Right::Remove`].
    pub remove: bool,
    /// See [`Right::SetTime`].
    pub set_time: bool,
    /// See [`Right::Site`].
    pub site: bool,
    /// See [`Right::SetMode`].
    pub set_mode: bool,
    /// See [`Right::Hash`].
    pub hash: bool,
    /// See [`Right::Link`].
    pub link: bool,
    /// See [`Right::Passive`].
    pub passive: bool,
    /// See [`Right::Active`].
    pub active: bool,
}

impl Rights {
    /// Tells whether a command that needs `right` may run, as far as that is for a class to say.
    #[must_use]
    pub fn permit(&self, right: Right) -> bool {
        match right {
            Right::None | Right::Encrypt | Right::ClearControl | Right::Host => true,
            Right::Download => self.download,
            Right::List => self.list,
            Right::Upload => self.upload,
            Right::Append => self.append,
            Right::MakeDirectory => self.make_directory,
            Right::Remove => self.remove,
            Right::SetTime => self.set_time,
            Right::Site => self.site,
            Right::SetMode => self.set_mode,
            Right::Hash => self.hash,
            Right::Copy => self.download && self.upload,
            Right::Join => self.append && self.remove,
            Right::Link => self.link,
            Right::Passive => self.passive,
            Right::Active => self.active,
        }
    }
}

/// What the greeting says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Banner {
    /// `220` and this line (`ftpd_banner`).
    Line(Vec<u8>),
    /// Each line of this text behind `220-`, then an empty `220` (`banner_file`).
    File(Vec<u8>),
}

/// What a site that offers TLS asks of its clients (RFC 4217). Certificates, versions and suites are the driver's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(clippy::struct_excessive_bools, reason = "each is a switch of its own in the configuration")]
pub struct TlsRules {
    /// `implicit_ssl`: the greeting stands inside TLS already.
    pub implicit: bool,
    /// `allow_anon_ssl`.
    pub allow_anonymous: bool,
    /// `force_anon_logins_ssl`; it permits anonymous sessions to use TLS, too.
    pub force_anonymous_logins: bool,
    /// `force_local_logins_ssl`, for all names that are not anonymous.
    pub force_local_logins: bool,
    /// `force_anon_data_ssl`, for plain guests, too.
    pub force_anonymous_data: bool,
    /// `force_local_data_ssl`.
    pub force_local_data: bool,
    /// `require_ssl_reuse`. The driver judges it and answers
    /// [`NoHandshake::NotResumed`](super::ask::NoHandshake::NotResumed).
    pub reuse: Reuse,
    /// `cert_user_file`: a certificate may do without a password. The monitor judges it.
    pub certificate_logins: bool,
    /// `strict_ssl_read_eof`: an upload without TLS's end mark is broken.
    pub strict_read_eof: bool,
    /// `strict_ssl_write_shutdown`: a download that the peer does not confirm with its end mark is broken. The
    /// driver waits for the mark only then: many clients wait for 226 first.
    pub strict_write_shutdown: bool,
    /// CCC is carried out (RFC 4217 §5); a session whose control connection anybody may change is nobody's wish
    /// but that of some firewalls.
    pub clear_control: bool,
    /// `debug_ssl`: each handshake is recorded.
    pub debug: bool,
}

/// Whether data connections must continue the TLS session of their control connection (`require_ssl_reuse`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reuse {
    /// `NO`.
    NotRequired,
    /// `AUTO`: once the client has shown that it can.
    OnceShown,
    /// `YES`.
    Required,
}

impl TlsRules {
    /// Tells whether sessions of this class must protect their data connections.
    #[must_use]
    pub fn force_data(&self, class: Class) -> bool {
        if class.has_local_rights() { self.force_local_data } else { self.force_anonymous_data }
    }
}

/// How file names travel (`charset`, `charset_country`, `disk_charset`).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Names {
    /// What clients speak that have not chosen, and in which they are answered.
    pub charset: Charset,
    /// The charset of names on the disk that are no UTF-8 (`disk_charset`).
    pub disk: Option<Charset>,
    /// Whether the first name that is no UTF-8 tells the client's charset.
    pub is_guessed: bool,
    /// The country of most clients, for a guess: `kr`, `jp`, `cn`, `tw`.
    pub country: Option<String>,
}

impl Default for Names {
    fn default() -> Self {
        Self { charset: Charset::UTF_8, disk: None, is_guessed: false, country: None }
    }
}

/// The rules of one site, or of one user of it.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(clippy::struct_excessive_bools, reason = "each is a switch of its own in the configuration")]
pub struct Policy {
    /// In which charset names travel.
    pub names: Names,
    /// What the greeting says.
    pub banner: Banner,
    /// `anonymous_enable`.
    pub anonymous: bool,
    /// `local_enable`.
    pub local: bool,
    /// `no_anon_password`: 230 straight after USER.
    pub anonymous_without_password: bool,
    /// The names of `userlist_file` when `userlist_enable`, and whether they are the refused (`userlist_deny`).
    pub user_list: Option<UserList>,
    /// `delay_failed_login`, for refusals by the user list; the monitor delays those of a password.
    pub refusal_delay: Duration,
    /// `max_login_fails`.
    pub max_login_fails: u32,
    /// Rights of anonymous sessions and plain guests.
    pub anonymous_rights: Rights,
    /// Rights of local sessions.
    pub local_rights: Rights,
    /// `anon_umask`, `local_umask`.
    pub anonymous_umask: u32,
    /// See `anonymous_umask`.
    pub local_umask: u32,
    /// Octets per second; 0 is no limit (`anon_max_rate`).
    pub anonymous_rate: u64,
    /// Octets per second; 0 is no limit (`local_max_rate`).
    pub local_rate: u64,
    /// `ascii_download_enable`.
    pub ascii_download: bool,
    /// `ascii_upload_enable`.
    pub ascii_upload: bool,
    /// `dirmessage_enable`: message files are shown.
    pub directory_messages: bool,
    /// `use_localtime`: MDTM answers and takes local time.
    pub local_time: bool,
    /// `tilde_user_enable`: `~name` is that user's home directory.
    pub tilde_user: bool,
    /// `chown_uploads` (anonymous and plain guests).
    pub change_owner: bool,
    /// `cmds_allowed`, upper case; `None` allows all.
    pub commands_allowed: Option<Vec<Vec<u8>>>,
    /// `cmds_denied`, upper case.
    pub commands_denied: Vec<Vec<u8>>,
    /// `deny_file`.
    pub deny_file: Option<Vec<u8>>,
    /// `download_file`: only these may be fetched.
    pub download_file: Option<Vec<u8>>,
    /// `upload_file`: only these may be sent.
    pub upload_file: Option<Vec<u8>>,
    /// The IPv4 address announced in 227 (`pasv_address`, `pasv_address_for`).
    pub announce: super::announce::Announce,
    /// `pasv_promiscuous`.
    pub passive_from_anyone: bool,
    /// `port_promiscuous`.
    pub active_to_anyone: bool,
    /// `idle_session_timeout`; `None` waits for ever.
    pub idle_timeout: Option<Duration>,
    /// `data_connection_timeout`; `None` waits for ever.
    pub data_timeout: Option<Duration>,
    /// `accept_timeout`; `None` waits for ever.
    pub accept_timeout: Option<Duration>,
    /// `connect_timeout`; `None` waits for ever.
    pub connect_timeout: Option<Duration>,
    /// A missing pathname in LIST and NLST is 550 rather than an empty listing (`list_missing_is_error`).
    pub list_missing_is_error: bool,
    /// `host_config_dir`: there are several hosts here.
    pub hosts: bool,
    /// `mode_z_enable`: data may be compressed.
    pub mode_z: bool,
    /// `log_ftp_protocol`: commands and replies become records.
    pub log_protocol: bool,
    /// What holds where TLS is offered; `None` without `ssl_enable`.
    pub tls: Option<TlsRules>,
}

/// `userlist_file` and what it means.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UserList {
    /// Whole lines, compared octet by octet.
    pub names: Vec<Vec<u8>>,
    /// True: the listed are refused. False: only the listed come in.
    pub deny: bool,
}

impl UserList {
    /// Tells whether this name is turned away before a password is asked for.
    #[must_use]
    pub fn refuses(&self, name: &[u8]) -> bool {
        self.names.iter().any(|listed| listed == name) == self.deny
    }
}

impl Policy {
    /// The rights of a class.
    #[must_use]
    pub fn rights(&self, class: Class) -> &Rights {
        if class.has_local_rights() { &self.local_rights } else { &self.anonymous_rights }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_plain_guest_is_bound_by_what_is_said_of_anonymous_data() {
        let rules = TlsRules {
            implicit: false,
            allow_anonymous: false,
            force_anonymous_logins: false,
            force_local_logins: true,
            force_anonymous_data: false,
            force_local_data: true,
            reuse: Reuse::Required,
            certificate_logins: false,
            strict_read_eof: true,
            strict_write_shutdown: false,
            clear_control: false,
            debug: false,
        };
        assert!(!rules.force_data(Class::Anonymous) && !rules.force_data(Class::Guest));
        assert!(rules.force_data(Class::Local) && rules.force_data(Class::PrivilegedGuest));
    }
}
