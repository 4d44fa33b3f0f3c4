//! Starting ourselves again in another role, with named descriptors and nothing else.
//!
//! The image is opened once, early, and executed by descriptor: a package upgrade that replaces the file does not
//! mix two versions in one running server. `posix_spawn` shares our memory until the exec instead of copying page
//! tables, so a start costs the same however big the monitor has grown. What a role does is not decided here.

mod inherited;
mod posix;

use std::ffi::{CString, OsString};
use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd, RawFd};
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::os::unix::process::ExitStatusExt;
use std::process::ExitStatus;
use std::sync::OnceLock;

use rustix::io::fcntl_dupfd_cloexec;
use rustix::process::{PidfdFlags, WaitId, WaitIdOptions, pidfd_open, pidfd_send_signal, waitid};

use crate::context::{Context, invalid_input};

pub use inherited::Inherited;
pub(crate) use inherited::parent;
pub use rustix::process::Signal;

/// The room a child has for its title, in octets.
const TITLE_ROOM: usize = 240;

/// The number of the child's first named descriptor; the ones below are the standard streams.
const FIRST: RawFd = 3;

/// The most named descriptors a role may be given.
pub const MAX_NAMED: usize = 32;

/// Numbers from here on are ours while a start is prepared; above every number a child will use.
const PARKING: RawFd = 64;

static IMAGE: OnceLock<OwnedFd> = OnceLock::new();

/// Opens our own image, so that later starts use the very file that runs now.
///
/// Called by itself at the first start; a daemon calls it early, before a package upgrade can come between.
pub fn remember_self() -> io::Result<()> {
    image().map(|_| ())
}

fn image() -> io::Result<BorrowedFd<'static>> {
    if IMAGE.get().is_none() {
        let opened = rustix::fs::open(
            "/proc/self/exe",
            rustix::fs::OFlags::PATH | rustix::fs::OFlags::CLOEXEC,
            rustix::fs::Mode::empty(),
        )
        .context(|| "cannot open our own program at /proc/self/exe (is /proc mounted?)".into())?;
        let parked = fcntl_dupfd_cloexec(&opened, PARKING)?;
        // Another thread may have been first; then its copy is as good as ours.
        let _ = IMAGE.set(parked);
    }
    IMAGE.get().map(AsFd::as_fd).ok_or_else(|| io::Error::other("our own program is not open"))
}

/// A role about to be started.
#[derive(Debug)]
pub struct Launch<'a> {
    role: String,
    descriptors: Vec<(String, BorrowedFd<'a>)>,
    arguments: Vec<OsString>,
}

impl<'a> Launch<'a> {
    /// Begins with a role: a short word of letters, digits and `-`.
    pub fn new(role: &str) -> Self {
        Self { role: role.to_owned(), descriptors: Vec::new(), arguments: Vec::new() }
    }

    /// Hands a descriptor on under a name, which the child asks for with [`Inherited::take`].
    #[must_use]
    pub fn descriptor(mut self, name: &str, descriptor: BorrowedFd<'a>) -> Self {
        self.descriptors.push((name.to_owned(), descriptor));
        self
    }

    /// Adds an argument, which the child finds in [`Inherited::arguments`].
    ///
    /// Everyone on the machine can read arguments; secrets travel over channels.
    #[must_use]
    pub fn argument(mut self, argument: impl Into<OsString>) -> Self {
        self.arguments.push(argument.into());
        self
    }

    /// Starts the process.
    ///
    /// The child gets the named descriptors as 3, 4, …, `/dev/null` as standard input, our standard output and
    /// error, no environment but `TZ`, no blocked signals, and default dispositions. Every other descriptor of
    /// ours is marked close-on-exec, including those that whoever started us left open. Call it from a process
    /// without other threads that open descriptors, and from its main thread: a child that asked for it dies with
    /// the *thread* that started it.
    pub fn start(self) -> io::Result<Child> {
        self.check()?;
        let role = self.role.clone();
        self.spawn().context(|| format!("cannot start the process for the role '{role}'"))
    }

    fn check(&self) -> io::Result<()> {
        let is_word =
            |word: &str| !word.is_empty() && word.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-');
        if !is_word(&self.role) || self.role.len() > 32 {
            return Err(invalid_input(format!("'{}' cannot be the name of a role", self.role)));
        }
        if self.descriptors.len() > MAX_NAMED {
            return Err(invalid_input(format!("a role may be given {MAX_NAMED} descriptors at most")));
        }
        for (at, (name, _)) in self.descriptors.iter().enumerate() {
            if !is_word(name) || self.descriptors.iter().take(at).any(|(other, _)| other == name) {
                return Err(invalid_input(format!("'{name}' cannot name a descriptor, or names two")));
            }
        }
        Ok(())
    }

    fn spawn(self) -> io::Result<Child> {
        let image = image()?;
        let path = CString::new(format!("/proc/self/fd/{}", image.as_raw_fd()))?;
        let arguments = self.command_line()?;
        let environment = time_zone();

        // Copies with high numbers, so that putting one into its place never overwrites one still to come.
        let parked = self
            .descriptors
            .iter()
            .map(|(_, descriptor)| fcntl_dupfd_cloexec(descriptor, PARKING))
            .collect::<Result<Vec<_>, _>>()?;
        posix::close_the_rest_on_exec();

        let mut actions = posix::FileActions::new()?;
        actions.open_null(0)?;
        for (target, source) in (FIRST..).zip(&parked) {
            actions.put(source.as_fd(), target)?;
        }
        let pid = posix::posix_spawn(
            &path,
            &actions,
            &posix::Attributes::fresh_signals()?,
            &arguments,
            &environment,
        )?;
        // The child cannot vanish before this: only we can reap it.
        let pidfd = pidfd_open(pid, PidfdFlags::empty())
            .context(|| format!("cannot watch the new process {}", pid.as_raw_nonzero()))?;
        Ok(Child { pid: pid.as_raw_nonzero().get().cast_unsigned(), pidfd, ended: None })
    }

    fn command_line(&self) -> io::Result<Vec<CString>> {
        let numbers: Vec<String> =
            (FIRST..).zip(&self.descriptors).map(|(n, (name, _))| format!("{name}={n}")).collect();
        let title = format!("{:TITLE_ROOM$}", format!("wharfd: {}", self.role));
        let mut line = vec![CString::new(title)?];
        for word in ["--role", &self.role, "--parent", &std::process::id().to_string()] {
            line.push(CString::new(word)?);
        }
        if !numbers.is_empty() {
            line.push(CString::new("--descriptors")?);
            line.push(CString::new(numbers.join(","))?);
        }
        for argument in &self.arguments {
            line.push(CString::new(argument.as_bytes())?);
        }
        Ok(line)
    }
}

fn time_zone() -> Vec<CString> {
    let Some(zone) = std::env::var_os("TZ") else { return Vec::new() };
    let mut entry = b"TZ=".to_vec();
    entry.extend(zone.into_vec());
    CString::new(entry).into_iter().collect()
}

/// A process we started.
///
/// Dropping it neither ends nor reaps the process; the monitor decides both.
#[derive(Debug)]
pub struct Child {
    /// Its number, for logs. Act on [`Self::pidfd`]: a number may be given to another process.
    pub pid: u32,
    /// Becomes readable when the process ends.
    pub pidfd: OwnedFd,
    ended: Option<ExitStatus>,
}

impl Child {
    /// Sends a signal; a process that has ended already is not an error.
    pub fn kill(&self, signal: Signal) -> io::Result<()> {
        match pidfd_send_signal(&self.pidfd, signal) {
            Ok(()) | Err(rustix::io::Errno::SRCH) => Ok(()),
            Err(errno) => Err(errno.into()),
        }
    }

    /// Learns how the process ended, without waiting: `None` while it runs.
    pub fn reap(&mut self) -> io::Result<Option<ExitStatus>> {
        self.wait_with(WaitIdOptions::NOHANG)
    }

    /// Waits until the process has ended.
    pub fn wait(&mut self) -> io::Result<ExitStatus> {
        self.wait_with(WaitIdOptions::empty())?
            .ok_or_else(|| io::Error::other("a process was waited for and has not ended"))
    }

    fn wait_with(&mut self, options: WaitIdOptions) -> io::Result<Option<ExitStatus>> {
        if self.ended.is_none() {
            let status = rustix::io::retry_on_intr(|| {
                waitid(WaitId::PidFd(self.pidfd.as_fd()), WaitIdOptions::EXITED | options)
            })?;
            self.ended = status.map(|status| {
                // The layout of wait(2): the code in the second octet, or the signal in the first.
                let core = if status.dumped() { 0x80 } else { 0 };
                ExitStatus::from_raw(match status.exit_status() {
                    Some(code) => code << 8,
                    None => status.terminating_signal().unwrap_or(0) | core,
                })
            });
        }
        Ok(self.ended)
    }
}

impl AsFd for Child {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.pidfd.as_fd()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_could_break_the_command_line_are_refused() {
        let (reader, _writer) = io::pipe().unwrap();
        assert!(Launch::new("two words").start().is_err());
        assert!(Launch::new("x").descriptor("a=1,b", reader.as_fd()).start().is_err());
        let twice = Launch::new("x").descriptor("a", reader.as_fd()).descriptor("a", reader.as_fd());
        assert!(twice.start().is_err());
    }

    #[test]
    fn the_command_line_has_room_for_a_title() {
        let line = Launch::new("session").argument("7").command_line().unwrap();
        assert_eq!(line[0].as_bytes().len(), TITLE_ROOM);
        assert!(line[0].as_bytes().starts_with(b"wharfd: session "));
        assert_eq!(line.last().unwrap().as_bytes(), b"7");
    }
}
