//! The servers: how each is configured, started, charged for what it uses, and ended.

use std::fs;
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};

use crate::account::Account;
use crate::client::Client;
use crate::options::Options;
use crate::stage::{INSIDE, Stage};

/// Every line that decides what work a server does; both get exactly these.
pub(crate) const COMMON: &str = "\
listen=YES
listen_address=127.0.0.1
background=NO
anonymous_enable=YES
ftp_username=ftp
local_enable=NO
write_enable=YES
anon_upload_enable=YES
max_clients=20000
max_per_ip=4000
pasv_min_port=40000
pasv_max_port=40999
xferlog_enable=NO
syslog_enable=NO
idle_session_timeout=3600
";

/// Takes from vsftpd the namespaces it gives to each session.
const SHARED: &str = "isolate=NO\nisolate_network=NO\n";

/// A server with a configuration.
#[derive(Debug)]
pub(crate) struct Contender {
    /// How the page calls it.
    pub(crate) name: &'static str,
    /// What is added to the common lines, other than ports and paths.
    pub(crate) extra: &'static str,
    /// Takes part only where sessions are begun or held.
    pub(crate) only_sessions: bool,
    program: PathBuf,
    port: u16,
    place: PathBuf,
    public: PathBuf,
}

impl Contender {
    /// Returns all that were asked for: ours, vsftpd, and vsftpd without namespaces per session.
    pub(crate) fn all(options: &Options, stage: &Stage) -> Vec<Self> {
        let make = |name, extra, only_sessions, program, port| Self {
            name,
            extra,
            only_sessions,
            program,
            port,
            place: stage.place().join(port.to_string()),
            public: stage.public(),
        };
        let wharfd = std::env::var_os(INSIDE).unwrap_or_default().into();
        let mut all = vec![
            make("wharfd", "", false, wharfd, 2121),
            make("vsftpd", "", false, options.vsftpd.clone(), 2122),
            make("vsftpd, isolate=NO", SHARED, true, options.vsftpd.clone(), 2123),
        ];
        if options.alone {
            all.truncate(1);
        }
        all
    }

    /// Returns the version that the program states.
    pub(crate) fn version(&self) -> io::Result<String> {
        // vsftpd states it on its standard input, which it takes for the connection.
        let script = r#"exec "$0" -v 0>&1 2>&1"#;
        let output = Command::new("sh").args(["-c", script]).arg(&self.program).output()?;
        Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned())
    }

    /// Returns what the server has written since it was started.
    pub(crate) fn said(&self) -> String {
        fs::read_to_string(self.place.join("output")).unwrap_or_default()
    }

    fn configuration(&self) -> String {
        let log = self.place.join("log");
        format!(
            "{COMMON}listen_port={}\nanon_root={}\nvsftpd_log_file={}\nsecure_chroot_dir={}\n{}",
            self.port,
            self.public.display(),
            log.display(),
            self.place.join("empty").display(),
            self.extra
        )
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
    first: Child,
}

impl<'a> Running<'a> {
    /// Starts a server and waits until it lets somebody in.
    ///
    /// # Errors
    /// When it cannot be started or lets nobody in, with what it said.
    pub(crate) fn start(contender: &'a Contender) -> io::Result<Self> {
        fs::create_dir_all(contender.place.join("empty"))?;
        let configuration = contender.place.join("conf");
        fs::write(&configuration, contender.configuration())?;
        let output = fs::File::create(contender.place.join("output"))?;
        let group = Account::group(&format!("wharf-bench-{}-{}", std::process::id(), contender.port));
        let mut command = Command::new("sh");
        // The shell enters the group and then becomes the server, so that nothing is spent outside.
        command.args(["-c", r#"[ -z "$0" ] || echo $$ >"$0/cgroup.procs"; exec "$@""#]);
        command.arg(group.as_deref().unwrap_or("".as_ref())).arg(&contender.program).arg(&configuration);
        command.env_remove(INSIDE).stdin(Stdio::null()).stdout(output.try_clone()?).stderr(output);
        let first = command.spawn()?;
        let account = group.map_or_else(|| Account::Tree(first.id()), Account::Group);
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, contender.port));
        let running = Self { contender, address, account, first };
        running.wait_for_login()?;
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

    #[test]
    fn the_limits_leave_room_for_the_idle_sessions() {
        let limit =
            |name: &str| COMMON.lines().find_map(|line| line.strip_prefix(name)?.parse::<usize>().ok());
        assert!(limit("max_clients=").unwrap() > crate::idle::SESSIONS);
        assert!(limit("max_per_ip=").unwrap() > crate::idle::SESSIONS);
    }
}
