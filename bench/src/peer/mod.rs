//! The servers that can be measured: how each is started, and what its fastest sane settings are.
//!
//! One file for each. "Sane" means: what an administrator could leave on in earnest. Logs, name look-ups and
//! delays are off everywhere; access checks, chroot and separate processes are left as each server has them.

mod bare;
mod libunftp;
mod proftpd;
mod pureftpd;
mod pyftpdlib;
pub(crate) mod vsftpd;

use std::ffi::OsString;
use std::io;
use std::path::PathBuf;
use std::process::Command;

use crate::certificate::Certificate;

/// A server that can be measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Wharfd,
    Vsftpd,
    Proftpd,
    Pureftpd,
    Pyftpdlib,
    Libunftp,
    /// Our own reference: the least work, without checks.
    Bare,
}

impl Kind {
    /// Those of others.
    pub(crate) const PEERS: [Self; 5] =
        [Self::Vsftpd, Self::Proftpd, Self::Pureftpd, Self::Pyftpdlib, Self::Libunftp];

    /// Returns the name in one word.
    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::Wharfd => "wharfd",
            Self::Vsftpd => "vsftpd",
            Self::Proftpd => "ProFTPD",
            Self::Pureftpd => "Pure-FTPd",
            Self::Pyftpdlib => "pyftpdlib",
            Self::Libunftp => "libunftp",
            Self::Bare => "bare",
        }
    }

    /// Returns why this server cannot do a thing, if that is known beforehand.
    pub(crate) fn lacks(self, ability: Ability) -> Option<&'static str> {
        match (self, ability) {
            (Self::Vsftpd, Ability::Mlsd) => Some("has no MLSD"),
            (Self::Pyftpdlib, Ability::Pam) => Some("does not use PAM"),
            (Self::Libunftp, Ability::Pam) => Some("uses PAM only through a further crate"),
            (Self::Libunftp, Ability::Rate) => Some("has no rate limit"),
            (Self::Bare, Ability::Pam | Ability::Rate) => Some("checks and limits nothing"),
            _ => None,
        }
    }

    /// Returns how many passive ports it needs of its own.
    pub(crate) fn passive_ports(self) -> u16 {
        // Pure-FTPd admits half as many clients as it has ports.
        if self == Self::Pureftpd { 8_000 } else { 2_000 }
    }

    /// Returns how to start it.
    ///
    /// # Errors
    /// When something it needs cannot be laid out.
    pub(crate) fn launch(self, site: &Site) -> io::Result<Launch> {
        match self {
            Self::Wharfd => Ok(vsftpd::launch(site, "")),
            Self::Vsftpd => Ok(vsftpd::launch(site, vsftpd::TLS_VSFTPD)),
            Self::Proftpd => Ok(proftpd::launch(site)),
            Self::Pureftpd => Ok(pureftpd::launch(site)),
            Self::Pyftpdlib => pyftpdlib::launch(site),
            Self::Libunftp => libunftp::launch(site),
            Self::Bare => bare::launch(site),
        }
    }

    /// Returns the version that the program states.
    ///
    /// # Errors
    /// When the program cannot be started.
    pub(crate) fn version(self, site: &Site) -> io::Result<String> {
        match self {
            Self::Wharfd | Self::Vsftpd => vsftpd::version(site),
            Self::Proftpd => {
                first_line(Command::new(&site.program).arg("-v").env(LIBRARIES, &site.libraries))
            }
            Self::Pureftpd => {
                first_line(Command::new(&site.program).arg("-h").env(LIBRARIES, &site.libraries))
            }
            Self::Pyftpdlib => pyftpdlib::version(site),
            Self::Libunftp => Ok(libunftp::version()),
            Self::Bare => Ok(bare::WHAT.to_owned()),
        }
    }
}

/// Something that not every server can do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Ability {
    /// What all can do.
    Basic,
    /// Machine-readable listings (RFC 3659 §7).
    Mlsd,
    /// Accounts of the machine, judged by PAM.
    Pam,
    /// A limit of the octets per second.
    Rate,
}

/// Tells the linker where the libraries of unpacked programs are.
pub(crate) const LIBRARIES: &str = "LD_LIBRARY_PATH";

/// Where a server is to run, and with what.
#[derive(Debug, Clone)]
pub(crate) struct Site {
    pub(crate) program: PathBuf,
    /// What [`LIBRARIES`] has to be.
    pub(crate) libraries: String,
    /// Its control port.
    pub(crate) port: u16,
    /// The first and the last port for passive data connections; nobody else uses them.
    pub(crate) passive: (u16, u16),
    /// Its configuration, its logs.
    pub(crate) place: PathBuf,
    /// The root of anonymous users.
    pub(crate) public: PathBuf,
    /// User and group of anonymous users.
    pub(crate) owner: (u32, u32),
    /// The octets per second that a download may have.
    pub(crate) rate: Option<u64>,
    /// Shown by a server that is to speak TLS.
    pub(crate) certificate: Option<Certificate>,
    /// Lines added to the configuration of vsftpd or wharfd.
    pub(crate) extra: &'static str,
}

/// How to start a server.
#[derive(Debug)]
pub(crate) struct Launch {
    pub(crate) program: PathBuf,
    pub(crate) arguments: Vec<OsString>,
    /// What is written to its configuration file, `conf` in its place.
    pub(crate) configuration: String,
}

impl Launch {
    fn new<A: Into<OsString>>(program: impl Into<PathBuf>, arguments: impl IntoIterator<Item = A>) -> Self {
        let arguments = arguments.into_iter().map(Into::into).collect();
        Self { program: program.into(), arguments, configuration: String::new() }
    }

    /// Returns what the page says about the settings.
    pub(crate) fn settings(&self) -> String {
        let words = self.arguments.iter().map(|word| word.to_string_lossy().into_owned());
        let program = self.program.file_name().unwrap_or_default().to_string_lossy();
        let all = format!("{program} {}\n{}", words.collect::<Vec<_>>().join(" "), self.configuration);
        // Where this copy of the repository lies says nothing about the servers.
        let target = std::env::current_exe().ok();
        let target = target.as_deref().and_then(|file| file.parent()?.parent());
        let all = all.replace(env!("CARGO_MANIFEST_DIR"), "bench");
        target.map_or(all.clone(), |target| all.replace(&target.display().to_string(), "target"))
    }
}

/// Returns the first line that a program writes, to either output.
fn first_line(command: &mut Command) -> io::Result<String> {
    let output = command.output()?;
    let said = [output.stdout, output.stderr].concat();
    let said = String::from_utf8_lossy(&said);
    Ok(said.lines().next().unwrap_or_default().trim().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_word_names_a_different_server() {
        let words: std::collections::HashSet<_> = Kind::PEERS.iter().map(|kind| kind.word()).collect();
        assert_eq!(words.len(), Kind::PEERS.len());
    }

    #[test]
    fn the_settings_do_not_tell_where_the_repository_lies() {
        let script = concat!(env!("CARGO_MANIFEST_DIR"), "/peers/server.py");
        assert_eq!(Launch::new("python3", [script]).settings(), "python3 bench/peers/server.py\n");
    }

    #[test]
    fn the_settings_show_arguments_and_file() {
        let mut launch = Launch::new("/usr/sbin/ftpd", ["-n", "-4"]);
        launch.configuration = "Line one\n".into();
        assert_eq!(launch.settings(), "ftpd -n -4\nLine one\n");
    }
}
