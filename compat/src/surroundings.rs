//! What a site needs of the machine beyond its configuration: a mount namespace with files of `/etc` and a system log
//! of its own, or IPv6. Where the machine has none, the site is skipped, and the reason told.

use std::fs::{Permissions, set_permissions};
use std::io;
use std::net::{Ipv6Addr, TcpListener};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixDatagram;
use std::path::Path;
use std::process::Command;

use crate::rows::{Also, Site};

/// Makes what every site of this kind finds beneath `/dev`.
const OWN_DEV: &str = "mount -t tmpfs none /dev && mknod -m 666 /dev/null c 1 3 && mknod -m 666 /dev/zero c 1 5 \
    && mknod -m 666 /dev/random c 1 8 && mknod -m 666 /dev/urandom c 1 9";

/// Puts the files of the site and its log into place. What is mounted ends with the last process of the namespace.
const OWN_FILES: &str = "ln -s \"$1/syslog\" /dev/log && for file in hosts.allow hosts.deny; do \
    [ ! -e \"$1/etc/$file\" ] || mount --bind \"$1/etc/$file\" \"/etc/$file\" || exit 1; done";

/// What this machine can offer, asked once; each is the reason why not.
pub(crate) struct Surroundings {
    namespace: Result<(), &'static str>,
    ipv6: Result<(), &'static str>,
}

impl Surroundings {
    /// Asks the machine.
    pub(crate) fn ask() -> Self {
        let script = format!("{OWN_DEV} && [ -e /etc/hosts.allow ] && [ -e /etc/hosts.deny ]");
        let output = in_namespace(&script).output();
        let has_namespace = output.is_ok_and(|output| output.status.success());
        let has_ipv6 = TcpListener::bind((Ipv6Addr::LOCALHOST, 0)).is_ok();
        Self {
            namespace: has_namespace.then_some(()).ok_or(
                "it needs leave to make a mount namespace, and the files hosts.allow and hosts.deny in /etc",
            ),
            ipv6: has_ipv6.then_some(()).ok_or("it needs IPv6 on the loopback interface"),
        }
    }

    /// Returns why a site cannot be played here.
    pub(crate) fn lack(&self, site: &Site) -> Option<&'static str> {
        let needs = [(has_own_files(site), self.namespace), (is_ipv6(site), self.ipv6)];
        needs.into_iter().filter(|(needed, _)| *needed).find_map(|(_, here)| here.err())
    }
}

/// Returns whether a site is served in a mount namespace of its own.
pub(crate) fn has_own_files(site: &Site) -> bool {
    let has_etc = site.tree.entries.iter().any(|entry| entry.path.starts_with(b"etc/"));
    has_etc || site.rows.iter().any(|row| row.compare.contains(&Also::Syslog))
}

/// Returns whether the clients of a site use IPv6.
pub(crate) fn is_ipv6(site: &Site) -> bool {
    site.options.iter().any(|line| line == "listen_address6=::1")
}

/// Returns whether the servers of a site are started for each connection.
pub(crate) fn is_by_inetd(site: &Site) -> bool {
    let has = |wanted: &str| site.options.iter().any(|line| line == wanted);
    has("listen=NO") && !has("listen_ipv6=YES")
}

/// Returns the command that becomes a server.
pub(crate) fn command(site: &Site, place: &Path, program: &Path, configuration: &Path) -> Command {
    // The original writes why it does not start to its standard input, which it takes for the connection.
    let becomes = if is_by_inetd(site) { "exec \"$2\" \"$3\"" } else { "exec \"$2\" \"$3\" 0>&1" };
    let mut command = if has_own_files(site) {
        in_namespace(&format!("{OWN_DEV} && {OWN_FILES} && {becomes}"))
    } else {
        let mut command = Command::new("sh");
        command.args(["-c", becomes, "sh"]);
        command
    };
    command.arg(place).arg(program).arg(configuration);
    command
}

fn in_namespace(script: &str) -> Command {
    let mut command = Command::new("unshare");
    command.args(["--mount", "--propagation", "private", "sh", "-c", script, "sh"]);
    command
}

/// Makes the socket that is the system's log in the namespaces of a stage.
pub(crate) fn system_log(place: &Path) -> io::Result<UnixDatagram> {
    let path = place.join("syslog");
    let socket = UnixDatagram::bind(&path)?;
    socket.set_nonblocking(true)?;
    // The processes that speak for strangers are nobody's.
    set_permissions(&path, Permissions::from_mode(0o666))?;
    Ok(socket)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rows::Chapter;

    fn site(text: &str) -> Site {
        Chapter::read(&format!("# T\n@site a\n{text}@row r\n")).unwrap().sites.remove(0)
    }

    #[test]
    fn a_site_is_skipped_only_for_what_it_needs() {
        let here = Surroundings { namespace: Err("no namespace"), ipv6: Err("no IPv6") };
        let lack = |text: &str| here.lack(&site(text));
        assert_eq!(lack("listen=NO\n"), None);
        assert_eq!(lack("listen_address6=::1\n"), Some("no IPv6"));
        assert_eq!(lack("@tree\nf etc/hosts.deny 644 root\n"), Some("no namespace"));
        let mut asks = site("");
        asks.rows.iter_mut().for_each(|row| row.compare.extend([Also::Syslog]));
        assert_eq!(here.lack(&asks), Some("no namespace"));
    }

    #[test]
    fn without_a_listener_of_its_own_a_server_is_started_by_inetd() {
        assert!(is_by_inetd(&site("listen=NO\n")));
        assert!(!is_by_inetd(&site("listen=NO\nlisten_ipv6=YES\n")) && !is_by_inetd(&site("")));
    }
}
