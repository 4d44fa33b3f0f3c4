//! Habits of a well-behaved process: ending with its parent, leaving no core, living in an empty root.
//!
//! Each call is one decision of the role that makes it; users and capabilities are in [`crate::identity`].
#![allow(unsafe_code, reason = "fork and the question for threads have no safe wrapper")]

use std::io::{self, Read, Write};
use std::os::fd::{AsFd, OwnedFd};
use std::path::Path;

use rustix::fs::{AtFlags, Mode, OFlags};
use rustix::process::{DumpableBehavior, Resource, Rlimit, Signal, getrlimit, setrlimit};

use crate::context::Context;
use crate::spawn;

/// Asks the kernel to end this process when the one that started it ends.
///
/// Call it after the last change of user, which makes the kernel forget it. Fails when the parent is gone already.
pub fn die_with_parent() -> io::Result<()> {
    let before = rustix::process::getppid();
    rustix::process::set_parent_process_death_signal(Some(Signal::KILL))?;
    // The parent may have ended before the request was in place, and then nobody would tell us.
    let now = rustix::process::getppid();
    let number = now.map_or(0, |pid| pid.as_raw_nonzero().get().cast_unsigned());
    let is_ours = spawn::parent().is_none_or(|expected| expected == number || number == 0);
    if now == before && is_ours {
        Ok(())
    } else {
        Err(io::Error::other("the process that started this one has ended"))
    }
}

/// Takes [`die_with_parent`] back, for a process that must tidy up when its parent has ended.
///
/// It then has to notice that end by itself: by its channel.
pub fn outlive_parent() -> io::Result<()> {
    Ok(rustix::process::set_parent_process_death_signal(None)?)
}

/// Hides this process's memory from others of the same user: no core file, no ptrace, no `/proc/PID/mem`.
///
/// Call it after the last change of user, which resets it.
pub fn not_dumpable() -> io::Result<()> {
    Ok(rustix::process::set_dumpable_behavior(DumpableBehavior::NotDumpable)?)
}

/// Gives up set-id programs for good; unprivileged sandboxes require it.
pub fn no_new_privileges() -> io::Result<()> {
    Ok(rustix::thread::set_no_new_privs(true)?)
}

/// Forbids core files, which would hold passwords and keys.
pub fn no_core() -> io::Result<()> {
    Ok(setrlimit(Resource::Core, Rlimit { current: Some(0), maximum: Some(0) })?)
}

/// What root raises the limit of open descriptors to: one for every login of the largest site, and the kernel's own
/// ceiling (`fs.nr_open`) unless somebody lowered it.
const MANY: u64 = 1 << 20;

/// Raises the limit of open descriptors to the most allowed, and tells what it is now.
///
/// Root is not bound by the limit it was started with; children inherit what it sets.
pub fn raise_descriptor_limit() -> io::Result<u64> {
    let limit = getrlimit(Resource::Nofile);
    let many = Rlimit { current: Some(MANY), maximum: Some(MANY) };
    if limit.maximum.is_some_and(|maximum| maximum < MANY) && setrlimit(Resource::Nofile, many).is_ok() {
        return Ok(MANY);
    }
    setrlimit(Resource::Nofile, Rlimit { current: limit.maximum, maximum: limit.maximum })?;
    Ok(limit.maximum.unwrap_or(u64::MAX))
}

/// Sets which permission bits new files never get, and tells which it was before.
pub fn umask(mask: u32) -> u32 {
    rustix::process::umask(Mode::from_raw_mode(mask & 0o777)).as_raw_mode()
}

/// Leaves the terminal's session and process group.
pub fn new_session() -> io::Result<()> {
    rustix::process::setsid().context(|| "cannot leave the terminal's session".into())?;
    Ok(())
}

/// Makes a directory that nobody can ever put a file in, and hands it over open.
///
/// It is created in `/run` (or the temporary directory) and removed at once; a removed directory accepts no entries,
/// from no one. It is meant as the root of processes that should see no files.
pub fn vanished_directory() -> io::Result<OwnedFd> {
    let places = [Path::new("/run"), Path::new("/tmp"), &std::env::temp_dir()];
    let mut last = io::Error::other("no place to try");
    for place in places {
        match vanish(place) {
            Ok(directory) => return Ok(directory),
            Err(error) => last = error,
        }
    }
    Err(last).context(|| "cannot make an empty directory in /run or /tmp".into())
}

fn vanish(place: &Path) -> io::Result<OwnedFd> {
    let parent = rustix::fs::open(place, OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC, Mode::empty())?;
    // Two starts in one process must not meet; a foreign file of that name is an error, never reused.
    static COUNT: std::sync::atomic::AtomicU32 = std::sync::atomic::AtomicU32::new(0);
    let count = COUNT.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
    let mut random = [0; 8];
    rustix::rand::getrandom(&mut random, rustix::rand::GetRandomFlags::empty())?;
    let name = format!(".wharf-{}-{count}-{:016x}", std::process::id(), u64::from_ne_bytes(random));
    // Search only: whoever lives in it as root may stand there and see that it is empty.
    rustix::fs::mkdirat(&parent, &name, Mode::from_raw_mode(0o111))?;
    let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let opened = rustix::fs::openat(&parent, &name, flags, Mode::empty());
    rustix::fs::unlinkat(&parent, &name, AtFlags::REMOVEDIR)?;
    Ok(opened?)
}

/// Makes a directory this process's root and current directory.
///
/// Needs the capability to chroot; close the descriptor afterwards, it is a way out for a process that may chroot
/// again.
pub fn enter_root(directory: impl AsFd) -> io::Result<()> {
    let enter = || -> io::Result<()> {
        rustix::process::fchdir(directory)?;
        rustix::process::chroot(".")?;
        Ok(rustix::process::chdir("/")?)
    };
    enter().context(|| "cannot make a directory the root".into())
}

/// Tells whether this process has one thread only; `None` when the system will not say.
pub fn is_single_threaded() -> Option<bool> {
    // Works without /proc, in an empty root.
    // SAFETY: unsharing CLONE_THREAD changes nothing; it succeeds for a process of one thread and fails for others.
    if unsafe { libc::unshare(libc::CLONE_THREAD) } == 0 {
        return Some(true);
    }
    match io::Error::last_os_error().raw_os_error() {
        Some(libc::EINVAL) => Some(false),
        // Some containers forbid the call as a whole.
        _ => std::fs::read_dir("/proc/self/task").ok().map(|threads| threads.count() == 1),
    }
}

/// The promise of a process in the background to say when it is ready.
///
/// Dropped without a word, it tells the process in the foreground that the start failed.
#[derive(Debug)]
pub struct Background {
    foreground: io::PipeWriter,
    terminal: OwnedFd,
}

impl Background {
    /// Goes on in the background; the process in the foreground waits and ends with the start's outcome.
    ///
    /// Only the child returns. It leads a session of its own. Its streams, and those of every process it starts, no
    /// longer lead to the terminal, which could not be closed otherwise: standard error goes to the system's log where
    /// there is one. Must be called before any thread is started.
    pub fn start() -> io::Result<Self> {
        if is_single_threaded() == Some(false) {
            return Err(io::Error::other("cannot go into the background once threads run"));
        }
        let (mut reader, writer) = io::pipe()?;
        // SAFETY: this is the only thread, so the child finds no lock held and no structure half changed.
        match unsafe { nix::unistd::fork() }.context(|| "cannot go into the background".into())? {
            nix::unistd::ForkResult::Parent { .. } => {
                drop(writer);
                let mut word = [0; 1];
                let is_ready = reader.read(&mut word).is_ok_and(|count| count == 1);
                // SAFETY: _exit ends the process at once; buffers and exit handlers belong to the child now.
                unsafe { libc::_exit(i32::from(!is_ready)) }
            }
            nix::unistd::ForkResult::Child => {
                new_session()?;
                let terminal = rustix::io::fcntl_dupfd_cloexec(rustix::stdio::stderr(), 3)?;
                detach_streams()?;
                crate::voice::lead_to_system_log();
                Ok(Self { foreground: writer, terminal })
            }
        }
    }

    /// Says at the terminal why the start fails; the log has heard it too.
    pub fn fail(self, words: &str) {
        let _ = rustix::io::write(&self.terminal, format!("{words}\n").as_bytes());
    }

    /// Lets the process in the foreground end with success, and lets go of the terminal.
    pub fn ready(mut self) {
        // The foreground may have been ended by hand meanwhile; that is no concern of ours.
        let _ = self.foreground.write_all(b"R");
    }
}

/// Takes the connection that inetd, or systemd with `StandardInput=socket`, left on standard input; `None` when there is
/// none.
///
/// What else leads to that connection (inetd points all three streams there) leads to `/dev/null` afterwards: words for
/// the administrator are not for the client.
pub fn take_connection() -> io::Result<Option<OwnedFd>> {
    let stdin = rustix::stdio::stdin();
    let is_stream =
        rustix::net::sockopt::socket_type(stdin).is_ok_and(|kind| kind == rustix::net::SocketType::STREAM);
    if !is_stream || crate::socket::peer_address(stdin).is_err() {
        return Ok(None);
    }
    let connection = rustix::io::fcntl_dupfd_cloexec(stdin, 3)?;
    let inode = |of: std::os::fd::BorrowedFd<'_>| rustix::fs::fstat(of).map(|it| (it.st_dev, it.st_ino)).ok();
    let its = inode(connection.as_fd());
    let null = rustix::fs::open("/dev/null", OFlags::RDWR | OFlags::CLOEXEC, Mode::empty())
        .context(|| "cannot open /dev/null".into())?;
    rustix::stdio::dup2_stdin(&null)?;
    if inode(rustix::stdio::stdout()) == its {
        rustix::stdio::dup2_stdout(&null)?;
    }
    if inode(rustix::stdio::stderr()) == its {
        rustix::stdio::dup2_stderr(&null)?;
    }
    Ok(Some(connection))
}

/// Points standard input, output and error to `/dev/null`.
fn detach_streams() -> io::Result<()> {
    let null = rustix::fs::open("/dev/null", OFlags::RDWR | OFlags::CLOEXEC, Mode::empty())
        .context(|| "cannot open /dev/null".into())?;
    rustix::stdio::dup2_stdin(&null)?;
    rustix::stdio::dup2_stdout(&null)?;
    rustix::stdio::dup2_stderr(&null)?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::ffi::OsStrExt;

    #[test]
    fn nobody_can_put_a_file_in_a_vanished_directory() {
        let directory = vanished_directory().unwrap();
        let flags = OFlags::CREATE | OFlags::WRONLY | OFlags::CLOEXEC;
        let created = rustix::fs::openat(&directory, "file", flags, Mode::RUSR);
        assert_eq!(created.unwrap_err(), rustix::io::Errno::NOENT);
        let made = rustix::fs::mkdirat(&directory, "directory", Mode::RWXU);
        assert_eq!(made.unwrap_err(), rustix::io::Errno::NOENT);
    }

    #[test]
    fn a_vanished_directory_leaves_nothing_behind() {
        drop(vanished_directory().unwrap());
        let ours = format!(".wharf-{}-", std::process::id());
        for place in ["/run", "/tmp"] {
            for entry in std::fs::read_dir(place).unwrap() {
                let name = entry.unwrap().file_name();
                assert!(!name.as_bytes().starts_with(ours.as_bytes()) || vanishing(&name), "{name:?}");
            }
        }
    }

    /// Another test of this process may be between making and removing its own.
    fn vanishing(name: &std::ffi::OsStr) -> bool {
        (0..1000).any(|_| {
            std::thread::yield_now();
            !Path::new("/run").join(name).exists() && !Path::new("/tmp").join(name).exists()
        })
    }

    #[test]
    fn a_process_with_threads_knows_it() {
        let (stop, stopped) = std::sync::mpsc::channel::<()>();
        let thread = std::thread::spawn(move || stopped.recv());
        assert_eq!(is_single_threaded(), Some(false));
        drop(stop);
        let _ = thread.join();
    }

    #[test]
    fn the_descriptor_limit_ends_at_its_maximum() {
        let limit = raise_descriptor_limit().unwrap();
        assert_eq!(getrlimit(Resource::Nofile).current.unwrap_or(u64::MAX), limit);
    }
}
