//! What is served: the configuration files of a classic site, or one shared folder.

use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use wharf_config::{Config, Problem, Severity, Source};
use wharf_ipc::auth::SharedAccount;
use wharf_os::identity::Account;

/// What the command line asked for.
#[derive(Debug, Clone)]
pub enum Site {
    /// Files and settings, left to right as vsftpd takes them.
    Classic(Vec<Source>),
    /// `wharfd share`.
    Share(Box<Share>),
}

/// One folder for everybody, or for one account.
#[derive(Debug, Clone)]
pub struct Share {
    /// The folder, absolute.
    pub folder: PathBuf,
    /// Whose rights its broker takes when we are root; the starting user's otherwise.
    pub account: Option<Account>,
    /// The configuration that the options of the command line amount to.
    pub config: Config,
    /// The one who may log in; without one, everybody may, anonymously.
    pub login: Option<SharedAccount>,
    /// SHA-256 of the certificate; `None` when nothing is encrypted.
    pub fingerprint: Option<String>,
}

/// What the monitor works from until the next reload.
#[derive(Debug)]
pub(super) struct Settings {
    pub(super) config: Arc<Config>,
    /// `Config::to_text`, for the other processes.
    pub(super) text: Vec<u8>,
    /// Whom anonymous sessions run as.
    pub(super) anonymous: Option<Account>,
    /// Whom guests run as (`guest_username`), when the site has guests.
    pub(super) guest: Option<wharf_ipc::auth::Account>,
    /// Who owns anonymous uploads (`chown_uploads`).
    pub(super) new_owner: Option<Account>,
    /// `pasv_address`, when it is a name that was resolved.
    pub(super) passive_address: Option<Ipv4Addr>,
}

impl Site {
    /// Reads everything again; nothing changes when there is an error.
    ///
    /// # Errors
    /// Every problem, each with file and line where it has them.
    pub(super) fn settings(&self) -> Result<Settings, Vec<Problem>> {
        let config = match self {
            Self::Share(share) => share.config.clone(),
            Self::Classic(sources) => {
                let loaded = wharf_config::load(&with_environment(sources))?;
                let problems = loaded.check();
                if problems.iter().any(|problem| problem.severity == Severity::Error) {
                    return Err(problems);
                }
                report(
                    loaded
                        .problems
                        .iter()
                        .chain(&problems)
                        .filter(|problem| problem.severity == Severity::Warning),
                );
                loaded.config
            }
        };
        let anonymous = match self {
            Self::Share(share) => share.account.clone().or_else(|| Some(ourselves(&share.folder))),
            Self::Classic(_) if config.anonymous.anonymous_enable => {
                Some(account(config.anonymous.ftp_username.as_ref(), "ftp_username")?)
            }
            Self::Classic(_) => None,
        };
        let guest = if config.guest.guest_enable {
            Some(account(config.guest.guest_username.as_ref(), "guest_username")?.into())
        } else {
            None
        };
        let new_owner = if config.anonymous.chown_uploads {
            Some(account(config.anonymous.chown_username.as_ref(), "chown_username")?)
        } else {
            None
        };
        let is_name = config.data.pasv_addr_resolve && !config.finds_its_address();
        let passive_address = if is_name { resolve(&config)? } else { None };
        let text = config.to_text();
        Ok(Settings { config: Arc::new(config), text, anonymous, guest, new_owner, passive_address })
    }

    pub(super) fn is_share(&self) -> bool {
        matches!(self, Self::Share(_))
    }
}

/// Adds the file that the starting program names in `VSFTPD_LOAD_CONF`: tcpd does, by a rule of hosts.allow.
fn with_environment(sources: &[Source]) -> Vec<Source> {
    let named = std::env::var_os("VSFTPD_LOAD_CONF").filter(|name| !name.is_empty());
    sources.iter().cloned().chain(named.map(|name| Source::File(name.into()))).collect()
}

/// Prints problems for the administrator.
pub(super) fn report<'a>(problems: impl IntoIterator<Item = &'a Problem>) {
    for problem in problems {
        wharf_os::say!("{problem}");
    }
}

fn account(name: Option<&bstr::BString>, option: &str) -> Result<Account, Vec<Problem>> {
    let name = name.map_or(&b""[..], |name| name);
    let shown = String::from_utf8_lossy(name);
    match wharf_os::identity::lookup(name) {
        Ok(Some(account)) => Ok(account),
        Ok(None) => {
            Err(vec![Problem::error(format!("vsftpd: cannot locate user specified in '{option}':{shown}"))])
        }
        Err(error) => {
            Err(vec![Problem::error(format!("cannot look up the account {shown} of {option}: {error}"))])
        }
    }
}

/// The starting user, who serves a folder without being root.
fn ourselves(folder: &Path) -> Account {
    let (uid, gid) = wharf_os::identity::current();
    Account {
        name: b"ftp".to_vec(),
        uid,
        gid,
        groups: Vec::new(),
        home: folder.to_owned(),
        shell: PathBuf::new(),
    }
}

/// Looks `pasv_address` up in a process that holds nothing: answers from the network are not for the monitor.
fn resolve(config: &Config) -> Result<Option<Ipv4Addr>, Vec<Problem>> {
    let Some(name) = &config.data.pasv_address else { return Ok(None) };
    let shown = String::from_utf8_lossy(name);
    super::resolver::ask(&shown)
        .map(Some)
        .map_err(|error| vec![Problem::error(format!("cannot resolve host:{shown} ({error})"))])
}

impl Share {
    /// Prints where to go and who may do what.
    pub(super) fn announce(&self, addresses: &[std::net::SocketAddr]) {
        let port = addresses.first().map_or(0, std::net::SocketAddr::port);
        println!("Sharing {}", self.folder.display());
        let user = self.login.as_ref().map(|login| format!("{}@", String::from_utf8_lossy(&login.name)));
        for host in hosts() {
            println!("  ftp://{}{host}:{port}/", user.as_deref().unwrap_or_default());
        }
        let may = if self.config.upload.write_enable { "read and write" } else { "read" };
        match &self.login {
            Some(login) => {
                println!("{} may {may}; nobody else may log in.", String::from_utf8_lossy(&login.name));
            }
            None => println!("Everybody who can reach this machine may {may}, without a password."),
        }
        if let Some(account) = &self.account {
            println!("Files are opened with the rights of user number {}.", account.uid);
        }
        match &self.fingerprint {
            Some(fingerprint) => println!(
                "Clients that ask for TLS are served encrypted, others are not. The certificate is our own; compare its\n\
                 SHA-256 fingerprint where a client shows it:\n  {fingerprint}\nCtrl-C ends it."
            ),
            None => println!(
                "Nothing is encrypted: share nothing secret over networks you do not trust. Ctrl-C ends it."
            ),
        }
    }
}

/// Names under which others may reach us: this machine's own address towards the network, and the loopback.
fn hosts() -> Vec<String> {
    let mut hosts = vec!["127.0.0.1".to_owned()];
    // Connecting a datagram socket sends nothing; it only asks the routing table. The address is one of those
    // reserved for documentation, so no host is meant.
    let outward = std::net::UdpSocket::bind("0.0.0.0:0")
        .and_then(|socket| socket.connect("192.0.2.1:9").and_then(|()| socket.local_addr()));
    if let Ok(address) = outward {
        hosts.insert(0, address.ip().to_string());
    }
    hosts.dedup();
    hosts
}
