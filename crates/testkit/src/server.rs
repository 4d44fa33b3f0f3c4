//! A running server process: what it says, how it is asked to end, and whether anything of it stays.

use std::collections::HashMap;
use std::io::{BufRead, BufReader, Read};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill, killpg};
use nix::unistd::Pid;

use crate::PATIENCE;

/// The lines a server has written, to either stream, and a bell that rings for each.
#[derive(Debug, Default)]
struct Said {
    lines: Mutex<Vec<String>>,
    bell: Condvar,
}

impl Said {
    fn follow(self: &Arc<Self>, stream: impl Read + Send + 'static) {
        let said = Arc::clone(self);
        std::thread::spawn(move || {
            for line in BufReader::new(stream).split(b'\n').map_while(Result::ok) {
                let line = String::from_utf8_lossy(&line).into_owned();
                said.lines.lock().unwrap_or_else(PoisonError::into_inner).push(line);
                said.bell.notify_all();
            }
        });
    }
}

/// A server that was started from its executable; asked to end when it goes out of scope.
#[derive(Debug)]
pub struct Server {
    child: Child,
    said: Arc<Said>,
    ended: Option<ExitStatus>,
}

impl Server {
    /// Starts a server in a process group of its own, so that a test can look for what remains.
    pub fn start(command: &mut Command) -> Self {
        use std::os::unix::process::CommandExt;
        let shown = format!("{command:?}");
        let mut child = command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .process_group(0)
            .spawn()
            .unwrap_or_else(|error| panic!("{shown} could not be started: {error}"));
        let said = Arc::new(Said::default());
        said.follow(child.stdout.take().expect("a pipe was asked for"));
        said.follow(child.stderr.take().expect("a pipe was asked for"));
        Self { child, said, ended: None }
    }

    /// Returns the process id of the first process, the monitor.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Returns everything written so far, both streams mixed.
    pub fn output(&self) -> String {
        self.said.lines.lock().unwrap_or_else(PoisonError::into_inner).join("\n")
    }

    /// Waits for a line that holds a text, also one written earlier, and returns it.
    ///
    /// Panics with all that was said when the server ends first or too much time passes.
    pub fn wait_for(&mut self, text: &str) -> String {
        self.wait_for_more(text, 1)
    }

    /// Waits until a number of lines hold a text, and returns the last of them.
    pub fn wait_for_more(&mut self, text: &str, times: usize) -> String {
        let end = Instant::now() + Duration::from_secs(PATIENCE);
        loop {
            let has_ended = self.child.try_wait().expect("our own child can be waited for").is_some();
            let lines = self.said.lines.lock().unwrap_or_else(PoisonError::into_inner);
            let hits: Vec<&String> = lines.iter().filter(|line| line.contains(text)).collect();
            if let Some(line) = hits.get(times - 1) {
                return (*line).clone();
            }
            let rest = end.saturating_duration_since(Instant::now());
            if has_ended || rest.is_zero() {
                let why = if has_ended { "it ended" } else { "time ran out" };
                let all = lines.join("\n");
                panic!("the server never said {text:?} ({why}); it said:\n{all}");
            }
            // The bell does not ring when a process dies, so the wait is cut into short ones.
            let nap = rest.min(Duration::from_millis(100));
            drop(self.said.bell.wait_timeout(lines, nap).unwrap_or_else(PoisonError::into_inner));
        }
    }

    /// Sends a signal to the monitor.
    pub fn signal(&self, signal: Signal) {
        kill(pid_of(self.child.id()), signal).expect("our own child can be signalled");
    }

    /// Sends a signal to the whole process group, as a terminal does.
    pub fn signal_all(&self, signal: Signal) {
        killpg(pid_of(self.child.id()), signal).expect("our own group can be signalled");
    }

    /// Returns every process that descends from the monitor, by id and time of start.
    pub fn family(&self) -> Vec<(u32, u64)> {
        descendants(self.child.id())
    }

    /// Returns the processes of one role, or those whose title begins as told, such as `session, 1 client`.
    pub fn role(&self, title: &str) -> Vec<u32> {
        let title = format!("wharfd: {title}");
        let has_it = |pid: &u32| {
            let line = std::fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
            line.starts_with(title.as_bytes())
        };
        self.family().into_iter().map(|(pid, _)| pid).filter(has_it).collect()
    }

    /// Waits until the server has ended by itself.
    pub fn wait(&mut self) -> ExitStatus {
        let end = Instant::now() + Duration::from_secs(PATIENCE);
        loop {
            if let Some(status) = self.child.try_wait().expect("our own child can be waited for") {
                self.ended = Some(status);
                return status;
            }
            assert!(Instant::now() < end, "the server does not end; it said:\n{}", self.output());
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    /// Asks the server to end, waits, and checks that none of its processes remains.
    pub fn stop(&mut self) -> ExitStatus {
        if let Some(status) = self.ended {
            return status;
        }
        let family = self.family();
        if self.child.try_wait().expect("our own child can be waited for").is_none() {
            self.signal(Signal::SIGTERM);
        }
        let status = self.wait();
        let left = remaining(&family);
        assert!(left.is_empty(), "processes {left:?} outlived the server; it said:\n{}", self.output());
        status
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            self.stop();
            return;
        }
        eprintln!("the server said:\n{}", self.output());
        let family = self.family();
        self.child.kill().unwrap_or_default();
        self.child.wait().map(drop).unwrap_or_default();
        for (pid, _) in remaining(&family) {
            kill(pid_of(pid), Signal::SIGKILL).unwrap_or_default();
        }
    }
}

/// Kills a process at once, as a crash would end it. Only for processes of a server under test.
pub fn kill_at_once(pid: u32) {
    kill(pid_of(pid), Signal::SIGKILL).unwrap_or_default();
}

/// Returns whether a process that was seen with [`Server::family`] still runs.
pub fn is_alive((pid, start): (u32, u64)) -> bool {
    process(pid).is_some_and(|one| one.start == start && one.state != 'Z')
}

fn pid_of(pid: u32) -> Pid {
    Pid::from_raw(i32::try_from(pid).expect("process ids are small"))
}

/// Returns which of these processes still run, after a short time to let the kernel finish with them.
fn remaining(family: &[(u32, u64)]) -> Vec<(u32, u64)> {
    let end = Instant::now() + Duration::from_secs(5);
    loop {
        let now = processes();
        let left: Vec<_> = family
            .iter()
            .filter(|(pid, start)| now.get(pid).is_some_and(|one| one.start == *start && one.state != 'Z'))
            .copied()
            .collect();
        if left.is_empty() || Instant::now() > end {
            return left;
        }
        std::thread::sleep(Duration::from_millis(20));
    }
}

struct Process {
    parent: u32,
    start: u64,
    state: char,
}

fn descendants(root: u32) -> Vec<(u32, u64)> {
    let all = processes();
    let mut found = Vec::new();
    let mut to_visit = vec![root];
    while let Some(parent) = to_visit.pop() {
        for (pid, process) in all.iter().filter(|(_, process)| process.parent == parent) {
            found.push((*pid, process.start));
            to_visit.push(*pid);
        }
    }
    found
}

fn processes() -> HashMap<u32, Process> {
    let Ok(entries) = std::fs::read_dir("/proc") else { return HashMap::new() };
    let pids = entries.flatten().filter_map(|entry| entry.file_name().to_str()?.parse().ok());
    pids.filter_map(|pid| Some((pid, process(pid)?))).collect()
}

fn process(pid: u32) -> Option<Process> {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // The name in brackets may hold blanks and brackets; the fields start after the last one.
    let (_, fields) = stat.rsplit_once(')')?;
    let fields: Vec<&str> = fields.split_whitespace().collect();
    let state = fields.first()?.chars().next()?;
    Some(Process { parent: fields.get(1)?.parse().ok()?, start: fields.get(19)?.parse().ok()?, state })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_waited_for_and_the_program_ends_on_request() {
        let mut server = Server::start(Command::new("sh").args(["-c", "echo ready >&2; exec sleep 60"]));
        assert_eq!(server.wait_for("ready"), "ready");
        assert!(!server.stop().success());
    }

    #[test]
    #[should_panic(expected = "outlived the server")]
    fn a_process_that_stays_behind_is_found() {
        let script = "sleep 7 >/dev/null 2>&1 & echo ready; trap 'exit 0' TERM; wait";
        let mut server = Server::start(Command::new("sh").args(["-c", script]));
        server.wait_for("ready");
        server.stop();
    }
}
