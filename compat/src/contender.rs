//! A server under comparison: how it is configured and started, and how all its sessions are ended.

use std::fs;
use std::io;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use wharf_testkit::{Server, kill_at_once};

use crate::inetd::Inetd;
use crate::logs::{VSFTPD, XFERLOG};
use crate::rows::Site;
use crate::stage::Stage;
use crate::surroundings;

/// How long a server may take until it listens, and its sessions until they end.
const PATIENCE: Duration = Duration::from_secs(30);

/// How the processes of a server come and go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Model {
    /// A process for each session, children of the first.
    ProcessPerSession,
    /// Workers that stay.
    Workers,
}

/// A server that can be started.
#[derive(Debug)]
pub(crate) struct Contender {
    pub(crate) program: PathBuf,
    pub(crate) model: Model,
    /// Which of the stage's ports are its own, and the name of its directory.
    pub(crate) index: usize,
}

/// A server that runs. Ended, with all its sessions, when it goes out of scope.
pub(crate) struct Running {
    host: Host,
    pub(crate) port: u16,
    /// Where its logs are.
    pub(crate) place: PathBuf,
}

/// Who accepts the connections.
enum Host {
    Server(Server, Model),
    Inetd(Inetd),
}

impl Running {
    /// Starts a server; the inner error says why it does not listen.
    pub(crate) fn start(
        contender: &Contender,
        site: &Site,
        stage: &Stage,
    ) -> io::Result<Result<Self, String>> {
        let place = stage.place().join(["old", "new"].get(contender.index).copied().unwrap_or("more"));
        // The directory itself stays, because listings tell how many there are beside it.
        for entry in fs::read_dir(&place)? {
            fs::remove_file(entry?.path())?;
        }
        let file = place.join("conf");
        let Some(ports) = stage.ports.get(contender.index) else {
            return Ok(Err("no ports were set aside for it".into()));
        };
        let own = [
            format!("listen_port={}", ports.control()),
            format!("pasv_min_port={}", ports.passive_first()),
            format!("pasv_max_port={}", ports.passive_last()),
            format!("vsftpd_log_file={}", place.join(VSFTPD).display()),
            format!("xferlog_file={}", place.join(XFERLOG).display()),
        ];
        if !contender.program.is_file() {
            return Err(io::Error::other(format!("there is no {}", contender.program.display())));
        }
        fs::write(&file, configuration(site, stage, &own))?;
        let mut command = surroundings::command(site, stage.place(), &contender.program, &file);
        let port = ports.control();
        let host = if surroundings::is_by_inetd(site) {
            Host::Inetd(Inetd::listen(port, command)?)
        } else {
            let mut server = Server::start(&mut command);
            if let Err(why) = listening(&mut server, port, contender)? {
                return Ok(Err(why));
            }
            Host::Server(server, contender.model)
        };
        Ok(Ok(Self { host, port, place }))
    }

    /// Waits until no session is left, so that the next row meets a server as the first did.
    pub(crate) fn wait_until_idle(&self) {
        let server = match &self.host {
            Host::Inetd(inetd) => return inetd.wait_until_idle(PATIENCE),
            Host::Server(_, Model::Workers) => return,
            Host::Server(server, Model::ProcessPerSession) => server,
        };
        let end = Instant::now() + PATIENCE;
        while has_children(server.pid()) {
            if Instant::now() > end {
                // All of them descend from the server that we started.
                server.family().into_iter().for_each(|(pid, _)| kill_at_once(pid));
            }
            std::thread::sleep(Duration::from_millis(5));
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // Logged-in sessions of the original outlive it by design.
        self.wait_until_idle();
        if let Host::Server(server, _) = &mut self.host {
            server.stop();
        }
    }
}

/// Waits until a server listens; the inner error says why it never will.
fn listening(server: &mut Server, port: u16, contender: &Contender) -> io::Result<Result<(), String>> {
    let end = Instant::now() + PATIENCE;
    // Ours says so itself, once there is somebody to serve clients; the original says nothing.
    let says_so =
        |server: &Server| contender.model != Model::Workers || server.output().contains("listening on");
    while !(says_so(server) && listens(port)?) {
        if has_ended(server.pid()) {
            return Ok(Err(why_not(server)));
        }
        if Instant::now() > end {
            let (program, output) = (contender.program.display(), server.output());
            return Err(io::Error::other(format!("{program} does not listen in time; it said:\n{output}")));
        }
        std::thread::sleep(Duration::from_millis(5));
    }
    Ok(Ok(()))
}

/// Returns how a server ended and why, without the prefixes that say where a mistake stands.
fn why_not(server: &mut Server) -> String {
    let status = server.stop().code().map_or_else(|| "none".into(), |code| code.to_string());
    // Its last words may still be on their way.
    std::thread::sleep(Duration::from_millis(50));
    let output = server.output();
    let cause = |line: &str| {
        let marks = ["500 OOPS: ", "error: "];
        marks.iter().find_map(|mark| Some(line.split_once(mark)?.1.trim_end_matches('\r').to_owned()))
    };
    let cause = output.lines().find_map(cause).unwrap_or(output);
    format!("does not start, exit status {status}: {cause}")
}

/// The lines that every site has, unless its own say otherwise; they are the same for both servers.
fn configuration(site: &Site, stage: &Stage, own: &[String]) -> Vec<u8> {
    let common = "listen=YES\nlisten_address=127.0.0.1\nbackground=NO\nanonymous_enable=NO\nlocal_enable=YES\n\
        ftp_username=${ANON}\nanon_root=${PUB}\npam_service_name=${PAM}\nsecure_chroot_dir=${PLACE}/empty\n\
        delay_failed_login=0\nisolate=NO\nisolate_network=NO\nftpd_banner=ready\naccept_timeout=3\nconnect_timeout=3";
    let name = |line: &str| line.split('=').next().unwrap_or_default().to_owned();
    let mut lines: Vec<String> = common.lines().map(str::to_owned).chain(own.iter().cloned()).collect();
    for line in &site.options {
        lines.retain(|earlier| name(earlier) != name(line));
        lines.push(line.clone());
    }
    stage.expanded((lines.join("\n") + "\n").as_bytes())
}

/// Returns whether a process has children (proc(5)): asked often, so all others are left alone.
fn has_children(pid: u32) -> bool {
    let children = fs::read_to_string(format!("/proc/{pid}/task/{pid}/children"));
    children.is_ok_and(|children| !children.trim().is_empty())
}

/// Returns whether a child of ours has ended; it is not yet waited for.
fn has_ended(pid: u32) -> bool {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    stat.rsplit_once(')').is_some_and(|(_, fields)| fields.trim_start().starts_with('Z'))
}

/// Returns whether something listens on a port. Asking the kernel leaves no trace in anybody's log.
fn listens(port: u16) -> io::Result<bool> {
    // Without IPv6 the second table does not exist.
    let table =
        fs::read_to_string("/proc/net/tcp")? + &fs::read_to_string("/proc/net/tcp6").unwrap_or_default();
    let wanted = format!(":{port:04X}");
    Ok(table.lines().any(|line| {
        let mut words = line.split_whitespace().skip(1);
        let (local, state) = (words.next(), words.nth(1));
        local.is_some_and(|local| local.ends_with(&wanted)) && state == Some("0A")
    }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::process::Command;

    #[test]
    fn a_child_is_seen_until_it_was_waited_for() {
        let mut child = Command::new("sleep").arg("30").spawn().unwrap();
        // Children belong to the thread that made them; a test runs in one of its own.
        let thread = rustix::thread::gettid().as_raw_nonzero();
        let children = format!("/proc/self/task/{thread}/children");
        assert!(fs::read_to_string(&children).unwrap().contains(&child.id().to_string()));
        assert!(!has_ended(child.id()));
        child.kill().unwrap();
        child.wait().unwrap();
        assert!(!has_children(child.id()));
    }

    #[test]
    fn a_listening_port_is_seen_and_another_is_not() {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        assert!(listens(port).unwrap());
        drop(listener);
        assert!(!listens(port).unwrap());
    }
}
