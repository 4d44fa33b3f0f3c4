//! What runs, written down for `wharfd status`: a few lines in a file that only its owner reads.
//!
//! It is text, not a socket: asking costs the server nothing, and cannot be refused, stuck or attacked.

use std::ffi::OsStr;
use std::io::Write;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use wharf_config::Config;

use super::Monitor;
use crate::surroundings;

/// The file's name in the directory that systemd makes for the service.
const NAME: &str = "status";

/// Where it is when nothing is said (`RuntimeDirectory=wharfd`).
pub const USUAL: &str = "/run/wharfd/status";

/// Where a server with this configuration writes it; `None` when it does not.
#[must_use]
pub fn path(config: &Config) -> Option<PathBuf> {
    let named = config.nat.status_file.as_ref().map(|file| PathBuf::from(OsStr::from_bytes(file)));
    named.or_else(|| {
        let directory = std::env::var_os("RUNTIME_DIRECTORY").filter(|directory| !directory.is_empty())?;
        Some(PathBuf::from(directory).join(NAME))
    })
}

/// Reads what a running server wrote.
///
/// # Errors
/// Words for a person, when there is no such file or its server has ended.
pub fn show(path: &Path) -> Result<String, String> {
    let text = match std::fs::read_to_string(path) {
        Ok(text) => text,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            return Err(format!(
                "no server runs that writes {} (set status_file, or start the service by systemd)",
                path.display()
            ));
        }
        Err(error) => return Err(format!("{}: {error} (it is for its owner only)", path.display())),
    };
    let process = text.lines().next().and_then(|line| line.rsplit(' ').next()).unwrap_or_default();
    let is_there = !process.is_empty() && Path::new("/proc").join(process).is_dir();
    if is_there {
        Ok(text)
    } else {
        Err(format!("process {process}, which wrote {}, has ended", path.display()))
    }
}

impl Monitor {
    /// Writes the file anew, in one step. Trouble with it is told and stops nothing.
    pub(super) fn write_status(&mut self) {
        let Some(path) = self.status_file().filter(|_| self.end.is_none()) else { return };
        let text = self.status();
        let mut new = path.clone().into_os_string();
        new.push(".new");
        let write = || -> std::io::Result<()> {
            let _ = std::fs::remove_file(&new);
            let mut file = std::fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(&new)?;
            file.write_all(text.as_bytes())?;
            std::fs::rename(&new, &path)
        };
        if let Err(error) = write() {
            wharf_os::say!("wharfd: monitor: cannot write {}: {error} (status_file)", path.display());
        }
    }

    /// Takes the file away at the end.
    pub(super) fn remove_status(&self) {
        if let Some(path) = self.status_file() {
            let _ = std::fs::remove_file(path);
        }
    }

    /// What a reload says of it counts at the next start only: the file that was written is the one to take away.
    fn status_file(&self) -> Option<PathBuf> {
        self.outside.status_file.get_or_init(|| path(&self.settings.config)).clone()
    }

    fn status(&self) -> String {
        let config = &self.settings.config;
        let mut lines = vec![format!("wharfd {}, process {}", env!("CARGO_PKG_VERSION"), std::process::id())];
        lines.extend(self.addresses().iter().map(|address| format!("listens on {address}")));
        let (lowest, highest) = config.passive_range();
        if config.data.pasv_enable {
            lines.push(format!("passive ports {lowest}-{highest}"));
        }
        lines.extend(
            config.addresses_for().unwrap_or_default().iter().map(|rule| {
                format!("PASV tells clients of {}/{}: {}", rule.network, rule.length, rule.address)
            }),
        );
        lines.push(match &config.data.pasv_address {
            None => "PASV tells clients the address they connected to".to_owned(),
            Some(_) if config.finds_its_address() => match self.outside.found() {
                Some((address, by)) => format!(
                    "PASV tells clients of private networks the address they connected to, others: {address} (from {by})"
                ),
                None => "PASV tells clients the address they connected to: the one outside is not known".to_owned(),
            },
            Some(text) => {
                let named = self.outside.told().map_or_else(String::new, |address| format!(" ({address})"));
                format!("PASV tells clients {}{named}", String::from_utf8_lossy(text))
            }
        });
        lines.extend(self.mapping_lines());
        lines.join("\n") + "\n"
    }

    fn mapping_lines(&self) -> Vec<String> {
        if self.settings.config.port_mapping() == Some(wharf_config::PortMapping::Off) {
            return vec!["router: not asked to forward ports (port_mapping=off)".to_owned()];
        }
        let report = &self.outside.report;
        let mut lines = Vec::new();
        if !report.mapped.is_empty() {
            let by = report.protocol.map_or_else(String::new, |protocol| format!(" by {protocol}"));
            let lasts = match report.lifetime {
                0 => "until withdrawn".to_owned(),
                seconds => format!("renewed every {} s", seconds / 2),
            };
            lines.push(format!("router: forwards {}{by}, {lasts}", surroundings::ports(&report.mapped)));
        }
        if !report.refused.is_empty() {
            let why = report.trouble.as_deref().unwrap_or("it does not say why");
            lines.push(format!("router: does not forward {}: {why}", surroundings::ports(&report.refused)));
        }
        if let Some(address) = report.by_router {
            lines.push(format!("router: its address outside is {address}"));
        }
        if lines.is_empty() {
            lines.push("router: being asked".to_owned());
        }
        lines
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_server_left_behind_is_not_taken_for_one_that_runs() {
        let place = tempfile::tempdir().unwrap();
        let file = place.path().join("status");
        assert!(show(&file).unwrap_err().contains("no server runs"));
        std::fs::write(&file, format!("wharfd 1, process {}\nlistens\n", std::process::id())).unwrap();
        assert!(show(&file).unwrap().ends_with("listens\n"));
        std::fs::write(&file, "wharfd 1, process 4194305\n").unwrap();
        assert!(show(&file).unwrap_err().contains("has ended"));
    }
}
