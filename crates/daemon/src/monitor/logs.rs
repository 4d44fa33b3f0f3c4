//! Which logs there are, opening them, and noticing that one was rotated away.

use std::fs::{File, OpenOptions};
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use wharf_config::Config;
use wharf_ipc::monitor;

/// The open logs of a site.
#[derive(Debug, Default)]
pub(super) struct Logs {
    vsftpd: Option<Log>,
    xferlog: Option<Log>,
    syslog: Option<OwnedFd>,
    live: Option<OwnedFd>,
}

#[derive(Debug)]
struct Log {
    path: PathBuf,
    file: File,
}

impl Logs {
    /// Opens what the configuration wants; `live` shows transfers on our standard output.
    ///
    /// # Errors
    /// vsftpd's words for the log that cannot be opened.
    pub(super) fn open(config: &Config, live: bool) -> Result<Self, String> {
        let log = &config.log;
        let both = log.dual_log_enable;
        let wants_xferlog = both || (log.xferlog_enable && log.xferlog_std_format);
        let wants_vsftpd = !log.syslog_enable && (both || (log.xferlog_enable && !log.xferlog_std_format));
        let vsftpd = open(wants_vsftpd, log.vsftpd_log_file.as_ref(), "vsftpd")?;
        let xferlog = open(wants_xferlog, log.xferlog_file.as_ref(), "xferlog")?;
        let syslog = if log.syslog_enable {
            let socket = wharf_os::socket::system_log();
            Some(socket.map_err(|error| format!("failed to open the system's log /dev/log: {error}"))?)
        } else {
            None
        };
        let live = if live {
            Some(
                io::stdout()
                    .as_fd()
                    .try_clone_to_owned()
                    .map_err(|error| format!("standard output: {error}"))?,
            )
        } else {
            None
        };
        Ok(Self { vsftpd, xferlog, syslog, live })
    }

    /// Opens a log again whose file was renamed or removed; true when there was one.
    ///
    /// Rotation needs no signal: the classic rules have no `postrotate`.
    pub(super) fn follow_rotation(&mut self) -> bool {
        let mut changed = false;
        for log in [&mut self.vsftpd, &mut self.xferlog].into_iter().flatten() {
            if log.was_rotated()
                && let Ok(file) = append_to(&log.path)
            {
                log.file = file;
                changed = true;
            }
        }
        changed
    }

    /// The message and the descriptors that tell a worker where to write.
    pub(super) fn hand_over(&self) -> io::Result<(monitor::ToWorker, Vec<OwnedFd>)> {
        let mut descriptors = Vec::new();
        for log in [&self.vsftpd, &self.xferlog].into_iter().flatten() {
            descriptors.push(log.file.as_fd().try_clone_to_owned()?);
        }
        for socket in [&self.syslog, &self.live].into_iter().flatten() {
            descriptors.push(socket.try_clone()?);
        }
        let which = monitor::Logs {
            vsftpd: self.vsftpd.is_some(),
            xferlog: self.xferlog.is_some(),
            syslog: self.syslog.is_some(),
            live: self.live.is_some(),
        };
        Ok((monitor::ToWorker::Logs(which), descriptors))
    }
}

/// Sends a fatal error to the system's log (`log_die`); a log that nobody reads is no second error.
pub(super) fn to_system_log(text: &str) {
    // Facility ftp (11), severity warning (4): syslog(3)'s numbers.
    let line = format!("<{}>vsftpd[{}]: 500 OOPS: {text}", 11 * 8 + 4, std::process::id());
    if let Ok(socket) = wharf_os::socket::system_log() {
        let _ = rustix::net::send(&socket, line.as_bytes(), rustix::net::SendFlags::NOSIGNAL);
    }
}

impl Log {
    fn was_rotated(&self) -> bool {
        let Ok(open) = self.file.metadata() else { return true };
        match std::fs::metadata(&self.path) {
            Ok(there) => (there.dev(), there.ino()) != (open.dev(), open.ino()),
            Err(_) => true,
        }
    }
}

fn open(wanted: bool, path: Option<&bstr::BString>, kind: &str) -> Result<Option<Log>, String> {
    let Some(path) = path.filter(|_| wanted) else { return Ok(None) };
    let path = PathBuf::from(std::ffi::OsStr::from_bytes(path));
    match append_to(&path) {
        Ok(file) => Ok(Some(Log { path, file })),
        Err(error) => Err(format!("failed to open {kind} log file:{} ({error})", path.display())),
    }
}

fn append_to(path: &Path) -> io::Result<File> {
    OpenOptions::new().append(true).create(true).mode(0o600).open(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wanted(text: &str) -> (bool, bool) {
        let folder = tempfile::tempdir().unwrap();
        let text = format!("{text}vsftpd_log_file={0}/v\nxferlog_file={0}/x\n", folder.path().display());
        let config = wharf_config::parse(text.as_bytes(), None, &Config::default()).unwrap().config;
        let logs = Logs::open(&config, false).unwrap();
        (logs.vsftpd.is_some(), logs.xferlog.is_some())
    }

    #[test]
    fn the_switches_choose_the_files_as_they_always_have() {
        assert_eq!(wanted(""), (false, false));
        assert_eq!(wanted("xferlog_enable=YES\n"), (true, false));
        assert_eq!(wanted("xferlog_enable=YES\nxferlog_std_format=YES\n"), (false, true));
        assert_eq!(wanted("dual_log_enable=YES\n"), (true, true));
    }

    #[test]
    fn a_renamed_log_is_opened_again() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("log");
        let file = append_to(&path).unwrap();
        let mut logs = Logs { vsftpd: Some(Log { path: path.clone(), file }), ..Logs::default() };
        assert!(!logs.follow_rotation());
        std::fs::rename(&path, folder.path().join("log.1")).unwrap();
        assert!(logs.follow_rotation());
        assert!(path.exists());
    }
}
