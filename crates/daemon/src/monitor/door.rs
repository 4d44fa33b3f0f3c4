//! Who may knock at all: hosts.allow and hosts.deny, asked about each client before a word is said (`tcp_wrappers`).
//!
//! What the files mean is the room `hosts`. Here is when they are read, who looks a name up, and what their one useful
//! gift, `setenv VSFTPD_LOAD_CONF`, leads to: a configuration of its own for some clients.

use std::collections::HashMap;
use std::io;
use std::net::SocketAddr;
use std::os::fd::{AsFd, OwnedFd};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use wharf_config::{Config, Severity, Source};
use wharf_hosts::{Client, Judgement, Name, Rules};
use wharf_ipc::SessionId;
use wharf_ipc::link::Link;
use wharf_ipc::monitor::{Admission, ToWorker};
use wharf_os::epoll::Interest;
use wharf_os::spawn::{Child, Launch};
use wharf_proto::host::host_name;

use super::files::{self, Files, Version};
use super::workers::end;
use super::{Due, Monitor, key, resolver};

/// The name these files know us by: that of the server whose place we take.
const DAEMON: &str = "vsftpd";

/// How long a name server may take; a client without a name by then is one whose name is unknown.
const NAME_TIME: Duration = Duration::from_secs(10);

/// How many names are looked up at once; clients beyond are turned away rather than queued without a bound.
const AT_ONCE: usize = 64;

/// The variable that names a further configuration file.
const LOAD_CONF: &[u8] = b"VSFTPD_LOAD_CONF";

/// The rules as they were last read, and the names that are being looked up.
#[derive(Default)]
pub(super) struct Door {
    rules: Option<(Versions, Arc<Rules>)>,
    asked: HashMap<u64, Asked>,
    last_number: u64,
}

/// What the two files looked like; `None` for one that did not exist.
type Versions = [Option<Version>; 2];

struct Asked {
    child: Child,
    link: Link<(), resolver::Found>,
    visitor: Visitor,
}

/// Somebody at the door.
#[derive(Debug, Clone, Copy)]
struct Visitor {
    worker: u32,
    session: SessionId,
    peer: SocketAddr,
    local: SocketAddr,
}

impl Door {
    pub(super) fn children(&mut self) -> impl Iterator<Item = &mut Child> {
        self.asked.values_mut().map(|asked| &mut asked.child)
    }
}

impl Monitor {
    /// Judges a client, at once or when its name is known.
    pub(super) fn knocked(&mut self, worker: u32, session: SessionId, peer: SocketAddr, local: SocketAddr) {
        self.judge(Visitor { worker, session, peer, local }, Name::NotAsked);
    }

    fn judge(&mut self, visitor: Visitor, name: Name) {
        let rules = match self.door.rules() {
            Ok(rules) => rules,
            Err(error) => {
                // Security: a list that cannot be read may name anybody.
                wharf_os::say!("wharfd: monitor: {error}; nobody is let in (tcp_wrappers)");
                return self.answer_door(visitor, Admission::Refused, Vec::new());
            }
        };
        let client = Client { address: visitor.peer, name };
        match rules.judge(&client, visitor.local) {
            Judgement::Refuse { .. } => self.answer_door(visitor, Admission::Refused, Vec::new()),
            Judgement::NeedsName => self.look_up(visitor),
            Judgement::Admit { environment, .. } => {
                match environment.into_iter().rev().find(|(variable, _)| variable == LOAD_CONF) {
                    None => self.answer_door(visitor, Admission::Welcome, Vec::new()),
                    Some((_, file)) => self.admit_by(visitor, file.as_slice()),
                }
            }
        }
    }

    /// Lets a client in by the site's configuration with another file over it.
    fn admit_by(&mut self, visitor: Visitor, file: &[u8]) {
        use std::os::unix::ffi::OsStrExt;
        let path = PathBuf::from(std::ffi::OsStr::from_bytes(file));
        let site = Arc::clone(&self.settings.config);
        self.admit_over(&site, &path, visitor.worker, visitor.session);
    }

    /// Gives a client the configuration of the host that it means (`host_config_dir`), over what held for it before it
    /// named any.
    pub(super) fn host_named(&mut self, worker: u32, session: SessionId, name: &str) {
        use std::os::unix::ffi::OsStrExt;
        let site = Arc::clone(&self.settings.config);
        let Some(known) = self.workers.known(worker, session) else { return };
        let before =
            Arc::clone(known.before_hosts.get_or_insert_with(|| known.config.clone().unwrap_or(site)));
        // Security: the worker's word is not taken for the name of a file.
        let file = host_name(name.as_bytes()).and_then(|name| {
            let directory = before.extensions.host_config_dir.as_ref()?;
            let file = Path::new(std::ffi::OsStr::from_bytes(directory)).join(name);
            file.is_file().then_some(file)
        });
        match file {
            Some(file) => self.admit_over(&before, &file, worker, session),
            None => {
                let message = ToWorker::Admitted { session, admission: Admission::Refused };
                self.tell_worker(worker, message, Vec::new());
            }
        }
    }

    fn admit_over(&mut self, below: &Config, path: &Path, worker: u32, session: SessionId) {
        let (admission, descriptors) = match layered(below, path) {
            Ok((config, files)) => match files.descriptors() {
                Ok(descriptors) => {
                    let admission = Admission::WelcomeBy {
                        text: config.to_text(),
                        banner: files.banner.is_some(),
                        user_list: files.user_list.is_some(),
                        authorities: files.authorities.is_some(),
                    };
                    if let Some(known) = self.workers.known(worker, session) {
                        known.config = Some(Arc::new(config));
                    }
                    (admission, descriptors)
                }
                Err(error) => (Admission::Oops { text: error.to_string().into_bytes() }, Vec::new()),
            },
            Err(text) => (Admission::Oops { text }, Vec::new()),
        };
        self.tell_worker(worker, ToWorker::Admitted { session, admission }, descriptors);
    }

    fn answer_door(&mut self, visitor: Visitor, admission: Admission, descriptors: Vec<OwnedFd>) {
        let message = ToWorker::Admitted { session: visitor.session, admission };
        self.tell_worker(visitor.worker, message, descriptors);
    }

    fn look_up(&mut self, visitor: Visitor) {
        if self.door.asked.len() >= AT_ONCE {
            wharf_os::say!(
                "wharfd: monitor: {AT_ONCE} names are being looked up already; one client is turned away"
            );
            return self.answer_door(visitor, Admission::Refused, Vec::new());
        }
        if let Err(error) = self.start_look_up(visitor) {
            wharf_os::say!("wharfd: monitor: cannot look up the name of {}: {error}", visitor.peer);
            self.judge(visitor, Name::Unknown);
        }
    }

    fn start_look_up(&mut self, visitor: Visitor) -> io::Result<()> {
        let (ours, theirs) = Link::<(), resolver::Found>::pair()?;
        let child = Launch::new("resolver")
            .descriptor("monitor", theirs.as_fd())
            .argument(resolver::NAME_OF)
            .argument(visitor.peer.ip().to_canonical().to_string())
            .start()?;
        drop(theirs);
        ours.set_nonblocking(true)?;
        self.door.last_number += 1;
        let number = self.door.last_number;
        self.poller.add(&ours, key::DOOR | number, Interest::Read)?;
        self.door.asked.insert(number, Asked { child, link: ours, visitor });
        self.in_time(NAME_TIME, number, Due::NameOver);
        Ok(())
    }

    /// A name is known, or its time is over: then it is unknown.
    pub(super) fn hear_door(&mut self, number: u64) {
        let Some(asked) = self.door.asked.get(&number) else { return };
        let name = match asked.link.receive(&mut self.scratch) {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => return,
            Ok(Some(received)) => match received.message {
                resolver::Found::Name(name) => Name::Known(name),
                resolver::Found::Contradicted => Name::Mismatched,
                resolver::Found::Nameless | resolver::Found::Address(_) => Name::Unknown,
            },
            Ok(None) | Err(_) => Name::Unknown,
        };
        self.named(number, name);
    }

    /// The time for a name is over.
    pub(super) fn name_over(&mut self, number: u64) {
        self.named(number, Name::Unknown);
    }

    fn named(&mut self, number: u64, name: Name) {
        let Some(mut asked) = self.door.asked.remove(&number) else { return };
        let _ = self.poller.remove(&asked.link);
        end(&mut asked.child);
        self.judge(asked.visitor, name);
    }
}

impl Door {
    /// The rules as the files are now; they are read again when one has changed, so that changes act at once.
    fn rules(&mut self) -> io::Result<Arc<Rules>> {
        let (allow, deny) = (Path::new("/etc/hosts.allow"), Path::new("/etc/hosts.deny"));
        let versions = [version_of(allow)?, version_of(deny)?];
        if let Some((seen, rules)) = &self.rules
            && *seen == versions
        {
            return Ok(Arc::clone(rules));
        }
        let rules = Arc::new(Rules::read(DAEMON, allow, deny)?);
        for remark in rules.remarks() {
            wharf_os::say!("{remark}");
        }
        self.rules = Some((versions, Arc::clone(&rules)));
        Ok(rules)
    }
}

fn version_of(path: &Path) -> io::Result<Option<Version>> {
    match std::fs::metadata(path) {
        Ok(it) => Ok(Some(files::version(&it))),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(io::Error::new(error.kind(), format!("cannot read {}: {error}", path.display()))),
    }
}

/// Reads a file over a site's configuration. The error is vsftpd's words for the client; the administrator hears more.
fn layered(site: &Config, file: &Path) -> Result<(Config, Files), Vec<u8>> {
    let told = |problems: &[wharf_config::Problem]| {
        super::site::report(problems);
        problems.first().map_or_else(Vec::new, |first| first.message.clone().into_bytes())
    };
    let loaded =
        wharf_config::load_over(site, &Source::File(file.into())).map_err(|problems| told(&problems))?;
    let bad: Vec<_> = wharf_config::check(&loaded.config)
        .into_iter()
        .filter(|problem| problem.severity == Severity::Error)
        .collect();
    if !bad.is_empty() {
        return Err(told(&bad));
    }
    // Security: without the site's certificates, what is meant to be encrypted would go in clear.
    if loaded.config.tls.ssl_enable && !site.tls.ssl_enable {
        wharf_os::say!(
            "wharfd: monitor: {}: ssl_enable=YES for some clients needs ssl_enable=YES for the site, whose \
             certificates all share; these clients are turned away",
            file.display()
        );
        return Err(b"SSL: cannot load RSA certificate".to_vec());
    }
    let files = Files::open(&loaded.config).map_err(String::into_bytes)?;
    // What is the site's has been judged already.
    let is_own = (&loaded.config.tls.ca_certs_file, &loaded.config.wharf.ca_crl_file)
        != (&site.tls.ca_certs_file, &site.wharf.ca_crl_file);
    if is_own && let Err(reason) = files.judge() {
        return Err(told(&[super::verifier::problem(&loaded.config, &reason)]));
    }
    Ok((loaded.config, files))
}
