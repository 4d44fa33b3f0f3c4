//! A server with a configuration file of its own, in a directory of its own, on ports of its own.

use std::fs;
use std::net::{Ipv4Addr, SocketAddr};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use tempfile::TempDir;

use crate::{Account, Dialogue, PamService, Ports, Server, is_root};

/// What a site is going to be. The executable is the one the tests were built with.
#[derive(Debug)]
pub struct SiteBuilder {
    binary: PathBuf,
    place: TempDir,
    ports: Ports,
    lines: Vec<String>,
}

impl SiteBuilder {
    /// Returns the directory of the site; everybody may enter it.
    pub fn place(&self) -> &Path {
        self.place.path()
    }

    /// Sets an option in the configuration file, in place of an earlier line about it.
    #[must_use]
    pub fn set(mut self, line: &str) -> Self {
        let name = line.split('=').next().unwrap_or_default();
        self.lines.retain(|earlier| earlier.split('=').next() != Some(name));
        self.lines.push(line.to_owned());
        self
    }

    /// Leaves one port only for passive data connections.
    #[must_use]
    pub fn one_passive_port(self) -> Self {
        self.passive_ports(1)
    }

    /// Leaves this many ports for passive data connections.
    #[must_use]
    pub fn passive_ports(self, count: u16) -> Self {
        let first = self.ports.passive_first();
        let last = (first + count - 1).min(self.ports.passive_last());
        self.set(&format!("pasv_min_port={first}")).set(&format!("pasv_max_port={last}"))
    }

    /// Lets anonymous users into a directory `pub` of the site, as an account; root only.
    #[must_use]
    pub fn anonymous(self, account: &Account) -> Self {
        let root = self.place().join("pub");
        fs::create_dir_all(&root).expect("the site is writable");
        fs::set_permissions(&root, fs::Permissions::from_mode(0o755)).expect("it is ours");
        self.set("anonymous_enable=YES")
            .set(&format!("ftp_username={}", account.name))
            .set(&format!("anon_root={}", root.display()))
    }

    /// Lets users with an account in, judged by a PAM service; root only.
    #[must_use]
    pub fn local(self, pam: &PamService) -> Self {
        self.set("local_enable=YES").set(&format!("pam_service_name={}", pam.name))
    }

    /// Writes the file, starts the server and waits until it listens.
    pub fn start(self) -> Site {
        self.start_by(|binary, config| {
            let mut command = Command::new(binary);
            command.arg(config);
            command
        })
    }

    /// As [`Self::start`], by another command line made of the executable and the file: one that prepares the
    /// surroundings and then becomes the server.
    pub fn start_by(self, command: impl FnOnce(&Path, &Path) -> Command) -> Site {
        let config = self.place().join("wharfd.conf");
        fs::write(&config, self.lines.join("\n") + "\n").expect("the site is writable");
        let mut server = Server::start(&mut command(&self.binary, &config));
        server.wait_for("listening on");
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, self.ports.control()));
        Site { server, address, config, place: self.place, ports: self.ports }
    }
}

/// A running server. Stopped, and checked for remains, when it goes out of scope.
#[derive(Debug)]
pub struct Site {
    /// The running processes; declared first, so that they end before the directory goes.
    pub server: Server,
    /// Where the control connection listens.
    pub address: SocketAddr,
    /// The configuration file.
    pub config: PathBuf,
    place: TempDir,
    ports: Ports,
}

impl Site {
    /// Begins a site that listens on loopback and lets nobody in yet.
    ///
    /// The path of the executable is `env!("CARGO_BIN_EXE_wharfd")` in the tests of its own crate.
    pub fn builder(binary: &str) -> SiteBuilder {
        let place = open_directory();
        let ports = Ports::claim();
        let mut lines = vec![
            "listen=YES".into(),
            "listen_address=127.0.0.1".into(),
            format!("listen_port={}", ports.control()),
            format!("pasv_min_port={}", ports.passive_first()),
            format!("pasv_max_port={}", ports.passive_last()),
            "anonymous_enable=NO".into(),
            "delay_failed_login=0".into(),
            format!("vsftpd_log_file={}", place.path().join("vsftpd.log").display()),
            format!("xferlog_file={}", place.path().join("xferlog").display()),
        ];
        if !is_root() {
            lines.push("run_as_launching_user=YES".into());
        }
        SiteBuilder { binary: binary.into(), place, ports, lines }
    }

    /// Returns the directory of the site.
    pub fn place(&self) -> &Path {
        self.place.path()
    }

    /// Returns the ports of the site.
    pub fn ports(&self) -> &Ports {
        &self.ports
    }

    /// Returns the directory that anonymous users see.
    pub fn public(&self) -> PathBuf {
        self.place().join("pub")
    }

    /// Opens a control connection and reads the greeting.
    pub fn connect(&self) -> Dialogue {
        Dialogue::connect(self.address)
    }

    /// Opens a control connection and logs in as anonymous.
    pub fn anonymous(&self) -> Dialogue {
        Dialogue::login(self.address, "anonymous", "test@example.org")
    }

    /// Opens a control connection and logs in with an account.
    pub fn login(&self, account: &Account) -> Dialogue {
        Dialogue::login(self.address, &account.name, &account.password)
    }

    /// Returns the text of a file in the site's directory, empty while there is none.
    pub fn text(&self, name: &str) -> String {
        let octets = fs::read(self.place().join(name)).unwrap_or_default();
        String::from_utf8_lossy(&octets).into_owned()
    }
}

/// Makes a temporary directory that other users may enter.
fn open_directory() -> TempDir {
    let place = tempfile::Builder::new().prefix("wharf-").tempdir().expect("there is room for a directory");
    fs::set_permissions(place.path(), fs::Permissions::from_mode(0o755)).expect("it is ours");
    place
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn everybody_may_enter_the_directory_of_a_site() {
        let builder = Site::builder("/bin/true");
        let mode = fs::metadata(builder.place()).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o755);
    }
}
