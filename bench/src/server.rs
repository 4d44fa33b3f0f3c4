//! The servers that take part: which, where, how they are started, charged for what they use, and ended.

use std::fs;
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};

use crate::account::{Account, Mark};
use crate::certificate::Certificate;
use crate::client::Client;
use crate::options::Options;
use crate::peer::vsftpd::SHARED;
use crate::peer::{Ability, Kind, LIBRARIES, Launch, Site};
use crate::provide::Shelf;
use crate::stage::{INSIDE, Stage};

/// The control port of the first server.
const FIRST_PORT: u16 = 2121;

/// The first passive port of the first server; the ports that clients get from the kernel lie below.
pub(crate) const FIRST_PASSIVE: u16 = 40_000;

/// A server with a configuration.
#[derive(Debug, Clone)]
pub(crate) struct Contender {
    /// How the page calls it.
    pub(crate) name: &'static str,
    /// Which server it is.
    pub(crate) kind: Kind,
    /// What it is here for.
    pub(crate) part: Part,
    site: Site,
}

/// How the servers are set for a piece of work.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Setting {
    /// As they are.
    Usual,
    /// Downloads of each session are held to so many octets per second.
    Limited(u64),
    /// TLS for those who ask for it.
    Encrypted,
}

/// What a contender is here for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Part {
    /// For everything.
    All,
    /// Only where sessions are begun or held.
    Sessions,
    /// To be compared with itself: the difference is noise.
    Noise,
}

/// Who takes part, and who does not.
#[derive(Debug)]
pub(crate) struct Field {
    pub(crate) contenders: Vec<Contender>,
    /// Names and reasons.
    pub(crate) missing: Vec<(&'static str, String)>,
}

impl Field {
    /// Returns all that were asked for, the first of them ours.
    pub(crate) fn gather(options: &Options, stage: &Stage, shelf: &Shelf) -> Self {
        let wharfd = || Ok(std::env::var_os(INSIDE).unwrap_or_default().into());
        let mut field = Self { contenders: Vec::new(), missing: Vec::new() };
        field.add(stage, shelf, ("wharfd", Kind::Wharfd, Part::All, ""), wharfd());
        if options.alone {
            return field;
        }
        for kind in Kind::PEERS {
            let program = match &options.vsftpd {
                Some(file) if kind == Kind::Vsftpd => Ok(file.clone()),
                _ => shelf.program(kind),
            };
            field.add(stage, shelf, (kind.word(), kind, Part::All, ""), program.clone());
            if kind == Kind::Vsftpd && program.is_ok() {
                field.add(stage, shelf, ("vsftpd, isolate=NO", kind, Part::Sessions, SHARED), program);
            }
        }
        field.add(stage, shelf, ("bare", Kind::Bare, Part::All, ""), Ok(PathBuf::new()));
        field.add(stage, shelf, ("wharfd again", Kind::Wharfd, Part::Noise, ""), wharfd());
        field
    }

    fn add(
        &mut self,
        stage: &Stage,
        shelf: &Shelf,
        (name, kind, part, extra): (&'static str, Kind, Part, &'static str),
        program: Result<PathBuf, String>,
    ) {
        let number = u16::try_from(self.contenders.len()).unwrap_or(u16::MAX);
        match program {
            Ok(program) => {
                let first = self.contenders.last().map_or(FIRST_PASSIVE, |one| one.site.passive.1 + 1);
                let passive = (first, first + kind.passive_ports() - 1);
                let site = site(stage, shelf, (FIRST_PORT + number, passive), program, extra);
                self.contenders.push(Contender { name, kind, part, site });
            }
            Err(reason) => self.missing.push((name, reason)),
        }
    }
}

fn site(
    stage: &Stage,
    shelf: &Shelf,
    (port, passive): (u16, (u16, u16)),
    program: PathBuf,
    extra: &'static str,
) -> Site {
    Site {
        program,
        libraries: shelf.libraries(),
        port,
        passive,
        place: stage.place().join(port.to_string()),
        public: stage.public(),
        owner: stage.owner(),
        rate: None,
        certificate: None,
        extra,
    }
}

impl Contender {
    /// Returns the same server with another setting, to run in place of the usual one.
    pub(crate) fn with(&self, setting: Setting, certificate: &Certificate) -> Self {
        let mut other = self.clone();
        match setting {
            Setting::Usual => return other,
            Setting::Limited(rate) => other.site.rate = Some(rate),
            Setting::Encrypted => other.site.certificate = Some(certificate.clone()),
        }
        // A port of its own: connections to the other's may still linger.
        other.site.port += if setting == Setting::Encrypted { 200 } else { 100 };
        other.site.place.set_file_name(other.site.port.to_string());
        other
    }

    /// Returns why it cannot do a thing.
    pub(crate) fn lacks(&self, ability: Ability) -> Option<&'static str> {
        self.kind.lacks(ability)
    }

    /// Returns the version that the program states.
    pub(crate) fn version(&self) -> io::Result<String> {
        self.kind.version(&self.site)
    }

    /// Returns what it is told, as the page shows it.
    pub(crate) fn settings(&self) -> io::Result<String> {
        fs::create_dir_all(&self.site.place)?;
        Ok(self.kind.launch(&self.site)?.settings())
    }

    /// Returns what the server has written since it was started.
    pub(crate) fn said(&self) -> String {
        fs::read_to_string(self.site.place.join("output")).unwrap_or_default()
    }

    /// Lays out what it needs, and returns the command that starts it inside a group, if there is one.
    fn command(&self, group: Option<&std::path::Path>) -> io::Result<Command> {
        let place = &self.site.place;
        fs::create_dir_all(place.join("empty"))?;
        let Launch { program, arguments, configuration } = self.kind.launch(&self.site)?;
        fs::write(place.join("conf"), configuration)?;
        let output = fs::File::create(place.join("output"))?;
        let mut command = Command::new("sh");
        // The shell enters the group and then becomes the server, so that nothing is spent outside.
        command.args(["-c", r#"[ -z "$0" ] || echo $$ >"$0/cgroup.procs"; exec "$@""#]);
        command.arg(group.unwrap_or("".as_ref())).arg(program).args(arguments);
        if !matches!(self.kind, Kind::Wharfd | Kind::Bare) {
            command.env(LIBRARIES, &self.site.libraries);
        }
        command.env_remove(INSIDE).stdin(Stdio::null()).stdout(output.try_clone()?).stderr(output);
        Ok(command)
    }
}

/// A server that runs. Ended, with all its processes, when it goes out of scope.
#[derive(Debug)]
pub(crate) struct Running<'a> {
    /// What it was started from.
    pub(crate) contender: &'a Contender,
    /// Where it listens.
    pub(crate) address: SocketAddr,
    /// What it has used.
    pub(crate) account: Account,
    /// How large its processes were after the first login.
    pub(crate) beginning: Mark,
    first: Child,
}

impl<'a> Running<'a> {
    /// Starts a server and waits until it lets somebody in.
    ///
    /// # Errors
    /// When it cannot be started or lets nobody in, with what it said.
    pub(crate) fn start(contender: &'a Contender) -> io::Result<Self> {
        let name = format!("wharf-bench-{}-{}", std::process::id(), contender.site.port);
        let group = Account::group(&name);
        let first = contender.command(group.as_deref())?.spawn()?;
        let account = group.map_or_else(|| Account::Tree(first.id()), Account::Group);
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, contender.site.port));
        let mut running = Self { contender, address, account, beginning: Mark::default(), first };
        running.wait_for_login()?;
        running.beginning = running.account.mark_memory()?;
        Ok(running)
    }

    fn wait_for_login(&self) -> io::Result<()> {
        let end = Instant::now() + Duration::from_secs(10);
        loop {
            match Client::login(self.address).and_then(Client::quit) {
                Ok(()) => return Ok(()),
                Err(error) if Instant::now() > end => {
                    let (name, said) = (self.contender.name, self.contender.said());
                    return Err(io::Error::other(format!(
                        "{name} lets nobody in ({error}); it said:\n{said}"
                    )));
                }
                Err(_) => std::thread::sleep(Duration::from_millis(20)),
            }
        }
    }

    /// Waits until the processes of sessions that have ended are gone, so that they are not in the way of the next server.
    pub(crate) fn calm(&self) -> io::Result<()> {
        let end = Instant::now() + Duration::from_secs(3);
        let (mut last, mut same) = (usize::MAX, 0);
        loop {
            let count = self.account.processes()?.len();
            same = if count == last { same + 1 } else { 0 };
            last = count;
            if same == 2 || Instant::now() > end {
                break;
            }
            std::thread::sleep(Duration::from_millis(30));
        }
        Ok(())
    }

    /// Asks everything that still runs to end, and insists after a while.
    fn end(&mut self) -> io::Result<()> {
        signal(self.first.id(), Signal::TERM);
        let end = Instant::now() + Duration::from_secs(5);
        loop {
            let has_ended = self.first.try_wait()?.is_some();
            let left = self.account.processes()?;
            if has_ended && left.is_empty() {
                break;
            }
            // Both lists hold only what we started; vsftpd's sessions outlive their parent by design.
            let how = if Instant::now() > end { Signal::KILL } else { Signal::TERM };
            left.into_iter().for_each(|pid| signal(pid, how));
            std::thread::sleep(Duration::from_millis(20));
        }
        if let Account::Group(group) = &self.account {
            fs::remove_dir(group)?;
        }
        Ok(())
    }
}

impl Drop for Running<'_> {
    fn drop(&mut self) {
        if let Err(error) = self.end() {
            eprintln!("wharf-bench: {} may still run: {error}", self.contender.name);
        }
    }
}

fn signal(pid: u32, signal: Signal) {
    let pid = i32::try_from(pid).ok().and_then(Pid::from_raw);
    // It may have ended by itself in the meantime.
    pid.map(|pid| kill_process(pid, signal).unwrap_or_default()).unwrap_or_default();
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::peer::vsftpd::COMMON;

    #[test]
    fn the_limits_leave_room_for_the_idle_sessions() {
        let limit =
            |name: &str| COMMON.lines().find_map(|line| line.strip_prefix(name)?.parse::<usize>().ok());
        assert!(limit("max_clients=").unwrap() > crate::load::SESSIONS);
    }

    #[test]
    fn there_are_passive_ports_for_everybody() {
        let peers: u16 = Kind::PEERS.iter().map(|kind| kind.passive_ports()).sum();
        // Ours twice, the reference, and vsftpd's second configuration.
        let others = Kind::Wharfd.passive_ports() * 4;
        assert!(u32::from(FIRST_PASSIVE) + u32::from(peers) + u32::from(others) < u32::from(u16::MAX));
    }
}
